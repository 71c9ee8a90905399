"""A call in a thread that nobody waits for: neither its caller once it has lost patience, nor the interpreter."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


def in_background(call: Callable[[], Result]) -> Future[Result]:
    """Run *call* in a daemon thread; an executor's threads would hold up the end of the process."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=run, name="ginkgo-logging-query", daemon=True).start()
    return future
