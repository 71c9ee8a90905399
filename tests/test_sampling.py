"""Sampler and TraceBuffer: whole traces are kept or dropped, and held items are accounted for."""

import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ginkgo_logging.sampling import Sampler, TraceBuffer

RATES = st.floats(0, 1)


def test_a_trace_is_kept_or_dropped_whole() -> None:
    """
    The same trace at the same rate has the same answer each time, from every sampler.
    """
    ids = [f"trace-{number}" for number in range(200)]

    answers = [[Sampler().keep(trace_id, 0.3) for trace_id in ids] for _ in range(3)]

    assert [answers[0]] * 3 == answers


def test_every_process_decides_alike() -> None:
    """
    A process with another hash seed keeps the same traces.
    """
    program = (
        "from ginkgo_logging.sampling import Sampler;"
        "print(''.join(str(int(Sampler().keep(f'trace-{n}', 0.5))) for n in range(64)))"
    )

    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "".join(str(int(Sampler().keep(f"trace-{n}", 0.5))) for n in range(64)) == there.stdout.strip()


@given(trace_id=st.text(min_size=1), one=RATES, other=RATES)
def test_a_higher_rate_keeps_what_a_lower_one_keeps(trace_id: str, one: float, other: float) -> None:
    """
    A service that samples less than its neighbour keeps a part of the neighbour's traces, not others.
    """
    low, high = sorted([one, other])

    assert not Sampler().keep(trace_id, low) or Sampler().keep(trace_id, high)


@pytest.mark.parametrize("form", ["{}", "{:032x}", "trace-{}"])
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
def test_the_share_that_is_kept_is_the_rate(form: str, rate: float) -> None:
    """
    Also of identifiers that differ only in a few characters.
    """
    kept = sum(Sampler().keep(form.format(number), rate) for number in range(20_000))

    assert rate == pytest.approx(kept / 20_000, rel=0.15)


@pytest.mark.parametrize("trace_id", ["a", "\ud800", "追踪", "x" * 10_000, "", None])
def test_rates_0_and_1_need_no_luck(trace_id: str | None) -> None:
    """
    Nothing is kept at 0 and everything at 1, whatever the identifier and the chance.
    """
    sampler = Sampler(chance=lambda: 0.0)

    assert [False, True] == [sampler.keep(trace_id, 0.0), sampler.keep(trace_id, 1.0)]


@pytest.mark.parametrize("trace_id", ["", None])
def test_without_a_trace_it_is_left_to_chance(trace_id: str | None) -> None:
    """
    Events without a trace are kept one by one, when the number drawn is below the rate.
    """
    sampler = Sampler(chance=iter([0.49, 0.5]).__next__)

    assert [True, False] == [sampler.keep(trace_id, 0.5), sampler.keep(trace_id, 0.5)]


def test_an_odd_trace_id_is_decided_too() -> None:
    """
    A lone surrogate, which cannot be encoded as UTF-8, does not raise.
    """
    assert Sampler().keep("\ud800", 0.5) in {True, False}


@pytest.mark.parametrize(
    ("logger", "level", "expected"),
    [
        ("app", "ERROR", 0.9),
        ("app", "DEBUG", 0.1),
        ("app", "debug", 0.1),
        ("sqlalchemy", "DEBUG", 0.2),
        ("sqlalchemy.engine", "INFO", 0.3),
        ("sqlalchemy.engine.Engine", "DEBUG", 0.3),
        ("sqlalchemyst", "DEBUG", 0.1),
        ("", "INFO", 0.9),
    ],
)
def test_the_nearest_logger_wins_over_the_level(logger: str, level: str, expected: float) -> None:
    """
    The most specific entry decides: logger, parent logger, level, default.
    """
    sampler = Sampler(
        default=0.9, levels={"Debug": 0.1}, loggers={"sqlalchemy": 0.2, "sqlalchemy.engine": 0.3}
    )

    assert [expected] * 2 == [sampler.rate_of(logger, level), sampler.rate_of(logger, level)]


def test_made_up_logger_names_do_not_fill_the_memory() -> None:
    """
    However many loggers there are, what is remembered of them is bounded and the answers stay right.
    """
    sampler = Sampler(levels={"debug": 0.5})

    rates = {sampler.rate_of(f"logger{number}", "DEBUG") for number in range(12_000)}

    assert ({0.5}, 10_000) == (rates, len(sampler._remembered))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"default": 1.5}, "default must be a number from 0 to 1, got 1.5"),
        ({"default": True}, "default must be a number from 0 to 1, got True"),
        ({"default": float("nan")}, "default must be a number from 0 to 1, got nan"),
        ({"levels": {"info": -1}}, "levels.info must be a number from 0 to 1, got -1"),
        ({"loggers": {"app": "0.5"}}, "loggers.app must be a number from 0 to 1, got '0.5'"),
        ({"loggers": ["app"]}, r"loggers must map names to rates from 0 to 1, got \['app'\]"),
        ({"levels": {10: 0.5}}, "levels must map names to rates from 0 to 1, got {10: 0.5}"),
    ],
)
def test_a_bad_rate_is_refused(options: dict[str, Any], message: str) -> None:
    """
    The message names the option, the value and what is allowed.
    """
    with pytest.raises(ValueError, match=f"^{message}$"):
        Sampler(**options)


def test_items_come_back_in_order_and_once() -> None:
    """
    Releasing a trace takes out its items, and no other trace's.
    """
    buffer = TraceBuffer[int]()
    for number in range(3):
        buffer.add("a", number)
        buffer.add("b", 10 + number)

    assert ([0, 1, 2], [], [10, 11, 12]) == (buffer.release("a"), buffer.release("a"), buffer.release("b"))


def test_a_full_trace_keeps_its_newest_items() -> None:
    """
    The oldest item of the trace makes room, and is counted.
    """
    buffer = TraceBuffer[int](items=2)
    for number in range(5):
        buffer.add("a", number)

    assert (3, 2, [3, 4]) == (buffer.evicted, buffer.held, buffer.release("a"))


def test_the_trace_that_was_silent_longest_makes_room() -> None:
    """
    A long trace that still goes on outlives a short one that has begun later.
    """
    buffer = TraceBuffer[int](traces=2)
    for trace_id in ("long", "short", "long", "new"):
        buffer.add(trace_id, 0)

    assert ([], 2, 1) == (buffer.release("short"), len(buffer.release("long")), buffer.evicted)


def test_a_forked_child_starts_empty() -> None:
    """
    The parent's items are not written a second time by its child, nor counted as lost.
    """
    buffer = TraceBuffer[int]()
    buffer.add("a", 1)

    buffer.reset_after_fork()

    assert ([], 0, 0) == (buffer.release("a"), buffer.held, buffer.evicted)


@given(
    st.lists(st.tuples(st.sampled_from("ar"), st.sampled_from("xyz"))),
    st.integers(1, 4),
    st.integers(1, 3),
)
def test_no_item_goes_unaccounted(steps: list[tuple[str, str]], items: int, traces: int) -> None:
    """
    Added = released + evicted + held, after any sequence of steps.
    """
    buffer = TraceBuffer[int](items=items, traces=traces)
    added = released = 0
    for step, trace_id in steps:
        if step == "a":
            buffer.add(trace_id, 0)
            added += 1
        else:
            released += len(buffer.release(trace_id))

    assert added == released + buffer.evicted + buffer.held
    assert buffer.held <= items * traces


def test_16_threads_lose_no_item() -> None:
    """
    The law holds when threads add to and release the same traces.
    """
    buffer = TraceBuffer[int](items=5, traces=4)
    released: list[int] = []

    def work(seed: int) -> None:
        for number in range(500):
            buffer.add(str((seed + number) % 7), number)
            if number % 11 == 0:
                released.append(len(buffer.release(str(number % 7))))

    run_together(work)

    assert 16 * 500 == sum(released) + buffer.evicted + buffer.held


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"items": 0}, "items must be a whole number from 1, got 0"),
        ({"traces": "many"}, "traces must be a whole number from 1, got 'many'"),
        ({"traces": True}, "traces must be a whole number from 1, got True"),
    ],
)
def test_a_bad_bound_is_refused(options: dict[str, Any], message: str) -> None:
    """
    The message names the option, the value and what is allowed.
    """
    with pytest.raises(ValueError, match=f"^{message}$"):
        TraceBuffer(**options)


def run_together(work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
