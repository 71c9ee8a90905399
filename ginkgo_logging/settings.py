"""What the user chose: ~/.ginkgo/config.yaml, then environment variables, then arguments of `setup()`.

A dictConfig file takes a setting by its name: ``ext://ginkgo_logging.settings.console_level``. Such a file
loads with the standard library alone; the names that it may use are in `NAMES_FOR_YAML`.
"""

import logging
import os
import reprlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from ginkgo_logging import options
from ginkgo_logging.environment import is_container_environment
from ginkgo_logging.errors import ConfigError
from ginkgo_logging.masking import DEFAULT_FIELDS
from ginkgo_logging.yaml_file import line_of, parse_yaml, read_text

DIRECTORY: Final = Path("~/.ginkgo")
"""Where the user's ``config.yaml``, ``logging.d/`` and ``logs/`` are; ``GINKGO_DIR`` moves it."""


class Settings(NamedTuple):
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
    watch: bool = False
    loki_url: str | None = None
    loki_tenant: str | None = None
    loki_username: str | None = None
    loki_password: str | None = None
    loki_token: str | None = None
    loki_ca_file: str | None = None
    loki_client_cert: str | None = None
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
        values = ((option, getattr(self, option.name)) for option in OPTIONS)
        shown = (f"{one.name}={one.shown(repr(value)) if value else repr(value)}" for one, value in values)
        return f"Settings({', '.join(shown)})"


# --- where each setting stands ------------------------------------------------------------------------------


class Option(NamedTuple):
    """One setting: its name in `Settings`, its key in config.yaml, its environment variable, its parser
    (one of `ginkgo_logging.options`)."""

    name: str
    key: str
    variable: str
    parse: Callable[[object], Any]

    def shown(self, text: str) -> str:
        """Return *text*, a value of this setting, without what must not be seen: credentials."""
        # Of an address, all but the user and password.
        return "(hidden)" if self.name in SECRET_NAMES else options.without_userinfo(text)


OPTIONS: Final = (
    Option("mode", "logging.mode", "LOGGING_MODE", options.choice("auto", "container", "local")),
    Option("format", "logging.format", "LOGGING_FORMAT", options.choice("json", "plain")),
    Option("config", "logging.config", "LOGGING_CONFIG", options.text),
    Option("console_level", "logging.level.console", "LOGGING_LEVEL_CONSOLE", options.level),
    Option("file_level", "logging.level.file", "LOGGING_LEVEL_FILE", options.level),
    Option("container_enabled", "logging.container.enabled", "LOGGING_CONTAINER_ENABLED", options.switch),
    Option(
        "container_json_output",
        "logging.container.json_output",
        "LOGGING_CONTAINER_JSON_OUTPUT",
        options.switch,
    ),
    Option("local_file_enabled", "logging.local.file_enabled", "LOGGING_LOCAL_FILE_ENABLED", options.switch),
    Option("local_file_path", "logging.local.file_path", "LOGGING_LOCAL_FILE_PATH", options.path),
    Option("mask_fields", "logging.mask_fields", "LOGGING_MASK_FIELDS", options.names),
    Option("mask_allow", "logging.mask_allow", "LOGGING_MASK_ALLOW", options.names),
    Option("mask_patterns", "logging.mask_patterns", "LOGGING_MASK_PATTERNS", options.patterns),
    Option("throttle_enabled", "logging.throttle.enabled", "LOGGING_THROTTLE_ENABLED", options.switch),
    Option("throttle_limit", "logging.throttle.limit", "LOGGING_THROTTLE_LIMIT", options.count),
    Option("throttle_seconds", "logging.throttle.seconds", "LOGGING_THROTTLE_SECONDS", options.seconds),
    Option("watch", "logging.watch", "LOGGING_WATCH", options.switch),
    Option("loki_url", "loki.url", "LOKI_URL", options.url),
    Option("loki_tenant", "loki.tenant", "LOKI_TENANT", options.text),
    Option("loki_username", "loki.username", "LOKI_USERNAME", options.text),
    Option("loki_password", "loki.password", "LOKI_PASSWORD", options.text),
    Option("loki_token", "loki.token", "LOKI_TOKEN", options.text),
    Option("loki_ca_file", "loki.ca_file", "LOKI_CA_FILE", options.path),
    Option("loki_client_cert", "loki.client_cert", "LOKI_CLIENT_CERT", options.path),
    Option("loki_lookback", "loki.lookback", "LOKI_LOOKBACK", options.seconds),
    Option("loki_timeout", "loki.timeout", "LOKI_TIMEOUT", options.seconds),
)
_BY_KEY: Final = {option.key: option for option in OPTIONS}
SECTIONS: Final = ("logging", "loki")
"""What is ours in config.yaml; other sections belong to the host application."""

SECRET_NAMES: Final = frozenset({"loki_username", "loki_password", "loki_token"})
"""The settings whose values are shown nowhere."""


# --- reading ----------------------------------------------------------------------------------------------

_Given = tuple[Option, object, Callable[[], str]]
"""An option, the value given for it, and a function that says where."""


def directory() -> Path:
    """Return the user's directory, ``~/.ginkgo`` unless ``GINKGO_DIR`` says otherwise.

    Raises `ConfigError` where neither a home nor ``GINKGO_DIR`` is known.
    """
    try:
        return Path(os.environ.get("GINKGO_DIR") or DIRECTORY).expanduser()
    except RuntimeError as exc:
        # As in a container that runs under a number without an account.
        raise ConfigError(f"{DIRECTORY}: {exc}; set HOME or GINKGO_DIR") from None


def config_file() -> Path:
    """Return the path of the user's config.yaml, whether there is one or not; raises as `directory` does."""
    return directory() / "config.yaml"


def load(**arguments: object) -> Settings:
    """Read config.yaml and the environment; *arguments*, where not None, win over both.

    Raises `ConfigError` naming file and line (or variable, or argument), key, value and what is allowed.
    """
    settings, faults = examine(**arguments)
    if faults:
        raise faults[0]
    return settings


def examine(**arguments: object) -> tuple[Settings, list[ConfigError]]:
    """Read the same as `load`; return all that is valid, with defaults for the rest, and what is wrong.

    Of a list of what to mask that has a mistake, the rest counts, and the default names with it.
    """
    faults: list[ConfigError] = []
    chosen: dict[str, Any] = {}
    for option, value, where in [
        *_given_in_file(faults),
        *_given_in_environment(),
        *_given_as_arguments(arguments, faults),
    ]:
        try:
            chosen[option.name] = option.parse(value)
        except ValueError as exc:
            if option.name in _LEAST:
                # One name with a mistake must not unmask what the others name.
                rest = options.valid_items(option.parse, value)
                known = *(chosen.get(option.name) or ()), *rest, *_LEAST[option.name]
                chosen[option.name] = tuple(dict.fromkeys(known))
            shown = option.shown(_repr(value))
            faults.append(ConfigError(f"{where()}: {shown:.80} is not allowed; it must be {exc}"))
    return Settings()._replace(**chosen), faults


_LEAST: Final[Mapping[str, tuple[str, ...]]] = {"mask_fields": DEFAULT_FIELDS, "mask_patterns": ()}


def _repr(value: object) -> str:
    """Return a short text of *value*, in which a list may hold itself, and an alias stand for millions."""
    return repr(value) if isinstance(value, str) else _brief.repr(value)


_brief = reprlib.Repr()
_brief.maxlevel = 2
_brief.maxstring = _brief.maxother = 1000  # an address that is cut is not recognised by its user and password


def _given_in_environment() -> Iterator[_Given]:
    for option in OPTIONS:
        if value := os.environ.get(option.variable):
            yield option, value, partial(str, option.variable)


def _given_as_arguments(arguments: Mapping[str, object], faults: list[ConfigError]) -> Iterator[_Given]:
    by_name = {option.name: option for option in OPTIONS}
    for name, value in arguments.items():
        if name not in by_name:
            faults.append(ConfigError(f"setup() has no setting {name!r}; allowed: {', '.join(by_name)}"))
        elif value is not None:
            shown = "file_path" if name == "local_file_path" else name
            yield by_name[name], value, partial(str, f"setup({shown}=)")


def _is_pipe(path: Path) -> bool:
    try:
        return path.is_fifo()
    except OSError:
        return False  # reading it will tell what is wrong


def _given_in_file(faults: list[ConfigError]) -> Iterator[_Given]:
    """Yield what our sections of config.yaml say; other sections belong to the host application."""
    try:
        path = config_file()
    except ConfigError:
        return
    if _is_pipe(path):
        faults.append(ConfigError(f"{path}: must be a file; a pipe would be waited for"))
        return
    try:
        text = read_text(path) or ""
        document = parse_yaml(text, str(path))
    except ConfigError as exc:
        faults.append(exc)
        return

    def place(keys: tuple[str, ...]) -> str:
        line = line_of(text, *keys)
        return f"{path}:{line}: {'.'.join(keys)}" if line else f"{path}: {'.'.join(keys) or 'the document'}"

    def wrong(keys: tuple[str, ...], problem: str) -> None:
        faults.append(ConfigError(place(keys) + problem))

    for entry in entries({} if document is None else document):
        keys, allowed = tuple(map(str, entry.keys)), ", ".join(entry.allowed)
        if entry.option is not None:
            yield entry.option, entry.value, partial(place, keys)
        elif entry.is_known:
            kind = type(entry.value).__name__
            wrong(keys, f" must be a mapping with the keys {allowed}; it is of type {kind}")
        else:
            wrong(keys, f": unknown key; allowed here: {allowed}")


class Entry(NamedTuple):
    """One place in config.yaml: a setting, or, where *option* is None, a fault.

    The fault is a key that is not *allowed*, or, where *is_known*, a value that is no mapping of *allowed* keys.
    """

    keys: tuple[object, ...]
    value: object
    option: Option | None
    allowed: tuple[str, ...]
    is_known: bool = True


def entries(value: object, keys: tuple[object, ...] = ()) -> Iterator[Entry]:
    """Yield each setting in or below *value*, which stands at *keys*, and each fault.

    A key beside our sections is none: it belongs to the host application.
    """
    prefix = "".join(f"{key}." for key in keys)
    here = (option.key.removeprefix(prefix) for option in OPTIONS if option.key.startswith(prefix))
    allowed = tuple(dict.fromkeys(key.partition(".")[0] for key in here))
    if not isinstance(value, Mapping):
        yield Entry(keys, value, None, allowed)
        return
    for name, inner in value.items():
        path = (*keys, name)
        option = _BY_KEY.get(".".join(map(str, path)))
        if str(name) not in allowed:
            if keys:
                yield Entry(path, inner, None, allowed, is_known=False)
        elif option is not None and inner is not None:
            yield Entry(path, inner, option, allowed)
        elif inner is not None:
            yield from entries(inner, path)


# --- the settings in force, and what a YAML file may take from them ----------------------------------------

_active: Settings | None = None


def active() -> Settings:
    """Return the settings in force; read them if nothing has yet. Raises `ConfigError`."""
    return _active if _active is not None else activate(load())


def in_force() -> Settings | None:
    """Return the settings in force; None, without reading anything, if there are none yet."""
    return _active


def in_force_or_valid() -> Settings:
    """Return the settings in force; if there are none yet, what is valid of those that would be. Never raises."""
    return _active if _active is not None else examine()[0]


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
    # A switched-off file still has its handler; a home that is missing must not be missed then.
    "log_file": lambda s: str(s.log_file) if s.local_file_enabled else os.devnull,
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
