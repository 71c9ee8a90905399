"""How many examples hypothesis tries.

All of them, unless EXAMPLES_SHARE says which share: .ci/run tries all on one interpreter, fewer on the others.
"""

import os

_SHARE = float(os.environ.get("EXAMPLES_SHARE", "1"))


def examples(number: int) -> int:
    """Return the share of *number* that this run tries, but not fewer than ten."""
    return max(10, int(number * _SHARE))
