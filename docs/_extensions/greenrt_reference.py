"""The directives and the role of the reference, which is generated from docstrings.

``{api} MODULE`` documents the names in its body, which MODULE exports. ``{api-rest} MODULE`` documents the names that
MODULE exports and no ``{api}`` lists, so that no public name is missing. ``{twin} MODULE`` documents a cooperative
twin of a standard module. ``{behind} CLASS`` documents a class whose objects programs get from others, such as the
loop, and which no module exports.

A name in backquotes, the default role of the docstrings, becomes a link where the reference has that name.
"""

import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.util.logging import getLogger
from sphinx.util.nodes import make_refnode
from support import public

LOGGER = getLogger(__name__)

# The modules in whose names a docstring's name is looked up.
FACADES = ["greenrt", "greenrt.errors", "greenrt.serve", "greenrt.monkey", "greenrt.dns", "greenrt.sync"]
LISTED = re.compile(r"^`{3,}\{api\} (\S+)\n(.*?)^`{3,}$", re.MULTILINE | re.DOTALL)
REST = re.compile(r"^`{3,}\{api-rest\} (\S+)$", re.MULTILINE)
# Public modules that adapt greenrt to other programs. Their classes inherit most methods from these programs.
ADAPTERS = ("greenrt.adapters.celery", "greenrt.adapters.gunicorn", "greenrt.monkey.pytest_plugin")
# Base classes whose methods a subclass's entry does not repeat.
BASES = "greenlet, BaseException, Exception, OSError, object, dict, tuple, BaseServer, StreamServer, Thread, Executor"
HEADING = re.compile(r"(Arguments?|Attributes):\s*(.*)")
ITEM = re.compile(r"(\*{0,2}\w+(?:, \w+)*): (.*)")


def listed_names(folder: Path) -> dict[str, set[str]]:
    """Return {module: names} of all ``{api}`` directives below `folder`."""
    found: dict[str, set[str]] = {}
    for page in folder.rglob("*.md"):
        for module, body in LISTED.findall(page.read_text()):
            found.setdefault(module, set()).update(body.split())
    return found


def rests_before(module: str, folder: Path) -> list[tuple[str, list[str]]]:
    """Return (module, its public names) of the ``{api-rest}`` modules before `module`; packages come last."""
    found = sorted(
        {name for page in folder.rglob("*.md") for name in REST.findall(page.read_text())}, reverse=True
    )
    before = found[: found.index(module)]
    return [(name, importlib.import_module(name).__all__) for name in before]


class GeneratedDirective(SphinxDirective):
    """A directive that is replaced by generated reStructuredText."""

    required_arguments = 1
    has_content = True

    def parse_generated(self, lines: list[str]) -> list[nodes.Node]:
        """Return the nodes of reStructuredText `lines`."""
        text = ["`````{eval-rst}", *lines, "`````"]
        node = nodes.Element()
        self.state.nested_parse(StringList(text, source=self.get_location()), 0, node)
        return node.children


def kind_of(thing: Any) -> str:
    """Return the kind of autodoc directive for `thing`."""
    if inspect.isclass(thing):
        return "exception" if issubclass(thing, BaseException) else "class"
    return "function" if callable(thing) else "data"


def entry(module: Any, name: str, thing: Any) -> list[str]:
    """Return the lines that document `thing` as ``module.name``."""
    kind = kind_of(thing)
    if kind == "data":
        return [f".. py:data:: {module.__name__}.{name}", "", f"   {comment_above(module, name)}", ""]
    lines = [f".. auto{kind}:: {module.__name__}.{name}"]
    if kind in ("class", "exception"):
        lines += ["   :members:"]
        if thing.__module__ not in ADAPTERS:
            lines += [f"   :inherited-members: {BASES}"]
    return [*lines, ""]


def comment_above(module: Any, name: str) -> str:
    """Return the comment above the assignment of `name` in the source of `module`; the value's repr without one."""
    source = inspect.getsource(module)
    found = re.search(rf"((?:^#.*\n)+){name}\b.*=", source, re.MULTILINE)
    if found is None:
        return f"``{getattr(module, name)!r}``"
    return " ".join(line.lstrip("# ") for line in found[1].splitlines())


def name_cloud(names: list[str]) -> list[str]:
    """Return a paragraph of names."""
    return [".. container:: names", "", "   " + " ".join(f"``{name}``" for name in names), ""]


class Api(GeneratedDirective):
    """``{api} MODULE``: document the names in the body."""

    def run(self) -> list[nodes.Node]:
        """Return the entries of the names."""
        module = importlib.import_module(self.arguments[0])
        lines: list[str] = []
        for name in " ".join(self.content).split():
            if name not in module.__all__:
                raise self.error(f"{module.__name__} exports no {name}")
            lines += entry(module, name, getattr(module, name))
        return self.parse_generated(lines)


class ApiRest(GeneratedDirective):
    """``{api-rest} MODULE``: document what MODULE exports and no ``{api}`` lists."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        """Return a full entry for what only MODULE exports, and a link for what has an entry elsewhere."""
        folder = Path(self.env.srcdir) / "reference"
        listed = listed_names(folder)
        module = importlib.import_module(self.arguments[0])
        elsewhere: dict[int, str] = {}
        for other, names in [*listed.items(), *rests_before(module.__name__, folder)]:
            for name in names:
                elsewhere.setdefault(id(getattr(importlib.import_module(other), name)), f"{other}.{name}")
        lines: list[str] = []
        for name in sorted(set(module.__all__) - listed.get(module.__name__, set())):
            thing = getattr(module, name)
            home = elsewhere.get(id(thing))
            if home is None:
                lines += entry(module, name, thing)
            else:
                kind = kind_of(thing)
                lines += [f".. py:{kind}:: {module.__name__}.{name}", "   :no-typesetting:", ""]
                lines += [f"- ``{name}``: see :py:obj:`{home}`.", ""]
        return self.parse_generated(lines)


class Behind(GeneratedDirective):
    """``{behind} CLASS``: document a class that no public module exports, and the members in the body."""

    def run(self) -> list[nodes.Node]:
        """Return the entry of the class, under its own name: programs get its objects from others."""
        module, _, name = self.arguments[0].rpartition(".")
        thing = getattr(importlib.import_module(module), name)
        text = (inspect.getdoc(thing) or "").splitlines()
        render_docstring(self.env.app, "class", name, thing, None, text)
        lines = [f".. py:class:: {name}", "", *(f"   {line}" for line in text), ""]
        for member in " ".join(self.content).split():
            kind = "property" if isinstance(inspect.getattr_static(thing, member), property) else "method"
            lines += [f"   .. auto{kind}:: {self.arguments[0]}.{member}", ""]
        return self.parse_generated(lines)


class Twin(GeneratedDirective):
    """``{twin} MODULE``: list the cooperative names of a twin, then all other names."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        """Return the entry of the module."""
        module = importlib.import_module(self.arguments[0])
        standard = {"thread": "_thread"}.get(
            module.__name__.rpartition(".")[2], module.__name__.rpartition(".")[2]
        )
        original = importlib.import_module(standard)
        own = [name for name in module.__all__ if getattr(module, name) is not getattr(original, name)]
        same = [name for name in module.__all__ if name not in own]
        lines = [f".. py:module:: {module.__name__}", "", *(module.__doc__ or "").splitlines(), ""]
        lines += ["Cooperative here:", "", *name_cloud(own)]
        if same:
            summary = f"{len(same)} names are the standard module's own"
            lines += [".. raw:: html", "", f"   <details><summary>{summary}</summary>", ""]
            lines += [*name_cloud(same), ".. raw:: html", "", "   </details>", ""]
        return self.parse_generated(lines)


class NameRole(SphinxRole):
    """A name in backquotes: code, and a link if the reference has the name."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the reference, which `resolve` completes."""
        text = self.text.removesuffix("()")
        reference = addnodes.pending_xref(
            "",
            nodes.literal(self.text, self.text, classes=["xref", "py"]),
            refdomain="",
            reftype="greenrt-name",
            reftarget=text,
            refdoc=self.env.docname,
            around=[self.env.ref_context.get("py:module"), self.env.ref_context.get("py:class")],
        )
        return [reference], []


def resolve(app: Sphinx, env: Any, node: addnodes.pending_xref, content: nodes.Node) -> nodes.Node | None:
    """Return a link for a name of the default role, or its text; the text for names of the standard library."""
    target = node["reftarget"]
    known = env.domains.python_domain.objects
    if node.get("reftype") == "greenrt-name":
        module, owner = node["around"]
        places = [f"{module}.{owner}.{target}"] if owner else []
        places += [target, f"{module}.{target}"]
    elif node.get("refdomain") == "py" and not _is_ours(target):
        # Annotations name the modules that define a class, not those that export it.
        target = target.rpartition(".")[2]
        places = [target]
    else:
        return None
    for place in (*places, *(f"{facade}.{target}" for facade in FACADES)):
        if place in known:
            found = known[place]
            return make_refnode(app.builder, node["refdoc"], found.docname, found.node_id, [content], place)
    return content


def _is_ours(target: str) -> bool:
    """Whether `target` should be in the reference: no name of the standard library, an annotation or an internal."""
    # A name without a module comes from an annotation that is a text, of a class that only type checkers import.
    # The names of twins are listed as text.
    internal = "._" in target or target.startswith("greenrt.green.")
    if internal or ("." not in target and target[:1].isupper()):
        return False
    if target.startswith("greenrt"):
        module, _, name = target.rpartition(".")
        try:
            home = importlib.import_module(module or "greenrt")
        except ImportError:
            # A member of a class.
            return True
        return not hasattr(home, name) or name in getattr(home, "__all__", ())
    first = target.partition(".")[0]
    known = first in sys.stdlib_module_names or hasattr(importlib.import_module("builtins"), first)
    places = [
        importlib.import_module(place)
        for place in ("collections.abc", "greenlet", "typing", "types", "socket", "ssl")
    ]
    return not (known or any(hasattr(place, first) for place in places))


def render_docstring(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Make lists of the blocks of arguments and attributes: paragraphs of ``name: description``."""
    made: list[str] = []
    for line in "\n".join(lines).strip().split("\n"):
        heading = HEADING.fullmatch(line)
        if heading:
            made += ["", f"**{heading[1]}:** {heading[2]}".rstrip()] + [""] * (not heading[2])
        else:
            # The attributes may follow in the same paragraph.
            made.append(re.sub(r"(?<=\. )Attributes: ", "**Attributes:** ", line))
    known = names_in(thing)
    text = "\n".join(made)
    # A parameter must not become a link to something else of its name.
    for parameter in parameters(thing):
        text = re.sub(rf"(?<!`)`{parameter}`(?!`)", f"``{parameter}``", text)
    lines[:] = []
    for paragraph in text.split("\n\n"):
        first = ITEM.fullmatch(paragraph.lstrip("\n").partition("\n")[0])
        if first and first[1].split(", ")[0].strip("*") in known:
            lines += items(paragraph.strip("\n").splitlines())
        else:
            lines += [*paragraph.splitlines(), ""]


def names_in(thing: Any) -> set[str]:
    """Return the names of parameters and attributes that the docstring of `thing` may describe."""
    found = set(dir(thing))
    for owner in (thing, *getattr(thing, "__mro__", ())):
        found |= set(getattr(owner, "__annotations__", ())) | set(getattr(owner, "__slots__", ()))
        found |= set(re.findall(r"self\.(\w+)", source_of(owner)))
    return found | parameters(thing)


def parameters(thing: Any) -> set[str]:
    """Return the names of the parameters of `thing`."""
    try:
        return set(inspect.signature(thing).parameters)
    except (TypeError, ValueError):
        return set()


def source_of(thing: Any) -> str:
    """Return the source of a class, or an empty text."""
    try:
        return inspect.getsource(thing) if inspect.isclass(thing) else ""
    except (OSError, TypeError):
        return ""


def items(paragraph: list[str]) -> list[str]:
    """Return a list of the items ``name: description``, whose descriptions may go on in further lines."""
    made: list[str] = []
    for line in paragraph:
        found = ITEM.fullmatch(line)
        if found:
            names = ", ".join(f"``{name}``" for name in found[1].split(", "))
            made.append(f"- {names}: {found[2]}")
        else:
            made.append(f"  {line.strip()}")
    return [*made, ""]


def skip_internal(app: Sphinx, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what `dir` of a public object doesn't show either: entries of the loop."""
    text = inspect.getdoc(thing) or ""
    return True if text.startswith("See `Entry.") else None


def show_public_bases(app: Sphinx, name: str, thing: Any, options: Any, bases: list[Any]) -> None:
    """Leave out base classes from private modules."""
    bases[:] = [base for base in bases if "._" not in getattr(base, "__module__", "")] or [object]


def check_complete(app: Sphinx, env: Any) -> None:
    """Warn of public names without an entry; `make docs` makes that an error."""
    known = env.domains.python_domain.objects
    # A twin's page lists the names of the standard module as text.
    names = {
        name.rpartition(".")[0] if name.startswith("greenrt.green.") else name for name in public.exported()
    }
    for module in ADAPTERS:
        names |= {f"{module}.{name}" for name in importlib.import_module(module).__all__}
    for name in sorted(names - set(known)):
        LOGGER.warning("the reference has no entry for the public name %s", name, location="reference/index")


def plain_signature(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, arguments: str | None, result: str | None
) -> tuple[str | None, str | None]:
    """Show type variables by their names, and defaults that are made for each object as dots."""
    return tuple(
        text and text.replace("~typing.", "").replace("<factory>", "...") for text in (arguments, result)
    )  # type: ignore[return-value]


def refuse_to_patch() -> None:
    """Let the Celery adapter be imported here without patching Sphinx's own process."""
    import greenrt.monkey

    kept = greenrt.monkey.patch_all
    greenrt.monkey.patch_all = lambda *args, **kwargs: True  # type: ignore[assignment]
    try:
        importlib.import_module("greenrt.adapters.celery")
    finally:
        greenrt.monkey.patch_all = kept


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all of it with Sphinx."""
    refuse_to_patch()
    app.add_directive("api", Api)
    app.add_directive("api-rest", ApiRest)
    app.add_directive("behind", Behind)
    app.add_directive("twin", Twin)
    app.add_role("greenrt-name", NameRole())
    app.connect("autodoc-process-docstring", render_docstring)
    app.connect("autodoc-skip-member", skip_internal)
    app.connect("autodoc-process-signature", plain_signature)
    app.connect("autodoc-process-bases", show_public_bases)
    app.connect("env-check-consistency", check_complete)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
