"""How much `gc.freeze` hides from the lists of the garbage collector."""

import gc

__all__ = ["hidden_objects"]

# CPython 3.12 freezes some hundreds of objects when it starts. A program has many thousands from its first line on.
INTERPRETERS_OWN = 1000


def hidden_objects() -> int:
    """Return how many objects the program has hidden by `gc.freeze`; 0 if it has not called it."""
    count = gc.get_freeze_count()
    return count if count > INTERPRETERS_OWN else 0
