"""Serve an application on loopback for a test, by a real uvicorn."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI

from ginkgo_logging.web.stream import Streams


@contextmanager
def served(app: FastAPI, streams: Streams | None = None) -> Iterator[str]:
    """Serve *app* while the block runs; gives its address. *streams* are ended with it."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, access_log=False, log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        if streams is not None:
            streams.ending = True
        server.should_exit = True
        thread.join()
        listener.close()


def line(second: float, message: str = "settled", **fields: Any) -> dict[str, Any]:
    """A line of the last hour before 2026-02-26T11:00Z."""
    minutes, rest = divmod(second, 60)
    row = {
        "timestamp": f"2026-02-26T10:{int(minutes):02}:{rest:09.6f}Z",
        "level": "info",
        "logger_name": "app.orders",
        "message": message,
        "log_category": "system",
    }
    return {**row, **fields}


def write(path: Path, *rows: dict[str, Any]) -> None:
    """Add *rows* to a log file."""
    with path.open("ab") as file:
        file.write(b"".join(orjson.dumps(row) + b"\n" for row in rows))
