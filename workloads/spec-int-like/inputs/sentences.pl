#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# sentences.pl COUNT: English sentences, made by a small grammar; some have a word at the wrong place, which
# the parser has to skip.
use strict;
use warnings;
use Lcg;

my $count = shift;
my $random = Lcg->new(197);
my %rules = (
    sentence => ['clause', 'clause', 'clause , and clause', 'when clause , clause', 'clause because clause'],
    clause => ['subject verb_phrase', 'subject verb_phrase adverb', 'subject said that subject verb_phrase'],
    subject => ['the noun', 'a adjective noun', 'the noun of the noun', 'the adjective noun who verbed the noun',
        'the noun near the adjective noun'],
    verb_phrase => ['verbed the noun', 'verbed the adjective noun preposition the noun',
        'wanted to verb the noun', 'verbed the noun that the noun verbed', 'had verbed the noun preposition a noun'],
    noun => [qw(dog teacher river house machine letter garden king doctor window horse child story table ship
        farmer bridge city answer book)],
    adjective => [qw(big old green small strange quiet heavy young bright cold)],
    verb => [qw(see find paint follow build carry watch open)],
    verbed => [qw(followed painted watched carried opened visited noticed moved helped called)],
    adverb => [qw(quickly slowly carefully today again)],
    preposition => [qw(in near behind with under from)],
);

sub expand {
    my ($symbol) = @_;
    return $symbol if !$rules{$symbol};
    return map { expand($_) } split / /, $random->pick($rules{$symbol});
}

for (1 .. $count) {
    my @words = expand('sentence');
    splice @words, $random->below(scalar @words), 0, 'of' if !$random->below(12);
    my $text = ucfirst "@words";
    $text =~ s/ ,/,/g;
    $text =~ s/\ba (?=[aeio])/an /gi;
    print "$text.\n";
}
