#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# source.pl FUNCTIONS: a C file for the compiler proper: nothing to include, functions with loops, switches,
# structures, arithmetic of several widths, and calls among themselves.
use strict;
use warnings;
use Lcg;

my $functions = shift;
my $random = Lcg->new(176);
my @types = ('int', 'unsigned', 'long', 'unsigned char', 'short', 'double');
my @fields = ('head', 'tail', 'count', 'size', 'left', 'right');

print "struct node { struct node *next; int head, tail; unsigned count; long size; short left, right;\n",
    "    unsigned char bytes[64]; double weight; };\n",
    "extern int report(const char *, ...);\n";

sub operand {
    my ($depth) = @_;
    my $kind = $random->below($depth > 0 ? 7 : 4);
    return $random->pick(['a', 'b', 'i', 't']) if $kind == 0;
    return 'n->' . $random->pick(\@fields) if $kind == 1;
    return $random->below(1 << 12) if $kind == 2;
    return 'n->bytes[(a + ' . $random->below(64) . ') & 63]' if $kind == 3;
    my $operator = $random->pick(['+', '-', '*', '&', '|', '^', '+', '-']);
    return '(' . operand($depth - 1) . " $operator " . operand($depth - 1) . ')' if $kind < 6;
    return '(' . operand($depth - 1) . ' > ' . operand($depth - 1) . ' ? ' . operand($depth - 1) . ' : '
        . operand($depth - 1) . ')';
}

sub statement {
    my ($depth, $number) = @_;
    my $kind = $random->below($depth > 0 ? 9 : 4);
    my $pad = '    ' x (5 - $depth);
    return "${pad}t += " . operand(3) . ";\n" if $kind < 2;
    return "${pad}n->" . $random->pick(\@fields) . ' = ' . operand(2) . ";\n" if $kind == 2;
    return "${pad}w = w * 0.5 + " . operand(1) . ";\n" if $kind == 3;
    my $block = join '', map { statement($depth - 1, $number) } 0 .. 1 + $random->below(3);
    return "${pad}if (" . operand(2) . ") {\n$block$pad} else {\n" . statement($depth - 1, $number) . "$pad}\n"
        if $kind < 6;
    return "${pad}for (i = 0; i < (b & " . (1 + $random->below(31)) . "); ++i) {\n$block$pad}\n" if $kind == 6;
    if ($kind == 7 && $number > 0) {
        my $callee = $random->below($number);
        return "${pad}t ^= f$callee(n->next ? n->next : n, t, " . operand(1) . ");\n";
    }
    my $cases = join '', map { "${pad}case $_:\n" . statement($depth - 1, $number) . "$pad    break;\n" }
        0 .. 3 + $random->below(5);
    return "${pad}switch (t & 15) {\n$cases${pad}default:\n$pad    report(\"%d\", t);\n$pad}\n";
}

for my $number (0 .. $functions - 1) {
    my $type = $random->pick(\@types);
    my $storage = $random->below(4) ? '' : 'static ';
    print "\n${storage}int f$number(struct node *n, int a, int b)\n{\n    int i = 0, t = a - b;\n",
        "    $type x = ($type)(a * 3 + n->count);\n    double w = n->weight;\n",
        (map { statement(4, $number) } 0 .. 3 + $random->below(5)),
        "    n->weight = w;\n    n->size += (long)x;\n    return t + i;\n}\n";
}
