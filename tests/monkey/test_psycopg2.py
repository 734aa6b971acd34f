"""psycopg2's wait callback, with a stand-in for psycopg2: a connection that says how it waits."""

from pathlib import Path

import pytest
from support.child import run_script

PSYCOPG2 = """
from psycopg2 import extensions
class OperationalError(Exception): pass
"""
EXTENSIONS = """
import socket
POLL_OK, POLL_READ, POLL_WRITE = 0, 1, 2
_callback = None
def get_wait_callback():
    return _callback
def set_wait_callback(callback):
    global _callback
    _callback = callback
class connection:
    def __init__(self):
        self.near, self.far = socket.socketpair()
        self.states = []
    def fileno(self):
        return self.near.fileno()
    def poll(self):
        return self.states.pop(0)
    def execute(self, *states):
        self.states = list(states)
        _callback(self)
"""


@pytest.fixture
def folder(tmp_path: Path) -> str:
    (tmp_path / "psycopg2").mkdir()
    (tmp_path / "psycopg2" / "__init__.py").write_text(PSYCOPG2)
    (tmp_path / "psycopg2" / "extensions.py").write_text(EXTENSIONS)
    return str(tmp_path)


@pytest.mark.parametrize("first", ["patch", "import"])
def test_the_callback_is_set_in_either_order(folder: str, first: str) -> None:
    run_script(
        """
        import sys
        sys.path.insert(0, sys.argv[1])
        from greenrt import monkey
        if sys.argv[2] == "patch":
            monkey.patch_all()
            import importlib.util
            # Looking for the module does not import it.
            assert importlib.util.find_spec("psycopg2") and "psycopg2" not in sys.modules
        import psycopg2.extensions
        if sys.argv[2] == "import":
            assert psycopg2.extensions.get_wait_callback() is None
            monkey.patch_all()
        assert psycopg2.extensions.get_wait_callback().__module__ == "greenrt.monkey.drivers"
        # No finder remains.
        assert not any(getattr(finder, "name", "").startswith("psycopg2") for finder in sys.meta_path)
        assert "exec_module" not in vars(psycopg2.__loader__)
        assert "exec_module" not in vars(psycopg2.extensions.__loader__)
        """,
        folder,
        first,
    )


def test_a_lazy_module_gets_the_callback_when_it_is_loaded(folder: str) -> None:
    run_script(
        """
        import importlib.util, sys
        sys.path.insert(0, sys.argv[1])
        spec = importlib.util.find_spec("psycopg2")
        spec.loader = importlib.util.LazyLoader(spec.loader)
        lazy = sys.modules["psycopg2"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(lazy)
        from greenrt import monkey
        monkey.patch_all()
        assert "psycopg2.extensions" not in sys.modules
        assert lazy.extensions.get_wait_callback().__module__ == "greenrt.monkey.drivers"
        """,
        folder,
    )


def test_another_callback_stays(folder: str) -> None:
    run_script(
        """
        import sys
        sys.path.insert(0, sys.argv[1])
        import psycopg2.extensions
        psycopg2.extensions.set_wait_callback(print)
        from greenrt import monkey
        monkey.patch_all()
        assert psycopg2.extensions.get_wait_callback() is print
        """,
        folder,
    )


def test_without_sockets_it_is_not_set(folder: str) -> None:
    run_script(
        """
        import sys
        sys.path.insert(0, sys.argv[1])
        from greenrt import monkey
        monkey.patch_all(socket=False)
        import psycopg2
        assert psycopg2.extensions.get_wait_callback() is None
        """,
        folder,
    )


def test_waiting_suspends_only_the_greenlet(folder: str) -> None:
    run_script(
        """
        import sys
        sys.path.insert(0, sys.argv[1])
        from greenrt import Timeout, monkey, spawn
        monkey.patch_all()
        import psycopg2
        from psycopg2.extensions import POLL_OK, POLL_READ, POLL_WRITE, connection
        one, other = connection(), connection()
        reader = spawn(one.execute, POLL_WRITE, POLL_READ, POLL_OK)
        # This runs while the first query waits, and ends that wait.
        spawn(one.far.send, b"answer").join()
        reader.get(timeout=20)
        assert one.states == []

        try:
            with Timeout(0.01):
                other.execute(POLL_READ, POLL_OK)
        except Timeout:
            pass
        else:
            raise AssertionError("no Timeout")
        assert other.states == [POLL_OK]
        try:
            other.execute(7)
        except psycopg2.OperationalError as error:
            assert "returned the unknown state 7" in str(error), error
        else:
            raise AssertionError("no error")
        """,
        folder,
    )


def test_when_it_is_not_installed() -> None:
    run_script("""
        import sys
        from greenrt import monkey
        monkey.patch_all()
        sys.path[:] = [folder for folder in sys.path if not folder.endswith("site-packages")]
        for _ in range(2):
            try:
                import psycopg2
            except ModuleNotFoundError as error:
                assert error.name == "psycopg2", error
            else:
                raise AssertionError(psycopg2)
    """)
