"""What can be done now on a case: by me, and where not by me, why, and who could. Everything is the door's own answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from door import store
from door.command import Command, Refused
from door.decide import Facts, Move, decide, why_not
from door.eligible import eligible
from door.fold import State
from models.process import USER, Process
from portal.case.offers import offers
from portal.case.sight import UNANNOUNCED, sight
from portal.case.strip import named
from portal.house import Asking
from portal.page import why
from portal.words import arrows
from portal.words.reader import Reader, names_of
from tasks import books

NAMED = 2  # of those who could, so many by name
_AS_THINGS_STAND = ("condition", "limit", "held")  # refusals that are about the case, not about him
CHOICES = 300  # whom an item may be given to, at most so many in the list


@dataclass(frozen=True, slots=True)
class Way:
    """An arrow that he may take."""

    name: str
    label: str
    form: bool
    draft_at: str = ""


@dataclass(frozen=True, slots=True)
class Barred:
    """What is not for him, or (`his`) not as things stand: why, in a sentence; names of some who could, and how many
    others."""

    label: str
    why: str
    his: bool = False
    could: Sequence[str] = ()
    others: int = 0


@dataclass(slots=True)
class Now:
    """`behalf`: for whom he would act; `item`: acts on the item that are his; `nobody`: no one may do the step;
    `relation`: he may declare one to the borrower."""

    behalf: str | None = None
    ways: list[Way] = field(default_factory=list)
    item: list[str] = field(default_factory=list)
    barred: list[Barred] = field(default_factory=list)
    nobody: bool = False
    holder: str = ""
    relation: bool = False


def now(asking: Asking, s: State, process: Process, reader: Reader) -> Now:
    step = process.steps[s.step]
    found = Now(holder=s.holder or "")
    if sight(asking, s).hides(s):
        stands = store.read_case(asking.db, s.id) or s
        found.item = [act for act in item_acts(asking, stands, process, None) if act == "comment"]
        found.barred = [Barred(named(reader, s.process, s.step, True), why(asking, Refused(UNANNOUNCED)), True)]
        return found
    found.item = item_acts(asking, s, process, None)
    if step.kind != USER:
        return found
    found.behalf, refused = for_whom(asking, s, process)
    found.relation = may_declare(asking, s, refused)
    drafts: dict[str, str] = dict(
        asking.db.rows("SELECT action, saved_at FROM draft WHERE person = ? AND case_id = ?", asking.me.id, s.id)
    )
    if refused is not None:
        may = eligible(asking.db, asking.rules, s.id, asking.day)
        found.nobody = not may
        found.barred = [_barred(asking, s, reader.step(s.step, s.process), refused, may)]
        return found
    found.item = item_acts(asking, s, process, found.behalf)
    for offer in offers(asking, s, found.behalf):
        label = arrows.choice(reader.say, s.process, offer.do.name)
        if offer.refused is None:
            form = bool(offer.do.form.model_fields)
            found.ways.append(Way(offer.do.name, label, form, drafts.get(offer.do.name, "")))
        else:
            told = offer.refused.code == "four_eyes"  # who else could, this very arrow
            able = eligible(asking.db, asking.rules, s.id, asking.day, offer.do.name) if told else []
            found.barred.append(_barred(asking, s, label, offer.refused, [p for p in able if p != asking.me.id]))
    return found


def for_whom(asking: Asking, s: State, process: Process) -> tuple[str | None, Refused | None]:
    """In his own name, in that of who delegated it, in those whom he stands in for: the first in which he may; else why
    not in his own."""
    facts, step = _facts(asking, s), process.steps[s.step]
    delegated = s.delegator if s.holder == asking.me.id else None
    first: Refused | None = None
    for behalf in (delegated, *sorted(asking.me.person.stands_for)):
        refused = why_not(process, step, s, asking.me.person, behalf, tuple(step.by_name), facts)
        if refused is None:
            return behalf, None
        first = first or refused
    return None, first


def may_declare(asking: Asking, s: State, refused: Refused | None) -> bool:
    """Who holds the item, has delegated it, or may take it, may say that he is related to its borrower. `refused`: why he
    may not take it."""
    his = asking.me.id in (s.holder, s.delegator)
    return s.subject not in asking.me.person.related and (refused is None or his)


def item_acts(asking: Asking, s: State, process: Process, behalf: str | None) -> list[str]:
    """Acts on the item that the door would take from him. Delegating and reassigning are asked with nobody named: that
    somebody is to be named is then the only thing that the door misses."""
    facts, found = _facts(asking, s), list[str]()
    for action, said, wanted in (
        ("claim", {}, ""), ("hand_back", {}, ""), ("delegate", {"to": ""}, "unknown_person"),
        ("hold", {"until": asking.day}, "hold_past"), ("reassign", {"to": ""}, "unknown_person"), ("comment", {}, ""),
        ("cancel", {}, ""),
    ):  # fmt: skip
        asked = Command(asking.me.id, action, said, case=s.id, on_behalf_of=behalf)
        answer = decide(process, s, asked, said, asking.me.person, facts, asking.day)
        if isinstance(answer, Move) or answer.code == wanted:
            found.append(action)
    return found


def recipients(asking: Asking, s: State, process: Process, action: str) -> list[tuple[str, str]]:
    """To whom he may give the item, by name: those of his own unit first."""
    staff = store.staff(asking.db, process.steps[s.step].role, asking.day)
    facts = _facts(asking, s)
    facts.persons = staff | dict(facts.persons or {})
    able = []
    for id_ in sorted(staff, key=lambda p: (staff[p].unit != asking.me.person.unit, p)):
        said = {"to": id_}
        asked = Command(asking.me.id, action, said, case=s.id)
        if isinstance(decide(process, s, asked, said, asking.me.person, facts, asking.day), Move):
            able.append(id_)
        if len(able) == CHOICES:
            break
    names = names_of(asking.db, able)
    return [(id_, names.get(id_, id_)) for id_ in able]


def _barred(asking: Asking, s: State, label: str, refused: Refused, may: Sequence[str]) -> Barred:
    names = names_of(asking.db, list(may[: NAMED + 1]))
    shown = list(may[: NAMED if len(may) > NAMED + 1 else NAMED + 1])
    return Barred(label, why(asking, refused, s.id), refused.code in _AS_THINGS_STAND, [names.get(p, p) for p in shown],
                  len(may) - len(shown))  # fmt: skip


def _facts(asking: Asking, s: State) -> Facts:
    db, me = asking.db, asking.me
    parent = store.read_case(db, s.parent) if s.parent is not None else None
    manager = store.managers(db, [s.subject], asking.day).get(s.subject)
    people = store.people(db, {me.id, *me.person.stands_for, *filter(None, [s.delegator, manager])}, asking.day)
    most = books.book(db, s.book).holds_max_days if s.book else 0
    return Facts(manager, parent.hands if parent else None, None, people, most)
