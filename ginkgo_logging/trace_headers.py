"""The headers that carry a trace between services: read with suspicion, written so that anyone can read them.

Knows nothing of logging. ``X-Trace-ID`` holds a trace id as it is; ``traceparent`` and ``tracestate`` are those
of W3C Trace Context (https://www.w3.org/TR/trace-context/, cited by section).
"""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

TRACE_ID = "X-Trace-ID"
TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
NAMES = (TRACE_ID, TRACEPARENT, TRACESTATE)
_LOWER = frozenset(name.lower() for name in NAMES)

MAX_TRACE_ID = 128
"""Characters that an id in ``X-Trace-ID`` may have."""

MAX_TRACESTATE = 512
"""Characters of ``tracestate`` that everybody should be able to hand on (section 3.3); more are dropped."""

SAMPLED = 0x01
"""The flag that says: this trace is recorded (section 3.2.2.5.1)."""

# And that of Level 2: its trace_id is random. All other flags must be sent as 0.
_KNOWN_FLAGS = SAMPLED | 0x02

# Nothing that means anything to a header, a shell, a markup, a query language or a terminal.
_TRACE_ID = re.compile(rf"[A-Za-z0-9._:/+=@-]{{1,{MAX_TRACE_ID}}}", re.ASCII)
_W3C_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}", re.ASCII)
_W3C_SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}", re.ASCII)
_TRACEPARENT = re.compile(
    rf"(?!ff)(?P<version>[0-9a-f]{{2}})-(?P<trace_id>{_W3C_TRACE_ID.pattern})"
    rf"-(?P<parent_id>{_W3C_SPAN_ID.pattern})-(?P<flags>[0-9a-f]{{2}})(?P<rest>-.*)?",
    re.ASCII,
)
_TRACESTATE = re.compile(rf"[\t\x20-\x7e]{{1,{MAX_TRACESTATE}}}", re.ASCII)


class Trace(NamedTuple):
    """What a caller says of the trace that it is in.

    ``parent_id`` is its span's id, None where it sent no valid ``traceparent`` for this trace_id; ``flags`` and
    ``tracestate`` are to be handed on as they are.
    """

    trace_id: str
    parent_id: str | None = None
    flags: int = SAMPLED
    tracestate: str | None = None


def is_trace_id(value: str) -> bool:
    """Return whether *value* may stand in ``X-Trace-ID``."""
    return _TRACE_ID.fullmatch(value) is not None


def is_w3c_trace_id(value: str) -> bool:
    """Return whether *value* may stand in ``traceparent``: 32 lower-case hex digits, not all 0 (3.2.2.3)."""
    return _W3C_TRACE_ID.fullmatch(value) is not None


def is_w3c_span_id(value: str) -> bool:
    """Return whether *value* may stand in ``traceparent``: 16 lower-case hex digits, not all 0 (3.2.2.4)."""
    return _W3C_SPAN_ID.fullmatch(value) is not None


def parse_traceparent(value: str) -> Trace | None:
    """Return what *value* says, or None if it is not valid (section 3.2.2).

    A later version than 00 may say more after what is known (section 3.2.4); then only the sampled flag counts.
    """
    match = _TRACEPARENT.fullmatch(value.strip(" \t"))
    if match is None:
        return None
    flags = int(match["flags"], 16)
    if match["version"] != "00":
        flags &= SAMPLED
    elif match["rest"]:
        return None
    return Trace(match["trace_id"], match["parent_id"], flags)


def read(get: Callable[[str], str | None]) -> Trace | None:
    """Return the trace that headers name, None without a valid one; *get* returns the value of a header.

    The headers are a stranger's: what is not valid counts as absent, and nothing is raised for it. With both,
    ``X-Trace-ID`` decides, as only it can carry any id. A header that came twice is to be joined by commas, and
    thereby not valid.
    """
    parent = parse_traceparent(get(TRACEPARENT) or "")
    trace_id = (get(TRACE_ID) or "").strip(" \t")
    if is_trace_id(trace_id) and (parent is None or parent.trace_id != trace_id):
        return Trace(trace_id)
    if parent is None:
        return None
    state = (get(TRACESTATE) or "").strip(" \t")
    return parent._replace(tracestate=state) if _TRACESTATE.fullmatch(state) else parent


def read_pairs(pairs: Iterable[tuple[str, str]]) -> Trace | None:
    """Do what `read` does for headers that come one after the other, their names in any case."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if (key := name.lower()) in _LOWER:
            found[key] = f"{found[key]},{value}" if key in found else value
    return read(lambda name: found.get(name.lower())) if found else None


def write(trace: Trace) -> dict[str, str]:
    """Return the headers for *trace*, whose ``parent_id`` is the sender's own span.

    ``traceparent`` is left out where the ids are not W3C's, and ``X-Trace-ID`` where an id could do harm there.
    """
    headers = {}
    if is_trace_id(trace.trace_id):
        headers[TRACE_ID] = trace.trace_id
    if is_w3c_trace_id(trace.trace_id) and trace.parent_id and is_w3c_span_id(trace.parent_id):
        # Version 00, whatever version came in: what a later one added is not known here (section 3.2.4).
        headers[TRACEPARENT] = f"00-{trace.trace_id}-{trace.parent_id}-{trace.flags & _KNOWN_FLAGS:02x}"
        if trace.tracestate:
            headers[TRACESTATE] = trace.tracestate
    return headers
