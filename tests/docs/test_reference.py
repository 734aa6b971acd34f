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
