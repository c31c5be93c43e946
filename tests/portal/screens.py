"""The README's pictures, `make screenshots`: the demo's bank lives its quarter, people of each role sign in, and what they
see goes to docs/screens as small WebP, at the desk and on a phone."""

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from anyio.from_thread import start_blocking_portal
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from deployments.commands.run import quiet
from deployments.demo import accounts, last_day, live
from deployments.serve import server
from door.db import connect
from door.eligible import eligible
from door.store import read_case
from tasks import books
from tasks.dossier import PACKAGES, answers
from tasks.house import House
from tests.portal.browser import CHROMIUM, Screen, Served, in_browsers, launched
from tests.portal.conftest import PASSWORD, Office
from tests.portal.day import Day
from tests.portal.links import link
from tests.portal.test_days_inspector import answers as typed
from tests.portal.test_visit import of

FOLDER = Path(__file__).parents[2] / "docs" / "screens"
DESK, PHONE = Screen("desk", 1180, 740), Screen("phone", 390, 780, touch=True)
MOST = {DESK.name: 52_000, PHONE.name: 34_000}  # bytes


def main(seed: int = 1, loans: int = 2000) -> None:
    if not CHROMIUM:
        sys.exit("There is no Chromium here: `apt-get install chromium` brings one.")
    with TemporaryDirectory() as folder:
        home = Path(folder)
        url = f"sqlite:///{home / 'postloan.db'}"
        quiet(home / "prefect")
        live(
            seed,
            loans,
            url,
            home,
            server(home / "prefect"),
            lambda what, week, weeks: print(f"{week}/{weeks} {what}", flush=True),
            goes_on=True,
        )
        taken(url, home)


def taken(url: str, home: Path) -> None:
    """Of the bank that lives there, with its Prefect server."""
    with server(home / "prefect") as prefect, start_blocking_portal() as loop:
        office = Office(House(url, home, today=last_day), url, loop)
        office.app.state.portal.prefect = lambda: prefect
        with sync_playwright() as playwright, launched(playwright) as chromium, in_browsers(office, chromium) as served:
            for name, screen, page in Bank(office).pages(served):
                kept(page, f"{name}-{screen.name}", MOST[screen.name])
        office.close()


class Bank:
    def __init__(self, office: Office) -> None:
        self.office, self.day = office, last_day().isoformat()
        with connect(office.url) as db:
            self.people = {role: person for role, person, _ in accounts(db, last_day(), PASSWORD)}

    def pages(self, served: Served) -> Iterator[tuple[str, Screen, Page]]:
        """Each as it is to be kept, one after the other."""
        manager = self.people["account_manager"]
        yield "inbox", DESK, Day(served, manager, DESK).page
        day = Day(served, self.people["inspector"], PHONE)
        day.goes_to("Visits")
        yield "visits", PHONE, day.page
        yield "visit", PHONE, day.at(f"/visits/{self.case('visit', owner=self.people['inspector'])}")
        day.reads_in("ko")
        into_view(day.page, 2)
        yield "visit-ko", PHONE, day.page
        found = self.case("review", level=2)
        day = Day(served, self.able(found), DESK)
        day.at(f"/cases/{found}/conclude")
        into_view(day.page, 2)
        yield "conclude", DESK, day.page
        yield "compare", DESK, self.verified(served)
        escalated = self.case("decide")
        person = self.able(escalated)
        for screen in (DESK, PHONE):
            yield "decision", screen, Day(served, person, screen, link(self.office, escalated, person)).page
        yield "controls", DESK, Day(served, self.people["credit_manager"], DESK).at("/controls")
        for screen in (DESK, PHONE):
            day = Day(served, self.people["operations"], screen)
            day.goes_to("Operations")
            yield "operations", screen, day.page
        day = Day(served, self.people["auditor"], DESK)
        day.at("/audit?stage=escalation")
        day.follows("Escalation")
        day.presses("Replay")
        yield "replay", DESK, day.page
        day = Day(served, self.people["administrator"], DESK)
        day.at(f"/staff/people/{manager}")
        day.writes("Last day of service (empty: without end)", self.day)
        day.presses("Save")
        yield "staff", DESK, day.page

    def verified(self, served: Served) -> Page:
        """Somebody verifies on site: he finds what the manager found, but for the stock and the level."""
        case = self.case("verify_site", level=0)
        d, book = of(self.office, case)
        theirs = answers(d.last(*PACKAGES))
        day = Day(served, self.able(case), DESK)
        day.at(f"/cases/{case}/record")
        for n, (facility, id_) in enumerate(d.questions[:9]):
            said = {"C4": "61", "C5": "60"}.get(id_, theirs.get((facility, id_), ""))
            if said:
                typed(day, facility, book.checkpoint(id_), {f"answers.{n}": said}, n)
        day.chooses("Your own level", f"L{int(d.state.facts['level']) + 1}")
        day.presses("Record, then compare")
        return day.page

    def case(self, step: str, owner: str = "", level: int = -1) -> int:
        """The first by deadline that waits there; with at least that level, proposed or concluded."""
        for case, whose in self.office.db.rows(
            "SELECT case_id, coalesce(owner, '') FROM item WHERE step = ? AND held_until IS NULL ORDER BY due_on, case_id",
            step):  # fmt: skip
            s = read_case(self.office.db, case)
            found = s.facts.get("level", s.facts.get("proposed_level", -1)) if s else -1
            if owner in ("", whose) and found >= level and self._able(case):
                return int(case)
        raise LookupError(f"nothing waits at {step}")

    def able(self, case: int) -> str:
        return self._able(case)[0]

    def _able(self, case: int) -> list[str]:
        return eligible(self.office.db, books.rules(self.office.db), case, self.day)


def into_view(page: Page, part: int) -> None:
    """A form's numbered part, whatever it is called: of one facility, or of several."""
    page.get_by_role("heading", name=re.compile(rf"^{part}\.")).first.evaluate("e => e.scrollIntoView()")


def kept(page: Page, name: str, most: int) -> None:
    """As small as it must be, no smaller."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    for quality in range(90, 20, -5):
        made = io.BytesIO()
        picture.save(made, "WEBP", quality=quality, method=6)
        if made.tell() <= most:
            break
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.webp").write_bytes(made.getvalue())
    print(f"docs/screens/{name}.webp: {made.tell():,} bytes", flush=True)


if __name__ == "__main__":
    main()
