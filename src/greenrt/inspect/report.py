"""The dump: all greenlets as text or JSON, those with the same stack in one group."""

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import TextIO

from greenrt._loop.registry import describe_thread
from greenrt.inspect.records import Place, Record, greenlets

__all__ = ["dump"]

# How many names a group shows.
NAMES = 5
# The most interesting state comes first.
_ORDER = ["running", "ready", "suspended", "parked", "unstarted"]

Key = tuple[str, str, str, tuple[Place, ...], str, int]


def dump(file: TextIO | None = None, format: str = "text") -> None:
    """Write what all greenlets of the process do to `file`, or to stderr. Any thread may call this.

    format: "text", in which greenlets with the same stack form a group, or "json", which has a record of each. Raises
    ValueError for another format.
    """
    if format not in ("text", "json"):
        raise ValueError(f'format must be "text" or "json", not {format!r}')
    records = greenlets()
    text = as_text(records) if format == "text" else as_json(records)
    print(text, file=sys.stderr if file is None else file, flush=True)


def as_json(records: Iterable[Record]) -> str:
    """Return the records as a JSON object."""
    return json.dumps({"pid": os.getpid(), "greenlets": [asdict(record) for record in records]})


def as_text(records: list[Record]) -> str:
    """Return the records as text, grouped."""
    groups: dict[Key, list[Record]] = {}
    for record in records:
        groups.setdefault(_key(record), []).append(record)
    lines = [f"process {os.getpid()}: {_count(len(records), 'greenlet')}"]
    for members in sorted(groups.values(), key=_rank):
        lines += ["", *_group(members)]
    return "\n".join(lines)


def _key(record: Record) -> Key:
    # The address of what it waits on is not part of the group.
    waits_on = record.waits_on.partition(" at 0x")[0]
    return (record.state, record.function, waits_on, record.stack, record.spawned_at, record.thread)


def _rank(members: list[Record]) -> tuple[int, int]:
    return _ORDER.index(members[0].state), len(members)


def _group(members: list[Record]) -> list[str]:
    one = members[0]
    head = f"{_count(len(members), 'greenlet')} {one.state} in thread {describe_thread(one.thread)}"
    if one.waits_on:
        head += f", on {one.waits_on}" + (
            " and others" if len({each.waits_on for each in members}) > 1 else ""
        )
    left = [each.left for each in members if each.left is not None]
    if left:
        head += f", for at most {max(left):.1f} s"
    shown = ", ".join(each.name for each in members[:NAMES])
    more = f" and {len(members) - NAMES} more" if len(members) > NAMES else ""
    lines = [head, f"    {shown}{more}" + (f": {one.function}" if one.function else "")]
    if one.spawned_at:
        lines.append(f"    spawned at {one.spawned_at}")
    lines += [f"      {place}" for place in one.stack]
    return lines


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
