"""A crawler: it follows the links of a site to pages of the same host, several at once, and reports broken links.

    python examples/crawler.py --concurrency 20 --limit 500 https://example.org/

Each greenlet takes an address from the queue, fetches the page, and puts the page's links into the queue. The exit
status is 1 if a link is broken.
"""

import argparse
import sys
import urllib.request
from html.parser import HTMLParser
from http.client import HTTPException
from urllib.parse import urldefrag, urljoin, urlsplit

import greenrt
from greenrt import monkey

TIMEOUT = 30.0  # seconds for each page
LARGEST = 10_000_000  # bytes of a page that are read


class Links(HTMLParser):
    """Collect the addresses that a page links to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.page = page
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record the target of a link; see `HTMLParser`."""
        target = dict(attrs).get("href")
        if tag == "a" and target:
            self.found.append(urldefrag(urljoin(self.page, target)).url)


class Crawler:
    """Visit each page of a host once, at most `limit` pages."""

    def __init__(self, start: str, limit: int) -> None:
        self.host = urlsplit(start).netloc
        self.limit = limit
        self.known = {start}
        self.broken: dict[str, str] = {}
        self.queue: greenrt.Queue = greenrt.Queue()
        self.queue.put(start)

    def run(self, concurrency: int) -> None:
        """Visit all pages."""
        workers = [greenrt.spawn(self.work) for _ in range(concurrency)]
        self.queue.join()
        greenrt.killall(workers)

    def work(self) -> None:
        """Visit pages from the queue, forever."""
        while True:
            page = self.queue.get()
            try:
                for link in self.visit(page):
                    self.add(link)
            except (OSError, HTTPException, ValueError) as error:  # ValueError: not a valid address
                self.broken[page] = str(error)
            finally:
                self.queue.task_done()

    def visit(self, page: str) -> list[str]:
        """Return the links of a page, or [] if it is not HTML."""
        with urllib.request.urlopen(page, timeout=TIMEOUT) as response:
            if response.headers.get_content_type() != "text/html":
                return []
            text = response.read(LARGEST).decode(response.headers.get_content_charset("utf-8"), "replace")
        links = Links(page)
        links.feed(text)
        print(f"{page}: {len(links.found)} links", flush=True)
        return links.found

    def add(self, link: str) -> None:
        """Queue a page, unless it is known already or on another host."""
        if urlsplit(link).netloc == self.host and link not in self.known and len(self.known) < self.limit:
            self.known.add(link)
            self.queue.put(link)


def main() -> int:
    """Crawl; return 1 if a link is broken, else 0."""
    parser = argparse.ArgumentParser(description="Find the broken links of a site.")
    parser.add_argument("--concurrency", type=int, default=10, help="pages at once (default: 10)")
    parser.add_argument("--limit", type=int, default=1000, help="pages in all (default: 1000)")
    parser.add_argument("start", metavar="URL")
    options = parser.parse_args()
    monkey.patch_all()  # for urllib

    crawler = Crawler(options.start, options.limit)
    crawler.run(options.concurrency)
    print(f"{len(crawler.known)} pages, {len(crawler.broken)} broken")
    for page, problem in crawler.broken.items():
        print(f"{page}: {problem}", file=sys.stderr)
    return 1 if crawler.broken else 0


if __name__ == "__main__":
    sys.exit(main())
