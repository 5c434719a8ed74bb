# SPDX-License-Identifier: MIT
# perl.pl ROUNDS: what Perl is used for: words are split, counted, sorted and matched, records packed and
# joined, closures called.
use strict;
use warnings;
use Lcg;

my $rounds = shift;
my $random = Lcg->new(253);
my (%count, %by_ending, @lines);
my @syllables = qw(al be cor du en fo gri ha is ju kel lo mi nu or pa qua ro si tu ve wi yo ze);

for my $round (1 .. $rounds) {
    my $line = join ' ', map { join '', map { $random->pick(\@syllables) } 0 .. $random->below(4) } 1 .. 12;
    for my $word (split / /, $line) {
        ++$count{$word};
        push @{ $by_ending{$1} }, length $word if $word =~ /([aeiou][^aeiou]*)$/;
    }
    (my $turned = $line) =~ s/(\w+) (\w+)/\u$2-$1/g;
    $turned =~ tr/a-m/n-z/;
    push @lines, $turned if $turned =~ /^\w+-(\w)\w*\1/;
    if ($round % 500 == 0) {
        my @frequent = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
        print join(' ', map { "$_:$count{$_}" } @frequent[ 0 .. 9 ]), "\n";
        my $packed = join '', map { pack 'w/a n', $_, $count{$_} & 0xffff } @frequent[ 0 .. 99 ];
        print unpack('%32C*', $packed), "\n";
        delete @count{ @frequent[ 2000 .. $#frequent ] } if @frequent > 2000;
    }
}
my @steps = map { my $n = $_; sub { ($_[0] * 31 + $n) % 65521 } } 1 .. 50;
my $sum = 1;
for my $line (@lines) { $sum = $_->($sum + length $line) for @steps }
print "$sum ", scalar @lines, "\n";
for my $ending (sort keys %by_ending) {
    my $total = 0;
    $total += $_ for @{ $by_ending{$ending} };
    print "$ending $total\n";
}
