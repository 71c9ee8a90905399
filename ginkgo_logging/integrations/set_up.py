"""What a server is given that wants a dictConfig mapping: one that does what `ginkgo_logging.setup` does."""

from typing import Any, Final

FORMATTER: Final[dict[str, Any]] = {"()": "ginkgo_logging.config.setup_again"}
"""Sets logging up when dictConfig makes this formatter, which is before all else; nothing uses it afterwards."""

MAPPING: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"ginkgo_logging": FORMATTER},
}
"""The whole of it; ``ginkgo_logging/setup.yaml`` says the same."""
