"""GCONF: the settings under the names that the platform's code uses."""

from typing import Any

from ginkgo_logging import settings


class _Gconf:
    """Attributes ``LOGGING_*`` and ``LOKI_*``, named as the environment variables; read-only."""

    def __getattr__(self, name: str) -> Any:
        for option in settings.OPTIONS:
            if option.variable == name:
                value = getattr(settings.active(), option.name)
                return list(value) if isinstance(value, tuple) else value
        raise AttributeError(f"GCONF has no {name!r}; it has {', '.join(self.__dir__())}")

    def __dir__(self) -> list[str]:
        return [option.variable for option in settings.OPTIONS]


GCONF = _Gconf()
