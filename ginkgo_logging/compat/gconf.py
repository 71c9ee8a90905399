"""GCONF: the settings under the names that the platform's code uses."""

from typing import Any, NoReturn

from ginkgo_logging import settings


class _Gconf:
    """Attributes ``LOGGING_*`` and ``LOKI_*``, named as the environment variables; read-only.

    Raises `ConfigError` where a setting is wrong.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        for option in settings.OPTIONS:
            if option.variable == name:
                value = getattr(settings.active(), option.name)
                return list(value) if isinstance(value, tuple) else value
        raise AttributeError(f"GCONF has no {name!r}; it has {', '.join(self.__dir__())}")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"GCONF is read-only; {name} comes from config.yaml and the environment")

    def __dir__(self) -> list[str]:
        return [option.variable for option in settings.OPTIONS]


GCONF = _Gconf()
