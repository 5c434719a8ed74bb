# SPDX-License-Identifier: MIT
# Reads the manifest of a workload: of TOML's forms those that manifests use (tables, dotted keys, strings of
# one or more lines, whole numbers, true and false, arrays of strings, inline tables). What else stands there is an error.
package Manifest;
use strict;
use warnings;

sub read_manifest {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    my $text = <$in>;
    my ($root, $names) = ({}, {});
    my $table = $root;
    for ($text) {
        while (1) {
            skip_blanks($_);
            last if /\G\z/gc;
            if (/\G\[([\w.-]+)\][ \t]*(?=#|\n)/gc) {
                $table = descend($root, split /\./, $1);
            } elsif (/\G([\w.-]+)[ \t]*=[ \t]*/gc) {
                my @path = split /\./, $1;
                my $key = pop @path;
                my $place = descend($table, @path);
                fail($file, $text, pos, "$key is there twice") if exists $place->{$key};
                $place->{$key} = value($file);
            } else {
                fail($file, $text, pos, 'neither a table nor a key');
            }
        }
    }
    return $root;
}

sub fail {
    my ($file, $text, $at, $what) = @_;
    my $line = 1 + (substr($text, 0, $at // 0) =~ tr/\n//);
    die "$file:$line: $what\n";
}

sub descend {
    my ($table, @path) = @_;
    $table = $table->{$_} //= {} for @path;
    return $table;
}

# The functions below work on $_ from where the last match ended.
sub skip_blanks { 1 while /\G(?:\s+|#[^\n]*)/gc }

sub value {
    my ($file) = @_;
    if (/\G"""\n?(.*?)"""/gcs) {
        my $string = $1;
        $string =~ s/\\\n\s*//g;
        return unescape($string);
    }
    return unescape($1) if /\G"((?:[^"\\\n]|\\.)*)"/gc;
    return $1 + 0 if /\G([0-9]+)/gc;
    return $1 eq 'true' if /\G(true|false)\b/gc;
    if (/\G\[/gc) {
        my @list;
        for (skip_blanks(); !/\G\]/gc; skip_blanks()) {
            push @list, value($file);
            skip_blanks();
            /\G,/gc;
        }
        return \@list;
    }
    if (/\G\{/gc) {
        my %table;
        while (/\G[ \t]*([\w-]+)[ \t]*=[ \t]*/gc) {
            $table{$1} = value($file);
            /\G[ \t]*,/gc;
        }
        return \%table if /\G[ \t]*\}/gc;
    }
    fail($file, $_, pos, 'a value that is not understood');
}

sub unescape {
    my ($string) = @_;
    my %plain = (n => "\n", t => "\t", '"' => '"', '\\' => '\\');
    $string =~ s/\\(.)/$plain{$1} \/\/ die "an escape \\$1 that is not understood\n"/ge;
    return $string;
}

1;
