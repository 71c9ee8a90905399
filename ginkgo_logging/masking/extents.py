"""Find where a value in running text ends; each function reads forward once, so the whole stays linear."""

import re
from enum import Enum

from ginkgo_logging.lazy_pattern import lazy_pattern

# Possessive repetition (`++`, `*+`) throughout: nothing read is read again, whatever the text.
_QUOTE = "[\"'`]"
_NEXT = (
    rf"\\*+{_QUOTE}?[^\W\d][\w.\-\[\]]{{0,63}}+\\*+{_QUOTE}?"
    r"(?:[ \t]++[=:]|=(?![=\s]|\Z)|:(?!//)|[：＝])"
)
"""The name of the next pair."""

_STOPS = r"，。；、！？）】」』》”’\x1b"
"""Chinese punctuation and the end of a colour end any unquoted value."""

# A password may hold any of these: they end it only if what comes after them shows it.
_DELIMITERS = ",;|&)\\]}>\"'`"
_SOME = rf"[{_DELIMITERS}\\][{_DELIMITERS}\\.:(\[{{]{{0,7}}+"
_NEXT_PAIR = rf"[)\]}}>\"'`\\]{{0,7}}+[,;|&][{_DELIMITERS}\\.:(\[{{]{{0,7}}+[^\S\r\n]*+{_NEXT}"
# A parser's place, which ends the line: anything else may be a secret with a comma in it.
_PLACE = r"(?:,[ ](?:line|col|column|position)[ ]\d{1,9}+){1,2}+[)\]}\"'.]{0,3}+(?:[\r\n]|\Z)"
_NEXT_ITEM = rf"{_QUOTE},[^\S\r\n]*+\\*+{_QUOTE}|\\++[rn]{_NEXT}|{_PLACE}"


def _word(stops: str = "") -> str:
    return (
        rf"[^\s{_DELIMITERS}\\{_STOPS}{stops}]++|\\++[ ]"
        rf"|(?!{_SOME}(?:\s|\Z)|{_NEXT_PAIR}|{_NEXT_ITEM})(?:\\++|(?![\s{stops}])[{_DELIMITERS}])"
    )


_SCHEME = r"(?i:(?:bearer|basic|digest)[ \t]++(?=[^\s,;&|]))?+"


class Style(Enum):
    """How an unquoted value ends."""

    WORD = lazy_pattern(rf"{_SCHEME}(?:{_word()})*+")
    """At a blank, or at delimiters that a blank, another pair or the end follows; `Bearer x` is one word."""
    PARAMETER = lazy_pattern(rf"{_SCHEME}(?:{_word('#&')})*+")
    """In a URL: at `&` and `#` too."""
    ENCODED = lazy_pattern(rf"{_SCHEME}(?:{_word('#&%')}|%(?!26))*+")
    """In a URL within a URL: at an encoded `&` too."""
    PHRASE = lazy_pattern(
        rf"(?:[^\s{_DELIMITERS}\\({_STOPS}]++"
        rf"|[^\S\r\n]++(?!{_NEXT}|[\r\n]|\Z)"
        r"|\([^()\r\n]*+\)|\("
        rf"|(?!{_SOME}[^\S\r\n]*+(?:[\r\n]|\Z)|{_NEXT_PAIR}|[)\]}}>][{_DELIMITERS}.:]{{0,7}}+\s|{_NEXT_ITEM})"
        rf"(?:\\++|[{_DELIMITERS}]))*+"
    )
    """At the end of the line, at a bracket that closes, or where the name of the next pair begins."""
    HEADER = lazy_pattern(
        rf"(?:[^\r\n\"'`\\\x1b]++|\\*+{_QUOTE}(?!\s*+(?:[}}\])]|,\s*+\\*+[\"'`{{\[(]|\Z)|[\r\n])"
        rf"|\\++(?![rn]|{_QUOTE}))*+"
    )
    """At the end of the line."""


_OPENING = lazy_pattern(rf"[bBrRuUfF]{{0,2}}(\\*+)({_QUOTE})")
_CLOSING = {quote: lazy_pattern(rf"(?<!\\)(\\*+){quote}(?![\w{quote}])") for quote in "\"'`"}
# After a quote with backslashes before it, which may be those of an outer string.
_AFTER_ESCAPES = lazy_pattern(r"[^\S\r\n]*+(?:,[\s\"'\d\[{]|[)\]}](?:[\s,)\]}\"'\\]|\Z)|[\r\n]|\Z)")
# `pprint` breaks a long string into several, one a line.
_CONTINUATION = lazy_pattern(r"[^\S\r\n]*+\r?\n\s*+[bBuU]?(['\"])")
_SHELL_QUOTE = "'\"'\"'"
"""How a shell writes a quote inside quotes."""
_BRACKETED = lazy_pattern(r"(?:[A-Za-z_][\w.]*+)?[\[({]")
_BRACKET = lazy_pattern(rf"[\[({{]|[\])}}]|(?<!\\)(\\*+)({_QUOTE})")
_ANGLED = lazy_pattern(r"<[^<>\r\n]*+>")
_PEM = lazy_pattern(r"-----BEGIN [^\r\n-]{0,64}+-----")
_BLANKS = lazy_pattern(r"\s*+")
_LOOKAHEAD = 256
"""More than the patterns read ahead, blanks aside."""
_PEM_END = lazy_pattern(r"-----END [^\r\n-]{0,64}+-----")


def extent(
    text: str, start: int, style: Style, masked: str, around: re.Match[str] | None = None
) -> tuple[int, int, bool]:
    """Return start and end of the value at *start*, quotes excluded, and whether it has quotes.

    A value that begins with *masked* was masked before, and only what follows may be left to mask. An unquoted
    one ends at the latest where the quote that *around* opened closes.
    """
    if opening := _OPENING.match(text, start):
        start = opening.end()
        return start, quoted_end(text, _past(masked, text, start), opening), True
    if around:
        return start, _end_within(text, start, style, masked, around), False
    return start, _unquoted_end(text, start, style, masked, len(text)), False


def _end_within(text: str, start: int, style: Style, masked: str, around: re.Match[str]) -> int:
    """Return the end of an unquoted value in quotes that *around* opened: its own, or theirs if that comes first.

    Either may be far away where the other is near, again and again: so both are looked for in a part of the text,
    which grows until it holds the nearer one.
    """
    length = 2 * _LOOKAHEAD
    while True:
        # Behind blanks come characters: at the end of the part they would look like those at the end of a line.
        blanks = _BLANKS.match(text, start + length)
        limit = min(len(text), blanks.end() + 3 if blanks else start + length)
        end = min(_unquoted_end(text, start, style, masked, limit), quoted_end(text, start, around, limit))
        if limit == len(text) or end < limit - _LOOKAHEAD:
            return end
        length *= 4


def _unquoted_end(text: str, start: int, style: Style, masked: str, limit: int) -> int:
    end = _past(masked, text, start)
    if end == start:
        end = _enclosed_end(text, start, limit)
    # The regular expressions match the empty text too.
    match = style.value.match(text, end, limit)
    return match.end() if match else end


def quoted_end(text: str, start: int, opening: re.Match[str], limit: int | None = None) -> int:
    """Return the end of the text from *start* whose quote *opening* holds: backslashes in group 1, quote in 2.

    A quote inside a word, or doubled, does not close: `'it's'` is one value. Without a closing quote the value
    goes on to *limit*, or to the end of the text.
    """
    escapes, quote = len(opening[1]), opening[2]
    limit = len(text) if limit is None else limit
    while closing := _CLOSING[quote].search(text, start, limit):
        start, backslashes = closing.end(), len(closing[1])
        if text.startswith(_SHELL_QUOTE, start - 1):
            start += len(_SHELL_QUOTE) - 1
            continue
        if backslashes < escapes:
            return closing.start()
        # Each level of escaping doubles what is there and adds one.
        if backslashes % (2 * escapes + 2) != escapes:
            continue
        if backslashes > escapes and not _AFTER_ESCAPES.match(text, start, limit):
            continue
        continuation = _CONTINUATION.match(text, start, limit)
        if not continuation:
            return start - 1 - escapes
        start, quote = continuation.end(), continuation[1]
    return limit


def _past(masked: str, text: str, start: int) -> int:
    return start + len(masked) if text.startswith(masked, start) else start


def _enclosed_end(text: str, start: int, limit: int) -> int:
    """Return the end of the bracket, call, `<...>` or PEM block that begins at *start*; *start* if none does."""
    if bracketed := _BRACKETED.match(text, start, limit):
        return _bracket_end(text, bracketed.end() - 1, limit)
    if angled := _ANGLED.match(text, start, limit):
        return angled.end()
    if block := _PEM.match(text, start, limit):
        last = _PEM_END.search(text, block.end(), limit)
        return last.end() if last else limit
    return start


def _bracket_end(text: str, start: int, limit: int) -> int:
    depth, position = 0, start
    while match := _BRACKET.search(text, position, limit):
        position = match.end()
        if match[2]:
            position = quoted_end(text, position, match, limit) + len(match[0])
        elif match[0] in "[({":
            depth += 1
        else:
            depth -= 1
            if depth == 0:
                return position
    return limit
