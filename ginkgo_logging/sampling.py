"""Decide which traces are kept, and hold a trace's items back until then; knows nothing of logging."""

import random
import threading
import zlib
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from ginkgo_logging.arguments import whole_number

_T = TypeVar("_T")

_RATES_REMEMBERED = 10_000


class Sampler:
    """Keep a share of the traces, each whole or not at all.

    A rate is the share that is kept, 0 (none) to 1 (all). The rate of an event is that of its logger
    or the nearest parent named in *loggers*; else that of its level in *levels*, in any case; else
    *default*. Thread-safe, and stateless: a forked child goes on as it is.
    """

    def __init__(
        self,
        *,
        default: float = 1.0,
        levels: Mapping[str, float] | None = None,
        loggers: Mapping[str, float] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._default = _rate("default", default)
        self._levels = {name.lower(): rate for name, rate in _rates("levels", levels).items()}
        self._loggers = _rates("loggers", loggers)
        self._chance = chance
        self._remembered: dict[tuple[str, str], float] = {}

    def rate_of(self, logger_name: str, level_name: str) -> float:
        """Return the share of such events that is kept."""
        rate = self._remembered.get((logger_name, level_name))
        if rate is None:
            rate = self._found_rate(logger_name, level_name)
            # A program that makes up logger names must not make this grow for ever.
            if len(self._remembered) < _RATES_REMEMBERED:
                self._remembered[logger_name, level_name] = rate
        return rate

    def keep(self, trace_id: str | None, rate: float) -> bool:
        """Return whether an event of this trace is kept at this rate.

        The answer depends on nothing but the two, so every process, host and run agrees; a trace
        kept at one rate is kept at every higher one. Without a trace it is left to *chance*, which
        gives numbers from 0 up to, not including, 1.
        """
        if rate >= 1.0:
            return True
        if rate <= 0.0:
            return False
        if not trace_id:
            return self._chance() < rate
        # Not hash(): that differs from process to process.
        return zlib.crc32(trace_id.encode("utf-8", "surrogatepass")) < rate * 2**32

    def _found_rate(self, logger_name: str, level_name: str) -> float:
        name = logger_name
        while name:
            if name in self._loggers:
                return self._loggers[name]
            name = name.rpartition(".")[0]
        return self._levels.get(level_name.lower(), self._default)


class TraceBuffer(Generic[_T]):
    """Hold the last items of each trace until they are asked for.

    At most *items* of one trace, the newest, and at most *traces*, those written to last. Law: items
    added = released + `evicted` + `held`. Thread-safe, also when a signal handler adds or releases.
    """

    def __init__(self, *, items: int = 200, traces: int = 1000) -> None:
        self._items = whole_number("items", items, least=1)
        self._traces = whole_number("traces", traces, least=1)
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Start empty, with a fresh lock; call it in a forked child and nowhere else.

        The items held are the parent's to write, and its lock may have been held by a thread that
        does not exist in the child: give this to `os.register_at_fork`.
        """
        self._lock = threading.RLock()
        self._rings: OrderedDict[str, deque[_T]] = OrderedDict()
        self._added = 0
        self._released = 0

    def add(self, trace_id: str, item: _T) -> None:
        """Hold *item* back, in place of the oldest of its trace or the oldest trace if there is no room."""
        with self._lock:
            self._added += 1
            # Taken out while it changes: a signal handler that releases the trace now finds nothing.
            ring = self._rings.pop(trace_id, None) or deque(maxlen=self._items)
            ring.append(item)
            self._rings[trace_id] = ring
            if len(self._rings) > self._traces:
                self._rings.popitem(last=False)

    def release(self, trace_id: str) -> list[_T]:
        """Take out what is held of this trace, in the order in which it was added."""
        with self._lock:
            items = list(self._rings.pop(trace_id, ()))
            self._released += len(items)
            return items

    @property
    def held(self) -> int:
        """How many items are held now."""
        with self._lock:
            return sum(len(ring) for ring in list(self._rings.values()))

    @property
    def evicted(self) -> int:
        """How many items were dropped for want of room, and will never be released."""
        with self._lock:
            return self._added - self._released - self.held


def _rates(option: str, rates: Mapping[str, float] | None) -> dict[str, float]:
    if rates is None:
        return {}
    if not isinstance(rates, Mapping) or not all(isinstance(name, str) for name in rates):
        raise ValueError(f"{option} must map names to rates from 0 to 1, got {rates!r}")
    return {name: _rate(f"{option}.{name}", rate) for name, rate in rates.items()}


def _rate(name: str, value: float) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError(f"{name} must be a number from 0 to 1, got {value!r}")
    return float(value)
