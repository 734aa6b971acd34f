"""Caches of results for texts that repeat, such as field names. Clients can choose these texts."""

from greenrt._typing import Any

__all__ = ["LONGEST", "MOST", "remember"]

# The most entries of a table and the most characters of a key. Together they bound the table's memory to a few
# hundred KiB.
MOST = 1000
LONGEST = 64


def remember(table: dict[str, Any], key: str, value: Any) -> None:
    """Store `value` under `key`, unless the key is long.

    A full table is cleared first: keys that repeat soon return, while those of an attack stay away.
    """
    if len(key) > LONGEST:
        return
    if len(table) >= MOST:
        table.clear()
    table[key] = value
