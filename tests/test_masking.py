"""Nothing secret survives masking, nothing harmless is lost by it, and no input makes it slow or fail."""

import copy
import json
import pprint
import shlex
import uuid
from collections import OrderedDict, deque, namedtuple
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from fractions import Fraction
from time import process_time
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from examples import examples
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ginkgo_logging.masking import DEFAULT_FIELDS, DEFAULT_REPLACEMENT, Masker

MASKER = Masker()
QUICKSTART = Masker(["password", "secret", "token"])
SECRET = "hunter2-7Qx"
quickly = settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))

Login = namedtuple("Login", "user token")  # noqa: PYI024 - as users write it


@dataclass
class User:
    name: str
    password: object


@dataclass
class Box:
    content: object


class SecretStr:
    """
    Redacts itself, as pydantic's does.
    """

    def get_secret_value(self) -> str:
        return SECRET

    def __str__(self) -> str:
        return "**********"


class TestKeys:
    @pytest.mark.parametrize(
        "key",
        [
            "password", "PASSWORD", "db_password", "apiToken", "X-Auth-Token", "user.password", "DBPassword",
            "passWord", "accessTOKEN", "auth token", "password2", "DB_PASSWORD_02", "user[password]", b"token",
            "--token", "_token_", "oAuthToken",
        ],
    )  # fmt: skip
    def test_end_of_name_decides(self, key: object) -> None:
        """
        A name is secret if its last word is, whatever joins its words.
        """
        assert QUICKSTART.is_sensitive(key)

    @pytest.mark.parametrize(
        "key",
        [
            "tokenizer", "token_count", "max_tokens", "secretary", "passwordless", "dbpassword", "tokens",
            "password_hash", "", "_", 7, 1.5, None, True, ("a", 1), "token_600519",
        ],
    )  # fmt: skip
    def test_part_of_a_word_does_not(self, key: object) -> None:
        """
        A secret word elsewhere in a name leaves its value alone.
        """
        assert not QUICKSTART.is_sensitive(key)

    @pytest.mark.parametrize("key", ["api_key", "apiKey", "API-KEY", "my_api_key", "x-api-key", "api key"])
    def test_several_words(self, key: str) -> None:
        """
        A name of several words matches in any spelling of them.
        """
        assert Masker(["api_key"]).is_sensitive(key)

    @pytest.mark.parametrize("key", ["key", "apikey", "api_key_id", "happy_key"])
    def test_several_words_all_count(self, key: str) -> None:
        """
        A name of several words needs them all.
        """
        assert not Masker(["api_key"]).is_sensitive(key)

    @pytest.mark.parametrize(
        ("name", "key"),
        [
            ("密码", "密码"), ("密码", "用户密码"), ("密码", "db密码"), ("contraseña", "mi_CONTRASEÑA"),
            ("пароль", "Пароль"), ("密码", "密码2"),
        ],
    )  # fmt: skip
    def test_other_scripts(self, name: str, key: str) -> None:
        """
        Names need not be ASCII, and Chinese ones have no boundary before them.
        """
        assert Masker([name]).is_sensitive(key)

    def test_other_scripts_also_match_by_their_end(self) -> None:
        """
        A Chinese name that goes on after the secret word is another name.
        """
        assert not Masker(["密码"]).is_sensitive("密码长度")

    def test_allowed_name_is_free(self) -> None:
        """
        An allowed name is harmless in every spelling, also at the end of a path.
        """
        masker = Masker(allow=["page_token"])

        assert not any(
            map(masker.is_sensitive, ["page_token", "pageToken", "PAGE-TOKEN", "reply.page_token"])
        )

    def test_allowed_name_frees_no_other(self) -> None:
        """
        A longer name that ends in an allowed one stays secret.
        """
        assert Masker(allow=["page_token"]).is_sensitive("my_page_token")

    @pytest.mark.parametrize("name", DEFAULT_FIELDS)
    def test_defaults(self, name: str) -> None:
        """
        Each default field is secret by itself and at the end of a longer name.
        """
        assert [True, True] == [MASKER.is_sensitive(name), MASKER.is_sensitive(f"my_{name}")]

    @pytest.mark.parametrize(
        "key",
        [
            "session_window",
            "session_id",
            "author",
            "auth",
            "key",
            "primary_key",
            "compass",
            "pin",
            "max_tokens",
        ],
    )
    def test_defaults_spare_business(self, key: str) -> None:
        """
        The default fields hide nothing that logs are searched for.
        """
        assert not MASKER.is_sensitive(key)

    def test_unreadable_key_counts_as_secret(self) -> None:
        """
        A key that raises when it is read hides its value.
        """

        class Broken:
            def __str__(self) -> str:
                raise RuntimeError

        assert QUICKSTART.is_sensitive(Broken())

    def test_overridden_text_does_not_deceive(self) -> None:
        """
        A key is judged by what it holds, not by the text that its class invents.
        """

        class Innocent(str):
            __slots__ = ()

            def __str__(self) -> str:
                return "harmless"

        assert QUICKSTART.is_sensitive(Innocent("password"))

    def test_long_key(self) -> None:
        """
        The end of a very long name decides as well.
        """
        assert QUICKSTART.is_sensitive("x_" * 1_000 + "token")

    def test_verdicts_stay_bounded(self) -> None:
        """
        Any number of different keys is judged without being kept.
        """
        masker = Masker()
        for number in range(10_000):
            masker.mapping({f"key{number}": f"value{number}"})

        assert 5_000 > max(map(len, [masker._keys._verdicts, masker._harmless_keys, masker._clean_texts]))


MASKED = [
    # pairs
    ("password=hunter2", "password=***"),
    ("password = hunter2", "password = ***"),
    ("password: hunter2", "password: ***"),
    ("PASSWORD:hunter2", "PASSWORD:***"),
    ("db_password=x apiToken=y X-Auth-Token: z", "db_password=*** apiToken=*** X-Auth-Token: ***"),
    ("password2=x DB_PASSWORD_02=y", "password2=*** DB_PASSWORD_02=***"),
    ('data["password"] = "x"', 'data["password"] = "***"'),
    ("user[password]=x", "user[password]=***"),
    ("password := x", "password := ***"),
    ('"password" => "x",', '"password" => "***",'),
    ("SET `password`='x' WHERE id=1", "SET `password`='***' WHERE id=1"),
    (r"C:\password=x", r"C:\password=***"),
    # quotes
    ("password: 'with spaces inside' x", "password: '***' x"),
    (r'password="a \"quoted\" b" x=1', 'password="***" x=1'),
    ("password='a\nb' c", "password='***' c"),
    ("password='it's' c", "password='***' c"),
    ("password='unterminated and more", "password='***"),
    ('password="""x y""" z', 'password="***" z'),
    # JSON and repr
    ('{"password": "x", "user": "bob"}', '{"password": "***", "user": "bob"}'),
    ('{"password": 123, "user": "bob"}', '{"password": "***", "user": "bob"}'),
    ('{"password":["a","b"],"user":"bob"}', '{"password":"***","user":"bob"}'),
    ('{"password": {"a": {"b": "]"}}, "user": 1}', '{"password": "***", "user": 1}'),
    ('{"password": {"a": {"b": "]"}', '{"password": "***"'),
    ('{"password": "x", "token": null}', '{"password": "***", "token": null}'),
    ("{'password': 'x', 'a': 1}", "{'password': '***', 'a': 1}"),
    ("{b'password': b'x'}", "{b'password': b'***'}"),
    (r"{\"password\": \"x\", \"a\": 1}", r"{\"password\": \"***\", \"a\": 1}"),
    (r"{\"password\": 5, \"a\": 1}", r"{\"password\": \"***\", \"a\": 1}"),
    (json.dumps({"密码": "x", "a": 1}), json.dumps({"密码": "***", "a": 1})),
    ("User(name='a', password='x', age=3)", "User(name='a', password='***', age=3)"),
    ("credentials=Login(user=User('a'), key='x'), b=2", "credentials=***, b=2"),
    ("token=<Token x y> b", "token=*** b"),
    # a string within a string that is cut off
    (r'{"m": "{\"password\": \"x", "b": 1}', r'{"m": "{\"password\": \"***", "b": 1}'),
    (r'{"password": "C:\\", "b": 1}', '{"password": "***", "b": 1}'),
    # headers
    ("('Authorization', 'Bearer x')", "('Authorization', '***')"),
    ("[b'authorization', b'Bearer x']", "[b'authorization', b'***']"),
    ("[('a', 'b'), (\"password\", 5)]", "[('a', 'b'), (\"password\", \"***\")]"),
    ("Authorization: Bearer xyz", "Authorization: ***"),
    ("Authorization: Basic abc==\nHost: x", "Authorization: ***\nHost: x"),
    ('Authorization: Digest username="a", response="b"', 'Authorization: ***"'),
    ("Cookie: a=b; c=d", "Cookie: ***"),
    (r"b'Cookie: a=b; c=d\r\nX-Token: z'", r"b'Cookie: ***\r\nX-Token: ***'"),
    ("curl -H 'Authorization: Bearer x' -H 'X: y' z", "curl -H 'Authorization: ***' -H 'X: y' z"),
    ('{"msg": "Cookie: a=b", "level": "info"}', '{"msg": "Cookie: ***", "level": "info"}'),
    ("sent Bearer eyJhbGciOi.e30.abc ok", "sent Bearer *** ok"),
    ("sent bearer ABCDEFGHIJabcdefghij ok", "sent bearer *** ok"),
    ("sent BEARER ABCDEFGHIJabcdefghij ok", "sent BEARER *** ok"),
    ("sent BASIC dXNlcjpwYXNzd29yZA== ok", "sent BASIC *** ok"),
    ("sent Basic dXNlcjpwYXNz ok", "sent Basic *** ok"),
    # URLs
    ("postgres://user:pa%40ss@host/db", "postgres://user:***@host/db"),
    ("postgres://user:p:a@ss@host/db?token=x&user=y", "postgres://user:***@host/db?token=***&user=y"),
    ("postgres://user:p/ss@host/db", "postgres://user:***@host/db"),
    ("redis://:pw@host:6379/0", "redis://:***@host:6379/0"),
    (r'"https:\/\/u:p@h\/x"', r'"https:\/\/u:***@h\/x"'),
    ("GET /x?user=y&api_key=abc#frag", "GET /x?user=y&api_key=***#frag"),
    ("GET /x?user%5Bpassword%5D=abc&z=1", "GET /x?user%5Bpassword%5D=***&z=1"),
    ("GET /x?api%5Fkey=abc&z=1", "GET /x?api%5Fkey=***&z=1"),
    ("next=%2Fa%3Ftoken%3Dx%26password%3Dy%26z%3D1", "next=%2Fa%3Ftoken%3D***%26password%3D***%26z%3D1"),
    # command lines
    ("--password hunter2 --user bob", "--password *** --user bob"),
    ("--password=hunter2 --user bob", "--password=*** --user bob"),
    ("--api-key 'x y' -v", "--api-key '***' -v"),
    ("['cmd', '--password', 'hunter2', 'x']", "['cmd', '--password', '***', 'x']"),
    # Chinese
    ("密码：秘密，好", "密码：***，好"),
    ("用户密码: 秘密。好", "用户密码: ***。好"),
    ("password＝x，foo", "password＝***，foo"),
    ("密码：我的 秘密；好", "密码：***；好"),
    # where an unquoted value ends
    ("password=hunter2,foo", "password=***"),
    ("password=hunter2,user=bob", "password=***,user=bob"),
    ("f(password=hunter2, user=bob)", "f(password=***, user=bob)"),
    ("(password=hunt)er2)", "(password=***)"),
    ("password=a;b&c|d}e rest", "password=*** rest"),
    ("password=my secret", "password=*** secret"),
    ("password: my secret phrase\nuser: bob", "password: ***\nuser: bob"),
    ("password: my secret phrase user: bob", "password: *** user: bob"),
    ("password: my (secret) phrase, really", "password: ***"),
    ("(token: abc) failed", "(token: ***) failed"),
    ("Invalid token: expected 5", "Invalid token: ***"),
    ('"msg":"password=hunter2","level":"info"', '"msg":"password=***","level":"info"'),
    ("['password=x y', 'foo']", "['password=*** y', 'foo']"),
    (r"'line1\npassword=x\nuser=y'", r"'line1\npassword=***\nuser=y'"),
    # names of several words, keys, colours
    ("the API key: abc def", "the API key: ***"),
    ("\x1b[36mpassword\x1b[0m=\x1b[35mx\x1b[0m", "\x1b[36mpassword\x1b[0m=\x1b[35m***\x1b[0m"),
    ("private_key: -----BEGIN X-----\na\n-----END X-----\nb", "private_key: ***\nb"),
    ("private_key: -----BEGIN X-----\na", "private_key: ***"),
    ("-----BEGIN PRIVATE KEY-----\na", "-----BEGIN PRIVATE KEY-----***"),
    (
        "-----BEGIN RSA PRIVATE KEY-----\na\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----",
    ),
]

HARMLESS = [
    "",
    "Signal generated: BUY 600519.SH qty=100 price=1711.50",
    "token_count=5 max_tokens=100 tokenizer: x",
    "secretary=x passwordless: y",
    "token expired",
    "password reset requested",
    "Bearer of bad news",
    "Basic A=======",
    "Basic usage, Basic authentication required, Basic JavaScript",
    "['username', 'password', 'email']",
    "('a', 'password', 'email')",
    "http://host:8080/users/@me",
    "http://[::1]:8080/users/@me",
    "http://user@host:80/a@b",
    "git@github.com:org/repo.git",
    "password=",
    "password: ",
    "password=''",
    "?password=&user=1",
    "{'password': None}",
    "--token --verbose",
    "--token-count 5",
    "2026-02-26T10:30:00 order {'id': 1, 'qty': 100} filled",
    "交易信号已生成：买入 600519 数量=100",
    'raise ValueError("password=" + typed)',
    "/auth/classify session_window=5",
    "Password for bob:",
    "-----BEGIN PRIVATE KEY----------END PRIVATE KEY-----",
]


PIECES = ["password", "token", "apiKey", "密码", "Cookie", "n", " ", "\n", "\\n", "\\", '"', "'", '\\"', "="]
PIECES += [": ", ":", "：", ", ", ",", "; ", "&", "?", "%3D", "%26", "(", ")", "[", "]", "{", "}", "-", "--"]
PIECES += [
    "Bearer ",
    "abc12345",
    "hunter2",
    "://",
    "@",
    "***",
    "None",
    "2",
    "\x1b[0m",
    "，",
    "b'",
    "=>",
    "http://u:",
]


class TestText:
    @pytest.mark.parametrize(("text", "masked"), MASKED)
    def test_secret_is_replaced(self, text: str, masked: str) -> None:
        """
        A secret is replaced, and everything around it stays.
        """
        assert masked == MASKER.text(text)

    @pytest.mark.parametrize("text", HARMLESS)
    def test_harmless_text_stays(self, text: str) -> None:
        """
        A text without secrets comes back as the same object.
        """
        assert text is MASKER.text(text)

    @pytest.mark.parametrize("text", [masked for _, masked in MASKED])
    def test_masked_text_stays(self, text: str) -> None:
        """
        What is masked needs no second masking.
        """
        assert text is MASKER.text(text)

    @pytest.mark.parametrize("replacement", ["[REDACTED]", "<hidden>", "已隐藏", "(x)", "******"])
    @pytest.mark.parametrize("text", [text for text, _ in MASKED])
    def test_any_replacement_is_stable(self, text: str, replacement: str) -> None:
        """
        Whatever replaces the secrets is not taken for one.
        """
        masker = Masker(replacement=replacement)
        masked = masker.text(text)

        assert masked is masker.text(masked)

    def test_what_follows_a_replacement_is_masked(self) -> None:
        """
        A secret that begins like the replacement does not slip through.
        """
        assert "password=*** token='***'" == MASKER.text("password=***hunter2 token='***hunter2'")

    @pytest.mark.parametrize(
        "write",
        [
            lambda s: repr({"a": 1, "password": s, "b": 2}),
            lambda s: json.dumps({"a": 1, "password": s, "b": 2}),
            lambda s: json.dumps({"password": s, "b": 2}, separators=(",", ":"), ensure_ascii=False),
            lambda s: json.dumps({"message": json.dumps({"api_key": s, "b": 2})}),
            lambda s: json.dumps([json.dumps({"message": json.dumps({"api_key": s})})]),
            lambda s: repr([repr({"api_key": s, "b": 2})]),
            lambda s: repr(User("a", s)),
            lambda s: repr(User("a", [s, {"x": s}])),
            lambda s: repr(Login("a", s)),
            lambda s: repr({b"password": s.encode()}),
            lambda s: repr([("a", "b"), ("Authorization", s)]),
            lambda s: json.dumps([["Authorization", s]]),
            lambda s: repr(["cmd", "--password", s, "x"]),
            lambda s: "cmd --password " + shlex.quote(s),
            lambda s: "cmd --password=" + shlex.quote(s),
            lambda s: "GET /x?a=1&" + urlencode({"token": s}) + "&b=2",
            lambda s: urlencode({"token": s, "b": 1}),
            lambda s: "/x?next=" + quote("/y?" + urlencode({"token": s, "b": 1}), safe=""),
            lambda s: "postgres://u:" + quote(s, safe="") + "@h/db",
            lambda s: f"failed with password={s!r} for bob",
            lambda s: pprint.pformat({"password": s * 5, "z": 1}, width=40),
            lambda s: "a: 1\npassword: " + json.dumps(s) + "\nb: 2",
        ],
    )
    @given(middle=st.text(st.sampled_from("aB7 '\"\\\n\t,;:=&@/(){}[]<>?#%，密`|!$"), max_size=8))
    @example(middle='"')
    @example(middle="'\"")
    @example(middle="\\'")
    @quickly
    def test_no_part_of_a_written_secret_survives(self, write: Callable[[str], str], middle: str) -> None:
        """
        A secret of any characters, written by a program, is masked from its first to its last.
        """
        masked = MASKER.text(write(f"QX1{middle}QX2"))

        assert ("QX1" in masked, "QX2" in masked) == (False, False)

    def test_quotes_of_a_repr_inside_json(self) -> None:
        """
        An escaped quote that looks like the end of the value is not taken for one.
        """
        text = repr({"m": json.dumps({"api_key": 'a" b', "u": 1})})

        assert repr({"m": json.dumps({"api_key": "***", "u": 1})}) == MASKER.text(text)

    @given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
    @settings(quickly, max_examples=examples(400))
    @example("password\"://\nb'")
    def test_idempotent(self, text: str) -> None:
        """
        Masking twice is masking once.
        """
        masked = MASKER.text(text)

        assert masked == MASKER.text(masked)

    @pytest.mark.parametrize(
        ("repeated", "before", "after"),
        [
            ("password", "", ""), ("password=", "", ""), ("password='", "", ""), ('"', "password=", ""),
            ("\\", "password=", ""), ("\\", "password", '": 1'), (" ", "password: ", ""), ("http://a:", "", ""),
            ("http://a:b@", "", ""), ("Bearer ", "", ""), ("Basic ", "", ""), ("--password ", "", ""),
            ("=", "password", ""), (":", "password", ""), ("[", "password=", ""), ("password: (", "", ""),
            ('\\"', "password='", ""), ("\x1b[31m", "password", ""), ("%20", "password", "=x"),
            ('"Cookie: x\n', "", ""), (", ", "password: ", ""), ("password: x, ", "", ""),
            ("A", "x", "password=1"), ("\\u5bc6", "", "=x"), ("'a'\n", "password=", ""),
            ("('password', ", "", ""),
        ],
    )  # fmt: skip
    def test_hostile_megabyte(self, repeated: str, before: str, after: str) -> None:
        """
        A megabyte of what is worst to read is read to its end, and the secret there is found.
        """
        text = before + repeated * (1_000_000 // len(repeated)) + after + "\n\ntoken=hunter2"

        assert "hunter2" not in MASKER.text(text)

    @pytest.mark.parametrize(
        "repeated",
        [
            "'.password: a ", "'-password: a ", "'\\password=a", 'x"\\token: b ', "'%70assword=a", "'.Cookie: a ",
            "'.password: [a ", "'.password: -----BEGIN A----- ", "'password: b ", "['token', \"a ",
        ],
    )  # fmt: skip
    def test_cost_grows_with_the_length(self, repeated: str) -> None:
        """
        What is worst to read takes sixteen times as long when it is sixteen times as long, not 256 times.
        """

        def seconds(times: int) -> float:
            text = repeated * times + '" x'
            started = process_time()
            MASKER.text(text)
            return process_time() - started

        assert 80 * min(seconds(400) for _ in range(3)) > min(seconds(6400) for _ in range(2))

    def test_blanks_in_quotes(self) -> None:
        """
        However many blanks stand within a value in quotes, what is behind them is of the value.
        """
        blanks = " " * 2_000

        assert "'.password: ***' c" == MASKER.text(f"'.password: my{blanks}secret;{blanks}x' c")

    @pytest.mark.parametrize("name", ["İstanbul_token", "TOKENİ=x token", "ﬃ token", "ß_TOKEN"])
    def test_lengthening_lower_case(self, name: str) -> None:
        """
        A letter that grows when lowered does not shift what is masked.
        """
        assert f"{name}=***" == MASKER.text(f"{name}=hunter2")

    @pytest.mark.parametrize(
        "name", ["x", "pw", "oauth2", "key1234", "PAROLİ", "contraseña", "passWord", "a_b_c", "密"]
    )
    def test_any_name_is_found_in_text(self, name: str) -> None:
        """
        The quick look at a text overlooks no name, however short or odd.
        """
        assert f"{name}=*** my_{name}: '***'" == Masker([name]).text(f"{name}=1 my_{name}: 'a b'")

    @pytest.mark.parametrize(
        "name",
        ["pwd__2", "pwd_2_", "pwd.2", "pwd__", "pwd-.12", "tokEn", "x1_2", "x1_", "PAssWOrd", "密码__2"],
    )
    def test_any_spelling_is_found_in_text(self, name: str) -> None:
        """
        The quick look at a text overlooks no spelling that the rule of names knows.
        """
        masker = Masker(["pwd", "token", "x1", "password", "密码"])

        assert masker.is_sensitive(name)
        assert f"{name}=*** '{name}': '***'" == masker.text(f"{name}=1 '{name}': 'a b'")

    def test_no_fields(self) -> None:
        """
        Without fields only secrets that need no name are masked.
        """
        assert "password=x a://b:***@c" == Masker([]).text("password=x a://b:y@c")

    def test_allowed_name_in_text(self) -> None:
        """
        An allowed name is harmless in text too, also when its words are apart.
        """
        text = "page_token=5 page token: 5 reply.pageToken=5"

        assert text is Masker(["token", "page_token"], allow=["page_token", "token"]).text(text)


class TestPatterns:
    @pytest.mark.parametrize(
        ("pattern", "masked"),
        [
            (r"ACC-\d+", "account *** of bob"),
            (r"ACC-(\d+)", "account ACC-*** of bob"),
            (r"(ACC)-(?P<secret>\d+)", "account ACC-*** of bob"),
            (r"ACC-\d+|(x)", "account *** of bob"),
            (r"\d*", "account ACC-*** of bob"),
        ],
    )
    def test_part_that_is_replaced(self, pattern: str, masked: str) -> None:
        """
        The group `secret` is replaced, else the first group, else the whole match.
        """
        assert masked == Masker(patterns=[pattern]).text("account ACC-600519 of bob")

    def test_no_match(self) -> None:
        """
        A text that no pattern matches comes back as the same object.
        """
        text = "account of bob"

        assert text is Masker(patterns=["ACC"]).text(text)

    def test_patterns_reach_into_mappings(self) -> None:
        """
        Patterns are applied to the values of fields.
        """
        assert {"account": "***"} == Masker(patterns=[r"ACC-\d+"]).mapping({"account": "ACC-1"})


class Shade(Enum):
    RED = "red"
    DSN = "a://b:hunter2@c"
    OBJECT = object()


class Kind(StrEnum):
    PLAIN = "plain"


class Numbers(Mapping[str, object]):
    """
    A mapping that is no dict.
    """

    def __init__(self, content: dict[str, object], printed: str = "numbers") -> None:
        self.content, self.printed = content, printed

    def __getitem__(self, key: str) -> object:
        return self.content[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.content)

    def __len__(self) -> int:
        return len(self.content)

    def __str__(self) -> str:
        return self.printed


class Words(list[str]):
    pass


class Text(str):
    __slots__ = ()


class Revealing(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "password=hunter2"


class Point(namedtuple("Point", "x token")):  # noqa: PYI024 - as users write it
    __slots__ = ()

    @classmethod
    def _make(cls, iterable: Any) -> "Point":
        raise RuntimeError


SCALARS = st.none() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.binary(max_size=8)
NAMES = st.sampled_from(["password", "a", "user.token", "apiKey", "db-password", "b c", "密码"])


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """
    Values around others, some with a secret planted beside them.
    """
    return (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(NAMES, inner, max_size=4)
        | inner.map(lambda item: {"x": [item, {"secret": SECRET}]})
        | inner.map(lambda item: [(b"Cookie", SECRET), item, ("X-Api-Key", [SECRET])])
        | inner.map(lambda item: User("u", {"n": (item, SECRET)}))
        | st.just(f"login password={SECRET} and a://b:{SECRET}@c")
        | st.just(f"Authorization: Bearer {SECRET}".encode())
    )


class TestValues:
    @pytest.mark.parametrize(
        ("value", "masked"),
        [
            ({"password": "x", "user": "bob"}, {"password": "***", "user": "bob"}),
            ({"a": [{"b": ({"token": 5},)}]}, {"a": [{"b": ({"token": "***"},)}]}),
            ({"password": {"a": 1}, "token": ["x"]}, {"password": "***", "token": "***"}),
            ({b"password": b"x"}, {b"password": "***"}),
            ({"a": "password=x"}, {"a": "password=***"}),
            ({"password=x": 1}, {"password=***": 1}),
            ({("password", "x"): 1}, {"('password', '***')": 1}),
            (MappingProxyType({"password": "x"}), {"password": "***"}),
            (OrderedDict(password="x", a=1), {"password": "***", "a": 1}),
            (Numbers({"password": "x"}), {"password": "***"}),
            (Numbers({"a": 1}, "password=x"), "password=***"),
            (["password=x", 1], ["password=***", 1]),
            ({"password=x"}, {"password=***"}),
            (frozenset({"password=x"}), frozenset({"password=***"})),
            (deque(["password=x"], 3), deque(["password=***"], 3)),
            (Words(["password=x"]), ["password=***"]),
            ([("Authorization", "Bearer x"), (b"cookie", b"y")], [("Authorization", "***"), (b"cookie", "***")]),
            ([["Authorization", "x"]], [["Authorization", "***"]]),
            (["cmd", "--password", "x", "y"], ["cmd", "--password", "***", "y"]),
            (["cmd", "--password=x", "y"], ["cmd", "--password=***", "y"]),
            (Login("bob", "x"), Login("bob", "***")),
            (Point(1, "x"), (1, "***")),
            (User("bob", "x"), {"name": "bob", "password": "***"}),
            (User("password=x", None), {"name": "password=***", "password": None}),
            ({User: 1, "password": 2}, {User: 1, "password": "***"}),
            (b"password=x \xff", b"password=*** \xff"),
            (bytearray(b"password=x"), bytearray(b"password=***")),
            (ValueError("password=x"), "password=***"),
            (KeyError({"password": "x"}), "{'password': '***'}"),
            (Text("password=x"), "password=***"),
            (Revealing("x"), "password=***"),
            (Shade.DSN, "DSN"),
            (Shade.OBJECT, "OBJECT"),
            (SecretStr(), "**********"),
            ({"password": SecretStr()}, {"password": "**********"}),
            (memoryview(b"x").obj, b"x"),
            (range(3), "range(0, 3)"),
            (int, "<class 'int'>"),
        ],
    )  # fmt: skip
    def test_masked_copy(self, value: object, masked: object) -> None:
        """
        A value that holds a secret comes back as a copy without it; a foreign object as its text.
        """
        copied = MASKER.value(value)

        assert (masked, type(masked)) == (copied, type(copied))

    def test_exception_arguments(self) -> None:
        """
        An exception whose text hides what its arguments tell is replaced by its text.
        """

        class PoliteError(Exception):
            def __str__(self) -> str:
                return "failed"

        assert "failed" == MASKER.value(PoliteError("password=x"))

    @pytest.mark.parametrize(
        "value",
        [
            "text", 7, 1.5, True, None, 1j, Decimal("1.5"), Fraction(1, 2), uuid.UUID(int=7), date(2026, 2, 26),
            datetime(2026, 2, 26, tzinfo=UTC), UTC, timedelta(1), ..., {}, [], (), {"a": [1, ("b", {2})]},
            {1: 2, None: 3}, {"password": None, "token": "", "secret": b""}, {"password": "***"},
            {(1, "a"): 2}, Shade.RED, Kind.PLAIN, {Shade.RED: 1}, Login("bob", None), User("bob", None),
            ValueError("no"), b"bytes", bytearray(b"x"), frozenset({1}), deque([1]), Numbers({"a": 1}),
            Words(["a"]), Text("a"), [("a", "b")],
            OrderedDict(a=1), {"a": b"\xff\xfe"},
        ],
    )  # fmt: skip
    def test_harmless_value_stays(self, value: object) -> None:
        """
        A value without secrets comes back as the same object.
        """
        assert value is MASKER.value(value)

    def test_mock_does_not_redact_itself(self) -> None:
        """
        An object that has every attribute is not taken for one that redacts itself.
        """

        class Mock:
            def __getattr__(self, name: str) -> object:
                return lambda: SECRET

            def __str__(self) -> str:
                return SECRET

        assert {"password": "***"} == MASKER.value({"password": Mock()})

    def test_cycle(self) -> None:
        """
        A value that contains itself ends in a marker.
        """
        value: dict[str, object] = {"token": "x"}
        value["self"] = [value]

        assert {"token": "***", "self": ["<cycle>"]} == MASKER.value(value)

    def test_shared_value_is_no_cycle(self) -> None:
        """
        A value that appears twice is shown twice.
        """
        shared = {"a": 1}

        assert {"x": shared, "y": shared, "token": "***"} == MASKER.value(
            {"x": shared, "y": shared, "token": 1}
        )

    @pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: (v,), lambda v: {"a": v}, lambda v: Box(v)])
    def test_depth(self, wrap: Callable[[object], object]) -> None:
        """
        What lies ten thousand levels deep is not passed on unread.
        """
        value: object = f"password={SECRET}"
        for _ in range(10_000):
            value = wrap(value)

        assert (True, False) == (
            "<nested too deeply>" in str(MASKER.value(value)),
            SECRET in str(MASKER.value(value)),
        )

    @pytest.mark.parametrize(
        "value",
        [
            [0] * 200_000 + [f"password={SECRET}"],
            {**dict.fromkeys(range(200_000), 0), "password": SECRET},
            [[0] * 1_000] * 300 + [[f"password={SECRET}"]],
        ],
        ids=["list", "dict", "nested"],
    )
    def test_number(self, value: object) -> None:
        """
        What lies behind too many items is not passed on unread.
        """
        masked = str(MASKER.value(value))

        assert (True, False) == ("<too many items>" in masked, SECRET in masked)

    def test_endless_mapping(self) -> None:
        """
        A mapping whose items never end is left after so many.
        """

        class Endless(Numbers):
            def items(self) -> Any:
                while True:
                    yield "a", 1

        assert "<too many items>" in str(MASKER.value(Endless({})))

    def test_arguments_stay(self) -> None:
        """
        What the caller passed in is the caller's.
        """
        value = {"password": "x", "a": [{"token": "y"}, ("Cookie", "z")], "b": {"password=q"}}
        before = copy.deepcopy(value)
        MASKER.value(value)

        assert before == value

    @pytest.mark.parametrize("kind", [dict, list, tuple, set, deque, str, bytes])
    def test_hostile_subclass(self, kind: type) -> None:
        """
        Containers that raise wherever they are touched are replaced, not passed on.
        """

        def fail(*_: object) -> Any:
            raise RuntimeError(SECRET)

        names = [
            "__iter__",
            "items",
            "__len__",
            "__str__",
            "__repr__",
            "__eq__",
            "__hash__",
            "decode",
            "__getitem__",
        ]
        hostile = type("Hostile", (kind,), dict.fromkeys(names, fail))()

        assert {"a": "***", "b": 1} == MASKER.value({"a": hostile, "b": 1})

    def test_hostile_property(self) -> None:
        """
        A property that raises hides itself, not its neighbours.
        """

        @dataclass
        class Broken:
            good: int = 1
            bad: int = 2

            def __getattribute__(self, name: str) -> Any:
                if name == "bad":
                    raise RuntimeError
                return super().__getattribute__(name)

        assert {"good": 1, "bad": "***"} == MASKER.value(Broken())

    def test_hostile_text(self) -> None:
        """
        An object that does not print is named by its class.
        """

        class Broken:
            def __str__(self) -> str:
                raise RuntimeError

        class Redacting(Broken):
            get_secret_value = None

        assert ["<unprintable Broken>", ("token", "***")] == MASKER.value([Broken(), ("token", Redacting())])

    def test_unhashable_after_masking(self) -> None:
        """
        A member of a set that turns into a dict is kept as text.
        """

        @dataclass(frozen=True)
        class Key:
            password: str

        assert {"{'password': '***'}"} == MASKER.value({Key("x")})

    @given(st.recursive(SCALARS, nested, max_leaves=12))
    @settings(quickly, max_examples=examples(200))
    def test_no_planted_secret_survives(self, value: object) -> None:
        """
        Wherever a secret lies, the masked copy does not tell it, the original is as it was, and a second
        masking finds nothing.
        """
        before = copy.deepcopy(value)
        masked = MASKER.value(value)

        assert (False, before, masked) == (SECRET in str(masked), value, MASKER.value(masked))


class TestMapping:
    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"user": "bob", "n": 7, "at": None},
            {"a": [1, {"b": "c"}]},
            {"long": "x" * 100},
            {"password": None},
        ],
    )
    def test_harmless_mapping_stays(self, fields: dict[str, object]) -> None:
        """
        Fields without secrets come back as the same object, the first time and ever after.
        """
        assert fields is MASKER.mapping(fields) is MASKER.mapping(fields)

    @pytest.mark.parametrize(
        ("fields", "masked"),
        [
            ({"password": "x", "n": 7}, {"password": "***", "n": 7}),
            ({"n": 7, "url": "a://b:c@d"}, {"n": 7, "url": "a://b:***@d"}),
            ({"n": {"token": 1}}, {"n": {"token": "***"}}),
            ({"password=x": 1}, {"password=***": 1}),
        ],
    )
    def test_masked_mapping(self, fields: dict[str, object], masked: dict[str, object]) -> None:
        """
        Fields are masked by key and by value.
        """
        assert masked == MASKER.mapping(fields)

    def test_broken_mapping(self) -> None:
        """
        Fields that cannot be read are not passed on.
        """

        class Broken(dict[str, object]):
            def items(self) -> Any:
                raise RuntimeError(SECRET)

        assert {"unreadable": "***"} == MASKER.mapping(Broken(a=SECRET))


class TestSettings:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"fields": "password"}, "fields must be a list of texts, got 'password'"),
            ({"fields": {"a": 1}}, "fields must be a list of texts, got {'a': 1}"),
            ({"fields": 7}, "fields must be a list of texts, got 7"),
            ({"fields": ["a", ""]}, "fields must hold texts that are not empty, got ''"),
            ({"fields": ["a", None]}, "fields must hold texts that are not empty, got None"),
            ({"fields": ["--"]}, "fields must hold names with at least one letter or digit, got '--'"),
            ({"allow": "x"}, "allow must be a list of texts, got 'x'"),
            ({"allow": [5]}, "allow must hold texts that are not empty, got 5"),
            ({"patterns": "x+"}, "patterns must be a list of texts, got 'x\\+'"),
            ({"patterns": ["("]}, "patterns must hold regular expressions, got '\\(': missing"),
            ({"replacement": "a\nb"}, "replacement must be 1 to 64 printable characters .* got 'a\\\\nb'"),
            ({"replacement": ""}, "replacement must be"),
            ({"replacement": "a=b"}, "replacement must be"),
            ({"replacement": '"'}, "replacement must be"),
            ({"replacement": "\x07"}, "replacement must be"),
            ({"replacement": None}, "replacement must be"),
        ],
    )  # fmt: skip
    def test_bad_value_is_refused(self, options: dict[str, Any], message: str) -> None:
        """
        A wrong value is refused at once, with the value and what is allowed.
        """
        with pytest.raises(ValueError, match=message):
            Masker(**options)

    def test_fields_replace_the_defaults(self) -> None:
        """
        Who names fields names all of them.
        """
        assert "password=x pin=***" == Masker(["pin"]).text("password=x pin=5")

    def test_defaults(self) -> None:
        """
        A Masker without settings uses the default fields and the default replacement.
        """
        assert (True, DEFAULT_REPLACEMENT) == (
            bool(DEFAULT_FIELDS),
            MASKER.value({"password": 1})["password"],
        )  # type: ignore[index]


def test_scheme_before_a_token_does_not_end_the_value() -> None:
    """
    After `token=` the word Bearer is not all of the secret.
    """
    assert "token=*** rest" == Masker().text("token=Bearer hunter2 rest")


class TestForms:
    @pytest.mark.parametrize(
        ("text", "masked"),
        [
            (f"password[]={SECRET}", "password[]=***"),
            (f"ALTER ROLE ann WITH PASSWORD '{SECRET}';", "ALTER ROLE ann WITH PASSWORD '***';"),
            (f"alter role ann with password '{SECRET}'", "alter role ann with password '***'"),
            (f"CREATE USER ann IDENTIFIED BY '{SECRET}'", "CREATE USER ann IDENTIFIED BY '***'"),
            (f"PASSWORD  '{SECRET}' x", "PASSWORD  '***' x"),
            (f"IDENTIFIED  BY  '{SECRET}'", "IDENTIFIED  BY  '***'"),
            (f"IDENTIFIED BY\n  '{SECRET}'", "IDENTIFIED BY\n  '***'"),
            (f'IDENTIFIED BY "{SECRET}"', 'IDENTIFIED BY "***"'),
            (f"ALTER ROLE ann PASSWORD E'{SECRET}'", "ALTER ROLE ann PASSWORD E'***'"),
            (f"alter user ann password '{SECRET}'", "alter user ann password '***'"),
            ("print('old password ', x, 'y')", "print('old password ', x, 'y')"),
            (f"password:\n  {SECRET}\nhost: db", "password:\n  ***\nhost: db"),
            ("https://ghp_abcdefghij1234@github.com/a", "https://***@github.com/a"),
            ("https://abcdefghij0123456789@host/a", "https://***@host/a"),
        ],
    )
    def test_masked(self, text: str, masked: str) -> None:
        """
        An array's key in a form, a password in SQL, a value on the next line, a token as a URL's user.
        """
        assert masked == MASKER.text(text)

    def test_sql_where_passwords_are_no_secret(self) -> None:
        """
        Who names other fields has no password hidden, in SQL neither.
        """
        text = "WITH PASSWORD 'x' pin=5"

        assert "WITH PASSWORD 'x' pin=***" == Masker(["pin"]).text(text)

    @pytest.mark.parametrize(
        "text",
        [
            "WHERE token = ? AND order = 5", "SET password = %s WHERE id = 5", "password=%(password)s, order=5",
            "token = $1 AND order = 5", "token = :token AND order = 5", "PWD=/srv/app", "A=1\nOLDPWD=/a\nB=2",
            "def f(password: str, order: int = 5)", "token: Optional[str] = None, order=5",
            "secret=False, order=5", "{'password': True, 'a': 1}", '{"token": false}', "password=none; a=1",
            "if password:\n    return\nx", "https://git@github.com/a", "password: str | None = None, order=5",
        ],
    )  # fmt: skip
    def test_no_value(self, text: str) -> None:
        """
        A placeholder, a truth, the name of a type or the working directory is no secret, nor what follows.
        """
        assert text == MASKER.text(text)

    @pytest.mark.parametrize(
        "text",
        [
            f"password=?{SECRET}", f"password=%s{SECRET}", f"pwd=/{SECRET}!", f"password: None of {SECRET}",
            f"password: true {SECRET}", f"password: str = '{SECRET}'", f"token = :{SECRET}", f"pwd={SECRET}",
            f"password=False{SECRET}", f"password=true&token={SECRET}", f"token = ?, token = {SECRET}",
        ],
    )  # fmt: skip
    def test_value_that_begins_like_one(self, text: str) -> None:
        """
        What only begins like a placeholder or a truth is a secret.
        """
        assert SECRET not in MASKER.text(text)

    @pytest.mark.parametrize(
        "text",
        [
            f"pwd=/{SECRET}", f"user=a&pwd=/{SECRET}", f"Driver=x;UID=sa;PWD=/{SECRET};", f"pwd: /{SECRET}",
            f"UID=sa; PWD=/{SECRET}", f"UID = sa\nPWD=/{SECRET}\n", f"GET /?PWD=/{SECRET}", f"PWD: /{SECRET}",
            f"password: %(pw)s [args: {SECRET}]", f"UPDATE a SET password = ? -- ['{SECRET}']",
            f"SET password = $1 PARAMETERS ['{SECRET}']", f"password=%s,{SECRET}", f"password=?;{SECRET}",
            f"password=?){SECRET}", f"password=TRUE;{SECRET}", f"password: ? {SECRET}",
            f"password: true, {SECRET}", f"api_key: $5 {SECRET}", f"api_key: $5 WHERE {SECRET}",
            f"token: Optional[{SECRET}]", "pwd = :hunter2", "token = :password", "password: str hunter2",
        ],
    )  # fmt: skip
    def test_secret_beside_what_is_none(self, text: str) -> None:
        """
        A placeholder, a truth, a type or a path is harmless only if nothing else stands where a secret would.
        """
        masked = MASKER.text(text)

        assert "***" in masked
        assert not any(secret in masked for secret in (SECRET, "hunter2", ":password"))

    def test_scheme_in_a_parameter(self) -> None:
        """
        The word Bearer is not all of the secret in a parameter, nor in an array's.
        """
        text = "?token=Bearer hunter2abc1 ?pwd[]=Bearer hunter2abc1 ?x=%26token%3DBearer hunter2abc1"

        assert "?token=*** ?pwd[]=*** ?x=%26token%3D***" == MASKER.text(text)

    def test_place_behind_a_value_is_kept(self) -> None:
        """
        A parser's line and column are no part of the token that it names.
        """
        assert "token: ***, line 55, col 7" == MASKER.text("token: EOF, line 55, col 7")

    @pytest.mark.parametrize("text", [f"token: a, line 5{SECRET}", f"password: a, col 7 {SECRET}"])
    def test_place_within_a_value(self, text: str) -> None:
        """
        What looks like a place, and more behind it, is a part of the value.
        """
        assert "***" == MASKER.text(text).partition(": ")[2]
