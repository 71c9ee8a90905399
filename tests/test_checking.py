"""ginkgo_logging.checking: every fault of a configuration file, with its line."""

import copy
import logging
import logging.config
import os
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from checking_faults import FAULTS, GOOD, changed, starts
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ginkgo_logging.checking import check_file, check_installation
from ginkgo_logging.config_files import ENVIRONMENTS, shipped
from ginkgo_logging.settings import in_force


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., list[str]]:
    """Write a file, check it, and return the findings without the file's name."""
    tmp_path.chmod(0o700)

    def write_and_check(text: str | bytes, name: str = "logging.yaml") -> list[str]:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(0o600)
        return [str(finding).removeprefix(f"{path}:") for finding in check_file(path).findings]

    return write_and_check


# --- what is right ------------------------------------------------------------------------------------------


def test_a_good_file_has_no_findings(check: Callable[..., list[str]]) -> None:
    """The document that the other tests change is right."""
    assert [] == check(GOOD)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_shipped_files_have_no_findings(check: Callable[..., list[str]], environment: str) -> None:
    """What comes with the package passes its own check."""
    assert [] == check(shipped(environment).text)


def test_a_standard_file_without_us_gets_one_warning(check: Callable[..., list[str]]) -> None:
    """A plain dictConfig file is right; that it masks nothing is said once, not for each handler."""
    text = """\
        version: 1
        disable_existing_loggers: false
        formatters: {std: {format: '%(asctime)s %(message)s'}}
        handlers:
          a: {class: logging.StreamHandler, formatter: std}
          b: {class: logging.handlers.SocketHandler, host: localhost, port: 9020}
          memory: {class: logging.handlers.MemoryHandler, capacity: 10, target: a}
        root: {handlers: [b, memory]}
        """
    expected = ["4: warning: handlers: no handler lists a context or a masking filter"]
    assert expected == starts(expected, check(textwrap.dedent(text)))


def test_anchors_and_cfg_targets_may_stand_at_the_top(check: Callable[..., list[str]]) -> None:
    """x- keys and what a cfg:// leads to are no unknown keys; merged keys count."""
    text = (
        changed("class: logging.StreamHandler,", "<<: *h, stream: 'cfg://streams.err',")
        .replace("version: 1", "version: 1\nx-common: &h {class: logging.StreamHandler}")
        .replace("filters:\n", "streams: {err: ext://sys.stderr}\nfilters:\n", 1)
    )
    assert [] == check(text)


@pytest.mark.parametrize(
    "formatter",
    [
        "{format: '%(asctime)s %(trace_id)s %(span_id)s %(log_category)s %(processName)s %(message)s'}",
        "{format: '{levelname} {ids}{message}', style: '{', class: ginkgo_logging.formatters.PlainFormatter}",
        "{format: '%(message)s %(who)s', (): logging.Formatter, defaults: {who: me}}",
        "{(): ginkgo_logging.formatters.PlainFormatter, fmt: '%(ids)s%(message)s%(fields)s'}",
        "{(): ginkgo_logging.formatters.JsonFormatter, fmt: [processName], static_fields: {service: shop}}",
        "{(): ginkgo_logging.formatters.JsonFormatter, prefix: 'app: ', defaults: {service: shop}}",
    ],
)
def test_a_format_that_every_record_fits_is_no_fault(check: Callable[..., list[str]], formatter: str) -> None:
    """What our context filter sets counts as an attribute of every record, and so does what has a default."""
    assert [] == check(changed("{(): ginkgo_logging.formatters.JsonFormatter}", formatter))


# --- one fault each -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_found_on_its_line(check: Callable[..., list[str]], name: str) -> None:
    """One fault gives the findings that it should, and no others."""
    text, expected = FAULTS[name]
    found = check(text)
    assert expected == starts(expected, found)


def test_all_faults_are_found_in_one_go(check: Callable[..., list[str]]) -> None:
    """The first fault does not hide the others."""
    text = (
        changed("level: DEBUG", "level: DEBG").replace("version: 1", "version: 3").replace("[out]", "[oot]")
    )
    found = [line.split(":")[0] for line in check(text)]
    assert ["1", "9", "11", "12"] == found


# --- classes that the file brings ---------------------------------------------------------------------------


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Make ``brought`` importable, with the given source."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)

    def write(source: str) -> None:
        (folder / "brought.py").write_text(source)

    yield write
    sys.modules.pop("brought", None)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import nothing_there", "importing 'brought' fails: No module named 'nothing_there'"),
        ("raise SystemExit(3)", "importing 'brought' fails: SystemExit: 3"),
        ("1 +", "importing 'brought' fails: SyntaxError:"),
        ("class Fliter: pass", "module 'brought' has no 'Filter'; did you mean 'Fliter'?"),
    ],
)
def test_what_a_module_of_the_users_lacks_is_said(
    check: Callable[..., list[str]], module: Callable[[str], None], source: str, expected: str
) -> None:
    """A module that cannot be imported is a finding, whatever it raises."""
    module(source)
    found = check(changed("ginkgo_logging.filters.ContextFilter", "brought.Filter"))
    expected = f"4: error: filters.context.(): cannot be imported: {expected}"
    assert [expected] == starts([expected], found)


def test_classes_of_the_users_are_not_built(
    check: Callable[..., list[str]], module: Callable[[str], None]
) -> None:
    """Only the signature of a foreign class is looked at: to build it might open something."""
    module("class Handler(__import__('logging').Handler):\n    def __init__(self, a): raise SystemExit")
    assert [] == check(changed("logging.StreamHandler", "brought.Handler, a: 1"))


def test_a_factory_function_may_return_any_filter(
    check: Callable[..., list[str]], module: Callable[[str], None]
) -> None:
    """What a function returns is not known, so nothing is said of what the handler lacks."""
    module("def masking(*, deep): raise SystemExit")
    assert [] == check(changed("ginkgo_logging.filters.MaskingFilter", "brought.masking, deep: true"))


def test_a_list_of_a_modules_is_followed(
    check: Callable[..., list[str]], module: Callable[[str], None]
) -> None:
    """ext:// may stand for a list of names."""
    module("NAMES = ['out', 'oot']")
    expected = ["12: error: root.handlers[1]: no handler is named 'oot'"]
    assert expected == starts(expected, check(changed("handlers: [out]", "handlers: ext://brought.NAMES")))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="dictConfig builds queue listeners since 3.12")
def test_a_queue_feeds_its_handlers(check: Callable[..., list[str]]) -> None:
    """A handler behind a queue that has our filters needs none, and is used."""
    text = changed(
        "handlers:\n",
        "handlers:\n  q: {class: logging.handlers.QueueHandler, handlers: [out], filters: [context, masking]}\n",
    )
    text = text.replace(", filters: [context, masking]}\nloggers", "}\nloggers").replace(
        "handlers: [out]}\n", "handlers: [q]}\n"
    )
    assert [] == check(text)


def test_a_device_can_be_a_log_file(check: Callable[..., list[str]]) -> None:
    """/dev/stdout may lead to a pipe, whose name is the path of no file."""
    assert [] == check(changed("logging.StreamHandler", "logging.FileHandler, filename: /dev/stdout"))


# --- files and who may write to them ------------------------------------------------------------------------


def test_a_file_that_others_may_write_is_refused_and_imports_nothing(
    tmp_path: Path, module: Callable[[str], None]
) -> None:
    """To import what such a file names would be to run what others wrote."""
    module("raise RuntimeError('imported')")
    path = tmp_path / "logging.yaml"
    path.write_text(changed("ginkgo_logging.filters.ContextFilter", "brought.Filter"))
    path.chmod(0o666)
    found = [finding.problem for finding in check_file(path).findings]
    expected = [
        f"setup() refuses this file: others may write to {path}",
        "cannot be imported: 'brought.Filter' was not imported, as others may write to this file",
    ]
    assert expected == starts(expected, found)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: None, "cannot be read: No such file or directory"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
        (lambda path: path.symlink_to(path), "cannot be read: "),
    ],
)
def test_a_file_that_cannot_be_read_is_a_finding(
    tmp_path: Path, make: Callable[[Path], None], expected: str
) -> None:
    """Nothing to read is an error, not a traceback."""
    path = tmp_path / "logging.yaml"
    make(path)
    problems = [finding.problem for finding in check_file(path).findings]
    assert expected in problems[0]


@pytest.fixture
def somebody() -> Iterator[Path]:
    """Be an ordinary user with a directory of their own, also where the tests run as root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        is_root = os.geteuid() == 0
        if is_root:
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
        try:
            yield folder
        finally:
            if is_root:
                os.seteuid(0)


@pytest.mark.parametrize(
    "handler", ["class: logging.FileHandler", "(): ginkgo_logging.handlers.RotatingFileHandler"]
)
def test_missing_permission_is_found(somebody: Path, handler: str) -> None:
    """A directory or a file without write permission is an error, and stays as it is."""
    closed = somebody / "closed"
    closed.mkdir(mode=0o500)
    read_only = somebody / "read-only.log"
    read_only.touch(mode=0o400)
    found = []
    for filename in (closed / "a.log", read_only):
        path = somebody / "logging.yaml"
        path.write_text(changed("class: logging.StreamHandler", f"{handler}, filename: {filename}"))
        path.chmod(0o600)
        found += [finding.problem for finding in check_file(path).findings]
    assert [
        f"cannot write to {closed / 'a.log'}: no permission to create files in {closed}",
        f"cannot write to {read_only}: no permission to write to the file",
    ] == found


def test_a_check_leaves_no_trace(check: Callable[..., list[str]], home: Path, tmp_path: Path) -> None:
    """No file is created, no logger configured, no setting put in force."""
    before = sorted(tmp_path.rglob("*")), logging.root.handlers[:], logging.root.level, in_force()
    check(shipped("local").text)
    (tmp_path / "logging.yaml").unlink()
    assert before == (sorted(tmp_path.rglob("*")), logging.root.handlers[:], logging.root.level, in_force())


# --- settings -----------------------------------------------------------------------------------------------

SETTINGS_FAULTS = {
    "good": ("logging: {mode: auto, level: {console: info}}\nloki:\ndatabase: {anything: 1}\n", []),
    "empty": ("", []),
    "value": (
        "logging:\n  mode: docker\n",
        ["2: error: logging.mode: 'docker' is not allowed; it must be one of auto, container, local"],
    ),
    "key": (
        "logging:\n  mod: auto\n",
        ["2: error: logging.mod: unknown key; did you mean 'mode'? allowed here: mode, format"],
    ),
    "inner key": (
        "logging:\n  level:\n    consol: INFO\n",
        ["3: error: logging.level.consol: unknown key; did you mean 'console'? allowed here: console, file"],
    ),
    "group": (
        "logging:\n  level: INFO\n",
        ["2: error: logging.level: a mapping is wanted, not 'INFO'; keys allowed in it: console, file"],
    ),
    "section": ("logging: [a]\n", ["1: error: logging: a mapping is wanted, not ['a']"]),
    "document": (
        "- logging\n",
        ["1: error: a mapping of keys to values is wanted, not ['logging']; sections: logging, loki"],
    ),
    "misspelt section": (
        "loging: {mode: auto}\n",
        ["1: warning: loging: not a section of ours, so nothing in it is read; did you mean 'logging'?"],
    ),
    "section in another case": (
        "Logging: {mode: auto}\nlogging: {mode: auto}\n",
        ["1: warning: Logging: not a section of ours, so nothing in it is read; did you mean 'logging'?"],
    ),
    "keys outside their section": (
        "mode: local\nlevel: {console: DEBUG}\nlogging: {format: json}\nengine: {mode: x}\n",
        [
            "1: warning: mode: not read here: it is a key of the section 'logging'; indent it below logging:",
            "2: warning: level: not read here",
        ],
    ),
    "duplicate": (
        "logging:\n  mode: auto\n  mode: local\n",
        ["3: error: logging.mode: given twice (first on line 2)"],
    ),
    "secret": (
        "loki:\n  token: [s3cret]\n",
        ["2: error: loki.token: (hidden) is not allowed; it must be a text"],
    ),
    "all": (
        "logging:\n  mode: 1\n  format: 2\n",
        ["2: error: logging.mode: 1 is not", "3: error: logging.format: 2 is not"],
    ),
}


@pytest.mark.parametrize("name", SETTINGS_FAULTS)
def test_config_yaml_is_checked(check: Callable[..., list[str]], name: str) -> None:
    """config.yaml is known by its name, whatever is in it."""
    text, expected = SETTINGS_FAULTS[name]
    assert expected == starts(expected, check(text, "config.yaml"))


def test_a_settings_file_is_known_by_its_sections(check: Callable[..., list[str]]) -> None:
    """Under another name, the sections tell what it is."""
    expected = ["1: error: logging.mode: 'docker' is not allowed"]
    assert expected == starts(expected, check("logging: {mode: docker}\nversion: 3\n", "mine.yaml"))


def test_a_readable_secret_is_a_warning(tmp_path: Path) -> None:
    """Others should not read a password of config.yaml."""
    path = tmp_path / "config.yaml"
    path.write_text("loki:\n  password: s3cret\n")
    path.chmod(0o644)
    expected = [
        f"{path}:2: warning: loki.password: a secret in a file that others may read; try chmod 600 {path}"
    ]
    assert expected == [str(finding) for finding in check_file(path).findings]


# --- all that setup() would use -----------------------------------------------------------------------------


@pytest.fixture
def ginkgo(home: Path) -> Path:
    """The user's directory, with logging.d/."""
    folder = home / ".ginkgo"
    (folder / "logging.d").mkdir(parents=True, mode=0o700)
    folder.chmod(0o700)
    return folder


def test_without_files_the_shipped_one_is_checked(home: Path) -> None:
    """What setup() would use is named."""
    result = check_installation()
    assert ([(shipped("local").name, "shipped, dictConfig")], []) == (result.files, result.findings)


def test_all_files_are_checked_in_the_order_of_setup(ginkgo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, the complete file, the incremental one; also the environment; each with its faults."""
    monkeypatch.setenv("LOGGING_FORMAT", "xml")
    monkeypatch.setenv("LOGGING_LEVEL_CONSOL", "INFO")
    monkeypatch.setenv("LOKI_ADDR", "http://of.logcli")
    (ginkgo / "config.yaml").write_text("logging: {level: {file: LOUD}}")
    own = ginkgo / "logging.d" / "local.yaml"
    own.write_text("version: 1\nincremental: true\nhandlers: {fil: {level: INFO}}")
    own.chmod(0o600)
    result = check_installation()
    expected = [
        f"{ginkgo}/config.yaml:1: error: logging.level.file: 'LOUD' is not allowed",
        "environment: error: LOGGING_FORMAT: 'xml' is not allowed; it must be one of json, plain",
        (
            "environment: warning: LOGGING_LEVEL_CONSOL: no such setting, so it is not read; "
            "did you mean 'LOGGING_LEVEL_CONSOLE'?"
        ),
        f"{own}:3: error: handlers.fil: no such handler in the file that this one changes; did you mean 'file'?",
    ]
    assert expected == starts(expected, [str(finding) for finding in result.findings])
    assert [
        (str(ginkgo / "config.yaml"), "settings"),
        (shipped("local").name, "shipped, dictConfig"),
        (str(own), "dictConfig, incremental"),
    ] == result.files


@pytest.mark.parametrize("by", ["variable", "file"])
def test_a_missing_dictconfig_file_is_blamed_on_who_named_it(
    ginkgo: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """LOGGING_CONFIG or logging.config names a file that is not there."""
    if by == "variable":
        monkeypatch.setenv("LOGGING_CONFIG", "/nowhere.yaml")
        expected = ["environment: error: LOGGING_CONFIG: /nowhere.yaml: no such dictConfig file"]
    else:
        (ginkgo / "config.yaml").write_text("logging:\n  config: /nowhere.yaml\n")
        expected = [f"{ginkgo}/config.yaml:2: error: logging.config: /nowhere.yaml: no such dictConfig file"]
    assert expected == starts(expected, [str(finding) for finding in check_installation().findings])


def test_a_setting_reaches_the_file_that_takes_it(ginkgo: Path) -> None:
    """A log file that cannot be written is found in the shipped file, through its ext://."""
    (ginkgo / "config.yaml").write_text("logging: {local: {file_path: /usr}}")
    expected = ["cannot write to /usr: it is a directory"]
    assert expected == [finding.problem for finding in check_installation().findings]


# --- the standard library is the judge ----------------------------------------------------------------------

JUNK: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -3,
    2.5,
    "",
    "x",
    "INFO",
    "ext://sys.stderr",
    "ext://no.such",
    "cfg://root",
    "logging",
    "logging.Formatter",
    "ginkgo_logging.filters.MaskingFilter",
    [],
    ["x"],
    [["x"]],
    {},
    {"x": 1},
    {"()": "x"},
    {"level": []},
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for step, item in inner for place in places(item, (*path, step)))][
        0 if path else 1 :
    ]


DOCUMENT = yaml.safe_load(GOOD)


@settings(
    max_examples=examples(400), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from(places(DOCUMENT)), st.sampled_from(JUNK)), min_size=1, max_size=3))
def test_what_dictconfig_refuses_is_an_error(
    tmp_path: Path, changes: list[tuple[tuple[Any, ...], Any]]
) -> None:
    """Whatever stands wherever in the file: no traceback, and dictConfig accepts what has no errors."""
    document = copy.deepcopy(DOCUMENT)
    for (*parents, last), junk in changes:
        target = document
        for step in parents:
            target = target[step] if isinstance(target, dict) and step in target else {}
        if isinstance(target, dict) and last in target:
            target[last] = copy.deepcopy(junk)
    path = tmp_path / "logging.yaml"
    path.write_text(yaml.safe_dump(document))
    path.chmod(0o600)
    result = check_file(path)
    if not result.errors:
        # Other tests need the loggers that exist.
        logging.config.dictConfig(document | {"disable_existing_loggers": False})
