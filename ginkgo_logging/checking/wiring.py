"""Check how a dictConfig document wires handlers: filters and their order, unused and doubled handlers."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ginkgo_logging.checking.components import HandlerParts
from ginkgo_logging.checking.dictconfig_document import DictConfigDocument
from ginkgo_logging.checking.findings import Path
from ginkgo_logging.filters import ContextFilter, MaskingFilter

_ROOT_NAMES = ("", "root")


@dataclass(slots=True)
class _Logger:
    path: Path
    handlers: list[Any]
    filters: list[Any]
    propagates: bool


@dataclass(slots=True)
class Wires:
    """The named parts of one document, and who uses whom.

    Filters are kept by their class, None where it is not known.
    """

    filters: Mapping[Any, Any]
    handlers: dict[Any, HandlerParts] = field(default_factory=dict)
    loggers: dict[str, _Logger] = field(default_factory=dict)
    depends_on_settings: bool = False

    def add_logger(self, path: Path, handlers: list[Any], filters: list[Any], *, propagates: bool) -> None:
        """Note one logger; the root comes last, and takes the place of one among ``loggers``."""
        name = "" if path == ("root",) or path[-1] in _ROOT_NAMES else str(path[-1])
        self.loggers[name] = _Logger(path, handlers, filters, propagates)

    def ancestors(self, name: str) -> list[_Logger]:
        """Return the configured loggers that a record of *name* goes on to, the nearest first."""
        found: list[_Logger] = []
        logger = self.loggers[name]
        while name and logger.propagates:
            name = name.rpartition(".")[0]
            if name in self.loggers:
                logger = self.loggers[name]
                found.append(logger)
        return found


def check_wires(document: DictConfigDocument, wires: Wires) -> None:
    """Report handlers that miss our filters, that nobody uses, or that write a record twice."""
    if any(_is(factory, ContextFilter, MaskingFilter) for factory in wires.filters.values()):
        for name in wires.handlers:
            _check_filters(document, wires, name)
    elif wires.handlers and all(isinstance(factory, type) for factory in wires.filters.values()):
        document.report.warning(
            ("handlers",),
            "no handler lists a context or a masking filter: lines carry no trace, and secrets are not masked",
            "filters: ginkgo_logging.filters.ContextFilter first, ginkgo_logging.filters.MaskingFilter last",
        )
    _check_filters_of_loggers(document, wires)
    _check_order_of_targets(document, wires)
    _check_unused(document, wires)
    _check_doubled(document, wires)


def _is(factory: object, *classes: type) -> bool:
    return isinstance(factory, type) and issubclass(factory, classes)


def _check_filters(document: DictConfigDocument, wires: Wires, name: object) -> None:
    handler = wires.handlers[name]
    if _is(handler.factory, logging.NullHandler) or _is_fed_filtered(wires, name):
        return
    classes = [wires.filters.get(filter_name) for filter_name in handler.filters]
    if not handler.all_filters_known or not all(isinstance(factory, type) for factory in classes):
        return  # one that is reported already, or a function that may return any
    path: Path = ("handlers", name, "filters") if handler.filters else ("handlers", name)
    context = [index for index, factory in enumerate(classes) if _is(factory, ContextFilter)]
    masking = [index for index, factory in enumerate(classes) if _is(factory, MaskingFilter)]
    if not context:
        document.report.warning(
            path, "lists no context filter: its lines may lack trace_id and fields", "list it first"
        )
    elif context[0] != 0:
        document.report.warning(
            path, f"{handler.filters[context[0]]!r} is not first: filters before it see no context"
        )
    if not masking:
        document.report.warning(path, "lists no masking filter: it may print secrets", "list it last")
    elif masking[-1] != len(classes) - 1:
        later = handler.filters[masking[-1] + 1]
        problem = f"{handler.filters[masking[-1]]!r} is not last: what {later!r} adds is not masked"
        document.report.warning(path, problem, "list it last")


def _is_fed_filtered(wires: Wires, name: object) -> bool:
    """Return whether a handler gets records only from another one, a queue say, that has filters."""
    if any(name in logger.handlers for logger in wires.loggers.values()):
        return False
    return any(name in handler.targets and handler.filters for handler in wires.handlers.values())


def _check_filters_of_loggers(document: DictConfigDocument, wires: Wires) -> None:
    for logger in wires.loggers.values():
        ours = [name for name in logger.filters if _is(wires.filters.get(name), ContextFilter, MaskingFilter)]
        for name in ours:
            document.report.warning(
                (*logger.path, "filters"),
                f"{name!r} on a logger does not see the records of the loggers below it",
                "list it on each handler",
            )


def _check_order_of_targets(document: DictConfigDocument, wires: Wires) -> None:
    """Report a handler whose target dictConfig will not have when it builds the handler.

    dictConfig takes handlers by name, and puts off those whose targets are not there yet, but only once.
    """
    try:
        names = sorted(wires.handlers)
    except TypeError:
        document.report.error(
            ("handlers",), "dictConfig cannot sort names of several types", "write them as text"
        )
        return
    built: set[Any] = set()
    waiting = [name for name in names if not _can_be_built(wires, name, built)]
    for name in waiting:
        if not _can_be_built(wires, name, built):
            first = next(target for target in wires.handlers[name].targets if target not in built)
            document.report.error(
                ("handlers", name, "target"),
                f"{first!r} waits for a target too, and dictConfig builds handlers in the order of their names",
                f"give {name!r} a name that comes after {first!r}",
            )


def _can_be_built(wires: Wires, name: object, built: set[Any]) -> bool:
    targets = wires.handlers[name].targets
    if not all(target in built or target not in wires.handlers for target in targets):
        return False
    built.add(name)
    return True


def _check_unused(document: DictConfigDocument, wires: Wires) -> None:
    used = {name for logger in wires.loggers.values() for name in logger.handlers}
    used |= {name for handler in wires.handlers.values() for name in handler.targets}
    used |= {name for name in wires.handlers if name in document.cfg_names}
    listed = {name for logger in wires.loggers.values() for name in logger.filters}
    listed |= {name for handler in wires.handlers.values() for name in handler.filters}
    if not wires.depends_on_settings:
        for name in wires.handlers:
            if name not in used:
                document.report.warning(("handlers", name), "no logger uses this handler")
    for name in wires.filters:
        if name not in listed and name not in document.cfg_names:
            document.report.warning(("filters", name), "no handler and no logger lists this filter")


def _check_doubled(document: DictConfigDocument, wires: Wires) -> None:
    for name, logger in wires.loggers.items():
        for ancestor in wires.ancestors(name):
            for index, handler in enumerate(logger.handlers):
                if handler in ancestor.handlers:
                    whose = "root" if ancestor.path[-1] in _ROOT_NAMES else repr(ancestor.path[-1])
                    document.report.warning(
                        (*logger.path, "handlers", index),
                        f"{handler!r} is on {whose} too, and propagate is true: it writes each record twice",
                        "remove it here, or set propagate: false",
                    )
