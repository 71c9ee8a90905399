"""Throttle and pattern_of: what is held back is counted, reported once, and never grows without bound."""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ginkgo_logging.error_patterns import pattern_of
from ginkgo_logging.throttling import OTHERS, PatternStats, Summary, Throttle, ThrottleStats, merged


class Clock:
    """
    A clock that the test turns.
    """

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def admit(throttle: Throttle, key: str, times: int) -> list[bool]:
    return [throttle.admit(key, f"{key} happened", f"{key} detail")[0] for _ in range(times)]


def test_the_first_events_of_a_window_pass(clock: Clock) -> None:
    """
    Up to the limit events pass, the rest of the window does not.
    """
    throttle = Throttle(limit=2, seconds=60, clock=clock)

    assert [True, True, False, False] == admit(throttle, "boom", 4)


def test_patterns_do_not_share_a_limit(clock: Clock) -> None:
    """
    One pattern's flood holds no other pattern back.
    """
    throttle = Throttle(limit=1, clock=clock)
    admit(throttle, "flood", 5)

    assert [True] == admit(throttle, "other", 1)


def test_the_next_window_begins_with_the_summary_of_the_last(clock: Clock) -> None:
    """
    The event that opens a window passes, and tells what the previous one held back.
    """
    throttle = Throttle(limit=1, seconds=60, clock=clock)
    admit(throttle, "boom", 1)
    clock.now += 10
    admit(throttle, "boom", 1)
    clock.now += 20
    admit(throttle, "boom", 1)
    clock.now += 30

    outcome = throttle.admit("boom", "another example")

    assert (True, Summary("boom", "boom happened", 2, 1010.0, 1030.0, "boom detail")) == outcome


def test_a_window_that_held_nothing_back_ends_in_silence(clock: Clock) -> None:
    """
    There is no summary of nothing.
    """
    throttle = Throttle(limit=1, seconds=60, clock=clock)
    admit(throttle, "boom", 1)
    clock.now += 60

    assert (True, None) == throttle.admit("boom")


def test_what_is_due_is_handed_over_once(clock: Clock) -> None:
    """
    A window's summary is due when it ends, not before and not twice.
    """
    throttle = Throttle(limit=1, seconds=60, clock=clock)
    admit(throttle, "boom", 3)

    clock.now += 59.9
    early = throttle.due()
    clock.now += 0.1
    now = throttle.due()
    late = throttle.due()

    assert ([], [2], []) == (early, [summary.suppressed for summary in now], late)


def test_an_event_after_its_summary_opens_a_window(clock: Clock) -> None:
    """
    A summary that `due` has handed over is not handed over again by `admit`.
    """
    throttle = Throttle(limit=1, seconds=60, clock=clock)
    admit(throttle, "boom", 2)
    clock.now += 60
    throttle.due()

    assert (True, None) == throttle.admit("boom")


def test_due_takes_only_what_has_ended(clock: Clock) -> None:
    """
    Of two windows the one that opened first is due first, also if the other held back first.
    """
    throttle = Throttle(limit=1, seconds=60, clock=clock)
    admit(throttle, "early", 1)
    clock.now += 10
    admit(throttle, "late", 2)
    admit(throttle, "early", 1)
    clock.now += 50

    assert ["early"] == [summary.key for summary in throttle.due()]
    assert 1070.0 == throttle.next_due


def test_next_due_follows_what_is_held_back(clock: Clock) -> None:
    """
    A timer has nothing to wait for while nothing is held back.
    """
    throttle = Throttle(limit=1, seconds=60, clock=clock)
    moments = [throttle.next_due]
    admit(throttle, "boom", 1)
    moments.append(throttle.next_due)
    admit(throttle, "boom", 1)
    moments.append(throttle.next_due)
    clock.now += 60
    admit(throttle, "boom", 1)
    moments.append(throttle.next_due)

    assert [None, None, 1060.0, None] == moments


def test_flush_hands_over_windows_still_open(clock: Clock) -> None:
    """
    At shutdown everything held back is told, once.
    """
    throttle = Throttle(limit=1, clock=clock)
    admit(throttle, "a", 3)
    admit(throttle, "b", 2)

    assert [("a", 2), ("b", 1)] == [(summary.key, summary.suppressed) for summary in throttle.flush()]
    assert ([], None, 0) == (throttle.flush(), throttle.next_due, throttle.pending)


def test_a_flushed_window_goes_on(clock: Clock) -> None:
    """
    Flushing does not reset the limit; what is held back afterwards is one more summary.
    """
    throttle = Throttle(limit=1, clock=clock)
    admit(throttle, "a", 3)
    throttle.flush()

    assert [False] == admit(throttle, "a", 1)
    assert [1] == [summary.suppressed for summary in throttle.flush()]


@pytest.mark.parametrize("jump", [-1e-3, -3600.0, -1e12])
def test_a_clock_that_goes_back_freezes_nothing(clock: Clock, jump: float) -> None:
    """
    A window that would open in the future is over: its pattern passes, with the summary.
    """
    throttle = Throttle(limit=1, clock=clock)
    admit(throttle, "boom", 2)
    clock.now += jump

    passed, summary = throttle.admit("boom")

    assert (True, 1) == (passed, summary and summary.suppressed)


@pytest.mark.parametrize("noticed_by_admit", [False, True])
def test_a_clock_that_goes_back_delays_no_summary(clock: Clock, noticed_by_admit: bool) -> None:
    """
    A silent pattern is due at once, also when another pattern's event sees the jump first.
    """
    throttle = Throttle(limit=1, clock=clock)
    admit(throttle, "silent", 2)
    clock.now -= 600
    if noticed_by_admit:
        admit(throttle, "other", 1)

    assert ["silent"] == [summary.key for summary in throttle.due()]


def test_an_evicted_pattern_is_still_reported(clock: Clock) -> None:
    """
    What a pattern held back is due as soon as the pattern is forgotten.
    """
    throttle = Throttle(limit=1, max_patterns=2, clock=clock)
    admit(throttle, "old", 4)
    admit(throttle, "b", 1)
    admit(throttle, "c", 1)

    assert [("old", 3, "old detail")] == [(s.key, s.suppressed, s.detail) for s in throttle.due()]
    assert None is throttle.next_due


def test_the_busiest_pattern_is_not_evicted(clock: Clock) -> None:
    """
    Patterns that come once do not push out one that keeps coming.
    """
    throttle = Throttle(limit=1, max_patterns=10, clock=clock)
    passed = 0
    for number in range(1000):
        passed += throttle.admit("busy")[0]
        throttle.admit(number)

    assert 1 == passed


def test_memory_is_bounded_though_nobody_calls_due(clock: Clock) -> None:
    """
    The surplus of summaries that wait is added up in one; no count is lost.
    """
    throttle = Throttle(limit=1, max_patterns=3, clock=clock)
    for number in range(100):
        admit(throttle, f"p{number}", 3)

    summaries = throttle.flush()

    assert (6, 200) == (len(summaries), sum(summary.suppressed for summary in summaries))
    assert [(OTHERS, OTHERS)] == [(s.key, s.example) for s in summaries if s.key == OTHERS]


def test_a_long_example_is_cut(clock: Clock) -> None:
    """
    Examples of a megabyte are not kept whole.
    """
    throttle = Throttle(clock=clock)
    throttle.admit("big", "x" * 1_000_000)

    assert "x" * 500 == throttle.stats().top[0].example


def test_stats_count_every_occurrence(clock: Clock) -> None:
    """
    What passed and what was held back counts, the most frequent pattern first.
    """
    throttle = Throttle(limit=1, clock=clock)
    admit(throttle, "rare", 2)
    clock.now += 5
    admit(throttle, "often", 3)
    clock.now += 5
    admit(throttle, "often", 1)

    assert ThrottleStats(
        total_patterns=2,
        total_count=6,
        top=(PatternStats("often", "often happened", 4, 1005.0, 1010.0),),
    ) == throttle.stats(top=1)


def test_totals_outlive_eviction(clock: Clock) -> None:
    """
    A pattern that was forgotten stays in the totals.
    """
    throttle = Throttle(max_patterns=2, clock=clock)
    for number in range(10):
        admit(throttle, f"p{number}", 3)

    stats = throttle.stats()

    assert (10, 30, 2) == (stats.total_patterns, stats.total_count, len(stats.top))


def test_stats_of_several_are_merged_by_pattern(clock: Clock) -> None:
    """
    What two throttles saw is one event: of each pattern the largest count is taken, and of what was evicted.
    """
    small, large = Throttle(max_patterns=1, clock=clock), Throttle(clock=clock)
    admit(small, "a", 2)
    admit(small, "b", 3)
    admit(large, "b", 1)
    admit(large, "c", 4)

    stats = merged(throttle.stats(top=None) for throttle in (small, large))

    assert (3, 2 + 3 + 4) == (stats.total_patterns, stats.total_count)
    assert [("c", 4), ("b", 3)] == [(pattern.key, pattern.seen) for pattern in stats.top]


def test_clearing_stats_leaves_the_flow_control_alone(clock: Clock) -> None:
    """
    Counting begins anew, the window goes on.
    """
    throttle = Throttle(limit=1, clock=clock)
    admit(throttle, "boom", 3)
    clock.now += 1

    throttle.clear_stats()

    assert ThrottleStats(0, 0, ()) == throttle.stats()
    assert [False] == admit(throttle, "boom", 1)
    assert (
        ThrottleStats(1, 1, (PatternStats("boom", "boom happened", 1, 1001.0, 1001.0),)) == throttle.stats()
    )
    assert 3 == throttle.pending


def test_a_forked_child_reports_nothing_of_its_parent(clock: Clock) -> None:
    """
    The child begins with no summaries, no counts and the full limit, though another thread held the lock.
    """
    throttle = Throttle(limit=1, clock=clock)
    admit(throttle, "boom", 3)
    holder = threading.Thread(target=throttle._lock.acquire)
    holder.start()
    holder.join()

    throttle.reset_after_fork()

    assert ([], 0, ThrottleStats(0, 0, ())) == (throttle.flush(), throttle.pending, throttle.stats())
    assert [True] == admit(throttle, "boom", 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_fork_for_real(clock: Clock) -> None:
    """
    A forked child that resets hands over nothing, and its parent everything.
    """
    throttle = Throttle(limit=1, clock=clock)
    admit(throttle, "boom", 3)

    child = os.fork()
    if child == 0:
        throttle.reset_after_fork()
        os._exit(len(throttle.flush()))

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert [2] == [summary.suppressed for summary in throttle.flush()]


@pytest.mark.parametrize("inner", ["admit", "due", "flush", "stats", "pending"])
def test_a_call_from_within_disturbs_nothing(inner: str) -> None:
    """
    A signal handler that interrupts the throttle may call it: its event passes and is counted.
    """
    outcomes: list[Any] = []
    calls: dict[str, Callable[[], Any]] = {
        "admit": lambda: throttle.admit("boom", "from the handler"),
        "due": lambda: throttle.due(),
        "flush": lambda: throttle.flush(),
        "stats": lambda: throttle.stats().total_count,
        "pending": lambda: throttle.pending,
    }

    def interrupted_clock() -> float:
        if not armed:
            return 0.0
        if armed.pop():
            armed.append(False)
            outcomes.append(calls[inner]())
            armed.clear()
            return 0.0
        armed.append(False)
        return 100.0

    armed: list[bool] = []
    throttle: Throttle = Throttle(limit=1, clock=interrupted_clock)
    admit(throttle, "boom", 3)
    armed.append(True)

    outer = throttle.admit("boom")

    expected = {"admit": (True, None), "due": [], "flush": [], "stats": 3, "pending": 2}
    assert [expected[inner]] == outcomes
    assert (False, None) == outer
    assert (3, 5 if inner == "admit" else 4) == (throttle.pending, throttle.stats().total_count)


def test_an_unusable_key_is_its_callers_error(clock: Clock) -> None:
    """
    It raises, and the throttle works on.
    """
    throttle = Throttle(clock=clock)

    with pytest.raises(TypeError):
        throttle.admit([])  # type: ignore[arg-type]

    assert [True] == admit(throttle, "boom", 1)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("admit"), st.sampled_from("abcdef")),
        st.tuples(st.just("turn"), st.sampled_from([0.0, 0.1, 5.0, 10.0, 1e6, -0.1, -5.0, -1e6])),
        st.tuples(st.just("due"), st.none()),
        st.tuples(st.just("flush"), st.none()),
    ),
    max_size=80,
)


@given(steps=STEPS, limit=st.integers(1, 3), max_patterns=st.integers(1, 4))
def test_no_event_goes_unaccounted(steps: list[tuple[str, Any]], limit: int, max_patterns: int) -> None:
    """
    Suppressed events = those in all summaries + pending, whatever the clock does; stats count every event.
    """
    clock = Clock()
    throttle = Throttle(limit=limit, seconds=10, max_patterns=max_patterns, clock=clock)
    summaries: list[Summary | None] = []
    suppressed = events = 0
    for step, value in steps:
        if step == "admit":
            passed, summary = throttle.admit(value)
            events += 1
            suppressed += not passed
            summaries.append(summary)
        elif step == "turn":
            clock.now += value
        else:
            summaries.extend(getattr(throttle, step)())
        assert suppressed == sum(s.suppressed for s in summaries if s) + throttle.pending
        assert (throttle.next_due is None) == (throttle.pending == 0)

    summaries.extend(throttle.flush())
    assert suppressed == sum(summary.suppressed for summary in summaries if summary)
    assert events == throttle.stats().total_count


@given(steps=STEPS)
def test_nothing_is_due_later_than_next_due_says(steps: list[tuple[str, Any]]) -> None:
    """
    After `due`, no window that is still held back has ended.
    """
    clock = Clock()
    throttle = Throttle(limit=1, seconds=10, clock=clock)
    for step, value in steps:
        if step == "admit":
            throttle.admit(value)
        elif step == "turn":
            clock.now += value
        throttle.due()

        assert throttle.next_due is None or clock.now < throttle.next_due <= clock.now + 10


def test_16_threads_lose_no_event() -> None:
    """
    Admitted + suppressed = events, and the summaries tell of all that were suppressed.
    """
    throttle = Throttle(limit=2, seconds=1e-3, max_patterns=5)
    passed: Counter[bool] = Counter()
    told: list[int] = []

    def work(seed: int) -> None:
        outcomes = [throttle.admit((seed * number) % 9) for number in range(300)]
        outcomes += [(True, summary) for summary in throttle.due()]
        with lock:
            passed.update(outcome for outcome, _ in outcomes[:300])
            told.extend(summary.suppressed for _, summary in outcomes if summary)

    lock = threading.Lock()
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    told.extend(summary.suppressed for summary in throttle.flush())
    assert (16 * 300, 16 * 300) == (passed.total(), throttle.stats().total_count)
    assert passed[False] == sum(told)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0}, "limit must be a whole number from 1, got 0"),
        ({"limit": "5"}, "limit must be a whole number from 1, got '5'"),
        ({"limit": True}, "limit must be a whole number from 1, got True"),
        ({"max_patterns": 1.5}, "max_patterns must be a whole number from 1, got 1.5"),
        ({"seconds": 0}, "seconds must be a finite number above 0, got 0"),
        ({"seconds": float("nan")}, "seconds must be a finite number above 0, got nan"),
        ({"seconds": float("inf")}, "seconds must be a finite number above 0, got inf"),
        ({"seconds": "60s"}, "seconds must be a finite number above 0, got '60s'"),
        ({"seconds": False}, "seconds must be a finite number above 0, got False"),
    ],
)
def test_a_bad_option_is_refused(options: dict[str, Any], message: str) -> None:
    """
    The message names the option, the value and what is allowed.
    """
    with pytest.raises(ValueError, match=f"^{message}$"):
        Throttle(**options)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("order 5 of 1,234.50 failed", "order <n> of <n> failed"),
        ("change -1.2e-3 or +7", "change <n> or <n>"),
        ("worker3 at 0x7f3a1B", "worker<n> at <n>"),
        ("id=12345678 and id=1a2b3c4d5e", "id=<n> and id=<n>"),
        ("commit_1234567ab", "commit_<n>"),
        ("deadbeef and faced stay", "deadbeef and faced stay"),
        ("550e8400-e29b-41d4-a716-446655440000!", "<uuid>!"),
        ("at 2026-02-26T10:30:00.123456Z", "at <time>"),
        ("at 2026-02-26T10:30:00+08:00", "at <time>"),
        ("at 2026-02-26 10:30:00,123 or 2026-02-26 or 10:30:01", "at <time> or <time> or <time>"),
        ("10.0.0.1:8080 refused 192.168.0.12.", "<ip>:<n> refused <ip>."),
        ("fe80::1 or ::1 or 2001:db8::ff00:42:8329", "<ip> or <ip> or <ip>"),
        ("v1.2.3.4.5", "v<n>"),
        ("std::vector in test.py::test", "std::vector in test.py::test"),
        ("db:5432 down", "db:<n> down"),
        ('no \'AAPL\' in "my \\"list\\"" or `x`', "no <str> in <str> or <str>"),
        ("can't open the file 'it\\'s'", "can't open the file <str>"),
        ("got b'\\x00' or r'a'", "got <str> or <str>"),
        ("cut off 'here", "cut off <str>"),
        ("cut 'off\nthere", "cut <str>\nthere"),
        ("订单1234567ab失败：'沪市'", "订单<n>失败：<str>"),
        ("代码“沪市”「深市」‘x’", "代码<str><str><str>"),
        ("GET /api/orders/17 is not GET /api/users", "GET /api/orders/<n> is not GET /api/users"),
        ("", ""),
    ],
)
def test_variable_parts_become_placeholders(text: str, pattern: str) -> None:
    """
    Two texts that differ only in such parts are one pattern.
    """
    assert pattern == pattern_of(text)


@pytest.mark.parametrize("length", [1, 400, 5000])
def test_a_long_value_does_not_make_a_pattern_of_its_own(length: int) -> None:
    """
    A value cut off by the bound on what is looked at is still a value.
    """
    assert "bad payload <str>" == pattern_of(f"bad payload {'x' * length!r}")[:17]


@pytest.mark.parametrize(
    "unit", ["x", "1", "'", '"', "\\", '"\\', "\\'", "1.", "1:", "a:", "ab1", "“", "1-", "0x"]
)
@pytest.mark.parametrize("tail", ["", "\n", "x"])
def test_hostile_text_costs_no_more_than_its_first_characters(unit: str, tail: str) -> None:
    """
    A megabyte takes milliseconds, whatever it is made of.
    """
    text = unit * (1_000_000 // len(unit)) + tail
    began = time.process_time()

    pattern_of(text)
    pattern_of(text[-499:])

    assert time.process_time() - began < 0.1


@given(st.text())
def test_a_pattern_is_short(text: str) -> None:
    """
    Whatever the text, its pattern is a key of bounded size.
    """
    assert len(pattern_of(text)) <= 200
