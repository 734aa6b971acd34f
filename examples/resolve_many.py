"""Many concurrent lookups: the names of a file, a pool of greenlets, and a progress bar.

    python examples/resolve_many.py --concurrency 500 names.txt > addresses.txt

The file has one name a line. The addresses are printed to stdout in the order of the names. The failures are counted
below the bar.
"""

import argparse
import sys
from collections import Counter

import greenrt
from greenrt.green import socket

WIDTH = 40  # of the bar, in characters


def lookup(name: str) -> tuple[str, list[str], str]:
    """Return the name, its addresses in the order in which to try them, and the error or ""."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError, ValueError) as error:
        return name, [], str(getattr(error, "strerror", None) or error)
    return name, [entry[4][0] for entry in found], ""


def show(done: int, total: int, failed: int) -> None:
    """Draw the bar in place."""
    bar = "#" * (WIDTH * done // max(total, 1))
    print(f"\r[{bar:<{WIDTH}}] {done}/{total}, {failed} failed", end="", file=sys.stderr, flush=True)


def main() -> int:
    """Resolve all names of the file; return 1 if one failed, else 0."""
    parser = argparse.ArgumentParser(description="Resolve many names at once.")
    parser.add_argument("--concurrency", type=int, default=200, help="lookups at once (default: 200)")
    parser.add_argument("file", type=argparse.FileType())
    options = parser.parse_args()
    with options.file as file:
        names = [line.strip() for line in file if line.strip()]

    problems: Counter[str] = Counter()
    step = max(len(names) // 200, 1)
    lookups = greenrt.Pool(options.concurrency).imap(lookup, names)
    for number, (name, addresses, problem) in enumerate(lookups, 1):
        if problem:
            problems[problem] += 1
        else:
            print(name, *addresses)
        if number % step == 0 or number == len(names):
            show(number, len(names), problems.total())
    print(file=sys.stderr)
    for problem, count in problems.most_common():
        print(f"{count} names: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
