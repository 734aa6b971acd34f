"""Concurrent downloads from servers that check that they are concurrent."""

from example_child import accept, example, listen, port_of, receive_head, respond, serve_together


def test_downloads_everything_at_once() -> None:
    with listen() as listener:
        urls = [f"http://127.0.0.1:{port_of(listener)}/{number}" for number in range(30)]
        with example("concurrent_downloads.py", "--concurrency", "30", *urls) as downloads:
            serve_together(listener, len(urls), b"a page")
            downloads.check_clean_end()
            assert sorted(downloads.stdout.splitlines()) == sorted(f"{url}: 6 bytes" for url in urls)


def test_no_more_at_once_than_asked_for() -> None:
    with listen() as listener:
        urls = [f"http://127.0.0.1:{port_of(listener)}/{number}" for number in range(3)]
        with example("concurrent_downloads.py", "--concurrency", "2", *urls) as downloads:
            first, second = accept(listener), accept(listener)
            heads = [receive_head(first), receive_head(second)]
            # The third download starts only when one of the first two has ended.
            respond(first, "200 OK", b"1")
            third = accept(listener)
            heads.append(receive_head(third))
            respond(second, "200 OK", b"2")
            respond(third, "200 OK", b"3")
            downloads.check_clean_end()
            assert sorted(head.split()[1] for head in heads) == [b"/0", b"/1", b"/2"]


def test_reports_what_failed_and_goes_on() -> None:
    with listen() as listener:
        good, bad = (f"http://127.0.0.1:{port_of(listener)}/{name}" for name in ("good", "bad"))
        with example("concurrent_downloads.py", good, bad, "no-address") as downloads:
            for _ in range(2):
                connection = accept(listener)
                found = b"/good" in receive_head(connection)
                respond(connection, "200 OK" if found else "404 Not Found", b"text")
            downloads.check_clean_end(exit_code=1)
            assert downloads.stdout == f"{good}: 4 bytes\n"
            assert f"{bad}: HTTP Error 404: Not Found" in downloads.stderr
            assert "no-address: unknown url type" in downloads.stderr
