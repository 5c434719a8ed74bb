#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# corpus.pl KIB: a file to compress, of blocks by turns: text of words with a natural distribution, a table
# of numbers, four-letter sequences with repeats, records of bytes.
use strict;
use warnings;
use Lcg;

my $wanted = shift() * 1024;
my $random = Lcg->new(164);

my @syllables = qw(ba con de er fi gra hu in jo ka lo men ne or pro qui re sta ti un ver wo xa yi zu);
my @words = map { join '', map { $random->pick(\@syllables) } 0 .. $random->below(3) } 1 .. 4096;

# The product of two draws makes small indices frequent, as in natural text.
sub word { return $words[ ($random->below(4096) * $random->below(4096)) >> 12 ] }

sub text {
    my $text = '';
    while (length $text < 65536) {
        my @sentence = map { word() } 0 .. 3 + $random->below(14);
        $text .= ucfirst(join ' ', @sentence) . ($random->below(6) ? '. ' : ".\n");
    }
    return $text;
}

sub table {
    my ($text, $time) = ('', 1_000_000);
    while (length $text < 32768) {
        $time += $random->below(50);
        $text .= sprintf "%d\t%s\t%d.%02d\t%s\n", $time, word(), $random->below(1000), $random->below(100),
            $random->below(10) ? 'ok' : 'failed';
    }
    return $text;
}

sub sequence {
    my $text = join '', map { (qw(a c g t))[ $random->below(4) ] } 1 .. 2048;
    while (length $text < 32768) {
        my $copy = substr $text, $random->below(length($text) - 600), 20 + $random->below(500);
        substr $copy, $random->below(length $copy), 1, (qw(a c g t))[ $random->below(4) ];
        $text .= $copy;
    }
    return $text;
}

sub records {
    return join '', map { pack 'NnnCx3', $_, $random->below(512), $random->below(60000), $random->below(7) }
        1 .. 2730;
}

binmode STDOUT;
my @kinds = (\&text, \&table, \&sequence, \&text, \&records);
for (my $written = 0, my $turn = 0; $written < $wanted; ++$turn) {
    my $block = substr $kinds[ $turn % @kinds ]->(), 0, $wanted - $written;
    print $block;
    $written += length $block;
}
