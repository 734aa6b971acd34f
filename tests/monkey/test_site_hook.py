"""``greenrt install-hook`` in a fresh virtual environment: written, acting only if told to, removed."""

import os
import subprocess
import venv
from pathlib import Path

import greenlet
from support.child import environment

COMMAND = "import sys; sys.argv[0] = 'greenrt'; from greenrt.monkey.cli import main; main()"
IS_PATCHED = (
    "import sys; monkey = sys.modules.get('greenrt.monkey');"
    " print(monkey is not None and monkey.is_module_patched('socket'))"
)


def python(folder: Path, *arguments: str, code: int = 0, **variables: str) -> str:
    """Run the environment's Python; return what it wrote to stdout and stderr."""
    # Where the packages are that greenrt stands on: the new environment has none.
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
    # Not yet.
    assert python(tmp_path, "-c", IS_PATCHED, GREENRT_PATCH="1") == "False\n"
    out = python(tmp_path, "-c", COMMAND, "install-hook", "--remove", code=1)
    assert out.startswith("greenrt install-hook: nothing was changed: there is no "), out

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
    """It cooperates, ends as ever, and so do its children."""
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
