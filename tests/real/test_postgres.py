"""psycopg 3 and psycopg2 against PostgreSQL: the parts of both that wait in C."""

from pathlib import Path

import pytest
from support.program import needs, run_patched

pytestmark = pytest.mark.real

PSYCOPG = needs("psycopg", "psycopg[binary]")
both_drivers = pytest.mark.parametrize(
    "driver",
    [
        pytest.param("psycopg", marks=PSYCOPG),
        pytest.param("psycopg2", marks=needs("psycopg2", "psycopg2-binary")),
    ],
)

# For either driver: connect(), and a pool of connections as everybody writes one.
CONNECT = """
    import contextlib, importlib, queue, sys
    driver = importlib.import_module(sys.argv[2])
    def connect():
        return driver.connect(host="127.0.0.1", port=sys.argv[1], user="postgres", dbname="postgres")
    class Pool:
        def __init__(self, count):
            self.free = queue.Queue()
            for _ in range(count):
                self.free.put(connect())
        @contextlib.contextmanager
        def cursor(self):
            connection = self.free.get()
            try:
                with connection.cursor() as cursor:
                    yield cursor
                connection.commit()
            except driver.Error:
                connection.rollback()
                raise
            except BaseException:
                # Left in the middle of a reply.
                connection.close()
                raise
            finally:
                self.free.put(connect() if connection.closed else connection)
        def close(self):
            while not self.free.empty():
                self.free.get().close()
"""


@both_drivers
def test_slow_statements_at_once(postgres: int, driver: str, tmp_path: Path) -> None:
    run_patched(
        CONNECT
        + """
    pool = Pool(51)
    def slow(n):
        with pool.cursor() as cursor:
            cursor.execute("select %s, pg_sleep(1), pg_backend_pid()", (n,))
            return cursor.fetchone()
    results, times = at_once(slow)
    assert [row[0] for row in results] == list(range(50)), results
    assert len({row[2] for row in results}) == 50
    assert times < 3, times
    pool.close()
    """,
        tmp_path,
        postgres,
        driver,
    )


@both_drivers
def test_many_statements(postgres: int, driver: str, tmp_path: Path) -> None:
    """Rows larger than any buffer of a socket, transactions, errors of the server: nothing lost or mixed up."""
    run_patched(
        CONNECT
        + """
    pool = Pool(5)
    with pool.cursor() as cursor:
        cursor.execute("create table rows (n int, step int)")
    def work(n):
        for step in range(10):
            with pool.cursor() as cursor:
                cursor.execute("insert into rows values (%s, %s)", (n, step))
                cursor.execute("select repeat(%s, 100000)", (chr(65 + n),))
                assert cursor.fetchone()[0] == chr(65 + n) * 100000
            try:
                with pool.cursor() as cursor:
                    cursor.execute("insert into rows values (%s, %s)", (n, -1))
                    cursor.execute("select 1 / 0")
                raise AssertionError
            except driver.errors.DivisionByZero:
                pass
    with concurrent.futures.ThreadPoolExecutor(30) as threads:
        list(threads.map(work, range(30)))
    with pool.cursor() as cursor:
        cursor.execute("select n, step from rows order by n, step")
        assert cursor.fetchall() == [(n, step) for n in range(30) for step in range(10)]
        cursor.execute("drop table rows")
    pool.close()
    """,
        tmp_path,
        postgres,
        driver,
    )


@both_drivers
def test_kill_and_timeout_leave_the_pool_usable(postgres: int, driver: str, tmp_path: Path) -> None:
    run_patched(
        CONNECT
        + """
    import greenrt
    pool = Pool(5)
    def ask(n, delay):
        with pool.cursor() as cursor:
            cursor.execute("select %s, pg_sleep(%s)", (n, delay))
            return cursor.fetchone()[0]
    for _ in range(3):
        waiters = [greenrt.spawn(ask, n, 30) for n in range(5)]
        greenrt.sleep(0.2)
        greenrt.killall(waiters)
        try:
            with greenrt.Timeout(0.2):
                ask(7, 30)
            raise AssertionError
        except greenrt.Timeout:
            pass
        jobs = [greenrt.spawn(ask, n, 0.01) for n in range(30)]
        assert [job.get() for job in jobs] == list(range(30))
    pool.close()
    """,
        tmp_path,
        postgres,
        driver,
    )


@PSYCOPG
def test_notifications(postgres: int, tmp_path: Path) -> None:
    """psycopg's generator of notifications waits without holding up the other threads."""
    run_patched(
        """
    import psycopg
    url = f"postgresql://postgres@127.0.0.1:{sys.argv[1]}/postgres"
    with psycopg.connect(url, autocommit=True) as listener, psycopg.connect(url, autocommit=True) as sender:
        listener.execute("listen news")
        def send():
            for n in range(20):
                time.sleep(0.01)
                sender.execute("select pg_notify('news', %s)", (str(n),))
        thread = threading.Thread(target=send)
        thread.start()
        assert [note.payload for note in listener.notifies(stop_after=20)] == [str(n) for n in range(20)]
        thread.join()
    """,
        tmp_path,
        postgres,
    )


@PSYCOPG
def test_copy(postgres: int, tmp_path: Path) -> None:
    run_patched(
        """
    import psycopg
    with psycopg.connect(f"postgresql://postgres@127.0.0.1:{sys.argv[1]}/postgres") as connection:
        connection.execute("create temporary table numbers (n int)")
        with connection.cursor().copy("copy numbers from stdin") as copy:
            for n in range(100000):
                copy.write_row((n,))
        with connection.cursor().copy("copy numbers to stdout") as copy:
            assert sum(int(row[0]) for row in copy.rows()) == sum(range(100000))
    """,
        tmp_path,
        postgres,
    )


@needs("psycopg_pool", "psycopg[binary,pool]")
def test_psycopg_pool(postgres: int, tmp_path: Path) -> None:
    """psycopg's own pool: threads wait for a connection, and what a kill leaves behind is replaced."""
    run_patched(
        """
    import greenrt, logging
    from psycopg_pool import ConnectionPool
    # It warns of each connection that it replaces.
    logging.disable()
    url = f"postgresql://postgres@127.0.0.1:{sys.argv[1]}/postgres"
    def ask(n, delay):
        with pool.connection() as connection:
            return connection.execute("select %s, pg_sleep(%s)", (n, delay)).fetchone()[0]
    with ConnectionPool(url, min_size=5, max_size=5, timeout=30) as pool:
        pool.wait()
        for _ in range(3):
            waiters = [greenrt.spawn(ask, n, 30) for n in range(5)]
            greenrt.sleep(0.2)
            greenrt.killall(waiters)
            try:
                with greenrt.Timeout(0.2):
                    ask(7, 30)
                raise AssertionError
            except greenrt.Timeout:
                pass
            with concurrent.futures.ThreadPoolExecutor(30) as threads:
                assert list(threads.map(lambda n: ask(n, 0.01), range(30))) == list(range(30))
    """,
        tmp_path,
        postgres,
    )
