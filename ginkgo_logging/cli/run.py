"""``ginkgo-logging run``: any Python program, as under plain ``python``, with the layer installed."""

import argparse
import importlib.util
import io
import runpy
import sys
import types
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from ginkgo_logging.config import setup

_USAGE = (
    "ginkgo-logging run [--config FILE|NAME] [--mode auto|container|local] (SCRIPT | -m MODULE) [ARGS ...]"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; everything after the script or module is the program's."""
    parser.usage = _USAGE
    parser.add_argument("-h", "--help", action="help", help="show this message and exit")
    parser.add_argument("--config", metavar="FILE|NAME", help="a dictConfig file, or an environment's name")
    parser.add_argument("--mode", choices=["auto", "container", "local"], help="the mode to log in")
    parser.add_argument("-m", dest="module", nargs=argparse.REMAINDER, help="run a module as a program")
    parser.add_argument("program", nargs=argparse.REMAINDER, help="the script and its arguments")
    parser.set_defaults(execute=lambda options: execute(options, parser))


def execute(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Set up logging, then become the program: its exit code, its signals, its tracebacks."""
    command = options.module if options.module is not None else options.program
    if not command or (options.module is None and command[0].startswith("-")):
        parser.error("name a script, or -m and a module")
    setup(options.config, mode=options.mode)
    name, arguments = command[0], command[1:]
    if options.module is not None:
        _become([name, *arguments], str(Path.cwd()), lambda: _run_module(name))
    elif Path(name).is_dir() or zipfile.is_zipfile(name):
        _become([name, *arguments], name, lambda: _run_module("__main__", alter_argv=False))
    else:
        try:
            source = _read(name)
        except OSError as exc:
            # The words and the code of the interpreter.
            sys.stderr.write(f"{sys.executable}: can't open file {str(Path(name).absolute())!r}: ")
            sys.stderr.write(f"[Errno {exc.errno}] {exc.strerror}\n")
            return 2
        path = str(Path(name).absolute())
        _become([name, *arguments], str(Path(name).resolve().parent), lambda: _run_source(path, source))
    return 0


def _become(argv: list[str], first_path: str, program: Callable[[], object]) -> None:
    sys.argv = argv
    if not sys.flags.safe_path:
        sys.path[0] = first_path
    try:
        program()
    except SystemExit:
        raise
    except BaseException as exc:
        # What is printed must begin at the program's own frame; the interpreter then does the rest: exit
        # code, atexit, and for KeyboardInterrupt dying of the signal.
        trace = _without_ours(exc.__traceback__)
        sys.excepthook(type(exc), exc.with_traceback(trace), trace)
        sys.excepthook = lambda *_: None
        raise


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace


def _read(name: str) -> bytes:
    with io.open_code(str(Path(name).absolute())) as file:
        return file.read()


def _run_source(name: str, source: bytes) -> None:
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__=name, __cached__=None, __builtins__=__builtins__)
    main.__loader__ = importlib.machinery.SourceFileLoader("__main__", name)
    sys.modules["__main__"] = main
    exec(compile(source, name, "exec", dont_inherit=True), main.__dict__)  # noqa: S102 - this is the job


def _run_module(name: str, *, alter_argv: bool = True) -> None:
    # What the interpreter itself calls for -m; runpy.run_module would leave other frames and another
    # __main__ behind, and pickles made by the program would not load.
    runpy._run_module_as_main(name, alter_argv)  # type: ignore[attr-defined]
