"""Which hosts a connector may call: by the text of an address, and by what its name resolves to.

Belongs here: ``PPM_ALLOWED_HOSTS`` and the addresses that nobody may ever call. Does not belong here: calling
(``http``). The rules are CONTRACT's ("Environment"). Every refusal is a sentence for the person who typed the address.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpx

Address = IPv4Address | IPv6Address

_PATTERN = re.compile(r"(?:(https?)://)?(\[[0-9a-f:.]+\]|[^\s:/\[\]]+)(?::(\d{1,5}))?/?")
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
_NAT64 = IPv6Network("64:ff9b::/96")
# Where clouds tell a machine its own credentials; most are link-local, these are not.
_METADATA = frozenset(
    ip_address(text) for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
)
_METADATA_NAMES = frozenset({"metadata", "metadata.goog", "metadata.google.internal", "instance-data"})


@dataclass(frozen=True, slots=True)
class Pattern:
    """One entry of the allowed hosts: ``*.example.com``, ``10.1.2.3:8443``, ``http://127.0.0.1:8090``."""

    plain_http: bool
    host: str
    port: int | None

    def names(self, host: str) -> bool:
        """Whether it names this very host, not only a family of hosts."""
        return self.host == host

    def admits(self, url: httpx.URL, host: str) -> bool:
        family = self.host == "*" or (self.host.startswith("*.") and host.endswith(self.host[1:]))
        port = url.port or (443 if url.scheme == "https" else 80)
        return (
            (self.names(host) or family)
            and (url.scheme == "https" or self.plain_http)
            and (self.port is None or self.port == port)
        )


def patterns(allowed_hosts: str | None) -> tuple[Pattern, ...] | None:
    """The entries of ``PPM_ALLOWED_HOSTS``; None where it is unset. An entry that is no host admits nothing."""
    if allowed_hosts is None or not allowed_hosts.strip():
        return None
    found = (_PATTERN.fullmatch(entry.strip().lower()) for entry in allowed_hosts.split(","))
    return tuple(
        Pattern(match[1] == "http", _normal(match[2].strip("[]")), int(match[3]) if match[3] else None)
        for match in found
        if match
    )


def host_refused(url: str, allowed_hosts: str | None) -> str | None:
    """Why the address may not be called, by its text alone, as a sentence; None where it may be tried."""
    try:
        parsed, host = _parsed(url)
    except ValueError as error:
        return str(error)
    allowed = patterns(allowed_hosts)
    return _never(host) or _not_allowed(parsed, host, allowed)


def address_refused(host: str, address: str, allowed_hosts: str | None) -> str | None:
    """Why a connection to ``address``, which ``host`` resolved to, may not be made; None where it may.

    Loopback is for hosts that an entry names as such (``127.0.0.1``, ``localhost``, a name), not for a ``*`` entry.
    """
    plain = _unwrapped(ip_address(address.partition("%")[0]))
    host = _normal(host)
    if _forbidden(plain):
        return f"{host} leads to {plain}, an address that connectors may never call."
    if plain.is_loopback and not any(p.names(host) for p in patterns(allowed_hosts) or ()):
        return (
            f"{host} leads to this machine itself ({plain}). If that is meant, an operator adds {host} to "
            "PPM_ALLOWED_HOSTS."
        )
    return None


def _parsed(url: str) -> tuple[httpx.URL, str]:
    """The address as the HTTP client will understand it, and its host; raises ValueError with a sentence."""
    if any(ord(c) <= 32 or ord(c) == 127 or c == "\\" for c in url):
        raise ValueError("The address contains a space, a backslash or a control character. Type it anew.")
    try:
        parsed = httpx.URL(url)
        host = _normal(parsed.raw_host.decode("ascii"))
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise ValueError("This is no address. It looks like https://host.example.com.") from None
    if parsed.port is not None and not 0 < parsed.port < 65536:
        raise ValueError(f"{parsed.port} is no port. Ports go from 1 to 65535.")
    if parsed.scheme not in ("http", "https") or not host:
        raise ValueError("The address must begin with https:// and name a host, like https://host.example.com.")
    if parsed.userinfo or "@" in parsed.netloc.decode("ascii"):
        raise ValueError("The address must not contain a user or password; there are fields of their own for them.")
    if not _HOST.fullmatch(host):
        raise ValueError(f"{host} is no host name. Type it as in https://host.example.com.")
    if _odd_number(host):
        raise ValueError(f"{host} is an unusual way to write an IP address. Write it with four numbers, or by name.")
    return parsed, host


def _never(host: str) -> str | None:
    address = _literal(host)
    if host in _METADATA_NAMES or (address and _forbidden(_unwrapped(address))):
        return f"{host} is an address that connectors may never call (link-local, metadata or no single host)."
    return None


def _not_allowed(url: httpx.URL, host: str, allowed: tuple[Pattern, ...] | None) -> str | None:
    if allowed is not None and not any(p.admits(url, host) for p in allowed):
        if url.scheme == "http" and any(p.admits(url.copy_with(scheme="https", port=url.port), host) for p in allowed):
            return f"{host} may be called over https only. Write https:// in the address."
        return f"{host} is not among the hosts that connectors may call. An operator adds it to PPM_ALLOWED_HOSTS."
    if allowed is None and url.scheme != "https":
        return "Only https is allowed, so that the credentials stay secret. Write https:// in the address."
    if _is_loopback(host) and not any(p.names(host) and p.admits(url, host) for p in allowed or ()):
        return f"{host} is this machine itself. If that is meant, an operator adds it to PPM_ALLOWED_HOSTS."
    return None


def _normal(host: str) -> str:
    host = host.lower().rstrip(".")
    address = _literal(host)
    return str(address) if address else host


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _odd_number(host: str) -> bool:
    """127.1, 2130706433, 0x7f.0.0.1, 0177.0.0.1: programs read these as addresses, people do not."""
    if _literal(host):
        return False
    try:
        socket.inet_aton(host)
    except OSError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    address = _literal(host)
    if address:
        return _unwrapped(address).is_loopback
    return host == "localhost" or host.endswith((".localhost", ".localdomain"))


def _forbidden(address: Address) -> bool:
    broadcast = address == IPv4Address("255.255.255.255")
    unset = address.is_unspecified or (address.version == 4 and address.packed[0] == 0)
    return address.is_link_local or address.is_multicast or unset or broadcast or address in _METADATA


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one (mapped, compatible, 6to4, Teredo, NAT64), else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    inside = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    tail = IPv4Address(address.packed[12:])
    if inside is None and (address in _NAT64 or (not any(address.packed[:12]) and int(tail) > 1)):
        inside = tail
    return inside or address
