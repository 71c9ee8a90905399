"""Where a Loki is, and as whom to ask it."""

import base64
import ssl
from dataclasses import dataclass

import httpx

from ginkgo_logging.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Access:
    """Where a Loki is and as whom to ask it; ``repr`` shows no credential."""

    url: str
    tenant: str | None = None
    username: str | None = None
    password: str | None = None
    token: str | None = None
    ca_file: str | None = None
    client_cert: str | None = None

    def __repr__(self) -> str:
        return f"Access({self.shown!r})"

    @property
    def address(self) -> httpx.URL:
        """The URL without user and password."""
        return self._given.copy_with(username=None, password=None, query=None, fragment=None)

    @property
    def _given(self) -> httpx.URL:
        try:
            return httpx.URL(self.url)
        except httpx.InvalidURL:
            # Not from it: its message may show the password.
            raise ConfigError("loki.url: this is not an address such as http://loki:3100") from None

    @property
    def shown(self) -> str:
        """The URL as messages show it."""
        return str(self.address).rstrip("/")

    def headers(self) -> dict[str, str]:
        """Return the headers that say who asks. Raises `ConfigError` for what no header can hold."""
        given = self._given
        username, password = self.username or given.username, self.password or given.password
        headers = {"User-Agent": "ginkgo-logging"}
        if self.token:
            headers["Authorization"] = f"Bearer {_printable('loki.token', self.token)}"
        elif username:
            pair = f"{username}:{password or ''}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        if self.tenant:
            headers["X-Scope-OrgID"] = _printable("loki.tenant", self.tenant)
        return headers

    def secrets(self) -> list[str]:
        """Return what no message may show."""
        credentials = self.headers().get("Authorization", "").partition(" ")[2]
        return [text for text in (self.password, self.token, self._given.password, credentials) if text]

    def tls(self) -> ssl.SSLContext | bool:
        """Return what to trust and to show. Raises `ConfigError` for a file that is not what it should be."""
        if not self.ca_file and not self.client_cert:
            return True
        key, file = "loki.ca_file", self.ca_file
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.client_cert:
                key, file = "loki.client_cert", self.client_cert
                context.load_cert_chain(self.client_cert)
        except (OSError, ValueError) as error:
            raise ConfigError(f"{key}: cannot use {file}: {error}") from error
        return context


def _printable(key: str, text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise ConfigError(f"{key}: (hidden) is not allowed; it must be of printable ASCII characters")
    return text
