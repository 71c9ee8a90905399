"""One regular expression means the same to Python and to RE2, or is refused."""

import random
import re

import pytest
from loki_memory import re2

from ginkgo_logging.query.patterns import translate

TEXTS = [
    "",
    "a",
    "ab",
    "ab\n",
    "a\nb",
    "A1_",
    "x y",
    "x\u00a0y",
    "7٣",
    "策略",
    "a-b",
    "]",
    "^",
    "{,3}",
    "\x0b",
    "\\",
    "aaaa",
    "ſ",
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a$", ["a", "aaaa"]),
        (r"b$", ["ab", "a\nb", "a-b"]),
        (r"(?m)^b$", ["a\nb"]),
        (r"(?m:a$)", ["a", "a\nb", "aaaa"]),
        (r"^b", []),
        (r"\d$", []),
        (r"\d", ["A1_", "7٣", "{,3}"]),
        (r"^\D+$", [t for t in TEXTS if t not in {"", "A1_", "7٣", "{,3}"}]),
        (r"\s", ["ab\n", "a\nb", "x y", "\x0b"]),
        (
            r"^[\S]+$",
            ["a", "ab", "A1_", "x\u00a0y", "7٣", "策略", "a-b", "]", "^", "{,3}", "\\", "aaaa", "ſ"],
        ),
        (r"^[\w-]+$", ["a", "ab", "A1_", "a-b", "aaaa"]),
        (r"^[^\w\s]+$", ["策略", "]", "^", "\\", "ſ"]),
        (r"\bb", ["a\nb", "a-b"]),
        (r"[]^]", ["]", "^"]),
        (r"\u7b56|\x37", ["7٣", "策略"]),
        (r"\N{CJK UNIFIED IDEOGRAPH-7B56}", ["策略"]),
        (r"^a{,3}$", ["", "a"]),
        (r"^\{,3}$", ["{,3}"]),
        (r"^a{4}$", ["aaaa"]),
        (r"^a{2,}?$", ["aaaa"]),
        (r"(?P<first>a)(?:b)", ["ab", "ab\n"]),
        (r"(?i)a1", ["A1_"]),
        (r"(?is)A.B", ["a\nb", "a-b"]),
        (r"(?s:a.b)", ["a\nb", "a-b"]),
        (r"(?s)a(?-s:.)b", ["a-b"]),
        (r"\Aab\Z", ["ab"]),
        (r"\\", ["\\"]),
        (r"\]|\-", ["a-b", "]"]),
    ],
)
def test_both_find_the_same(text: str, found: list[str]) -> None:
    """
    Both dialects of a pattern find the texts that are meant, and the one for Python can be translated again.
    """
    python, for_re2 = translate(text)

    assert found == [one for one in TEXTS if re.search(python, one)]
    for dialect in (python, translate(python)[0]):
        assert [bool(re.search(dialect, one)) for one in TEXTS] == [
            bool(re2(for_re2).search(one)) for one in TEXTS
        ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(", "missing \\)"),
        ("a)", "unbalanced"),
        ("[", "bracket"),
        ("a\\", "backslash"),
        ("a**", "multiple repeat"),
        ("*", "nothing to repeat"),
        ("a*+", "gives nothing back"),
        ("a{2}+", "gives nothing back"),
        ("a{1001}", "1000"),
        ("(?=a)", "not understood"),
        ("(?<!a)b", "not understood"),
        ("(?>a)", "not understood"),
        (r"(a)\1", "refers back"),
        (r"(?P<n>a)(?P=n)", "not understood"),
        ("(?x) a", "not understood"),
        ("a(?i)", "beginning"),
        (r"\p{L}", "not understood"),
        (r"\N{NO SUCH}", "undefined"),
        ("[b-a]", "bad character range"),
    ],
)
def test_what_is_not_common_is_refused(text: str, reason: str) -> None:
    """
    A pattern that is malformed, or of one dialect only, is refused with the reason.
    """
    with pytest.raises(ValueError, match=reason):
        translate(text)


def test_dialects_agree_by_chance() -> None:
    """
    Whatever pieces a pattern is put together from, both dialects find the same.
    """
    chance = random.Random(11)
    pieces = [
        "a",
        "b",
        ".",
        "^",
        "$",
        r"\d",
        r"\w",
        r"\s",
        r"\S",
        r"\b",
        "[ab]",
        "[^a]",
        r"[\s\S]",
        "(a|b)",
        "(?:ab)?",
        "x*",
        "+",
    ]
    pieces += ["{2}", "{,2}", "-", "策", r"\.", "(?i:A)", "(?m:^b$)", "|", r"[\D]", r"\n"]
    compiled = 0
    for _ in range(500):
        text = "".join(chance.choices(pieces, k=chance.randint(1, 5)))
        try:
            python, for_re2 = translate(text)
        except ValueError:
            continue
        compiled += 1
        assert [bool(re.search(python, one)) for one in TEXTS] == [
            bool(re2(for_re2).search(one)) for one in TEXTS
        ], text
    assert compiled > 150
