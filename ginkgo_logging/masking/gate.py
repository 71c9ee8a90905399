"""Say quickly that a text cannot hold a secret; most texts end here."""

import re
from collections.abc import Callable, Iterable
from urllib.parse import quote

from ginkgo_logging.lazy_pattern import lazy_pattern

_QUOTE = "[\"'`]"
_COPY_NUMBER = lazy_pattern(r"[\W_]*(?<!\d)\d{1,2}\Z")
_SQL = lazy_pattern(r"(?:word|fied\s++by)\s++[en]?['\"]")
_LAST_WORD = lazy_pattern(r"[^\W_]+\Z")


def gate(fields: Iterable[str]) -> Callable[[str], object]:
    """Return a function that is true if a text may hold a secret: a value of one of *fields* or another.

    What it lets through, the text rule reads with care; what it stops, nobody reads again. So it may err in one
    direction only. It goes from separator to separator (the search for one character is the fastest that `re`
    has, whatever the number of fields) and looks at the three letters before it.
    """
    words = {word for name in fields for word in _final_words(name)}
    narrow = _after_name({word for word in words if word.isascii()})
    equals, colon, comma = (lazy_pattern(separator + narrow) for separator in "=:,")
    wide = lazy_pattern("[=:：＝,]" + _after_name(words))

    def may_hold_secret(text: str) -> object:
        lower = text.lower()
        # Any true value will do; bool() would cost a call.
        return (
            ("=" in text and equals.search(lower))
            or (":" in text and (colon.search(lower) or ("@" in text and "//" in text.replace("\\", ""))))
            or ("," in text and comma.search(lower))
            or ("-" in text and "--" in text)
            # A separator, a bracket or a blank in URL encoding.
            or ("%" in text and ("%2" in text or "%3" in text or "%5" in text))
            # SQL: PASSWORD 'x', IDENTIFIED BY 'x'.
            or (("'" in text or '"' in text) and ("word" in lower or "fied" in lower) and _SQL.search(lower))
            or "earer" in lower
            or "asic" in lower
            # A colour between name and separator.
            or "\x1b" in text
            or (not text.isascii() and wide.search(lower))
        )

    return may_hold_secret


def _final_words(name: str) -> Iterable[str]:
    """Yield the last word of *name* in the forms in which a text may hold it."""
    whole = name.rstrip("_- .") or name
    # A number at its end may be of the name, and another follow.
    for bare in {whole, _COPY_NUMBER.sub("", whole) or name}:
        match = _LAST_WORD.search(bare)
        word = match[0] if match else bare
        yield word
        if not word.isascii():
            yield word.encode("ascii", "backslashreplace").decode()
            yield quote(word)


def _after_name(words: Iterable[str]) -> str:
    """Return a pattern for the place after a separator that may follow a name ending in one of *words*."""
    cases = {case.lower() for word in words for case in (word, word.upper())}
    if not cases:
        return "(?!)"
    width = min(3, *map(len, cases))
    endings = {case[-width:] for case in cases}
    ending = "".join(_one_of(place) for place in zip(*endings, strict=True))
    exact = _tree(endings)
    joint = r"[_.\\-]"
    numbered = [rf"{ending}\d", rf"{ending}{joint}\d", rf"{ending}\d\d", rf"{ending}{joint}\d\d"]
    numbered += [rf"{joint}{joint}\d", rf"{joint}{joint}\d\d"]
    quoted = [f"{end}{_QUOTE}" for end in numbered]
    return (
        rf"(?:(?<={ending}.)(?<=(?:{exact}).)"
        rf"|(?<=[^a-z].)(?:(?<={_QUOTE}.)(?:(?<={ending}{_QUOTE}.)(?<=(?:{exact}){_QUOTE}.)"
        rf"|(?<=\d{_QUOTE}.)(?:{_preceded(quoted)})|(?<=[\\_]{_QUOTE}.))"
        # A blank, a subscript, an escape, a last underscore: rare enough to let through.
        rf"|(?<=\d.)(?:{_preceded(numbered)})|(?<=[\s\]\\_].)))"
    )


def _preceded(endings: Iterable[str]) -> str:
    return "|".join(f"(?<={ending}.)" for ending in endings)


def _tree(endings: Iterable[str]) -> str:
    """Return a pattern of *endings* that tries each first letter once."""
    by_first: dict[str, set[str]] = {}
    for ending in endings:
        by_first.setdefault(ending[0], set()).add(ending[1:])
    return "|".join(
        re.escape(first) + (f"(?:{_tree(rests)})" if all(rests) else "")
        for first, rests in sorted(by_first.items())
    )


def _one_of(characters: Iterable[str]) -> str:
    return "[" + "".join(re.escape(character) for character in sorted(set(characters))) + "]"
