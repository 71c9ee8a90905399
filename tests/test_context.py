"""What is bound belongs to the running thread or task, and scoped forms put back what was there."""

import asyncio
import contextvars
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import structlog

from ginkgo_logging import context


def snapshot() -> tuple[str | None, str | None, str, dict[str, Any]]:
    return (
        context.get_trace_id(),
        context.get_span_id(),
        context.get_log_category(),
        context.get_bound(),
    )


NOTHING = (None, None, "system", {})


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


class TestIsolation:
    def test_thread_starts_empty(self) -> None:
        """
        A new thread sees nothing of what the thread that started it has bound.
        """
        context.set_trace_id("t-1")
        context.bind(portfolio_id="p-1")
        seen: list[object] = []

        thread = threading.Thread(target=lambda: seen.append(snapshot()))
        thread.start()
        thread.join()

        assert [NOTHING] == seen

    def test_thread_does_not_leak_back(self) -> None:
        """
        What a thread binds is not seen by the one that started it.
        """
        thread = threading.Thread(target=context.bind, kwargs={"a": 1, "trace_id": "t-2"})
        thread.start()
        thread.join()

        assert NOTHING == snapshot()

    def test_pooled_thread_used_again(self) -> None:
        """
        A job on a pooled thread that ran a scoped job before sees nothing of it.
        """

        def job() -> None:
            with context.with_trace_id("t-1"), context.bound(portfolio_id="p-1"):
                pass

        with ThreadPoolExecutor(1) as pool:
            pool.submit(job).result()

            assert NOTHING == pool.submit(snapshot).result()

    def test_awaited_coroutine_inherits_and_binds_for_its_caller(self) -> None:
        """
        An awaited coroutine runs in its caller's context.
        """

        async def callee() -> object:
            seen = context.get_trace_id()
            context.bind(step=2)
            return seen

        async def caller() -> tuple[object, object]:
            context.set_trace_id("t-1")
            return await callee(), context.get_bound()

        assert ("t-1", {"step": 2}) == asyncio.run(caller())

    def test_task_inherits_a_copy(self) -> None:
        """
        A task inherits what is bound when it is made; what it binds stays its own.
        """

        async def task() -> object:
            seen = snapshot()
            context.bind(own="x")
            context.set_trace_id("other")
            return seen

        async def main() -> tuple[object, object]:
            context.set_trace_id("t-1")
            context.bind(job=1)
            return await asyncio.create_task(task()), snapshot()

        expected = ("t-1", None, "system", {"job": 1})
        assert (expected, expected) == asyncio.run(main())

    def test_concurrent_tasks(self) -> None:
        """
        Each of many interleaved tasks sees its own trace at every step.
        """

        async def task(number: int) -> bool:
            with context.with_trace_id(f"t-{number}"), context.bound(n=number):
                for _ in range(5):
                    await asyncio.sleep(0)
                    if (context.get_trace_id(), context.get_bound()) != (f"t-{number}", {"n": number}):
                        return False
            return snapshot() == NOTHING

        async def main() -> list[bool]:
            return list(await asyncio.gather(*map(task, range(50))))

        assert [True] * 50 == asyncio.run(main())

    def test_to_thread_inherits(self) -> None:
        """
        `asyncio.to_thread` carries the context into the worker.
        """

        async def main() -> object:
            context.set_trace_id("t-1")
            return await asyncio.to_thread(context.get_trace_id)

        assert "t-1" == asyncio.run(main())

    def test_returned_fields_are_a_copy(self) -> None:
        """
        Changing what `get_bound` returned binds nothing.
        """
        context.bind(a=1)

        context.get_bound()["b"] = 2

        assert {"a": 1} == context.get_bound()


SET_AND_CLEAR = [
    pytest.param(context.set_trace_id, context.get_trace_id, context.clear_trace_id, id="trace_id"),
    pytest.param(context.set_span_id, context.get_span_id, context.clear_span_id, id="span_id"),
]


@pytest.mark.parametrize(("set_id", "get_id", "clear_id"), SET_AND_CLEAR)
class TestTokens:
    def test_restores_the_one_before(
        self, set_id: Callable[..., Any], get_id: Callable[[], Any], clear_id: Callable[..., None]
    ) -> None:
        """
        Clearing with the token brings back the id from before the matching set.
        """
        set_id("outer")
        token = set_id("inner")

        clear_id(token)

        assert "outer" == get_id()

    def test_keeps_what_was_bound_since(
        self, set_id: Callable[..., Any], get_id: Callable[[], Any], clear_id: Callable[..., None]
    ) -> None:
        """
        A token concerns its own id only: fields bound since stay.
        """
        token = set_id("inner")
        context.bind(a=1)

        clear_id(token)

        assert (None, {"a": 1}) == (get_id(), context.get_bound())

    def test_without_token_clears(
        self, set_id: Callable[..., Any], get_id: Callable[[], Any], clear_id: Callable[..., None]
    ) -> None:
        """
        Without a token the id is removed, whatever was there before.
        """
        set_id("outer")
        set_id("inner")

        clear_id()

        assert get_id() is None

    def test_used_twice_clears(
        self, set_id: Callable[..., Any], get_id: Callable[[], Any], clear_id: Callable[..., None]
    ) -> None:
        """
        A token that is used up clears and does not raise.
        """
        set_id("outer")
        token = set_id("inner")
        clear_id(token)

        clear_id(token)

        assert get_id() is None

    def test_of_another_thread_clears(
        self, set_id: Callable[..., Any], get_id: Callable[[], Any], clear_id: Callable[..., None]
    ) -> None:
        """
        A token from another thread clears here and does not raise.
        """
        tokens: list[object] = []
        thread = threading.Thread(target=lambda: tokens.append((set_id("a"), set_id("b"))[1]))
        thread.start()
        thread.join()
        set_id("here")

        clear_id(tokens[0])

        assert get_id() is None

    def test_of_another_task_clears(
        self, set_id: Callable[..., Any], get_id: Callable[[], Any], clear_id: Callable[..., None]
    ) -> None:
        """
        A token from another task clears here, leaves that task alone, and does not raise.
        """

        async def child(token: object) -> object:
            clear_id(token)
            return get_id()

        async def main() -> tuple[object, object]:
            set_id("outer")
            token = set_id("inner")
            return await asyncio.create_task(child(token)), get_id()

        assert (None, "inner") == asyncio.run(main())

    @pytest.mark.parametrize("not_a_token", ["t-1", 7, object()])
    def test_of_a_wrong_type_clears(
        self,
        set_id: Callable[..., Any],
        get_id: Callable[[], Any],
        clear_id: Callable[..., None],
        not_a_token: object,
    ) -> None:
        """
        Anything that is no token clears and does not raise.
        """
        set_id("t-1")

        clear_id(not_a_token)

        assert get_id() is None

    @pytest.mark.parametrize("nothing", [None, ""])
    def test_set_to_nothing(
        self,
        set_id: Callable[..., Any],
        get_id: Callable[[], Any],
        clear_id: Callable[..., None],
        nothing: object,
    ) -> None:
        """
        None and the empty text mean that there is no id; the token still restores.
        """
        set_id("t-1")

        token = set_id(nothing)
        between = get_id()
        clear_id(token)

        assert (None, "t-1") == (between, get_id())

    def test_any_object(
        self, set_id: Callable[..., Any], get_id: Callable[[], Any], clear_id: Callable[..., None]
    ) -> None:
        """
        An id that is no text is kept as its text, and one that has none as a placeholder.
        """
        set_id(42)
        number = get_id()
        set_id(Unprintable())

        assert ("42", "<unprintable Unprintable>") == (number, get_id())


def test_token_of_another_id_clears() -> None:
    """
    A span's token given to `clear_trace_id` clears the trace and touches no span.
    """
    context.set_trace_id("t-1")
    context.set_span_id("s-0")
    token = context.set_span_id("s-1")

    context.clear_trace_id(token)

    assert (None, "s-1") == (context.get_trace_id(), context.get_span_id())


def test_new_ids_follow_w3c() -> None:
    """
    A new trace_id is 32 and a new span_id 16 lower-case hex digits, and none is given twice.
    """
    traces = {context.new_trace_id() for _ in range(100)}
    spans = {context.new_span_id() for _ in range(100)}

    assert (100, {32}, 100, {16}) == (len(traces), set(map(len, traces)), len(spans), set(map(len, spans)))
    assert set("".join(traces | spans)) <= set("0123456789abcdef")


class TestScoped:
    def test_with_trace_id(self) -> None:
        """
        Inside the block the id is the given one; afterwards the one before is back.
        """
        context.set_trace_id("outer")

        with context.with_trace_id("inner") as value:
            inside = context.get_trace_id()

        assert ("inner", "inner", "outer") == (value, inside, context.get_trace_id())

    def test_with_new_id(self) -> None:
        """
        Without an argument the block gets a random id, which the with statement names.
        """
        with context.with_trace_id() as trace_id, context.with_span_id() as span_id:
            assert (trace_id, span_id) == (context.get_trace_id(), context.get_span_id())
        assert (32, 16) == (len(trace_id), len(span_id))

    def test_with_trace_id_keeps_fields_bound_inside(self) -> None:
        """
        A trace's block gives back the trace only; fields bound inside stay.
        """
        with context.with_trace_id("inner"):
            context.bind(a=1)

        assert (None, {"a": 1}) == (context.get_trace_id(), context.get_bound())

    def test_bound_restores_everything(self) -> None:
        """
        After the block fields, category and ids are exactly what they were, whatever was done inside.
        """
        context.bind(a=1, log_category="backtest")
        context.set_trace_id("t-1")
        before = snapshot()

        with context.bound(a=2, b=3, log_category="risk"):
            inside = snapshot()
            context.clear()
            context.set_trace_id("t-2")
            context.set_span_id("s-2")
            context.bind(c=4)

        assert (("t-1", None, "risk", {"a": 2, "b": 3}), before) == (inside, snapshot())

    def test_nested_and_raising(self) -> None:
        """
        Nested blocks unwind one by one, also when an exception leaves them.
        """
        steps = []
        with context.bound(a=1):
            with pytest.raises(ZeroDivisionError):  # noqa: PT012 - leaving both blocks is what is tested
                with context.bound(b=2), context.with_trace_id("t"), context.with_span_id("s"):
                    steps.append(snapshot())
                    raise ZeroDivisionError
            steps.append(snapshot())
        steps.append(snapshot())

        assert [("t", "s", "system", {"a": 1, "b": 2}), (None, None, "system", {"a": 1}), NOTHING] == steps

    def test_as_decorator(self) -> None:
        """
        As a decorator each call has its own block, recursion included.
        """

        @context.bound(depth=0)
        def walk(depth: int) -> int:
            context.bind(depth=depth)
            if depth:
                walk(depth - 1)
            return int(context.get_bound()["depth"])

        assert (3, {}) == (walk(3), context.get_bound())

    def test_in_a_generator(self) -> None:
        """
        A generator that binds for its whole life leaves nothing behind at its end.
        """

        def numbers() -> Iterator[int]:
            with context.bound(inside=True), context.with_trace_id("g"):
                yield 1
                yield 2

        assert ([1, 2], NOTHING) == (list(numbers()), snapshot())

    def test_generator_closed_in_another_thread(self) -> None:
        """
        A generator that another thread closes does not put its maker's context there.
        """
        context.bind(a=1)
        context.set_trace_id("mine")

        def endless() -> Iterator[int]:
            with context.bound(b=2), context.with_trace_id("g"):
                while True:
                    yield 1

        generator = endless()
        next(generator)
        seen: list[object] = []

        def close() -> None:
            context.set_trace_id("theirs")
            generator.close()  # type: ignore[attr-defined]
            seen.append(snapshot())

        thread = threading.Thread(target=close)
        thread.start()
        thread.join()

        assert [("theirs", None, "system", {})] == seen

    def test_async_generator_closed_in_another_task(self) -> None:
        """
        An async generator that another task closes leaves that task's context alone.
        """

        async def rows() -> AsyncIterator[int]:
            with context.bound(b=2), context.with_trace_id("g"):
                yield 1
                yield 2

        async def closer(generator: Any) -> object:
            context.set_trace_id("closer")
            await generator.aclose()
            return snapshot()

        async def main() -> object:
            generator = rows()
            await generator.__anext__()
            fresh = contextvars.Context()
            return await asyncio.create_task(closer(generator), context=fresh)

        assert ("closer", None, "system", {}) == asyncio.run(main())

    def test_across_await(self) -> None:
        """
        A block that is suspended keeps its binding, and another task running meanwhile does not see it.
        """

        async def holder(entered: asyncio.Event, leave: asyncio.Event) -> object:
            with context.bound(job=1):
                entered.set()
                await leave.wait()
                return context.get_bound()

        async def main() -> tuple[object, object]:
            entered, leave = asyncio.Event(), asyncio.Event()
            task = asyncio.create_task(holder(entered, leave))
            await entered.wait()
            meanwhile = context.get_bound()
            leave.set()
            return await task, meanwhile

        assert ({"job": 1}, {}) == asyncio.run(main())


class TestFields:
    def test_bind_replaces_by_name(self) -> None:
        """
        Binding a name again replaces its value and keeps the others.
        """
        context.bind(a=1, b=2)

        context.bind(b=3)

        assert {"a": 1, "b": 3} == context.get_bound()

    def test_bind_core_names(self) -> None:
        """
        A core name is kept with an underscore; ids and category are set instead.
        """
        context.bind(level="gold", seq=1, message="m", trace_id="t", span_id=5, log_category="risk")

        assert ("t", "5", "risk", {"level_": "gold", "seq_": 1, "message_": "m"}) == snapshot()

    def test_bind_both_spellings(self) -> None:
        """
        A core name and the name it would get are kept both.
        """
        context.bind(level="a", level_="b")

        assert {"level__": "a", "level_": "b"} == context.get_bound()

    def test_unbind(self) -> None:
        """
        Unbinding removes the named fields, ids and core names included; unknown names are ignored.
        """
        context.bind(a=1, b=2, level="gold", trace_id="t", log_category="risk")

        context.unbind("a", "level", "trace_id", "log_category", "never bound")

        assert (None, None, "system", {"b": 2}) == snapshot()

    def test_clear_keeps_the_trace(self) -> None:
        """
        `clear` removes fields and category and keeps trace_id and span_id.
        """
        context.bind(a=1, trace_id="t", span_id="s", log_category="risk")

        context.clear()

        assert ("t", "s", "system", {}) == snapshot()

    def test_category_none(self) -> None:
        """
        Category None brings the default back.
        """
        context.set_log_category("risk")

        context.set_log_category(None)

        assert "system" == context.get_log_category()


class TestStructlog:
    def test_bound_through_structlog(self) -> None:
        """
        What structlog binds is seen here, ids and core names treated alike.
        """
        structlog.contextvars.bind_contextvars(user="u", trace_id="t", span_id=None, level="gold")

        assert ("t", None, "system", {"user": "u", "level_": "gold"}) == snapshot()

    def test_bound_in_both_places(self) -> None:
        """
        A name bound in both places has the value bound here.
        """
        structlog.contextvars.bind_contextvars(a="theirs", trace_id="theirs", b="theirs")

        context.bind(a="ours", trace_id="ours")

        assert ("ours", {"a": "ours", "b": "theirs"}) == (context.get_trace_id(), context.get_bound())

    def test_unbound_through_structlog(self) -> None:
        """
        What structlog unbinds is gone here too.
        """
        structlog.contextvars.bind_contextvars(a=1, b=2)

        structlog.contextvars.unbind_contextvars("a")

        assert {"b": 2} == context.get_bound()

    def test_unprintable_id(self) -> None:
        """
        An id bound through structlog that does not print is a placeholder.
        """
        structlog.contextvars.bind_contextvars(trace_id=Unprintable())

        assert "<unprintable Unprintable>" == context.get_trace_id()

    def test_merge_context(self) -> None:
        """
        The processor gives a structlog event what is bound here, under what it has already.
        """
        context.bind(a=1, b=2, trace_id="t", log_category="risk")

        event = context.merge_context(None, "info", {"event": "hi", "b": "own"})

        assert {"event": "hi", "b": "own", "a": 1, "trace_id": "t", "log_category": "risk"} == event


def test_structlog_without_a_table_of_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The table is private to structlog; another version may have none.
    """
    structlog.contextvars.bind_contextvars(order=7)

    with monkeypatch.context() as patched:
        patched.delattr(structlog.contextvars, "_CONTEXT_VARS")
        found = context.get_bound()

    assert {"order": 7} == found


def test_cost_does_not_depend_on_foreign_variables() -> None:
    """
    Looking up the context calls the same functions whether a process has none or a thousand other variables.
    """
    structlog.contextvars.bind_contextvars(a=1)

    def calls() -> list[str]:
        made: list[str] = []
        previous = sys.getprofile()
        sys.setprofile(lambda frame, event, arg: made.append(f"{event} {getattr(arg, '__name__', '')}"))
        try:
            context.current()
        finally:
            sys.setprofile(previous)
        return made

    def with_others(number: int) -> list[str]:
        for i in range(number):
            contextvars.ContextVar(f"other-{i}").set(i)
        return calls()

    few = contextvars.copy_context().run(with_others, 0)
    many = contextvars.copy_context().run(with_others, 1000)

    assert few == many
    assert not [call for call in many if "copy_context" in call]
