"""Runs the sample service of deploy/app as a process of its own, and keeps what it wrote."""

import functools
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVICE = Path(__file__).parent.parent / "deploy" / "app" / "service.py"
REQUESTS = (
    "healthz", "backtests/portfolio-aaa", "backtests/portfolio-bbb", "errors/portfolio-aaa", "nothing",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A run of the service: its answers, and what it wrote until it was told to stop."""

    statuses: list[int]
    returncode: int
    lines: list[str]
    stderr: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The JSON lines."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]


@functools.cache
def run() -> Run:
    """Start the service, ask for each of `REQUESTS` in trace-123, and end it as Docker does."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("LOGGING_", "LOKI_"))
    }
    environ = inherited | {
        "HOME": "/nonexistent",
        "PYTHONPATH": str(SERVICE.parents[2]),
        "LOGGING_MODE": "container",
        "PORT": "0",
        "BACKTEST_INTERVAL": "60",
    }
    with subprocess.Popen(
        [sys.executable, "-W", "error", str(SERVICE)],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout
        first = process.stdout.readline()
        try:
            statuses = [_get(f"http://127.0.0.1:{first.split()[-1]}/{path}") for path in REQUESTS]
        finally:
            process.terminate()
        out, err = process.communicate(timeout=20)
    return Run(statuses, process.returncode, [first.rstrip("\n"), *out.splitlines()], err)


def _get(url: str) -> int:
    request = urllib.request.Request(url, headers={"X-Trace-ID": "trace-123"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as exc:
        exc.close()
        return exc.code
