"""Check files on disk: one that is named, or all that setup() would use."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ginkgo_logging import config_files, settings
from ginkgo_logging.checking.dictconfig import KEYS, check_dictconfig
from ginkgo_logging.checking.documents import Document, parse
from ginkgo_logging.checking.findings import Finding, Report
from ginkgo_logging.checking.setting_values import check_environment, check_settings
from ginkgo_logging.errors import ConfigError
from ginkgo_logging.settings import SECTIONS, Settings


@dataclass(frozen=True, slots=True)
class Result:
    """What was looked at, in the order in which setup() reads it, and what was found.

    *files* are (name, what it is) pairs.
    """

    settings: Settings
    files: list[tuple[str, str]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(finding.severity == "error" for finding in self.findings)

    def take(self, report: Report) -> None:
        """Add the findings of one file."""
        self.findings.extend(report.in_order())


@dataclass(slots=True)
class _Loaded:
    """A dictConfig file that was read as far as it can be."""

    report: Report
    document: Document | None
    trusted: bool = True

    @property
    def incremental(self) -> bool:
        value = self.document.value if self.document else None
        return isinstance(value, dict) and value.get("incremental") is True

    @property
    def handlers(self) -> list[object] | None:
        value = self.document.value if self.document else None
        handlers = value.get("handlers") if isinstance(value, dict) else None
        return list(handlers) if isinstance(handlers, dict) else None


# --- all that setup() would use -----------------------------------------------------------------------------


def check_installation() -> Result:
    """Check config.yaml, the environment variables, and the dictConfig files that setup() would choose now."""
    path = _config_yaml()
    file_report, environment_report = Report(str(path or "config.yaml")), Report("environment")
    from_file = _check_config_yaml(path, file_report) if path and _is_there(path) else None
    from_environment = check_environment(environment_report)
    chosen = Settings()._replace(**{**(from_file or {}), **from_environment})
    result = Result(chosen)
    if from_file is not None:
        result.files.append((str(path), "settings"))
    loaded: list[_Loaded] = []
    try:
        loaded = _load_chosen(chosen)
    except ConfigError as exc:
        if "config" in from_environment:
            environment_report.error(("LOGGING_CONFIG",), str(exc))
        elif "config" in (from_file or {}):
            file_report.error(("logging", "config"), str(exc))
        else:  # a file of the user's is there but cannot be looked at
            environment_report.error((), str(exc))
    result.take(file_report)
    result.take(environment_report)
    with _in_force(chosen):
        below = None
        for file in loaded:
            result.files.append((file.report.file, _kind_of(file)))
            _check_loaded(file, below)
            result.take(file.report)
            below = file.handlers if not file.incremental else below
    return result


def _kind_of(file: _Loaded) -> str:
    shipped = "shipped, " if file.report.file == _shipped_name(file) else ""
    return shipped + ("dictConfig, incremental" if file.incremental else "dictConfig")


def _shipped_name(file: _Loaded) -> str | None:
    name = Path(file.report.file).stem
    return config_files.shipped(name).name if name in config_files.ENVIRONMENTS else None


def _config_yaml() -> Path | None:
    try:
        return settings.config_file()
    except ConfigError:  # a user without a home has none
        return None


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError:
        return True  # and the read says what is wrong
    return True


def _load_chosen(chosen: Settings) -> list[_Loaded]:
    """Read the files that `config_files.find` would, also those that it would refuse."""
    environment, candidates = config_files.find_candidates(chosen)
    return config_files.down_to_complete(candidates, _load, lambda: _load_shipped(environment))


def _load_shipped(environment: str) -> _Loaded:
    shipped = config_files.shipped(environment)
    report = Report(shipped.name)
    return _Loaded(report, parse(shipped.text, report))


# --- one file -----------------------------------------------------------------------------------------------


def check_file(path: Path) -> Result:
    """Check *path*, which is a config.yaml or a dictConfig file, by what is in it."""
    chosen, _ = settings.examine()
    result = Result(chosen)
    file = _load(path)
    kind = _kind(path, file.document)
    result.files.append((str(path), kind))
    if kind == "settings":
        file.report.findings = [finding for finding in file.report.findings if not _is_refusal(finding)]
        if file.document is not None:
            check_settings(file.document, file.report)
    else:
        with _in_force(chosen):
            _check_loaded(file, _handlers_below(path, chosen) if file.incremental else None)
    result.take(file.report)
    return result


def _kind(path: Path, document: Document | None) -> Literal["settings", "dictConfig"]:
    if path.name in ("config.yaml", "config.yml"):
        return "settings"
    keys = document.value.keys() if document is not None and isinstance(document.value, dict) else set()
    if keys & {"version", *KEYS} - {"version"}:
        return "dictConfig"
    return "settings" if keys & set(SECTIONS) else "dictConfig"


def _handlers_below(path: Path, chosen: Settings) -> list[object] | None:
    try:
        handlers = config_files.find(chosen, path)[0].document.get("handlers")
    except ConfigError:
        return None
    return list(handlers) if isinstance(handlers, dict) else None


# --- reading ------------------------------------------------------------------------------------------------

_REFUSED = "setup() refuses this file"


def _load(path: Path) -> _Loaded:
    report = Report(str(path))
    trusted = True
    try:
        config_files.refuse_if_others_may_write(path)
    except ConfigError as exc:
        trusted = False
        reason = str(exc).removeprefix(f"{path}: refused: ")
        report.error((), f"{_REFUSED}: {reason}", "to load it is to run code")
    except (OSError, RuntimeError, ValueError):
        pass  # and the read says what is wrong
    text = _text(path, report)
    return _Loaded(report, None if text is None else parse(text, report), trusted)


def _is_refusal(finding: Finding) -> bool:
    return finding.problem.startswith(_REFUSED)


def _text(path: Path, report: Report) -> str | None:
    data = b""
    try:
        data = path.read_bytes()
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        report.error((), f"not UTF-8: {exc.reason}", line=data.count(b"\n", 0, exc.start) + 1)
    except (OSError, RuntimeError, ValueError) as exc:
        report.error((), f"cannot be read: {getattr(exc, 'strerror', None) or exc}")
    return None


def _check_config_yaml(path: Path, report: Report) -> dict[str, Any]:
    text = _text(path, report)
    document = None if text is None else parse(text, report)
    return {} if document is None else check_settings(document, report)


def _check_loaded(file: _Loaded, handlers_below: list[object] | None) -> None:
    if file.document is not None:
        check_dictconfig(file.document, file.report, may_import=file.trusted, handlers_below=handlers_below)


@contextlib.contextmanager
def _in_force(chosen: Settings) -> Iterator[None]:
    """Let ``ext://ginkgo_logging.settings.`` give the values that setup() would give."""
    before = settings.in_force()
    settings.activate(chosen)
    try:
        yield
    finally:
        settings.activate(before)
