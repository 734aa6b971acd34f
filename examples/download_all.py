"""Download many pages with a fixed number of worker threads.

    python examples/download_all.py --url http://127.0.0.1:8000 --workers 8 --requests 100

An ordinary blocking program of the standard library. Workers take addresses from one queue and put the results into
another one; the main thread draws the progress. The summary goes to stdout, everything else to stderr. The exit
status is 0 if every request succeeded, 1 if one failed, and 130 after Ctrl-C.
"""

import argparse
import queue
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from urllib.request import OpenerDirector

BAR_WIDTH = 40
DRAW_INTERVAL = 0.1  # seconds
ERRORS_SHOWN = 5


@dataclass
class Result:
    """The result of one request: the size of the body in bytes, or the error."""

    url: str
    size: int = 0
    error: str = ""


def download(opener: OpenerDirector, url: str, timeout: float) -> Result:
    """Fetch one page and count its bytes."""
    try:
        with opener.open(url, timeout=timeout) as response:
            return Result(url, size=len(response.read()))
    except (OSError, HTTPException) as error:  # URLError, HTTPError and timeouts are OSErrors
        # Only the text is kept: an HTTPError holds its connection, and there may be many.
        return Result(url, error=f"{type(error).__name__}: {error}")


def worker(
    opener: OpenerDirector, urls: "queue.Queue[str | None]", results: "queue.Queue[Result]", timeout: float
) -> None:
    """Download addresses until the queue yields the end mark, None."""
    while (url := urls.get()) is not None:
        results.put(download(opener, url, timeout))


class ProgressBar:
    """One line on stderr that is redrawn in place; draws nothing unless visible."""

    def __init__(self, total: int, visible: bool) -> None:
        self.total = total
        self.visible = visible
        self.started = time.monotonic()
        self.drawn = 0.0

    def update(self, done: int) -> None:
        """Draw the bar, at most once in DRAW_INTERVAL seconds until all is done."""
        now = time.monotonic()
        if not self.visible or (now - self.drawn < DRAW_INTERVAL and done < self.total):
            return
        self.drawn = now
        filled = BAR_WIDTH * done // self.total
        bar = "#" * filled + "." * (BAR_WIDTH - filled)
        sys.stderr.write(f"\r[{bar}] {done}/{self.total}  {now - self.started:.1f} s")
        sys.stderr.flush()

    def finish(self) -> None:
        """End the line, so that the next output starts on a new one."""
        if self.visible:
            sys.stderr.write("\n")
            sys.stderr.flush()


def run(options: argparse.Namespace) -> int:
    """Start the workers, queue the addresses, collect the results; return the exit status."""
    urls: queue.Queue[str | None] = queue.Queue()
    results: queue.Queue[Result] = queue.Queue()
    # All threads share one opener. Threads that make their first call of urlopen() at the same time would each make
    # an opener, and load the TLS certificates as many times.
    opener = urllib.request.build_opener()
    threads = [
        # Daemon threads: after Ctrl-C the program ends without waiting for requests in flight.
        threading.Thread(target=worker, args=(opener, urls, results, options.timeout), daemon=True)
        for _ in range(options.workers)
    ]
    bar = ProgressBar(options.requests, options.progress or sys.stderr.isatty())
    failed: list[Result] = []
    done = size = 0
    try:
        for thread in threads:
            thread.start()
        for number in range(options.requests):
            urls.put(f"{options.url.rstrip('/')}/{number}")
        for _ in threads:
            urls.put(None)
        bar.update(done)
        while done < options.requests:
            try:
                result = results.get(timeout=DRAW_INTERVAL)
            except queue.Empty:
                pass  # only the time has changed
            else:
                done += 1
                size += result.size
                if result.error:
                    failed.append(result)
            bar.update(done)
        for thread in threads:
            thread.join()
    finally:
        bar.finish()

    for result in failed[:ERRORS_SHOWN]:
        print(f"{result.url}: {result.error}", file=sys.stderr)
    if len(failed) > ERRORS_SHOWN:
        print(f"... and {len(failed) - ERRORS_SHOWN} more failed", file=sys.stderr)
    print(f"{options.requests - len(failed)} of {options.requests} pages downloaded, {size} bytes")
    return 1 if failed else 0


def positive(text: str) -> int:
    """Parse a whole number above zero."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not above zero")
    return number


def main() -> int:
    """Parse the command line and download."""
    parser = argparse.ArgumentParser(description="Download many pages with a fixed number of worker threads.")
    parser.add_argument("--url", required=True, help="base address; page number i is fetched from URL/i")
    parser.add_argument("--workers", type=positive, default=8, help="worker threads (default: 8)")
    parser.add_argument("--requests", type=positive, default=100, help="pages to download (default: 100)")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds without an answer (default: 60)")
    parser.add_argument("--progress", action="store_true", help="draw the bar even without a terminal")
    try:
        return run(parser.parse_args())
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
