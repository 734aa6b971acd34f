"""``/etc/resolv.conf``: the name servers, and how to query them (resolv.conf(5))."""

import _socket
import os
from collections.abc import Mapping
from dataclasses import dataclass

from greenrt._original import getaddrinfo
from greenrt.dns.etc.config_file import Reloaded

__all__ = ["ResolvConf", "parse", "resolv_conf"]

# The limits of the C library (resolv.h): MAXNS, RES_MAXNDOTS, RES_MAXRETRANS, RES_MAXRETRY.
MAX_SERVERS = 3
MAX_NDOTS = 15
MAX_TIMEOUT = 30
MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class ResolvConf:
    """The contents of the file; the defaults are those of the C library without a file.

    servers: addresses, at most three; an IPv6 address may have a scope. search: domains to append, without trailing
    dots ("" is the root). timeout: seconds for each server and attempt. The other fields are the options of the same
    names. ``sortlist`` is skipped on purpose: glibc uses it only to sort gethostbyname(3)'s addresses, and elsewhere
    the order of RFC 6724 replaces it.
    """

    servers: tuple[str, ...] = ("127.0.0.1",)
    search: tuple[str, ...] = ()
    ndots: int = 1
    timeout: int = 5
    attempts: int = 2
    rotate: bool = False
    edns0: bool = False
    use_vc: bool = False
    trust_ad: bool = False
    no_aaaa: bool = False
    no_tld_query: bool = False
    single_request: bool = False
    no_reload: bool = False


NUMBERS = {"ndots": MAX_NDOTS, "timeout": MAX_TIMEOUT, "attempts": MAX_ATTEMPTS}
FLAGS = {
    "rotate": "rotate",
    "edns0": "edns0",
    "use-vc": "use_vc",
    "trust-ad": "trust_ad",
    "no-aaaa": "no_aaaa",
    "no-tld-query": "no_tld_query",
    "no_tld_query": "no_tld_query",
    "single-request": "single_request",
    "single-request-reopen": "single_request",
    "no-reload": "no_reload",
}


def parse(data: bytes, environ: Mapping[str, str] = os.environ) -> ResolvConf:
    """Return the contents of the text `data` of the file; invalid lines are skipped.

    The variables LOCALDOMAIN (search) and RES_OPTIONS (options) override the file, as in the C library.
    """
    servers: list[str] = []
    search: list[str] | None = None
    options: dict[str, int | bool] = {}
    for raw in data.split(b"\n"):
        # A null byte ends a line, as it ends every string of the C library.
        line = raw.partition(b"\0")[0].decode("latin-1")
        # Keywords and comments start in the first column. A blank ends a keyword.
        keyword, _, rest = line.replace("\t", " ").partition(" ")
        if keyword == "nameserver":
            server = _server(rest)
            if server and len(servers) < MAX_SERVERS:
                servers.append(server)
        elif keyword == "domain":
            search = rest.split()[:1] or search
        elif keyword == "search":
            search = rest.split() or search
        elif keyword == "options":
            _set_options(options, rest)
    if "LOCALDOMAIN" in environ:
        search = environ["LOCALDOMAIN"].split()
    _set_options(options, environ.get("RES_OPTIONS", ""))
    if search is None:
        # The default is the domain of this machine's own name.
        search = [part for part in [_socket.gethostname().partition(".")[2]] if part]
    return ResolvConf(
        servers=tuple(servers) or ("127.0.0.1",),
        search=tuple(domain.removeprefix(".").removesuffix(".") for domain in search),
        **options,  # type: ignore[arg-type]
    )


def _server(rest: str) -> str | None:
    word = (rest.split() or [""])[0]
    try:
        found = getaddrinfo(word, None, 0, _socket.SOCK_DGRAM, 0, _socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return None
    address = found[0][4]
    host = str(address[0])
    if len(address) == 4 and address[3] and "%" not in host:
        host = f"{host}%{address[3]}"
    return host


def _set_options(options: dict[str, int | bool], text: str) -> None:
    for word in text.split():
        name, colon, value = word.partition(":")
        if colon and name in NUMBERS:
            options[name] = min(_number(value), NUMBERS[name])
        elif word in FLAGS:
            options[FLAGS[word]] = True


def _number(text: str) -> int:
    """Return the number that the leading digits of `text` form, as atoi(3) does; 0 without digits."""
    digits = 0
    while digits < min(len(text), 9) and text[digits] in "0123456789":
        digits += 1
    return int(text[:digits] or 0)


class _ResolvConfFile(Reloaded[ResolvConf]):
    def get(self) -> ResolvConf:
        parsed = self._parsed
        return parsed[0] if parsed is not None and parsed[0].no_reload else super().get()


resolv_conf: _ResolvConfFile = _ResolvConfFile("/etc/resolv.conf", parse)
