"""What a running program does: its greenlets, their states, what they wait for, and their stacks.

Nothing here costs anything until it is called. Any native thread, greenlet and signal handler may call it.
"""

from greenrt.inspect.records import Place, Record, greenlets
from greenrt.inspect.report import dump

__all__ = ["Place", "Record", "dump", "greenlets"]
