#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# network.pl SIDE: a minimum-cost flow problem in the DIMACS form: a grid of SIDE x SIDE nodes whose arcs
# lead to the four neighbours, and from each tenth node to a far one.
use strict;
use warnings;
use Lcg;

my $side = shift;
my $random = Lcg->new(181);
my $units = 5 * $side;
my @arcs;
sub node { my ($x, $y) = @_; return $y * $side + $x + 1 }
sub arc { my ($from, $to, $capacity) = @_; push @arcs, "a $from $to 0 $capacity " . (1 + $random->below(100)) }
for my $y (0 .. $side - 1) {
    for my $x (0 .. $side - 1) {
        for my $step ([1, 0], [-1, 0], [0, 1], [0, -1]) {
            my ($u, $v) = ($x + $step->[0], $y + $step->[1]);
            arc(node($x, $y), node($u, $v), 20 + $random->below(80))
                if $u >= 0 && $v >= 0 && $u < $side && $v < $side;
        }
        arc(node($x, $y), 1 + $random->below($side * $side), 1 + $random->below(20)) if !$random->below(10);
    }
}
# Supply along the left side, demand along the right one; the arcs between can carry all of it.
my @nodes = map { ("n " . node(0, $_) . " 5", "n " . node($side - 1, $_) . " -5") } 0 .. $side - 1;
print "c $units units from left to right\np min ", $side * $side, ' ', scalar @arcs, "\n";
print "$_\n" for @nodes, @arcs;
