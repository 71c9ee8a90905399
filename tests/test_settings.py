"""Settings: file, environment and arguments, what is refused, and what a dictConfig file may take."""

import itertools
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ginkgo_logging import ConfigError, settings, setup
from ginkgo_logging.settings import OPTIONS, Settings, load

ROOT = Path(__file__).parents[1]
Write = Callable[[str], Path]

# For each setting: as a person writes it in YAML, as in a variable, and what comes out of either.
VALUES: dict[str, tuple[str, str, Any]] = {
    "mode": ("container", "LOCAL ", ("container", "local")),
    "format": ("plain", "Json", ("plain", "json")),
    "config": ("prod", "/etc/x.yaml", ("prod", "/etc/x.yaml")),
    "console_level": ("warning", "10", ("WARNING", "DEBUG")),
    "file_level": ("30", "error", ("WARNING", "ERROR")),
    "container_enabled": ("false", "on", (False, True)),
    "container_json_output": ("no", "1", (False, True)),
    "local_file_enabled": ("false", "yes", (False, True)),
    "local_file_path": ("app.log", "/var/log/a.log", ("app.log", "/var/log/a.log")),
    "mask_fields": ("[id_card, 密码]", "pin, cvv,", (("id_card", "密码"), ("pin", "cvv"))),
    "mask_allow": ("[token_count]", "a,b", (("token_count",), ("a", "b"))),
    "mask_patterns": (r"['\d{3,4}', 'a']", r"\d{3,4}", ((r"\d{3,4}", "a"), (r"\d{3,4}",))),
    "throttle_enabled": ("false", "true", (False, True)),
    "throttle_limit": ("7", "8", (7, 8)),
    "throttle_seconds": ("1.5", "2m", (1.5, 120.0)),
    "watch": ("true", "1", (True, True)),
    "loki_url": ("http://loki:3100/", "https://l.example", ("http://loki:3100", "https://l.example")),
    "loki_tenant": ("team", "'1'", ("team", "'1'")),
    "loki_username": ("reader", "ann", ("reader", "ann")),
    "loki_password": ("'007'", "hunter2", ("007", "hunter2")),
    "loki_token": ("abc", "def", ("abc", "def")),
    "loki_ca_file": ("/etc/ca.pem", "~/ca.pem", ("/etc/ca.pem", "~/ca.pem")),
    "loki_client_cert": ("/etc/me.pem", "me.pem", ("/etc/me.pem", "me.pem")),
    "loki_lookback": ("24h", "2d", (86400.0, 172800.0)),
    "loki_timeout": ("15s", "3", (15.0, 3.0)),
}
BY_NAME = {option.name: option for option in OPTIONS}

WRONG = {
    "mode": ["docker", "1", "[local]"],
    "format": ["xml", "true"],
    "config": ["''", "[a]"],
    "console_level": ["LOUD", "true", "11", "3.5"],
    "file_level": ["''", "[INFO]"],
    "container_enabled": ["maybe", "2", "0.0"],
    "container_json_output": ["''"],
    "local_file_enabled": ["jein"],
    "local_file_path": ["''", "7", "~nobody-of-this-name/x.log", r'"a\0b"'],
    "mask_fields": ["7", "[1]", "['']", "{a: b}", "''", "' '", "','", "' , '"],
    "mask_allow": ["true", "','"],
    "mask_patterns": ["'('", "[a, '[']", "7", "['']"],
    "throttle_enabled": ["5"],
    "throttle_limit": ["0", "-1", "2.5", "many", "true"],
    "throttle_seconds": ["0", "-1", ".inf", ".nan", "5w", "true", "[1]"],
    "watch": ["sometimes"],
    "loki_url": ["loki:3100", "ftp://loki", "http://", "http://l:99999", "7", "'http://[::1'"],
    "loki_tenant": ["7"],
    "loki_username": ["7"],
    "loki_password": ["7"],
    "loki_token": ["[x]"],
    "loki_ca_file": ["7"],
    "loki_client_cert": ["[x]"],
    "loki_lookback": ["soon"],
    "loki_timeout": ["''"],
}


@pytest.fixture
def write(home: Path) -> Write:
    """Writes ~/.ginkgo/config.yaml."""

    def write_text(text: str) -> Path:
        path = home / ".ginkgo" / "config.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write_text


@pytest.fixture(autouse=True)
def _without_mode(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOGGING_MODE")


def nested(key: str, value: str) -> str:
    """Return YAML that gives *key* the *value*, on line 1 + the number of dots."""
    parts = key.split(".")
    lines = [f"{'  ' * depth}{part}:" for depth, part in enumerate(parts)]
    return "\n".join(lines) + f" {value}\n"


def fault(**arguments: object) -> str:
    """Return what `load` has to say."""
    with pytest.raises(ConfigError) as caught:
        load(**arguments)
    return str(caught.value)


# --- sources and precedence ----------------------------------------------------------------------------------


def test_defaults() -> None:
    """
    Without file and variables the settings are those of the quickstart.
    """
    assert Settings() == load()


def test_every_setting_is_an_option_and_tested() -> None:
    """
    Each field of Settings can be set by file and variable, and this module tries each.
    """
    names = list(Settings._fields)

    assert names == [option.name for option in OPTIONS] == list(VALUES) == list(WRONG)


@pytest.mark.parametrize("name", VALUES)
def test_file(write: Write, name: str) -> None:
    """
    A value in config.yaml counts.
    """
    write(nested(BY_NAME[name].key, VALUES[name][0]))

    assert VALUES[name][2][0] == getattr(load(), name)


@pytest.mark.parametrize("name", VALUES)
def test_variable_wins_over_file(write: Write, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """
    An environment variable wins over config.yaml.
    """
    write(nested(BY_NAME[name].key, VALUES[name][0]))
    monkeypatch.setenv(BY_NAME[name].variable, VALUES[name][1])

    assert VALUES[name][2][1] == getattr(load(), name)


@pytest.mark.parametrize("name", VALUES)
def test_argument_wins_over_variable(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """
    An argument wins over the environment.
    """
    monkeypatch.setenv(BY_NAME[name].variable, VALUES[name][1])
    first, _ = VALUES[name][2]

    assert first == getattr(load(**{name: first}), name)


def test_empty_variable_is_not_set(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A variable that is set to nothing, as in a compose file without a value, does not count.
    """
    write("logging: {mode: container}")
    monkeypatch.setenv("LOGGING_MODE", "")

    assert "container" == load().mode


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "logging:\n", "logging:\n  mode:\n  level:\nloki: null", "\ufefflogging: {}"]
)
def test_empty_parts_mean_defaults(write: Write, text: str) -> None:
    """
    An empty file, section or value leaves the defaults.
    """
    write(text)

    assert Settings() == load()


def test_sections_of_the_host_application_are_ignored(write: Write) -> None:
    """
    config.yaml is the host application's file too.
    """
    write("database: {mode: [anything]}\n1: one\nlogging: {mode: local}\n")

    assert Settings(mode="local") == load()


def test_ginkgo_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    GINKGO_DIR moves config.yaml and the logs.
    """
    monkeypatch.setenv("GINKGO_DIR", str(tmp_path / "own"))
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "config.yaml").write_text("logging: {local: {file_path: a.log}}")

    assert tmp_path / "own" / "logs" / "a.log" == load().log_file


def test_absolute_file_path(home: Path) -> None:
    """
    An absolute path stays, and ~ is the home.
    """
    found = [load(local_file_path=name).log_file for name in ("/var/log/a.log", "~/a.log")]

    assert [Path("/var/log/a.log"), home / "a.log"] == found


# --- what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_wrong_value_in_file(write: Write, name: str, value: str) -> None:
    """
    A wrong value is refused with file, line, key and what is allowed.
    """
    key = BY_NAME[name].key
    path = write(nested(key, value))

    message = fault()

    assert message.startswith(f"{path}:{1 + key.count('.')}: {key}: ")
    assert "is not allowed; it must be " in message


def test_wrong_value_names_what_is_allowed(write: Write) -> None:
    """
    The message has everything that is needed to mend the file.
    """
    path = write("# ours\nlogging:\n  level:\n    file: INFO\n    console: LOUD\n")
    levels = "CRITICAL, ERROR, WARNING, INFO, DEBUG, NOTSET"
    expected = f"{path}:5: logging.level.console: 'LOUD' is not allowed; it must be one of {levels}"

    assert expected == fault()


def test_wrong_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A wrong variable is named.
    """
    monkeypatch.setenv("LOGGING_MODE", "docker")

    assert "LOGGING_MODE: 'docker' is not allowed; it must be one of auto, container, local" == fault()


@pytest.mark.parametrize("value", [" ", ",", " , "])
def test_variable_without_a_name(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """
    Blanks and commas alone are no list of names; they do not switch masking off.
    """
    monkeypatch.setenv("LOGGING_MASK_FIELDS", value)

    assert f"LOGGING_MASK_FIELDS: {value!r} is not allowed; it must be a list of names" == fault()


def test_argument_without_a_name() -> None:
    """
    A text without a name is refused as an argument too.
    """
    assert "setup(mask_fields=): '' is not allowed; it must be a list of names" == fault(mask_fields="")


def test_mask_nothing(write: Write) -> None:
    """
    A list without names is a choice: nothing is masked by name.
    """
    write("logging: {mask_fields: []}")

    assert () == load().mask_fields == load(mask_fields=()).mask_fields


def test_wrong_argument() -> None:
    """
    A wrong argument is named as in the call of setup().
    """
    assert fault(local_file_path=7).startswith("setup(file_path=): 7 is not allowed")


def test_unknown_argument() -> None:
    """
    An argument that is no setting is refused.
    """
    assert fault(colour=True).startswith("setup() has no setting 'colour'; allowed: mode, ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("logging:\n  modus: local", ":2: logging.modus: unknown key; allowed here: mode, format, config, level"),
        ("logging:\n  level: {consol: INFO}", ":2: logging.level.consol: unknown key; allowed here: console"),
        ("logging: {level: INFO}", ":1: logging.level must be a mapping with the keys console, file; it is of"),
        ("loki: http://loki:3100", ":1: loki must be a mapping with the keys url, "),
        ("logging: {1: x}", ":1: logging.1: unknown key"),
        ("- logging", ": the document must be a mapping with the keys logging, loki; it is of type list"),
        ("false", ": the document must be a mapping"),
    ],
)  # fmt: skip
def test_unknown_key(write: Write, text: str, expected: str) -> None:
    """
    A key that does not exist, or that is no group of keys, is refused with those that are allowed.
    """
    path = write(text)

    assert fault().startswith(f"{path}{expected}")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("logging:\n  mode: [", 3),
        ("logging:\n  mode: local\n mode: x", 3),
        ("logging:\n\tmode: local", 2),
        ("a: !!python/object/apply:os.system [id]", 1),
        ("a: 1\nb: *nowhere", 2),
        ("'" + "[" * 70_000, 1),
    ],
)
def test_broken_yaml(write: Write, text: str, line: int) -> None:
    """
    What is not YAML is refused with file and line.
    """
    path = write(text)

    assert fault().startswith(f"{path}:{line}: not valid YAML: ")


@pytest.mark.parametrize("text", ["[" * 70_000, "a: 2026-13-45", "a: \x07"])
def test_unreadable_yaml(write: Write, text: str) -> None:
    """
    Nesting without end, an impossible date and a control character are refused.
    """
    path = write(text)

    assert f"{path}: not valid YAML: " in fault().replace(":1: ", ": ")


def test_not_utf_8(write: Write) -> None:
    """
    A file in another encoding is refused with file and line.
    """
    path = write("")
    path.write_bytes("logging:\n  config: 配置".encode("gbk"))

    assert fault().startswith(f"{path}:2: not UTF-8: ")


def test_unreadable_file(write: Write) -> None:
    """
    What stands in the file's place and cannot be read is refused.
    """
    path = write("")
    path.unlink()
    path.mkdir()

    assert f"{path}: cannot be read: Is a directory" == fault()


def test_faults_are_all_found(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    `examine` returns every fault, and what is valid beside them.
    """
    write("logging: {mode: docker, format: plain, mask_fields: [id_card], colour: red}")
    monkeypatch.setenv("LOGGING_THROTTLE_LIMIT", "0")

    found, faults = settings.examine(console_level="DEBUG")

    assert Settings(format="plain", mask_fields=("id_card",), console_level="DEBUG") == found
    assert 3 == len(faults)


# --- credentials ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "loki: {password: [hunter2]}",
        "loki: {token: {hunter2: x}}",
        "loki: {username: [hunter2]}",
        "loki: {passwort: hunter2}",
        "loki: {url: 'ftp://ann:hunter2@loki'}",
        "loki: {url: ['http://ann:hunter2@loki', 'http://loki']}",
        "loki: {url: 'ftp://ann:" + "x" * 60 + "hunter2@loki'}",
        "loki: {password: *hunter2}",
        "loki: {password: !hunter2 x}",
        "loki: {password: 'hunter2}",
        "loki: {password: hunter2: x}",
        "loki:\n  password: hunter2\n  token: \udcff",
    ],
)
def test_no_credential_in_an_error(home: Path, write: Write, text: str) -> None:
    """
    Whatever is wrong about a credential, the error shows none of it, nor do its causes.
    """
    write("").write_bytes(text.encode("utf-8", "surrogateescape"))
    code = "from ginkgo_logging.settings import load; load()"

    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=with_path(home)
    ).stderr

    assert "ginkgo_logging.errors.ConfigError: " in shown
    assert "hunter2" not in shown


def with_path(home: Path) -> dict[str, str]:
    """Return an environment whose interpreter finds the package, and nothing of this machine's settings."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LOGGING_", "LOKI_"))}
    return {**kept, "HOME": str(home), "PYTHONPATH": path}


def test_no_credential_in_a_wrong_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The password in an address is not shown.
    """
    monkeypatch.setenv("LOKI_URL", "loki://ann:hunter2@loki:3100")

    assert fault().startswith("LOKI_URL: 'loki://loki:3100' is not allowed")


def test_no_credential_in_repr() -> None:
    """
    Printing the settings shows that there are credentials, not which.
    """
    chosen = Settings(
        loki_url="http://ann:hunter2@loki", loki_username="ann", loki_password="hunter2", loki_token="hunter2"
    )

    shown = repr(chosen)

    assert "loki_url='http://loki', " in shown
    assert "loki_username=(hidden), loki_password=(hidden), loki_token=(hidden)" in shown


# --- mode ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "in_container", "expected"),
    [
        (Settings(mode="auto"), True, "container"),
        (Settings(mode="auto"), False, "container" if settings.is_container_environment() else "local"),
        (Settings(mode="auto", container_enabled=False), True, "local"),
        (Settings(mode="container", container_enabled=False), False, "container"),
        (Settings(mode="local"), True, "local"),
    ],
)
def test_environment(
    monkeypatch: pytest.MonkeyPatch, chosen: Settings, in_container: bool, expected: str
) -> None:
    """
    Mode auto looks where it is; a mode that is named is taken at its word.
    """
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1" if in_container else "")

    assert expected == chosen.environment


@pytest.mark.parametrize("key", ["mode", "mask_fields", "watch", "throttle: {seconds", "level: {console"])
def test_alias_that_stands_for_millions(write: Write, key: str) -> None:
    """
    A message does not write out what aliases of aliases stand for.
    """
    lines = ["a: &a [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]" for a, b in itertools.pairwise("abcdefgh")]
    lines += ["logging:", f"  {key}: *h{'}' if '{' in key else ''}"]
    write("\n".join(lines))

    with pytest.raises(ConfigError) as caught:
        settings.load()

    assert len(str(caught.value)) < 500


def test_pipe_in_the_place_of_the_file(home: Path) -> None:
    """
    A named pipe is refused; reading it would wait for a writer.
    """
    (home / ".ginkgo").mkdir()
    os.mkfifo(home / ".ginkgo" / "config.yaml")

    with pytest.raises(ConfigError, match=r"config.yaml: must be a file"):
        settings.load()


# --- names in YAML -------------------------------------------------------------------------------------------


def test_names_for_yaml(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """
    Each name that a dictConfig file may use gives what was chosen.
    """
    monkeypatch.setenv("LOGGING_MODE", "local")
    monkeypatch.setenv("LOGGING_LEVEL_CONSOLE", "ERROR")
    monkeypatch.setenv("LOGGING_MASK_FIELDS", "pin")

    found = {name: getattr(settings, name) for name in settings.NAMES_FOR_YAML}

    assert {
        "console_level": "ERROR",
        "file_level": "DEBUG",
        "root_level": "DEBUG",
        "log_file": str(home / ".ginkgo" / "logs" / "ginkgo.log"),
        "local_handlers": ["console", "file"],
        "file_format": "json",
        "container_format": "json",
        "mask_fields": ["pin"],
        "mask_allow": [],
        "mask_patterns": [],
        "throttle_enabled": True,
        "throttle_limit": 5,
        "throttle_seconds": 60.0,
    } == found


def test_root_level_without_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without a file nothing below the console's level is made.
    """
    monkeypatch.setenv("LOGGING_MODE", "local")
    monkeypatch.setenv("LOGGING_LOCAL_FILE_ENABLED", "false")

    found = [getattr(settings, name) for name in ("root_level", "local_handlers", "log_file")]

    assert ["INFO", ["console"], os.devnull] == found


def test_unknown_name() -> None:
    """
    Another name is an AttributeError, as of any module.
    """
    with pytest.raises(AttributeError, match="has no attribute 'consol_level'"):
        settings.consol_level  # noqa: B018


def test_settings_stay_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The settings are read once; what a file takes from them is of one piece.
    """
    before = settings.active()
    monkeypatch.setenv("LOGGING_MODE", "container")

    assert before is settings.active() is settings.in_force()


FACTS = """if True:
    import json, logging, logging.config, sys, yaml
    logging.config.dictConfig(yaml.safe_load(open(sys.argv[1], encoding="utf-8")))
    root = logging.getLogger()
    print(json.dumps([logging.getLevelName(root.level), [[h.name, logging.getLevelName(h.level),
        [type(f).__name__ for f in h.filters], type(h.formatter).__name__] for h in root.handlers]]))
"""
FULL = ["ContextFilter", "ThrottleFilter", "MaskingFilter"]
CONSOLE = ["console", "INFO", FULL, "PlainFormatter"]


@pytest.mark.parametrize(
    ("file", "variables", "expected"),
    [
        ("local", {}, ["DEBUG", [CONSOLE, ["file", "DEBUG", FULL, "JsonFormatter"]]]),
        ("local", {"LOGGING_FORMAT": "plain", "LOGGING_LEVEL_FILE": "ERROR"},
         ["INFO", [CONSOLE, ["file", "ERROR", FULL, "PlainFormatter"]]]),
        ("local", {"LOGGING_LOCAL_FILE_ENABLED": "false"}, ["INFO", [CONSOLE]]),
        ("container", {}, ["INFO", [["stdout", "INFO", FULL, "JsonFormatter"]]]),
        ("container", {"LOGGING_CONTAINER_JSON_OUTPUT": "false", "LOGGING_LEVEL_CONSOLE": "WARNING"},
         ["WARNING", [["stdout", "WARNING", FULL, "PlainFormatter"]]]),
        ("test", {}, ["DEBUG", [["stderr", "NOTSET", ["ContextFilter", "MaskingFilter"], "JsonFormatter"]]]),
    ],
)  # fmt: skip
def test_plain_dictconfig_with_nothing_else_called(
    home: Path, file: str, variables: dict[str, str], expected: list[Any]
) -> None:
    """
    The standard library alone loads each shipped file, and the settings reach it.
    """
    mode = "container" if file == "container" else "local"
    environ = with_path(home) | {"LOGGING_MODE": mode} | variables
    command = [sys.executable, "-c", FACTS, str(ROOT / "logging.d" / f"{file}.yaml")]

    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)

    assert ("", expected) == (done.stderr, json.loads(done.stdout))
    assert not (home / ".ginkgo").exists()


def test_without_a_home(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A user without a home, as in a container under a number of its own, has the defaults and can log.
    """
    monkeypatch.setenv("GINKGO_DIR", "~nobody-of-this-name/.ginkgo")

    assert Settings() == load()
    setup(mode="container")
    logging.getLogger("some.library").info("hello")
    assert '"message":"hello"' in capsys.readouterr().out


def test_log_file_needs_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where a log file is wanted, what is missing is said.
    """
    monkeypatch.setenv("GINKGO_DIR", "~nobody-of-this-name/.ginkgo")

    with pytest.raises(ConfigError, match=r"Could not determine home directory\.; set HOME or GINKGO_DIR"):
        setup(mode="local")


def test_custom_level(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A level that the program has added is allowed.
    """
    monkeypatch.setattr(logging, "_levelToName", {**logging._levelToName, 25: "NOTICE"})
    monkeypatch.setattr(logging, "_nameToLevel", {**logging._nameToLevel, "NOTICE": 25})

    assert "NOTICE" == load(console_level="notice").console_level
