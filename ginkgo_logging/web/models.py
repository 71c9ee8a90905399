"""What the routes answer, as OpenAPI describes it."""

from typing import Any, Literal

from pydantic import BaseModel, Field


class LogPage(BaseModel):
    """One page of log lines."""

    rows: list[dict[str, Any]] = Field(description="The JSON lines, as they were logged.")
    limit: int
    offset: int
    more: bool = Field(description="Whether there are rows after this page.")
    end_time: str = Field(description="The end of what was asked; give it with the next page's `offset`.")


class LogCount(BaseModel):
    """How many log lines there are, exactly."""

    count: int
    levels: dict[str, int] = Field(description="By level; rows without one are under the empty text.")
    end_time: str


class Bar(BaseModel):
    """The log lines of one step of a histogram."""

    start_time: str
    levels: dict[str, int]


class LogHistogram(BaseModel):
    """How many log lines there are by time and level, exactly."""

    start_time: str
    end_time: str
    step_seconds: float
    count: int
    levels: dict[str, int]
    bars: list[Bar] = Field(description="In the order of time; steps without rows are left out.")


class LogTrace(BaseModel):
    """The log lines of one trace in the order of time."""

    trace_id: str
    rows: list[dict[str, Any]]
    truncated: bool = Field(description="Whether the trace has more rows than were asked for.")


class Problem(BaseModel):
    """Why there is no answer."""

    error: Literal["bad_request", "too_many_streams", "unavailable"]
    detail: str
    parameter: str | None = Field(description="The parameter that is wrong, where one is.")
