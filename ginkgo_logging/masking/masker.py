"""Masker: the one door to masking, configured with plain values."""

import re
from collections.abc import Collection, Mapping

from ginkgo_logging.lazy_pattern import lazy_pattern
from ginkgo_logging.masking.keys import DEFAULT_FIELDS, KeyRule
from ginkgo_logging.masking.text import TextMasker
from ginkgo_logging.masking.values import HARMLESS, Walk

DEFAULT_REPLACEMENT = "***"
"""Stands where a secret was."""

# Identifiers come back again and again; a short text found clean once is not read a second time.
_REMEMBERED = 4096
_LONGEST_REMEMBERED = 64

_REPLACEMENT = lazy_pattern(r"[^\s\"'`\\=:：＝,;&|@/?#%]{1,64}")


class Masker(TextMasker):
    """Mask secrets in text and in nested values; the caller's objects stay as they are.

    *fields* are the names whose values are secret, in place of `DEFAULT_FIELDS`; a name matches by its last
    words (see `is_sensitive`). *allow* lists names that are harmless all the same. *patterns* are regular
    expressions for secrets that no name announces: their group `secret` is replaced, else their first group,
    else the whole match. Their cost is theirs: a pattern that backtracks makes logging slow.
    """

    def __init__(
        self,
        fields: Collection[str] | None = None,
        *,
        allow: Collection[str] = (),
        patterns: Collection[str] = (),
        replacement: str = DEFAULT_REPLACEMENT,
    ) -> None:
        chosen = DEFAULT_FIELDS if fields is None else _names("fields", fields)
        keys = KeyRule(chosen, _names("allow", allow))
        if (
            not isinstance(replacement, str)
            or not _REPLACEMENT.fullmatch(replacement)
            or not replacement.isprintable()
        ):
            raise ValueError(
                "replacement must be 1 to 64 printable characters without blanks, quotes, backslashes "
                f"and separators (= : , ; & | @ / ? # %), got {replacement!r}"
            )
        super().__init__(
            chosen, keys, [_compiled(pattern) for pattern in _listed("patterns", patterns)], replacement
        )
        self._harmless_keys: set[str] = set()
        self._clean_texts: set[str] = set()

    def is_sensitive(self, key: object) -> bool:
        """Return whether the value under *key* is secret.

        A name is, if it ends in one of the fields: whole words, case-blind, over `_ - .`, spaces and camelCase,
        a number at the end aside. With `token` among the fields, `apiToken`, `X-Auth-Token` and `token2` are
        secret; `token_count`, `max_tokens` and `tokenizer` are not. Chinese names match by their end alone. A key
        that fails to print counts as secret.
        """
        return self._keys.is_sensitive(key)

    def value(self, value: object) -> object:
        """Return *value* itself if nothing in it is secret, else a masked copy. Never raises.

        Under a sensitive key everything is replaced whole, except None, the empty text, and what redacts itself
        (`SecretStr` of pydantic), which keeps its printed form. Mappings, lists, tuples (pairs by their first
        item, named tuples by field), sets, deques, dataclasses (by their fields), bytes, exceptions,
        enumerations and arrays of numpy are walked; numbers, dates and paths pass; any other object becomes its
        masked text, for only that was looked at. A cycle, and what lies deeper or further than a walk may go, is
        replaced by a marker; what raises, by the replacement.
        """
        kind = type(value)
        if kind is str:
            return self.text(value)  # type: ignore[arg-type]
        if kind in HARMLESS:
            return value
        return self._walk().masked(value)

    def mapping(self, fields: Mapping[str, object]) -> Mapping[str, object]:
        """Return *fields* itself if neither a key nor a value is secret, else a masked dict. Never raises."""
        return self.examined(fields)[0]

    def examined(self, fields: Mapping[str, object]) -> tuple[Mapping[str, object], bool]:
        """Return what `mapping` does, and whether anything was hidden: an object's text is no secret yet."""
        harmless_keys, clean_texts = self._harmless_keys, self._clean_texts
        try:
            for key, item in fields.items():
                kind = type(item)
                if key not in harmless_keys and not self._is_harmless_key(key):
                    break
                if kind is str:
                    if item not in clean_texts and not self._is_unchanged(item, clean_texts):  # type: ignore[arg-type]
                        break
                elif kind not in HARMLESS:
                    break
            else:
                return fields, False
            walk = self._walk()
            return walk.mapping(fields), walk.hid
        except Exception:  # noqa: BLE001 - fails closed: a mapping may raise anything
            return {"unreadable": self._replacement}, True

    def _walk(self) -> Walk:
        return Walk(self.text, self._keys.is_sensitive, self._replacement)

    def _is_harmless_key(self, key: object) -> bool:
        if type(key) is not str or self._keys.is_sensitive(key):
            return False
        return self._is_unchanged(key, self._harmless_keys)

    def is_clean(self, text: str) -> bool:
        """Return whether `text` leaves *text* as it is; a short one is read once and remembered."""
        return text in self._clean_texts or self._is_unchanged(text, self._clean_texts)

    def _is_unchanged(self, text: str, remembered: set[str]) -> bool:
        if self.text(text) is not text:
            return False
        if len(text) <= _LONGEST_REMEMBERED:
            if len(remembered) >= _REMEMBERED:
                remembered.clear()
            remembered.add(text)
        return True


def _listed(option: str, values: object) -> Collection[str]:
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Collection):
        raise ValueError(f"{option} must be a list of texts, got {values!r}")  # noqa: TRY004 - a wrong setting
    for value in values:
        if not isinstance(value, str) or not value:
            raise ValueError(f"{option} must hold texts that are not empty, got {value!r}")
    return values


def _names(option: str, values: object) -> Collection[str]:
    for name in _listed(option, values):
        if not any(map(str.isalnum, name)):
            raise ValueError(f"{option} must hold names with at least one letter or digit, got {name!r}")
    return tuple(_listed(option, values))


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as exc:
        raise ValueError(f"patterns must hold regular expressions, got {pattern!r}: {exc}") from exc
