"""Time contestants in processes of their own, interleaved, so that a drift of the machine meets all alike."""

import gc
import multiprocessing
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Connection
from pathlib import Path

Call = Callable[[], object]
Contestants = Mapping[str, Callable[[Path], Call]]
"""By name, what makes the call to time; it is given a file of its own to log to."""


def work(make: Callable[[Path], Call], log_file: Path, pipe: Connection) -> None:
    """Make *n* calls for each *n* that comes through *pipe*, and send back the microseconds per call."""
    try:
        call = make(log_file)
    except ImportError as exc:
        pipe.send(exc)
        return
    pipe.send(None)
    while calls := pipe.recv():
        gc.collect()
        start = time.perf_counter()
        for _ in range(calls):
            call()
        pipe.send((time.perf_counter() - start) / calls * 1e6)


def measure(contestants: Contestants, directory: Path, rounds: int, calls: int) -> dict[str, list[float]]:
    """Return microseconds per call, one number a round for each contestant that is installed.

    A round runs all of them once, in a new random order; a ratio compares two numbers of one round.
    """
    spawn = multiprocessing.get_context("spawn")
    pipes: dict[str, Connection] = {}
    for number, (name, make) in enumerate(contestants.items()):
        pipes[name], theirs = spawn.Pipe()
        arguments = (make, directory / f"{number}.log", theirs)
        spawn.Process(target=work, args=arguments, daemon=True).start()
    for name, pipe in list(pipes.items()):
        if (missing := pipe.recv()) is not None:
            print(f"{name}: left out: {missing}")
            del pipes[name]
    spent: dict[str, list[float]] = {name: [] for name in pipes}
    order = list(pipes)
    for number in range(-1, rounds):  # the first round warms up
        random.shuffle(order)
        for name in order:
            pipes[name].send(calls)
            took = pipes[name].recv()
            if number >= 0:
                spent[name].append(took)
    for pipe in pipes.values():
        pipe.send(0)
    return spent


def ratios(one: list[float], other: list[float]) -> list[float]:
    """Return the ratio of two contestants for each round."""
    return [a / b for a, b in zip(one, other, strict=True)]


def spread(numbers: list[float]) -> str:
    """Return median, least and greatest as three columns."""
    return f"{statistics.median(numbers):6.2f} {min(numbers):6.2f} {max(numbers):6.2f}"


def versions(*packages: str) -> str:
    """Return the interpreter and *packages* with their versions."""
    return f"CPython {sys.version.split()[0]}; " + ", ".join(f"{name} {_version(name)}" for name in packages)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"
