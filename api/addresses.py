"""Which network addresses are anybody's: the public internet, and nothing that leads back inside."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import IPv4Address, IPv6Address

import httpcore

Resolver = Callable[[str, int], Awaitable[list[str]]]
Address = IPv4Address | IPv6Address

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
COMPATIBLE = ipaddress.IPv6Network("::/96")  # the retired way to write IPv4 as IPv6


def is_public(address: Address) -> bool:
    """Whether `address` is on the public internet: not private, loopback, link-local, shared, multicast or reserved.

    An IPv6 address that carries an IPv4 one (mapped, compatible, NAT64, 6to4, Teredo) is as public as what it carries.
    """
    if isinstance(address, IPv6Address):
        if carried := _carried(address):
            return all(is_public(one) for one in carried)
        if address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _carried(address: IPv6Address) -> list[IPv4Address]:
    if address in NAT64 or address in COMPATIBLE:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    found = address.ipv4_mapped, address.sixtofour, *(address.teredo or ())
    return [one for one in found if one is not None]


class Refused(Exception):
    """A name that leads to an address which is not allowed."""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, as the system knows them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class CheckedAddresses(httpcore.AsyncNetworkBackend):
    """Resolves a name once, refuses it unless all its addresses are allowed, and connects to one of those.

    So a name cannot be changed between the check and the connection.
    """

    def __init__(self, resolver: Resolver, is_allowed: Callable[[Address], bool]) -> None:
        self._resolver = resolver
        self._is_allowed = is_allowed
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        found = await self._resolver(host, port)
        if not found or not all(self._is_allowed(ipaddress.ip_address(one)) for one in found):
            raise Refused(f"{host} has an address that pictures may not come from.")
        for address in found:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError:
                continue
        raise httpcore.ConnectError
