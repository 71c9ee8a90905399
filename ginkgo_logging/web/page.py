"""The page that shows the lines: a few static files, and headers that let it load nothing else."""

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import RedirectResponse

_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
        # What is assigned to innerHTML and its like is an error: hostile lines meet no parser.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",  # the address holds what was asked
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }
)
"""What the page's files are sent with."""


def add_page(router: APIRouter) -> None:
    """Add the page at ``/logs/ui/``; it asks the other routes of the same router."""
    # Read once, and by the import system: the package may lie in a zip archive.
    assets = {
        asset.name: asset.read_bytes()
        for asset in files(__package__).joinpath("assets").iterdir()
        if asset.name.rpartition(".")[2] in _TYPES
    }

    @router.get("/logs/ui", include_in_schema=False)
    async def redirect_to_page() -> Response:
        return RedirectResponse("ui/")  # relative: the router may be mounted anywhere

    @router.get("/logs/ui/", include_in_schema=False)
    async def get_page() -> Response:
        return _asset("index.html", assets["index.html"])

    @router.get("/logs/ui/{name}", include_in_schema=False)
    async def get_asset(name: str) -> Response:
        if name not in assets:
            raise HTTPException(404)
        return _asset(name, assets[name])


def _asset(name: str, content: bytes) -> Response:
    return Response(content, headers=dict(HEADERS), media_type=_TYPES[name.rpartition(".")[2]])
