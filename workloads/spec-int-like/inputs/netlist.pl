#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# netlist.pl LUTS: a design for an iCE40 FPGA, in the JSON form that yosys writes: four-input look-up tables,
# each second one with a flip-flop behind it, wired mostly to near neighbours, as real designs are.
use strict;
use warnings;
use Lcg;

my $luts = shift;
my $random = Lcg->new(175);
my ($clock, $inputs, $outputs) = (2, 16, 16);

# Nets are numbers: the clock, the inputs, then one for what each look-up table drives.
my $first = $clock + 1 + $inputs;
my (@cells, @driver);
my $next = $first;
for my $i (0 .. $luts - 1) {
    my @sources;
    for (1 .. 4) {
        my $reach = $random->below(10) ? 40 : $i + 1;
        my $back = 1 + $random->below($reach);
        push @sources, $back > $i ? $clock + 1 + $random->below($inputs) : $driver[ $i - $back ];
    }
    my $value = $next++;
    my $table = join '', map { $random->below(2) } 1 .. 16;
    push @cells, sprintf '"lut%d": { "hide_name": 0, "type": "SB_LUT4", "parameters": { "LUT_INIT": "%s" },'
        . ' "attributes": { }, "port_directions": { "I0": "input", "I1": "input", "I2": "input",'
        . ' "I3": "input", "O": "output" }, "connections": { "I0": [ %d ], "I1": [ %d ], "I2": [ %d ],'
        . ' "I3": [ %d ], "O": [ %d ] } }', $i, $table, @sources, $value;
    $driver[$i] = $value;
    next if $i % 2;
    # A register breaks what would be a longer and longer path.
    $driver[$i] = $next++;
    push @cells, sprintf '"dff%d": { "hide_name": 0, "type": "SB_DFF", "parameters": { },'
        . ' "attributes": { }, "port_directions": { "C": "input", "D": "input", "Q": "output" },'
        . ' "connections": { "C": [ %d ], "D": [ %d ], "Q": [ %d ] } }', $i, $clock, $value, $driver[$i];
}
my $in = join ', ', map { $clock + 1 + $_ } 0 .. $inputs - 1;
my $out = join ', ', @driver[ $luts - $outputs .. $luts - 1 ];
print <<"END";
{ "creator": "netlist.pl", "modules": { "top": { "attributes": { "top": 1 },
"ports": { "clock": { "direction": "input", "bits": [ $clock ] },
"in": { "direction": "input", "bits": [ $in ] }, "out": { "direction": "output", "bits": [ $out ] } },
"cells": {
@{[ join ",\n", @cells ]}
}, "netnames": { "clock": { "hide_name": 0, "bits": [ $clock ], "attributes": { } } } } } }
END
