"""PyMySQL against MariaDB."""

from pathlib import Path

import pytest
from support.program import needs, run_patched

pytestmark = [pytest.mark.real, needs("pymysql", "PyMySQL")]

# connect(), and a pool of connections as everybody writes one.
CONNECT = """
    import contextlib, pymysql, queue, sys
    def connect():
        return pymysql.connect(host="127.0.0.1", port=int(sys.argv[1]), user="any", database="test")
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
            except pymysql.Error:
                connection.rollback()
                raise
            except BaseException:
                # Left in the middle of a reply.
                connection._force_close()
                raise
            finally:
                self.free.put(connection if connection.open else connect())
        def close(self):
            while not self.free.empty():
                self.free.get().close()
"""


def test_slow_statements_at_once(mariadb: int, tmp_path: Path) -> None:
    run_patched(
        CONNECT
        + """
    pool = Pool(51)
    def slow(n):
        with pool.cursor() as cursor:
            cursor.execute("select %s, sleep(1), connection_id()", (n,))
            return cursor.fetchone()
    results, times = at_once(slow)
    assert [row[0] for row in results] == list(range(50)), results
    assert len({row[2] for row in results}) == 50
    assert times < 3, times
    pool.close()
    """,
        tmp_path,
        mariadb,
    )


def test_many_statements(mariadb: int, tmp_path: Path) -> None:
    """Rows larger than any buffer of a socket, transactions, errors of the server: nothing lost or mixed up."""
    run_patched(
        CONNECT
        + """
    pool = Pool(5)
    with pool.cursor() as cursor:
        cursor.execute("create table numbers (n int, step int) engine=innodb")
    def work(n):
        for step in range(10):
            with pool.cursor() as cursor:
                cursor.execute("insert into numbers values (%s, %s)", (n, step))
                cursor.execute("select repeat(%s, 100000)", (chr(65 + n),))
                assert cursor.fetchone()[0] == chr(65 + n) * 100000
            try:
                with pool.cursor() as cursor:
                    cursor.execute("insert into numbers values (%s, %s)", (n, -1))
                    cursor.execute("select * from nowhere")
                raise AssertionError
            except pymysql.ProgrammingError:
                pass
    with concurrent.futures.ThreadPoolExecutor(30) as threads:
        list(threads.map(work, range(30)))
    with pool.cursor() as cursor:
        cursor.execute("select n, step from numbers order by n, step")
        assert cursor.fetchall() == tuple((n, step) for n in range(30) for step in range(10))
        cursor.execute("drop table numbers")
    pool.close()
    """,
        tmp_path,
        mariadb,
    )


def test_kill_and_timeout_leave_the_pool_usable(mariadb: int, tmp_path: Path) -> None:
    run_patched(
        CONNECT
        + """
    import greenrt
    pool = Pool(5)
    def ask(n, delay):
        with pool.cursor() as cursor:
            cursor.execute("select %s, sleep(%s)", (n, delay))
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
        mariadb,
    )
