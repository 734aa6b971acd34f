"""The source tree follows ARCHITECTURE.md. Each rule has a small broken example that it must catch."""

import re
import tomllib
from pathlib import Path

import pytest
from support import architecture
from support.build import ROOT, SOURCE

from greenrt._build import COMPILED

TREE = architecture.read_tree()


def report(complaints: list[str]) -> None:
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


def test_layers_import_only_downwards() -> None:
    report(architecture.upward_imports(TREE))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("_loop/loop.py", "from greenrt._hub import park"),
        ("_loop/loop.py", "def late():\n    import greenrt._hub.park"),
        ("_loop/loop.pxd", "from greenrt._hub.park cimport Park"),
        ("_loop/loop.pyx", "cimport greenrt._hub.park"),
        ("_loop/loop.py", "from .._hub.park import Park"),
        ("sync/event.py", "from greenrt.dns import hosts"),
        ("serve/stream.py", "from greenrt.monkey import get_original"),
        ("serve/stream.py", "import monkey"),
        ("_hub/hub.py", "import greenrt"),
        ("errors.py", "from greenrt._hub.park import Park"),
    ],
)
def test_an_upward_import_is_caught(path: str, text: str) -> None:
    files = {
        "_hub/park.py": "",
        "dns/etc/hosts.py": "",
        "monkey/__init__.py": "",
        "__init__.py": "",
        path: text,
    }
    assert len(architecture.upward_imports(files)) == 1


def test_downward_imports_pass() -> None:
    files = {
        "_hub/park.py": "from greenrt._loop.loop import Loop\nfrom greenrt import _original",
        "_hub/hub.py": "from . import park",
        "_loop/loop.py": "",
        "_original.py": "",
        "__init__.py": "from greenrt._hub.hub import Hub",
    }
    assert architecture.upward_imports(files) == []


def test_the_tree_leads_to_each_behaviour() -> None:
    complaints = []
    for line in Path(__file__).with_name("behaviours.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        behaviour, path, definition = (part.strip() for part in line.split("|"))
        path = path if path.startswith("monkey/") or path in TREE else f"{path} (missing)"
        if not re.search(rf"^ *{re.escape(definition)}\b", TREE.get(path, ""), re.MULTILINE):
            complaints.append(f"{behaviour}: no `{definition}` in {path}")
    report(complaints)


def test_there_are_no_cycles() -> None:
    report(architecture.cycles(TREE))


def test_the_benchmarks_have_no_cycles() -> None:
    report(architecture.cycles(architecture.read_benchmarks(), "benchmarks"))


@pytest.mark.parametrize(
    "files",
    [
        {
            "_hub/a.py": "from greenrt._hub import b",
            "_hub/b.py": "def f():\n    from greenrt._hub.a import x",
        },
        {"_hub/a.py": "from greenrt._hub.b import x", "_hub/b.pxd": "from greenrt._hub.a cimport A"},
        {"_hub/a.py": "from . import b", "_hub/b.py": "from . import c", "_hub/c.py": "from . import a"},
    ],
)
def test_a_cycle_is_caught(files: architecture.Tree) -> None:
    assert len(architecture.cycles(files)) == 1


def test_a_cycle_in_the_benchmarks_is_caught() -> None:
    files = {
        "harness/model.py": "if TYPE_CHECKING:\n    from benchmarks.harness.results import Report",
        "harness/results.py": "from benchmarks.harness.model import Area",
    }
    assert len(architecture.cycles(files, "benchmarks")) == 1


def test_the_loop_knows_no_greenlets() -> None:
    report(architecture.greenlets_in_loop(TREE))


@pytest.mark.parametrize(
    "text",
    [
        "import greenlet",
        "from greenlet import getcurrent",
        "from greenrt._native.switch import current",
        "from greenrt._native import switch",
    ],
)
def test_a_greenlet_in_the_loop_is_caught(text: str) -> None:
    assert len(architecture.greenlets_in_loop({"_loop/loop.py": text})) == 1
    assert architecture.greenlets_in_loop({"_hub/hub.py": text}) == []


def test_patchable_names_come_from_original() -> None:
    report(architecture.patchable_names(TREE))


@pytest.mark.parametrize(
    "text",
    [
        "import threading",
        "from threading import Lock",
        "from time import sleep",
        "import time\ntime.sleep(1)",
        "def f():\n    from concurrent.futures import Future",
        "import os\nos.read(0, 1)",
    ],
)
def test_a_patchable_name_is_caught(text: str) -> None:
    assert len(architecture.patchable_names({"_hub/hub.py": text})) == 1
    assert architecture.patchable_names({"green/socket.py": text}) == []


def test_the_exceptions_are_needed() -> None:
    without = " ".join(architecture.patchable_names(TREE, allowed={}))
    for path, module in architecture.ALLOWED:
        assert f"{path} imports {module}" in without


def test_files_and_functions_are_small() -> None:
    tree = dict(TREE)
    for folder in ("benchmarks", "examples"):
        tree |= {str(path): path.read_text() for path in Path(ROOT, folder).rglob("*.py")}
    report(architecture.oversized(tree))


def test_a_giant_is_caught() -> None:
    assert len(architecture.oversized({"_hub/hub.py": "x = 1\n" * 701})) == 1
    assert len(architecture.oversized({"_hub/hub.py": "def f():\n" + "    x = 1\n" * 60})) == 1
    assert architecture.oversized({"_hub/hub.py": "def f():\n" + "    x = 1\n" * 59}) == []


def test_the_documented_layers_are_those_of_the_code() -> None:
    standing = {path.split("/")[0].removesuffix(".py") for path in TREE if path.endswith(".py")} - {
        "__init__"
    }
    assert standing <= set(architecture.LAYERS)
    documented = architecture.documented_layers((ROOT / "ARCHITECTURE.md").read_text())
    assert documented == {name: layer for name, layer in architecture.LAYERS.items() if name in standing}


def test_the_packages_are_those_of_the_tree() -> None:
    """pyproject.toml lists the packages by hand: `monkey` belongs inside `greenrt`, and discovery can't find that."""
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {Path("greenrt", path).parent for path in TREE if path.endswith("__init__.py")}
    assert sorted(setup["packages"]) == sorted(".".join(folder.parts) for folder in folders)


def test_what_is_declared_is_compiled() -> None:
    """A .pxd beside a module that is not compiled would make it slow, not wrong, so no other test would fail."""
    declared = {
        ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        for path in SOURCE.rglob("*")
        if path.suffix in (".pxd", ".pyx")
    }
    assert set(COMPILED) == declared
