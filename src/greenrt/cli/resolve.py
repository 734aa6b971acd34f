"""The command ``greenrt resolve``: resolve names, and show the steps."""

import argparse
import dataclasses
import sys
from collections.abc import Callable
from typing import Any

import greenrt
from greenrt.dns.etc.resolvconf import resolv_conf
from greenrt.dns.record_query import query
from greenrt.dns.resolvers import AresResolver, AutoResolver

__all__ = ["resolve"]

CONCURRENCY = 100
# The flag that asks for the canonical name, and the printed names of socket kinds.
CANONNAME = 2
KINDS = {1: "STREAM", 2: "DGRAM", 3: "RAW"}

# A function that returns the lines to print for a name. It raises OSError or ValueError if there are none.
Finder = Callable[[str], list[str]]


def resolve(arguments: list[str]) -> int:
    """Run ``greenrt resolve arguments...``; return 1 if a name has no answer, else 0."""
    parser = argparse.ArgumentParser(
        prog="greenrt resolve",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n"
        "  greenrt resolve --trace python.org\n"
        "  greenrt resolve --type MX --server 9.9.9.9 python.org\n\n"
        "exit codes: 1: a name has no answer; 2: wrong arguments\n"
        "environment: LOCALDOMAIN and RES_OPTIONS, as in resolv.conf(5)",
        description="Resolve names as the C library does (getent ahosts), or ask name servers for records of a type.",
    )
    parser.add_argument(
        "--type", metavar="TYPE", help="ask for records of this type: MX, SRV, TXT, PTR, AAAA..."
    )
    parser.add_argument(
        "--server", metavar="ADDRESS", action="append", help="ask this name server; may be repeated"
    )
    parser.add_argument(
        "--trace", action="store_true", help="show each step: hosts, search list, questions, answers"
    )
    parser.add_argument("name", nargs="+")
    options = parser.parse_args(arguments)
    find = _records_finder(options) if options.type else _hosts_finder(options)

    def found(name: str) -> tuple[str, list[str], str]:
        try:
            return name, find(name), ""
        except (OSError, ValueError) as error:
            return name, [], str(getattr(error, "strerror", None) or error)

    failures = 0
    # If the steps are shown, names are resolved in sequence: the steps would mix.
    every = map if options.trace else greenrt.Pool(CONCURRENCY).imap
    for name, lines, problem in every(found, options.name):
        for line in lines:
            print(line, flush=True)
        if problem:
            failures += 1
            print(f"greenrt resolve: {name}: {problem}", file=sys.stderr, flush=True)
    return 1 if failures else 0


def _print_step(step: str) -> None:
    print(f"# {step}", flush=True)


def _hosts_finder(options: argparse.Namespace) -> Finder:
    """Return a function that finds the addresses of a name, in the order in which to try them."""
    kind = AresResolver if options.server else AutoResolver
    resolver = kind(servers=options.server, trace=_print_step if options.trace else None)

    def find(name: str) -> list[str]:
        entries = resolver.getaddrinfo(name, None, flags=CANONNAME)
        return [
            f"{entry[4][0]:<15} {KINDS.get(entry[1], entry[1]):<6} {entry[3]}".rstrip() for entry in entries
        ]

    return find


def _records_finder(options: argparse.Namespace) -> Finder:
    """Return a function that finds the records of a name."""
    rtype = options.type.upper()

    def find(name: str) -> list[str]:
        if options.trace:
            servers = options.server or resolv_conf.get().servers
            _print_step(f"dns: ask for {rtype} of {name}; servers {' '.join(servers)}")
        answer = query(name, rtype, servers=options.server)
        if options.trace:
            _print_step(f"dns: {' -> '.join([*answer.cnames, answer.canonical])} (ttl {answer.ttl} s)")
        return [f"{answer.canonical} {rtype} {_text(record)}" for record in answer.records]

    return find


def _text(record: Any) -> str:
    """Return the fields of a record, in the order of zone files."""
    if not dataclasses.is_dataclass(record):
        return str(record)
    return " ".join(str(getattr(record, field.name)) for field in dataclasses.fields(record))
