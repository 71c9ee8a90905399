"""Regular expressions that are compiled when they are first used.

Together they take longer to compile than everything else at import, and most programs need few of them.
"""

import re
from typing import Any


def lazy_pattern(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Return what serves as ``re.compile(pattern, flags)``. A fault in *pattern* shows at its first use."""
    lazy: Any = _LazyPattern(pattern, flags)
    return lazy  # type: ignore[no-any-return]


class _LazyPattern:
    def __init__(self, pattern: str, flags: int) -> None:
        self._source = pattern, flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # an Enum, or copy, asks whether there is such a method
            raise AttributeError(name)
        # Kept under its name: the next look-up finds it without coming here.
        value = self.__dict__[name] = getattr(re.compile(*self._source), name)
        return value
