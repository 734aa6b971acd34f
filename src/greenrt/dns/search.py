"""The search list: which absolute names a name may stand for, and which failure is reported if none exists."""

from collections.abc import Callable
from dataclasses import dataclass

from greenrt.dns.answer import Dangling, NoData, NxDomain, ResolverError, ServFail, TimedOut
from greenrt.dns.etc.hosts import Host
from greenrt.dns.etc.resolvconf import ResolvConf

__all__ = [
    "HOST_NOT_FOUND",
    "NO_DATA",
    "NO_RECOVERY",
    "TRY_AGAIN",
    "Failure",
    "candidates",
    "failure_of",
    "search",
]

# netdb.h
HOST_NOT_FOUND, TRY_AGAIN, NO_RECOVERY, NO_DATA = 1, 2, 3, 4


@dataclass(slots=True)
class Failure:
    """The reason why there is no host.

    herrno: number of netdb.h. unavailable: whether servers failed to answer. useless: whether there was an answer
    that is of no use. Such an answer counts as a temporary failure, but not as one to try again.
    """

    herrno: int = HOST_NOT_FOUND
    unavailable: bool = False
    useless: bool = False


def failure_of(error: ResolverError) -> Failure:
    """Return the failure that the C library derives from the error."""
    if isinstance(error, NxDomain):
        return Failure(HOST_NOT_FOUND)
    if isinstance(error, Dangling):
        return Failure(NO_RECOVERY, useless=True)
    if isinstance(error, NoData):
        return Failure(NO_DATA)
    if isinstance(error, ServFail | TimedOut):
        return Failure(TRY_AGAIN, unavailable=True)
    return Failure(NO_RECOVERY)


def candidates(name: str, conf: ResolvConf) -> tuple[list[str], list[str], list[str]]:
    """Return the absolute names that `name` may stand for: to try before the search list, in it, and after it.

    If the name has at least `ndots` dots or ends with a dot, the name itself is tried first. Otherwise it is tried
    last, unless the search list has the root.
    """
    if name.endswith("."):
        return [name[:-1] or "."], [], []
    listed = [f"{name}.{domain}" if domain else name for domain in conf.search]
    dots = name.count(".")
    if dots >= conf.ndots:
        return [name], listed, []
    itself = "" not in conf.search and (dots or not conf.search or not conf.no_tld_query)
    return [], listed, [name] if itself else []


def search(name: str, conf: ResolvConf, ask: Callable[[str], Host]) -> Host | Failure:
    """Return the first host that `ask` finds for an absolute name that `name` may stand for (res_search(3)).
    ask: called with an absolute name; returns a host or raises ResolverError.
    """
    before, listed, after = candidates(name, conf)
    first: Failure | None = None
    unavailable = False
    for absolute in before:
        found = _ask(ask, absolute)
        if isinstance(found, Host) or found.useless:
            return found
        first = found
        unavailable = found.unavailable
    last = first or Failure()
    seen_nodata = seen_servfail = False
    for absolute in listed:
        try:
            return ask(absolute)
        except ResolverError as error:
            last = failure_of(error)
            if last.useless:
                return last
            unavailable = unavailable or last.unavailable
            seen_nodata = seen_nodata or isinstance(error, NoData)
            if isinstance(error, ServFail):
                seen_servfail = True
            elif not isinstance(error, NxDomain | NoData):
                break
    for absolute in after:
        found = _ask(ask, absolute)
        if isinstance(found, Host) or found.useless:
            return found
        last = found
        unavailable = unavailable or found.unavailable
    if first is not None:
        last = first
    elif seen_nodata:
        last = Failure(NO_DATA)
    elif seen_servfail:
        last = Failure(TRY_AGAIN)
    return Failure(last.herrno, unavailable)


def _ask(ask: Callable[[str], Host], name: str) -> Host | Failure:
    try:
        return ask(name)
    except ResolverError as error:
        return failure_of(error)
