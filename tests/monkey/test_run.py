"""``greenrt run`` and ``python -m greenrt``: each way to give a program, the help, and wrong commands."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.child import environment

TELL = (
    "import sys\n"
    "print(__name__, globals().get('__file__'), sys.argv, repr(sys.path[0]))\n"
    "print(bool(sys.modules.get('greenrt.monkey') and sys.modules['greenrt.monkey'].is_module_patched('socket')))\n"
)


def run(
    *arguments: str, cwd: Path, code: int = 0, stdin: str = "", flags: tuple[str, ...] = ()
) -> tuple[str, str]:
    """Return the stdout and stderr of the command."""
    done = subprocess.run(
        [sys.executable, *flags, *arguments],
        cwd=cwd,
        env=environment(),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=40,
    )
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout, done.stderr


def greenrt(*arguments: str, **more: object) -> tuple[str, str]:
    return run("-m", "greenrt", *arguments, **more)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ok.py").write_text(TELL)
    (tmp_path / "-odd.py").write_text(TELL)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__main__.py").write_text(TELL)
    with zipfile.ZipFile(tmp_path / "program.zip", "w") as archive:
        archive.writestr("__main__.py", TELL)
    return tmp_path


@pytest.mark.parametrize(
    "program",
    [
        ["ok.py", "a", "-m"],
        ["./package/../ok.py"],
        ["--", "ok.py"],
        ["--", "-odd.py"],
        ["-m", "ok", "a"],
        ["-mok"],
        ["-c", TELL, "a", "-c"],
        ["-c" + TELL],
        ["-", "a", "--"],
        ["package", "a"],
        ["program.zip", "a"],
    ],
    ids=lambda program: " ".join(program)[:12],
)
def test_a_program_sees_what_python_shows_it(folder: Path, program: list[str]) -> None:
    stdin = TELL if program[0] == "-" else ""
    plain, _ = run(*program, cwd=folder, stdin=stdin)
    out, err = greenrt("run", *program, cwd=folder, stdin=stdin)
    assert err == ""
    assert out.splitlines() == [plain.splitlines()[0], "True"]


def test_pythons_own_options(folder: Path) -> None:
    program = "import sys; print(sys.flags.dev_mode, sys.flags.optimize, sys.path[0])"
    expected, _ = run("-c", program, cwd=folder, flags=("-X", "dev", "-O", "-P"))
    out, _ = greenrt("run", "-c", program, cwd=folder, flags=("-X", "dev", "-O", "-P"))
    assert out == expected
    _, err = greenrt("run", "-u", "ok.py", cwd=folder, code=2)
    assert (
        "greenrt run has no option -u; options of Python's own go before -m: python -u -m greenrt run" in err
    ), err


@pytest.mark.parametrize(
    ("program", "stdin"), [(["-c", "def f():\n    1 / 0\nf()"], ""), (["-"], "1 / 0"), (["fails.py"], "")]
)
def test_tracebacks_are_pythons(folder: Path, program: list[str], stdin: str) -> None:
    (folder / "fails.py").write_text("import sys\nsys.path\n1 / 0\n")
    _, plain = run(*program, cwd=folder, stdin=stdin, code=1)
    _, err = greenrt("run", *program, cwd=folder, stdin=stdin, code=1)
    assert err == plain


@pytest.mark.parametrize("option", ["-m", "-c", "--"])
def test_an_option_without_its_argument(folder: Path, option: str) -> None:
    _, err = greenrt("run", option, cwd=folder, code=2)
    assert option in err.splitlines()[0], err
    assert "usage: greenrt run" in err


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("rum", "did you mean `greenrt run`?"),
        ("docter", "did you mean `greenrt doctor`?"),
        ("ok.py", "greenrt run ok.py"),
        ("app:main", "greenrt serve app:main"),
        ("zzz", "run, resolve, serve, dump, doctor, install-hook"),
        ("--verbose", "greenrt has no option --verbose"),
    ],
)
def test_a_wrong_command_is_named(folder: Path, word: str, meant: str) -> None:
    out, err = greenrt(word, cwd=folder, code=2)
    assert out == ""
    assert word in err
    assert meant in err


@pytest.mark.parametrize("command", [[], ["run"], ["resolve"], ["serve"], ["doctor"], ["install-hook"]])
def test_help_has_examples_exit_codes_and_environment(folder: Path, command: list[str]) -> None:
    out, err = greenrt(*command, "--help", cwd=folder)
    assert err == ""
    for word in ("usage: greenrt", "examples:", "exit codes:", "environment:"):
        assert word in out, out


def test_no_command(folder: Path) -> None:
    out, err = greenrt(cwd=folder, code=2)
    assert out == ""
    assert "usage: greenrt COMMAND" in err
    out, _ = greenrt("--version", cwd=folder)
    assert out.startswith("greenrt ")
    assert os.linesep in out


@pytest.mark.parametrize(
    "command", [["run", "ok.py"], ["serve", "no:app"], ["resolve", "localhost"], ["doctor"]]
)
def test_an_unknown_resolver_is_a_wrong_environment(
    folder: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENRT_RESOLVER", "c")
    out, err = greenrt(*command, cwd=folder, code=2)
    assert out == ""
    assert err == "greenrt: GREENRT_RESOLVER is 'c'; use one of auto, ares, thread, block\n"
    assert "usage:" in greenrt(command[0], "--help", cwd=folder)[0]
