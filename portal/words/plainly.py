"""What an entry says that is no case's, field by field in the reader's words: of sign-ins, refusals, the gate, the staff."""

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from door.db import Db
from portal.stages import titles
from portal.words import arrows
from portal.words.channels import medium
from portal.words.labels import labels
from portal.words.reader import DAY, INSTANT, LANGUAGES, Reader, names_of

Said = tuple[str, str]  # a field and what it says
Say = Callable[[str], str]
MONEY = ("amount", "allowed", "paid")
EMPTY: tuple[Any, ...] = (None, "", [], {})


def plainly(db: Db, reader: Reader, zone: str, said: Mapping[str, Any]) -> list[Said]:
    """Of a change only what differs, before and now. A name that the portal has no word for stands as it is."""
    called = names(reader.say)

    def name(field: str) -> str:
        return called.get(field) or Markup("<code>{}</code>").format(field)

    def word(field: str, value: Any, beside: Mapping[str, Any]) -> str:
        if isinstance(value, Mapping):
            return ", ".join(f"{name(each)} {word(each, of, value)}" for each, of in value.items())
        if isinstance(value, list):
            return "; ".join(word(field, each, beside) for each in value)
        if isinstance(value, bool):
            return reader.say("Yes") if value else reader.say("No")
        if isinstance(value, int):
            return _amount(db, reader, value, said) if field in MONEY else str(value)
        return _text(db, reader, zone, field, "" if value is None else str(value), beside)

    before, now = said.get("before"), said.get("now", said)
    if isinstance(before, dict):
        return [(name(field), " → ".join(word(field, v, now) or "–" for v in (before.get(field), value)))
                for field, value in now.items() if before.get(field) != value]  # fmt: skip
    return [(name(field), word(field, value, now)) for field, value in now.items() if value not in EMPTY]


def names(say: Say) -> dict[str, str]:
    return labels(say) | {
        "name": say("Name"), "unit": say("Unit"), "language": say("Language of messages"), "until": say("Until"),
        "role": say("Role"), "since": say("From"), "deputy": say("Deputy"), "scheme": say("Channel"), "lane": say("Lane"),
        "calendar": say("Calendar"), "reports_to": say("Reports to"), "product": say("Product"), "per_day": say("Visits a day"),
        "before": say("Before"), "address": say("Address"), "by": say("Signed in with"), "everywhere": say("On all devices"),
        "process": say("Process"), "action": say("Act"), "step": say("Step"), "amount": say("Amount"), "case": say("Case"),
        "allowed": say("Allowed"), "controls": say("Restrictions and orders"), "paid": say("Paid"), "seq": say("Entry"),
        "hash": say("Hash"), "secret": say("Secret"), "run": say("Run"), "flow_run": say("Flow run of Prefect"),
        "code": say("Code"), "stage": say("Stage"), "as_of": say("Business date"), "message": say("Message"),
        "messages": say("Messages"), "person": say("Person"), "scopes": say("May do"), "ends_on": say("Until"),
        "subject": say("Borrower"), "says": say("In words"),
    }  # fmt: skip


def _amount(db: Db, reader: Reader, amount: int, said: Mapping[str, Any]) -> str:
    """With the currency of the facility that it is about."""
    found = db.rows("SELECT currency FROM facility WHERE id = ?", str(said.get("facility", "")))
    return reader.money(amount, found[0][0]) if found else reader.number(amount)


def _text(db: Db, reader: Reader, zone: str, field: str, text: str, beside: Mapping[str, Any]) -> str:
    if DAY.fullmatch(text):
        return reader.day(text)
    if INSTANT.fullmatch(text):
        return reader.instant(text, zone)
    match field:
        case "role":
            return reader.role(text)
        case "language" | "lane":
            return (LANGUAGES if field == "language" else reader.words.lanes).get(text, text)
        case "deputy" | "person":
            return names_of(db, [text]).get(text, text)
        case "unit" | "reports_to":
            found = db.rows("SELECT name FROM unit WHERE id = ?", text)
            return reader.say("every branch") if text == "*" else str(found[0][0]) if found else text
        case "scheme":
            return medium(reader.say, text)
        case "stage":
            return titles(reader.say).get(text, (text,))[0]
        case "process":
            return reader.thing(text)
        case "action":
            return arrows.choice(reader.say, str(beside.get("process", "")), text)
        case "step":
            return reader.words.places.get(text) or reader.step(text)
        case "by" | "why":
            return _ways(reader.say).get(text, text)
    return text


def _ways(say: Say) -> dict[str, str]:
    """How somebody signed in; why his account was not taken."""
    return {"password": say("password"), "oidc": say("account service"), "unknown": say("nobody of this staff ID"),
            "left": say("no longer in service"), "other_account": say("known with another account"),
            "another": say("another person's account"), "stale": say("proved before it was asked for")}  # fmt: skip
