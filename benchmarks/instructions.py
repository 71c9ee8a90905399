"""Instructions that the stages of a log call take: the same number on a busy machine and on an idle one.

    python benchmarks/instructions.py [--calls 1500]

Needs valgrind. Each stage runs in an interpreter of its own, once with that many calls and once with none; the
difference is the stage's. Time that the kernel spends (the write) is not in it.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PREPARE = """
import gc, logging, pathlib, sys, tempfile
import pipe
directory = tempfile.TemporaryDirectory()
log_file = pathlib.Path(directory.name, "x.log")
"""
OURS = """
call = pipe.ours(log_file)
call()
handler = logging.getLogger().handlers[0]
from ginkgo_logging import context
from ginkgo_logging.record_factory import make_record
made_of = ("ginkgo.strategy", 20, __file__, 1, pipe.TEMPLATE, (pipe.ARGUMENT,), None, "f", None)
"""
TO_HANDLER = """
class Nothing(logging.Handler):
    def handle(self, record):
        return True
logging.getLogger().handlers = [Nothing()]
"""

SLOW = """
from ginkgo_logging.handlers.fast_path import FastPath
FastPath.of = classmethod(lambda *_: None)
"""
WITH_EXTRA = """
call = pipe.ours(log_file, pipe.EXTRA)
"""
ERROR = """
pipe.configure(log_file)
log = logging.getLogger("ginkgo.strategy")
def fail():
    raise ValueError("broken")
try:
    fail()
except ValueError:
    failure = sys.exc_info()
"""
NO_LIMIT = """
throttle = logging.getLogger().handlers[0].filters[1].throttle
throttle._limit = sys.maxsize
"""

STAGES = {
    "stdlib %(message)s, the whole call": "call = pipe.stdlib_message(log_file)",
    "stdlib asctime, the whole call": "call = pipe.stdlib_asctime(log_file)",
    "ours, the whole call": OURS,
    "  logging's way to the handler": OURS + TO_HANDLER,
    "    of it logging.LogRecord, without ours": OURS + "call = lambda: logging.LogRecord(*made_of)",
    "    of it our Record": OURS + "call = lambda: make_record(*made_of)",
    "  our Record, filters, formatter, file": OURS + "call = lambda: handler.handle(make_record(*made_of))",
    "  our Record, filters, formatter": OURS + "call = lambda: handler._fast[-1].line(make_record(*made_of))",
    "    of it what is bound": OURS + "call = context.current",
    "    of it the search for secrets": OURS
    + "call = lambda: handler.filters[-1].masker.may_change('Signal generated: BUY 600519.SH')",
    "ours with four fields of extra": WITH_EXTRA,
    "ours with a Decimal as argument": ERROR
    + "from decimal import Decimal\nprice = Decimal('1688.5')\ncall = lambda: log.info('Price %s', price)",
    "ours, the slow path": SLOW + OURS,
    "  with four fields of extra": SLOW + WITH_EXTRA,
    "  a warning with exc_info": ERROR
    + "call = lambda: log.warning(pipe.TEMPLATE, pipe.ARGUMENT, exc_info=failure)",
    "    of it the traceback, by traceback": ERROR
    + "import traceback\ncall = lambda: traceback.format_exception(*failure)",
    "  an ERROR that passes": ERROR + NO_LIMIT + "call = lambda: log.error(pipe.TEMPLATE, pipe.ARGUMENT)",
    "  an ERROR that is held back": ERROR + "call = lambda: log.error(pipe.TEMPLATE, pipe.ARGUMENT)",
}


def instructions(stage: str, calls: int) -> int:
    """Return how many instructions an interpreter takes that runs *stage* and then *calls* calls."""
    loops = "\nfor _ in range(50):\n    call()\ngc.collect()\nfor _ in range(%d):\n    call()\n"
    valgrind = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
    done = subprocess.run(
        [*valgrind, sys.executable, "-c", PREPARE + stage + loops % calls],
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1].replace(",", ""))


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=1500)
    calls = parser.parse_args().calls
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed")
    print(f"CPython {sys.version.split()[0]}\n{'instructions a call':44} {'':>8} ratio")
    base = None
    for name, stage in STAGES.items():
        stage = stage.replace("__file__", repr(__file__))
        spent = (instructions(stage, calls) - instructions(stage, 0)) / calls
        base = base or spent
        print(f"{name:44} {spent:8,.0f} {spent / base:5.2f}")


if __name__ == "__main__":
    main()
