"""What a running program does: its greenlets, their states, what they wait for, their stacks, and stalls.

Nothing here costs anything until it is called. Any native thread, greenlet and signal handler may call it.
"""

from greenrt.inspect.records import Place, Record, greenlets
from greenrt.inspect.report import dump
from greenrt.inspect.watchdog import Stall, Watch, watch

__all__ = ["Place", "Record", "Stall", "Watch", "dump", "greenlets", "watch"]
