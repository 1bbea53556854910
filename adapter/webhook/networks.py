"""Where a request comes from, and whether that is a place we know."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_MAPPED = 96
"""Bits in front of an IPv4 address that is written as an IPv6 one (`::ffff:192.0.2.1`)."""


@dataclass(frozen=True, slots=True)
class Networks:
    """A set of addresses."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, written: Iterable[str]) -> Self:
        """Read addresses and networks such as `192.0.2.0/24`; raises `ValueError`."""
        return cls(tuple(_plain(ip_network(one)) for one in written))

    def __contains__(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self.networks)

    def __bool__(self) -> bool:
        return bool(self.networks)


def sender(peer: str, forwarded_for: str, trusted: Networks) -> Address | None:
    """Return who sent a request; None when that cannot be told.

    Anybody can write an X-Forwarded-For. Only what a trusted proxy has appended to it counts, so it is read from its
    end, for as long as it is a trusted proxy who speaks.
    """
    speaker = _address(peer)
    for entry in reversed(forwarded_for.split(",")) if forwarded_for else ():
        if speaker not in trusted:
            break
        speaker = _address(entry.strip())
    return speaker


def _address(written: str) -> Address | None:
    """Read an address, which some proxies put in brackets or append a port to; None when it is none."""
    bare = written
    if written.startswith("["):
        bare = written[1:].partition("]")[0]
    elif written.count(":") == 1:
        bare = written.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _plain(network: Network) -> Network:
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - _MAPPED))
    return network
