"""werkzeug, Flask's development server: its lines without colour codes."""

from collections.abc import Callable

from werkzeug import serving


def join() -> Callable[[], None]:
    """Turn off the colours, which are written even where there is no terminal; return what takes that back."""
    # The only switch there is, and none of another release's.
    before = getattr(serving, "_log_add_style", None)
    if before is None:
        return lambda: None
    serving._log_add_style = False
    return lambda: setattr(serving, "_log_add_style", before)
