"""The reference documents every public name: `make docs` checks its result, these tests the pages."""

import importlib
import re

import pytest
from support import pages, public

TEXT = "\n".join(page.read_text() for page in (pages.DOCS / "reference").glob("*.md"))


@pytest.mark.parametrize("module", public.MODULES)
def test_a_public_module_has_its_place(module: str) -> None:
    directive = "twin" if module.startswith("greenrt.green.") else "api-rest"
    assert re.findall(rf"^```{{{directive}}} {re.escape(module)}$", TEXT, re.MULTILINE) == [
        f"```{{{directive}}} {module}"
    ]


@pytest.mark.parametrize(
    ("module", "names"), re.findall(r"^```\{api\} (\S+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
)
def test_a_page_names_what_exists(module: str, names: str) -> None:
    assert set(names.split()) <= set(importlib.import_module(module).__all__)


def test_each_example_is_on_the_page_of_examples() -> None:
    page = (pages.DOCS / "examples.md").read_text()
    shown = re.findall(r"`(\w+\.py) <\.\./examples/(\w+\.py)>`", page)
    assert all(name == target for name, target in shown)
    assert sorted(name for name, _ in shown) == sorted(
        path.name for path in (pages.DOCS.parent / "examples").glob("*.py")
    )
