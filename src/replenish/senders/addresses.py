"""Which addresses an outgoing request may reach: the public internet, and nothing behind our own walls."""

import ipaddress
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# IPv6 that carries an IPv4 address inside: what counts is where the packet ends up.
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")


def is_public(address: Address) -> bool:
    """Whether anybody on the internet could be meant. Not: private, loopback, link-local, shared, reserved, multicast."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64_LOCAL or (address in _COMPATIBLE and address.ipv4_mapped is None):
            return False
        inner = _inside(address)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def is_loopback(address: Address) -> bool:
    inner = _inside(address) if isinstance(address, ipaddress.IPv6Address) else None
    return address.is_loopback or (inner is not None and inner.is_loopback)


def _inside(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour
