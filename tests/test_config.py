"""setup() and shutdown(): which file, who may have written it, all of it or nothing, and what is left behind."""

import contextlib
import io
import logging
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ginkgo_logging import ConfigError, context, record_factory, setup, shutdown
from ginkgo_logging.config import setup_or_defaults
from ginkgo_logging.config_files import ENVIRONMENTS, find, read, shipped
from ginkgo_logging.handlers import RotatingFileHandler
from ginkgo_logging.settings import Settings, in_force, load

ROOT = Path(__file__).parents[1]
ReadRows = Callable[[Path], list[dict[str, Any]]]
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")

COMPLETE = "version: 1\nroot: {level: %s}\n"
INCREMENTAL = "version: 1\nincremental: true\nloggers: {%s: {level: %s}}\n"


def put(path: Path, text: str) -> Path:
    """Write a file whose directories only its owner may change."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def fault(*arguments: Any, **options: Any) -> str:
    """Return what `setup` has to say."""
    with pytest.raises(ConfigError) as caught:
        setup(*arguments, **options)
    return str(caught.value)


def log_file(home: Path) -> Path:
    return home / ".ginkgo" / "logs" / "ginkgo.log"


def descriptors() -> list[str]:
    """Return what the open descriptors of this process lead to, the listing's own left out."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except FileNotFoundError:
            continue
    return sorted(found)


# --- finding -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_shipped_files(environment: str) -> None:
    """
    Without files of the user's, those of logging.d/ are used.
    """
    (file,) = find(load(), environment)

    assert yaml.safe_load((ROOT / "logging.d" / f"{environment}.yaml").read_text()) == file.document


@pytest.mark.parametrize(
    ("files", "config", "expected"),
    [
        (["HOME"], None, "HOME"),
        (["HOME", "CWD"], None, "CWD"),
        (["HOME", "CWD"], "local", "CWD"),
        (["HOME", "CWD", "OWN"], "OWN", "OWN"),
    ],
)
def test_stronger_file_takes_the_place(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[str], config: str, expected: str
) -> None:
    """
    The user's home wins over the shipped file, the working directory over the home, a named file over all.
    """
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    paths = {
        "HOME": home / ".ginkgo" / "logging.d" / "local.yaml",
        "CWD": tmp_path / "project" / "logging.d" / "local.yaml",
        "OWN": tmp_path / "own.yaml",
    }
    for name in files:
        put(paths[name], f"version: 1\nname: {name}")

    found = find(load(), str(paths[config]) if config in paths else config)

    assert [expected] == [file.document["name"] for file in found]


def test_logging_config_is_the_argument_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    LOGGING_CONFIG names the file where the program does not.
    """
    monkeypatch.setenv("LOGGING_CONFIG", str(put(tmp_path / "own.yaml", COMPLETE % "ERROR")))

    setup()

    assert logging.ERROR == logging.getLogger().level


def test_argument_wins_over_logging_config(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    An argument wins over LOGGING_CONFIG, even one that leads nowhere.
    """
    monkeypatch.setenv("LOGGING_CONFIG", "/nowhere.yaml")

    setup("test")

    assert ["stderr"] == [handler.name for handler in logging.getLogger().handlers]


def test_drop_ins_lie_on_top(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Incremental files are applied on top of the complete one, the stronger the later.
    """
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    put(home / ".ginkgo" / "logging.d" / "local.yaml", INCREMENTAL % ("urllib3", "ERROR"))
    put(tmp_path / "project" / "logging.d" / "local.yaml", INCREMENTAL % ("urllib3", "WARNING"))
    own = put(tmp_path / "own.yaml", INCREMENTAL % ("sqlalchemy", "CRITICAL"))

    setup(own)

    levels = [logging.getLogger(name).level for name in ("urllib3", "sqlalchemy")]
    assert [logging.WARNING, logging.CRITICAL] == levels
    assert ["console", "file"] == [handler.name for handler in logging.getLogger().handlers]


def test_complete_file_ends_the_search(home: Path, tmp_path: Path) -> None:
    """
    What is weaker than a complete file is not applied, and not even read.
    """
    put(home / ".ginkgo" / "logging.d" / "local.yaml", "not: [yaml")

    setup(put(tmp_path / "own.yaml", COMPLETE % "ERROR"))

    assert logging.ERROR == logging.getLogger().level


def test_drop_in_may_change_a_handler(home: Path) -> None:
    """
    A drop-in addresses the complete file's handlers by name.
    """
    put(
        home / ".ginkgo" / "logging.d" / "local.yaml",
        "version: 1\nincremental: true\nhandlers: {console: {level: ERROR}}",
    )

    setup()

    console = logging.getLogger().handlers[0]
    assert ("console", logging.ERROR) == (console.name, console.level)


def test_mapping_may_be_a_drop_in() -> None:
    """
    An incremental mapping given to setup() lies on top too.
    """
    setup({"version": 1, "incremental": True, "loggers": {"urllib3": {"level": "ERROR"}}})

    assert logging.ERROR == logging.getLogger("urllib3").level
    assert ["console", "file"] == [handler.name for handler in logging.getLogger().handlers]


def test_mapping_stays_as_it_is() -> None:
    """
    The caller's mapping is not changed.
    """
    document = dict(shipped("container").document)
    before = repr(document)

    setup(document)

    assert before == repr(document)


def test_environment_of_the_user(home: Path) -> None:
    """
    A file of the user's in logging.d/ makes a new environment.
    """
    put(home / ".ginkgo" / "logging.d" / "prod.yaml", COMPLETE % "ERROR")

    setup("prod")

    assert logging.ERROR == logging.getLogger().level


def test_environment_of_the_user_may_be_a_drop_in(home: Path) -> None:
    """
    An environment that is only a drop-in lies on top of the mode's file.
    """
    put(home / ".ginkgo" / "logging.d" / "quiet.yaml", INCREMENTAL % ("urllib3", "ERROR"))

    setup("quiet")

    assert logging.ERROR == logging.getLogger("urllib3").level
    assert ["console", "file"] == [handler.name for handler in logging.getLogger().handlers]


def test_environment_of_the_user_lies_on_top_of_the_users_file(home: Path) -> None:
    """
    Below a drop-in of another name the user's own complete file is found as ever.
    """
    put(home / ".ginkgo" / "logging.d" / "quiet.yaml", INCREMENTAL % ("urllib3", "ERROR"))
    put(home / ".ginkgo" / "logging.d" / "local.yaml", COMPLETE % "CRITICAL")

    setup("quiet")

    assert [logging.CRITICAL, logging.ERROR] == [logging.getLogger(name).level for name in (None, "urllib3")]


def test_existing_loggers_stay_enabled(tmp_path: Path) -> None:
    """
    A file that forgets disable_existing_loggers does not silence the libraries imported before.
    """
    library = logging.getLogger("some.library")

    setup(put(tmp_path / "own.yaml", COMPLETE % "INFO"))

    assert not library.disabled


# --- wrong files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config", ["prod", "/nowhere/x.yaml", "", "~nobody-of-this-name/x.yaml", ".", "a\0b", 7]
)
def test_no_such_file(config: Any) -> None:
    """
    A name that leads to no file is refused by name.
    """
    assert str(config).split("/")[0] in fault(config)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("version: 1\nroot: [", ":3: not valid YAML: "),
        ("- 1", ": must be a dictConfig mapping with a key 'version', got [1]"),
        ("", ": must be a dictConfig mapping"),
        ("root: {}", ": dictionary doesn't specify a version"),
        ("version: 1\nhandlers:\n  out: {class: no.such.Class}", ":3: Unable to configure handler 'out': Cannot"),
        ("version: 1\nformatters:\n  a:\n    (): ginkgo_logging.formatters.JsonFormatter\n    max_bytes: 3",
         ":3: Unable to configure formatter 'a': max_bytes must be a whole number from 1024, got 3"),
        ("version: 1\nloggers:\n  a.b: {level: LOUD}", ":3: Unable to configure logger 'a.b': Unknown level"),
        ("version: 1\n\nroot: {handlers: [nowhere]}", ":3: Unable to configure root logger: Unable to add"),
        ("version: 1\nroot: {level: ext://ginkgo_logging.settings.x}", ":2: Unable to configure root logger: "),
    ],
)  # fmt: skip
def test_wrong_file(tmp_path: Path, text: str, expected: str) -> None:
    """
    What is wrong in a dictConfig file is said with file, line and section.
    """
    path = put(tmp_path / "own.yaml", text)

    assert fault(path).startswith(f"{path}{expected}")


def test_wrong_settings_are_found_by_plain_dictconfig(home: Path) -> None:
    """
    A file that takes a setting says what is wrong with the settings.
    """
    path = put(home / ".ginkgo" / "config.yaml", "logging: {mode: docker}")

    with pytest.raises(ValueError, match="Unable to configure") as caught:
        logging.config.dictConfig(dict(shipped("container").document))

    assert str(caught.value.__cause__).startswith(f"{path}:1: logging.mode: 'docker'")


@pytest.mark.parametrize(
    "options",
    [
        {"uncaught_exceptions": ["main", "children"]},
        {"mode": "docker"},
        {"file_path": 7},
        {"console_level": "LOUD"},
    ],
)
def test_wrong_argument(options: dict[str, Any]) -> None:
    """
    A wrong argument is refused by name and value before anything is changed.
    """
    ((name, value),) = options.items()

    message = fault(**options)

    assert message.startswith(f"setup({name}=): ")
    assert str(value[-1] if isinstance(value, list) else value) in message
    assert not any(type(one).__module__.startswith("ginkgo") for one in logging.getLogger().handlers)


# --- files that others may change ----------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file in a directory of its own, both writable by their owner only."""
    (tmp_path / "etc").mkdir(mode=0o755)
    path = put(tmp_path / "etc" / "own.yaml", COMPLETE % "ERROR")
    path.chmod(0o644)
    os.chown(path, os.geteuid(), os.getegid())
    return path


@pytest.mark.parametrize(
    ("mode", "place"), [(0o666, "file"), (0o646, "file"), (0o777, "directory"), (0o757, "directory")]
)
def test_writable_by_all(own: Path, mode: int, place: str) -> None:
    """
    A file that all may write to is refused, and so is one in a directory that all may write to.
    """
    found = own if place == "file" else own.parent
    found.chmod(mode)

    assert f"{own}: refused: others may write to {found} (" in fault(own)


def test_writable_directory_further_up(own: Path) -> None:
    """
    Whoever may rename a directory further up may put another file in place.
    """
    own.parent.parent.chmod(0o777)

    assert f"{own}: refused: others may write to {own.parent.parent} (drwxrwxrwx)" in fault(own)


@AS_ROOT
@pytest.mark.parametrize("place", ["file", "directory"])
def test_writable_by_a_group(own: Path, place: str) -> None:
    """
    A group other than the owner's own may not write either.
    """
    found = own if place == "file" else own.parent
    os.chown(found, 0, 54321)
    found.chmod(0o775)

    assert f"{own}: refused: others may write to {found} (" in fault(own)


@AS_ROOT
def test_writable_by_the_owners_own_group(own: Path) -> None:
    """
    The group that bears the owner's number is the owner's alone: umask 002 is usual with it.
    """
    own.chmod(0o664)

    assert own.name == Path(read(own).name).name


@AS_ROOT
@pytest.mark.parametrize("place", ["file", "directory"])
def test_owned_by_another(own: Path, place: str) -> None:
    """
    What another user owns is refused.
    """
    found = own if place == "file" else own.parent
    os.chown(found, 54321, 54321)

    assert f"{found} belongs to another user (uid 54321)" in fault(own)


def test_sticky_directory(own: Path) -> None:
    """
    In a directory such as /tmp nobody can replace what is not theirs.
    """
    own.parent.chmod(0o1777)

    setup(own)

    assert logging.ERROR == logging.getLogger().level


def test_link_to_a_refused_file(own: Path, tmp_path: Path) -> None:
    """
    A link does not hide where it leads.
    """
    own.chmod(0o666)
    link = tmp_path / "link.yaml"
    link.symlink_to(own)

    assert f"{link}: refused: others may write to {own} (-rw-rw-rw-)" in fault(link)


def test_link_in_a_directory_open_to_all(own: Path, tmp_path: Path) -> None:
    """
    A link that others may replace is refused wherever it leads.
    """
    folder = tmp_path / "open"
    folder.mkdir()
    link = folder / "link.yaml"
    link.symlink_to(own)
    folder.chmod(0o777)

    assert f"{link}: refused: others may write to {folder} (drwxrwxrwx)" in fault(link)


@AS_ROOT
def test_link_of_another_user(own: Path, tmp_path: Path) -> None:
    """
    A link that another user has put into a sticky directory is refused.
    """
    folder = tmp_path / "sticky"
    folder.mkdir()
    link = folder / "link.yaml"
    link.symlink_to(own)
    os.chown(link, 54321, 54321, follow_symlinks=False)
    folder.chmod(0o1777)

    assert f"{link}: refused: the link belongs to another user (uid 54321)" == fault(link)


@AS_ROOT
def test_read_only_mount(own: Path) -> None:
    """
    On a read-only mount permissions to write mean nothing: Kubernetes mounts a ConfigMap with mode 0777.
    """
    own.parent.chmod(0o777)
    code = (
        "import sys, pathlib, ginkgo_logging.config_files as c; print(c.read(pathlib.Path(sys.argv[1])).text)"
    )
    mount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" || exit 77; shift; exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", mount, own.parent, "", sys.executable, "-c", code, own]

    done = subprocess.run(command, capture_output=True, text=True, env=with_path(), check=False)

    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no mounting here: {done.stderr}")
    assert own.read_text() in done.stdout, done.stderr


def with_path() -> dict[str, str]:
    """Return this environment with the package on the path."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}


def test_users_file_that_cannot_be_looked_for(home: Path) -> None:
    """
    Where it cannot be told whether the user has a file, nothing is guessed.
    """
    (home / ".ginkgo").mkdir()
    (home / ".ginkgo" / "logging.d").symlink_to("logging.d")

    assert f"{home / '.ginkgo' / 'logging.d' / 'local.yaml'}: cannot be read: " in fault()


# --- applying ------------------------------------------------------------------------------------------------


def test_local_mode(home: Path, capsys: pytest.CaptureFixture[str], read_rows: ReadRows) -> None:
    """
    On a host there is a line on stderr, a JSON line in the file, and nothing on stdout.
    """
    setup()

    logging.getLogger("some.library").info("hello %s", "there")

    out, err = capsys.readouterr()
    assert ("", True) == (out, " INFO     some.library hello there (test_config.py:" in err)
    assert ["hello there"] == [row["message"] for row in read_rows(log_file(home))]


def test_container_mode(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    In a container there is a JSON line on stdout, and no file.
    """
    setup(mode="container")

    logging.getLogger("some.library").info("hello")

    out, err = capsys.readouterr()
    assert ('"message":"hello"' in out, "") == (True, err)
    assert not (home / ".ginkgo").exists()


def test_auto_mode_in_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Mode auto is container mode in a pod.
    """
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")

    setup(mode="auto")

    assert ["stdout"] == [handler.name for handler in logging.getLogger().handlers]


def test_plain_format(home: Path) -> None:
    """
    Format plain makes the file readable for people.
    """
    setup(format="plain")

    logging.getLogger("some.library").info("hello")

    assert " INFO     some.library hello (test_config.py:" in log_file(home).read_text()


def test_container_without_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """
    container.json_output false makes the container's lines plain.
    """
    monkeypatch.setenv("LOGGING_CONTAINER_JSON_OUTPUT", "false")
    setup(mode="container")

    logging.getLogger("some.library").info("hello")

    assert " INFO     some.library hello (test_config.py:" in capsys.readouterr().out


def test_without_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    local.file_enabled false makes no file and no directory.
    """
    monkeypatch.setenv("LOGGING_LOCAL_FILE_ENABLED", "false")
    setup()

    logging.getLogger("some.library").error("hello")

    assert [] == list(home.iterdir())


def test_arguments_reach_the_file(home: Path, tmp_path: Path) -> None:
    """
    Levels and path given to setup() are those of the handlers.
    """
    setup(console_level="ERROR", file_level=30, file_path=tmp_path / "own.log")

    console, file = logging.getLogger().handlers
    assert isinstance(file, RotatingFileHandler)
    assert (logging.ERROR, logging.WARNING, str(tmp_path / "own.log")) == (
        console.level,
        file.level,
        file.filename,
    )
    assert logging.WARNING == logging.getLogger().level


def test_setup_twice(home: Path, read_rows: ReadRows) -> None:
    """
    Called again, setup() doubles no line and leaks no descriptor.
    """
    setup()
    before = descriptors()

    for _ in range(3):
        setup()
    logging.getLogger("some.library").info("once")

    assert before == descriptors()
    assert ["once"] == [row["message"] for row in read_rows(log_file(home))]


def test_names_of_handlers_after_the_second_setup() -> None:
    """
    An incremental document finds the handlers that stand now.
    """
    setup()
    setup()

    logging.config.dictConfig({"version": 1, "incremental": True, "handlers": {"file": {"level": "ERROR"}}})

    assert logging.ERROR == logging.getLogger().handlers[1].level


def test_handlers_of_other_loggers_stay_open(tmp_path: Path) -> None:
    """
    A library's own file handler, which the configuration does not name, goes on; plain dictConfig closes it.
    """
    handler = logging.FileHandler(tmp_path / "library.log")
    logging.getLogger("some.library").addHandler(handler)

    setup()
    setup()
    logging.getLogger("some.library").error("kept")

    assert "kept\n" == (tmp_path / "library.log").read_text()
    assert handler in [reference() for reference in logging._handlerList]


def test_handlers_taken_off_are_closed(tmp_path: Path) -> None:
    """
    The root's handlers of before give up their files.
    """
    logging.getLogger().addHandler(logging.FileHandler(tmp_path / "before.log"))

    setup()

    assert str(tmp_path / "before.log") not in descriptors()


BROKEN: list[dict[str, Any]] = [
    {"version": 1, "handlers": {"out": {"class": "no.such.Class"}}},
    {"version": 1, "loggers": {"a": {"level": "LOUD"}}},
    {"version": 1, "loggers": {"new": {"propagate": False, "level": "ERROR"}}, "root": {"handlers": ["nowhere"]}},
    {"version": 1, "disable_existing_loggers": True, "root": {"level": "LOUD", "handlers": []}},
    {"version": 1, "handlers": {"f": {"()": "ginkgo_logging.handlers.RotatingFileHandler", "filename": "new.log"},
     "g": {"class": "no.such.Class"}}},
    {"version": 1, "handlers": {"file": {"()": "ginkgo_logging.handlers.RotatingFileHandler", "delay": True,
     "filename": "/proc/nowhere/x.log"}}, "root": {"handlers": ["file"]}},
    {"version": 1, "incremental": True, "root": {"level": "LOUD"}},
]  # fmt: skip


@pytest.mark.parametrize("names", [{"pin"}, frozenset({"pin"}), {"pin": 1}.keys(), ("pin",)], ids=str)
def test_names_may_be_any_collection(home: Path, read_rows: ReadRows, names: Collection[str]) -> None:
    """
    A program that keeps its secret names in a set need not make a list of it.
    """
    setup(mask_fields=names)

    logging.getLogger("some.library").info("pin=1234")

    assert ["pin=***"] == [row["message"] for row in read_rows(log_file(home))]


@pytest.mark.parametrize("document", BROKEN)
def test_broken_setup_changes_nothing(home: Path, read_rows: ReadRows, document: dict[str, Any]) -> None:
    """
    When a new configuration is wrong, in whichever section, the running one goes on as if nothing had been.
    """
    library = logging.getLogger("some.library")
    library.addHandler(other := logging.FileHandler(home / "library.log"))
    setup(mask_fields=["pin"])
    state = logging.getLogger().handlers[:], logging.getLogger().level, descriptors(), in_force()

    fault(document)
    library.info("still here, pin=1234")

    assert state == (logging.getLogger().handlers, logging.getLogger().level, descriptors(), in_force())
    assert ["still here, pin=***"] == [row["message"] for row in read_rows(log_file(home))]
    assert "still here, pin=1234\n" == Path(other.baseFilename).read_text()
    assert (False, logging.NOTSET, True) == (
        library.disabled,
        library.level,
        logging.getLogger("new").propagate,
    )
    assert state[0] == [logging._handlers["console"], logging._handlers["file"]]


def test_broken_first_setup_leaves_basic_config() -> None:
    """
    A program that has configured logging keeps that when setup() fails.
    """
    stream = io.StringIO()
    root = logging.getLogger()
    root.handlers[:] = [handler := logging.StreamHandler(stream)]

    fault({"version": 1, "root": {"handlers": ["nowhere"]}})
    root.error("still here")

    assert ([handler], "still here\n") == (root.handlers, stream.getvalue())


def test_other_threads_log_while_setup_runs(home: Path, read_rows: ReadRows) -> None:
    """
    A set-up that fails costs the other threads no line.
    """
    setup()
    done = threading.Event()
    count = 0

    def write() -> None:
        nonlocal count
        while not done.is_set():
            count += 1
            logging.getLogger("worker").info("line %d", count)

    thread = threading.Thread(target=write)
    thread.start()
    for _ in range(20):
        fault({"version": 1, "handlers": {"out": {"class": "no.such.Class"}}})
    done.set()
    thread.join()

    assert [f"line {n}" for n in range(1, count + 1)] == [row["message"] for row in read_rows(log_file(home))]


def test_unwritable_log_directory(tmp_path: Path) -> None:
    """
    A directory in which no log file can be made is found at setup().
    """
    put(tmp_path / "taken", "a file where a directory should be")

    message = fault(file_path=tmp_path / "taken" / "x.log")

    assert message.startswith("handler 'file': cannot write: ")
    assert str(tmp_path / "taken") in message


def test_unwritable_log_directory_of_another_logger(tmp_path: Path) -> None:
    """
    Not only the root's handlers are tried.
    """
    put(tmp_path / "taken", "a file where a directory should be")
    factory = {
        "()": "ginkgo_logging.handlers.RotatingFileHandler",
        "filename": str(tmp_path / "taken" / "x"),
        "delay": True,
    }

    message = fault(
        {"version": 1, "handlers": {"orders": factory}, "loggers": {"orders": {"handlers": ["orders"]}}}
    )

    assert message.startswith("handler 'orders': cannot write: ")


# --- defaults in place of what is wrong ----------------------------------------------------------------------


def test_defaults_keep_what_is_valid(home: Path, read_rows: ReadRows) -> None:
    """
    One wrong key costs that key only: what the user wants masked stays masked.
    """
    put(home / ".ginkgo" / "config.yaml", "logging: {mask_fields: [pin], level: {console: LOUD}}")

    faults = setup_or_defaults()
    logging.getLogger("some.library").info("pin=1234")

    assert ["logging.level.console"] == [str(one).split(": ")[1] for one in faults]
    assert ["pin=***"] == [row["message"] for row in read_rows(log_file(home))]


@pytest.mark.parametrize(
    ("setting", "masked"),
    [
        ("mask_fields: [my_ssn, 5, '---']", "my_ssn=*** password=*** page=4 x-1"),
        ("mask_fields: {my_ssn: 1, password: 2}", "my_ssn=*** password=*** page=4 x-1"),
        ("mask_fields: 5", "my_ssn=1 password=*** page=4 x-1"),
        ("mask_fields: ' , '", "my_ssn=1 password=*** page=4 x-1"),
        ("mask_patterns: ['x-([0-9])', '(']", "my_ssn=1 password=*** page=4 x-***"),
        ("mask_allow: [page, 5], mask_fields: [page]", "my_ssn=1 password=2 page=*** x-1"),
    ],
)
def test_mistake_in_what_to_mask_unmasks_nothing_else(
    home: Path, read_rows: ReadRows, setting: str, masked: str
) -> None:
    """
    What is valid in a list of names or patterns counts, and the default names with it.
    """
    put(home / ".ginkgo" / "config.yaml", f"logging: {{{setting}}}")

    assert 1 == len(setup_or_defaults())
    logging.getLogger("some.library").info("my_ssn=1 password=2 page=4 x-1")

    assert [masked] == [row["message"] for row in read_rows(log_file(home))]


def test_mistake_in_the_environment_keeps_the_names_of_the_file(
    home: Path, read_rows: ReadRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A variable that cannot be read does not take away what the file names.
    """
    put(home / ".ginkgo" / "config.yaml", "logging: {mask_fields: [pin]}")
    monkeypatch.setenv("LOGGING_MASK_FIELDS", "my_ssn,---")

    setup_or_defaults()
    logging.getLogger("some.library").info("pin=1 my_ssn=2 token=3")

    assert ["pin=*** my_ssn=*** token=***"] == [row["message"] for row in read_rows(log_file(home))]


def test_last_resort_keeps_levels_and_masking(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Where nothing works with the settings, those that protect still hold.
    """
    broken = "mask_fields: [pin], level: {console: ERROR}, throttle: {limit: 99999999999999999999999999}"
    put(home / ".ginkgo" / "config.yaml", f"logging: {{{broken}, mode: none, local: {{file_path: /}}}}")

    setup_or_defaults()
    logging.getLogger("some.library").warning("quiet")
    logging.getLogger("some.library").error("pin=1234")

    assert ("pin=***" in (shown := capsys.readouterr().err), "quiet" in shown) == (True, False)


def test_defaults_do_without_an_unwritable_file(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Where no file can be written there is the console alone.
    """
    put(home / ".ginkgo", "a file where a directory should be")

    faults = setup_or_defaults()
    logging.getLogger("some.library").info("hello")

    assert 1 == len(faults)
    assert "hello" in capsys.readouterr().err


def test_defaults_are_not_needed() -> None:
    """
    Where nothing is wrong it is setup().
    """
    assert [] == setup_or_defaults()


# --- hooks, and taking all back ------------------------------------------------------------------------------


def hooks() -> list[object]:
    return [
        sys.excepthook,
        threading.excepthook,
        sys.unraisablehook,
        warnings.showwarning,
        logging.getLogRecordFactory(),
        sys.meta_path[:],
    ]


def test_shutdown_takes_all_back(home: Path) -> None:
    """
    Afterwards the hooks are those of before, and no handler or descriptor of ours is left.
    """
    before = hooks()

    setup()
    during = hooks()
    assert str(log_file(home)) in descriptors()
    shutdown()

    assert before == hooks()
    assert all(old != new for old, new in zip(before[:5], during[:5], strict=True))
    assert [] == logging.getLogger().handlers
    assert str(log_file(home)) not in descriptors()


def test_shutdown_twice_and_without_setup() -> None:
    """
    It may be called at any time.
    """
    shutdown()
    setup()
    shutdown()
    shutdown()

    assert logging.LogRecord is logging.getLogRecordFactory()
    assert record_factory.make_record is not logging.getLogRecordFactory()


def test_shutdown_closes_what_the_users_file_made(tmp_path: Path) -> None:
    """
    Standard handlers, and those of other loggers than the root, are closed too.
    """
    handlers = {
        name: {"class": "logging.FileHandler", "filename": str(tmp_path / f"{name}.log")}
        for name in ("a", "b")
    }
    setup(
        {
            "version": 1,
            "handlers": handlers,
            "root": {"handlers": ["a"]},
            "loggers": {"x": {"handlers": ["b"]}},
        }
    )
    assert str(tmp_path / "b.log") in descriptors()

    shutdown()

    assert [] == [one for one in descriptors() if one.startswith(str(tmp_path))]
    assert [] == logging.getLogger("x").handlers


@contextlib.contextmanager
def always_warned() -> Iterator[None]:
    """As in a program of its own, where a warning is no error; what shows it stays in place."""
    shows = warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = shows
        yield


def test_warnings_become_lines(home: Path, read_rows: ReadRows) -> None:
    """
    What a library warns of is a line of the logger py.warnings.
    """
    setup()

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old style", UserWarning, stacklevel=1)

    (row,) = read_rows(log_file(home))
    assert ("warning", "py.warnings") == (row["level"], row["logger_name"])
    assert "old style" in row["message"]


def test_line_of_a_warning_has_the_warnings_place(home: Path, read_rows: ReadRows) -> None:
    """
    Its source is the line that is warned of, and its message is one line, not the source text too.
    """
    setup()

    with context.with_trace_id("t-1"), always_warned():
        warnings.warn_explicit("old style", DeprecationWarning, "/srv/app/feed.py", 88)

    (row,) = read_rows(log_file(home))
    assert ("feed.py:88", "t-1") == (row["source"], row["trace_id"])
    assert "/srv/app/feed.py:88: DeprecationWarning: old style" == row["message"]


def test_warning_for_a_file_is_written_to_it(
    home: Path, read_rows: ReadRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A program that shows a warning to a file of its own gets it there, and there only.
    """
    file = io.StringIO()
    monkeypatch.setattr(warnings, "showwarning", lambda *given: print(*given[:4:2], file=given[4]))
    setup()

    warnings.showwarning("old style", UserWarning, "feed.py", 88, file)

    assert "old style feed.py\n" == file.getvalue()
    assert [] == (read_rows(log_file(home)) if log_file(home).exists() else [])


def test_capture_of_the_program_goes_on_afterwards(home: Path, read_rows: ReadRows) -> None:
    """
    Where the program captures warnings itself their lines are ours meanwhile, and its own after shutdown().
    """
    logging.captureWarnings(capture=True)
    captured = warnings.showwarning
    try:
        setup()
        with always_warned():
            warnings.warn_explicit("old style", UserWarning, "/srv/app/feed.py", 88)
        (row,) = read_rows(log_file(home))
        shutdown()

        assert "feed.py:88" == row["source"]
        assert captured is warnings.showwarning
    finally:
        logging.captureWarnings(capture=False)


@pytest.mark.parametrize("switch", ["capture_warnings", "structlog"])
def test_wrong_switch_is_refused(switch: str) -> None:
    """
    The text "no" would count as true.
    """
    wrong: dict[str, Any] = {switch: "no"}

    with pytest.raises(
        ConfigError, match=rf"setup\({switch}=\): 'no' is not allowed; it must be true or false"
    ):
        setup(**wrong)


def test_warnings_stay_the_programs(home: Path) -> None:
    """
    A program that captures warnings itself is not switched off.
    """
    logging.captureWarnings(capture=True)
    captured = warnings.showwarning
    try:
        setup(capture_warnings=False)
        shutdown()

        assert captured is warnings.showwarning
    finally:
        logging.captureWarnings(capture=False)


def test_warnings_can_be_switched_off_again() -> None:
    """
    A second setup() without capture_warnings takes back the first one's.
    """
    before = warnings.showwarning
    setup()

    setup(capture_warnings=False)

    assert before is warnings.showwarning


@pytest.mark.parametrize("environment", [name for name in ENVIRONMENTS if name != "otlp"])  # see test_otlp
def test_uvicorn_takes_each_shipped_file(home: Path, environment: str) -> None:
    """
    ``uvicorn --log-config`` loads each file as it is.
    """
    path = ROOT / "logging.d" / f"{environment}.yaml"
    code = f"""if True:
        import logging, sys, uvicorn
        uvicorn.Config("app:app", log_config={str(path)!r}).load()"""
    (home / "app.py").write_text(
        "import logging\nasync def app(*_): ...\nlogging.getLogger('uvicorn.error').info('loaded')"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=with_path(), cwd=home, check=False
    )

    assert "loaded" in done.stdout + done.stderr
    assert 0 == done.returncode, done.stderr
    assert "Traceback" not in done.stderr


def test_settings_of_setup_are_in_force(home: Path) -> None:
    """
    A file that plain dictConfig loads after setup() takes setup()'s settings.
    """
    setup(console_level="ERROR")

    logging.config.dictConfig(dict(shipped("container").document))

    assert [logging.ERROR] == [handler.level for handler in logging.getLogger().handlers]
    assert Settings().console_level != "ERROR"


def test_a_file_named_for_a_mode_has_the_levels_of_that_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    setup("local") lets DEBUG through to the file also where mode auto would choose container.
    """
    monkeypatch.setenv("LOGGING_MODE", "container")

    setup("local", console_level="CRITICAL")

    assert logging.DEBUG == logging.getLogger().level


def test_a_file_that_exits_is_a_configuration_error() -> None:
    """
    A dictConfig file that calls sys.exit does not end the program.
    """
    with pytest.raises(ConfigError, match="SystemExit"):
        setup({"version": 1, "handlers": {"a": {"()": "sys.exit"}}, "root": {"handlers": ["a"]}})


class ClosesThroughAThread(logging.Handler):
    """A handler that waits, when it is closed, for a thread that logs for the first time."""

    done = True

    def emit(self, record: logging.LogRecord) -> None: ...

    def close(self) -> None:
        thread = threading.Thread(target=lambda: logging.getLogger("first.used.now").debug("closing"))
        thread.start()
        thread.join(5)
        type(self).done = not thread.is_alive()
        super().close()


@pytest.mark.parametrize("end", [shutdown, setup])
def test_a_handler_that_waits_for_a_thread_can_close(end: Callable[[], object]) -> None:
    """
    Neither shutdown() nor a second setup() holds logging's lock while handlers close.
    """
    handler = f"{__name__}.{ClosesThroughAThread.__name__}"
    setup({"version": 1, "handlers": {"own": {"class": handler}}, "root": {"handlers": ["own"]}})

    end()

    assert ClosesThroughAThread.done
