# SPDX-License-Identifier: MIT
# Reads variables as `env -0` prints them; of those that the kernel's makefile gives to what it
# starts, prints the lines of sh that set them. Not those of make itself and of its checker.
use strict;
use warnings;

local $/ = "\0";
my @lines;
while (my $variable = <STDIN>) {
    chomp $variable;
    my ($name, $value) = $variable =~ /^([A-Za-z]\w*)=(.*)$/s or next;
    next if $name =~ /^(C|CHECK|CHECKFLAGS|HOME|KBUILD_CHECKSRC|MAKE\w*|MFLAGS|O|OLDPWD|PATH|PERL5LIB|PWD|SHELL|
        SHLVL|TMPDIR|TZ|abs_objtree|need_builtin|obj|inputs|prepared|workload)$/x;
    $value =~ s/'/'\\''/g;
    push @lines, "export $name='$value'\n";
}
print sort @lines;
