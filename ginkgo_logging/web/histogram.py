"""How many lines by time and level, in steps of a length that a person would choose."""

from collections import Counter
from datetime import timedelta
from typing import Any, Final, cast

from ginkgo_logging import fields
from ginkgo_logging.query import AsyncLogService, arguments
from ginkgo_logging.query.model import NANOSECONDS, rfc3339, timestamp_ns

_SECOND: Final = NANOSECONDS
_MICROSECOND: Final = 1000
_STEPS: Final = [
    *(_SECOND // part for part in (100, 50, 20, 10, 5, 2)),
    *(_SECOND * seconds for seconds in (1, 2, 5, 10, 15, 30)),
    *(60 * _SECOND * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(3600 * _SECOND * hours for hours in (1, 2, 3, 6, 12)),
]
_DAY: Final = 24 * 3600 * _SECOND


async def histogram_of(service: AsyncLogService, filters: dict[str, Any], steps: int) -> dict[str, Any]:
    """Return the histogram of at most *steps* steps; *filters* must have an ``end_time``.

    Without a ``start_time`` it reaches from the first row to the last. Raises what the service raises.
    """
    end = _moment(filters, "end_time")
    if "start_time" in filters:
        start = _moment(filters, "start_time")
        step = _step(end - start, steps)
    else:
        start, filters = await _fitted(service, filters, steps)
        end = _moment(filters, "end_time")
        step = _step(end - start, steps)
    found = await service.histogram(timedelta(microseconds=step // _MICROSECOND), **filters)
    levels: Counter[str] = Counter()
    for counts in found.values():
        levels.update(counts)
    return {
        "start_time": filters["start_time"],
        "end_time": filters["end_time"],
        "step_seconds": step / _SECOND,
        "count": levels.total(),
        "levels": dict(levels),
        "bars": [{"start_time": rfc3339(at), "levels": counts} for at, counts in sorted(found.items())],
    }


async def _fitted(
    service: AsyncLogService, filters: dict[str, Any], steps: int
) -> tuple[int, dict[str, Any]]:
    """Return where the steps begin, and *filters* from there to just after the last row.

    Nothing lies before the first row, so the steps begin where a clock's would.
    """
    end = _moment(filters, "end_time")
    oldest = await service.query_logs(order="asc", limit=1, **filters)
    newest = await service.query_logs(order="desc", limit=1, **filters)
    if not oldest or not newest:
        return end, {**filters, "start_time": filters["end_time"]}
    first, last = (timestamp_ns(row[fields.TIMESTAMP]) for row in (oldest[0], newest[0]))
    after = (last // _MICROSECOND + 1) * _MICROSECOND
    step = _step(after - first, steps)
    step = _step(after - first // step * step, steps)
    start = first // step * step
    times = {"start_time": rfc3339(start)} | ({"end_time": rfc3339(after)} if after < end else {})
    return start, filters | times


def _step(span: int, steps: int) -> int:
    """Return the shortest of the usual lengths that makes no more than *steps* steps."""
    for step in _STEPS:
        if span <= steps * step:
            return step
    days = -(-span // (steps * _DAY))
    return days * _DAY


def _moment(filters: dict[str, Any], name: str) -> int:
    return cast(int, arguments.parse_moment(name, filters[name]))  # None only for None
