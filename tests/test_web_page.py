"""The page, in a real headless Chromium: what a person sees of the lines, and that no line can do anything."""

import json
import re
import shutil
import time
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver import Keys
from selenium.webdriver.chrome.service import Service
from waiting import until
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
        return until(is_so, lambda: self.text)

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


def test_one_is_not_many(page: Page) -> None:
    """
    One line with one error is neither lines nor errors.
    """
    page.path.write_bytes(b"")
    write(page.path, line(1, "a", level="error", trace_id="t"))
    page.open()
    status = page.all("#status")
    page.click("tr.line .trace .link").settled()

    assert (["1 of 1 line"], ["1 line in 0ms, 1 error"]) == (status, page.all("#chain-summary"))


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
    chinese_texts = re.findall(r'"(.*)"', tables[1])
    named = page.open().run(
        """return [...document.querySelectorAll("[data-text], [data-label]")]
            .flatMap((one) => [one.dataset.text, one.dataset.label].filter(Boolean))"""
    )

    assert len(english) > 40
    assert english == chinese
    assert [] == [name for name in named if name not in english]
    assert [] == [text for text in chinese_texts if re.search("[,:;!?]", re.sub("[0-9]:[0-9]", "", text))]


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
    page.open("?contains=message&field=symbol:S1&range=7d")
    poor = page.run(_CONTRAST)
    page.open("?contains=o").click("tr.line")
    poor += page.run(_CONTRAST)
    page.open("?chain=trace-1").click("tr.line")
    page.run("document.querySelectorAll('tr.line')[4].click()")
    poor += page.run(_CONTRAST)
    ground = page.run("return getComputedStyle(document.body).backgroundColor")
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    assert [] == poor
    assert (scheme == "light") == (ground == "rgb(255, 255, 255)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_controls_can_be_seen_and_hit(page: Page, scheme: str) -> None:
    """
    The edge of what can be filled in or ticked has a contrast of 3 to 1, and no button is smaller than 24 pixels.
    """
    emulate = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", emulate)
    page.open("?range=7d").click("#chips button").settled().click("tr.line")
    contrasts, small = page.run(_CONTROLS)
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    assert 10 == len(contrasts)
    assert 3 <= min(contrasts)
    assert [] == small


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


# --- what is asked, and how a person comes back -----------------------------------------------------------------


@pytest.mark.parametrize("width", [360, 400, 1400])
def test_time_fields_show_the_whole_time(page: Page, width: int) -> None:
    """
    From and to show date and time, in the form of the table, on wide and narrow screens.
    """
    screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 760}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    page.open("?start_time=2026-02-26T10:00:10Z&end_time=2026-02-26T10:30:00Z")
    if width < 760:
        page.click("#fold")
    fields = page.run(
        """return ["start", "end"].map((name) => document.querySelector(`[name=${name}]`))
            .map((field) => [field.value, field.clientWidth >= field.scrollWidth && field.clientWidth > 100])"""
    )
    page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    assert [True, True] == [is_whole for _, is_whole in fields]
    assert all(re.fullmatch(r"2026-02-\d\d \d\d:\d\d:\d\d", shown) for shown, _ in fields)


@pytest.mark.parametrize(
    ("start", "end", "wrong", "told"),
    [
        ("yesterday", "", "start", "“yesterday” is no time."),
        ("2026-02-30 10:00", "", "start", "“2026-02-30 10:00” is no time."),
        ("2026-02-26", "2026-02-26 24:00:00", "end", "“2026-02-26 24:00:00” is no time."),
        ("2026-02-26 10:00", "2026-02-26 09:59:59", "end", "The end is before the start."),
    ],
)
def test_wrong_times_are_told(page: Page, start: str, end: str, wrong: str, told: str) -> None:
    """
    A time that is none is not asked for: the form says so, marks the field and has the focus in it.
    """
    page.open()
    page.run("document.querySelector('[name=range]').focus()")
    page.keys(Keys.END)
    page.keys(start, Keys.TAB, end, Keys.ENTER)

    assert told in page.all("#moment-problem")[0]
    assert [wrong, "true"] == page.run(
        "return [document.activeElement.name, document.activeElement.getAttribute('aria-invalid')]"
    )
    assert {} == page.question


def test_times_are_taken_as_people_write_them(page: Page) -> None:
    """
    A date alone, minutes, fractions and zones: what is left out is zero, and without a zone it is local time.
    """
    texts = [
        "2026-02-26",
        "2026-02-26 10:01",
        "2026-02-26T10:01:02.5Z",
        "2026-02-26 10:01:02 +08:00",
        "10:01",
    ]
    found = page.open().browser.execute_async_script(
        """const [texts, done] = arguments;
        import("/logs/ui/time.js").then(({fromText, rfc3339}) => done(texts.map((text) => {
            const moment = fromText(text);
            return moment === null ? null : rfc3339(moment);
        })));""",
        texts,
    )
    local = [datetime(2026, 2, 26).astimezone(UTC), datetime(2026, 2, 26, 10, 1).astimezone(UTC)]

    assert [
        *[f"{moment:%Y-%m-%dT%H:%M:%S}.000000Z" for moment in local],
        "2026-02-26T10:01:02.500000Z",
        "2026-02-26T02:01:02.000000Z",
        None,
    ] == found


def test_selection_lies_over_the_bars(page: Page) -> None:
    """
    What is selected in the histogram is seen on the bars: drawn last, with an edge, and transparent.
    """
    page.open().focus("#histogram")
    page.with_shift(Keys.ARROW_LEFT)
    name, opacity, stroke = page.run(
        """const last = document.querySelector("#histogram svg").lastElementChild;
        const style = getComputedStyle(last);
        return [last.getAttribute("class"), Number(style.fillOpacity), style.stroke];"""
    )

    assert ("selection", True, True) == (name, 0 < opacity < 0.5, stroke != "none")


def test_histogram_has_times_and_its_highest_bar(page: Page) -> None:
    """
    The axis has ticks at round times, and the highest bar says how many lines it has.
    """
    page.open()
    labels = page.all("#histogram text:not(.peak)")

    assert len(labels) > 4
    assert all(re.fullmatch(r"\d\d:\d[05](:\d\d)?|\d\d-\d\d", label) for label in labels)
    assert ["3"] == page.all("#histogram .peak")


def test_time_can_be_widened_and_removed(page: Page) -> None:
    """
    A button doubles the time that is shown; a chip names the time and takes it away.
    """
    page.open("?start_time=2026-02-26T10:10:00Z&end_time=2026-02-26T10:20:00Z")
    (chip,) = page.all("#chips li span")
    page.click("#zoom-out").settled()
    wide = page.question
    page.click("#chips button").settled()

    assert re.fullmatch(r"2026-02-26 \d\d:10:00 – \d\d:20:00", chip)
    assert {
        "start_time": ["2026-02-26T10:05:00.000000Z"],
        "end_time": ["2026-02-26T10:25:00.000000Z"],
    } == wide
    assert ({}, ["100 of 240 lines"]) == (page.question, page.all("#status"))


def test_all_filters_are_cleared_at_once(page: Page) -> None:
    """
    One button takes away all that is asked.
    """
    page.open("?contains=message&level=info&field=symbol:S1").click("#chips .clear").settled()

    assert ({}, "") == (page.question, page.run("return document.querySelector('[name=contains]').value"))
    assert ["100 of 240 lines"] == page.all("#status")


def test_nothing_found_says_what_was_asked(page: Page) -> None:
    """
    Where no line matches, the page says what it asked, and offers all times.
    """
    page.open("?contains=message&level=info&start_time=2026-02-26T11:00:00Z")
    told = page.all("#empty p")
    page.click("#empty button").settled()

    assert "No line matches." == told[0]
    assert re.fullmatch(r"Asked: Text message · info · from 2026-02-26 \d\d:00:00", told[1])
    assert ["80 of 80 lines"] == page.all("#status")


def test_beginning_of_a_traces_id(page: Page) -> None:
    """
    The beginning of an id finds a trace that is shown; of another the page says that it needs the whole.
    """
    traces = ["062e61f3b5c14e3e1882a3de7a457bb6", "162e61f3b5c14e3e1882a3de7a457bb6"]
    page.path.write_bytes(b"")
    write(page.path, *(line(n, f"line {n}", trace_id=trace) for n, trace in enumerate(traces)))
    page.open().focus("[name=trace_id]")
    page.keys("062e61f3…", Keys.ENTER)
    page.settled()
    found, asked = page.messages, page.question
    page.focus("[name=trace_id]")
    page.keys(Keys.CONTROL, "a", Keys.NULL, "162e61f3", Keys.ENTER)
    page.settled()

    assert (["line 0"], {"trace_id": [traces[0]]}) == (found, asked)
    assert ["A trace is found by its whole id. This looks like the beginning of one."] == page.all(
        "#empty p"
    )[2:]


def test_typed_text_stays(page: Page) -> None:
    """
    What is typed but not asked yet is asked with a bar or a value, and still there after a trace.
    """
    page.open().focus("[name=contains]")
    page.keys("message 2")
    page.click("tr.line .trace .link").settled()
    page.click("#back").settled()
    typed = page.run("return document.querySelector('[name=contains]').value")
    page.click("tr.line").click('[aria-label="Only lines with portfolio_id = p1"]').settled()
    question = page.question
    page.focus("[name=contains]")
    page.keys("3")
    page.focus("#histogram")
    page.keys(Keys.END, Keys.ENTER)
    page.settled()

    assert "message 2" == typed
    assert {"contains": ["message 2"], "portfolio_id": ["p1"]} == question
    assert (["message 23"], ["message 239", "message 237"]) == (page.question["contains"], page.messages)


def test_searched_text_is_marked(page: Page) -> None:
    """
    The text that was searched stands out, in the list and in the details, however hidden its characters are.
    """
    page.path.write_bytes(b"")
    write(page.path, line(1, "a <b>\u202e and <b>\u202e", error_type="E", stack_trace="x\n<b>\u202e"))
    page.open("?contains=%3Cb%3E%E2%80%AE").click("tr.line")

    assert ["<b>U+202E"] * 2 == page.all("tr.line mark")
    assert ["<b>U+202E"] * 3 == page.all(".details mark")


def test_details_begin_with_what_happened(page: Page) -> None:
    """
    Message and error come first, then the other fields as they stand in the line.
    """
    page.open("?level=critical").click("tr.line")

    assert [
        *["message", "error_type", "stack_trace", "timestamp", "level", "logger_name", "log_category"],
        *["seq", "trace_id", "portfolio_id", "symbol"],
    ] == page.all(".details dt")


def test_ids_are_copied_whole(page: Page) -> None:
    """
    A trace's id is copied whole from its line, by button or key, and from its chain.
    """
    page.browser.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    )
    page.open()
    page.run("window.copied = []; navigator.clipboard.writeText = async (text) => { copied.push(text); };")
    page.click("tr.line .copy-id")
    page.focus("tr.line")
    page.keys(Keys.ARROW_DOWN, "c")
    page.click("tr.line .trace .link").settled().click("#chain-copy")

    assert ["trace-19"] * 3 == page.run("return copied")


def test_way_through_a_chain(page: Page) -> None:
    """
    A chain is entered at the line from which it was asked, shows times since its start, and leads to its errors.
    """
    page.open().focus("tr.line")
    page.keys(*[Keys.ARROW_DOWN] * 4, "t")
    page.settled()
    focused = "return document.activeElement.querySelector('.text')?.textContent"
    began, offsets, title = page.run(focused), page.all(".offset"), page.browser.title
    page.keys("e")
    errors = [page.run(focused)]
    page.keys("E", "E")
    errors.append(page.run(focused))
    page.click("#error-after")
    errors.append(page.run(focused))

    assert "message 235" == began
    assert ["0ms", "10s", "20s"] == offsets[:3]
    assert ["message 238", "message 232", "message 233"] == errors
    assert "Trace trace-19 – Logs" == title


@pytest.mark.parametrize("way", ["escape", "button", "back"])
def test_back_from_a_chain_finds_the_place(page: Page, way: str) -> None:
    """
    Back from a chain, in whatever way, all lines are there as they were: those loaded, the place, the focus.
    """
    page.open("?contains=message").click("#more").settled()
    page.run("document.querySelectorAll('tr.line')[150].focus()")
    page.run("document.querySelectorAll('tr.line')[150].scrollIntoView({block: 'center'})")
    page.until(lambda: page.run("return scrollY") > 1000)
    before, status = page.run("return scrollY"), page.all("#status")
    page.run(
        "window.asked = 0; const fetched = fetch; fetch = (...all) => { asked += 1; return fetched(...all); }"
    )
    page.keys("t")
    page.settled()
    hidden = page.all("#levels, #fields, #live, #overview, #status")
    if way == "escape":
        page.keys(Keys.ESCAPE)
    elif way == "button":
        page.click("#back")
    else:
        page.browser.back()
    page.until(lambda: "chain" not in page.question)
    page.settled()

    assert [] == hidden
    assert (200, before, status) == (len(page.messages), page.run("return scrollY"), page.all("#status"))
    assert "message 89" == page.run("return document.activeElement.querySelector('.text').textContent")
    assert 1 == page.run("return asked")


def test_back_from_a_chain_to_live(page: Page) -> None:
    """
    Back from a chain that was asked while live, it is live again, with what came meanwhile.
    """
    page.open("?contains=live").click("#live")
    page.until(lambda: "waiting" in page.text)
    write(page.path, line(3000, "live 1", seq=1, trace_id="trace-1"))
    page.until(lambda: page.messages == ["live 1"])
    page.click("tr.line .trace .link").settled()
    write(page.path, line(3001, "live 2", seq=2))
    page.click("#back")

    page.until(lambda: page.messages == ["live 2", "live 1"])
    assert {"contains": ["live"], "live": ["1"]} == page.question


def test_focus_is_never_lost(page: Page) -> None:
    """
    After a trace, Back, a value, a chip and the last page, the keyboard goes on from the lines.
    """
    page.open().focus("tr.line")
    focused = "return document.activeElement.closest('tr, li')?.className ?? document.activeElement.id"
    where = []
    page.keys("t")
    where.append(page.settled().run(focused))
    page.browser.back()
    page.until(lambda: "chain" not in page.question)
    where.append(page.settled().run(focused))
    page.keys(Keys.ENTER)
    page.focus('[aria-label="Only lines with symbol = S39"]')
    page.keys(Keys.ENTER)
    where.append(page.settled().run(focused))
    page.focus("#chips button")
    page.keys(Keys.ENTER)
    where.append(page.settled().run(focused))
    for _ in range(2):
        page.focus("#more")
        page.keys(Keys.ENTER)
        where.append(page.settled().run(focused))

    assert ["line critical"] * 4 == where[:4]
    assert ["more", "line error"] == where[4:]


def test_question_is_in_the_title(page: Page) -> None:
    """
    The browser's tab says what is asked.
    """
    assert "Logs" == page.open().browser.title
    page.open("?contains=fill&level=error&field=symbol:S1")
    assert "Text fill · error · symbol = S1 – Logs" == page.browser.title


def test_portfolios_are_offered(page: Page) -> None:
    """
    The field for a portfolio offers those that were seen.
    """
    page.open()

    assert {"p0", "p1"} == set(
        page.run("return [...document.querySelectorAll('#portfolios option')].map((o) => o.value)")
    )


def test_filters_fold_on_a_small_screen(page: Page) -> None:
    """
    On a narrow screen the lines come soon: what is seldom changed is behind a button.
    """
    small = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", small)
    page.open()
    seen = """return ["contains", "portfolio_id", "level"]
        .map((name) => document.querySelector(`[name=${name}]`).checkVisibility())"""
    folded = page.run(seen)
    top = page.run("return document.querySelector('tr.line').getBoundingClientRect().top")
    names = [*page.all("#fold"), *page.open("?level=info&portfolio_id=p1").all("#fold")]
    page.click("#fold")
    unfolded = page.run(seen), page.run("return document.getElementById('fold').ariaExpanded")
    page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    assert ([True, False, False], ([True] * 3, "true")) == (folded, unfolded)
    assert ["Filters", "Filters (2)"] == names
    assert top < 300


def test_chain_on_a_small_screen(page: Page) -> None:
    """
    On a narrow screen each line of a chain shows its time, the times since, and its level, none cut off.
    """
    small = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", small)
    page.open("?chain=trace-1")
    cut = page.run(
        """return [...document.querySelectorAll("tr.line :is(.when, .level)")]
            .filter((cell) => cell.scrollWidth > cell.clientWidth || !cell.clientWidth).length"""
    )
    shown = page.all(".offset, .gap")
    page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    assert (0, 24) == (cut, len(shown))


# --- what goes wrong --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["constructor", "__proto__", "toString", "hasOwnProperty"])
def test_names_that_javascript_has(page: Page, name: str) -> None:
    """
    A level, a time or a field named as something that every object has is nothing special.
    """
    write(page.path, line(3000, "odd", level=name, logger_name=name, **{name: name}))
    page.open(f"?range={name}&level={name}").click("tr.line")

    assert (["odd"], []) == (page.messages[:1], page.all("#problem"))
    assert [name] == page.all("tr.line .logger")[:1]


def test_line_that_cannot_be_shown_is_shown_as_it_is(page: Page) -> None:
    """
    A row that is no line, or has no time, costs the other lines nothing.
    """
    rows = [None, {"timestamp": 5, "message": {"a": 1}, "level": {}}, {"timestamp": "never", "message": "x"}]
    shown = page.open().browser.execute_async_script(
        """const [rows, done] = arguments;
        import("/logs/ui/line.js").then(({rowOf}) => done(rows.map((line) => rowOf(line).textContent)));""",
        rows,
    )
    page.browser.get_log("browser")  # which has a warning of the first

    assert "null" == shown[0]
    assert shown[1].startswith("5{") or "5" == shown[1][0]
    assert "neverx" == shown[2]


def test_fault_of_the_page_is_told_as_such(page: Page) -> None:
    """
    What goes wrong within the page is not blamed on the server.
    """
    page.open().run("Number.prototype.toLocaleString = () => { throw new Error('oops'); }")
    page.click("button.main").settled()
    complaints = [entry["message"] for entry in page.browser.get_log("browser")]

    assert (["The page has a fault."], ["oops"]) == (page.all("#problem strong"), page.all("#problem span"))
    assert "oops" in complaints[0]


def test_counts_belong_to_the_question(page: Page) -> None:
    """
    Counts, histogram and status are gone with their question: in a chain, live, and when there is no answer.
    """
    there = page.service.backend
    counts = "return [...document.querySelectorAll('.count')].map((one) => one.textContent).join('')"
    page.open("?range=custom&start_time=2026-02-26T10:00:00Z").click("tr.line .trace .link").settled()
    chain = page.run(counts), page.run("return document.getElementById('status').textContent")
    page.click("#back").settled().click("#live")
    page.until(lambda: "live: 100 lines" in page.text)
    live = page.run(counts), page.all(".range, .moment, #overview, #chips li")
    page.click("#live").settled()
    page.service.backend = Failing()
    page.click("button.main").settled()
    failed = page.run(counts), page.all("#status, #histogram .peak, #histogram-read")
    page.service.backend = there
    page.browser.get_log("browser")

    assert ("", "") == chain
    assert ("", []) == live
    assert ("", ["", ""]) == failed


def test_failed_older_lines(page: Page) -> None:
    """
    When older lines cannot be had, that is said below those that are there, which stay, and the rest comes later.
    """
    there = page.service.backend
    page.open()
    page.service.backend = Failing()
    page.focus("#more")
    page.keys(Keys.ENTER)
    page.settled()
    is_seen = page.run(
        """const box = document.getElementById("problem").getBoundingClientRect();
        return box.top > 0 && box.bottom <= innerHeight;"""
    )
    kept, focused = len(page.messages), page.run("return document.activeElement.id")
    page.service.backend = there
    page.keys(Keys.ENTER)
    page.until(lambda: len(page.messages) == 200)
    page.browser.get_log("browser")

    assert (True, 100, "retry") == (is_seen, kept, focused)
    assert [] == page.settled().all("#problem")


def test_failed_histogram(page: Page) -> None:
    """
    When lines come but their counts do not, the lines are shown with the problem above, and all is asked again.
    """
    there = page.service.backend

    class Uncounted(FilesBackend):
        def histogram(self, query: Query, step: int) -> dict[int, dict[str, int]]:
            raise ServiceUnavailable("overloaded")

    page.service.backend = Uncounted(page.path)
    page.open()
    told = page.all("#problem strong"), len(page.messages), page.all("#status")
    page.service.backend = there
    page.click("#retry").settled()
    page.browser.get_log("browser")

    assert (["The log store cannot answer now."], 100, ["100 lines"]) == told
    assert (100, ["100 of 240 lines"]) == (len(page.messages), page.all("#status"))


# --- live -------------------------------------------------------------------------------------------------------


def test_live_page_that_nobody_sees_holds_no_connection(page: Page) -> None:
    """
    A live page in a hidden tab gives its connection back, so that any number of them may be open; seen again,
    it shows what was written meanwhile.
    """
    first = page.browser.current_window_handle
    page.browser.get(f"{page.address}/logs/ui/?contains=live&live=1")
    page.until(lambda: "waiting" in page.text)
    write(page.path, line(3000, "live 1", seq=1))
    page.until(lambda: page.messages == ["live 1"])
    for _ in range(7):
        page.browser.switch_to.new_window("tab")
        page.browser.get(f"{page.address}/logs/ui/?contains=live&live=1")
        page.until(lambda: page.messages == ["live 1"])
    page.until(lambda: page.streams.open == 1)
    write(page.path, *(line(3001 + n / 1000, f"live a{n}", seq=n) for n in range(300)))
    for handle in set(page.browser.window_handles) - {first}:
        page.browser.switch_to.window(handle)
        page.browser.close()
    page.browser.switch_to.window(first)

    page.until(lambda: page.messages == [*(f"live a{n}" for n in range(299, -1, -1)), "live 1"])


def test_paused_page_says_what_it_drops(page: Page) -> None:
    """
    While paused every new line is counted; how many wait is said, and where some are missing afterwards.
    """
    page.open("?contains=live").click("#live")
    page.until(lambda: "waiting" in page.text)
    write(page.path, line(2999, "live 0", seq=0))
    page.until(lambda: page.messages == ["live 0"])
    page.click("#pause")
    write(page.path, *(line(3000 + n / 1000, f"live a{n}", seq=n) for n in range(620)))
    page.until(lambda: page.all("#status") == ["paused: 620 new, of which the newest 500 are kept"])
    page.click("#pause")
    page.until(lambda: len(page.messages) == 500)

    assert "live a619" == page.messages[0]
    write(page.path, line(3010, "live z", seq=1))
    page.until(lambda: page.messages[0] == "live z")


def test_hole_is_shown(page: Page) -> None:
    """
    Where lines are left out among those that are shown, the list says so.
    """
    page.open("?contains=live").click("#live")
    page.until(lambda: "waiting" in page.text)
    shown = page.browser.execute_async_script(
        """const [done] = arguments;
        Promise.all([import("/logs/ui/rows.js"), import("/logs/ui/live.js")]).then(([{Listing}, {HOLE}]) => {
            const table = document.getElementById("rows");
            const listing = new Listing(table, {});
            listing.prepend([{timestamp: "2026-02-26T10:00:00Z", message: "before"}], 500);
            listing.prepend([HOLE, {timestamp: "2026-02-26T10:00:01Z", message: "after"}], 500);
            const text = (row) => (row.querySelector(".text") ?? row).textContent;
            done([...table.tBodies[0].rows].map(text));
        });"""
    )

    assert ["after", "Here lines are left out: there were too many.", "before"] == shown


def test_all_streams_are_taken(page: Page) -> None:
    """
    When the server has no stream left, the page says that, and connects when there is one.
    """
    limit, page.streams.limit = page.streams.limit, 0
    page.browser.get(f"{page.address}/logs/ui/?contains=live&live=1")
    page.until(lambda: "As many streams are open as the server allows" in page.text)
    page.streams.limit = limit
    page.until(lambda: "waiting" in page.text)
    page.browser.get_log("browser")


def test_store_that_is_down_is_asked_less_and_less(page: Page) -> None:
    """
    While the stream cannot be had, the page waits longer and longer before it asks again.
    """
    there, asked = page.service.backend, []

    class Down(Failing):
        def tail(self, query: Query) -> Generator[Row | None, None, None]:
            asked.append(time.monotonic())
            return super().tail(query)

    page.service.backend = Down()
    page.browser.get(f"{page.address}/logs/ui/?live=1")
    page.until(lambda: len(asked) == 4)
    page.service.backend = there
    page.until(lambda: "live: 100 lines" in page.text)
    page.browser.get_log("browser")
    waits = [after - before for before, after in pairwise(asked)]

    assert waits[0] * 1.5 < waits[1]
    assert waits[1] * 1.5 < waits[2]


_LIGHT = """
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
"""

_CONTRAST = (
    _LIGHT
    + """
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
)

_CONTROLS = (
    _LIGHT
    + """
const contrasts = [...document.querySelectorAll("input:not([type=checkbox]), select, #levels label")]
    .filter((one) => one.checkVisibility())
    .map((one) => {
        const [a, b] = [light(parts(getComputedStyle(one).borderTopColor)), light(ground(one.parentElement))];
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    });
const small = [...document.querySelectorAll("button:not(.link, .copy-id)")]
    .filter((one) => one.checkVisibility())
    .map((one) => one.getBoundingClientRect())
    .filter((box) => box.width < 24 || box.height < 24);
return [contrasts, small];
"""
)
