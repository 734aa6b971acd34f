"""A snapshot as JSON, in pieces: to copy one text of very many greenlets would hold the GIL for long."""

import json
from collections.abc import Iterable
from json.encoder import encode_basestring_ascii
from operator import attrgetter

from greenrt._typing import Any
from greenrt.inspect.places import Place
from greenrt.inspect.records import Record, Recorder
from greenrt.inspect.sightings import Sighting
from greenrt.inspect.snapshot import Snapshot

__all__ = ["json_pieces", "records_as_json"]

# The most records of a piece.
RECORDS = 100


def records_as_json(sightings: Iterable[Sighting], recorder: Recorder) -> list[str]:
    """Return texts that are together the items of a JSON array. Each has the records of several greenlets."""
    texts = _Texts()
    pieces: list[str] = []
    some: list[str] = []
    for seen in sightings:
        if len(some) == RECORDS:
            pieces.append(", ".join(some))
            # The next text begins with a comma: each text is written on its own.
            some = [""]
        some.append(texts.of(recorder.record(seen)))
    return [*pieces, ", ".join(some)]


def json_pieces(snapshot: Snapshot[list[str]]) -> list[str]:
    """Return the pieces of one JSON object. The snapshot was taken with `records_as_json`."""
    pieces = []
    opening = "{"
    for name in snapshot.__slots__:
        head = f"{opening}{_text(name)}: "
        opening = ", "
        if name != "greenlets":
            pieces.append(head + _text(getattr(snapshot, name)))
            continue
        pieces += (f"{head}[", *snapshot.greenlets, "]")
    return [*pieces, "}"]


def _text(value: Any) -> str:
    return json.dumps(value, default=_fields)


def _fields(value: Any) -> dict[str, Any]:
    # dataclasses.asdict copies everything below the value too.
    return {name: getattr(value, name) for name in value.__slots__}


# The form of a record's text, and what returns the values for it.
_FORM = f"{{{', '.join(f'{_text(name)}: %s' for name in Record.__slots__)}}}"
_VALUES = attrgetter(*Record.__slots__)


class _Texts:
    """Makes the texts of records. For very many, `json.dumps` would take most of the time of a dump."""

    def __init__(self) -> None:
        # By the id of the stack, which many records share. It is kept, so that its id stays its own.
        self._stacks: dict[int, tuple[tuple[Place, ...], str]] = {}

    def of(self, record: Record) -> str:
        """Return the text of a record."""
        return _FORM % tuple(
            [
                encode_basestring_ascii(value) if type(value) is str else self._other(value)
                for value in _VALUES(record)
            ]
        )

    def _other(self, value: Any) -> str:
        if value is None:
            return "null"
        if type(value) is int:
            return str(value)
        if type(value) is not tuple:
            return _text(value)
        if value and type(value[0]) is str:
            return f"[{', '.join(map(encode_basestring_ascii, value))}]"
        known = self._stacks.get(id(value))
        if known is None:
            known = self._stacks[id(value)] = value, _text(value)
        return known[1]
