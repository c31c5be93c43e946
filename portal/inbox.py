"""Inbox: what waits for me, by deadline; taking in hand, handing on, putting aside; deciding many green ones at once.

Where one is, what is filtered and what was selected stand in the address and the form, so everything works without a
script, and a batch sent twice is done once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby, islice
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from door.command import Command, Refused, Verdict
from door.db import one
from door.eligible import eligible
from door.store import fact
from models.process import Do
from portal import green
from portal.asking import Form, NotThere, SignedIn
from portal.house import Asking
from portal.page import Reader, names_of, show, spoken, status_of, why
from portal.scope import scope
from portal.sight import sight
from tasks.inbox import START, Place, Waiting, items, those

router = APIRouter()
PAGE = 50
ACTS = ("decide", "claim", "hand_back", "delegate", "hold")  # done in a list; all else has a page that asks more
COUNTED = 100  # so many are counted exactly; more are "more than 100"
LEVEL = ("level", "proposed_level")  # facts: as it was concluded, else as it was proposed


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address narrows the list to; empty: all."""

    tab: str = "mine"
    step: str = ""
    unit: str = ""
    due: str = ""
    level: str = ""
    class_: str = ""

    def sql(self, asking: Asking) -> tuple[str, list[Any]]:
        found: list[tuple[str, list[Any]]] = []
        if self.tab == "claimed":
            found.append(("i.holder = ?", [asking.me.id]))
        if self.tab == "held":
            found.append(("i.held_until > ?", [asking.day]))
        else:
            found.append(("(i.held_until IS NULL OR i.held_until <= ?)", [asking.day]))
        if self.step:
            found.append(("i.step = ?", [self.step]))
        if self.unit:
            found.append(
                ("i.subject IN (SELECT b.id FROM borrower b WHERE b.id = i.subject AND b.unit = ?)", [self.unit])
            )
        if self.level:
            level, proposed = (fact(asking.db, name) for name in LEVEL)
            found.append((f"coalesce({level}, {proposed}) = ?", [self.level]))
        if self.class_:
            found.append((f"{fact(asking.db, 'class_')} = ?", [self.class_]))
        today = date.fromisoformat(asking.day)
        if self.due == "late":
            found.append(("i.due_on < ?", [asking.day]))
        elif self.due == "today":
            found.append(("i.due_on = ?", [asking.day]))
        elif self.due == "week":
            found.append(("i.due_on <= ?", [(today + timedelta(days=6 - today.weekday())).isoformat()]))
        return " AND ".join(sql for sql, _ in found), [value for _, values in found for value in values]

    def lets(self, asking: Asking, w: Waiting) -> bool:
        """What SQL can't tell: for whom he would act; and of what he is not to know a filter tells nothing."""
        facts = sight(asking, w.state).facts(w.state)
        if self.tab.startswith("for:") and w.behalf != self.tab.removeprefix("for:"):
            return False
        if self.level and str(level_of(facts)) != self.level:
            return False
        return not self.class_ or str(facts.get("class_", "")) == self.class_

    @property
    def any(self) -> bool:
        return bool(self.step or self.unit or self.due or self.level or self.class_)

    def address(self, **more: Any) -> str:
        said = {"tab": self.tab, "step": self.step, "unit": self.unit, "due": self.due, "level": self.level,
                "class": self.class_, **more}  # fmt: skip
        return "/inbox?" + urlencode({k: v for k, v in said.items() if v not in ("", None)})


def level_of(facts: Mapping[str, Any]) -> int | None:
    level = next((facts[name] for name in LEVEL if name in facts), None)
    return level if isinstance(level, int) else None


@router.get("/inbox")
def inbox(asking: SignedIn, tab: str = "mine", step: str = "", unit: str = "", due: str = "", level: str = "",
          class_: Annotated[str, Query(alias="class")] = "", after: str = "") -> Response:  # fmt: skip
    filters = Filters(tab, step, unit, due, level, class_)
    return _listed(asking, filters, _place(after))


def _listed(asking: Asking, filters: Filters, after: Place, status: int = 200, **values: Any) -> Response:
    first = list(islice(items(asking.db, asking.rules, asking.me.person, asking.day, block=COUNTED + 1), COUNTED + 1))
    waiting = [w for w in first if not _held(asking, w)]
    if filters == Filters() and after == START and len(waiting) > PAGE:
        page, more = waiting[:PAGE], True
    else:
        sql, params = filters.sql(asking)
        found = (w for w in items(asking.db, asking.rules, asking.me.person, asking.day, after, sql, params, 2 * PAGE)
                 if filters.lets(asking, w))  # fmt: skip
        page = list(islice(found, PAGE))
        more = next(found, None) is not None
    last = page[-1].state if page else None
    return show(asking, "inbox.html", status, filters=filters, groups=_groups(asking, page), n=len(page),
                **_counts(asking, waiting, len(first)),
                later=filters.address(after=f"{last.due_on or '9999-12-31'}.{last.id}") if more and last else "",
                begun=after != START, first=filters.address(), units=_units(asking), steps=_steps(asking),
                standing_in=names_of(asking.db, sorted(asking.me.person.stands_for)),
                names=names_of(asking.db, [w.state.holder or "" for w in page]),
                level_of=level_of, sight=lambda w: sight(asking, w.state), greens=green.arrows(asking, [w.state for w in page]),
                verdicts=values.pop("verdicts", ()), batch=asking.portal.house.salts(1)[0][:12], **values)  # fmt: skip


def _held(asking: Asking, w: Waiting) -> bool:
    return bool(w.state.held_until and w.state.held_until > asking.day)


def _counts(asking: Asking, waiting: Sequence[Waiting], n: int) -> dict[str, Any]:
    """How many wait in all, how many of them are late or due today; of the first `n`, counted exactly up to a bound."""
    return {
        "waiting": len(waiting), "many": n > COUNTED, "late": sum((w.late or 0) > 0 for w in waiting),
        "due_today": sum(w.late == 0 for w in waiting), "held": n - len(waiting),
        "claimed": sum(w.state.holder == asking.me.id for w in waiting),
        "by_absent": {p: sum(w.behalf == p for w in waiting) for p in asking.me.person.stands_for},
    }  # fmt: skip


def _groups(asking: Asking, page: Sequence[Waiting]) -> list[tuple[str, list[Waiting]]]:
    say = Reader(spoken(asking.request, asking.me.language)).say
    today = date.fromisoformat(asking.day)
    sunday = (today + timedelta(days=6 - today.weekday())).isoformat()

    def group(w: Waiting) -> str:
        due = w.state.due_on
        if not due:
            return say("No deadline")
        if due < asking.day:
            return say("Late")
        return say("Today") if due == asking.day else say("This week") if due <= sunday else say("Later")

    return [(name, list(found)) for name, found in groupby(page, group)]


def _units(asking: Asking) -> list[tuple[str, str]]:
    return [(id_, name) for id_, name in
            asking.db.rows("SELECT id, name FROM unit WHERE lane = 'branch' ORDER BY name")]  # fmt: skip


def _steps(asking: Asking) -> list[tuple[str, str]]:
    """(process, step) of those that his roles may have."""
    return [(p.name, name) for p in asking.rules.processes.values() for name, s in p.steps.items()
            if s.role in asking.me.person.roles and s.kind == "user"]  # fmt: skip


def _place(after: str) -> Place:
    due, _, case = after.partition(".")
    try:
        return (date.fromisoformat(due).isoformat(), int(case)) if after else START
    except ValueError:
        return START


# -- acting on what is selected ---------------------------------------------------------------------------------------


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
    seen = {w.state.id: w for w in _among(asking, cases)}
    gone = set(cases) - seen.keys() - _seen_by(asking, cases)
    cases = [case for case in cases if case not in gone]
    if not cases:
        raise NotThere
    if action in ("delegate", "hold") and not posted.text("to" if action == "delegate" else "until"):
        return show(asking, "hand_on.html", action=action, cases=_named(asking, cases), filters=filters,
                    batch=posted.text("batch"), colleagues=_colleagues(asking, cases), problem="")  # fmt: skip
    greens = green.arrows(asking, [w.state for w in seen.values()]) if action == "decide" else {}
    commands = [_command(asking, posted, action, case, seen.get(case), greens) for case in cases]
    verdicts = asking.act(*commands)
    told = [_told(asking, case, v) for case, v in zip(cases, verdicts, strict=True)]
    told += [Told(case, str(case), "changed", why(asking, Refused("no_case", {"case": case}))) for case in sorted(gone)]
    refused = verdicts[0].refused if len(told) == 1 else None
    if one_case and not refused:
        return RedirectResponse(filters.address(), 303)
    return _listed(asking, filters, START, status_of(refused) if refused else 200, verdicts=told, did=action)


def _among(asking: Asking, cases: Sequence[int]) -> list[Waiting]:
    return list(those(asking.db, asking.rules, asking.me.person, asking.day, cases))


def _seen_by(asking: Asking, cases: Sequence[int]) -> set[int]:
    """Those that are his to see, whether they wait for him or not."""
    (mine, values), marks = scope(asking), ", ".join("?" * len(cases))
    rows = asking.db.rows(f"SELECT c.id FROM cases c WHERE c.id IN ({marks}) AND {mine}", *cases, *values)
    return {id_ for (id_,) in rows}


def _command(
    asking: Asking, posted: Form, action: str, case: int, w: Waiting | None, greens: Mapping[int, Do]
) -> Command:
    """`decide` takes the arrow of the case's own step; the version that the page showed goes with it, so that what
    changed meanwhile is not decided on. The batch's number makes a repeat harmless."""
    said: dict[str, Any] = {}
    if action == "delegate":
        said = {"to": posted.text("to"), "reason": posted.text("reason")}
    elif action == "hold":
        said = {"until": posted.text("until"), "reason": posted.text("reason")}
    elif action == "decide" and w is not None and case in greens:
        action, said = greens[case].name, green.says(asking, w.state)
    seen = posted.text(f"seen.{case}")
    key = f"{posted.text('batch')}.{action}.{case}" if posted.text("batch") else None
    return Command(asking.me.id, action, said, case=case, key=key, on_behalf_of=w.behalf if w else None,
                   seen=int(seen) if seen.isascii() and seen.isdigit() else None)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one: done, refused or changed; in a sentence, and who else could."""

    case: int
    borrower: str
    what: str
    says: str


def _told(asking: Asking, case: int, v: Verdict) -> Told:
    name = one(asking.db.rows("SELECT coalesce(b.name, c.subject) FROM cases c LEFT JOIN borrower b ON b.id = c.subject "
                              "WHERE c.id = ?", case))  # fmt: skip
    borrower = str(name[0]) if name else str(case)
    if v.refused is None:
        return Told(case, borrower, "done", "")
    what = "changed" if v.refused.code in ("changed", "not_here", "ended", "taken") else "refused"
    able = eligible(asking.db, asking.rules, case, asking.day)[:3] if what == "refused" and name else []
    names = names_of(asking.db, able)
    return Told(case, borrower, what, why(asking, v.refused) + (f" ({', '.join(names.values())})" if names else ""))


def _named(asking: Asking, cases: Sequence[int]) -> list[tuple[int, str, int]]:
    marks = ", ".join("?" * len(cases))
    return [(id_, name, seq) for id_, name, seq in asking.db.rows(
        "SELECT c.id, coalesce(b.name, c.subject), c.seq FROM cases c LEFT JOIN borrower b ON b.id = c.subject "
        f"WHERE c.id IN ({marks}) ORDER BY c.id", *cases)]  # fmt: skip


def _colleagues(asking: Asking, cases: Sequence[int]) -> list[tuple[str, str]]:
    """Who may do every one of them, besides himself."""
    able = [set(eligible(asking.db, asking.rules, case, asking.day)) for case in cases[:20]]
    found = set.intersection(*able) - {asking.me.id} if able else set[str]()
    return sorted(names_of(asking.db, sorted(found)).items(), key=lambda p: p[1])
