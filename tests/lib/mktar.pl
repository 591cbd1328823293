#!/usr/bin/perl
# Writes a tar archive (ustar) with exactly the headers that are asked for, however wrong.
#
#     mktar.pl 'type=0 name=etc/x data=hello' 'type=2 name=l link=/etc' ... > x.tar
#
# Keys: type (the flag), name, link, mode (octal), uid, gid, size, mtime, major, minor, data, magic;
# end=none leaves the end of the archive out. "\xHH" in a value is that byte; blanks are "\x20".
# A key "pax.KEY=VALUE" puts a PAX header before the entry.
use strict;
use warnings;

sub number {
    my ($value, $width) = @_;
    # base-256 for what octal cannot hold
    return sprintf("%0*o", $width - 1, $value) . "\0" if $value >= 0 && $value < 8**($width - 1);
    my $bytes = '';
    my $n = $value;
    for (1 .. $width - 1) { $bytes = chr($n & 255) . $bytes; $n >>= 8; }
    return "\x80" . $bytes;
}

sub header {
    my %e = (type => 0, name => '', link => '', mode => '644', uid => 0, gid => 0, mtime => 0,
             major => 0, minor => 0, data => '', magic => "ustar\0" . '00', @_);
    $e{size} = length $e{data} unless defined $e{size};
    my $h = pack('a100', $e{name}) . number(oct $e{mode}, 8) . number($e{uid}, 8) .
        number($e{gid}, 8) . number($e{size}, 12) . number($e{mtime}, 12) . (' ' x 8) . $e{type} .
        pack('a100', $e{link}) . pack('a8', $e{magic}) . pack('a32', 'root') . pack('a32', 'root') .
        number($e{major}, 8) . number($e{minor}, 8) . pack('a155', '') . ("\0" x 12);
    my $sum = 0;
    $sum += ord for split //, $h;
    substr($h, 148, 8) = sprintf("%06o\0 ", $sum);
    return $h . $e{data} . ("\0" x (-length($e{data}) % 512));
}

sub pax_record {
    my ($key, $value) = @_;
    my $n = length(" $key=$value\n");
    my $all = $n + length $n;
    $all = $n + length $all while $all != $n + length $all;
    return "$all $key=$value\n";
}

binmode STDOUT;
my $end = 1;
for my $spec (@ARGV) {
    my (%e, $pax);
    for my $pair (split / /, $spec) {
        my ($key, $value) = split /=/, $pair, 2;
        $value =~ s/\\x([0-9a-fA-F]{2})/chr hex $1/ge;
        if ($key eq 'end') { $end = 0; next; }
        if ($key =~ /^pax\.(.*)/) { $pax .= pax_record($1, $value); next; }
        $e{$key} = $value;
    }
    print header(type => 'x', name => 'pax', data => $pax) if defined $pax;
    print header(%e) if %e;
}
print "\0" x 1024 if $end;
