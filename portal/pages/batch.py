"""Acting on what is selected in the inbox: claim one, hand on, put aside, decide many green ones at once. One verdict each;
a batch sent twice is done once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from door import store
from door.command import Command, Refused, Verdict, legible
from door.eligible import eligible, why_not_me
from portal.case import green
from portal.case.acted import acted
from portal.case.scope import scope
from portal.case.sight import UNANNOUNCED, hidden, shown
from portal.house import Asking
from portal.page import show, spoken, status_of, why
from portal.pages.inbox import Filters, listed
from portal.who.asking import Form, NotThere, Posted
from portal.words.reader import Reader, names_of
from tasks.inbox import Waiting, those

router = APIRouter()
ACTS = ("decide", "claim", "hand_back", "delegate", "hold")  # done in a list; all else has a page that asks more
ASKED = {"delegate": ("to", "reason"), "hold": ("until", "reason")}  # what they ask for, on a page between
CHANGED = ("changed", "not_here", "ended", "taken", UNANNOUNCED)  # refusals that say: somebody was there meanwhile
NAMED = 3  # of those who could, so many by name


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one: done, refused or changed; why, in a sentence, and who could."""

    case: int
    borrower: str
    what: str
    says: str = ""
    could: Sequence[str] = ()
    status: int = 200


@router.post("/inbox")
def act(posted: Form) -> Response:
    """Claim one, or do the same to all that are selected: one verdict each, in their order."""
    asking = posted.asking
    filters = Filters(*(posted.text(f"at_{name}") for name in ("tab", "step", "unit", "due", "level", "class")))
    if one_case := posted.text("claim"):
        chosen, action = [one_case], "claim"
    else:
        chosen, action = posted.texts("item"), posted.text("act")
    cases = [int(c) for c in dict.fromkeys(chosen) if c.isascii() and c.isdigit() and len(c) < 16]
    if not cases or action not in ACTS:
        return RedirectResponse(filters.address(), 303)
    his = {w.state.id: w for w in those(asking.db, asking.rules, asking.me.person, asking.day, cases)}
    gone = set(cases) - his.keys() - _seen_by(asking, cases)
    cases = [case for case in cases if case not in gone]
    if not cases:
        raise NotThere
    named = _named(asking, cases)
    names = {id_: name for id_, name, _ in named}
    colleagues = _colleagues(asking, cases) if action == "delegate" else []
    wrong = _wrong(posted, action, colleagues)
    if action in ASKED and (wrong or not posted.text("sent")):
        return _asked(posted, action, filters, named, colleagues, wrong)
    told = (_decided if action == "decide" else _acted)(posted, action, cases, his, names)
    if action in ASKED and not any(t.what == "done" for t in told):
        return _asked(posted, action, filters, named, colleagues, {}, told)
    told += [Told(case, str(case), "changed", why(asking, Refused("no_case", {"case": case})), status=409)
             for case in sorted(gone)]  # fmt: skip
    if one_case and told[0].what == "done":
        return RedirectResponse(filters.address(), 303)
    return listed(asking, filters, status=told[0].status if len(told) == 1 else 200, told=told)


def _seen_by(asking: Asking, cases: Sequence[int]) -> set[int]:
    """Those that are his to see, whether they wait for him or not."""
    (mine, values), marks = scope(asking), ", ".join("?" * len(cases))
    rows = asking.db.rows(f"SELECT c.id FROM cases c WHERE c.id IN ({marks}) AND {mine}", *cases, *values)
    return {id_ for (id_,) in rows}


def _named(asking: Asking, cases: Sequence[int]) -> list[tuple[int, str, int]]:
    marks = ", ".join("?" * len(cases))
    seq = {s.id: s.seq for s in shown(asking, store.read_cases(asking.db, cases))}
    return [(id_, name, seq[id_]) for id_, name in asking.db.rows(
        "SELECT c.id, coalesce(b.name, c.subject) FROM cases c LEFT JOIN borrower b ON b.id = c.subject "
        f"WHERE c.id IN ({marks}) ORDER BY c.id", *cases)]  # fmt: skip


def _colleagues(asking: Asking, cases: Sequence[int]) -> list[tuple[str, str]]:
    """Who may do every one of them, besides himself."""
    untold = hidden(asking, store.read_cases(asking.db, cases))
    able = [set(eligible(asking.db, asking.rules, case, asking.day)) for case in cases[:20] if case not in untold]
    found = set.intersection(*able) - {asking.me.id} if able else set[str]()
    return sorted(names_of(asking.db, sorted(found)).items(), key=lambda p: p[1])


def _wrong(posted: Posted, action: str, colleagues: Sequence[tuple[str, str]]) -> dict[str, str]:
    """By field, what is still to be written before they are delegated or put aside."""
    say, wrong = _reader(posted.asking).say, {}
    for name in ASKED.get(action, ()) if posted.text("sent") else ():
        value = posted.text(name)
        if name == "to" and value not in dict(colleagues):
            wrong[name] = say("Choose who gets it.")
        elif name == "reason" and not value:
            wrong[name] = say("Write why, in a sentence or two.")
        elif name == "until" and not _day(value):
            wrong[name] = say("Choose a day.")
        elif name == "until" and _day(value) <= posted.asking.day:
            wrong[name] = say("Choose a day after today.")
    return wrong


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""


def _asked(posted: Posted, action: str, filters: Filters, named: Sequence[tuple[int, str, int]],
           colleagues: Sequence[tuple[str, str]], wrong: Mapping[str, str], told: Sequence[Told] = ()) -> Response:  # fmt: skip
    """The page between; `told`: what became of it, where nothing was done. A refused batch is another one when it is sent
    again, and on what has changed meanwhile he has just been told."""
    asking = posted.asking
    versions = {id_: seq if told or (seen := _version(posted, id_)) is None else seen for id_, _, seq in named}
    return show(
        asking, "hand_on.html", told[0].status if told else 422 if wrong else 200, action=action, cases=named,
        versions=versions, filters=filters, colleagues=colleagues, wrong=wrong, told=told,
        said={name: posted.text(name) for name in ASKED[action]},
        batch=(not told and posted.text("batch")) or asking.portal.house.salts(1)[0][:12])  # fmt: skip


def _reader(asking: Asking) -> Reader:
    return Reader(spoken(asking.request, asking.me.language))


# -- acts on the items ------------------------------------------------------------------------------------------------


def _acted(posted: Posted, action: str, cases: Sequence[int], his: Mapping[int, Waiting],
           names: Mapping[int, str]) -> list[Told]:  # fmt: skip
    said = {name: posted.text(name) for name in ASKED.get(action, ())}
    verdicts = acted(posted.asking, *(_command(posted, action, said, case, his.get(case)) for case in cases))
    return [_told(posted.asking, case, names[case], v) for case, v in zip(cases, verdicts, strict=True)]


def _command(posted: Posted, action: str, said: Mapping[str, Any], case: int, w: Waiting | None) -> Command:
    """The version that the page showed goes with it, so that what changed meanwhile is not decided on. The batch's number
    makes a repeat harmless."""
    seen = _version(posted, case)
    return Command(posted.asking.me.id, action, said, case=case, key=_key(posted, action, case),
                   on_behalf_of=w.behalf if w else None, seen=seen)  # fmt: skip


def _version(posted: Posted, case: int) -> int | None:
    seen = posted.text(f"seen.{case}")
    return int(seen) if seen.isascii() and seen.isdigit() else None


def _key(posted: Posted, action: str, case: int) -> str | None:
    return f"{posted.text('batch')}.{action}.{case}" if posted.text("batch") else None


def _told(asking: Asking, case: int, name: str, v: Verdict, action: str = "") -> Told:
    return _refused(asking, case, name, v.refused, action) if v.refused else Told(case, name, "done")


def _refused(asking: Asking, case: int, name: str, refused: Refused, action: str = "") -> Told:
    if refused.code in CHANGED:
        return Told(case, name, "changed", why(asking, refused, case), status=status_of(refused))
    able = eligible(asking.db, asking.rules, case, asking.day, action)[:NAMED]
    could = list(names_of(asking.db, able).values())
    return Told(case, name, "refused", why(asking, refused, case), could, status_of(refused))


# -- deciding ---------------------------------------------------------------------------------------------------------


def _decided(posted: Posted, action: str, cases: Sequence[int], his: Mapping[int, Waiting],
             names: Mapping[int, str]) -> list[Told]:  # fmt: skip
    """Only what is green comes to the door: that the others are opened to decide is no refusal of it."""
    asking, states = posted.asking, {case: w.state for case, w in his.items()}
    greens, before = green.arrows(asking, list(states.values())), _before(posted, cases)
    asked = [case for case in cases if case in greens and case not in before]
    commands = [
        _command(posted, greens[case].name, green.says(asking, states[case]), case, his[case]) for case in asked
    ]
    verdicts = dict(zip(asked, acted(asking, *commands), strict=True)) if asked else {}
    states |= {s.id: s for s in store.read_cases(asking.db, [case for case in cases if case not in his])}
    untold = hidden(asking, list(states.values()))
    reader = _reader(asking)

    def told(case: int) -> Told:
        s, name = states[case], names[case]
        if case in before:
            return Told(case, name, "done")
        if case in verdicts:
            return _told(asking, case, name, verdicts[case], greens[case].name)
        if case in untold:
            return _refused(asking, case, name, Refused(UNANNOUNCED))
        if _version(posted, case) not in (None, s.seq):
            refused = Refused("changed", {"by": s.last_person, "at": s.last_at, "step": s.step})
            return _refused(asking, case, name, refused)
        not_his = why_not_me(asking.db, asking.rules, case, asking.me.id, None, asking.day) if case not in his else None
        if not_his:
            return _refused(asking, case, name, not_his)
        return Told(case, name, "refused", green.why_not(reader.say, s), status=409)

    return [told(case) for case in cases]


def _before(posted: Posted, cases: Collection[int]) -> set[int]:
    """Those that this batch has decided already, when it was sent before."""
    me, arrows = posted.asking.me.id, [name for name, _ in green.BULK.values()]
    keys = {(me, key): case for case in cases for name in arrows if (key := _key(posted, name, case)) and legible(key)}
    earlier = store.earlier(posted.asking.db, keys) if keys else {}
    return {keys[key] for key, row in earlier.items() if row[2] in arrows}
