"""The diagrams are drawn from their present sources."""

import re
from html import unescape
from pathlib import Path

import pytest
from support.pages import DOCS

SOURCES = sorted((DOCS / "diagrams").glob("*.dot"))


def labels(source: Path) -> set[str]:
    """Return the lines of text in a diagram's source."""
    return {line for label in re.findall(r'label="(.*?)"', source.read_text()) for line in label.split(r"\n")}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_drawing_has_the_texts_of_its_source(source: Path) -> None:
    drawing = unescape(source.with_suffix(".svg").read_text()).replace("\xa0", " ")
    assert labels(source) == set(re.findall(r"<text [^>]*>(.*?)</text>", drawing)), "run `make diagrams`"
