"""Tables of results for texts that come again and again, such as field names. Clients can choose these texts."""

from greenrt._typing import Any

__all__ = ["LONGEST", "MOST", "remember"]

# Entries of a table, and characters of a key: together they bound the table's memory to a few hundred KiB.
MOST = 1000
LONGEST = 64


def remember(table: dict[str, Any], key: str, value: Any) -> None:
    """Store `value` under `key`, unless the key is long.

    A full table is cleared first: keys that come again are soon back, and those of an attack are gone.
    """
    if len(key) > LONGEST:
        return
    if len(table) >= MOST:
        table.clear()
    table[key] = value
