"""Run what a page of the documentation shows, block by block: ``python -m support.pages PAGE`` in an empty folder.

- A ``python`` block runs in the namespace of the page. Code that readers need not see is a comment of MyST's:
  ``% invisible-code: python``.
- A ``{code-block}`` with a ``:caption:`` is a file of that name.
- A ``console`` block has commands after ``$ `` and their output, in which ``...`` stands for any text. A command that
  ends with ``&`` goes on in the background once it has printed the output shown. ``kill %%`` ends the latest one, and
  ``$!`` is its process. ``greenrt dump`` is repeated until it prints the output shown: a program may not be so far.
  A comment ``% not run: REASON`` before the block leaves its commands out.

Ports from 7000 to 8999 are replaced by free ones, so that pages can run at the same time.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from sybil import Document, Example, Region, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer
from sybil.parsers.myst import CodeBlockParser
from sybil.parsers.myst.lexers import DirectiveLexer

from support.child import environment
from support.ports import free_ports

__all__ = ["DOCS", "examples", "pages", "run_apart", "run_page", "unrun"]

DOCS = Path(__file__).parents[2] / "docs"
PORT = re.compile(r"(?<![\d.])[78]\d{3}(?!\d)")
NOT_RUN = re.compile(r"% not run: (.+)\n+\Z")
# How long a command may take, in seconds.
PATIENCE = 60


def pages() -> list[Path]:
    """Return all pages of the documentation, and the README."""
    return [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))]


class Shell:
    """Runs the commands of one page."""

    def __init__(self) -> None:
        self.background: list[subprocess.Popen[str]] = []
        self.ports: dict[str, str] = {}

    def with_ports(self, text: str) -> str:
        """Return `text` with free ports in place of those of the page."""
        for port in PORT.findall(text):
            if port not in self.ports:
                self.ports[port] = str(free_ports(1)[0])
        return PORT.sub(lambda found: self.ports[found[0]], text)

    def run(self, example: Example) -> str | None:
        """Run the commands of a ``console`` block; return what differs from the output shown."""
        for part in re.split(r"^\$ ", self.with_ports(example.parsed), flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            while command.endswith("\\"):
                more, _, expected = expected.partition("\n")
                command += f"\n{more}"
            output = self.execute(command, expected)
            until = time.monotonic() + PATIENCE / 4
            while (
                command.startswith("greenrt dump")
                and not matches(output, expected)
                and time.monotonic() < until
            ):
                output = self.execute(command, expected)
            if not matches(output, expected):
                return f"$ {command}\nprinted:\n{output}\nbut the page shows:\n{expected}"
        return None

    def execute(self, command: str, expected: str) -> str:
        """Run one command and return its output."""
        if command.startswith("kill %"):
            self.end(self.background.pop())
            return ""
        if self.background and "&" not in command:
            command = command.replace("$!", str(self.background[-1].pid))
        started = subprocess.Popen(
            ["bash", "-c", f"exec env {command[:-1]}" if command.endswith("&") else command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert started.stdout is not None
        late = threading.Timer(PATIENCE, os.killpg, (started.pid, signal.SIGKILL))
        late.start()
        try:
            if not command.endswith("&"):
                return started.communicate()[0]
            self.background.append(started)
            output = ""
            while not matches(output, expected) and (line := started.stdout.readline()):
                output += line
            return output
        finally:
            late.cancel()
            late.join()

    def end(self, process: "subprocess.Popen[str]") -> None:
        """End a command in the background."""
        process.terminate()
        process.communicate(timeout=PATIENCE)

    def end_all(self) -> None:
        """End all commands in the background."""
        while self.background:
            self.end(self.background.pop())


def matches(output: str, expected: str) -> bool:
    """Return whether `output` is what the page shows, in which ``...`` stands for any text."""
    pattern = ".*".join(re.escape(part) for part in expected.strip().split("..."))
    return re.fullmatch(pattern, output.strip(), re.DOTALL) is not None


def write_file(example: Example) -> None:
    """Write the file that a block with a caption shows."""
    path = Path(example.region.lexemes["options"]["caption"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(example.parsed)


def parse_files(document: Document) -> Iterator[Region]:
    """Yield the blocks that are files."""
    for region in DirectiveLexer(directive="code-block", arguments=".+")(document):
        if "caption" in region.lexemes["options"]:
            region.parsed = region.lexemes["source"]
            region.evaluator = write_file
            yield region


def parse_python(document: Document) -> Iterator[Region]:
    """Yield the Python blocks that are no files."""
    for region in CodeBlockParser("python", PythonEvaluator())(document):
        if "caption" not in (region.lexemes.get("options") or {}):
            yield region


def consoles(document: Document) -> Iterator[tuple[Region, str]]:
    """Yield the blocks of commands, each with the reason why it does not run, or an empty text."""
    for region in FencedCodeBlockLexer("console")(document):
        region.parsed = region.lexemes["source"]
        reason = NOT_RUN.search(document.text[: region.start])
        yield region, reason[1] if reason else ""


def examples(page: Path, shell: Shell) -> list[Example]:
    """Return the blocks of a page that run, in their order."""

    def parse_consoles(document: Document) -> Iterator[Region]:
        for region, reason in consoles(document):
            if not reason:
                region.evaluator = shell.run
                yield region

    document = Sybil(parsers=[parse_python, parse_files, parse_consoles]).parse(page)
    return list(document.examples())


def unrun(page: Path) -> list[str]:
    """Return the reasons for which blocks of commands are not run."""
    return [reason for _, reason in consoles(Document(page.read_text(), str(page))) if reason]


def run_apart(page: Path, folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run a page in a process of its own, in `folder`, with these options of the interpreter."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, *options, "-m", "support.pages", str(page)],
        cwd=folder,
        env=environment(PATH=path, HOME=str(folder), PYTHONSAFEPATH="", PYTHONUNBUFFERED="1"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_page(page: Path) -> None:
    """Run all blocks of a page in the current folder."""
    shell = Shell()
    text = shell.with_ports(page.read_text())
    copy = Path(page.name).absolute()
    copy.write_text(text)
    sys.path.insert(0, "")
    try:
        for example in examples(copy, shell):
            example.namespace.setdefault("__name__", "__main__")
            example.evaluate()
    finally:
        shell.end_all()


if __name__ == "__main__":
    run_page(Path(sys.argv[1]))
