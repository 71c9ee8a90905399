"""docs/glog.md and docs/json-line.md leave nothing out; what they and README show is what comes out."""

import dataclasses
import enum
import json
import logging
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy
import pytest
import yaml

from ginkgo_logging import GLOG, GinkgoLogger, fields
from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.testing import capture_logs

ROOT = Path(__file__).parent.parent
GLOG_PAGE = (ROOT / "docs" / "glog.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINE_PAGE = (ROOT / "docs" / "json-line.md").read_text(encoding="utf-8")
OF_ITS_PLACE = {"timestamp", "hostname", "pid", "container_id", "pod_name", "namespace"}


class Side(enum.Enum):
    """An enumeration."""

    BUY = "buy"


@dataclasses.dataclass
class Order:
    """A dataclass."""

    number: int


class Unprintable:
    """An object that does not print."""

    def __str__(self) -> str:
        raise RuntimeError


itself: dict[str, Any] = {}
itself["me"] = itself
VALUES = {
    one.__name__: one for one in (Side, Order, Unprintable, Decimal, UUID, Path, datetime, timedelta, numpy)
} | {"itself": itself, "UTC": UTC}


def _section(page: str, heading: str) -> str:
    return page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def _is_shown(shown: object, value: object) -> bool:
    """Whether *shown* is *value*, or the beginning of it before the mark of a cut."""
    if isinstance(shown, str) and shown.endswith("…"):
        return isinstance(value, str) and value.startswith(shown[:-1])
    return shown == value


def test_every_method_of_glog_is_described() -> None:
    """
    The tables of docs/glog.md have a row for each public name of GinkgoLogger, and for no other.
    """
    cells = re.findall(r"^\| (`[^|]*`) \|", GLOG_PAGE, re.MULTILINE)
    described = [name for cell in cells for name in re.findall(r"`(\w+)(?:\([^`]*\))?`", cell)]

    assert sorted(name for name in dir(GinkgoLogger) if not name.startswith("_")) == sorted(described)


def test_every_core_key_is_described() -> None:
    """
    The table of keys names each core key once, and no other.
    """
    assert sorted(fields.CORE) == sorted(_keys())


def test_keys_stand_in_the_order_of_the_table() -> None:
    """
    The example's keys stand in the table's order, business fields before the source.
    """
    line = json.loads(re.findall(r"^```json\n(.*?)^```", LINE_PAGE, re.MULTILINE | re.DOTALL)[0])
    core = [name for name in line if name in fields.CORE]
    own = [name for name in line if name not in fields.CORE]

    assert [name for name in _keys() if name in line] == core
    names = list(line)
    assert own == names[names.index("trace_id") + 1 : names.index("source")]


def test_example_is_the_line_that_is_written(tmp_path: Path) -> None:
    """
    The example of docs/json-line.md is what its program writes, but for time, place and what is cut.
    """
    program = tmp_path / "engine.py"
    program.write_text(re.findall(r"^```python\n(.*?)^```", LINE_PAGE, re.MULTILINE | re.DOTALL)[0])
    shown = json.loads(re.findall(r"^```json\n(.*?)^```", LINE_PAGE, re.MULTILINE | re.DOTALL)[0])
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, program], env=environment, capture_output=True, check=True, timeout=60
    )
    line = json.loads(done.stdout)

    assert [name for name in line if name not in OF_ITS_PLACE] == [
        name for name in shown if name not in OF_ITS_PLACE
    ]
    assert {} == {
        name: (shown[name], line[name])
        for name in shown
        if name not in OF_ITS_PLACE and not _is_shown(shown[name], line[name])
    }


@pytest.mark.parametrize(
    ("value", "form"),
    re.findall(r"^\| `(.+)` \| `(.+)` \|$", _section(LINE_PAGE, "Odd values"), re.MULTILINE),
)
def test_odd_values_have_the_form_that_is_shown(value: str, form: str) -> None:
    """
    Each value of the table becomes what stands beside it.
    """
    with capture_logs() as rows:
        logging.getLogger("odd").info("a value", extra={"value": eval(value, dict(VALUES))})

    assert json.loads(form) == rows[0]["value"]


def test_lengths_are_those_of_the_shipped_files() -> None:
    """
    The longest lines are those that the formatter and container.yaml allow.
    """
    shipped = yaml.safe_load((ROOT / "logging.d" / "container.yaml").read_text(encoding="utf-8"))

    assert f"| {JsonFormatter().max_bytes // 1024} KiB in files, " in LINE_PAGE
    assert f", {shipped['formatters']['json']['max_bytes']:,} bytes on a container's stdout" in LINE_PAGE


def test_lines_of_the_readme_are_what_becomes_of_the_lines_before() -> None:
    """
    Each line that README shows is the line of the message that stands above it, with six keys, in 120 columns.
    """
    before, after = re.findall(r"^```text\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    messages = [line.removeprefix("DEBUG:urllib3.connectionpool:") for line in before.splitlines()]
    lines = [
        json.loads(line.replace("{…,", "{").replace(",…}", "}"))
        for line in re.findall(r"^\{.*\n .*\}$", after, re.MULTILINE)
    ]

    with capture_logs() as rows, GLOG.context(trace_id="4bf92f3577b34da6a3ce929d0e0e4736"):
        with GLOG.context(log_category="backtest", portfolio_id="portfolio-aaa"):
            for line, message in zip(lines, messages, strict=True):
                level = logging.getLevelNamesMapping()[line["level"].upper()]
                logging.getLogger(line["logger_name"]).log(level, message)

    assert 120 >= max(map(len, after.splitlines()))
    for line, row in zip(lines, rows, strict=True):
        assert 6 == len(line)
        assert list(line) == [name for name in row if name in line]
        assert [] == [name for name, value in line.items() if not _is_shown(value, row[name])]
        assert "***" in line["message"] or "connected" == line["message"]


def test_ratios_of_the_readme_are_those_of_the_benchmarks() -> None:
    """
    The ratios that README names stand in the table of docs/benchmarks.md.
    """
    table = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    ratios = re.findall(r"\d\.\d+", README[README.index("A complete line") : README.index("([how that is")])

    assert 4 == len(ratios)
    assert [] == [ratio for ratio in ratios if f"| {ratio} |" not in table]


def _keys() -> list[str]:
    return re.findall(r"^\| `(\w+)` \|", _section(LINE_PAGE, "Keys"), re.MULTILINE)
