"""``greenrt install-hook`` in a fresh virtual environment: the file is written, acts on request, and is removed."""

import os
import subprocess
import venv
from pathlib import Path

import greenlet
from support.child import environment

from greenrt.cli.install_hook import TEXT

COMMAND = "import sys; sys.argv[0] = 'greenrt'; from greenrt.cli.main import main; main()"
IS_PATCHED = (
    "import sys; monkey = sys.modules.get('greenrt.monkey');"
    " print(monkey is not None and monkey.is_module_patched('socket'))"
)


def python(folder: Path, *arguments: str, code: int = 0, **variables: str) -> str:
    """Run the environment's Python; return its stdout and stderr."""
    # The folder of greenrt's dependencies, which the new environment does not have.
    packages = str(Path(greenlet.__file__).parents[1])
    environ = environment(**variables)
    environ["PYTHONPATH"] += os.pathsep + packages
    done = subprocess.run(
        [str(folder / "bin" / "python"), *arguments],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=40,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def test_the_hook(tmp_path: Path) -> None:
    venv.create(tmp_path, system_site_packages=True, with_pip=False, symlinks=True)
    # The hook is not installed yet.
    assert python(tmp_path, "-c", IS_PATCHED, GREENRT_PATCH="1") == "False\n"
    out = python(tmp_path, "-c", COMMAND, "install-hook", "--remove", code=1)
    assert out.startswith("greenrt install-hook: nothing was changed: "), out
    assert out.endswith(" does not exist\n"), out

    for _ in range(2):
        assert python(tmp_path, "-c", COMMAND, "install-hook").startswith(f"wrote {tmp_path}")
    assert len(list(tmp_path.rglob("greenrt_patch.pth"))) == 1
    assert python(tmp_path, "-c", IS_PATCHED, GREENRT_PATCH="1") == "True\n"
    assert python(tmp_path, "-c", IS_PATCHED, GREENRT_PATCH="0") == "False\n"
    assert python(tmp_path, "-c", IS_PATCHED) == "False\n"

    assert python(tmp_path, "-c", COMMAND, "install-hook", "--remove").startswith(f"removed {tmp_path}")
    assert not list(tmp_path.rglob("greenrt_patch.pth"))
    assert python(tmp_path, "-c", IS_PATCHED, GREENRT_PATCH="1") == "False\n"


def test_a_program_under_the_hook(tmp_path: Path) -> None:
    """The program cooperates and ends normally, and so do its children."""
    venv.create(tmp_path, system_site_packages=True, with_pip=False, symlinks=True)
    python(tmp_path, "-c", COMMAND, "install-hook")
    program = tmp_path / "program.py"
    program.write_text(
        "import subprocess, sys, threading, time\n"
        "threads = [threading.Thread(target=time.sleep, args=(0.01,)) for _ in range(3)]\n"
        "[thread.start() for thread in threads], [thread.join() for thread in threads]\n"
        f"subprocess.run([sys.executable, '-c', {IS_PATCHED!r}], check=True)\n"
        "sys.exit(5)\n"
    )
    assert python(tmp_path, str(program), code=5, GREENRT_PATCH="1") == "True\n"


def test_the_hook_serves_gevent(tmp_path: Path) -> None:
    venv.create(tmp_path, system_site_packages=True, with_pip=False, symlinks=True)
    python(tmp_path, "-c", COMMAND, "install-hook")
    ask = "import gevent; print(gevent.__name__)"
    assert python(tmp_path, "-c", ask, GREENRT_AS="gevent,eventlet") == "greenrt.compat.gevent\n"
    # It does not patch.
    assert python(tmp_path, "-c", IS_PATCHED, GREENRT_AS="gevent") == "False\n"
    assert python(tmp_path, "-c", f"{ask}; {IS_PATCHED}", GREENRT_AS="gevent", GREENRT_PATCH="1").endswith(
        "True\n"
    )
    out = python(tmp_path, "-c", "print('ran')", GREENRT_AS="twisted")
    assert out.startswith(
        "greenrt: GREENRT_AS has no effect in this Python: ValueError: GREENRT_AS is 'twisted'"
    ), out
    assert out.endswith("ran\n")


def _bare(folder: Path, *flags: str, path: Path | None = None, patch: str = "1") -> str:
    """Run a program in an environment without greenrt; return its stdout and stderr."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environ["GREENRT_PATCH"] = patch
    if path is not None:
        environ["PYTHONPATH"] = str(path)
    done = subprocess.run(
        [str(folder / "bin" / "python"), *flags, "-c", "print('ran')"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=40,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_what_is_left_after_an_uninstall_does_nothing(tmp_path: Path) -> None:
    """This holds also if parts of the package are left, or can't be imported."""
    venv.create(tmp_path, with_pip=False, symlinks=True)
    hook = next(tmp_path.glob("lib/python3*/site-packages")) / "greenrt_patch.pth"
    hook.write_text(TEXT)
    # A line for each variable.
    assert TEXT.count("\n") == 2
    for patch in ("1", "0", ""):
        assert _bare(tmp_path, patch=patch) == "ran\n"
    for flags in (("-I",), ("-S",), ("-I", "-S"), ("-E",), ("-s",), ("-O", "-B")):
        assert _bare(tmp_path, *flags) == "ran\n"
    left = tmp_path / "left" / "greenrt"
    (left / "monkey" / "__pycache__").mkdir(parents=True)
    # Skip folders of compiled files.
    assert _bare(tmp_path, path=left.parent) == "ran\n"
    # The hook prints the reason in one line, and the program runs.
    for text in ("", "syntax error", "raise RuntimeError('planned')"):
        (left / "__init__.py").write_text(text)
        (left / "monkey" / "__init__.py").write_text("")
        out = _bare(tmp_path, path=left.parent)
        assert out.endswith("ran\n")
        assert out.startswith("greenrt: GREENRT_PATCH=1, but this Python is not patched: "), out
        # Python reads some folders twice.
        assert len(set(out.splitlines())) == 2, out
