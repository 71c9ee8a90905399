"""Mask secrets in running text, in one pass whose cost is linear in the length of the text."""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import unquote

from ginkgo_logging.lazy_pattern import lazy_pattern
from ginkgo_logging.masking.extents import Style, extent
from ginkgo_logging.masking.gate import gate
from ginkgo_logging.masking.keys import LONGEST_NAME, KeyRule

_QUOTE = "[\"'`]"
# A colour may end between name and separator, and begin before the value. Few, so that a run is not read twice.
_GAP = r"[^\S\r\n]*+(?:\x1b\[[\d;]{0,16}+m[^\S\r\n]*+){0,4}+"

# A name begins where no other does, after an escape such as a written `\n`, or after an encoded separator.
_BEGINNING = r"(?:(?<![\w.\-%\\])|(?<!\\)(?=\\++[nrtfvb0])|(?<=%3[ADad])|(?<=%26))"
_CANDIDATE = rf"""
    (?:
        (?P<scheme>(?i:bearer|basic)) [ \t]++ (?P<credential>[A-Za-z0-9._~+/=-]{{8,}}+)
      | (?P<sql>(?:(?i:(?:with|encrypted)\s++password|identified\s++by)|PASSWORD)\s++[eEnN]?+(?=['"])
          |(?i:password)\s++[eEnN]?+(?=['"][^\s,;:+)\]}}'"]))
      | (?P<block>-----BEGIN\ [A-Z\ ]{{0,40}}PRIVATE\ KEY-----)
      | (?P<flag>--[A-Za-z][\w.\-]*+)
        (?: \\*+{_QUOTE}[ \t]*+,\s*+(?=[bBuU]?\\*+{_QUOTE}) | (?:\\*+{_QUOTE})?+[ \t]++(?=[^\s-]|-[^-]) )
      | (?P<name>(?:\\++(?=[nrtfvb0]))?+(?:[\w.\-]++|%(?!3[ADad]|26)|\\++(?=\w)(?![nrtfvb0]))++(?<![.\-]))
        (?P<quote>\\*+{_QUOTE})?+ (?:\[\]|\])?+
        (?: {_GAP}(?P<separator>=>|[:=]=?|[：＝]|%3[ADad]) | (?<={_QUOTE}),\s*+ )
    )
"""
_CANDIDATE_BEHIND = lazy_pattern(_BEGINNING + _CANDIDATE, re.VERBOSE)
_CANDIDATE_HERE = lazy_pattern(_CANDIDATE, re.VERBOSE)
_GAP_BEFORE_VALUE = lazy_pattern(_GAP)
_GAP_IN_LITERAL = lazy_pattern(r"\s*+")

_URL_PASSWORD = lazy_pattern(r"(?:\\*+/){2}[^\s/?#\"<>:@]*+:(?P<password>[^\s/?#\"<>]*)@")
# A `/`, `?` or `#` that should have been encoded; a number before it is a port.
_ODD_URL_PASSWORD = lazy_pattern(
    r"(?:\\*+/){2}[^\s/?#\"<>:@\[]*+:(?!\d{1,5}(?:[/?#\s]|\Z))(?P<password>[^\s\"<>]{1,256})@"
)
# The user of an address is a token if it looks like one.
_URL_TOKEN = lazy_pattern(
    r"(?:\\*+/){2}(?=[A-Za-z_\-]*+[0-9])(?P<password>(?:gh[a-z]_|github_pat_|glpat-|xox[a-z]-|[\w\-]{20})[\w\-]*+)@"
)
_NEXT_LINE = lazy_pattern(
    r"[ \t]*+\r?\n[ \t]++(?!(?:return|raise|pass|continue|break)\b)(?=[^\s:=,\[{(]++[ \t]*+(?:[\r\n]|\Z))"
)
"""What is between a name with its colon and a value that stands alone on the next line."""
_NO_VALUE = lazy_pattern(
    r"(?:\?|%s|%\(\w{1,64}+\)s|\$\d{1,2}+)(?:[ ](?i:and|or|where))?+"
    r"|(?:None|none|null|NULL|[Tt]rue|TRUE|[Ff]alse|FALSE)"
    r"|(?:(?:str|bytes|int|bool|float|object|Any|string|boolean|integer|Optional\[(?:str|bytes|int|Any)\])"
    r"(?:[ ]\|[ ]None)?+(?:[ ]=[ ]None)?+[ ]?)"
)
"""A placeholder, a truth or the name of a type: harmless if it is all there is; beside it may be the secret."""
_SQL_NAME = lazy_pattern(r":(\w{1,64}+)(?:[ ](?i:and|or|where))?+")
_WORKING_DIRECTORY = lazy_pattern(r"^(?:OLD)?PWD=(?:/[\w.\-]++)++/?+$", re.MULTILINE)
_NEIGHBOURS = 1024
_PAIR_OPENING = lazy_pattern(rf"[(\[]\s*[bBuU]?\\*{_QUOTE}\Z")
_PAIR_CLOSING = lazy_pattern(rf"(?:\\*{_QUOTE})?\s*+,?+\s*+(?:[)\]]|\Z)")
_LONG_ITEM = 1024
_QUOTE_AFTER = lazy_pattern(rf"\s*+[bBrRuUfF]{{0,2}}\\*+{_QUOTE}")
_OPEN_QUOTE = lazy_pattern(rf"(\\*)({_QUOTE})\Z")

_QUOTES = ("'", '"', "`")
# In `"password=" + typed` the quote after the separator closes the literal.
_LITERAL_END = lazy_pattern(rf"{_QUOTE}(?:[\s,)]|\Z)")

_HEADERS = ("authorization", "cookie")
_COLOUR = lazy_pattern(r"[\d;]*m")
_ESCAPED_BLANK = lazy_pattern(r"\\+[nrtfvb0]")
_ESCAPED_CHARACTER = lazy_pattern(r"\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")

# (start, end, text to put there); None where nothing is to be hidden.
_Span = tuple[int, int, str]


class TextMasker:
    """Mask what looks like a secret in running text; see `text`."""

    def __init__(
        self, fields: Iterable[str], keys: KeyRule, patterns: Sequence[re.Pattern[str]], replacement: str
    ) -> None:
        self._keys = keys
        self._patterns = patterns
        self._replacement = replacement
        self._may_hold_secret = gate(fields)
        self.may_change: Callable[[str], object] = (lambda _: True) if patterns else self._may_hold_secret
        """False for most texts that `text` leaves as they are, and for no other; quicker than `text`."""

    def text(self, text: str) -> str:
        r"""Return *text* with its secrets replaced; *text* itself when there are none.

        A secret is the value after a sensitive name and `=`, `:` or a relative of theirs, in whatever quotes and
        escapes; the second of a quoted pair such as ``('Cookie', 'a=b')``; the word after a flag
        (``--password x``); the password of a URL; a token after `Bearer`, or `Basic`; a PEM private key.
        Names follow the rule of `is_sensitive`. A name without a separator is prose: ``token expired`` stays;
        only ``password '...'`` is SQL.

        Where an unquoted value ends is a guess that rather hides too much. With nothing between separator and
        value (``password=x y``) it is one word, and of `,;&|)]}` and quotes in it only those count as its end
        after which comes a blank, another pair or the end. With a blank between them (``password: my secret``)
        it is a phrase: to the end of the line, or up to the next ``name:`` or ``name=``. An `Authorization` or
        `Cookie` header is always the rest of its line. Chinese punctuation ends any of them. A bracket is hidden
        whole; what does not close is hidden to the end. `None` and `null` stay.

        Linear in the length of *text*, except for what the user's own patterns cost.
        """
        if self._may_hold_secret(text):
            text = self._read(text)
        if self._patterns:
            for pattern in self._patterns:
                text = self._apply(pattern, text)
        return text

    def _read(self, text: str) -> str:
        pieces: list[str] = []
        done = 0
        found = _CANDIDATE_BEHIND.search(text)
        while found:
            if span := self._span(text, found):
                start, end, substitute = span
                pieces += text[done:start], substitute
                done = end
                # The next name may begin right there, inside what looks like one word.
                found = _CANDIDATE_HERE.match(text, end) or _CANDIDATE_BEHIND.search(text, end)
            else:
                found = _CANDIDATE_BEHIND.search(
                    text, found.end("scheme") if found["scheme"] else found.end()
                )
        masked = "".join(pieces) + text[done:]
        return text if masked == text else masked

    def _span(self, text: str, found: re.Match[str]) -> _Span | None:
        if found["name"]:
            if self._is_secret_name(text, found):
                return self._value(text, found)
            return self._url_password(text, found) if found["separator"] == ":" else None
        if found["flag"]:
            is_secret = self._keys.is_sensitive(found["flag"])
            return self._hidden(text, found.end(), Style.WORD) if is_secret else None
        if found["scheme"]:
            is_token = _is_bearer_token if found["scheme"][1] in "eE" else _is_basic_token
            return (*found.span("credential"), self._replacement) if is_token(found["credential"]) else None
        if found["sql"]:
            is_secret = self._keys.is_sensitive("password")
            return self._hidden(text, found.end(), Style.WORD) if is_secret else None
        end = text.find("-----END", found.end())
        end = len(text) if end < 0 else end
        return (found.end(), end, self._replacement) if end > found.end() else None

    def _is_secret_name(self, text: str, found: re.Match[str]) -> bool:
        keys, name, start = self._keys, found["name"][-LONGEST_NAME:], found.start()
        if keys.is_sensitive(name):
            return True
        before = text[start - 1 : start]
        # Characters of a colour or an escape read like the first letters of the name.
        if before in ("[", ";") and (colour := _COLOUR.match(name)):
            return keys.is_sensitive(name[colour.end() :])
        if "\\" in name or "%" in name:
            plain = _ESCAPED_CHARACTER.sub(lambda code: chr(int(code[1] or code[2], 16)), unquote(name))
            return keys.is_sensitive(plain) or keys.is_sensitive(_ESCAPED_BLANK.sub(" ", plain))
        phrase_start = max(0, start - LONGEST_NAME // 2)
        return before == " " and keys.ends_phrase(text[phrase_start : found.end("name")])

    def _value(self, text: str, found: re.Match[str]) -> _Span | None:
        if not found["separator"]:
            return self._second_of_pair(text, found)
        quote = found["quote"] or ""
        if not quote and (next_line := _NEXT_LINE.match(text, found.end())):
            return self._hidden(text, next_line.end(), Style.WORD) if found["separator"] == ":" else None
        gap = (_GAP_IN_LITERAL if quote else _GAP_BEFORE_VALUE).match(text, found.end())
        value_at = gap.end() if gap else found.end()
        span = self._value_at(text, found, value_at, quote)
        if span and span[0] == value_at and _is_no_value(text, found, value_at, span[1]):
            # As it is, but read.
            return value_at, span[1], text[value_at : span[1]]
        return span

    def _value_at(self, text: str, found: re.Match[str], value_at: int, quote: str) -> _Span | None:
        start = found.start()
        before = text[start - 1 : start]
        if before in ("?", "&", "#"):
            return self._hidden(text, value_at, Style.PARAMETER)
        if found["separator"].startswith("%"):
            return self._hidden(text, value_at, Style.ENCODED)
        if quote:
            return self._hidden(text, value_at, Style.WORD, quote)
        if before in _QUOTES and _LITERAL_END.match(text, value_at) and text[value_at] == before:
            return None
        blank = found["separator"] in "：＝" or any(map(str.isspace, text[found.end() : value_at]))
        is_header = found["name"].lower().endswith(_HEADERS)
        style = Style.HEADER if is_header else Style.PHRASE if blank else Style.WORD
        # In `'Cookie: a=b', ...` the value ends with the quote that opened before the name.
        around = _OPEN_QUOTE.search(text[max(0, start - 8) : start])
        return self._hidden(text, value_at, style, around=around)

    def _second_of_pair(self, text: str, found: re.Match[str]) -> _Span | None:
        if not _PAIR_OPENING.search(text[max(0, found.start() - 12) : found.start()]):
            return None
        span = self._hidden(text, found.end(), Style.WORD, found["quote"])
        if not span or _PAIR_CLOSING.match(text, span[1]):
            return span
        # One this long is hidden, pair or not: what is read and left would be read again from the next pair on.
        return span if span[1] - span[0] > _LONG_ITEM else None

    def _hidden(
        self, text: str, start: int, style: Style, quote: str = "", around: re.Match[str] | None = None
    ) -> _Span | None:
        """Return the value at *start*; *quote* is that of its name, which an unquoted value takes over.

        *around* is the quote inside which name and value stand.
        """
        start, end, is_quoted = extent(text, start, style, self._replacement, around)
        if start == end or text[start:end] in ("None", "null"):
            return None
        substitute = self._replacement
        if not is_quoted:
            # A JSON object stays one when a number is replaced.
            if quote and not _QUOTE_AFTER.match(text, end):
                substitute = quote + substitute + quote
        elif text[end : end + 1] in ("'", '"') and text[end] != text[start - 1]:
            # The last of several strings has quotes of its own.
            substitute += text[start - 1]
            end += 1
        return start, end, substitute

    def _url_password(self, text: str, found: re.Match[str]) -> _Span | None:
        start = found.end()
        if not text.startswith(("//", "\\"), start):
            return None
        match = _URL_PASSWORD.match(text, start)
        if not match and "@" in text[start : start + 300]:
            match = _URL_TOKEN.match(text, start) or _ODD_URL_PASSWORD.match(text, start)
        return (*match.span("password"), self._replacement) if match and match["password"] else None

    def _apply(self, pattern: re.Pattern[str], text: str) -> str:
        group: int | str = "secret" if "secret" in pattern.groupindex else min(pattern.groups, 1)

        def substitute(match: re.Match[str]) -> str:
            # A group that took no part leaves the whole match as the secret.
            start, end = match.span(group) if match[group] is not None else match.span()
            if start == end:
                return match[0]
            return match[0][: start - match.start()] + self._replacement + match[0][end - match.start() :]

        masked = pattern.sub(substitute, text)
        return text if masked == text else masked


def _is_no_value(text: str, found: re.Match[str], start: int, end: int) -> bool:
    """Tell a placeholder, a truth, a type or a working directory from a secret, if it is all that is there."""
    if _NO_VALUE.fullmatch(text, start, end):
        return True
    # `token = :token`; another name behind the colon may be a secret.
    name = _SQL_NAME.fullmatch(text, start, end) if found["separator"] == "=" else None
    if name and start > found.end():
        return name[1] == found["name"]
    return _is_working_directory(text, found.start(), end)


def _is_working_directory(text: str, start: int, end: int) -> bool:
    """Tell a shell's `PWD=/srv/app`, alone on its line, from a database's `UID=sa`, `PWD=/secret`."""
    line = _WORKING_DIRECTORY.match(text, start)
    if not line or line.end() != end:
        return False
    return "uid" not in text[max(0, start - _NEIGHBOURS) : end + _NEIGHBOURS].lower()


def _is_bearer_token(word: str) -> bool:
    """Tell a token from a word of prose such as `authentication`."""
    return any(map(str.isdigit, word)) or (len(word) >= 20 and word.lower() != word)


def _is_basic_token(word: str) -> bool:
    """Tell encoded `user:password` from a word of prose: a colon must come out."""
    try:
        return b":" in b64decode(word[: len(word) // 4 * 4][:256])
    except (Base64Error, ValueError):
        return False
