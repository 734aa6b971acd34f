"""What a running program does: its greenlets, their states, what they wait for, their stacks, and stalls.

Nothing here costs anything until it is called. Any native thread, greenlet and signal handler may call it.
"""

from greenrt.inspect.growth import Growth, growth
from greenrt.inspect.instruments import Instrument, add_instrument, remove_instrument
from greenrt.inspect.listener import Listener, listen
from greenrt.inspect.places import Place
from greenrt.inspect.records import Record, greenlets
from greenrt.inspect.report import dump
from greenrt.inspect.signal_source import dump_on_signal
from greenrt.inspect.stall import Stall
from greenrt.inspect.stats import (
    DnsStats,
    Durations,
    GreenletPoolStats,
    HubStats,
    PoolStats,
    QueueStats,
    ServerStats,
    Stats,
    WatchStats,
    stats,
)
from greenrt.inspect.watchdog import Watch, watch

__all__ = [
    "DnsStats",
    "Durations",
    "GreenletPoolStats",
    "Growth",
    "HubStats",
    "Instrument",
    "Listener",
    "Place",
    "PoolStats",
    "QueueStats",
    "Record",
    "ServerStats",
    "Stall",
    "Stats",
    "Watch",
    "WatchStats",
    "add_instrument",
    "dump",
    "dump_on_signal",
    "greenlets",
    "growth",
    "listen",
    "remove_instrument",
    "stats",
    "watch",
]
