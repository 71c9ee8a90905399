"""What is logged changes while the program runs: files are applied again, wholly or not at all."""

import functools
import io
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from waiting import PATIENCE, until

from ginkgo_logging import GLOG, ConfigError, GinkgoLogger, config, setup, shutdown
from ginkgo_logging.config_files import shipped

ROOT = Path(__file__).parent.parent

Rows = Callable[[], list[dict[str, Any]]]

_DEBUG = "version: 1\nincremental: true\nloggers: {app: {level: DEBUG}}\n"
_ERROR = "version: 1\nincremental: true\nloggers: {app: {level: ERROR}}\n"


@pytest.fixture(autouse=True)
def hangup() -> Iterator[None]:
    """SIGHUP as it was before."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    shutdown()
    until(lambda: not _watches(), "the thread of the test ends")
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def rows(home: Path, read_rows: Callable[[Path], list[dict[str, Any]]]) -> Rows:
    """The lines of the log file so far."""
    log = home / ".ginkgo" / "logs" / "ginkgo.log"
    return lambda: read_rows(log) if log.exists() else []


@pytest.fixture
def drop_in(home: Path) -> Path:
    """Where a drop-in for local mode belongs; not there yet."""
    (home / "logging.d").mkdir(mode=0o700)
    return home / "logging.d" / "local.yaml"


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Threads that interrupt one another wherever they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def write(path: Path, text: str) -> None:
    """Write *path* as its owner would."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)


def reload(rows: Rows) -> dict[str, Any]:
    """Send SIGHUP, and return the line that says what came of it."""

    def told() -> list[dict[str, Any]]:
        return [row for row in rows() if row["logger_name"] == "ginkgo_logging"]

    before = len(told())
    signal.raise_signal(signal.SIGHUP)
    until(lambda: len(told()) > before, "a line about the reload")
    return told()[before]


def test_a_drop_in_takes_effect_when_it_is_written_and_when_it_is_removed(
    rows: Rows, drop_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drop-in that appears changes levels within seconds; removed, the levels are as before."""
    app = logging.getLogger("app")
    monkeypatch.setattr(app, "level", logging.NOTSET)
    setup(watch=True)

    write(drop_in, _ERROR)
    until(lambda: app.getEffectiveLevel() == logging.ERROR, "the level of the drop-in")
    write(drop_in, "version: 1\nincremental: true\n")
    drop_in.unlink()
    until(lambda: len(rows()) >= 2, "a second line")

    assert all("logging is configured anew from" in row["message"] for row in rows())
    assert str(drop_in) in rows()[0]["message"]


def test_sighup_applies_the_files_again(rows: Rows, drop_in: Path) -> None:
    """SIGHUP applies what the files say now, and the line tells which they were."""
    setup(watch=True)
    write(drop_in, _DEBUG)

    row = reload(rows)

    assert "info" == row["level"]
    assert f"logging is configured anew from {shipped('local').name}, {drop_in}" == row["message"]
    assert logging.DEBUG == logging.getLogger("app").level


BROKEN = {
    "not YAML": ("version: 1\nroot: [\n", "logging.d/local.yaml:3: not valid YAML"),
    "unknown handler": (
        "version: 1\nroot: {handlers: [console]}\n",
        "logging.d/local.yaml:2: Unable to configure root logger",
    ),
    "unknown level": (
        "version: 1\nincremental: true\nloggers:\n  app: {level: LOUD}\n",
        "logging.d/local.yaml:4: Unable to configure logger 'app'",
    ),
}


@pytest.mark.parametrize(("text", "fault"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_edit_changes_nothing_and_is_told(rows: Rows, drop_in: Path, text: str, fault: str) -> None:
    """After a broken edit the running configuration goes on, and an ERROR names file and line."""
    write(drop_in, _DEBUG)
    setup(watch=True)
    handlers = logging.getLogger().handlers[:]
    write(drop_in, text)

    row = reload(rows)

    assert "error" == row["level"]
    assert "the logging configuration stays as it was: " in row["message"]
    assert fault in row["message"]
    assert handlers == logging.getLogger().handlers
    assert logging.DEBUG == logging.getLogger("app").level


def test_an_emptied_file_changes_nothing_and_is_told(rows: Rows, home: Path) -> None:
    """A config.yaml that an editor has emptied, and not written yet, does not take the settings away."""
    (home / ".ginkgo").mkdir(mode=0o700)
    settings_file = home / ".ginkgo" / "config.yaml"
    write(settings_file, "logging: {mask_fields: [shoe_size]}")
    setup(watch=True)
    write(settings_file, "")

    faults = [reload(rows)["message"], reload(rows)["message"]]
    GLOG.INFO("shoe_size=%s", "43x")

    fault = (
        f"the logging configuration stays as it was: {settings_file}: is empty now; if the defaults are meant"
    )
    assert [True, True] == [one.startswith(fault) for one in faults]
    assert "shoe_size=***" == rows()[-1]["message"]


def test_a_file_that_goes_or_was_empty_before_means_the_defaults(rows: Rows, home: Path) -> None:
    """To delete config.yaml takes the settings away; one without anything in it has none to lose."""
    (home / ".ginkgo").mkdir(mode=0o700)
    settings_file = home / ".ginkgo" / "config.yaml"
    write(settings_file, "logging: {level: {console: ERROR}}")
    setup(watch=True)
    settings_file.unlink()
    reload(rows)
    assert "INFO" == GLOG.get_current_levels()["handlers"]["console"]
    write(settings_file, "")

    told = [reload(rows)["level"], reload(rows)["level"]]

    assert ["info", "info"] == told


def test_each_different_fault_is_told(rows: Rows, drop_in: Path) -> None:
    """However many edits in a row are broken, the error flow control takes no fault for another one."""
    setup(watch=True)
    faults = [f"no_such_{letter}" for letter in "abcdefg"]

    for fault in faults:
        write(drop_in, f"version: 1\nhandlers: {{{fault}: {{class: 100%.{fault}}}}}\n")
        assert f"'{fault}'" in reload(rows)["message"]


class _Moody(dict[str, Any]):
    """A mapping that fails when it is asked once too often."""

    is_broken = False

    def get(self, *arguments: Any) -> Any:
        if self.is_broken:
            raise RuntimeError("not in the mood")
        return super().get(*arguments)


def test_whatever_fails_changes_nothing_and_is_told(rows: Rows) -> None:
    """An error that nobody thought of is told with its traceback, and the watching goes on."""
    document = _Moody(shipped("local").document)
    setup(document, watch=True)
    document.is_broken = True
    failed = reload(rows)
    document.is_broken = False

    assert ("error", "RuntimeError") == (failed["level"], failed["error_type"])
    assert "info" == reload(rows)["level"]


def test_a_mended_file_takes_effect(rows: Rows, drop_in: Path) -> None:
    """After a broken edit the next good one is applied."""
    setup(watch=True)
    write(drop_in, "version: 2")
    reload(rows)
    write(drop_in, _ERROR)

    until(lambda: "logging is configured anew" in rows()[-1]["message"], "the mended file is applied")

    assert logging.ERROR == logging.getLogger("app").level


def test_settings_are_read_again_and_arguments_stay(rows: Rows, home: Path) -> None:
    """config.yaml counts anew, an argument of setup() wins over it as before."""
    (home / ".ginkgo").mkdir(mode=0o700)
    setup(watch=True, console_level="WARNING")
    write(
        home / ".ginkgo/config.yaml",
        "logging: {mask_fields: [shoe_size], level: {console: DEBUG, file: INFO}}",
    )
    reload(rows)

    GLOG.INFO("shoe_size=%s", "43x")

    assert "shoe_size=***" == rows()[-1]["message"]
    assert {"console": "WARNING", "file": "INFO"} == GLOG.get_current_levels()["handlers"]


def test_a_level_set_by_a_call_lasts_until_the_files_are_applied_again(rows: Rows) -> None:
    """GLOG.set_level holds at once; applying the files again puts every level back to what they say."""
    setup(watch=True)
    GLOG.set_level("ERROR", "console")
    assert "ERROR" == GLOG.get_current_levels()["handlers"]["console"]

    reload(rows)

    assert "INFO" == GLOG.get_current_levels()["handlers"]["console"]


def test_files_are_found_again_from_another_directory(
    rows: Rows, drop_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that changes its directory, as daemons do, still has the files of where it began."""
    write(drop_in, _DEBUG)
    monkeypatch.setenv("LOGGING_CONFIG", "logging.d/local.yaml")
    setup(watch=True)
    monkeypatch.chdir(tmp_path)
    write(drop_in, _ERROR)

    reload(rows)

    assert logging.ERROR == logging.getLogger("app").level


def test_filters_of_a_logger_do_not_pile_up(rows: Rows, home: Path) -> None:
    """What the file lists as filters of a logger is there once, and the program's own filter stays."""
    document = shipped("local").text + "\nloggers: {app: {filters: [throttle]}}\n"
    write(home / "own.yaml", document.replace("\nloggers: #", "\n_: #"))
    app = logging.getLogger("app")
    setup(home / "own.yaml", watch=True)
    app.addFilter(own := logging.Filter("app"))

    reload(rows)
    write(home / "broken.yaml", "version: 2")
    with pytest.raises(ConfigError):
        setup(home / "broken.yaml")
    reload(rows)

    assert [own] == [one for one in app.filters if type(one) is logging.Filter]
    assert 2 == len(app.filters)


def test_the_programs_own_handlers_stay(rows: Rows) -> None:
    """A handler that the program put on the root logger after setup() is still there, in its place, and once."""
    setup(watch=True)
    own = logging.StreamHandler(io.StringIO())
    logging.getLogger().addHandler(own)

    reload(rows)
    reload(rows)

    assert ["ConsoleHandler", "RotatingFileHandler", "StreamHandler"] == [
        type(handler).__name__ for handler in logging.getLogger().handlers
    ]
    assert own in logging.getLogger().handlers


class Posting(logging.Handler):
    """Hands records to a thread whose HTTP client logs, and waits for it when closed."""

    closed: ClassVar[list[bool]] = []

    def __init__(self) -> None:
        super().__init__()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._post, daemon=True)
        self._thread.start()

    def _post(self) -> None:
        self._is_over.wait()
        logging.getLogger(f"client.of.{id(self)}").debug("posted")

    def emit(self, record: logging.LogRecord) -> None:
        """Say nothing: only closing matters here."""

    def close(self) -> None:
        self._is_over.set()
        self._thread.join(2.0)
        self.closed.append(not self._thread.is_alive())
        super().close()


def test_a_handler_may_log_while_it_closes(rows: Rows, drop_in: Path) -> None:
    """A handler that goes with a reload may wait for a thread of its own that asks for a logger."""
    Posting.closed.clear()
    posting = f"{{'()': {__name__}.Posting}}"
    write(
        drop_in,
        f"version: 1\nhandlers: {{posting: {posting}}}\nroot: {{level: DEBUG, handlers: [posting]}}\n",
    )
    setup(watch=True)
    drop_in.unlink()

    reload(rows)

    assert [True] == Posting.closed


def test_a_file_that_the_settings_name_before_it_is_there(rows: Rows, home: Path) -> None:
    """Settings that name a file which is written afterwards are refused, and take effect when it is there."""
    setup(watch=True)
    (home / ".ginkgo").mkdir(exist_ok=True)
    write(home / ".ginkgo" / "config.yaml", "logging: {config: ./own.yaml}\n")
    until(lambda: len(rows()) == 1, "the refusal")

    write(home / "own.yaml", _DEBUG)
    until(lambda: len(rows()) == 2, "the file is applied")

    assert "no such dictConfig file" in rows()[0]["message"]
    assert logging.DEBUG == logging.getLogger("app").level


def test_a_setup_during_a_reload_has_the_last_word(
    rows: Rows, drop_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a reload has read is not applied over what setup() has set up in the meantime."""
    monkeypatch.setattr(logging.getLogger("app"), "level", logging.NOTSET)
    write(drop_in, _DEBUG)
    setup(watch=True)
    has_read, may_go_on, is_done = threading.Event(), threading.Event(), threading.Event()
    find, reload_ = config.find, config._reload

    def find_slowly(*given: Any) -> Any:
        found = find(*given)
        has_read.set()
        may_go_on.wait(PATIENCE)
        return found

    def tell_when_done(*given: Any) -> Any:
        seen = reload_(*given)
        is_done.set()
        return seen

    with monkeypatch.context() as patched:
        patched.setattr(config, "_reload", tell_when_done)
        patched.setattr(config, "find", find_slowly)
        signal.raise_signal(signal.SIGHUP)
        has_read.wait(PATIENCE)
        patched.setattr(config, "find", find)
        write(drop_in, _ERROR)
        # The moment at which the new configuration stands, and the old watcher is still in charge.
        patched.setattr(config, "_watch", lambda *_: may_go_on.set() or is_done.wait(PATIENCE))
        setup(watch=True)

    assert logging.ERROR == logging.getLogger("app").level
    assert [] == rows()


def test_a_file_made_safe_takes_effect(rows: Rows, drop_in: Path) -> None:
    """A file that others could write to is refused, and applied as soon as they no longer can."""
    setup(watch=True)
    write(drop_in.with_suffix(".new"), _DEBUG)
    drop_in.with_suffix(".new").chmod(0o666)
    drop_in.with_suffix(".new").replace(drop_in)
    until(lambda: len(rows()) == 1, "the refusal")

    drop_in.chmod(0o600)
    until(lambda: len(rows()) == 2, "the file is applied")

    assert "others may write to" in rows()[0]["message"]
    assert logging.DEBUG == logging.getLogger("app").level


@pytest.mark.parametrize("place", ["logging.d", "."])
def test_a_directory_made_safe_takes_effect(rows: Rows, home: Path, drop_in: Path, place: str) -> None:
    """What the refusal says to do to a directory has its effect at once, on the next look at the file."""
    (home / place).chmod(0o777)
    setup(watch=True)
    write(drop_in, _DEBUG)
    until(lambda: len(rows()) == 1, "the refusal")

    (home / place).chmod(0o700)
    until(lambda: len(rows()) == 2, "the file is applied")

    assert f"try chmod go-w {(home / place).resolve()}" in rows()[0]["message"]
    assert logging.DEBUG == logging.getLogger("app").level


def test_a_line_between_two_steps_is_not_lost(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever the root logger's handlers are touched, a line logged at that moment finds all of them."""
    root, logged = logging.getLogger(), []
    setup()

    def touched(change: Callable[[logging.Handler], None], handler: logging.Handler) -> None:
        change(handler)
        logged.append(f"line {len(logged)}")
        logging.getLogger("busy").debug(logged[-1])

    monkeypatch.setattr(root, "addHandler", functools.partial(touched, root.addHandler))
    monkeypatch.setattr(root, "removeHandler", functools.partial(touched, root.removeHandler))
    setup()
    logging.getLogger("busy").debug("at last")

    assert [*logged, "at last"] == [row["message"] for row in rows()]


@pytest.mark.usefixtures("eager_threads")
def test_no_line_is_lost_or_doubled_while_files_are_applied_again(rows: Rows) -> None:
    """Threads log without a pause through many reloads; each of their lines is in the file, once."""
    setup(watch=True)
    logger = logging.getLogger("busy")
    is_over = threading.Event()
    written = [0] * 3

    def work(number: int) -> None:
        while not is_over.is_set():
            logger.debug("%d %d", number, written[number])
            written[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        before = sum(written)
        signal.raise_signal(signal.SIGHUP)
        until(lambda before=before: sum(written) > before + 100, "more lines are logged")  # type: ignore[misc]
    is_over.set()
    for thread in threads:
        thread.join()
    shutdown()

    expected = sorted(f"{number} {line}" for number in range(3) for line in range(written[number]))
    assert expected == sorted(row["message"] for row in rows() if row["logger_name"] == "busy")


def test_settings_that_were_broken_at_the_start_may_be_mended(
    rows: Rows, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GLOG that began with the defaults takes the settings once they are right, if it was told to watch."""
    (home / ".ginkgo").mkdir(mode=0o700)
    write(home / ".ginkgo/config.yaml", "logging: {level: {console: LOUD}}")
    monkeypatch.setenv("LOGGING_WATCH", "true")
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    log = GinkgoLogger("tests.mended")
    log.INFO("begin")
    write(home / ".ginkgo/config.yaml", "logging: {level: {console: ERROR}}")

    until(lambda: log.get_current_levels()["handlers"].get("console") == "ERROR", "the mended level")

    assert any("LOUD" in row["message"] for row in rows())


def test_nothing_is_watched_unless_asked_for() -> None:
    """setup() alone leaves SIGHUP as it is and starts no thread; nor does shutdown() leave one behind."""
    before = signal.getsignal(signal.SIGHUP)
    setup()
    after_setup = signal.getsignal(signal.SIGHUP), _watches()
    setup(watch=True)
    watched = signal.getsignal(signal.SIGHUP) != before
    shutdown()
    until(lambda: not _watches(), "the thread ends")

    assert (before, False) == after_setup
    assert watched
    assert before == signal.getsignal(signal.SIGHUP)


def _watches() -> bool:
    return any(thread.name == "ginkgo-logging-watch" for thread in threading.enumerate())


def test_setup_without_watch_ends_the_watching(rows: Rows, drop_in: Path) -> None:
    """The last setup() decides; what an earlier one watched no longer counts."""
    setup(watch=True)
    write(drop_in, _ERROR)
    setup(console_level="ERROR")
    until(lambda: not _watches(), "the thread ends")

    assert logging.ERROR == logging.getLogger("app").level
    assert [] == rows()


_WORKERS = """
import logging, multiprocessing, os, sys, time
from ginkgo_logging import setup

def work(number):
    setup_in_child = sys.argv[1] != "fork"
    if setup_in_child:
        setup(watch=True)
    logging.getLogger("app").warning("ready %d", number)
    while logging.getLogger("app").getEffectiveLevel() > logging.DEBUG:
        time.sleep(0.01)
    logging.getLogger("app").debug("loud %d", number)

if __name__ == "__main__":
    setup(watch=True)
    context = multiprocessing.get_context(sys.argv[1])
    children = [context.Process(target=work, args=(number,)) for number in range(2)]
    for child in children:
        child.start()
    work(2) if sys.argv[1] == "fork" else None
    for child in children:
        child.join()
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_every_process_takes_the_change(rows: Rows, home: Path, drop_in: Path, method: str) -> None:
    """One edit changes the levels of the parent and of all its workers, however they were started."""
    write(drop_in, _ERROR.replace("ERROR", "WARNING"))
    (home / "workers.py").write_text(_WORKERS)

    process = subprocess.Popen(
        [sys.executable, "-W", "error", "workers.py", method],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    expected = 3 if method == "fork" else 2
    try:
        until(lambda: sum("ready" in row["message"] for row in rows()) == expected, "all processes are ready")
        write(drop_in, _DEBUG)
        output, _ = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()

    assert 0 == process.returncode, output
    loud = [row for row in rows() if row["message"].startswith("loud")]
    assert expected == len({row["pid"] for row in loud})
    assert expected == len(loud)
