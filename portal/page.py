"""Pages: templates filled in the reader's language, and refusals told to who asks."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from door.command import Refused
from door.db import Db
from portal.house import Asking, Me, Portal, portal_of
from portal.menu import menu
from portal.words.reader import LANGUAGES, PERSONS, Reader, names_of, raised, translations, unbroken
from portal.words.told import told
from tasks.address import schemes

HERE = Path(__file__).parent
#: Refusals that are about who asks; all others are about how things stand.
ABOUT_HIM = ("lane", "role", "unit", "not_yours", "no_deputy", "no_chain", "related", "four_eyes", "system_only", "person_only",
             "reads_only")  # fmt: skip


@cache
def environment(language: str) -> Environment:
    made = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.i18n"])  # fmt: skip
    made.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    reader = Reader(language)
    made.filters |= {name: getattr(reader, name) for name in ("money", "day", "instant", "level", "class_", "step", "distance",
                                                              "thing", "kind", "role", "number", "due", "days", "named", "counted",
                                                              "called", "stream")}  # fmt: skip
    made.filters |= {"capitalize": raised, "unbroken": unbroken}
    return made


def reached(db: Db, person: str) -> str:
    """How he is told of what comes: by "mail", by another "message"; empty: by nothing, no address of his is known."""
    found = schemes(db, [person]).get(person, set())
    return "mail" if any(each.startswith("mail") for each in found) else "message" if found else ""


def why(asking: Asking, refused: Refused, case: int | None = None) -> str:
    """A refusal in one sentence to who asks; of this case, where it is about one."""
    facts, reader = dict(refused.facts), Reader(spoken(asking.request, asking.me.language))
    for table, names in (("borrower", ("subject",)), ("unit", ("unit", "yours") if refused.code == "unit" else ())):
        for name in names:
            found = asking.db.rows(f"SELECT name FROM {table} WHERE id = ?", str(facts.get(name, "")))
            facts |= {name: found[0][0]} if found else {}
    persons = names_of(asking.db, [v for k, v in facts.items() if k in PERSONS and isinstance(v, str)])
    did = _did(asking, case, facts, persons, reader) if refused.code == "four_eyes" and case else ""
    return reader.why(Refused(refused.code, facts), persons, asking.me.id, asking.portal.house.zone, did)


def _did(asking: Asking, case: int, facts: Mapping[str, Any], names: Mapping[str, str], reader: Reader) -> str:
    """What somebody did on the case or on its parent, and when; empty where their entries do not say it."""
    did, person = str(facts["did"]), str(facts["person"])
    found = asking.db.rows(
        "SELECT c.process, e.business_date, e.payload FROM cases o JOIN cases c ON c.id = o.id OR c.id = o.parent "
        "JOIN entry e ON e.stream = c.stream WHERE o.id = ? AND e.action = ? AND (e.person = ? OR e.on_behalf_of = ?) "
        "ORDER BY c.id DESC, e.seq DESC LIMIT 1", case, did, person, person)  # fmt: skip
    if not found:
        return ""
    process, day, payload = found[0]
    said = orjson.loads(payload) if payload else {}
    to = str(said.get("to") or said.get("manager") or "")
    does = told(reader.say, process, did).format(
        who=reader.say("You") if person == asking.me.id else names.get(person, person), action=did.replace("_", " "),
        to=names_of(asking.db, [to]).get(to, to), until=reader.day(said.get("until") or said.get("due_on")))  # fmt: skip
    return reader.say("{what} on {day}").format(what=does.rstrip("."), day=reader.day(day))


def status_of(refused: Refused) -> int:
    """Forbidden to him, or not as things stand."""
    return 403 if refused.code in ABOUT_HIM else 409


def show(asking: Asking, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page for somebody signed in."""
    return HTMLResponse("".join(pieces(asking, template, **values)), status)


def pieces(asking: Asking, template: str, **values: Any) -> Iterator[str]:
    """The page's text, made as it is asked for."""
    house, me = asking.portal.house, asking.me
    return _pieces(asking.request, spoken(asking.request, me.language), template, me=me, today=asking.day, bank=house.bank,
                   zone=house.zone, here=asking.request.url.path, reached=lambda: reached(asking.db, me.id), **values)  # fmt: skip


def show_anybody(
    request: Request, template: str, status: int = 200, me: Me | None = None, **values: Any
) -> HTMLResponse:
    """A page for whom we do not know, or do not need to."""
    portal: Portal = portal_of(request)
    made = _pieces(request, spoken(request, me.language if me else ""), template, me=me, bank=portal.house.bank,
                   today=portal.house.business_date().isoformat(), zone=portal.house.zone, here=request.url.path, **values)  # fmt: skip
    return HTMLResponse("".join(made), status)


def spoken(request: Request, own: str = "") -> str:
    """The language that a page is in: what he chose here, else his own, else his browser's."""
    chosen = request.cookies.get("language", "")
    asked = (
        [own]
        if own
        else [part.partition(";")[0].strip()[:2] for part in request.headers.get("accept-language", "").split(",")]
    )
    return next((code for code in (chosen, *asked) if code in LANGUAGES), "en")


def _pieces(request: Request, language: str, template: str, **values: Any) -> Iterator[str]:
    theme = request.cookies.get("theme", "")
    me = values["me"]
    token = Markup('<input type="hidden" name="_form" value="{}">').format(me.csrf) if me else Markup("")
    return environment(language).get_template(template).generate(
        menu=menu(translations(language).gettext), form_token=lambda: token, language=language, languages=LANGUAGES,
        theme=theme if theme in ("light", "dark") else "", **values)  # fmt: skip
