"""The headers of a trace: what is read from them, what is refused, what is written, and what is bound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ginkgo_logging import context, propagation, trace_headers
from ginkgo_logging.trace_headers import Trace

ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
PARENT = f"00-{ID}-{SPAN}-01"


def _read(**headers: str) -> Trace | None:
    """Read headers that are written as keywords."""
    by_name = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return trace_headers.read(lambda name: by_name.get(name.lower()))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (PARENT, Trace(ID, SPAN, 1)),
        (f" {PARENT}\t", Trace(ID, SPAN, 1)),
        (f"00-{ID}-{SPAN}-00", Trace(ID, SPAN, 0)),
        (f"00-{ID}-{SPAN}-ff", Trace(ID, SPAN, 0xFF)),
        (f"cc-{ID}-{SPAN}-03", Trace(ID, SPAN, 1)),
        (f"cc-{ID}-{SPAN}-01-what the future will be like", Trace(ID, SPAN, 1)),
        (f"cc-{ID}-{SPAN}-01.what", None),
        (f"ff-{ID}-{SPAN}-01", None),
        (f"00-{ID}-{SPAN}-01-", None),
        (f"00-{ID}-{SPAN}-01-more", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{ID}-{'0' * 16}-01", None),
        (f"00-{ID.upper()}-{SPAN}-01", None),
        (f"00-{ID[1:]}-{SPAN}-01", None),
        (f"00-{ID}-{SPAN}-1", None),
        (f"00-{ID}-{SPAN}", None),
        (f"{PARENT},{PARENT}", None),
        (f"{PARENT}\n", None),
        (f"00-{'٣' * 32}-{SPAN}-01", None),
        ("", None),
    ],
)
def test_traceparent(value: str, expected: Trace | None) -> None:
    """A traceparent is taken as the W3C recommendation has it, and otherwise not at all."""
    assert expected == trace_headers.parse_traceparent(value)


@pytest.mark.parametrize("value", ["trace-1", "a" * 128, "Root=1-67891233-abcdef0", "svc/a:b@c.d_e+f", " x "])
def test_x_trace_id_may_be_any_plain_word(value: str) -> None:
    """Ids of other makers are taken as they are, without the blanks that HTTP allows around a value."""
    assert Trace(value.strip()) == _read(X_Trace_ID=value)


@pytest.mark.parametrize(
    "value",
    ["", "a" * 129, "a b", "a\nb", "a\r\nSet-Cookie: b", "<script>", '"} | json', "é", "a,b", "a\0", "`id`"],
)
def test_x_trace_id_that_could_do_harm_is_not_taken(value: str) -> None:
    """Neither what is too long nor what means something to a header, a terminal or a query counts as an id."""
    assert None is _read(X_Trace_ID=value)


def test_x_trace_id_decides_over_another_traceparent() -> None:
    """Of two traces the one in X-Trace-ID is taken, without the parent of the other."""
    assert Trace("trace-1") == _read(X_Trace_ID="trace-1", traceparent=PARENT, tracestate="a=1")


def test_both_headers_of_one_trace_are_read_together() -> None:
    """Where both name one trace, the parent's span, flags and state are known too."""
    assert Trace(ID, SPAN, 0, "a=1") == _read(
        X_Trace_ID=ID, traceparent=f"00-{ID}-{SPAN}-00", tracestate=" a=1 "
    )


@pytest.mark.parametrize("state", ["", "a=\n1", "a=" + "1" * 511, "a=é"])
def test_tracestate_that_is_not_valid_is_dropped(state: str) -> None:
    """A bad tracestate costs itself and not the trace."""
    assert Trace(ID, SPAN, 1) == _read(traceparent=PARENT, tracestate=state)


@given(st.fixed_dictionaries({name: st.text() | st.just(PARENT) for name in trace_headers.NAMES}))
def test_whatever_the_headers_hold_nothing_is_raised_and_what_is_read_can_be_sent(
    headers: dict[str, str],
) -> None:
    """What was taken from a stranger's headers survives being sent on."""
    trace = trace_headers.read(headers.get)

    if trace is not None:
        assert trace.trace_id == trace_headers.write(trace)[trace_headers.TRACE_ID]


@pytest.mark.parametrize(
    ("trace", "expected"),
    [
        (Trace(ID, SPAN, 1), {"X-Trace-ID": ID, "traceparent": PARENT}),
        (
            Trace(ID, SPAN, 0xFE, "a=1"),
            {"X-Trace-ID": ID, "traceparent": f"00-{ID}-{SPAN}-02", "tracestate": "a=1"},
        ),
        (Trace("trace-1", SPAN), {"X-Trace-ID": "trace-1"}),
        (Trace(ID, None), {"X-Trace-ID": ID}),
        (Trace(ID, "span-1"), {"X-Trace-ID": ID}),
        (Trace("a\r\nb", SPAN), {}),
        (Trace("跟踪", SPAN), {}),
    ],
)
def test_written(trace: Trace, expected: dict[str, str]) -> None:
    """Only what its receiver may take is sent, with no flag that is not defined."""
    assert expected == trace_headers.write(trace)


def test_nothing_is_injected_without_a_trace() -> None:
    """Code without a trace sends no headers."""
    assert {} == propagation.inject()


def test_injected_headers_name_the_trace_and_the_span_that_sends() -> None:
    """The parent that the receiver sees is the sender's span, if that is one of W3C's."""
    with context.with_trace_id(ID), context.with_span_id(SPAN):
        assert {"X-Trace-ID": ID, "traceparent": PARENT} == propagation.inject()


def test_a_span_is_made_up_where_there_is_none_of_w3c() -> None:
    """A trace without a span, or with a span of another kind, still reaches those who speak W3C only."""
    with context.with_trace_id(), context.with_span_id("span-1"):
        parent = trace_headers.parse_traceparent(propagation.inject()["traceparent"])
        assert context.get_trace_id() == (parent and parent.trace_id)


def test_an_id_made_without_argument_is_one_of_w3c() -> None:
    """What with_trace_id() makes up can stand in a traceparent."""
    with context.with_trace_id() as trace_id, context.with_span_id() as span_id:
        assert trace_headers.is_w3c_trace_id(trace_id)
        assert trace_headers.is_w3c_span_id(span_id)


def test_received_trace_is_handed_on_with_its_flags_and_state() -> None:
    """A caller's decision not to sample, and its tracestate, reach the next service; the span is ours."""
    headers = {"traceparent": f"00-{ID}-{SPAN}-00", "tracestate": "a=1"}
    with propagation.received(headers.get):
        sent = propagation.inject()
        own = context.get_span_id()
        assert {"parent_span_id": SPAN} == context.get_bound()

    assert {"X-Trace-ID": ID, "traceparent": f"00-{ID}-{own}-00", "tracestate": "a=1"} == sent
    assert SPAN != own


def test_flags_of_the_caller_are_not_those_of_another_trace() -> None:
    """A new trace within a received one is sampled, and has no tracestate."""
    headers = {"traceparent": f"00-{ID}-{SPAN}-00", "tracestate": "a=1"}
    with propagation.received(headers.get), context.with_trace_id() as inner:
        sent = propagation.inject()

    assert inner == sent["X-Trace-ID"]
    assert sent["traceparent"].endswith("-01")
    assert "tracestate" not in sent


def test_flags_of_the_caller_end_with_its_work() -> None:
    """The same trace, bound again by the program itself, is not what a caller said of it before."""
    with propagation.received({"traceparent": f"00-{ID}-{SPAN}-00"}.get):
        pass

    with context.with_trace_id(ID):
        assert propagation.inject()["traceparent"].endswith("-01")


def test_received_restores_all_that_was_bound() -> None:
    """What is bound during the work is gone after it, and what was bound before is back."""
    with context.with_trace_id("outer"), context.bound(job=1, log_category="batch"):
        before = context.current()
        with propagation.received({}.get, log_category="web") as trace_id:
            context.bind(job=2, user="ann")
            context.set_trace_id("other")
            assert "web" == context.get_log_category()
        assert trace_headers.is_w3c_trace_id(trace_id)
        assert before == context.current()


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("HOST", "x"), ("X-TRACE-ID", "trace-1")], Trace("trace-1")),
        ([("x-trace-id", "one"), ("X-Trace-ID", "two"), ("Traceparent", PARENT)], Trace(ID, SPAN, 1)),
        ([("traceparent", PARENT), ("traceparent", PARENT)], None),
        ([], None),
    ],
)
def test_pairs(pairs: list[tuple[str, str]], expected: Trace | None) -> None:
    """Headers as pairs have names in any case; one that came twice is not valid."""
    assert expected == trace_headers.read_pairs(pairs)
