"""werkzeug, Flask's development server: its lines without colour codes."""

from collections.abc import Callable

from werkzeug import serving


def join() -> Callable[[], None]:
    """Turn the colours off, which are there even where nobody looks at them; return what takes that back."""
    # The only switch there is, and none of another release's.
    before = getattr(serving, "_log_add_style", None)
    if before is None:
        return lambda: None
    serving._log_add_style = False
    return lambda: setattr(serving, "_log_add_style", before)
