"""Concurrent downloads: unmodified urllib, a pool of greenlets, and patching that connects them.

Each argument is the address of a page:

    python examples/concurrent_downloads.py --concurrency 20 https://www.python.org https://peps.python.org
"""

import argparse
import sys
import urllib.request
from http.client import HTTPException

import greenrt
from greenrt import monkey

TIMEOUT = 30.0  # seconds for each download


def download(url: str) -> tuple[str, int | None, str]:
    """Fetch one page; return its address and its size in bytes, or None and the error."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            return url, len(response.read()), ""
    except (OSError, HTTPException, ValueError) as error:  # ValueError: not a valid address
        return url, None, str(error)


def main() -> int:
    """Download all given addresses; return 1 if one failed, else 0."""
    parser = argparse.ArgumentParser(description="Download several pages at once.")
    parser.add_argument("--concurrency", type=int, default=10, help="downloads at once (default: 10)")
    parser.add_argument("url", nargs="+")
    options = parser.parse_args()

    # urllib and its modules were imported above. This does no harm: patching changes the classes that they hold.
    monkey.patch_all()

    failures = 0
    for url, size, problem in greenrt.Pool(options.concurrency).imap_unordered(download, options.url):
        if size is None:
            failures += 1
            print(f"{url}: {problem}", file=sys.stderr, flush=True)
        else:
            print(f"{url}: {size} bytes", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
