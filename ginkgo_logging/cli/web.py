"""``ginkgo-logging web``: the log lines on a page in the browser."""

import argparse
import ipaddress
import socket
import webbrowser
from types import FrameType
from typing import TYPE_CHECKING

from ginkgo_logging.cli import flags
from ginkgo_logging.cli.terminal import complain
from ginkgo_logging.errors import ConfigError
from ginkgo_logging.query import LogService

if TYPE_CHECKING:
    from ginkgo_logging.query import Backend

_BACKLOG = 100
_EPILOG = (
    "Whoever can reach the address can read every line: there is no login. It is bound to this machine unless "
    "--host says otherwise."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = _EPILOG
    parser.add_argument("--host", default="127.0.0.1", help="the address to bind to (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8765, help="default: %(default)s; 0 is any free one")
    parser.add_argument("--open", action="store_true", help="show the page in the browser")
    flags.add_store(parser)
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Serve until interrupted."""
    with flags.store(options) as backend, _listen(options.host, options.port) as listener:
        return _serve(backend, listener, options)


def _serve(backend: "Backend", listener: socket.socket, options: argparse.Namespace) -> int:
    try:
        import uvicorn

        from ginkgo_logging.web.app import LOOPBACK, create_app
        from ginkgo_logging.web.stream import Streams
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error}; the page needs: pip install 'ginkgo-logging[web]'") from error

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            streams.ending = True  # else the server would wait for them
            super().handle_exit(sig, frame)

    streams = Streams(limit=20)
    host, port = listener.getsockname()[:2]
    on_loopback = ipaddress.ip_address(host).is_loopback
    app = create_app(LogService(backend), streams, [*LOOPBACK, _shown(host, host)] if on_loopback else ["*"])
    # No logging configuration: what the server has to say goes to stderr, never into the file that it shows.
    config = uvicorn.Config(
        app, log_config=None, log_level="warning", access_log=False, timeout_graceful_shutdown=5
    )
    address = f"http://{_shown(options.host, host)}:{port}/"
    if not on_loopback:
        complain(f"{host} is not loopback: whoever reaches it reads every line")
    print(f"The log lines are at {address}  (Ctrl+C ends)", flush=True)  # noqa: T201
    if options.open:
        webbrowser.open(address)
    Server(config).run(sockets=[listener])
    return 0


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens already, so that a browser opened now is not refused."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError(f"cannot listen on {host} port {port}: {error.strerror}") from None
    except UnicodeError:
        raise ConfigError(f"cannot listen on {host} port {port}: this is not the name of a host") from None


def _shown(given: str, bound: str) -> str:
    """Return a name for the bound address that a browser can call."""
    if ipaddress.ip_address(bound).is_unspecified:
        return socket.gethostname()
    name = given if given == "localhost" else bound
    return f"[{name}]" if ":" in name else name


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 0 to 65535")
    return int(text)
