"""The decision that a mail's link leads to. Looking decides nothing: only the form does, sent by somebody signed in.

The token says which item in which state of the record; it is no permission. Who may decide is the door's answer, so a
forwarded link shows another person only what is his to see, and lets him do only what is his to do.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import islice
from typing import Any

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from door import store
from door.command import Command, Refused, Verdict
from door.db import one
from door.eligible import eligible, why_not_me
from door.fold import State
from models.process import END, SERVICE
from portal import draft
from portal.case import green
from portal.case.acted import acted
from portal.case.linked import Choice, View, view_of
from portal.case.matter import Said, effect, matter, named
from portal.case.sight import UNANNOUNCED, sight
from portal.house import Asking
from portal.page import reached, show, status_of, why
from portal.who.asking import Form, Posted, SignedIn
from portal.who.proof import unproved, wanted
from portal.words import arrows, reading
from portal.words.reader import Reader, names_of, raised
from portal.words.told import told
from tasks import books
from tasks.inbox import items

router = APIRouter()
KEPT = "link"  # the draft's name while he proves himself elsewhere
LEVELS = ("0", "1", "2", "3", "4")
FEW = 10  # items read to find the next one
CHANGED = ("changed", "not_here", "ended", "taken")  # refusals that say: somebody was there meanwhile


@router.api_route("/d/{text}", methods=["GET", "HEAD"])
def asked(asking: SignedIn, text: str) -> Response:
    view = view_of(asking, text)
    return _page(view) if isinstance(view, View) else _ended(asking, view)


@router.post("/d/{text}")
def decided(posted: Form, text: str) -> Response:
    asking = posted.asking
    view = view_of(asking, text)
    if isinstance(view, Refused):
        return _ended(asking, view)
    action = posted.text("decision")
    if before := _before(view, posted.text("key"), action):
        return _done(view, action, before)
    if view.decided:
        return _page(view)
    if not view.choices:
        return _page(view, 403)
    chosen = next((c for c in view.choices if c.name == action and not c.refused), None)
    if chosen is not None and not chosen.inline:
        return RedirectResponse(f"/cases/{view.s.id}/{action}", 303)
    wrong = _wrong(view, posted, chosen)
    if wrong or chosen is None:
        return _page(view, 422, posted, wrong)
    seen = posted.text("seen")
    verdict = acted(asking, Command(
        asking.me.id, action, _payload(view, posted, chosen), case=view.s.id, key=posted.text("key") or None,
        on_behalf_of=view.waiting.behalf if view.waiting else None,
        seen=int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else -1))[0]  # fmt: skip
    if verdict.refused is None:
        draft.drop(asking, view.s.id, KEPT)
        return _done(view, action, verdict)
    again = view_of(asking, text)
    if isinstance(again, Refused):
        return _ended(asking, again)
    return _page(again, status_of(verdict.refused), posted, {}, verdict.refused)


# -- deciding ---------------------------------------------------------------------------------------------------------


def _wrong(view: View, posted: Posted, chosen: Choice | None) -> dict[str, str]:
    """By field, what is still to be done before it can be decided. The password is asked last: only when all else is
    right does a guess count."""
    say, wrong = view.reader.say, {}
    if chosen is None:
        return {"decision": say("Choose what you decide.")}
    for name, needed in chosen.fields.items():
        value = posted.text(name)
        if needed and not value:
            wrong[name] = _missing(say, name)
        elif value and name in ("due_on", "until") and not _is_day(value):
            wrong[name] = say("Choose a day.")
        elif value and name == "own_level" and value not in LEVELS:
            wrong[name] = _missing(say, name)
    if view.changes and posted.text("read") != "yes":
        wrong["read"] = say("Read what changed, then say that you have.")
    if not wrong and chosen.high_risk and (says := unproved(posted, view.reader, view.s.id, KEPT, _address(view))):
        wrong["password"] = says
    return wrong


def _address(view: View) -> str:
    return f"/d/{view.text}"


def _missing(say: arrows.Say, name: str) -> str:
    return {"reason": say("Write why, in a sentence or two."), "outcome": say("Choose an outcome."),
            "kind": say("Choose what is restricted."),
            "own_level": say("Choose the level that you find yourself.")}.get(name, say("Write a day."))  # fmt: skip


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _payload(view: View, posted: Posted, chosen: Choice) -> dict[str, Any]:
    if chosen.green:
        return green.says(view.asking, view.s)
    said: dict[str, Any] = {name: posted.text(name) for name in chosen.fields if posted.text(name)}
    if chosen.name == "impose":
        return {"restrictions": [said], "orders": [], "reason": said["reason"]}
    if "own_level" in said:
        said["own_level"] = int(said["own_level"])
    return said


def _before(view: View, key: str, action: str) -> Verdict | None:
    """The form was sent before, and was decided: its first answer."""
    me = view.asking.me.id
    found = store.earlier(view.asking.db, [(me, key)]).get((me, key)) if key else None
    if found is None or found[0] != view.s.stream or found[2] != action:
        return None
    opened = store.opened(view.asking.db, view.s.id, me, str(found[9]))
    return Verdict(view.s.id, str(found[3]), int(found[1]), str(found[4]), repeated=True, opened=opened)


# -- showing ----------------------------------------------------------------------------------------------------------


def _page(view: View, status: int = 200, posted: Posted | None = None, wrong: Mapping[str, str] | None = None,
          refused: Refused | None = None) -> Response:  # fmt: skip
    """The item as it stands for him: to decide, or why it is not for him; and what was typed."""
    asking, s, reader = view.asking, view.s, view.reader
    about = matter(asking, s, view.borrower, view.said, reader)
    names = names_of(asking.db, [view.link.person, *{e.person for e in view.said}, *(e.behalf or "" for e in view.said),
                                 *(who or "" for e in view.changes for who in (e.person, e.behalf)),
                                 *(str(e.payload.get("to", "")) for e in view.changes)])  # fmt: skip
    if ended := view.decided:
        return show(asking, "decision.html", status, state="decided", s=s, about=about, at=ended.at,
                    did=arrows.done(reader.say, s.process, ended.action), by=_you(asking, ended, names, reader),
                    again=view.waiting is not None)  # fmt: skip
    inline = [c for c in view.choices if c.inline and not c.refused]
    proof = wanted(asking) if any(c.high_risk for c in inline) else ""
    typed = posted.fields() if posted else _kept(asking, s)
    known = sight(asking, s).facts(s)
    return show(
        asking, "decision.html", status, state="open", s=s, about=about, facts=known, **_refusal(view),
        behalf=view.waiting.behalf if view.waiting else None, level=known.get("level", known.get("proposed_level")),
        changes=[(_changed(e, names, reader), e.at) for e in view.changes],
        anothers=names.get(view.link.person, "") if view.link.person != asking.me.id else "", inline=inline,
        own_form=[c for c in view.choices if c.form and not c.refused], barred=[c for c in view.choices if c.refused],
        fields=_fields(inline), **_options(asking, s, reader), proof=proof,
        typed=typed, wrong=wrong or {}, seen=s.seq,
        key=(posted.text("key") if posted and not refused else "") or asking.portal.house.salts(1)[0][:16],
        not_done=why(asking, refused, s.id) if refused else "", meanwhile=bool(refused and refused.code in CHANGED),
    )  # fmt: skip


def _kept(asking: Asking, s: State) -> dict[str, str]:
    """What he had written when he was sent to prove himself; what has changed he reads anew."""
    kept = draft.load(asking, s.id, KEPT)
    return {name: value for name, value in kept.typed.items() if name != "read"} if kept else {}


def _refusal(view: View) -> dict[str, Any]:
    """Why he may decide nothing here, whether that is grave, and who could."""
    asking, case = view.asking, view.s.id
    if sight(asking, view.s).hides(view.s):
        return {"refusal": True, "says": why(asking, Refused(UNANNOUNCED)), "hard": False, "could": []}
    refused = None if view.choices else why_not_me(asking.db, asking.rules, case, asking.me.id, None, asking.day)
    if refused is None:
        return {"refusal": False, "says": "", "hard": False, "could": []}
    able = eligible(asking.db, asking.rules, case, asking.day)[:3]
    names = names_of(asking.db, able)
    return {
        "refusal": True,
        "says": ""
        if refused.code in ("lane", "role")
        else why(asking, refused, case),  # who is told knows it is not his
        "hard": refused.code in ("four_eyes", "related"),
        "could": [names[p] for p in able],
    }


def _fields(inline: Sequence[Choice]) -> dict[str, list[str]]:
    """Each field that the page asks for, and the labels of the arrows that need it; empty: all who have it do."""
    found: dict[str, list[str]] = {}
    for name in arrows.INLINE:
        if any(name in c.fields for c in inline):
            needing = [c.label for c in inline if c.fields.get(name)]
            found[name] = [] if len(needing) == len(inline) else needing or [""]
    return found


def _options(asking: Asking, s: State, reader: Reader) -> dict[str, list[tuple[str, str]]]:
    """What is chosen from: outcomes by which a verification agrees, restrictions that need no amount, as the case's book
    says them; the borrower's facilities."""
    book = reading.book(asking.db, s.book or books.in_force(asking.db, asking.day), reader)
    return {
        "outcomes": [(code, o.says) for code, o in sorted(book.outcomes.items()) if not o.answered],
        "restrictions": [(code, r.says) for code, r in book.restrictions.items() if r.gate != "limit"],
        "facilities": [(id_, product) for id_, product in asking.db.rows(
            "SELECT id, product FROM facility WHERE borrower = ? ORDER BY id", s.subject)],
    }  # fmt: skip


def _changed(e: Said, names: Mapping[str, str], reader: Reader) -> str:
    """What was done; of another case with its name."""
    says = _does(e, names, reader)
    if e.own:
        return says
    kind = f" {e.payload['kind']}" if e.process in ("control", "order") and e.payload.get("kind") else ""
    return reader.say("{thing} {id}: {says}").format(
        thing=raised(reader.thing(e.process)), id=f"{e.case}{kind}", says=says
    )


def _does(e: Said, names: Mapping[str, str], reader: Reader) -> str:
    say, who, p = reader.say, named(e, names, reader), e.payload
    if e.action == "comment":
        return say("{who} wrote: {text}").format(who=who, text=p.get("text", "–"))
    if e.action == "hold":
        return say("{who} put it aside until {day}: {why}").format(
            who=who, day=reader.day(p.get("until")), why=p.get("reason", "–")
        )
    if e.action in ("delegate", "reassign"):
        to = names.get(p.get("to", ""), "–")
        return say("{who} gave it to {to}: {why}").format(who=who, to=to, why=p.get("reason", "–"))
    if e.action in ("claim", "hand_back"):
        return (say("{who} took it in hand") if e.action == "claim" else say("{who} handed it back")).format(who=who)
    return told(say, e.process, e.action).format(who=who, to="–", action=e.action, until=reader.day(p.get("until")))


def _you(asking: Asking, e: Said, names: Mapping[str, str], reader: Reader) -> str:
    return reader.say("you") if e.person == asking.me.id else named(e, names, reader)


def _done(view: View, action: str, verdict: Verdict) -> Response:
    """What was done, what takes effect by it, and what waits next."""
    asking, reader = view.asking, view.reader
    s = store.read_case(asking.db, view.s.id) or view.s
    at = one(asking.db.rows("SELECT recorded_at FROM entry WHERE stream = ? AND seq = ?", s.stream, verdict.seq))
    found = items(asking.db, asking.rules, asking.me.person, asking.day, block=FEW)
    following = list(islice((w for w in found if not (w.state.held_until and w.state.held_until > asking.day)), 1))
    return show(asking, "decision.html", state="done", s=s, about=matter(asking, view.s, view.borrower, (), reader),
                did=arrows.done(reader.say, s.process, action), at=at[0] if at else "", seq=verdict.seq,
                effects=_effects(view, s, action, verdict), opened=store.read_cases(asking.db, verdict.opened),
                next=following[0] if following else None)  # fmt: skip


def _effects(view: View, s: State, action: str, verdict: Verdict) -> list[str]:
    asking, reader = view.asking, view.reader
    process = asking.rules.processes[s.process]
    say, step, found = reader.say, process.steps[verdict.step], list[str]()
    arrow = next(do for each in process.steps.values() for do in each.does if do.name == action)
    if (s.process, action) == ("control", "confirm"):
        says = effect(asking, s, books.book(asking.db, s.book), reader)
        found.append(say("{sentence}.").format(sentence=says[:1].upper() + says[1:]))
    if (s.process, action) == ("control", "lift"):
        found.append(say("From now on it stands against no payment."))
    if arrow.tells and (manager := store.managers(asking.db, [s.subject], asking.day).get(s.subject)):
        frame = (
            say("{name} is told.")
            if reached(asking.db, manager)
            else say("Nothing is sent to {name}: no address is known.")
        )
        found.append(frame.format(name=names_of(asking.db, [manager]).get(manager, manager)))
    if step.kind == END:
        found.append(say("The case has ended."))
    elif step.kind == SERVICE:
        found.append(say("A run takes it on: {step}.").format(step=reader.step(verdict.step, s.process)))
    elif verdict.nobody:
        found.append(say("Nobody may take the next step; operations is told."))
    elif s.step == verdict.step:
        due = reader.say("due {day}").format(day=reader.day(s.due_on)) if s.due_on else reader.say("no deadline")
        found.append(say("It now stands at: {step}, {due}.").format(step=reader.step(s.step, s.process), due=due))
    return found


def _ended(asking: Asking, refused: Refused) -> Response:
    """A link that leads nowhere: never ours, at its end, or to what another may see."""
    status = {"link_expired": 410}.get(refused.code, 404)
    return show(
        asking, "decision.html", status, state=refused.code, s=None, at=str(refused.facts.get("expired_at", ""))
    )
