"""One dictConfig document under examination: its values as dictConfig will see them."""

import copy
import logging.config
import re
from collections.abc import Iterator
from typing import Any, Final

from ginkgo_logging.checking.class_names import Unresolved, resolve
from ginkgo_logging.checking.documents import Document
from ginkgo_logging.checking.findings import Path, Report, shown, suggest

_REFERENCE = re.compile(r"^(ext|cfg)://(.*)$")


class _Unknown:
    def __repr__(self) -> str:
        return "a reference that does not resolve"


UNKNOWN: Final = _Unknown()
"""Stands for a value that an ``ext://`` or ``cfg://`` does not lead to; that was reported already."""


class DictConfigDocument:
    """The value of a dictConfig document, and the report on it.

    *may_import* false keeps names outside `logging` and `ginkgo_logging` from being imported: to import is
    to run code, and setup() would not run this file's.
    """

    def __init__(self, document: Document, report: Report, *, may_import: bool = True) -> None:
        self.value: dict[Any, Any] = document.value
        self.report = report
        self.may_import = may_import
        self.cfg_names: set[str] = set()

    def configurator(self) -> Any:
        """Return the standard library's own configurator for a copy of the document."""
        return logging.config.DictConfigurator(copy.deepcopy(self.value))

    def check_references(self) -> None:
        """Report every ``ext://`` and ``cfg://`` that leads to nothing."""
        for path, text in _texts(self.value):
            match = _REFERENCE.match(text)
            if match is None:
                continue
            if match[1] == "cfg":
                self.cfg_names.update(re.findall(r"\w+", match[2]))
            try:
                self._follow(text)
            except Unresolved as exc:
                self.report.error(path, f"{text!r} does not resolve: {exc}")

    def convert(self, value: object) -> Any:
        """Return *value* with an ``ext://`` or ``cfg://`` of its own followed; `UNKNOWN` if that fails."""
        try:
            return self._follow(value)
        except Unresolved:
            return UNKNOWN

    def _follow(self, value: object) -> Any:
        match = _REFERENCE.match(value) if isinstance(value, str) else None
        if match is None:
            return _plain(value)
        if match[1] == "ext":
            return resolve(match[2], may_import=self.may_import)
        try:
            return _plain(self.configurator().convert(value))
        except (KeyError, IndexError) as exc:
            raise Unresolved(f"the file has no {exc.args[0]!r} there") from exc
        except Exception as exc:
            raise Unresolved(str(exc) or type(exc).__name__) from exc

    def mapping(self, value: object, path: Path, wanted: str) -> dict[Any, Any] | None:
        """Return *value* if it is a mapping; else report it."""
        found = self.convert(value)
        if isinstance(found, dict):
            return found
        if found is not UNKNOWN:
            self.report.error(path, f"{wanted}, not {shown(found)}")
        return None

    def section(self, name: str) -> dict[Any, Any]:
        """Return a top-level section, without saying what may be wrong with it."""
        found = self.convert(self.value.get(name))
        return found if isinstance(found, dict) else {}

    def names(self, value: object, path: Path, known: dict[Any, Any], kind: str) -> list[Any]:
        """Return the names in the list *value* that are among *known*; report the others."""
        found = self.convert(value)
        if found is None or found is UNKNOWN:
            return []
        if not isinstance(found, list | tuple):
            wanted = (
                f"write it as [{found}]" if isinstance(found, str) else f"a list of {kind} names is wanted"
            )
            self.report.error(path, f"a list of {kind} names is wanted, not {shown(found)}", wanted)
            return []
        good = []
        for index, name in enumerate(found):
            if is_name(name) and name in known:
                good.append(name)
            elif kind == "filter" and callable(getattr(name, "filter", name)):
                continue  # an object of a module's, by ext://
            else:
                self.report.error(
                    (*path, index), f"no {kind} is named {shown(name)}", suggest(name, known, f"{kind}s")
                )
        return good


def _plain(value: object) -> object:
    """Return a collection that a cfg:// leads to without the converting, which raises, of its items."""
    if isinstance(value, logging.config.ConvertingDict):
        return dict(value)
    return list(value) if isinstance(value, logging.config.ConvertingList) else value


def is_name(value: object) -> bool:
    """Return whether *value* can be the key of a mapping in YAML."""
    return isinstance(value, str | int | float | None)


def _texts(document: object) -> Iterator[tuple[Path, str]]:
    """Yield every text and its path, that of a shared (aliased) collection once."""
    seen: set[int] = set()
    waiting: list[tuple[Path, object]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, dict | list) and id(value) not in seen:
            seen.add(id(value))
            items = value.items() if isinstance(value, dict) else enumerate(value)
            waiting.extend(((*path, step), item) for step, item in items)
