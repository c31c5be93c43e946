"""act, open: decide on an item, or open a case, through the one door; the verdict in a sentence."""

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.commands import say
from deployments.commands.cases import stage_of, stands, state_of
from deployments.commands.options import LARGEST, Fields, Json, Said, Who, form
from deployments.commands.run import api_of
from deployments.mistakes import Mistake
from deployments.settings import opened

if TYPE_CHECKING:
    from door.command import Command, Refused, Rules, Verdict
    from door.db import Db
    from tasks.house import House
    from tasks.token import Token

Behalf = Annotated[str | None, typer.Option("--on-behalf-of", metavar="ID", help="The absent whom you stand in for.")]
Key = Annotated[str | None, typer.Option(help="Makes a repeat harmless: the same key gives the first answer again.")]


def register(app: typer.Typer) -> None:
    app.command("act")(act)
    app.command("open")(open_)


def act(
    case: Annotated[str, typer.Argument(help="Number of the case; may be left out with --token.")],
    action: Annotated[str, typer.Argument(help="What to do; `postloan case CASE` lists what may be done.")] = "",
    person: Who = "",
    payload: Said = "",
    field: Fields = [],  # noqa: B006 - typer reads it, nobody changes it
    on_behalf_of: Behalf = None,
    key: Key = None,
    seen: Annotated[int | None, typer.Option(help="The version that you looked at; refused if it has changed.")] = None,
    token: Annotated[str, typer.Option(help="Of a message's link, or the link: it names case and person.")] = "",
    why_not: Annotated[
        bool,
        typer.Option(
            "--why-not", help="Only say whether the person may do it (without an action: anything), and if not why."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Act on a case: its step's own acts, or claim, hand_back, delegate, reassign, hold, comment, cancel."""
    from door.command import Command
    from models.process import ITEM_ACTS

    if token and not case.isdigit():
        case, action = "", action or case
    if not (why_not or action):
        raise Mistake("Say what to do: `postloan act CASE ACTION`; `postloan case CASE` lists what may be done.")
    said = form(payload, field)
    with opened() as (here, db):
        if token:
            link = _link(here, db, token, case, person)
            case, person = str(link.case), link.person
        if not (case.isascii() and case.isdigit() and 0 < int(case) <= LARGEST):
            raise Mistake(f"{case!r} is no number of a case: write `postloan act 12 claim`.")
        if not person:
            raise Mistake("Say who acts: --person ID, or POSTLOAN_PERSON.")
        _of_the_staff(person, on_behalf_of)
        s = state_of(db, int(case))
        if why_not:
            _why_not(here, db, s.id, person, on_behalf_of, "" if action in ITEM_ACTS else action, json)
        else:
            tell(
                here, db, Command(person, action, said, case=s.id, on_behalf_of=on_behalf_of, key=key, seen=seen), json
            )


def open_(
    process: Annotated[str, typer.Argument(help="control (a restriction), order (a correction) or handover.")],
    person: Who,
    subject: Annotated[str, typer.Option(help="Number of the borrower.")],
    payload: Said = "",
    field: Fields = [],  # noqa: B006
    on_behalf_of: Behalf = None,
    key: Key = None,
    json: Json = False,
) -> None:
    """Open a case that a person may open: propose a restriction, issue an order, hand a borrower over."""
    from door.command import Command
    from processes import PROCESSES
    from tasks import books

    page = PROCESSES.get(process)
    if page is None or page.name == "policy" or page.steps[page.start].role == "system":
        raise Mistake(f"No person opens {process!r}; he may open control, order and handover.")
    said = form(payload, field)
    _of_the_staff(person, on_behalf_of)
    with opened() as (here, db):
        if not db.rows("SELECT 1 FROM borrower WHERE id = ?", subject):
            raise Mistake(f"There is no borrower {subject}: check the number, or import an extract that has it.")
        facility = said.get("facility")
        if facility and not db.rows("SELECT 1 FROM facility WHERE id = ? AND borrower = ?", str(facility), subject):
            raise Mistake(f"The borrower {subject} has no facility {facility}.")
        manager = said.get("manager")
        if manager and not db.rows("SELECT 1 FROM person WHERE id = ?", str(manager)):
            raise Mistake(f"There is no person {manager}: check the name, or load a staff list that has it.")
        arrow = page.steps[page.start].does[0].name
        command = Command(person, arrow, said, process=process, subject=subject, on_behalf_of=on_behalf_of, key=key,
                          slot=subject if process == "handover" else None,
                          book=books.in_force(db, here.business_date().isoformat()))  # fmt: skip
        tell(here, db, command, json)


def _of_the_staff(*named: str | None) -> None:
    from door.command import SYSTEM

    if SYSTEM in named:
        raise Mistake(f"Nobody acts as {SYSTEM!r}: its steps are decided by runs, as `postloan run` starts them.")


def tell(here: "House", db: "Db", command: "Command", json: bool) -> None:
    """Acts, says the verdict, wakes the stage that has to do with it; leaves with exit code 1 where refused. Raises
    PolicyError where a book is approved that is not in the database, or is not what its hash says."""
    from door.act import act as decide
    from door.eligible import eligible
    from tasks import books

    if command.action == "approve_book" and command.case and (s := state_of(db, command.case)).process == "policy":
        books.book(db, s.facts["book"])  # what is not stored, or was changed since, can't come into force
    rules, day = books.rules(db), here.business_date()
    verdict = decide(db, [command], here.clock(day), rules)[0]
    if verdict.refused:
        able = eligible(db, rules, verdict.case, day.isoformat(), command.action) if verdict.case else []
        _say_no(verdict.refused, able, json, case=verdict.case, repeated=verdict.repeated)
        raise typer.Exit(1)
    _done(here, db, rules, command, verdict, json)


def _done(here: "House", db: "Db", rules: "Rules", command: "Command", verdict: "Verdict", json: bool) -> None:
    from door.store import read_cases
    from tasks.sentences import words

    s, *children = read_cases(db, sorted({verdict.case or 0, *verdict.opened}))
    text, able = stands(db, rules, s, here.business_date().isoformat())
    if json:
        say.json({"case": s.id, "process": s.process, "step": verdict.step, "seq": verdict.seq, "hash": verdict.hash,
                  "refused": None, "repeated": verdict.repeated, "nobody": verdict.nobody, "due_on": s.due_on,
                  "opened": verdict.opened, "able": able})  # fmt: skip
    else:
        done = "The key was used before, this is the first answer again" if verdict.repeated else "Done"
        say.line(f"{done}: {words(command.action)}. {words(s.process).capitalize()} {s.id} {text}.")
        for child in children:
            say.line(f"It opened {words(child.process)} {child.id}, which stands at {words(child.step)}.")
        if verdict.nobody:
            say.line("Operations is told that nobody may act.")
    if not verdict.repeated and (stage := stage_of(s)):
        _wake(here, stage)


def _why_not(here: "House", db: "Db", case: int, person: str, behalf: str | None, action: str, json: bool) -> None:
    from door.eligible import eligible, why_not_me
    from tasks import books
    from tasks.sentences import words

    rules, day = books.rules(db), here.business_date().isoformat()
    refused = why_not_me(db, rules, case, person, behalf, day, action)
    if refused:
        _say_no(refused, eligible(db, rules, case, day, action), json, case=case, person=person)
        raise typer.Exit(1)
    if json:
        say.json({"case": case, "person": person, "refused": None})
    else:
        say.line(f"{person} may {words(action) if action else 'act'} on case {case}.")


def _say_no(refused: "Refused | None", able: list[str], json: bool, **more: Any) -> None:
    from tasks.sentences import sentence

    if refused is None:
        return
    says = sentence(refused)
    if json:
        facts = dict(refused.facts)
        say.json({**more, "refused": {"code": refused.code, "facts": facts, "says": says}, "able": able})
    else:
        say.note(says + (f" May act: {', '.join(able[:8])}." if able else ""))


def _link(here: "House", db: "Db", token: str, case: str, person: str) -> "Token":
    """What the link says, where it is good and fits what else was named. Raises Mistake."""
    from door.command import Refused
    from tasks.sentences import sentence
    from tasks.token import read

    link = read(token.rstrip("/").rpartition("/")[2], here.link_secret(), here.now())
    if isinstance(link, Refused):
        raise Mistake(sentence(link))
    if (case or str(link.case)) != str(link.case) or (person or link.person) != link.person:
        raise Mistake(sentence(Refused("link_other", {"case": link.case, "person": link.person})))
    now = db.rows("SELECT c.step, i.round FROM cases c LEFT JOIN item i ON i.case_id = c.id WHERE c.id = ?", link.case)
    if not now or now[0][1] != link.round or _moved(db, link):
        step = now[0][0] if now else ""
        raise Mistake(sentence(Refused("link_decided", {"case": link.case, "step": step})))
    return link


def _moved(db: "Db", link: "Token") -> bool:
    """Has the case moved since the link was made? Acts on the item alone do not end it."""
    from models.process import ITEM_ACTS

    later = db.rows("SELECT e.action FROM entry e JOIN cases c ON c.stream = e.stream WHERE c.id = ? AND e.seq > ?",
                    link.case, link.seq)  # fmt: skip
    return any(action not in ITEM_ACTS for (action,) in later)


def _wake(here: "House", stage: str) -> None:
    """The act is done; whatever Prefect says, it stays so, and the stage's schedule is the safety net."""
    api = os.environ.get("PREFECT_API_URL") or api_of(here.home.resolve() / "prefect")
    if api:
        from flows.wake import wake

        with suppress(Exception):
            asyncio.run(wake(stage, api))
