"""Interpreters, greenlet versions and builds that greenrt refuses, each with one line; and too new interpreters."""

import ast
import shutil
import subprocess
import sys
import textwrap
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from support.child import environment, run_script

import greenrt
from greenrt._build import COMPILED, SHARED

PACKAGE = Path(greenrt.__file__).parent

compiled_only = pytest.mark.skipif(
    greenrt.__build__ != "compiled", reason="a plain build has no compiled modules"
)
lazy_only = pytest.mark.skipif(sys.version_info < (3, 15), reason="lazy imports are new in 3.15")


def run(script: str, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(script)],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
    )


def refusal(preparation: str, statement: str = "import greenrt", **variables: str) -> str:
    """Return the message of the ImportError that ends `statement` after `preparation`. It must be one line."""
    done = run(preparation + "\n" + statement, **variables)
    *_, last = done.stderr.splitlines()
    assert done.returncode == 1
    assert last.startswith("ImportError: ")
    return last


@pytest.mark.parametrize("version", ["(3, 10, 13, 'final', 0)", "(3, 6, 15, 'final', 0)"])
def test_an_old_interpreter_is_refused(version: str) -> None:
    message = refusal(f"import sys; sys.version_info = {version}")
    assert "needs Python 3.11 or newer, and this is 3." in message


@pytest.mark.parametrize("name", ["__init__.py", "_interpreter.py", "_build.py", "_typing.py"])
def test_what_refuses_an_old_interpreter_has_syntax_of_such(name: str) -> None:
    ast.parse((PACKAGE / name).read_text(), feature_version=(3, 6))


def test_a_new_interpreter_gets_one_warning_and_no_frame_stack_cache() -> None:
    done = run(
        """
        import sys
        sys.version_info, sys.hexversion = (3, 99, 0, "final", 0), 0x036300F0
        import greenrt, greenrt.monkey
        from greenrt._native import framecache
        assert greenrt.spawn(lambda: 7).get() == 7
        assert not framecache.installed()
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("RuntimeWarning") == 1
    assert "not been tested on Python 3.99, and runs with the frame-stack cache off" in done.stderr


def test_an_interpreter_without_the_gil_is_refused() -> None:
    message = refusal("import sys; sys._is_gil_enabled = lambda: False")
    assert "needs the GIL" in message
    assert "PYTHON_GIL=1" in message


def test_an_interpreter_whose_gil_is_on_is_not() -> None:
    run_script("import sys; sys._is_gil_enabled = lambda: True; import greenrt; greenrt.sleep(0)")


@compiled_only
def test_an_import_that_turns_the_gil_on_is_not_refused() -> None:
    run_script(
        """
        import sys
        sys._is_gil_enabled = lambda: "greenrt._native.switch" in sys.modules
        import greenrt
        """
    )


@pytest.mark.parametrize("version", ["2.0.2", "4.0.0"])
def test_a_greenlet_of_another_major_version_is_refused(version: str) -> None:
    message = refusal(f"import greenlet; greenlet.__version__ = {version!r}")
    assert f"needs greenlet 3, and {version} is installed; run: pip install" in message


@compiled_only
@pytest.mark.parametrize("missing", [["_native.switch"], ["green.time"], [SHARED], COMPILED])
def test_a_half_built_tree_is_refused(missing: list[str], tmp_path: Path) -> None:
    tree = tmp_path / "greenrt"
    shutil.copytree(PACKAGE, tree, ignore=shutil.ignore_patterns("__pycache__"))
    for name in missing:
        tree.joinpath(*name.split(".")).with_suffix(EXTENSION_SUFFIXES[0]).unlink()
    message = refusal(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    assert (
        f"{tree} is half built: {len(missing)} of its {len(COMPILED) + 1} compiled modules are missing"
        in message
    )
    assert f"as greenrt.{missing[0]}; build or install it again" in message


@compiled_only
def test_a_tree_with_no_compiled_module_is_the_plain_build(tmp_path: Path) -> None:
    tree = tmp_path / "greenrt"
    shutil.copytree(PACKAGE, tree, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    done = run(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import greenrt; print(greenrt.__build__)")
    assert done.stdout == "pure\n", done.stderr


SUBINTERPRETER = """
import sys
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
    run = interpreters.exec
else:
    import _xxsubinterpreters as interpreters
    run = interpreters.run_string
one = interpreters.create()
outcome = run(one, '''
try:
    import greenrt
except ImportError as error:
    message = str(error)
else:
    message = "no error"
with open("/dev/stdout", "w") as file:
    file.write(message)
''')
assert outcome is None, outcome
interpreters.destroy(one)
"""


@pytest.mark.parametrize("before", ["", "import greenrt; greenrt.sleep(0)"])
def test_a_subinterpreter_is_refused(before: str) -> None:
    done = run(before + "\n" + SUBINTERPRETER)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("greenrt works in the main interpreter only, and this is a subinterpreter;")
    assert len(done.stdout.splitlines()) == 1


LAZY = ("-X", "lazy_imports=all")


@lazy_only
@pytest.mark.parametrize(
    "script",
    [
        "import greenrt; assert greenrt.spawn(lambda: 7).get() == 7",
        "from greenrt import spawn, sleep; spawn(sleep, 0).join()",
        "from greenrt import get_hub; hub = get_hub(); assert hub.threadpool.apply(len, ('ab',)) == 2",
        "from greenrt import get_hub; assert get_hub().resolver.getaddrinfo('127.0.0.1', 80)",
        "import greenrt, greenrt.serve; greenrt.serve.StreamServer(('127.0.0.1', 0), print).close()",
        "import greenrt.green.socket as socket; socket.socketpair()",
    ],
)
def test_the_runtime_works_with_lazy_imports(script: str) -> None:
    done = run(script, *LAZY, "-W", "error")
    assert done.returncode == 0, done.stderr


@lazy_only
def test_patching_works_with_lazy_imports() -> None:
    done = run(
        """
        import asyncio, queue, select, socket, ssl, subprocess, threading, time
        from time import sleep
        from greenrt import monkey
        monkey.patch_all()
        import greenrt, sys
        from greenrt import _original

        def serve(server):
            peer, _ = server.accept()
            with peer:
                peer.sendall(peer.recv(10) * 2)

        turns = []
        turning = threading.Thread(target=lambda: [turns.append(sleep(0.001)) for _ in range(20)])
        turning.start()
        with socket.create_server(("127.0.0.1", 0)) as server:
            greenrt.spawn(serve, server)
            with socket.create_connection(server.getsockname()) as client:
                client.sendall(b"ab")
                assert client.recv(10) == b"abab"
        assert subprocess.run(["echo", "x"], capture_output=True).stdout == b"x\\n"
        async def nap():
            await asyncio.sleep(0.01)
            return 7
        assert asyncio.run(nap()) == 7
        turning.join()
        assert len(turns) == 20
        assert time.sleep is sleep is not _original.sleep
        greenrt_modules = [name for name in sys.modules if name.startswith("greenrt")]
        for name in greenrt_modules:
            for key, value in vars(sys.modules[name]).items():
                assert type(value).__name__ != "lazy_import", (name, key)
        """,
        *LAZY,
    )
    assert done.returncode == 0, done.stderr


@lazy_only
def test_the_programs_own_filter_of_lazy_imports_stays() -> None:
    done = run(
        """
        import sys
        asked = []
        def choose(importer, imported, names):
            asked.append(imported)
            return imported != "json"
        sys.set_lazy_imports_filter(choose)
        import greenrt
        greenrt.sleep(0)
        import json, decimal
        assert type(globals()["json"]).__name__ == "module"
        assert type(globals()["decimal"]).__name__ == "lazy_import"
        assert not [name for name in asked if name.startswith("greenrt._hub")], asked
        """,
        *LAZY,
    )
    assert done.returncode == 0, done.stderr
