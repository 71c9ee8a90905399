"""Decide by its name alone whether a value is secret."""

from collections.abc import Collection

from ginkgo_logging.lazy_pattern import lazy_pattern

DEFAULT_FIELDS: tuple[str, ...] = (
    "password",
    "passwords",
    "pgpassword",
    "dbpassword",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "db_pass",
    "dbpass",
    "secret",
    "secrets",
    "token",
    "jwt",
    "otp",
    "api_key",
    "api_keys",
    "apikey",
    "access_key",
    "secret_key",
    "private_key",
    "ssh_key",
    "account_key",
    "signing_key",
    "encryption_key",
    "credential",
    "credentials",
    "authorization",
    "cookie",
    "密码",
    "口令",
    "密钥",
)
"""Names of credentials that mean nothing else; `session_id`, `auth`, `key` and `pass` are too often innocent."""

# Users' data chooses the names: neither their number nor their length may cost memory.
_REMEMBERED = 4096
LONGEST_NAME = 128

_CAMEL_WORD = lazy_pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_PLAIN_WORD = lazy_pattern(r"[^\W_]+")
_COPY_NUMBER = lazy_pattern(r"_?(?<!\d)\d{1,2}\Z")


def _spellings(name: str) -> tuple[str, str]:
    """Return `dbPassword` as `_db_password` and as `_dbpassword`; the second serves names such as `passWord`."""
    camel, plain = (word.findall(name) for word in (_CAMEL_WORD, _PLAIN_WORD))
    return "_" + "_".join(camel).lower(), "_" + "_".join(plain).lower()


def _ending(spelling: str) -> str:
    # Chinese writes 用户密码 without a boundary before 密码.
    return spelling if spelling[1:2].isascii() else spelling[1:]


class KeyRule:
    """Match names by their last words, case-blind, over `_ - .`, spaces and camelCase.

    `db_password`, `apiToken` and `X-Auth-Token` end in a secret word; `token_count`, `tokenizer` and `secretary`
    do not. A number of one or two digits at the end is ignored: `password2` is a password. An allowed name frees
    exactly that name, after the last dot: allowing `page_token` frees `reply.pageToken`, not `next_page_token`.
    """

    def __init__(self, fields: Collection[str], allow: Collection[str]) -> None:
        spellings = {spelling for name in fields for spelling in _spellings(name)}
        self._endings = tuple(sorted(_ending(spelling) for spelling in spellings))
        self._allowed = frozenset(spelling for name in allow for spelling in _spellings(name))
        self._phrases = tuple(
            spelling[1:].replace("_", " ") for spelling in spellings - self._allowed if "_" in spelling[1:]
        )
        self._verdicts: dict[str, bool] = {}

    def is_sensitive(self, key: object) -> bool:
        """Return whether the value under *key* must be hidden; a key that cannot be read counts as secret."""
        if type(key) is not str:
            return self._is_sensitive_object(key)
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = self._judge(key[-LONGEST_NAME:])
            if len(key) <= LONGEST_NAME:
                if len(self._verdicts) >= _REMEMBERED:
                    self._verdicts.clear()
                self._verdicts[key] = verdict
        return verdict

    def ends_phrase(self, phrase: str) -> bool:
        """Return whether running text, such as `wrong API key`, ends in a secret name of several words."""
        return phrase.lower().endswith(self._phrases)

    def _is_sensitive_object(self, key: object) -> bool:
        if key is None or isinstance(key, (int, float)):
            return False
        try:
            if isinstance(key, str):
                return self.is_sensitive(str.__str__(key))
            if isinstance(key, (bytes, bytearray)):
                return self.is_sensitive(key.decode("utf-8", "replace"))
            return self.is_sensitive(str.__str__(str(key)))
        except Exception:  # noqa: BLE001 - any object may be a key
            return True

    def _judge(self, name: str) -> bool:
        spellings = _spellings(name)
        if not any(
            spelling.endswith(self._endings) or _COPY_NUMBER.sub("", spelling).endswith(self._endings)
            for spelling in spellings
        ):
            return False
        return not (self._allowed and self._allowed.intersection(_spellings(name.rpartition(".")[2])))
