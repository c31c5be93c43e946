"""What a collection leaves on the case page: stored photographs with time and place, the due rows that it answers, the
conditions of the approval, met or broken by the answers."""

import re
from dataclasses import dataclass

import pytest

from deployments.bench.weeks import stages
from portal.words.reader import Reader
from tests.portal.conftest import Office
from tests.portal.form import opened
from tests.portal.pictures import photo, send
from tests.portal.test_visit import good, handed, lies, of, photographed

FIGURE = re.compile(r'<li><figure( class="flag")?><a href="([^"]+)"><img src="([^"]+)" alt="([^"]+)"[^>]*></a><figcaption>'
                    r"<b>[^<]*</b>(.*?)</figcaption></figure></li>")  # fmt: skip
PANEL = r'<div class="panel">\s*<h2>{}</h2>(.*?)</div>'
#: A collection whose borrower has two facilities under a covenant, both asked about it.
_AGREED = """
SELECT i.case_id, r.manager FROM item i JOIN responsible r ON r.subject = i.subject
 WHERE i.step = 'collect' AND (SELECT count(*) FROM condition k JOIN facility f ON f.id = k.facility
        WHERE f.borrower = i.subject AND k.kind = 'covenant') > 1 ORDER BY i.case_id LIMIT 1
"""


@dataclass
class Collected:
    """A manager's own collection, before he hands it in."""

    office: Office
    case: int
    manager: str

    @property
    def page(self) -> str:
        return self.office.at(self.manager).get(f"/cases/{self.case}").text

    def panel(self, title: str) -> str:
        found = re.search(PANEL.format(title), self.page, re.S)
        return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split()) if found else ""

    def hand_in(self, **said: str) -> None:
        """Every prescribed file and a good answer to each question but those of `said` (by the index of the question)."""
        photographed(self.office, self.manager, self.case)
        d, book = of(self.office, self.case)
        typed = good(d, book, self.office.house.business_date().isoformat()) | said
        assert opened(self.office, self.manager, f"/cases/{self.case}/collect").send(**typed).status == 303
        stages(self.office.db, self.office.house, self.office.house.business_date())


@pytest.fixture
def collected(office: Office) -> Collected:
    ((case, manager),) = office.db.rows(_AGREED)
    return Collected(office, case, manager)


def test_a_stored_photograph_is_seen_with_time_and_place_and_one_without_a_place_is_marked(
    collected: Collected,
) -> None:
    office, case, manager = collected.office, collected.case, collected.manager
    lies(office, case, latitude="37.56650", longitude="126.97800")
    send(office, manager, case, photo("red", (64, 48), gps=None), "nowhere", "sign")
    send(office, manager, case, photo("teal", (640, 480)), "there", "gate", latitude="37.56660", longitude="126.97800")
    collected.hand_in()
    photos = {e["sha256"]: e for e in handed(office, case)["evidence"] if e["kind"] == "photo"}  # type: ignore[attr-defined]
    seen = FIGURE.findall(collected.page)
    assert len(seen) == len(photos) > 1
    for flagged, whole, thumb, shows, says in seen:
        e = photos[whole.rpartition("/")[2]]
        assert (whole, thumb) == (f"/evidence/{case}/{e['sha256']}", f"/evidence/{case}/{e['sha256']}?thumb=1")
        assert shows == Reader("en").named(e["shows"])
        assert says.startswith("2 Feb, 14:07 · ")
        assert bool(flagged) == ("no position" in says) == (e["shows"] == "sign")
        assert ("from the premises" in says) != ("no position" in says)
        picture = office.at(manager).get(thumb)
        assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")
        assert len(picture.content) <= len(office.at(manager).get(whole).content)


def test_a_document_is_named_with_its_file_and_hash(collected: Collected) -> None:
    collected.hand_in()
    papers = [e for e in handed(collected.office, collected.case)["evidence"] if e["kind"] == "document"]  # type: ignore[attr-defined]
    assert papers
    for e in papers:
        row = re.search(rf'<li><a href="/evidence/{collected.case}/{e["sha256"]}">(.*?)</li>', collected.page, re.S)
        assert row
        assert f"<code>{e['sha256'][:8]}…</code>" in row[1]
        assert "gate.jpg" in row[1]  # as it was called where it came from


def test_what_was_handed_in_is_counted_one_and_many(collected: Collected) -> None:
    collected.hand_in()
    evidence = handed(collected.office, collected.case)["evidence"]  # type: ignore[attr-defined]
    photos = sum(e["kind"] == "photo" for e in evidence)
    said = f"{photos} photograph{'s' * (photos != 1)}, {len(evidence) - photos} document{'s' * (len(evidence) - photos != 1)}"
    page = " ".join(collected.page.split())
    assert page.count(f" {said};") == page.count(f">{said}<") == 1


def test_the_due_rows_that_it_answers_stand_beside_it_with_facility_kind_and_day(collected: Collected) -> None:
    reader, said = Reader("en"), collected.panel("Due rows answered here")
    rows = collected.office.db.rows("SELECT facility, kind, due_on, outcome FROM due WHERE case_id = ? ORDER BY due_on, "
                                    "facility, kind", collected.case)  # fmt: skip
    assert {outcome for *_, outcome in rows} >= {"started", "merged"}
    told = [f"{facility} {'joined ' if outcome == 'merged' else ''}{reader.kind(kind).capitalize()} {reader.day(due_on, year=False)}"
            for facility, kind, due_on, outcome in rows]  # fmt: skip
    assert said == f"Facility Kind Due {' '.join(told)}"


def test_a_covenant_is_open_until_it_is_answered_then_met_or_broken_by_the_answer(collected: Collected) -> None:
    office = collected.office
    d, _ = of(office, collected.case)
    asked = {facility: n for n, (facility, id_) in enumerate(d.questions) if id_ == "C13"}
    assert len(asked) > 1
    before = collected.panel("Conditions")
    assert before.count("○ Open · debt service cover: at least 1.2, tested quarterly") == len(asked)
    broken, *met = asked
    collected.hand_in(**{f"answers.{asked[broken]}": "breached"})
    after = collected.panel("Conditions")
    assert f"✕ Broken · debt service cover: at least 1.2, tested quarterly Facility {broken}, " in after
    for facility in met:
        assert f"✓ Met · debt service cover: at least 1.2, tested quarterly Facility {facility}, " in after
    assert "○ Open" not in after


def test_a_condition_that_no_answer_judges_is_named_without_a_verdict(collected: Collected) -> None:
    facility = collected.office.db.rows("SELECT f.id FROM facility f JOIN cases c ON c.subject = f.borrower WHERE c.id = ? ORDER BY "
                                        "f.id", collected.case)[0][0]  # fmt: skip
    collected.office.db.insert("condition", ("facility", "name", "kind", "value", "source"),
                               [(facility, "insured-in-full", "frequency", "12", "approval of 2025")])  # fmt: skip
    said = collected.panel("Conditions")
    assert f"insured in full: every 12 months Facility {facility}, approval of 2025" in said
    assert "· insured in full" not in said
