"""The rules of the source tree, as functions from sources to complaints.

A `Tree` maps paths below ``src/greenrt`` (and ``monkey/...`` for the top-level folder) to source text.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from support.build import ROOT, SOURCE

__all__ = [
    "ALLOWED",
    "LAYERS",
    "Tree",
    "cycles",
    "documented_layers",
    "greenlets_in_loop",
    "oversized",
    "patchable_names",
    "read_tree",
    "upward_imports",
]

Tree = dict[str, str]

# Modules and packages directly below greenrt. The facade, greenrt itself, is above the runtime.
LAYERS = {
    "errors": 0,
    "_arguments": 0,
    "_atfork": 0,
    "_bare": 0,
    "_build": 0,
    "_deadline": 0,
    "_events": 0,
    "_freeze": 0,
    "_interpreter": 0,
    "_original": 0,
    "_providers": 0,
    "_render": 0,
    "_signature": 0,
    "_typing": 0,
    "_alias": 1,
    "_log": 1,
    "_native": 1,
    "_loop": 2,
    "_hub": 3,
    "sync": 4,
    "dns": 5,
    "green": 6,
    "happy_eyeballs": 7,
    "serve": 8,
    "inspect": 9,
    "_inspection": 10,
    "monkey": 11,
    "adapters": 12,
    "compat": 13,
    "cli": 14,
    "__main__": 15,
}
MONKEY = LAYERS["monkey"]
FACADE = MONKEY - 0.5

FILE_LINES = 700
FUNCTION_LINES = 60

# Names that patching replaces: these modules, and these functions of other modules. (C modules such as _socket and
# _signal stay unpatched, except _thread.)
PATCHED_MODULES = {
    "_thread",
    "concurrent",
    "multiprocessing",
    "queue",
    "select",
    "selectors",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "threading",
}
PATCHED_FUNCTIONS = {
    "sys": {"_current_frames"},
    "time": {"sleep"},
    "os": {
        "close",
        "fork",
        "forkpty",
        "popen",
        "posix_spawn",
        "posix_spawnp",
        "read",
        "readv",
        "sendfile",
        "system",
        "wait",
        "wait3",
        "wait4",
        "waitid",
        "waitpid",
        "write",
        "writev",
    },
}
# Modules and packages whose subject is the patchable modules: twins, patching, compatible packages, and commands that
# run programs.
TWINS = {"_original", "cli", "compat", "green", "happy_eyeballs", "monkey"}
# (path, module): the reason.
ALLOWED = {
    ("_hub/current_hub.py", "threading"): "main_thread() only, off Linux; patching does not touch it",
    ("_loop/backends/__init__.py", "select"): "asks only which backends there are",
    ("_loop/backends/polls.py", "select"): "constants only; the functions come from _original",
    ("inspect/answering.py", "select"): "constants only; poll comes from _original",
    ("serve/stream.py", "ssl"): "a type; only type checkers import it",
    ("serve/wsgi.py", "ssl"): "a type; only type checkers import it",
    ("sync/executor.py", "concurrent"): "types; only type checkers import them",
    ("adapters/gunicorn.py", "signal"): "sets handlers where gunicorn would, which uses the patched module",
}

_CYTHON_IMPORT = re.compile(
    r"^\s*from\s+([\w.]+)\s+c?import\s+\(?([^)#\n]*)|^\s*c?import\s+([\w.]+)", re.MULTILINE
)


def read_tree() -> Tree:
    """Return the sources of greenrt."""
    return _read((SOURCE, ""), (ROOT / "monkey", "monkey/"))


def read_benchmarks() -> Tree:
    """Return the sources of the benchmarks."""
    return _read((ROOT / "benchmarks", ""))


def _read(*folders: tuple[Path, str]) -> Tree:
    tree = {}
    for base, prefix in folders:
        for path in sorted(base.rglob("*")):
            if path.suffix in (".py", ".pyx", ".pxd", ".h"):
                tree[prefix + str(path.relative_to(base))] = path.read_text()
    return tree


def _module(path: str) -> str:
    """Return the module of a file, named relative to its package; "" for the package itself."""
    parts = list(Path(path).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


def _named(path: str, text: str, package: str = "greenrt") -> Iterator[tuple[str, str]]:
    """Yield ``(module, name)`` for each import and cimport of a file, also inside functions.

    The name is "" for a plain import. The path is below `package`.
    """
    if not path.endswith(".py"):
        for source, names, plain in _CYTHON_IMPORT.findall(text):
            if plain:
                yield plain, ""
            for name in names.split(","):
                if source and name.strip():
                    yield source, name.split()[0]
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ""
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                parents = f"{package}/{path}".split("/")[: -node.level]
                source = ".".join([*parents, *filter(None, [node.module])])
            for alias in node.names:
                yield source, alias.name


def _edges(tree: Tree, package: str = "greenrt") -> dict[str, set[str]]:
    """Return the modules of `package` that each of its modules imports, all named relative to the package."""
    modules = {_module(path) for path in tree if not path.endswith(".h")}
    edges: dict[str, set[str]] = {module: set() for module in modules}
    for path, text in tree.items():
        if path.endswith(".h"):
            continue
        for source, name in _named(path, text, package):
            if source.split(".")[0] == "monkey":
                edges[_module(path)].add("monkey")
            if source.split(".")[0] != package:
                continue
            below = source.removeprefix(package).removeprefix(".")
            deeper = f"{below}.{name}".removeprefix(".")
            edges[_module(path)].add(deeper if deeper in modules else below)
        # A file and the declarations beside it are one module; a cimport of itself is not an import.
        edges[_module(path)].discard(_module(path))
    return edges


def _layer(module: str) -> float:
    if not module:
        return FACADE
    top = module.split(".")[0]
    if top not in LAYERS:
        raise KeyError(f"greenrt.{top} has no layer; give it one in ARCHITECTURE.md and in {__name__}.LAYERS")
    return LAYERS[top]


def upward_imports(tree: Tree) -> list[str]:
    """A layer imports only lower layers, its own modules, and names for annotations."""
    return [
        f"greenrt.{importer} (layer {_layer(importer):g}) imports greenrt.{imported} (layer {_layer(imported):g})"
        for importer, found in sorted(_edges(tree).items())
        for imported in sorted(found)
        if imported != "_typing"
        and _layer(imported) >= _layer(importer)
        and imported.split(".")[0] != importer.split(".")[0]
    ]


def cycles(tree: Tree, package: str = "greenrt") -> list[str]:
    """Return the cycles of imports in `package`, including cimports and imports inside functions."""
    edges = _edges(tree, package)
    found = []
    done: set[str] = set()

    def visit(module: str, trail: list[str]) -> None:
        if module in trail:
            found.append(" -> ".join(f"{package}.{name}" for name in [*trail[trail.index(module) :], module]))
        elif module not in done:
            for other in sorted(edges.get(module, ())):
                visit(other, [*trail, module])
            done.add(module)

    for module in sorted(edges):
        visit(module, [])
    return found


def greenlets_in_loop(tree: Tree) -> list[str]:
    """The loop uses callbacks, and never greenlets."""
    return [
        f"{path} imports {source}"
        for path, text in tree.items()
        if path.startswith("_loop/") and not path.endswith(".h")
        for source, name in _named(path, text)
        if source.split(".")[0] == "greenlet" or f"{source}.{name}".startswith("greenrt._native.switch")
    ]


def patchable_names(tree: Tree, allowed: dict[tuple[str, str], str] = ALLOWED) -> list[str]:
    """The runtime takes names that patching replaces only from `_original`."""
    found = []
    for path, text in tree.items():
        if not path.endswith(".py") or path.replace(".", "/").split("/")[0] in TWINS:
            continue
        names = list(_named(path, text))
        found += [
            f"{path} imports {top}; take what it needs from greenrt._original"
            for top in sorted({source.split(".")[0] for source, _ in names} & PATCHED_MODULES)
            if (path, top) not in allowed
        ]
        found += [
            f"{path} imports {name} from {source}; take it from greenrt._original"
            for source, name in names
            if name in PATCHED_FUNCTIONS.get(source, ())
        ]
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                module, name = node.value.id, node.attr
                if name in PATCHED_FUNCTIONS.get(module, ()):
                    found.append(f"{path}:{node.lineno} uses {module}.{name}; take it from greenrt._original")
    return found


def oversized(tree: Tree) -> list[str]:
    """A file has about 700 lines of code at most, blank lines and comments left out, and a function 60 lines."""
    found = []
    for path, text in tree.items():
        lines = sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in text.splitlines())
        if lines > FILE_LINES:
            found.append(f"{path} has {lines} lines of code; split it by duty (at most {FILE_LINES})")
        if not path.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > FUNCTION_LINES:
                    found.append(
                        f"{path}:{node.lineno} {node.name}() has {lines} lines; at most {FUNCTION_LINES}"
                    )
    return found


def documented_layers(text: str) -> dict[str, int]:
    """Return the layers that the table in ARCHITECTURE.md names."""
    layers = {}
    for number, names in re.findall(r"^\|\s*(\d+|top)\s*\|([^|]*)\|", text, re.MULTILINE):
        for name in re.findall(r"`(?:greenrt\.)?(\w+)(?:/|\.py)?`", names):
            layers[name] = MONKEY if number == "top" else int(number)
    return layers
