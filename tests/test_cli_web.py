"""``ginkgo-logging web``: what it serves, to whom, and how it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import webbrowser
from pathlib import Path

import httpx
import pytest
from web_server import line, write

from ginkgo_logging.cli import main


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    write(tmp_path / "app.log", line(1, "hello"))
    return tmp_path / "app.log"


class Visitor(webbrowser.BaseBrowser):
    """The browser that --open shows the page in: looks at it, opens a stream, and interrupts the command."""

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        self.url, self.answers = url, []
        self.thread = threading.Thread(target=self._visit)
        self.thread.start()
        return True

    def _visit(self) -> None:
        try:
            for path in ["", "logs"]:
                self.answers.append(httpx.get(f"{self.url}{path}", follow_redirects=True, trust_env=False))
            with httpx.stream("GET", f"{self.url}logs/stream", trust_env=False) as answer:
                os.kill(os.getpid(), signal.SIGINT)
                self.rest = answer.read()
        except BaseException:
            os.kill(os.getpid(), signal.SIGINT)
            raise


@pytest.fixture
def visitor(monkeypatch: pytest.MonkeyPatch) -> Visitor:
    visitor = Visitor()
    monkeypatch.setattr(webbrowser, "_browsers", {"visitor": [None, visitor]})
    monkeypatch.setattr(webbrowser, "_tryorder", ["visitor"])
    return visitor


def test_serves_until_interrupted(
    visitor: Visitor, log_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The page and the lines are at the address that it prints; Ctrl+C ends it, and open streams with it.
    """
    before = log_file.read_bytes()
    code = main(["web", "--port", "0", "--file", str(log_file), "--open"])
    visitor.thread.join()

    assert 128 + signal.SIGINT == code
    assert [200, 200] == [answer.status_code for answer in visitor.answers]
    assert ["hello"] == [row["message"] for row in visitor.answers[1].json()["rows"]]
    assert b"retry: 1000\n\n" == visitor.rest
    assert f"The log lines are at {visitor.url}  (Ctrl+C ends)\n" == capsys.readouterr().out
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", visitor.url)
    assert before == log_file.read_bytes()


def test_warns_when_not_on_loopback(
    visitor: Visitor, log_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Bound to every address it warns, names the machine, and answers to that name.
    """
    main(["web", "--host", "0.0.0.0", "--port", "0", "--file", str(log_file), "--open"])
    visitor.thread.join()

    assert "0.0.0.0 is not loopback: whoever reaches it reads every line" in capsys.readouterr().err
    assert visitor.url.startswith(f"http://{socket.gethostname()}:")


def test_answers_to_the_loopback_address_that_it_prints(visitor: Visitor, log_file: Path) -> None:
    """
    There are more addresses of this machine than 127.0.0.1.
    """
    main(["web", "--host", "127.0.0.2", "--port", "0", "--file", str(log_file), "--open"])
    visitor.thread.join()

    assert [200, 200] == [answer.status_code for answer in visitor.answers]


def test_a_host_that_cannot_be(log_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A name that no host can have is a wrong command line.
    """
    code = main(["web", "--host", "a..b", "--file", str(log_file)])

    assert (2, True) == (code, "cannot listen on a..b" in capsys.readouterr().err)


def test_address_in_use(log_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    An address that another program has is said in one line.
    """
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code = main(["web", "--port", str(port), "--file", str(log_file)])

    assert 2 == code
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["http", "-1", "65536", "٣"])
def test_no_port(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    """
    What is no port is refused.
    """
    with pytest.raises(SystemExit, match="2"):
        main(["web", f"--port={port}"])

    assert "is not a port, 0 to 65535" in capsys.readouterr().err


def test_without_the_extra(
    log_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Without FastAPI and uvicorn it says what to install.
    """
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    code = main(["web", "--port", "0", "--file", str(log_file)])

    assert 2 == code
    assert "pip install 'ginkgo-logging[web]'" in capsys.readouterr().err


def test_writes_nothing_into_what_it_shows(home: Path) -> None:
    """
    Even where the settings' own log file is shown, the command adds no line to it, whatever it is asked.
    """
    (home / ".ginkgo" / "logs").mkdir(parents=True, mode=0o700)
    shown = home / ".ginkgo" / "logs" / "ginkgo.log"
    write(shown, line(1, "hello"))
    before = shown.read_bytes()
    command = [sys.executable, "-m", "ginkgo_logging", "web", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        address = re.search(r"http://\S+/", process.stdout.readline())[0]
        counted = httpx.get(f"{address}logs/count", trust_env=False).json()["count"]
        httpx.get(f"{address}logs?level=loud", trust_env=False)
        process.send_signal(signal.SIGINT)

    assert (1, 128 + signal.SIGINT) == (counted, process.returncode)
    assert before == shown.read_bytes()
