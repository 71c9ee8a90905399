"""What a record says, as text: its message and its exception, whatever the caller's objects do. Never raises."""

import logging
import re
import threading
import traceback
from collections.abc import Mapping
from typing import NamedTuple

from ginkgo_logging.any_object import class_name, placeholder
from ginkgo_logging.lazy_pattern import lazy_pattern


class ErrorText(NamedTuple):
    """An exception as text, as it will be written."""

    type: str
    message: str
    stack_trace: str


def message_of(record: logging.LogRecord) -> str:
    """Return the formatted message; never raises.

    Where the arguments do not fit the template, or one does not print, as much as possible is shown.
    """
    message = record.msg
    try:
        if type(message) is str and not record.args:
            return message
        text = record.getMessage()
        return text if type(text) is str else str.__str__(text)
    except Exception:  # noqa: BLE001 - any object may be logged, its __str__ may raise anything
        return _salvage(message, record.args)


_salvaging = threading.local()

# Not the flag " ": in a message "100% sure" is a text.
_CONVERSION = lazy_pattern(r"%%|%(?:\((?P<name>[^()]*)\))?[#0\-+]*\d*(?:\.\d+)?[hlL]?[a-zA-Z]")


def _salvage(message: object, args: object) -> str:
    # An object whose __str__ logs itself and then fails would otherwise be asked twice on every level of that
    # recursion, which is exponential.
    if getattr(_salvaging, "is_running", False):
        return message if type(message) is str else placeholder(message)
    _salvaging.is_running = True
    try:
        return _fill(printable(message), args)
    except Exception:  # noqa: BLE001 - arguments of hand-made records may be anything, too
        return printable(message)
    finally:
        _salvaging.is_running = False


def _fill(template: str, args: object) -> str:
    """Put each argument where its conversion is, as text, and those without one at the end.

    Not only at the end: in ``password=%s`` masking must see the value beside its name. ``%(password)s`` without
    names gets the next value.
    """
    named = args if isinstance(args, Mapping) else {}
    rest = (
        list(args) if isinstance(args, tuple | list) else [] if named else [args] if args is not None else []
    )

    def shown(conversion: re.Match[str]) -> str:
        name = conversion["name"]
        if name is not None and name in named:
            return printable(named[name])
        if conversion[0] == "%%":
            return "%"
        return printable(rest.pop(0)) if rest else conversion[0]

    text = _CONVERSION.sub(shown, template)
    return f"{text} [args: {', '.join(map(printable, rest))}]" if rest else text


def printable(value: object) -> str:
    """Return ``str(value)``, or a placeholder naming the class if that raises."""
    try:
        # A class may return a text of a class of its own, which may do anything.
        text = str(value)
        return text if type(text) is str else str.__str__(text)
    except Exception:  # noqa: BLE001 - see message_of
        return placeholder(value)


def error_of(record: logging.LogRecord) -> ErrorText | None:
    """Return the exception of *record* as text, without regard to masking; None if there is none."""
    info = record.exc_info
    if not isinstance(info, tuple) or not info or info[0] is None:
        return ErrorText("", "", record.exc_text) if record.exc_text else None
    # The caller's mistake; the standard library takes any tuple.
    if len(info) != 3 or not isinstance(info[1], BaseException):
        return ErrorText("", "", printable(info))
    _, value, trace = info
    kind = type(value)
    name = class_name(kind)
    try:
        name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
        text = "".join(traceback.format_exception(kind, value, trace)).rstrip("\n")
    except Exception as exc:  # noqa: BLE001 - an exception may carry notes or frames that do not print
        text = f"<traceback unavailable: {type(exc).__name__}>"
    return ErrorText(name, printable(value), text)


# A precision means digits to all other conversions.
_CUTTING = lazy_pattern(r"%[^%a-zA-Z]*\.[^%a-zA-Z]*[hlL]?[sra]")


def may_cut_argument(template: str) -> bool:
    """Return whether a message made of *template* may show a part of an argument only, as with ``%.3s``."""
    return "." in template and _CUTTING.search(template) is not None
