"""What masking costs: by length of the text, by number of mask fields, by kind of value, and on hostile input.

    python benchmarks/masking_cost.py [--repeat 7]

The first three tables give the best of several runs, in microseconds per call, after a warm-up: fields come
back with the same keys again and again, and so do identifiers. The last one reads 100 KB and 1 MB of what is
worst to read; the cost is linear if the ratio of the two stays near 10.
"""

import argparse
import platform
import time
import timeit
import uuid
from collections.abc import Callable

from ginkgo_logging.masking import DEFAULT_FIELDS, Masker

MESSAGE = "Signal generated: BUY 600519.SH qty=100 price=1711.50"
CLEAN = "Signal generated: BUY 600519.SH qty=100 price=1711.50 from 10.0.0.1 at 10:30:00, order {'id': 7}. "
LENGTHS = (60, 250, 1_000, 4_000, 16_000)
NUMBERS = (3, 5, 10, 25, 50, 100)

TEXTS = {
    "clean, no separator": "order 600519 filled at 17 for portfolio 5",
    "clean, logfmt": MESSAGE,
    "clean, JSON": '{"order": 1, "side": "BUY", "price": 3.5}',
    "clean, Chinese": "交易信号已生成：买入 600519 数量=100",
    "clean, URL": "GET https://example.com/orders/17?page=2&size=50 200",
    "secret, logfmt": "login user=bob password=hunter2 from 10.0.0.1",
    "secret, JSON": '{"user": "bob", "password": "hunter2", "n": 7}',
    "secret, URL": "connected to postgres://bob:hunter2@db.example.com/orders",
}

FIELDS = {
    "portfolio_id": "p-17",
    "strategy_id": "ma_cross",
    "symbol": "600519.SH",
    "trace_id": "4bf92f3577b34da6",
}

HOSTILE = [
    "password", "password=", "password='", "password: ", "password: x, ", '"', "\\", '\\"', "=", ":", "[",
    "{'password': {", "http://a:", "http://a:b@", "Bearer ", "Basic ", "--password ", "('password', ",
    '"Cookie: x\n', "'a'\n", "\x1b[31m", "%20", "%26token%3D", "\\n", "\\u5bc6", "API key ", "密码：", "a=1 ",
    "-----BEGIN PRIVATE KEY-----", "A", " ",
]  # fmt: skip


def microseconds(call: Callable[[], object], repeat: int) -> float:
    """Return the best time of one *call*."""
    timer = timeit.Timer(call)
    number, _ = timer.autorange()
    return min(timer.repeat(repeat, max(1, number // 4))) / max(1, number // 4) * 1e6


def words(number: int) -> list[str]:
    """Return *number* names that end in different words, the likeliest first."""
    endings = [
        chr(97 + n % 26) + ending + chr(97 + n // 26) for n, ending in enumerate(["word", "ken", "cret"] * 40)
    ]
    return [*DEFAULT_FIELDS[:3], "secret", "token", *endings][:number]


def seconds(masker: Masker, text: str) -> float:
    """Return the better of two times of reading *text*."""
    times = []
    for _ in range(2):
        started = time.perf_counter()
        masker.text(text)
        times.append(time.perf_counter() - started)
    return min(times)


def by_length(repeat: int) -> None:
    """Print what a clean text costs, by its length."""
    print(f"\nA clean text, by length ({len(DEFAULT_FIELDS)} default fields)\n")
    masker = Masker()
    for length in LENGTHS:
        text = (CLEAN * (length // len(CLEAN) + 1))[:length]
        cost = microseconds(lambda text=text: masker.text(text), repeat)  # type: ignore[misc]
        print(f"{length:8,} characters {cost:9.2f} µs {cost / length * 1e3:7.2f} ns a character")


def by_fields(repeat: int) -> None:
    """Print what a text and a mapping cost, by the number of mask fields."""
    print(f"\n{MESSAGE!r}, and four context fields, by number of mask fields\n")
    for number in NUMBERS:
        masker = Masker(words(number))
        text = microseconds(lambda m=masker: m.text(MESSAGE), repeat)  # type: ignore[misc]
        fields = microseconds(lambda m=masker: m.mapping(FIELDS), repeat)  # type: ignore[misc]
        print(f"{number:4} mask fields: text {text:6.2f} µs, mapping {fields:6.2f} µs")


def by_kind(repeat: int) -> None:
    """Print what each kind of text and of value costs."""
    print("\nBy kind of text and of value\n")
    masker = Masker()
    for name, text in TEXTS.items():
        print(f"text, {name:22} {microseconds(lambda text=text: masker.text(text), repeat):8.2f} µs")  # type: ignore[misc]
    orders = [
        {"order_id": str(uuid.uuid4()), "symbol": "600519.SH", "qty": n, "side": "BUY"} for n in range(20_000)
    ]
    values = {
        "mapping, known values": lambda: masker.mapping(FIELDS),
        "mapping, a new identifier each": lambda: masker.mapping(orders.pop() if orders else FIELDS),
        "mapping, a secret": lambda: masker.mapping({**FIELDS, "token": "x"}),
        "value, nested, clean": lambda: masker.value({"orders": [{"id": 7, "tags": ["a", "b"]}]}),
        "value, nested, a secret": lambda: masker.value({"users": [{"id": 7, "password": "hunter2"}]}),
    }
    for name, call in values.items():
        cost = timeit.timeit(call, number=20_000) / 20_000 * 1e6
        print(f"{name:34} {cost:8.2f} µs")


def hostile() -> None:
    """Print how the time for the worst texts grows from 100 KB to 1 MB."""
    print("\nHostile input after a masked pair\n")
    masker = Masker()
    for repeated in HOSTILE:
        small, large = (
            seconds(masker, f"token=1 {repeated * (length // len(repeated))}")
            for length in (100_000, 1_000_000)
        )
        print(f"{repeated!r:32} 1 MB {large * 1e3:8.1f} ms   ratio to 100 KB {large / small:6.1f}")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=7, help="runs of which the best counts")
    repeat = parser.parse_args().repeat
    print(f"CPython {platform.python_version()}, {platform.machine()}")
    by_length(repeat)
    by_fields(repeat)
    by_kind(repeat)
    hostile()


if __name__ == "__main__":
    main()
