"""What a check found, one line each, with file, line and key."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ginkgo_logging.formatters.plain import escape

Key = object
"""One step of a path: a mapping's key or a list's index."""

Path = tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or that is likely not meant.

    As text: ``FILE:LINE: error: KEY: what is wrong; what is allowed``, always one line.
    """

    file: str
    line: int | None
    severity: Literal["error", "warning"]
    key: str
    problem: str
    allowed: str = ""

    @property
    def where(self) -> str:
        """File and line, as editors and terminals know them."""
        return escape(self.file if self.line is None else f"{self.file}:{self.line}")

    @property
    def what(self) -> str:
        """Key, fault and what is allowed."""
        key = f"{self.key}: " if self.key else ""
        allowed = f"; {self.allowed}" if self.allowed else ""
        return escape(f"{key}{self.problem}{allowed}")

    def __str__(self) -> str:
        return f"{self.where}: {self.severity}: {self.what}"


class Lines(Protocol):
    """Knows on which line a key stands."""

    def line(self, path: Path) -> int | None:
        """Return the line of the key at *path*, or of its nearest parent that is in the file."""


class _NoLines:
    def line(self, path: Path) -> int | None:
        return None


@dataclass(slots=True)
class Report:
    """The findings in one file, as they come."""

    file: str
    lines: Lines = field(default_factory=_NoLines)
    findings: list[Finding] = field(default_factory=list)

    def error(self, path: Path, problem: str, allowed: str = "", *, line: int | None = None) -> None:
        """Note a fault: the file does not load, or does not do what it says."""
        self._add("error", path, problem, allowed, line)

    def warning(self, path: Path, problem: str, allowed: str = "", *, line: int | None = None) -> None:
        """Note what works but is likely not meant."""
        self._add("warning", path, problem, allowed, line)

    def ignored(self, path: Path, known: Iterable[object], by: str = "dictConfig") -> None:
        """Note a key without effect: an error where it looks like a misspelt one, else a warning."""
        meant = did_you_mean(path[-1], known)
        note = self.error if meant else self.warning
        note(path, f"unknown key, which {by} ignores", suggest(path[-1], known, "allowed here"))

    def in_order(self) -> list[Finding]:
        """Return the findings by line."""
        return sorted(self.findings, key=lambda finding: finding.line or 0)

    def _add(
        self,
        severity: Literal["error", "warning"],
        path: Path,
        problem: str,
        allowed: str,
        line: int | None,
    ) -> None:
        place = self.lines.line(path) if line is None else line
        finding = Finding(self.file, place, severity, dotted(path), problem, allowed)
        if finding not in self.findings:
            self.findings.append(finding)


def dotted(path: Path) -> str:
    """Return *path* for a person: ``loggers."urllib3.pool".handlers[0]``."""
    text = ""
    for step in path:
        if isinstance(step, int) and not isinstance(step, bool):
            text += f"[{step}]"
            continue
        name = step if isinstance(step, str) else repr(step)
        plain = name and not any(character in name for character in '. "')
        text += ("." if text else "") + (name if plain else f'"{name}"')
    return text


def shown(value: object) -> str:
    """Return *value* for a message, not longer than a message may be."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def did_you_mean(word: object, known: Iterable[object], cutoff: float = 0.6) -> str | None:
    """Return that of *known* which *word* is most likely meant to be, if any."""
    by_lower = {str(name).lower(): str(name) for name in known}
    matches = difflib.get_close_matches(str(word).lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[matches[0]] if matches else None


def suggest(word: object, known: Iterable[object], title: str = "allowed") -> str:
    """Return what is allowed instead of *word*, the likeliest first."""
    names = [str(name) for name in known]
    meant = did_you_mean(word, names)
    question = f"did you mean {meant!r}? " if meant else ""
    listed = ", ".join(name or "''" for name in names) or "nothing"
    return f"{question}{title}: {listed}"
