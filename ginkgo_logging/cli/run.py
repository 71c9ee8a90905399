"""``ginkgo-logging run``: any Python program, as under plain ``python``, with logging set up before it starts."""

import argparse
import builtins
import importlib.machinery
import io
import os
import pkgutil
import re
import runpy
import sys
import types
from collections.abc import Callable
from types import TracebackType

from ginkgo_logging import context
from ginkgo_logging.config import setup

_USAGE = "ginkgo-logging run [OPTIONS] (SCRIPT | - | -m MODULE) [ARGS ...]"
_NOTES = """\
SCRIPT is a file, or a directory or zip archive with a __main__.py; - is the script on standard input. What
follows SCRIPT or MODULE is the program's own. A child process that multiprocessing starts by fork goes on
logging; in one that it spawns logging is not set up: let it call ginkgo_logging.setup(), or log through GLOG,
which sets itself up. It finds --mode and --config in its environment, as LOGGING_MODE and LOGGING_CONFIG.
"""
_TAKE_A_VALUE = ("--config", "--mode", "--trace-id")
_ENCODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")  # PEP 263
_BLANK = re.compile(rb"^[ \t\f]*(?:#|$)")
_UTF8_BOM = b"\xef\xbb\xbf"

# The interpreter that runs the console script goes on using the namespace of its __main__, but does not own it.
_replaced: list[types.ModuleType] = []


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare our own arguments; see `split` for the program's."""
    parser.usage = _USAGE
    parser.epilog = _NOTES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--config", metavar="FILE|NAME", help="a dictConfig file, or an environment's name")
    parser.add_argument("--mode", choices=["auto", "container", "local"], help="the mode to log in")
    parser.add_argument("--trace-id", metavar="ID", help="the trace_id to begin with (default: a new one)")
    parser.add_argument("-m", dest="module", metavar="MODULE", help="run a module as a program")
    parser.set_defaults(execute=lambda options: execute(options, parser))


def split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Divide *arguments* where the interpreter would: what follows the script or module is the program's."""
    position = 1
    while position < len(arguments):
        argument = arguments[position]
        if argument.startswith("-m"):
            position += 1 if len(argument) > 2 else 2
            return arguments[:position], arguments[position:]
        if argument == "--":
            return arguments[:position], arguments[position + 1 :]
        if not argument.startswith("-") or argument == "-":
            break
        position += 2 if argument in _TAKE_A_VALUE else 1
    return arguments[:position], arguments[position:]


def execute(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int | Callable[[], int]:
    """Set up logging; return the program to become: its exit code, its signals, its tracebacks."""
    if options.module is not None:
        _take_place(["-m", *options.program], os.getcwd(), always=False)
        program = _module(options.module)
    elif not options.program:
        parser.error("name a script, - for standard input, or -m and a module")
    elif options.program[0] == "-":
        source = sys.stdin.buffer.read() if sys.stdin is not None else b""
        _take_place(options.program, "", always=False)
        program = _script("<stdin>", source, importlib.machinery.BuiltinImporter)
    elif pkgutil.get_importer(options.program[0]) is not None:  # a directory, or a zip archive
        _take_place(options.program, _absolute(options.program[0]), always=True)
        program = _module("__main__", alter_argv=False)
    else:
        path = _absolute(options.program[0])
        try:
            with io.open_code(path) as file:
                source = file.read()
        except OSError as exc:
            # The words and the code of the interpreter.
            sys.stderr.write(f"{sys.orig_argv[0]}: can't open file {path!r}: ")
            sys.stderr.write(f"[Errno {exc.errno}] {exc.strerror}\n")
            return 2
        _take_place(options.program, os.path.dirname(os.path.realpath(path)), always=False)
        program = _script(path, source, _loader_of(path, source))
    setup(options.config, mode=options.mode)
    _hand_down(options)
    context.set_trace_id(options.trace_id or context.new_trace_id())
    return lambda: _become(program)


def _hand_down(options: argparse.Namespace) -> None:
    """Let the program's child processes that set logging up by themselves do it as we did."""
    if options.mode is not None:
        os.environ["LOGGING_MODE"] = options.mode
    if options.config is not None:
        is_file = os.path.isfile(options.config)
        os.environ["LOGGING_CONFIG"] = os.path.abspath(options.config) if is_file else options.config


def _absolute(name: str) -> str:
    """Return what the interpreter makes of the name of a script: absolute, but else as it was given."""
    return os.getcwd() if name == "." else os.path.join(os.getcwd(), name)


def _take_place(argv: list[str], first_path: str, *, always: bool) -> None:
    """Give the program its ``sys.argv`` and ``sys.path[0]``; without *always*, ``-P`` leaves the latter out."""
    sys.argv = argv
    if not sys.flags.safe_path:
        sys.path[0] = first_path
    elif always:
        sys.path.insert(0, first_path)


def _become(program: Callable[[], object]) -> int:
    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    if sys.version_info < (3, 14):  # later, annotations are made when asked for
        main.__annotations__ = {}
    _replaced.append(sys.modules["__main__"])
    sys.modules["__main__"] = main
    try:
        program()
    except SystemExit:
        raise
    except BaseException as exc:
        _hide_our_frames(exc.__traceback__)
        raise
    return 0


def _hide_our_frames(trace: TracebackType | None) -> None:
    """Let the interpreter handle the exception, but with a traceback that begins at the program's own frame."""
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    hook = getattr(sys, "excepthook", sys.__excepthook__)

    def show(kind: type[BaseException], value: BaseException, _: TracebackType | None) -> None:
        sys.last_traceback = trace
        hook(kind, value.with_traceback(trace), trace)

    sys.excepthook = show


def _script(path: str, source: bytes, loader: object) -> Callable[[], None]:
    def run() -> None:
        main = sys.modules["__main__"]
        main.__dict__.update(__file__=path, __cached__=None, __loader__=loader)
        exec(_read_code(source) or _compiled(path, source), main.__dict__)  # noqa: S102 - the job

    return run


def _loader_of(path: str, source: bytes) -> object:
    machinery = importlib.machinery
    loader = machinery.SourceFileLoader if _read_code(source) is None else machinery.SourcelessFileLoader
    return loader("__main__", path)


def _read_code(source: bytes) -> types.CodeType | None:
    """Return the code in a .pyc, as runpy does; None if *source* is none."""
    code: types.CodeType | None = pkgutil.read_code(io.BytesIO(source))
    return code


def _compiled(path: str, source: bytes) -> types.CodeType:
    """Compile *source*; bytes that do not decode are reported as the interpreter does for a file."""
    try:
        if _declared_encoding(source) is None and not source.startswith(_UTF8_BOM):
            source.decode()  # compile() does not look into comments
        return compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, UnicodeDecodeError):
        problem = _decoding_problem(path, source)
        if problem is None:
            raise
    raise SyntaxError(problem)


def _declared_encoding(source: bytes) -> str | None:
    """Return the encoding that the first line names, or the second one below a blank or a comment."""
    for line in source.splitlines()[:2]:
        if match := _ENCODING.match(line):
            return match[1].decode()
        if not _BLANK.match(line):
            break
    return None


def _decoding_problem(path: str, source: bytes) -> str | None:
    """Return what the interpreter says of a file that does not decode; None if `compile` says the same."""
    declared = _declared_encoding(source)
    name = declared or "utf-8"
    try:
        source.decode(name)
    except LookupError:
        return f"encoding problem: {name}"
    except UnicodeDecodeError as exc:
        if declared:
            return None if name.lower().startswith("utf") else f"encoding problem: {name}"
        if not source.startswith(_UTF8_BOM):
            line = source.count(b"\n", 0, exc.start) + 1
            return (
                f"Non-UTF-8 code starting with '\\x{source[exc.start]:02x}' in file {path} on line {line}, but "
                "no encoding declared; see https://peps.python.org/pep-0263/ for details"
            )
    return None


def _module(name: str, *, alter_argv: bool = True) -> Callable[[], None]:
    # What the interpreter itself calls for -m; runpy.run_module would leave other frames and another
    # __main__ behind, and pickles made by the program would not load.
    def run() -> None:
        runpy._run_module_as_main(name, alter_argv)  # type: ignore[attr-defined]

    return run
