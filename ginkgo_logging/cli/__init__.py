"""The command ``ginkgo-logging``: one module a subcommand, imported when it is called."""

import argparse
import importlib
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
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="ginkgo-logging", description="One pipe for every log line of a Python program."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    wanted = given[0] if given and given[0] in _COMMANDS else None
    for name, summary in _COMMANDS.items():
        # A program's own start-up is part of `run`: only the module that is wanted is imported.
        sub = commands.add_parser(name, help=summary, description=summary, add_help=name != "run")
        if name == wanted:
            importlib.import_module(f"ginkgo_logging.cli.{name}").add_arguments(sub)
    options = parser.parse_args(given)
    try:
        code: int = options.execute(options)
    except GinkgoLoggingError as exc:
        print(f"ginkgo-logging: {exc}", file=sys.stderr)  # noqa: T201
        return 2
    return code
