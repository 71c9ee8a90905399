"""requests: each request carries the trace of the code that sends it."""

from typing import Any

import requests
from requests.adapters import BaseAdapter, HTTPAdapter

from ginkgo_logging import propagation


class TraceAdapter(BaseAdapter):
    """Put the trace's headers on each request and hand it to *adapter*, by default requests' own.

    Headers that the caller has set stay. ``session.mount("https://internal.", TraceAdapter())`` restricts the
    headers to some addresses; `instrument` is for all.
    """

    def __init__(self, adapter: BaseAdapter | None = None) -> None:
        super().__init__()
        self.adapter = HTTPAdapter() if adapter is None else adapter

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Send a copy of *request* with the headers; its caller may send it again in another trace."""
        traced = request.copy()
        for name, value in propagation.inject().items():
            traced.headers.setdefault(name, value)
        return self.adapter.send(traced, *args, **options)

    def close(self) -> None:
        """Close the adapter within."""
        self.adapter.close()


def instrument(session: requests.Session) -> requests.Session:
    """Let every request of *session* carry the trace bound when it is sent, redirects too; return *session*.

    The adapters mounted by now (with their retries and pools) go on doing the work; mount others before, or
    as `TraceAdapter`. Doing so again changes nothing.
    """
    for prefix, adapter in list(session.adapters.items()):
        if not isinstance(adapter, TraceAdapter):
            session.mount(prefix, TraceAdapter(adapter))
    return session
