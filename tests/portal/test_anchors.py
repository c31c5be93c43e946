"""The anchors on a page: each day's root and signature, by which key, and whether they hold now."""

import base64
import hashlib
import re
from datetime import timedelta

import pytest

from door.anchor import anchor, anchors, signer
from portal.pages import anchors as page_of
from tests.portal.browser import Served, looked
from tests.portal.conftest import Office
from tests.portal.paged import paged
from tests.tasks.forge import without_triggers

ROOT = re.compile(r"<code>([0-9a-f]{64})</code></th>")


def anchored(office: Office, days: int) -> list[str]:
    """More days' anchors; the roots of all, the newest first."""
    house = office.house
    for n in range(1, days + 1):
        anchor(office.db, house.clock(house.business_date() + timedelta(n)), signer(house.anchor_key))
    return [a.root for a in anchors(office.db)][::-1]


def read(office: Office, path: str = "/audit/anchors") -> str:
    answer = office.at(office.of("auditor")).get(path)
    assert answer.status_code == 200
    return answer.text


def test_each_anchor_shows_its_root_and_that_it_holds(office: Office) -> None:
    roots, public = anchored(office, 2), office.house.anchor_key.with_suffix(".pub")
    page = read(office)
    assert ROOT.findall(page) == roots
    assert page.count("✓ Signed, in sequence") == len(roots) > 2
    der = base64.b64decode("".join(public.read_text().splitlines()[1:-1]))
    assert hashlib.sha256(der).hexdigest() in page
    assert 'href="/audit/anchors"' in read(office, "/audit")


def test_they_are_read_page_by_page_without_a_gap(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_of, "PAGE", 2)
    roots, browser = anchored(office, 4), office.at(office.of("auditor"))
    assert paged(browser, "/audit/anchors", ROOT, "✓ Signed, in sequence") == roots
    assert "✕" not in browser.get("/audit/anchors").text
    assert ROOT.findall(read(office, "/audit/anchors?before=never")) == roots[:2]


def test_one_that_was_changed_is_named_and_one_that_was_taken_away_is_missed(office: Office) -> None:
    anchored(office, 3)
    days = [a.business_date for a in anchors(office.db)]
    without_triggers(office.db)
    office.db.run("DELETE FROM anchor WHERE business_date = ?", days[-3])
    assert read(office).count("✕ Does not follow the one before it") == 1
    office.db.run("UPDATE anchor SET root = ? WHERE business_date = ?", "0" * 64, days[-1])
    assert read(office).count("✕ Not signed with this key") == 1


def test_without_the_public_key_no_signature_is_said_to_hold(office: Office) -> None:
    public = office.house.anchor_key.with_suffix(".pub")
    for spoil in (lambda: public.write_text("no key"), public.unlink):
        spoil()
        page = read(office)
        assert ("their public key is not here" in page, "Signature not checked" in page, "in sequence" in page) == (
            True,
            True,
            False,
        )


def test_before_the_first_night_there_is_none(office: Office) -> None:
    without_triggers(office.db)
    office.db.run("DELETE FROM anchor")
    assert "Not anchored yet." in read(office)


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_an_auditor_looks_at_the_anchors(served: Served) -> None:
    anchored(served.office, 3)
    page = served.at(served.office.of("auditor"))
    page.goto("/audit/anchors")
    looked(page, "anchors")
    page.context.add_cookies([{"name": "language", "value": "ko", "url": served.address}])
    page.reload()
    looked(page, "anchors-ko")
