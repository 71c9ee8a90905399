"""The class that a dictConfig file names: is it there, does it take these arguments?"""

import importlib
import inspect
import logging
import logging.config
import logging.handlers
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

from ginkgo_logging import handlers
from ginkgo_logging.checking.findings import did_you_mean, shown, suggest
from ginkgo_logging.errors import ConfigError

_SAFE_PACKAGES = ("logging", "ginkgo_logging", "pythonjsonlogger")
_SAFE_HANDLERS = (
    handlers.ConsoleHandler,
    handlers.FlightRecorderHandler,
    handlers.JsonStreamHandler,
    handlers.QueueHandler,
    handlers.RotatingFileHandler,
    handlers.StreamHandler,
)


class Unresolved(Exception):  # noqa: N818 - it says which part of a name is not there
    """A dotted name leads to nothing; the message says which part fails, and why."""


def resolve(name: object, *, may_import: bool = True) -> Any:
    """Return what *name* stands for, by dictConfig's own rule; raise `Unresolved`."""
    if callable(name):
        return name
    if not isinstance(name, str) or not all(name.split(".")):
        raise Unresolved(f"{shown(name)} is not a dotted name, such as package.module.Class")
    if not may_import and name.split(".")[0] not in _SAFE_PACKAGES:
        raise Unresolved(f"{name!r} was not imported, as others may write to this file")
    try:
        return logging.config.BaseConfigurator({}).resolve(name)
    except ConfigError as exc:
        raise Unresolved(f"{name!r} cannot be read: {exc}") from exc
    except (Exception, SystemExit) as exc:
        raise Unresolved(_failing_part(name, exc)) from exc


def _failing_part(name: str, failure: BaseException) -> str:
    parts = name.split(".")
    found: Any = None
    for index, part in enumerate(parts):
        known, path = ".".join(parts[:index]), ".".join(parts[: index + 1])
        try:
            if index and hasattr(found, part):
                found = getattr(found, part)
                continue
            if index and not isinstance(found, ModuleType):
                return f"{known!r} has no {part!r}{_likely(part, dir(found))}"
            found = importlib.import_module(path)
        except ModuleNotFoundError as exc:
            if exc.name != path:
                return f"importing {path!r} fails: {exc}"
            if index == 0:
                return f"no module {path!r} is installed{_likely(path, sys.modules)}"
            return f"module {known!r} has no {part!r}{_likely(part, dir(found))}"
        except (Exception, SystemExit) as exc:  # noqa: BLE001 - an import runs whatever the module says
            return f"importing {path!r} fails: {type(exc).__name__}: {exc}"
    return f"{name!r} cannot be read: {failure}"


def _likely(word: str, known: Any) -> str:
    meant = did_you_mean(word, [name for name in known if not name.startswith("_")])
    return f"; did you mean {meant!r}?" if meant else ""


def argument_faults(
    factory: Callable[..., Any], arguments: Mapping[Any, object], taken_elsewhere: tuple[str, ...] = ()
) -> Iterator[tuple[str | None, str, str]]:
    """Yield (key or None, what is wrong, what is allowed) without calling *factory*.

    *taken_elsewhere* are parameters that dictConfig serves by other means, such as a handler's level.
    """
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):  # written in C, and silent about its arguments
        return
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    named = {name: p for name, p in parameters.items() if p.kind in kinds and name not in taken_elsewhere}
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    title = f"{public_name(factory)} takes"
    for key in arguments:
        if not isinstance(key, str) or not key.isidentifier():
            yield key, "not a Python name, so dictConfig drops it", suggest(key, named, title)
        elif key not in named and not takes_any:
            yield key, "unknown argument", suggest(key, named, title)
    for name, parameter in named.items():
        if parameter.default is inspect.Parameter.empty and name not in arguments:
            yield None, f"argument {name!r} is missing", f"{title}: {', '.join(named)}"
        elif _should_be_number(parameter.default, arguments.get(name, 0)):
            yield (
                name,
                f"a number is wanted, not {shown(arguments[name])}",
                f"its default is {parameter.default}",
            )


def _should_be_number(default: object, value: object) -> bool:
    is_number = isinstance(default, int | float) and not isinstance(default, bool)
    return is_number and isinstance(value, str | list | dict)


def is_safe_to_build(factory: object) -> bool:
    """Return whether building one of these has no effect: our and the standard filters and formatters."""
    if not isinstance(factory, type):
        return False
    if factory.__module__.split(".")[0] not in _SAFE_PACKAGES:
        return False
    return issubclass(factory, logging.Filter | logging.Formatter)


def is_safe_handler(factory: object) -> bool:
    """Return whether it is one of our handlers, which open and start nothing before the first line.

    A file handler wants ``delay`` for that.
    """
    return factory in _SAFE_HANDLERS


def argument_named_in(message: str, arguments: Mapping[Any, object]) -> str | None:
    """Return the argument that *message* speaks of: the one that it names first."""
    words = re.findall(r"\w+", message)
    # logging.Formatter capitalises: "Style must be one of".
    named = [name for word in words for name in (word, word.lower()) if name in arguments]
    return named[0] if named else None


def public_name(factory: object) -> str:
    """Return the name that a dictConfig file uses for a class: ours are named by section, not by module."""
    module = str(getattr(factory, "__module__", "") or "")
    name = str(getattr(factory, "__qualname__", "") or repr(factory))
    section = module.rpartition(".")[0]
    if section.startswith("ginkgo_logging.") and hasattr(sys.modules.get(section), name):
        module = section
    return f"{module}.{name}" if module else name
