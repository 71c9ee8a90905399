"""``ginkgo-logging check``: what is wrong with the configuration, and what a logger's records meet."""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from ginkgo_logging.checking import Finding, Result, check_file, check_installation, explain
from ginkgo_logging.checking.setting_values import given_in_environment
from ginkgo_logging.config_files import shipped
from ginkgo_logging.errors import ConfigError

_SETUP = ""
_COLORS = {"error": "\x1b[1;31m", "warning": "\x1b[33m", "ok": "\x1b[32m"}
_EPILOG = (
    "exit code: 0 without errors (there may be warnings), 1 with errors, 2 for a wrong command line. The classes "
    "that a dictConfig file names are imported, also from the current directory."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        type=Path,
        help="a dictConfig file or a config.yaml; without it, everything that setup() would use now is checked",
    )
    parser.add_argument(
        "--logger",
        metavar="NAME",
        help="explain which handlers, filters, formatters and levels a record of this logger meets",
    )
    parser.add_argument(
        "--path",
        metavar="NAME",
        nargs="?",
        const=_SETUP,
        help="print where the shipped dictConfig file NAME (local, container, ...) is; without NAME, the one "
        "that does what setup() does, for programs that take no more than a dictConfig file: "
        'uvicorn --log-config "$(ginkgo-logging check --path)"',
    )
    parser.set_defaults(execute=lambda options: execute(options, parser))


def execute(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Check, explain if asked to, and return the exit code."""
    if options.path is not None:
        if options.files or options.logger is not None:
            parser.error("--path stands alone")
        return _show_path(options.path)
    if options.logger is not None and len(options.files) > 1:
        parser.error("--logger explains one configuration: name one FILE or none")
    with _importable_from_here():
        results = [check_file(file) for file in options.files] or [check_installation()]
        if options.logger is not None:
            return _explain(options, results[0], parser)
    if not options.files:
        _show_what_is_used(results[0])
    findings = [finding for result in results for finding in result.findings]
    for finding in findings:
        _say(_line(finding))
    _say(_summary(findings, [name for result in results for name, _ in result.files]))
    return 1 if any(result.errors for result in results) else 0


def _show_path(name: str) -> int:
    path = resources.files("ginkgo_logging") / "setup.yaml" if name == _SETUP else Path(shipped(name).name)
    if not isinstance(path, Path) or not path.is_file():
        raise ConfigError(f"{path}: lies in an archive, where no other program finds it")
    _say(str(path))
    return 0


@contextlib.contextmanager
def _importable_from_here() -> Iterator[None]:
    """Find the program's own handlers and filters, as ``python -m`` does; last, so that nothing is hidden."""
    if sys.flags.safe_path:
        yield
        return
    here = str(Path.cwd())
    sys.path.append(here)
    try:
        yield
    finally:
        sys.path.remove(here)


def _show_what_is_used(result: Result) -> None:
    chosen = result.settings
    variables = " ".join(given_in_environment()) or "none of ours"
    environment = chosen.environment if chosen.mode == "auto" else ""
    _say(f"environment: {variables}")
    _say(f"mode: {chosen.mode}" + (f", which is {environment} here" if environment else ""))
    for number, (name, kind) in enumerate(result.files, 1):
        _say(f"{number}. {name} ({kind})")
    _say("")


def _explain(options: argparse.Namespace, result: Result, parser: argparse.ArgumentParser) -> int:
    if options.files and result.files[0][1] == "settings":
        parser.error("--logger wants a dictConfig file; the config.yaml in use is ~/.ginkgo/config.yaml")
    errors = [finding for finding in result.findings if finding.severity == "error"]
    for finding in errors:
        _say(_line(finding))
    if errors:
        _say(_summary(errors, []))
        return 1
    try:
        lines = explain(options.logger, result.settings, options.files[0] if options.files else None)
    except ConfigError as exc:
        _say(f"{_colored('error')}: {exc}")
        return 1
    for line in lines:
        _say(line)
    return 0


def _line(finding: Finding) -> str:
    return f"{finding.where}: {_colored(finding.severity)}: {finding.what}"


def _summary(findings: list[Finding], names: list[str]) -> str:
    if not findings:
        return f"{_colored('ok')}: {', '.join(names)}"
    counts = [
        (sum(finding.severity == severity for finding in findings), severity)
        for severity in ("error", "warning")
    ]
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts if count)


def _colored(word: str) -> str:
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty()
    return word if plain else f"{_COLORS[word]}{word}\x1b[0m"


def _say(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    printable = "\n".join(text.splitlines())
    print(printable.encode(encoding, "backslashreplace").decode(encoding))  # noqa: T201
