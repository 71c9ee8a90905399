"""The query parameters of the routes, with their limits."""

import re
from collections import Counter
from collections.abc import Callable, Collection
from typing import Annotated, Any, Final, Literal

from fastapi import Depends, Query, Request
from pydantic import Field
from pydantic.config import JsonDict
from pydantic.json_schema import SkipJsonSchema

from ginkgo_logging.query.model import NAMED_FIELDS
from ginkgo_logging.web.problems import BadParameterError

MOST_ROWS: Final = 1000
MOST_OFFSET: Final = 10_000
MOST_STEPS: Final = 240

_REPEATABLE: Final = frozenset({"level", "field"})
_FIELD: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,99}):([\s\S]{1,500})")
# What has a parameter of its own is asked for by that; the others are names of arguments in Python.
_NOT_A_FIELD: Final = frozenset(
    {"level", "contains", "regex", "start_time", "end_time", "limit", "offset", "order"}
    | {"where", "step", "field", "self", "call"}
)

# What OpenAPI says of values that are refused with 400 by the service, or here. Of levels the service knows more:
# capitals, and those that the program has given names.
_NOT_EMPTY: Final[JsonDict] = {"minLength": 1}
_MOMENT: Final[JsonDict] = {"format": "date-time"}
_LEVEL: Final[JsonDict] = {"enum": ["debug", "info", "warning", "error", "critical"]}
_OTHER_FIELD: Final[JsonDict] = {
    "pattern": f"^(?!(?:{'|'.join(sorted(_NOT_A_FIELD))}):){_FIELD.pattern}$",
}

LINES: Final = frozenset({*NAMED_FIELDS, "level", "contains", "field"})
"""The parameters of `line_filters`."""

TIMED: Final = LINES | {"start_time", "end_time"}
"""The parameters of `timed_filters`."""

Nothing = SkipJsonSchema[None]
"""None for a parameter that is left out; there is no value of it that a client could send."""

Identifier = Annotated[str | Nothing, Query(max_length=500, json_schema_extra=_NOT_EMPTY)]
Moment = Annotated[
    str | Nothing,
    Query(max_length=40, description="RFC 3339, such as 2026-02-26T10:30:00Z", json_schema_extra=_MOMENT),
]
Levels = Annotated[list[Annotated[str, Field(json_schema_extra=_LEVEL)]], Field(max_length=8)]
OtherFields = Annotated[list[Annotated[str, Field(json_schema_extra=_OTHER_FIELD)]], Field(max_length=8)]
Order = Annotated[Literal["asc", "desc"], Query(description="`desc` is the newest first")]
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS)]
Offset = Annotated[
    int, Query(ge=0, le=MOST_OFFSET, description="Give `end_time` too, or new rows move the pages")
]
Steps = Annotated[int, Query(ge=1, le=MOST_STEPS, description="How many steps at most")]


def line_filters(
    *,
    portfolio_id: Identifier = None,
    strategy_id: Identifier = None,
    trace_id: Identifier = None,
    level: Annotated[
        Levels | Nothing, Query(description="One of several: `level=error&level=critical`")
    ] = None,
    log_category: Identifier = None,
    logger_name: Identifier = None,
    contains: Annotated[
        str | Nothing,
        Query(
            max_length=500,
            description="In message, error message or stack trace, as it is",
            json_schema_extra=_NOT_EMPTY,
        ),
    ] = None,
    field: Annotated[OtherFields | Nothing, Query(description="Any other field: `field=task_id:7`")] = None,
) -> dict[str, Any]:
    """Return the filters on lines that the client gave, as `LogService` takes them."""
    given: dict[str, Any] = {
        "portfolio_id": portfolio_id,
        "strategy_id": strategy_id,
        "trace_id": trace_id,
        "level": level,
        "log_category": log_category,
        "logger_name": logger_name,
        "contains": contains,
    }
    found = {name: value for name, value in given.items() if value is not None}
    for one in field or ():
        match = _FIELD.fullmatch(one)
        if match is None:
            raise BadParameterError("field", f"{one!r} is not name:value")
        name, value = match.groups()
        if name in _NOT_A_FIELD:
            raise BadParameterError("field", f"{name!r} cannot be asked for as a field")
        if name in found:
            raise BadParameterError("field", f"{name!r} is asked for twice")
        found[name] = value
    return found


LineFilters = Annotated[dict[str, Any], Depends(line_filters)]


def timed_filters(
    filters: LineFilters, *, start_time: Moment = None, end_time: Moment = None
) -> dict[str, Any]:
    """Return the filters on lines and time."""
    times = {"start_time": start_time, "end_time": end_time}
    return filters | {name: value for name, value in times.items() if value is not None}


Filters = Annotated[dict[str, Any], Depends(timed_filters)]


def only(names: Collection[str]) -> Callable[[Request], None]:
    """Return a dependency that refuses parameters not in *names*, and those that are doubled.

    A filter that is misspelt would otherwise be left out, and its answer taken for what was asked.
    """

    def check(request: Request) -> None:
        for name, count in Counter(name for name, _ in request.query_params.multi_items()).items():
            if name not in names:
                raise BadParameterError(name[:100], "there is no such parameter")
            if count > 1 and name not in _REPEATABLE:
                raise BadParameterError(name, "is given twice")

    return check
