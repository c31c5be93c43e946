"""Inbox: what waits for me, by deadline; narrowed and paged by the address, so everything works without a script. What is
done to those that are selected is in batch.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby, islice
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from door.store import fact
from portal.behind import behind
from portal.case import green, reasons
from portal.case.sight import sight
from portal.house import Asking
from portal.page import show, spoken
from portal.paging import address, turn
from portal.stages import titles
from portal.who.asking import SignedIn
from portal.words.reader import Reader, names_of
from tasks.inbox import LAST, START, Place, Waiting, items

router = APIRouter()
PAGE = 50
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

    @property
    def said(self) -> dict[str, str]:
        return {"tab": "" if self.tab == "mine" else self.tab, "step": self.step, "unit": self.unit, "due": self.due,
                "level": self.level, "class": self.class_}  # fmt: skip

    def address(self) -> str:
        return address("/inbox", self.said)


def level_of(facts: Mapping[str, Any]) -> int | None:
    level = next((facts[name] for name in LEVEL if name in facts), None)
    return level if isinstance(level, int) else None


@router.get("/inbox")
def inbox(asking: SignedIn, tab: str = "mine", step: str = "", unit: str = "", due: str = "", level: str = "",
          class_: Annotated[str, Query(alias="class")] = "", after: str = "", came: str = "") -> Response:  # fmt: skip
    filters = Filters(tab, step, unit, due, level, class_)
    return listed(asking, filters, _place(after), came)


def listed(
    asking: Asking, filters: Filters, after: Place = START, came: str = "", status: int = 200, **values: Any
) -> Response:
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
    last = page[-1].state if page and more else None
    reader = Reader(spoken(asking.request, asking.me.language))
    return show(asking, "inbox.html", status, filters=filters, groups=_groups(asking, page, reader), n=len(page),
                **_counts(asking, waiting, len(first)),
                turn=turn("/inbox", filters.said, "after", "" if after == START else _named(after), came,
                          _named((last.due_on or LAST, last.id)) if last else ""),
                bare=Filters(filters.tab).address(),
                units=_units(asking), steps=_steps(asking), behind=behind(asking), titles=titles(reader.say),
                standing_in=names_of(asking.db, sorted(asking.me.person.stands_for)),
                names=names_of(asking.db, [w.state.holder or "" for w in page]),
                level_of=level_of, sight=lambda w: sight(asking, w.state), **_green(asking, page),
                why=reasons.rows(asking, page, reader),
                told=values.pop("told", ()), batch=asking.portal.house.salts(1)[0][:12], **values)  # fmt: skip


def _green(asking: Asking, page: Sequence[Waiting]) -> dict[str, Any]:
    """Which are decided in a list, and by which arrow, where it is the same for all of them."""
    greens = green.arrows(asking, [w.state for w in page])
    names = {do.name for do in greens.values()}
    return {"greens": greens, "decides": names.pop() if len(names) == 1 else ""}


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


def _groups(asking: Asking, page: Sequence[Waiting], reader: Reader) -> list[tuple[str, list[Waiting]]]:
    say = reader.say
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


def _named(place: Place) -> str:
    return f"{place[0]}.{place[1]}"


def _place(after: str) -> Place:
    due, _, case = after.partition(".")
    try:
        return (date.fromisoformat(due).isoformat(), int(case)) if after else START
    except ValueError:
        return START
