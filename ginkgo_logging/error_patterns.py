"""Tell what errors have in common whose texts differ in numbers, ids and quoted parts only."""

import re

from ginkgo_logging.lazy_pattern import lazy_pattern

_LOOKED_AT = 500
_PATTERN_LENGTH = 200

# Numbers and hexadecimal share one placeholder: a random identifier may happen to have digits only.
_VARIABLE = lazy_pattern(
    r"""
    (?P<uuid> (?<![0-9A-Za-z])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![0-9A-Za-z]) )
    | (?P<time>
        (?<!\d)\d{4}[-/]\d{2}[-/]\d{2}
        (?: [T ]\d{2}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?:[ ]?[+-]\d{2}:?\d{2}|Z)? )?
        | (?<![\d:])\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?![\d:])
      )
    | (?P<ip>
        (?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\w)
        | (?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4})(?![\w:])
      )
    # An apostrophe inside a word opens nothing; what no quote closes ends with its line.
    | (?P<str>
        (?<!\w)[bBrRuU]?'(?:[^'\\\n]|\\.?)*+(?:'(?!\w)|$) | "(?:[^"\\\n]|\\.?)*+(?:"|$)
        | `[^`\n]*+(?:`|$) | “[^”\n]*+(?:”|$) | ‘[^’\n]*+(?:’|$) | 「[^」\n]*+(?:」|$)
      )
    | (?P<n>
        0[xX][0-9a-fA-F]+
        | (?<![0-9A-Za-z])(?=\d*[a-fA-F])(?=[a-fA-F]*\d)[0-9a-fA-F]{7,}(?![0-9A-Za-z])
        | (?:(?<!\w)[+-])?\d+(?:[.,_]\d+)*(?:[eE][+-]?\d+\b)?
      )
    """,
    # ASCII: a Chinese character beside a value is no part of it.
    re.VERBOSE | re.ASCII | re.MULTILINE,
)


def pattern_of(text: str) -> str:
    """Return what stays the same in a ready-made text: its variable parts become placeholders.

    ``<n>`` is a number or hexadecimal, ``<uuid>``, ``<time>`` a date or time of day, ``<ip>``, and ``<str>``
    anything in quotes. Names and paths stay, but for the numbers in them: errors of two endpoints
    are two patterns. Only the first 500 characters are looked at, and at most 200 are returned, so
    that long values cut off at different places do not make different patterns.
    """
    return _VARIABLE.sub(lambda match: f"<{match.lastgroup}>", text[:_LOOKED_AT])[:_PATTERN_LENGTH]
