# SPDX-License-Identifier: MIT
# Numbers for the inputs of workloads: a linear congruential generator modulo 2^48 with the multiplier of
# drand48(3), of which the high 32 bits are given. The same everywhere, so the inputs are.
package Lcg;
use strict;
use warnings;
no warnings 'portable';  # numbers of more than 32 bits

sub new {
    my ($class, $seed) = @_;
    return bless { x => ($seed << 16) | 0x330e }, $class;
}

# The product is taken in two halves of 24 bits: no part of it reaches 2^63.
sub bits {
    my ($self) = @_;
    my $x = $self->{x};
    my ($high, $low) = ($x >> 24, $x & 0xffffff);
    my $product = $low * 0x5deece66d + 11 + (($high * 0xece66d & 0xffffff) << 24);
    $self->{x} = $product & 0xffffffffffff;
    return $self->{x} >> 16;
}

# An integer of 0 .. $count - 1; the remainder's bias is below $count / 2^32.
sub below {
    my ($self, $count) = @_;
    return $self->bits % $count;
}

sub pick {
    my ($self, $list) = @_;
    return $list->[ $self->bits % @$list ];
}

1;
