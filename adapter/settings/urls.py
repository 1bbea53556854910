"""The addresses in the settings: what they must look like, and how they are shown without their secrets."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from adapter.cirrus.regions import PREFIX
from adapter.settings.section import Fault

MASK = "***"

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9a-fA-F:]+")
_PLACE = re.compile(
    r"(?P<scheme>[a-z0-9+]+://)(?P<credentials>[^@/?#]*@)?"
    r"(?P<place>(?:[\w.-]+|\[[0-9a-fA-F:]+\])?(?::\d+)?(?:,[\w.-]+(?::\d+)?)*(?:/[^@?#]*)?)(?:[?#][^@]*)?"
)


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def base_url_faults(url: str) -> Iterator[Fault]:
    """Yield what is wrong with the address of an API: the token goes there, so it has to be beyond doubt."""
    key, like = "base_url", "give an address such as https://api.cirrus.example"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        yield Fault(key, "it is not an address", like)
        return
    if not _HOST.fullmatch(host) or not url.isascii() or not url.isprintable() or " " in url:
        yield Fault(key, "it is not an address", like)
    elif parts.username is not None or parts.query or parts.fragment:
        yield Fault(key, "it holds more than scheme, host, port and path", like)
    elif parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        yield Fault(key, "the token would travel unencrypted", "use https; plain http only reaches this machine itself")


def with_api_path(url: str) -> str:
    """Return the address that the documented paths follow on; a path of the address's own is kept."""
    bare = url.rstrip("/")
    return bare if urlsplit(bare).path else bare + PREFIX


def masked_url(url: str) -> str:
    """Return addresses without user, password and options; masked whole where these cannot be told apart."""
    addresses = [_PLACE.fullmatch(address) for address in url.split(";")]
    if any(found is None for found in addresses):
        return MASK
    return ";".join(
        f"{found['scheme']}{f'{MASK}@' if found['credentials'] else ''}{found['place']}" for found in addresses if found
    )
