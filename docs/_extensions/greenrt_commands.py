"""The directive ``{commands}``: the help texts of the command-line programs, each in a section of its own."""

import os
import subprocess
import sys

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from greenrt.cli.main import COMMANDS

# Characters of a line of help.
WIDTH = "100"


def help_of(*command: str) -> str:
    """Return what ``greenrt COMMAND --help`` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "greenrt", *command, "--help"],
        env={**os.environ, "COLUMNS": WIDTH, "PYTHON_COLORS": "0"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


class Commands(SphinxDirective):
    """``{commands}``: `greenrt` itself, then its commands."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        return [self._section(*command) for command in ((), *((name,) for name in COMMANDS))]

    def _section(self, *command: str) -> nodes.section:
        title = " ".join(["greenrt", *command])
        section = nodes.section(ids=[nodes.make_id(title)], names=[title])
        text = help_of(*command)
        section += [nodes.title(title, title), nodes.literal_block(text, text, language="none")]
        return section


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive with Sphinx."""
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
