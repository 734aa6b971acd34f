"""gevent.threadpool: greenrt's pools of native threads."""

from greenrt.compat._missing import missing_names
from greenrt.sync import ThreadPool, ThreadPoolExecutor

__all__ = ["ThreadPool", "ThreadPoolExecutor"]

__getattr__ = missing_names(__name__, {})
