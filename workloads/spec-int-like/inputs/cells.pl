#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# cells.pl CELLS: a standard-cell circuit for graywolf: circuit.cel lists gates with their pins, and pads;
# circuit.par holds the rules of a process with four metals.
use strict;
use warnings;
use Lcg;

my $cells = shift;
my $random = Lcg->new(300);
my $pads = 24;

open my $circuit, '>', 'circuit.cel' or die "circuit.cel: $!\n";
# Each gate drives one net; it reads nets of gates nearby, or of a pad.
for my $i (0 .. $cells - 1) {
    my $inputs = 1 + $random->below(3);
    my $half = 160 + 80 * $inputs;
    print $circuit "cell $i gate$i\nleft -$half right $half bottom -1000 top 1000\n";
    my $feed = 0;
    for (my $x = 80 - $half; $x < $half; $x += 160) {
        ++$feed;
        print $circuit "pin name twfeed$feed signal TW_PASS_THRU layer 1 $x -1000\n",
            "   equiv name twfeed$feed layer 1 $x 1000\n";
    }
    my %seen = ("n$i" => 1);
    for my $pin (0 .. $inputs - 1) {
        my $net;
        do {
            my $back = 1 + $random->below(30);
            $net = $random->below(12) && $back <= $i ? 'n' . ($i - $back) : 'p' . $random->below($pads - 8);
        } while $seen{$net}++;
        printf $circuit "pin name %s signal %s layer 1 %d %d\n", chr(65 + $pin), $net, 160 * $pin - $half + 80,
            -340 + 160 * $pin;
    }
    printf $circuit "pin name Y signal n%d layer 1 %d 0\n", $i, $half - 80;
}
for my $pad (1 .. $pads) {
    my $net = $pad <= $pads - 8 ? 'p' . ($pad - 1) : 'n' . ($cells - 1 - ($pads - $pad) * 3);
    print $circuit "\npad $pad name pad$pad\ncorners 4 -80 -100 -80 100 80 100 80 -100\n",
        "pin name $net signal $net layer 1 0 0\n";
}
close $circuit or die "circuit.cel: $!\n";

open my $rules, '>', 'circuit.par' or die "circuit.par: $!\n";
print $rules "RULES\n";
my @metals = ([60, 140, 'horizontal'], [60, 100, 'vertical'], [60, 140, 'horizontal'], [120, 200, 'vertical']);
for my $i (1 .. 4) {
    my ($width, $spacing, $direction) = @{ $metals[ $i - 1 ] };
    print $rules "layer metal$i 0.07 0.0$i $direction\nwidth metal$i $width\nspacing metal$i metal$i $spacing\n";
}
for my $i (1 .. 3) {
    my $via = "via$i" . ($i + 1);
    my $above = 'metal' . ($i + 1);
    print $rules "via $via metal$i $above\nwidth $via 60\noverhang $via metal$i 8\noverhang $via $above 6\n";
}
print $rules "spacing via12 via23 0\nspacing via23 via34 0\nENDRULES\n", <<'END';
*vertical_wire_weight : 1.0
*vertical_path_weight : 1.0
*padspacing : variable
*rowSep : 0.0 0
*track.pitch : 160
*graphics.wait : off
*last_chance.wait : off
*random.seed : 300
TWMC*chip.aspect.ratio : 0.75
TWSC*feedThruWidth : 160 layer 1
TWSC*do.global.route : on
TWSC*ignore_feeds : true
TWSC*call_row_evener : true
TWSC*even_rows_maximally : true
GENR*row_to_tile_spacing : 1
GENR*flip_alternate_rows : 1
END
close $rules or die "circuit.par: $!\n";
