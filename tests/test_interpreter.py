"""Interpreters, greenlet versions and builds that greenrt refuses, each with one line; and too new interpreters."""

import ast
import shutil
import subprocess
import sys
import textwrap
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from support.build import SOURCE
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


def copy(folder: Path, *left_out: str) -> Path:
    """Copy the build under test to the folder, without its caches and these files; return the package."""
    ignore = shutil.ignore_patterns("__pycache__", *left_out)
    return shutil.copytree(PACKAGE, folder / "greenrt", ignore=ignore)


def compiled(tree: Path, name: str) -> Path:
    return tree.joinpath(*name.split(".")).with_suffix(EXTENSION_SUFFIXES[0])


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


ONLY_THE_CHECK = """
import builtins, sys
sys.version_info = (3, 10, 13, "final", 0)
imported, original = [], builtins.__import__
def record(name, globals=None, locals=None, fromlist=(), level=0):
    imported.append(name)
    imported.extend(f"{name}.{part}" for part in fromlist or ())
    return original(name, globals, locals, fromlist, level)
builtins.__import__ = record
try:
    import greenrt
except ImportError as error:
    assert "needs Python 3.11" in str(error), error
else:
    raise AssertionError("no error")
mine = {name for name in imported if name.startswith("greenrt")}
assert mine == {"greenrt", "greenrt._interpreter"}, mine
"""


def test_nothing_of_greenrt_is_imported_before_the_check() -> None:
    """Other modules may use what an old interpreter lacks."""
    run_script(ONLY_THE_CHECK)


OLD = sorted(Path.home().glob(".pyenv/versions/3.[6-9].*/bin/python")) + sorted(
    Path.home().glob(".pyenv/versions/3.10.*/bin/python")
)


@pytest.mark.skipif(not OLD, reason="there is no old interpreter")
def test_real_old_interpreters_are_refused() -> None:
    for python in OLD:
        done = subprocess.run(
            [python, "-c", "import greenrt"],
            env={"PYTHONPATH": str(SOURCE.parent), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        last = done.stderr.splitlines()[-1]
        assert last.startswith("ImportError: greenrt needs Python 3.11 or newer, and this is 3."), last


@pytest.mark.parametrize("name", ["__init__.py", "_interpreter.py"])
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


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("", "greenlet.py is no greenlet that works; rename it if it is yours, else run: pip install"),
        ("__version__ = 3", "greenlet.py is no greenlet that works; rename it"),
        ("__version__ = '3.5.0'", "greenlet.py is no greenlet that works; rename it"),
        ("import greenlet._greenlet", "whose import raises ModuleNotFoundError: No module named 'greenlet._"),
        ("from socket import nothing", "whose import raises ImportError: cannot import name 'nothing'"),
        ("raise OSError(5, 'two\\nlines')", "whose import raises OSError: [Errno 5] two lines; rename it if"),
        ("1 +", "whose import raises SyntaxError: invalid syntax"),
        ("import greenrt; greenrt.spawn", "whose import raises AttributeError: partially initialized module"),
    ],
)
def test_another_or_broken_greenlet_is_refused(source: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "greenlet.py").write_text(source)
    message = refusal(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    assert "greenrt needs greenlet, " in message
    assert reason in message


def test_a_folder_called_greenlet_is_refused() -> None:
    """In the working directory, it is a package without files."""
    message = refusal(
        "import sys, types; greenlet = sys.modules['greenlet'] = types.ModuleType('greenlet');"
        "greenlet.__file__, greenlet.__path__ = None, ['/here/greenlet']"
    )
    assert "greenrt needs greenlet, and ['/here/greenlet'] is no greenlet that works; rename it" in message


def test_a_missing_greenlet_is_refused() -> None:
    message = refusal("import sys; sys.modules['greenlet'] = None")
    assert "greenrt needs greenlet, which is not installed; run: pip install 'greenlet" in message


@compiled_only
@pytest.mark.parametrize("missing", [["_native.switch"], ["green.time"], [SHARED], COMPILED])
def test_a_half_built_tree_is_refused(missing: list[str], tmp_path: Path) -> None:
    tree = copy(tmp_path)
    for name in missing:
        compiled(tree, name).unlink()
    message = refusal(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    assert (
        f"{tree} is half built: {len(missing)} of its {len(COMPILED) + 1} compiled modules are missing"
        in message
    )
    assert f"as greenrt.{missing[0]}; build or install it again" in message


@compiled_only
@pytest.mark.parametrize("name", ["_native.switch", "serve.http.request", SHARED])
def test_an_empty_compiled_module_counts_as_missing(name: str, tmp_path: Path) -> None:
    """A copy that a full disk interrupts leaves such files."""
    compiled(copy(tmp_path), name).write_bytes(b"")
    message = refusal(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    assert f"is half built: 1 of its {len(COMPILED) + 1} compiled modules are missing or empty" in message
    assert f"as greenrt.{name}; build or install it again" in message


@compiled_only
@pytest.mark.parametrize("name", ["_native.switch", "_loop.clock", "sync.event"])
def test_a_compiled_module_that_cannot_be_loaded(name: str, tmp_path: Path) -> None:
    """The loader's error alone names no remedy."""
    tree = copy(tmp_path)
    path = compiled(tree, name)
    path.write_bytes(b"no ELF header" * 100)
    message = refusal(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    assert f"greenrt in {tree} is damaged, or was built for another Python: {path}: invalid ELF" in message
    assert "; build or install it again, or delete all its *.cpython-" in message


def test_other_errors_of_imports_stay_as_they_are() -> None:
    done = run("import sys; sys.modules['weakref'] = None; import greenrt")
    *_, last = done.stderr.splitlines()
    assert last.startswith("ModuleNotFoundError: ")
    assert "weakref" in last
    assert "greenrt" not in last


@compiled_only
def test_a_tree_with_no_compiled_module_is_the_plain_build(tmp_path: Path) -> None:
    copy(tmp_path, "*.so")
    done = run(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import greenrt; print(greenrt.__build__)")
    assert done.stdout == "pure\n", done.stderr
    assert done.stderr == ""


OTHERS = {
    "cpython-399-x86_64-linux-gnu": "CPython 3.99 on x86_64-linux-gnu",
    "cpython-314t-x86_64-linux-gnu": "CPython 3.14t on x86_64-linux-gnu",
    "cpython-{0}{1}-mips-linux-gnu": "CPython {0}.{1} on mips-linux-gnu",
    "pypy311-pp73-x86_64-linux-gnu": "pypy311-pp73-x86_64-linux-gnu",
}


@pytest.mark.parametrize("tag", OTHERS)
def test_a_tree_that_is_compiled_for_another_interpreter_says_so(tag: str, tmp_path: Path) -> None:
    """Installing a compiler would not help."""
    tree = copy(tmp_path, "*.so")
    for name in (*COMPILED, SHARED):
        tree.joinpath(*name.split(".")).with_suffix(f".{tag.format(*sys.version_info)}.so").write_bytes(b"x")
    reason = (
        f"the compiled modules in {tree} are for {OTHERS[tag].format(*sys.version_info)}, and this is CPy"
    )
    start = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv[0] = 'greenrt'; "
    done = run(start + "import greenrt; print(greenrt.__build__)")
    assert done.stdout == "pure\n", done.stderr
    assert done.stderr.count("RuntimeWarning: ") == 1
    assert reason in done.stderr
    for command in ("--version", "doctor"):
        done = run(start + f"sys.argv[1:] = [{command!r}]; from greenrt.cli.main import main; main()")
        (line,) = [line for line in done.stdout.splitlines() if line.startswith("build: ")]
        assert reason in line
        assert line.endswith("; for the compiled build, build or install it again with this Python")
        assert "compiler" not in line


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
