"""The portal in a real browser: a server thread over an office, Chromium at the desk and on a phone, in both schemes.

def test_…(served: Served) -> None:
    page = served.at("choi", DESK)            # signed in
    page.goto("/inbox")
    looked(page, "inbox")                     # build/screens/inbox-desk-light.png and three more
"""

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from deployments.portal import server
from deployments.ports import bound
from portal.who.asking import COOKIE

if TYPE_CHECKING:  # whose fixtures these are
    from tests.portal.conftest import Office

SCREENS = Path(__file__).parents[2] / "build" / "screens"
CHROMIUM = shutil.which("chromium") or ""
GRAVE = ("serious", "critical")
READY_S = 120


@dataclass(frozen=True)
class Screen:
    """How big it is, and which scheme its owner likes."""

    name: str
    width: int
    height: int
    scheme: str = "light"
    touch: bool = False

    @property
    def label(self) -> str:
        return f"{self.name}-{self.scheme}"


DESK, DESK_DARK = Screen("desk", 1280, 900), Screen("desk", 1280, 900, "dark")
PHONE, PHONE_DARK = Screen("phone", 360, 780, touch=True), Screen("phone", 360, 780, "dark", touch=True)
WIDE = Screen("wide", 1920, 1080)
SCREENS_ALL = (DESK, DESK_DARK, PHONE, PHONE_DARK)
AXED = (DESK, PHONE_DARK)  # each size and each scheme once


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; the test is skipped where there is none. Ends with its module: while Playwright is at work its
    event loop counts as running, and other tests start their own."""
    if not CHROMIUM:
        pytest.skip("There is no Chromium here: `apt-get install chromium` brings one.")
    expect.set_options(timeout=30_000)  # five seconds are little where two cores do everything
    with sync_playwright() as playwright, launched(playwright) as browser:
        yield browser


@contextmanager
def launched(playwright: Playwright) -> Iterator[Browser]:
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=as_root)
    yield browser
    browser.close()


@dataclass
class Served:
    """An office whose portal is served, and browsers in it. Whatever a page reports as an error is kept in `errors`."""

    office: "Office"
    address: str
    chromium: Browser
    errors: list[str] = field(default_factory=list)
    _open: ExitStack = field(default_factory=ExitStack)

    def at(self, person: str, screen: Screen = DESK, language: str = "en") -> Page:
        """His browser, signed in."""
        page = self.browser(screen, language)
        cookie = self.office.at(person).cookies[COOKIE]
        page.context.add_cookies([{"name": COOKIE, "value": cookie, "url": self.address, "httpOnly": True}])
        return page

    def browser(self, screen: Screen = DESK, language: str = "en") -> Page:
        """Of nobody yet."""
        context = self.chromium.new_context(
            base_url=self.address, viewport={"width": screen.width, "height": screen.height}, locale=language,
            color_scheme="dark" if screen.scheme == "dark" else "light", has_touch=screen.touch,
            device_scale_factor=1, reduced_motion="reduce")  # fmt: skip
        self._open.callback(context.close)
        context.add_cookies([{"name": "language", "value": language, "url": self.address}])
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if _is_ours(said) else None)
        return page

    def close(self) -> None:
        self._open.close()


def _is_ours(said: Any) -> bool:
    """An error of the page itself; that an address answered 4xx is the test's own business."""
    return said.type == "error" and "Failed to load resource" not in said.text


@contextmanager
def serving(office: "Office") -> Iterator[str]:
    """The address of the office's portal, served on a free port for as long as the block lasts."""
    there = bound(0)
    made = server(office.app)
    thread = threading.Thread(target=made.run, kwargs={"sockets": [there]})
    thread.start()
    try:
        until = time.monotonic() + READY_S
        while not made.started and thread.is_alive() and time.monotonic() < until:
            time.sleep(0.01)
        assert made.started
        yield f"http://127.0.0.1:{_port(there)}"
    finally:
        made.should_exit = True
        thread.join(READY_S)
        there.close()


def _port(there: socket.socket) -> int:
    return int(there.getsockname()[1])


@contextmanager
def in_browsers(office: "Office", chromium: Browser) -> Iterator[Served]:
    """The office served and seen; at the end no page may have reported an error."""
    with serving(office) as address:
        made = Served(office, address, chromium)
        try:
            yield made
        finally:
            made.close()
        assert made.errors == []


@pytest.fixture
def served(office: "Office", chromium: Browser) -> Iterator[Served]:
    with in_browsers(office, chromium) as made:
        yield made


def kept(page: Page, name: str) -> Path:
    """The whole page as a picture, named by page, size and scheme, to be looked at."""
    size = page.viewport_size
    assert size
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    screen = "wide" if size["width"] > DESK.width else "desk" if size["width"] > 640 else "phone"
    path = SCREENS / f"{name}-{screen}-{'dark' if dark else 'light'}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({**size, "height": max(whole, size["height"])})  # what sticks to the edge stays at the edge
    page.screenshot(path=path)
    page.set_viewport_size(size)
    return path


def assert_accessible(page: Page) -> None:
    """axe-core finds no serious or critical issue."""
    found = Axe().run(page).response["violations"]
    grave = [f"{v['id']} ({v['impact']}): {n['target']} {n['failureSummary']}" for v in found if v["impact"] in GRAVE
             for n in v["nodes"]]  # fmt: skip
    assert grave == [], "\n".join(grave)


def assert_nothing_sideways(page: Page) -> None:
    """The page itself is never scrolled sideways; a wide table scrolls in its own frame."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{page.url}: {wide} px too wide"


def looked(page: Page, name: str, screens: Sequence[Screen] = SCREENS_ALL) -> None:
    """The page as it stands, on each screen: a picture, nothing sideways, and on two nothing grave for axe."""
    before, dark = page.viewport_size, page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert before
    for screen in screens:
        page.set_viewport_size({"width": screen.width, "height": screen.height})
        page.emulate_media(color_scheme="dark" if screen.scheme == "dark" else "light")
        kept(page, name)
        assert_nothing_sideways(page)
        if screen in AXED:
            assert_accessible(page)
    page.set_viewport_size(before)
    page.emulate_media(color_scheme="dark" if dark else "light")
