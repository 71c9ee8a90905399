"""The page, in a real headless Chromium: what a person sees of the lines, and that no line can do anything."""

import json
import re
import shutil
import time
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver import Keys
from selenium.webdriver.chrome.service import Service
from web_server import line, served, write

from ginkgo_logging.errors import ServiceUnavailable
from ginkgo_logging.query import FilesBackend, LogService, Query, Row
from ginkgo_logging.query.model import Order
from ginkgo_logging.web.app import create_app
from ginkgo_logging.web.stream import Streams

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--window-size=1280,800",
    "--lang=en-US",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="no chromium with its chromedriver here: apt-get install chromium chromium-driver",
)

HOSTILE = [
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "javascript:window.hacked=1",
    "'\"><svg onload=window.hacked=1>",
    "{{constructor.constructor('window.hacked=1')()}}",
    "user\u202egnp.exe\u202c \x1b[31mred\u200b\x00 \U000e0041",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """One Chromium for all tests; its driver is Debian's, nothing is downloaded."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield browser
    browser.quit()


class Failing(FilesBackend):
    """A store that cannot be reached."""

    def rows(self, query: Query, order: Order) -> Generator[Row, None, None]:
        raise ServiceUnavailable("refused")
        yield

    def tail(self, query: Query) -> Generator[Row | None, None, None]:
        raise ServiceUnavailable("refused")
        yield


class Page:
    """The page over one log file."""

    def __init__(
        self, browser: webdriver.Chrome, address: str, path: Path, service: LogService, streams: Streams
    ) -> None:
        self.browser, self.address, self.path = browser, address, path
        self.service, self.streams = service, streams

    def open(self, question: str = "") -> "Page":
        self.browser.get(f"{self.address}/logs/ui/{question}")
        return self.settled()

    def settled(self) -> "Page":
        """Wait until the answer to what was asked is shown."""
        self.until(lambda: self.run("return document.querySelector('#rows[aria-busy=false]') !== null"))
        return self

    def run(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def until(self, is_so: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 15
        while not (found := is_so()):
            assert time.monotonic() < deadline, self.text
            time.sleep(0.02)
        return found

    @property
    def text(self) -> str:
        return str(self.run("return document.body.innerText"))

    def all(self, selector: str) -> list[str]:
        """Return the texts of what the selector finds and a person sees."""
        script = """return [...document.querySelectorAll(arguments[0])]
            .filter((one) => one.checkVisibility()).map((one) => one.textContent)"""
        return list(self.run(script, selector))

    @property
    def messages(self) -> list[str]:
        return self.all("tr.line .message .text")

    def keys(self, *keys: str) -> None:
        """Press keys where the focus is."""
        self.browser.switch_to.active_element.send_keys(*keys)

    def with_shift(self, key: str) -> None:
        webdriver.ActionChains(self.browser).key_down(Keys.SHIFT).send_keys(key).key_up(Keys.SHIFT).perform()

    def click(self, selector: str) -> "Page":
        element = self.browser.find_element("css selector", selector)
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()
        return self

    def focus(self, selector: str) -> None:
        self.run("document.querySelector(arguments[0]).focus()", selector)

    @property
    def question(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.browser.current_url).query)


@pytest.fixture(scope="module")
def opened(browser: webdriver.Chrome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    path = tmp_path_factory.mktemp("page") / "app.log"
    streams = Streams(20)
    service = LogService(FilesBackend(path))
    with served(create_app(service, streams), streams) as address:
        yield Page(browser, address, path, service, streams)


@pytest.fixture
def page(opened: Page) -> Iterator[Page]:
    """The page over a new file; afterwards the browser has nothing to complain of."""
    levels = ["debug", "info", "info", "warning", "error", "critical"]
    opened.path.write_bytes(b"")
    for n in range(240):
        more = {"error_type": "ValueError", "stack_trace": "Traceback:\n  boom"} if n % 6 > 3 else {}
        write(
            opened.path,
            line(
                n * 10,
                f"message {n}",
                level=levels[n % 6],
                seq=n,
                trace_id=f"trace-{n // 12}",
                portfolio_id=f"p{n % 2}",
                symbol=f"S{n % 40}",
                **more,
            ),
        )
    opened.browser.get_log("browser")
    yield opened
    complaints = [entry["message"] for entry in opened.browser.get_log("browser")]
    opened.browser.get("about:blank")
    assert [] == [text for text in complaints if "/logs/stream" not in text]


def test_newest_lines_first_and_how_many_there_are(page: Page) -> None:
    """
    The page opens with the newest hundred, the count of all, and the counts by level.
    """
    page.open()

    assert [f"message {n}" for n in range(239, 139, -1)] == page.messages
    assert ["100 of 240 lines"] == page.all("#status")
    assert ["40", "80", "40", "40", "40"] == page.all("#levels .count")


def test_older_pages_follow_while_lines_are_written(page: Page) -> None:
    """
    Further pages neither lose nor repeat a line, though new ones were written after the first.
    """
    page.open()
    now = datetime.now(UTC).isoformat()
    write(page.path, *(line(0, f"late {n}", timestamp=now, seq=n) for n in range(7)))
    page.click("#more").settled()
    page.click("#more").settled()

    assert [f"message {n}" for n in range(239, -1, -1)] == page.messages
    assert [] == page.all("#more")


def test_filters_and_the_address_that_says_them(page: Page) -> None:
    """
    Text, portfolio, trace and level narrow the lines; the address alone shows the same, and Back goes back.
    """
    page.open()
    page.focus("[name=contains]")
    page.keys("message 1", Keys.TAB, "p1", Keys.TAB, "trace-1", Keys.ENTER)
    page.settled()
    page.focus("#levels [value=info]")
    page.keys(" ")
    page.settled()
    found = page.messages
    question = page.question
    page.open("?contains=message+1&portfolio_id=p1&trace_id=trace-1&level=info")
    shown = page.messages
    page.browser.back()
    page.until(lambda: "level" not in page.question)
    page.settled()

    assert ["message 19", "message 13"] == found == shown
    assert {
        "contains": ["message 1"],
        "portfolio_id": ["p1"],
        "trace_id": ["trace-1"],
        "level": ["info"],
    } == question
    assert 4 == len(page.messages)


def test_order_of_the_tab_key(page: Page) -> None:
    """
    The Tab key leads through filters, histogram and one line with its trace; arrow keys lead on from there.
    """
    page.open("?contains=message")
    page.run(
        """window.seen = [];
        addEventListener("focusin", ({target}) => seen.push(target.name || target.id || target.className));"""
    )
    webdriver.ActionChains(page.browser).send_keys(*[Keys.TAB] * 18, Keys.ARROW_DOWN).perform()

    assert [
        *["skip", "contains", "portfolio_id", "trace_id", "range", "main", "live", "language"],
        *["level"] * 5,
        *["histogram", "line critical", "link", "more"],
    ] == page.run("return seen")[:17]


def test_time_from_the_form(page: Page) -> None:
    """
    From and to, as a person enters them in local time, bound the lines.
    """
    page.open()
    page.run(
        """const local = (text) => {
            const at = new Date(text); at.setMinutes(at.getMinutes() - at.getTimezoneOffset());
            return at.toISOString().slice(0, 19);
        };
        const form = document.getElementById("filters");
        form.elements.range.value = "custom";
        form.elements.range.dispatchEvent(new Event("change", {bubbles: true}));
        form.elements.start.value = local("2026-02-26T10:00:10Z");
        form.elements.end.value = local("2026-02-26T10:00:30Z");"""
    )
    page.click("button.main").settled()

    assert ["message 2", "message 1"] == page.messages
    assert ["2026-02-26T10:00:10.000000Z"] == page.question["start_time"]


def test_details_and_filters_from_them(page: Page) -> None:
    """
    Enter opens all fields of a line; a button beside one asks for lines with the same value; a chip undoes it.
    """
    page.open("?level=critical")
    page.focus("tr.line")
    page.keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ENTER)
    fields = dict(zip(page.all(".details dt"), page.all(".details dd > :first-child"), strict=True))
    page.click('[aria-label="Only lines with symbol = S27"]').settled()
    chosen, chips = page.messages, page.all("#chips li span")
    page.click("#chips button").settled()

    assert ("message 227", "S27", "Traceback:\n  boom") == (
        fields["message"],
        fields["symbol"],
        fields["stack_trace"],
    )
    assert (["message 227", "message 107"], ["symbol = S27"]) == (chosen, chips)
    assert 40 == len(page.messages)


def test_chain_of_a_trace(page: Page) -> None:
    """
    A trace's chain, reached by click or key, is all of it in the order of time, with gaps and errors.
    """
    page.open("?level=debug").click("tr.line .trace button").settled()
    clicked = page.messages
    summary, gaps = page.all("#chain-summary"), page.all(".gap")
    page.click("#back").settled()
    page.focus("tr.line")
    page.keys("t")
    page.settled()

    assert [f"message {n}" for n in range(228, 240)] == clicked == page.messages
    assert ["12 lines in 1.83m, 4 errors"] == summary
    assert ["+0ms", *["+10s"] * 11] == gaps
    assert [[], []] == [page.all("#overview"), page.all("#more")]


def test_histogram_selects_a_range_by_pointer(page: Page) -> None:
    """
    Dragging over the histogram shows the lines of that time, exactly those that it counted.
    """
    page.open()
    area = page.browser.find_element("id", "histogram")
    chain = webdriver.ActionChains(page.browser, duration=50)
    chain.move_to_element_with_offset(area, -200, 0).click_and_hold().move_by_offset(200, 0).perform()
    told = page.run("return arguments[0].getAttribute('aria-valuetext')", area)
    chain = webdriver.ActionChains(page.browser)
    chain.release().perform()
    page.settled()

    assert page.question.keys() == {"start_time", "end_time"}
    count = re.search(r"(\d+) lines", told)[1]
    assert 0 < int(count) < 240
    assert [f"{len(page.messages)} of {count} lines"] == page.all("#status")


def test_histogram_selects_a_range_by_keys(page: Page) -> None:
    """
    Arrow keys with Shift select steps, which are read out, and Enter shows their lines.
    """
    page.open()
    page.focus("#histogram")
    page.keys(Keys.HOME, Keys.ARROW_RIGHT)
    page.with_shift(Keys.ARROW_RIGHT)
    page.with_shift(Keys.ARROW_RIGHT)
    told = page.browser.switch_to.active_element.get_attribute("aria-valuetext")
    page.keys(Keys.ENTER)
    page.settled()

    assert "9 lines, 4 errors" in told
    assert [f"message {n}" for n in range(11, 2, -1)] == page.messages


def test_live_lines(page: Page) -> None:
    """
    Live shows lines as they are written, on top; while paused they wait; there are never more than 500.
    """
    page.open("?contains=live").click("#live")
    page.until(lambda: "waiting" in page.text)
    write(page.path, line(3000, "live 1", seq=1))
    page.until(lambda: page.messages == ["live 1"])
    page.click("#pause")
    write(page.path, line(3001, "live 2", seq=2), line(3002, "live 3", seq=3))
    page.until(lambda: page.all("#status") == ["paused: 2 new"])
    held = page.messages
    page.click("#pause")
    page.until(lambda: page.messages == ["live 3", "live 2", "live 1"])
    write(page.path, *(line(3003 + n / 1000, f"live a{n}", seq=n) for n in range(600)))
    page.until(lambda: page.messages[0] == "live a599")

    assert ["live 1"] == held
    assert [f"live a{n}" for n in range(599, 99, -1)] == page.messages


def test_hostile_lines_are_text(page: Page) -> None:
    """
    No value, name or error of a line becomes markup, a script or a link, in list, details, chain and chips.
    """
    page.path.write_bytes(b"")
    write(
        page.path,
        *(
            line(n, text, seq=n, trace_id=text, logger_name=text, level=text, symbol=text, **{text: text})
            | {"error_type": text, "error_message": text, "stack_trace": f"{text}\n{text}"}
            for n, text in enumerate(HOSTILE)
        ),
    )
    page.open("?order=asc")
    for row in page.browser.find_elements("css selector", "tr.line"):
        row.click()
    page.click('#rows [aria-label^="Only lines with symbol"]').settled()
    page.click("tr.line .trace button").settled()
    page.browser.back()
    page.settled()
    page.open()

    assert HOSTILE[:5] == page.messages[:0:-1]
    assert page.run("return window.hacked") is None
    count = "return document.querySelectorAll('main :is(script, img, a, iframe, [onerror], [onload])').length"
    assert 0 == page.run(count)


def test_hidden_characters_are_shown(page: Page) -> None:
    """
    Controls, invisible characters and those that turn a text's direction are shown by their numbers, everywhere.
    """
    hidden = HOSTILE[-1]
    page.path.write_bytes(b"")
    write(page.path, line(1, hidden, trace_id=hidden, logger_name=hidden, symbol=hidden, **{hidden: hidden}))
    page.open().click("tr.line")
    shown, everything = page.messages, page.run("return document.body.outerHTML")
    page.click('#rows [aria-label^="Only lines with symbol"]').settled()
    everything += page.run("return document.body.outerHTML")
    page.click("tr.line .trace button").settled()
    everything += page.run("return document.body.outerHTML")

    assert ["userU+202Egnp.exeU+202C U+001B[31mredU+200BU+0000 U+E0041"] == shown
    assert [] == re.findall("[\u202e\u202c\x1b\u200b\x00\U000e0041]", everything)


def test_numbers_are_exact(page: Page) -> None:
    """
    A number beyond what JavaScript counts is shown, and asked for, as it stands in the line.
    """
    page.path.write_bytes(b"")
    write(
        page.path, line(1, "a", order_id=9007199254740993, price=1.0), line(2, "b", order_id=9007199254740992)
    )
    page.open()
    page.run("document.querySelectorAll('tr.line')[1].click()")
    page.click('[aria-label="Only lines with order_id = 9007199254740993"]').settled()
    page.click("tr.line")
    page.click('[aria-label="Only lines with price = 1.0"]').settled()

    assert ["a"] == page.messages


def test_chinese(page: Page) -> None:
    """
    The language can be switched, is kept, and is declared; without a choice it is the browser's.
    """
    page.open()
    english = page.run("return [document.documentElement.lang, document.title]")
    page.run("document.getElementById('language').value = 'zh'")
    page.run("document.getElementById('language').dispatchEvent(new Event('change'))")
    page.settled().open()
    chinese = page.run("return [document.documentElement.lang, document.title]")
    status = page.all("#status")
    untranslated = [text for text in page.all("[data-text]") if not re.search("[一-龥]", text)]
    page.run("localStorage.clear()")

    assert (["en", "Logs"], ["zh-CN", "日志"]) == (english, chinese)
    assert (["显示 100 / 共 240 行"], []) == (status, untranslated)


def test_both_languages_say_the_same(page: Page) -> None:
    """
    Every text is there in both languages, with the same parts to fill in, and the page uses no other.
    """
    texts = (Path(__file__).parents[1] / "ginkgo_logging/web/assets/texts.js").read_text(encoding="utf-8")
    tables = re.findall(r"const (?:ENGLISH|CHINESE) = \{(.*?)\n\};", texts, re.DOTALL)
    english, chinese = (
        {name: sorted(re.findall(r"\{\w+\}", text)) for name, text in re.findall(r'(\w+):\s+"(.*)"', table)}
        for table in tables
    )
    named = page.open().run(
        """return [...document.querySelectorAll("[data-text], [data-label]")]
            .flatMap((one) => [one.dataset.text, one.dataset.label].filter(Boolean))"""
    )

    assert len(english) > 40
    assert english == chinese
    assert [] == [name for name in named if name not in english]


def test_store_that_fails_is_told_and_asked_again(page: Page) -> None:
    """
    A store that cannot answer is not taken for an empty one; when it can again, a button asks it.
    """
    there = page.service.backend
    page.service.backend = Failing()
    page.open()
    told, shown = page.all("#problem strong"), page.all("tr.line, #empty")
    page.service.backend = there
    page.click("#retry").settled()
    page.browser.get_log("browser")  # which complains of the 503

    assert (["The log store cannot answer now."], []) == (told, shown)
    assert ([], 100) == (page.all("#problem"), len(page.messages))


def test_live_comes_back(page: Page) -> None:
    """
    When the stream's store fails, the page says so, connects again, and shows what was written meanwhile.
    """
    there = page.service.backend
    page.open("?contains=live").click("#live")
    page.until(lambda: "waiting" in page.text)
    page.service.backend = Failing()
    page.streams.ending = True
    page.until(lambda: "trying again" in page.text)
    page.streams.ending = False
    write(page.path, line(3000, "live 1", seq=1))
    page.service.backend = there
    page.until(lambda: page.messages == ["live 1"])
    page.browser.get_log("browser")


def test_wrong_question_in_the_address(page: Page) -> None:
    """
    An address that asks what cannot be asked says why.
    """
    page.open("?field=limit:1")
    page.browser.get_log("browser")

    assert ["The question is not right."] == page.all("#problem strong")
    assert "field: 'limit'" in page.all("#problem span")[0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_read(page: Page, scheme: str) -> None:
    """
    Every text has the contrast that WCAG asks for, 4.5 to 1, in light and dark.
    """
    emulate = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", emulate)
    page.open("?chain=trace-1").click("tr.line")
    page.run("document.querySelectorAll('tr.line')[4].click()")
    poor = page.run(_CONTRAST)
    ground = page.run("return getComputedStyle(document.body).backgroundColor")
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    assert [] == poor
    assert (scheme == "light") == (ground == "rgb(255, 255, 255)")


@pytest.mark.parametrize("question", ["", "?chain=trace-1", "?start_time=2026-02-26T10:00:00Z"])
def test_small_screen(page: Page, question: str) -> None:
    """
    At 360 pixels nothing is wider than the screen, and time, level and message of a line are to be seen.
    """
    small = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", small)
    page.open(question).run("document.querySelector('tr.line').click()")
    width = page.run("return document.documentElement.scrollWidth")
    cells = page.run(
        """return ["time", ".badge", ".text"].map((name) =>
            document.querySelector("tr.line " + name).getBoundingClientRect())
            .map((box) => box.width > 0 && box.height > 8 && box.right <= 360)"""
    )
    page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    assert (360, [True] * 3) == (width, cells)


def test_everything_has_a_name(page: Page) -> None:
    """
    Each control has a name for those who do not see it, by the browser's own reckoning.
    """
    page.open("?field=symbol:S1").click("tr.line")
    tree = page.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    controls = {
        "button",
        "textbox",
        "searchbox",
        "combobox",
        "checkbox",
        "slider",
        "treegrid",
        "link",
        "form",
    }
    nameless = [
        json.dumps(node["role"])
        for node in tree
        if not node["ignored"] and node["role"]["value"] in controls and not node.get("name", {}).get("value")
    ]

    assert [] == nameless


_CONTRAST = """
const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map((one) => one / 255)
    .map((one) => one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
    .reduce((sum, one, at) => sum + one * [0.2126, 0.7152, 0.0722][at], 0);
const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
        const colour = parts(getComputedStyle(at).backgroundColor);
        if (colour[3] !== 0) return colour;
    }
    return [255, 255, 255];
};
const poor = new Set();
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility() || element.tagName === "OPTION") continue;
    const [a, b] = [light(parts(getComputedStyle(element).color)), light(ground(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const name = `${element.tagName}.${element.className} ${contrast.toFixed(2)}`;
    if (contrast < 4.5) poor.add(name);
}
return [...poor];
"""
