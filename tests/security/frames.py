"""Frames of a liar, and who sees them.

    frames.py send LINK [KEY=VALUE...] KIND...   sends each kind of frame a few times
    frames.py watch LINK                         prints the kinds that arrive, until `honest` does
    frames.py hear ADDRESS PORT                  prints those that a socket of UDP gets, and from whom

Keys: me4 me6, victim4 victim6 victim (who is spoken for: addresses, hardware address), target4 target6 to
(who is spoken to), port. Each frame carries its kind as text.
"""
import os
import socket
import struct
import sys
import time

MARK = b"LIAR<"
ROUTERS = "ff02::1"


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def four(text):
    return socket.inet_aton(text)


def six(text):
    return socket.inet_pton(socket.AF_INET6, text)


def total(data):
    data += b"\0" * (len(data) % 2)
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xFFFF) + (s >> 16)
    return ~s & 0xFFFF


def ip4(source, to, protocol, payload, options=b""):
    head = struct.pack("!BBHHHBBH4s4s", 0x45 + len(options) // 4, 0, 20 + len(options) + len(payload), 1, 0, 64,
                       protocol, 0, four(source), four(to)) + options
    return head[:10] + struct.pack("!H", total(head)) + head[12:] + payload


def ip6(source, to, protocol, payload, hops=255):
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), protocol, hops, six(source), six(to)) + payload


def udp(source, to, sport, dport, payload):
    head = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
    pack = six if ":" in source else four
    pseudo = pack(source) + pack(to) + struct.pack("!II", 17, 8 + len(payload))
    return head[:6] + struct.pack("!H", total(pseudo + head + payload) or 0xFFFF) + payload


def icmp6(source, to, kind, body):
    message = struct.pack("!BBH", kind, 0, 0) + body
    pseudo = six(source) + six(to) + struct.pack("!II", len(message), 58)
    return message[:2] + struct.pack("!H", total(pseudo + message)) + message[4:]


def nd_option(kind, body):
    body += b"\0" * (-(len(body) + 2) % 8)
    return struct.pack("!BB", kind, (len(body) + 2) // 8) + body


class Liar:
    def __init__(self, mine, keys):
        self.mine = mine
        self.to = mac(keys.get("to", "ff:ff:ff:ff:ff:ff"))
        self.victim = mac(keys.get("victim", "02:42:00:00:00:99"))
        self.me4, self.me6 = keys.get("me4", "192.0.2.1"), keys.get("me6", "2001:db8::1")
        self.victim4, self.victim6 = keys.get("victim4", "192.0.2.2"), keys.get("victim6", "2001:db8::2")
        self.target4, self.target6 = keys.get("target4", "192.0.2.3"), keys.get("target6", "2001:db8::3")
        self.port = int(keys.get("port", "9999"))
        # The link-local address that belongs to the hardware address.
        e = self.mine
        self.local = socket.inet_ntop(socket.AF_INET6, b"\xfe\x80" + b"\0" * 6 + bytes([e[0] ^ 2]) + e[1:3] +
                                      b"\xff\xfe" + e[3:])

    def frame(self, kind, payload, source=None, to=None):
        return (to or self.to) + (source or self.mine) + struct.pack("!H", kind) + payload

    def v4(self, text, source, to=None):
        to = to or self.target4
        return ip4(source, to, 17, udp(source, to, 9998, self.port, text))

    def v6(self, text, source, to=None):
        to = to or self.target6
        return ip6(source, to, 17, udp(source, to, 9998, self.port, text))

    def arp(self, text, operation, hardware, address, to):
        return struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, operation, hardware, four(address), self.to, four(to)) + text

    def advertised(self, text, target, hardware):
        body = struct.pack("!I16s", 0x20000000, six(target)) + nd_option(2, hardware) + nd_option(200, text)
        return icmp6(self.local, self.target6, 136, body)

    def router(self, text, source):
        prefix = struct.pack("!BBIII16s", 64, 0xC0, 86400, 86400, 0, six("2001:db8:bad::"))
        body = struct.pack("!BBHII", 64, 0, 1800, 0, 0) + nd_option(3, prefix) + nd_option(200, text)
        return icmp6(source, ROUTERS, 134, body)

    def redirect(self, text, source):
        body = struct.pack("!I16s16s", 0, six(self.local), six("2001:db8:bad::1")) + nd_option(200, text)
        return icmp6(source, self.target6, 137, body)

    def make(self, kind, text):
        multicast = b"\x33\x33\0\0\0\x01"
        hop = b"\x3a\0\x05\x02\0\0\x01\0"  # a hop-by-hop header with a router alert, then ICMPv6
        me4, me6, other4, other6 = self.me4, self.me6, self.victim4, self.victim6
        f, v4, v6 = self.frame, self.v4, self.v6
        makers = {
            "honest": lambda: f(0x800, v4(text, me4)),
            "honest6": lambda: f(0x86DD, v6(text, me6)),
            "source4": lambda: f(0x800, v4(text, other4)),
            "foreign4": lambda: f(0x800, v4(text, "198.51.100.7")),
            "zero4": lambda: f(0x800, v4(text, "0.0.0.0")),
            "loopback4": lambda: f(0x800, v4(text, "127.0.0.1")),
            "broadcast4": lambda: f(0x800, v4(text, other4, "255.255.255.255"), to=b"\xff" * 6),
            "source6": lambda: f(0x86DD, v6(text, other6)),
            "foreign6": lambda: f(0x86DD, v6(text, "2001:db8:bad::7")),
            "none6": lambda: f(0x86DD, v6(text, "::")),
            "mapped6": lambda: f(0x86DD, v6(text, "::ffff:127.0.0.1")),
            "mac4": lambda: f(0x800, v4(text, me4), source=self.victim),
            "mac6": lambda: f(0x86DD, v6(text, me6), source=self.victim),
            "arp_reply": lambda: f(0x806, self.arp(text, 2, self.mine, other4, self.target4)),
            "arp_request": lambda: f(0x806, self.arp(text, 1, self.mine, other4, self.target4)),
            "arp_gratuitous": lambda: f(0x806, self.arp(text, 2, self.mine, other4, other4), to=b"\xff" * 6),
            "arp_hardware": lambda: f(0x806, self.arp(text, 2, self.victim, self.me4, self.target4)),
            "arp_frame": lambda: f(0x806, self.arp(text, 2, self.mine, self.me4, self.target4), source=self.victim),
            "arp_probe": lambda: f(0x806, self.arp(text, 1, self.mine, "0.0.0.0", other4), to=b"\xff" * 6),
            "rarp": lambda: f(0x8035, self.arp(text, 4, self.mine, me4, me4)),
            "na_other": lambda: f(0x86DD, ip6(self.local, self.target6, 58, self.advertised(text, other6, self.mine))),
            "ns_other": lambda: f(0x86DD, ip6(other6, self.target6, 58, icmp6(
                other6, self.target6, 135, struct.pack("!I16s", 0, six(self.target6)) + nd_option(1, self.mine) +
                nd_option(200, text)))),
            "dad_other": lambda: f(0x86DD, ip6("::", ROUTERS, 58, icmp6(
                "::", ROUTERS, 135, struct.pack("!I16s", 0, six(other6)) + nd_option(200, text))), to=multicast),
            "ra": lambda: f(0x86DD, ip6(self.local, ROUTERS, 58, self.router(text, self.local)), to=multicast),
            "ra_unicast": lambda: f(0x86DD, ip6(self.local, ROUTERS, 58, self.router(text, self.local))),
            "ra_gateway": lambda: f(0x86DD, ip6("fe80::1", ROUTERS, 58, self.router(text, "fe80::1")), to=multicast),
            "ra_hop": lambda: f(0x86DD, ip6(self.local, ROUTERS, 0, hop + self.router(text, self.local)), to=multicast),
            "ra_fragment": lambda: f(0x86DD, ip6(self.local, ROUTERS, 44, b"\x3a\0\0\0\0\0\0\x07" + self.router(
                text, self.local)), to=multicast),
            "redirect4": lambda: f(0x800, ip4(other4, self.target4, 1, self.icmp4(5, text))),
            "redirect4_own": lambda: f(0x800, ip4(me4, self.target4, 1, self.icmp4(5, text))),
            "redirect6": lambda: f(0x86DD, ip6("fe80::1", self.target6, 58, self.redirect(text, "fe80::1"))),
            "redirect6_own": lambda: f(0x86DD, ip6(self.local, self.target6, 58, self.redirect(text, self.local))),
            "dhcp4": lambda: f(0x800, ip4(me4, self.target4, 17, udp(me4, self.target4, 67, 68, text))),
            "dhcp4_broadcast": lambda: f(0x800, ip4(me4, "255.255.255.255", 17, udp(
                me4, "255.255.255.255", 67, 68, text)), to=b"\xff" * 6),
            "dhcp4_options": lambda: f(0x800, ip4(me4, self.target4, 17, udp(me4, self.target4, 67, 68, text),
                                                  b"\x01\x01\x01\x00")),
            "dhcp6": lambda: f(0x86DD, ip6(self.local, self.target6, 17, udp(self.local, self.target6, 547, 546, text))),
            "vlan": lambda: f(0x8100, b"\0\x05\x08\0" + v4(text, me4)),
            "vlan0": lambda: f(0x8100, b"\0\0\x08\0" + v4(text, me4)),
            "vlan0_lie": lambda: f(0x8100, b"\0\0\x08\0" + v4(text, other4)),
            "vlan0_arp": lambda: f(0x8100, b"\0\0\x08\x06" + self.arp(text, 2, self.mine, other4, self.target4)),
            "vlan0_ra": lambda: f(0x8100, b"\0\0\x86\xdd" + ip6(self.local, ROUTERS, 58, self.router(text, self.local)),
                                  to=multicast),
            "vlan0_ra_gateway": lambda: f(0x8100, b"\0\0\x86\xdd" + ip6("fe80::1", ROUTERS, 58, self.router(
                text, "fe80::1")), to=multicast),
            "vlan_ad": lambda: f(0x88A8, b"\0\0\x08\0" + v4(text, other4)),
            "vlan0_vlan0": lambda: f(0x8100, b"\0\0\x81\0\0\0\x08\0" + v4(text, other4)),
            "vlan_ad_vlan0": lambda: f(0x88A8, b"\0\0\x81\0\0\0\x86\xdd" + ip6(
                self.local, ROUTERS, 58, self.router(text, self.local)), to=multicast),
            "snap": lambda: f(8 + 20, b"\xaa\xaa\x03\0\0\0\x08\0" + v4(text, other4)),
            "snap_ra": lambda: f(100, b"\xaa\xaa\x03\0\0\0\x86\xdd" + ip6(
                self.local, ROUTERS, 58, self.router(text, self.local)), to=multicast),
            "strange": lambda: f(0x88B5, text.ljust(60, b"\0")),
            "pppoe": lambda: f(0x8864, b"\x11\0\0\x01\0\x40\0\x21" + v4(text, other4)),
            # 802.1D keeps these for the bridge itself, which neither forwards nor filters them.
            "stp": lambda: f(0x27, b"\x42\x42\x03\0\0\0\0" + text.ljust(40, b"\0"), to=mac("01:80:c2:00:00:00")),
            "lldp_lie": lambda: f(0x88CC, text.ljust(50, b"\0"), source=self.victim, to=mac("01:80:c2:00:00:0e")),
            "pae_lie": lambda: f(0x888E, text.ljust(50, b"\0"), source=self.victim, to=mac("01:80:c2:00:00:03")),
            "stp_lie": lambda: f(0x27, b"\x42\x42\x03\0\0\0\0" + text.ljust(40, b"\0"), source=self.victim,
                                 to=mac("01:80:c2:00:00:00")),
            "to_loopback": lambda: f(0x800, v4(text, me4, "127.0.0.1")),
            "to_loopback_any": lambda: f(0x800, v4(text, me4, "127.45.6.7")),
            "to_loopback6": lambda: f(0x86DD, v6(text, me6, "::1")),
            "to_loopback_mapped": lambda: f(0x86DD, v6(text, me6, "::ffff:127.0.0.1")),
            "loop_to_loop": lambda: f(0x800, v4(text, "127.0.0.1", "127.0.0.1")),
            "loop_to_loop6": lambda: f(0x86DD, v6(text, "::1", "::1")),
        }
        return makers[kind]()

    def icmp4(self, kind, text):
        """A redirect: the gateway for where the target was going is me."""
        inner = ip4(self.target4, "198.51.100.1", 17, struct.pack("!HHHH", 1, 2, 8, 0) + text)
        message = struct.pack("!BBH4s", kind, 1, 0, four(self.me4)) + inner
        return message[:2] + struct.pack("!H", total(message)) + message[4:]


def send(link, words):
    keys = dict(w.split("=", 1) for w in words if "=" in w and w[-1] != "=")
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((link, 0))
    liar = Liar(s.getsockname()[4], keys)
    for kind in (w for w in words if "=" not in w):
        if kind == "honest":
            time.sleep(0.3)  # the liars first, whichever processor they are on
        for _ in range(3):
            s.send(liar.make(kind, MARK + kind.encode() + b">"))


def watch(link):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((link, 0))
    s.settimeout(20)
    print("watching", flush=True)
    seen = set()
    while "honest" not in seen:
        data, where = s.recvfrom(4000)
        at = data.find(MARK)
        if where[2] != socket.PACKET_OUTGOING and at >= 0:
            seen.add(data[at + len(MARK):data.index(b">", at)].decode())
    print(" ".join(sorted(seen)), flush=True)


def hear(address, port):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, int(port)))
    s.settimeout(20)
    print("watching", flush=True)
    heard = set()
    while not any(h.startswith("honest=") for h in heard):
        data, who = s.recvfrom(4000)
        heard.add(data[len(MARK):-1].decode() + "=" + who[0])
    print(" ".join(sorted(heard)), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(sys.argv[2], sys.argv[3:])
    elif sys.argv[1] == "hear":
        hear(*sys.argv[2:4])
    else:
        watch(sys.argv[2])
