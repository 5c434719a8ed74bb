# SPDX-License-Identifier: MIT
# documents.pl DIRECTORY COUNT: makes the data set that mix.h describes: DIRECTORY/D/C/F.
use strict;
use warnings;

my ($top, $count) = @ARGV;
my $values = join '', map { chr(32 + $_ % 95) } 0 .. 94;
for my $directory (0 .. $count - 1) {
    for my $class (0 .. 3) {
        system('mkdir', '-p', "$top/$directory/$class") == 0 or die "mkdir\n";
        for my $file (0 .. 8) {
            my $size = int(1024 * 10**$class * ($file + 1) / 10);
            my $shift = ($directory * 36 + $class * 9 + $file) % 95;
            my $name = "$top/$directory/$class/$file";
            open my $out, '>', $name or die "$name: $!\n";
            print $out substr $values x ($size / 95 + 2), $shift, $size;
            close $out or die "$name: $!\n";
        }
    }
}
