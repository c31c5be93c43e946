"""The anchors, for who compares them with what was kept elsewhere: each day's root and signature, and whether they hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from fastapi import APIRouter
from starlette.responses import Response

from door.anchor import Anchor, Verify, fingerprint, follows, newest
from portal.page import show
from portal.pages.audit import a_day, allowed, public_key, verifies
from portal.paging import turn
from portal.who.asking import SignedIn

router = APIRouter()
PAGE = 50
LAST = "9999-12-31"


@dataclass(frozen=True, slots=True)
class Held:
    """An anchor; is it signed with the key (None: the public key is not here), does it follow the one before it?"""

    anchor: Anchor
    signed: bool | None
    follows: bool


@router.get("/audit/anchors")
def anchors(asking: SignedIn, before: str = "", came: str = "") -> Response:
    db, house, before = allowed(asking).db, asking.portal.house, a_day(before)
    found, verify = newest(db, before or LAST, PAGE + 1), verifies(house)
    last = found[PAGE - 1].business_date if len(found) > PAGE else ""
    return show(
        asking, "anchors.html", anchors=_held(found, verify)[:PAGE],
        number=db.rows("SELECT count(*) FROM anchor")[0][0], key=fingerprint(public_key(house)) if verify else "",
        turn=turn("/audit/anchors", {}, "before", before, came, last))  # fmt: skip


def _held(newest_first: Sequence[Anchor], verify: Verify | None) -> list[Held]:
    return [Held(a, verify(a.statement(), a.signature) if verify else None, a.previous == follows(one_before))
            for a, one_before in zip_longest(newest_first, newest_first[1:])]  # fmt: skip
