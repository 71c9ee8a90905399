"""Log Python's warnings as lines of the logger ``py.warnings``, with the place that each warning speaks of.

`logging.captureWarnings` does so too, but its lines have the place of `warnings.warn` itself as their source, and
repeat the source line and end in a line feed.
"""

import logging
import warnings
from collections.abc import Callable
from typing import TextIO

_logger = logging.getLogger("py.warnings")
_previous: Callable[..., None] | None = None
_is_our_capture = False


def install() -> None:
    """Log warnings from now on; does nothing if they are logged by us already."""
    global _previous, _is_our_capture
    if warnings.showwarning is _log_warning:
        return
    before = warnings.showwarning
    # A later call finds it done, and does not take our place.
    logging.captureWarnings(capture=True)
    _is_our_capture |= warnings.showwarning is not before
    _previous = warnings.showwarning
    warnings.showwarning = _log_warning


def uninstall() -> None:
    """Go back to what was done with warnings before `install`; somebody else's capture goes on."""
    global _previous, _is_our_capture
    if warnings.showwarning is _log_warning and _previous is not None:
        warnings.showwarning = _previous
    if _is_our_capture:
        logging.captureWarnings(capture=False)
    _previous, _is_our_capture = None, False


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Take the place of `warnings.showwarning`; a warning for a *file* of the caller's is written there."""
    if file is not None and _previous is not None:
        _previous(message, category, filename, lineno, file, line)
    elif _logger.isEnabledFor(logging.WARNING):
        text = warnings.formatwarning(message, category, filename, lineno, line="").rstrip("\n")
        make = logging.getLogRecordFactory()
        _logger.handle(make(_logger.name, logging.WARNING, filename, lineno, text, (), None))
