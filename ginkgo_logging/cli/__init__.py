"""The command ``ginkgo-logging``: one module a subcommand, imported when it is called."""

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence

from ginkgo_logging.errors import GinkgoLoggingError

_COMMANDS = {
    "run": "run any Python program with the layer installed",
    "demo": "show in ten seconds what the layer does",
    "check": "check config.yaml and dictConfig files, or explain what a logger's records meet",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; `run` ends as the program that it runs ends."""
    options = _parse(list(sys.argv[1:] if arguments is None else arguments))
    try:
        outcome = options.execute(options)
    except GinkgoLoggingError as exc:
        print(f"ginkgo-logging: {exc}", file=sys.stderr)  # noqa: T201
        return 2
    except BrokenPipeError:
        return _reader_has_left()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    # A program to become: what it raises is its own business and must reach the interpreter.
    code: int = outcome() if callable(outcome) else outcome
    return code


def _parse(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ginkgo-logging", description="One pipe for every log line of a Python program."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    wanted = given[0] if given and given[0] in _COMMANDS else None
    program: list[str] = []
    chosen = parser
    for name, summary in _COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        if name == wanted:
            # Only the module that is wanted is imported: its cost is part of the start-up of what `run` runs.
            module = importlib.import_module(f"ginkgo_logging.cli.{name}")
            module.add_arguments(sub)
            chosen = sub
            if name == "run":
                given, program = module.split(given)
    options, unknown = parser.parse_known_args(given, argparse.Namespace(program=program))
    if unknown:
        chosen.error(f"unrecognized arguments: {' '.join(unknown)}")
    return options


def _reader_has_left() -> int:
    """End quietly, as `head` leaves its writers no other way; the interpreter's last flush must not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 128 + signal.SIGPIPE
