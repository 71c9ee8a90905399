"""httpx: each request carries the trace of the code that sends it."""

from typing import TypeVar

import httpx

from ginkgo_logging import propagation

_EXTENSION = "ginkgo_logging.injected"

_Client = TypeVar("_Client", httpx.Client, httpx.AsyncClient)


def instrument(client: _Client) -> _Client:
    """Let every request of *client* carry the trace bound when it is sent, redirects too; return *client*.

    Headers that the caller has set stay. The same as ``event_hooks={"request": [inject]}``, or
    `inject_async` for an `httpx.AsyncClient`. Doing so again changes nothing.
    """
    hook = inject_async if isinstance(client, httpx.AsyncClient) else inject
    hooks = client.event_hooks["request"]
    if hook not in hooks:
        hooks.append(hook)
    return client


def inject(request: httpx.Request) -> None:
    """Put the trace's headers on *request*: an event hook of `httpx.Client`."""
    # Of ours, those of an earlier trace go: the same request may be sent again.
    for name in request.extensions.pop(_EXTENSION, ()):
        request.headers.pop(name, None)
    ours = {name: value for name, value in propagation.inject().items() if name not in request.headers}
    request.headers.update(ours)
    request.extensions[_EXTENSION] = tuple(ours)


async def inject_async(request: httpx.Request) -> None:
    """Do what `inject` does: an event hook of `httpx.AsyncClient`."""
    inject(request)
