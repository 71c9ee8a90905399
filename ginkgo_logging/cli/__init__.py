"""The command ``ginkgo-logging``: one module a subcommand, imported when it is called."""

import argparse
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Sequence

from ginkgo_logging.errors import GinkgoLoggingError, ServiceUnavailable
from ginkgo_logging.formatters.plain import escape

_COMMANDS = {
    "run": "run any Python program with logging set up before it starts",
    "demo": "log as a small program does, and show what was written",
    "check": "check config.yaml and dictConfig files, or show what becomes of a logger's records",
    "query": "show matching log lines",
    "trace": "show all lines of one trace as a tree, with the time between them",
    "tail": "show the last log lines, and follow",
    "count": "count matching log lines",
    "stats": "chart lines by time and level, and group the errors",
    "web": "serve the log lines as a web page",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; `run` ends as the program that it runs ends."""
    try:
        try:
            options = _parse(list(sys.argv[1:] if arguments is None else arguments))
            outcome = options.execute(options)
        finally:
            # Here, where a failure can still be answered; the interpreter's own flush would only complain.
            if sys.stdout is not None:
                sys.stdout.flush()
    except ServiceUnavailable as exc:
        return _fail(str(exc), 3)
    except GinkgoLoggingError as exc:
        return _fail(str(exc), 2)
    except BrokenPipeError:
        return _without_stdout(128 + signal.SIGPIPE)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except OSError as exc:  # a disk that is full, for one
        return _without_stdout(_fail(str(exc), 3))
    # A program to become: what it raises is its own business and must reach the interpreter.
    code: int = outcome() if callable(outcome) else outcome
    return code


def _parse(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ginkgo-logging", description="One pipe for every log line of a Python program."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
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


class _Version(argparse.Action):
    """Print the version that is installed."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        sys.stdout.write(f"ginkgo-logging {version('ginkgo-logging')}\n")
        parser.exit()


def _fail(problem: str, code: int) -> int:
    # Python has no stderr when it is started with descriptor 2 closed; what then reads it is not there either.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        lines = "\n".join(map(escape, problem.splitlines()))
        sys.stderr.write(f"ginkgo-logging: {lines}\n")
        sys.stderr.flush()
    return code


def _without_stdout(code: int) -> int:
    """Send the interpreter's last flush to the null device, since stdout takes nothing more; return *code*."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return code
