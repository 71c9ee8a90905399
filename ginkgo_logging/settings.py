"""What the user chose: ~/.ginkgo/config.yaml, then environment variables, then arguments of `setup()`.

A dictConfig file takes a setting by its name: ``ext://ginkgo_logging.settings.console_level``. Such a file
loads with the standard library alone; the names that it may use are in `NAMES_FOR_YAML`.
"""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import yaml

from ginkgo_logging.environment import is_container_environment
from ginkgo_logging.errors import ConfigError

DIRECTORY: Final = Path("~/.ginkgo")
"""Where the user's ``config.yaml``, ``logging.d/`` and ``logs/`` are; ``GINKGO_DIR`` moves it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, valid and complete; the defaults are those of the quickstart.

    A ``local_file_path`` that is not absolute lies in ``~/.ginkgo/logs/``. ``mask_fields`` None means
    the well-known credential names. ``loki_lookback`` and ``loki_timeout`` are seconds.
    """

    mode: str = "auto"
    format: str = "json"
    config: str | None = None
    console_level: str = "INFO"
    file_level: str = "DEBUG"
    container_enabled: bool = True
    container_json_output: bool = True
    local_file_enabled: bool = True
    local_file_path: str = "ginkgo.log"
    mask_fields: tuple[str, ...] | None = None
    mask_allow: tuple[str, ...] = ()
    mask_patterns: tuple[str, ...] = ()
    throttle_enabled: bool = True
    throttle_limit: int = 5
    throttle_seconds: float = 60.0
    loki_url: str | None = None
    loki_tenant: str | None = None
    loki_username: str | None = None
    loki_password: str | None = None
    loki_token: str | None = None
    loki_lookback: float = 7 * 24 * 3600.0
    loki_timeout: float = 10.0

    @property
    def environment(self) -> str:
        """The name of the dictConfig file to use: ``container`` or ``local``."""
        if self.mode == "auto":
            return "container" if self.container_enabled and is_container_environment() else "local"
        return self.mode

    @property
    def log_file(self) -> Path:
        """The file of local mode."""
        return directory() / "logs" / Path(self.local_file_path).expanduser()

    def __repr__(self) -> str:
        """Show no credential."""
        hidden = {"loki_password", "loki_token"}
        shown = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.name not in hidden)
        return f"Settings({', '.join(shown)})"


# --- one option: where it stands, how its value is read ----------------------------------------------------


def _text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise ValueError("a text")


def _choice(*allowed: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if isinstance(value, str) and value.strip().lower() in allowed:
            return value.strip().lower()
        raise ValueError("one of " + ", ".join(allowed))

    return parse


def _level(value: object) -> str:
    names = logging.getLevelNamesMapping()
    if isinstance(value, str) and value.strip().upper() in names:
        return value.strip().upper()
    if isinstance(value, int) and not isinstance(value, bool) and value in names.values():
        return logging.getLevelName(value)
    raise ValueError("one of " + ", ".join(name for name in names if name not in {"FATAL", "WARN"}))


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in {"true", "yes", "on", "1"}:
        return True
    if isinstance(value, str) and value.strip().lower() in {"false", "no", "off", "0"}:
        return False
    raise ValueError("true or false")


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [name for name in value.split(",") if name.strip()]
    if isinstance(value, list | tuple) and all(isinstance(name, str) and name.strip() for name in value):
        return tuple(name.strip() for name in value)
    raise ValueError("a list of names")


def _count(value: object) -> int:
    if isinstance(value, int | str) and not isinstance(value, bool) and str(value).strip().isdecimal():
        number = int(value)
        if number >= 1:
            return number
    raise ValueError("a whole number from 1")


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(value: object) -> float:
    text = str(value).strip().lower()
    unit = _UNITS.get(text[-1:], 0)
    try:
        number = float(text[:-1]) * unit if unit else float(text)
    except ValueError:
        number = 0.0
    if isinstance(value, bool) or not 0 < number < float("inf"):
        raise ValueError("a number of seconds above 0, or one with a unit such as 90s, 15m, 24h, 7d")
    return number


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: its name in `Settings`, its key in config.yaml, its environment variable, its parser."""

    name: str
    key: str
    variable: str
    parse: Callable[[object], Any]


OPTIONS: Final = (
    Option("mode", "logging.mode", "LOGGING_MODE", _choice("auto", "container", "local")),
    Option("format", "logging.format", "LOGGING_FORMAT", _choice("json", "plain")),
    Option("config", "logging.config", "LOGGING_CONFIG", _text),
    Option("console_level", "logging.level.console", "LOGGING_LEVEL_CONSOLE", _level),
    Option("file_level", "logging.level.file", "LOGGING_LEVEL_FILE", _level),
    Option("container_enabled", "logging.container.enabled", "LOGGING_CONTAINER_ENABLED", _switch),
    Option(
        "container_json_output", "logging.container.json_output", "LOGGING_CONTAINER_JSON_OUTPUT", _switch
    ),
    Option("local_file_enabled", "logging.local.file_enabled", "LOGGING_LOCAL_FILE_ENABLED", _switch),
    Option("local_file_path", "logging.local.file_path", "LOGGING_LOCAL_FILE_PATH", _text),
    Option("mask_fields", "logging.mask_fields", "LOGGING_MASK_FIELDS", _names),
    Option("mask_allow", "logging.mask_allow", "LOGGING_MASK_ALLOW", _names),
    Option("mask_patterns", "logging.mask_patterns", "LOGGING_MASK_PATTERNS", _names),
    Option("throttle_enabled", "logging.throttle.enabled", "LOGGING_THROTTLE_ENABLED", _switch),
    Option("throttle_limit", "logging.throttle.limit", "LOGGING_THROTTLE_LIMIT", _count),
    Option("throttle_seconds", "logging.throttle.seconds", "LOGGING_THROTTLE_SECONDS", _seconds),
    Option("loki_url", "loki.url", "LOKI_URL", _text),
    Option("loki_tenant", "loki.tenant", "LOKI_TENANT", _text),
    Option("loki_username", "loki.username", "LOKI_USERNAME", _text),
    Option("loki_password", "loki.password", "LOKI_PASSWORD", _text),
    Option("loki_token", "loki.token", "LOKI_TOKEN", _text),
    Option("loki_lookback", "loki.lookback", "LOKI_LOOKBACK", _seconds),
    Option("loki_timeout", "loki.timeout", "LOKI_TIMEOUT", _seconds),
)
_SECTIONS: Final = ("logging", "loki")
_SECRET_NAMES: Final = {"loki_password", "loki_token"}


# --- reading ----------------------------------------------------------------------------------------------


def directory() -> Path:
    """Return the user's directory, ``~/.ginkgo`` unless ``GINKGO_DIR`` says otherwise."""
    return Path(os.environ.get("GINKGO_DIR") or DIRECTORY).expanduser()


def load(**arguments: object) -> Settings:
    """Read config.yaml and the environment; *arguments*, where not None, win over both.

    Raises `ConfigError` naming file (or variable, or argument), key, value and what is allowed.
    """
    path = directory() / "config.yaml"
    chosen = _parse(_read_yaml(path), f"{path}: ")
    chosen |= _parse_flat(
        {o: os.environ[o.variable] for o in OPTIONS if os.environ.get(o.variable)}, "variable"
    )
    by_name = {option.name: option for option in OPTIONS}
    given = {name: value for name, value in arguments.items() if value is not None}
    for name in given.keys() - by_name.keys():
        raise ConfigError(f"setup() has no setting {name!r}; allowed: {', '.join(by_name)}")
    chosen |= _parse_flat({by_name[name]: value for name, value in given.items()}, "argument")
    return replace(Settings(), **chosen)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, RuntimeError) as exc:
        raise ConfigError(f"{path}: cannot be read: {exc}") from exc
    return _as_mapping(parse_yaml(text, str(path)), str(path))


def parse_yaml(text: str, name: str) -> Any:
    """Return the document in *text*; a `ConfigError` gives *name* and the line of the fault."""
    try:
        return yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader, the faster of the two
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise ConfigError(f"{name}:{line}: not valid YAML: {exc.problem}") from exc
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise ConfigError(f"{name}: not valid YAML: {exc}") from exc


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _as_mapping(value: object, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise ConfigError(f"{where}: must be a mapping of keys to values, got {type(value).__name__}")


def _parse(document: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Read our sections of config.yaml; other sections belong to the host application."""
    flat: dict[str, object] = {}
    for section in _SECTIONS:
        _flatten(_as_mapping(document.get(section), prefix + section), section, flat, prefix)
    by_key = {option.key: option for option in OPTIONS}
    for key in flat.keys() - by_key.keys():
        siblings = sorted(k for k in by_key if k.rpartition(".")[0] == key.rpartition(".")[0]) or sorted(
            by_key
        )
        raise ConfigError(f"{prefix}{key}: unknown key; allowed here: {', '.join(siblings)}")
    return {
        by_key[key].name: _parsed(by_key[key], value, prefix + key)
        for key, value in flat.items()
        if value is not None
    }


def _flatten(section: Mapping[str, Any], prefix: str, flat: dict[str, object], where: str) -> None:
    groups = {option.key.rpartition(".")[0] for option in OPTIONS}
    for name, value in section.items():
        key = f"{prefix}.{name}"
        if key in groups:
            _flatten(_as_mapping(value, where + key), key, flat, where)
        else:
            flat[key] = value


def _parse_flat(given: Mapping[Option, object], kind: str) -> dict[str, Any]:
    return {
        option.name: _parsed(
            option, value, option.variable if kind == "variable" else f"setup({option.name}=)"
        )
        for option, value in given.items()
    }


def _parsed(option: Option, value: object, where: str) -> Any:
    try:
        return option.parse(value)
    except ValueError as exc:
        shown = "(hidden)" if option.name in _SECRET_NAMES else repr(value)
        raise ConfigError(f"{where}: {shown} is not allowed; it must be {exc}") from None


# --- the settings in force, and what a YAML file may take from them ----------------------------------------

_active: Settings | None = None


def active() -> Settings:
    """Return the settings in force; read them if nothing has yet. Raises `ConfigError`."""
    return _active if _active is not None else activate(load())


def activate(settings: Settings | None) -> Settings:
    """Put *settings* in force for `active` and for the names in YAML files; None forgets them."""
    global _active
    _active = settings
    return settings or Settings()


def _root_level(settings: Settings) -> str:
    levels = [settings.console_level]
    if settings.environment == "local" and settings.local_file_enabled:
        levels.append(settings.file_level)
    return min(levels, key=logging.getLevelNamesMapping().__getitem__)


NAMES_FOR_YAML: Final[Mapping[str, Callable[[Settings], Any]]] = {
    "console_level": lambda s: s.console_level,
    "file_level": lambda s: s.file_level,
    "root_level": _root_level,
    "log_file": lambda s: str(s.log_file),
    "local_handlers": lambda s: ["console", "file"] if s.local_file_enabled else ["console"],
    "file_format": lambda s: s.format,
    "container_format": lambda s: "json" if s.container_json_output else "plain",
    "mask_fields": lambda s: None if s.mask_fields is None else list(s.mask_fields),
    "mask_allow": lambda s: list(s.mask_allow),
    "mask_patterns": lambda s: list(s.mask_patterns),
    "throttle_enabled": lambda s: s.throttle_enabled,
    "throttle_limit": lambda s: s.throttle_limit,
    "throttle_seconds": lambda s: s.throttle_seconds,
}
"""What ``ext://ginkgo_logging.settings.<name>`` may say in a dictConfig file."""


def __getattr__(name: str) -> Any:
    if name in NAMES_FOR_YAML:
        return NAMES_FOR_YAML[name](active())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
