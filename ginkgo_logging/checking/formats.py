"""Check a formatter with a record: does its format fit, and does every record have what it names?"""

import json
import logging

from ginkgo_logging.checking.dictconfig_document import DictConfigDocument
from ginkgo_logging.checking.findings import Path, shown
from ginkgo_logging.formatters import PlainFormatter
from ginkgo_logging.records import attach_state

_KEYS = ("format", "fmt")


def check_format(document: DictConfigDocument, path: Path, formatter: logging.Formatter) -> None:
    """Report what the *formatter* at *path* does wrong with a record that a context filter has completed."""
    entry = document.section(str(path[0])).get(path[1], {})
    place = next(((*path, key) for key in _KEYS if key in entry), path)
    record = _sample()
    try:
        missing = (
            _nulls(formatter.format(record), record) if _is_json(formatter) else _missing(formatter, record)
        )
    except Exception as exc:  # noqa: BLE001 - what a format can do wrong
        document.report.error(place, f"no record can be formatted: {exc}")
        return
    for name in missing:
        problem = f"no record has {shown(name)} of itself: {_consequence(formatter)}"
        document.report.warning(place, problem, "allowed without a warning if 'defaults' has a value for it")


def _sample() -> logging.LogRecord:
    record = logging.LogRecord(
        "shop.orders", logging.INFO, "/srv/shop/orders.py", 1, "sample", (), None, "place"
    )
    attach_state(record, ("9f2c41d07ab84e55", "a1", "system", {}))
    record.message, record.asctime = "sample", "2026-02-26 10:30:00,123"
    return record


def _is_json(formatter: logging.Formatter) -> bool:
    return hasattr(formatter, "json_default")


def _nulls(line: str, record: logging.LogRecord) -> list[str]:
    """Return what a JSON formatter was told to add, and found nowhere."""
    content = json.loads(line[line.index("{") :])
    return [name for name, value in content.items() if value is None and name not in record.__dict__]


def _missing(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    """Return the name that the format of *formatter* does not find, if any."""
    if isinstance(formatter, PlainFormatter):
        record.__dict__.update(ids="", fields="")
    try:
        formatter.formatMessage(record)  # not `format`, which in a PlainFormatter does without
    except ValueError as exc:
        if not isinstance(exc.__context__, KeyError):
            raise
        return [str(exc.__context__.args[0])]
    return []


def _consequence(formatter: logging.Formatter) -> str:
    if _is_json(formatter):
        return "it is null in the line of one without such a field"
    if isinstance(formatter, PlainFormatter):
        return "one without such a field gets the default layout"
    return "one without such a field is lost"
