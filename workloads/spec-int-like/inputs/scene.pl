#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# scene.pl BALLS: a scene for POV-Ray: balls of glass, metal and matt paint above a chequered floor, two
# lights, nothing from a file.
use strict;
use warnings;
use Lcg;

my $balls = shift;
my $random = Lcg->new(252);
sub fraction { return $random->below(1000) / 1000 }
print <<'END';
#version 3.7;
global_settings { assumed_gamma 1.0 max_trace_level 8 }
camera { location <0, 5, -14> look_at <0, 1.5, 0> angle 50 }
light_source { <10, 20, -15> rgb 1 }
light_source { <-15, 12, -10> rgb <0.4, 0.4, 0.5> }
sky_sphere { pigment { gradient y color_map { [0 rgb <0.8, 0.8, 0.9>] [1 rgb <0.2, 0.3, 0.7>] } } }
plane { y, 0 pigment { checker rgb <0.9, 0.9, 0.8> rgb <0.2, 0.3, 0.2> } finish { reflection 0.2 } }
END
for (1 .. $balls) {
    my @at = (fraction() * 12 - 6, 0.3 + fraction() * 4, fraction() * 10 - 4);
    my $radius = 0.2 + fraction() * 0.7;
    my @colour = (fraction(), fraction(), fraction());
    my $kind = $random->below(3);
    my $pigment = sprintf 'pigment { rgb%s <%.3f, %.3f, %.3f%s> }', $kind == 0 ? 'f' : '', @colour,
        $kind == 0 ? ', 0.8' : '';
    my $rest = $kind == 0 ? 'finish { specular 0.8 reflection 0.1 } interior { ior 1.4 }'
             : $kind == 1 ? 'finish { metallic reflection 0.6 specular 0.7 }'
             :              'finish { diffuse 0.8 phong 0.2 } normal { bumps 0.3 scale 0.2 }';
    printf "sphere { <%.3f, %.3f, %.3f>, %.3f %s %s }\n", @at, $radius, $pigment, $rest;
}
