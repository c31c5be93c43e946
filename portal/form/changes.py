"""What an administrator types, checked and made a change of the staff; or by field what is to be written otherwise."""

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from apprise.plugins import url_to_dict

from door.db import Db, one
from portal.words.reader import LANGUAGES, Reader
from tasks.address import scheme
from tasks.roster import ROLES, Change

LANES = ("branch", "department", "vendor", "office")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
LONG_AGO = "1900-01-01"
Wrong = dict[str, str]


class Typed:
    """The fields of one form, read strictly; `wrong` fills as they are asked for. `today` is the business date."""

    def __init__(self, db: Db, said: Mapping[str, str], today: str, reader: Reader) -> None:
        self.db, self.said, self.today, self.reader, self.say = db, said, today, reader, reader.say
        self.wrong: Wrong = {}

    def no(self, name: str, says: str) -> None:
        self.wrong.setdefault(name, says)

    def text(self, name: str, most: int = 200) -> str:
        value = " ".join(self.said.get(name, "").split())
        if not value:
            self.no(name, self.say("Write something here."))
        elif len(value) > most or not value.isprintable():
            self.no(name, self.say("Write it in at most {n} letters.").format(n=most))
        return value

    def new(self, name: str, table: str) -> str:
        value = self.said.get(name, "").strip()
        if not NAME.fullmatch(value):
            self.no(name, self.say("Write small letters, digits, dots or dashes, for example kim.minji."))
        elif self.db.rows(f"SELECT 1 FROM {table} WHERE id = ?", value):
            self.no(name, self.say("There is one of this name already: choose another."))
        return value

    def known(self, name: str, table: str) -> str:
        value = self.said.get(name, "").strip()
        if not self.db.rows(f"SELECT 1 FROM {table} WHERE id = ?", value):
            self.no(name, self.say("Choose one of the list."))
        return value

    def among(self, name: str, values: Any) -> str:
        value = self.said.get(name, "").strip()
        if value not in values:
            self.no(name, self.say("Choose one of the list."))
        return value

    def day(self, name: str, earliest: str, optional: bool = False) -> str | None:
        """An ISO day, also where it is wrong, so that it may be asked for."""
        value = self.said.get(name, "").strip()
        if not value and optional:
            return None
        try:
            value = date.fromisoformat(value).isoformat()
        except ValueError:
            self.no(name, self.say("Choose a day."))
            return earliest
        if value < earliest or value > "2199-12-31":
            self.no(name, self.say("Choose a day that is not before {day}.").format(day=self.reader.day(earliest)))
        return value

    def number(self, name: str) -> int:
        value = self.said.get(name, "").strip()
        if not (value.isascii() and value.isdigit() and len(value) < 6 and int(value) > 0):
            self.no(name, self.say("Write a whole number, for example 20."))
            return 0
        return int(value)


def change(t: Typed, what: str) -> Change | None:
    """The change of a kind; None where it is none of ours. To be used only where nothing is `wrong`."""
    made = _MADE.get(what)
    return made(t) if made else None


def _after(day: str | None) -> str:
    """The day after the last one on which something holds."""
    try:
        return (date.fromisoformat(day or "") + timedelta(days=1)).isoformat()
    except ValueError:
        return ""


def _add_person(t: Typed) -> Change:
    id_, name, unit = t.new("id", "person"), t.text("name"), t.known("unit", "unit")
    language = t.among("language", LANGUAGES)
    said = {"name": name, "unit": unit, "language": language}
    return Change("person_added", f"staff:{id_}", said, [
        ("INSERT INTO person (id, name, unit, until, language) VALUES (?, ?, ?, NULL, ?)", (id_, name, unit, language))
    ])  # fmt: skip


def _change_person(t: Typed) -> Change:
    id_, name, unit = t.known("person", "person"), t.text("name"), t.known("unit", "unit")
    language, until = t.among("language", LANGUAGES), t.day("until", t.today, optional=True)
    before = one(t.db.rows("SELECT name, unit, language, until FROM person WHERE id = ?", id_))
    names = ("name", "unit", "language", "until")
    said = {"before": dict(zip(names, before or (), strict=False)),
            "now": dict(zip(names, (name, unit, language, until), strict=True))}  # fmt: skip
    moved = before is not None and before[1] != unit
    sql = (
        "UPDATE person SET name = ?, unit = ?, language = ?, until = ? WHERE id = ?",
        (name, unit, language, until, id_),
    )
    since = t.today if moved or not until else _after(until)
    return Change("person_changed", f"staff:{id_}", said, [sql], [id_] if moved or until else [], since)


def _grant(t: Typed) -> Change:
    id_, role = t.known("person", "person"), t.among("role", ROLES)
    since = t.day("since", t.today) or t.today
    until = t.day("until", max(since, t.today), optional=True)
    if t.db.rows("SELECT 1 FROM role_grant WHERE person = ? AND role = ? AND (until IS NULL OR until >= ?) AND "
                 "since <= ?", id_, role, since, until or "9999-12-31"):  # fmt: skip
        t.no("role", t.say("This role is held then already."))
    return Change("role_granted", f"staff:{id_}", {"role": role, "since": since, "until": until}, [
        ("INSERT INTO role_grant (person, role, since, until) VALUES (?, ?, ?, ?)", (id_, role, since, until))])  # fmt: skip


def _end_role(t: Typed) -> Change:
    id_, role, since = t.known("person", "person"), t.among("role", ROLES), t.day("since", LONG_AGO) or ""
    found = one(t.db.rows("SELECT until FROM role_grant WHERE person = ? AND role = ? AND since = ?", id_, role, since))
    if found is None:
        t.no("role", t.say("This role is not held."))
    until = t.day("until", max(t.today, since))
    return Change("role_ended", f"staff:{id_}", {"role": role, "since": since, "until": until,
                                                 "before": found[0] if found else None}, [
        ("UPDATE role_grant SET until = ? WHERE person = ? AND role = ? AND since = ?", (until, id_, role, since))
    ], [id_], _after(until))  # fmt: skip


def _name_deputy(t: Typed) -> Change:
    absent, deputy = t.known("person", "person"), t.known("deputy", "person")
    since = t.day("since", t.today) or t.today
    until = t.day("until", max(since, t.today)) or t.today
    if absent == deputy:
        t.no("deputy", t.say("A deputy is another person."))
    elif "deputy" not in t.wrong and not t.db.rows(
        "SELECT 1 FROM role_grant a JOIN role_grant d ON d.role = a.role WHERE a.person = ? AND d.person = ? AND "
        "(a.until IS NULL OR a.until >= ?) AND (d.until IS NULL OR d.until >= ?)", absent, deputy, since, since):  # fmt: skip
        t.no("deputy", t.say("A deputy holds a role of the absent himself: choose somebody who does."))
    if t.db.rows("SELECT 1 FROM substitute WHERE absent = ? AND deputy = ? AND since = ?", absent, deputy, since):
        t.no("since", t.say("He is named from that day already."))
    return Change("deputy_named", f"staff:{absent}", {"deputy": deputy, "since": since, "until": until}, [
        ("INSERT INTO substitute (absent, deputy, since, until) VALUES (?, ?, ?, ?)", (absent, deputy, since, until))])  # fmt: skip


def _end_deputy(t: Typed) -> Change:
    absent, deputy, since = t.known("person", "person"), t.known("deputy", "person"), t.day("since", LONG_AGO) or ""
    found = one(
        t.db.rows("SELECT until FROM substitute WHERE absent = ? AND deputy = ? AND since = ?", absent, deputy, since)
    )
    if found is None:
        t.no("deputy", t.say("He is not named."))
    until = t.day("until", max(t.today, since))
    said = {"deputy": deputy, "since": since, "until": until, "before": found[0] if found else None}
    return Change("deputy_ended", f"staff:{absent}", said, [
        ("UPDATE substitute SET until = ? WHERE absent = ? AND deputy = ? AND since = ?", (until, absent, deputy, since))
    ], [absent, deputy], _after(until))  # fmt: skip


def _add_channel(t: Typed) -> Change:
    id_, url = t.known("person", "person"), t.text("url", 400)
    if "url" not in t.wrong and ("://" not in url or url_to_dict(url) is None):  # type: ignore[no-untyped-call]
        t.no("url", t.say("Write an address that Apprise knows, for example mailto://kim@bank.example."))
    if any(scheme(u) == scheme(url) for (u,) in t.db.rows("SELECT url FROM channel WHERE person = ?", id_)):
        t.no("url", t.say("There is one of this kind already: remove it first."))
    return Change("channel_added", f"staff:{id_}", {"scheme": scheme(url)}, [
        ("INSERT INTO channel (person, url) VALUES (?, ?)", (id_, url))])  # fmt: skip


def _remove_channel(t: Typed) -> Change:
    id_, url = t.known("person", "person"), t.said.get("url", "")
    if not t.db.rows("SELECT 1 FROM channel WHERE person = ? AND url = ?", id_, url):
        t.no("url", t.say("There is no such channel."))
    return Change("channel_removed", f"staff:{id_}", {"scheme": scheme(url)}, [
        ("DELETE FROM channel WHERE person = ? AND url = ?", (id_, url))])  # fmt: skip


def _end_relation(t: Typed) -> Change:
    id_, subject = t.known("person", "person"), t.said.get("subject", "")
    if not t.db.rows("SELECT 1 FROM relation WHERE person = ? AND subject = ?", id_, subject):
        t.no("subject", t.say("There is no such relation."))
    return Change("relation_ended", f"staff:{id_}", {"subject": subject}, [
        ("DELETE FROM relation WHERE person = ? AND subject = ?", (id_, subject))])  # fmt: skip


def _unit(t: Typed) -> tuple[str, str, str | None]:
    name, calendar = t.text("name"), t.among("calendar", {row[0] for row in t.db.rows("SELECT calendar FROM unit")})
    return name, calendar, t.known("reports_to", "unit") if t.said.get("reports_to") else None


def _add_unit(t: Typed) -> Change:
    id_, lane = t.new("id", "unit"), t.among("lane", LANES)
    name, calendar, above = _unit(t)
    return Change("unit_added", f"unit:{id_}", {"name": name, "lane": lane, "calendar": calendar, "reports_to": above}, [
        ("INSERT INTO unit (id, name, lane, calendar, reports_to) VALUES (?, ?, ?, ?, ?)", (id_, name, lane, calendar, above))
    ])  # fmt: skip


def _change_unit(t: Typed) -> Change:
    id_ = t.known("unit", "unit")
    name, calendar, above = _unit(t)
    if above == id_:
        t.no("reports_to", t.say("A unit does not report to itself."))
    before = one(t.db.rows("SELECT name, calendar, reports_to FROM unit WHERE id = ?", id_))
    names = ("name", "calendar", "reports_to")
    said = {
        "before": dict(zip(names, before or (), strict=False)),
        "now": dict(zip(names, (name, calendar, above), strict=True)),
    }
    return Change("unit_changed", f"unit:{id_}", said, [
        ("UPDATE unit SET name = ?, calendar = ?, reports_to = ? WHERE id = ?", (name, calendar, above, id_))])  # fmt: skip


def _contract(t: Typed) -> Change:
    vendor, product, unit = t.known("unit", "unit"), t.text("product", 40), t.said.get("branch", "").strip() or "*"
    if not t.db.rows("SELECT 1 FROM unit WHERE id = ? AND lane = 'vendor'", vendor):
        t.no("product", t.say("Only a vendor is engaged."))
    if unit != "*" and not t.db.rows("SELECT 1 FROM unit WHERE id = ? AND lane = 'branch'", unit):
        t.no("branch", t.say("Choose one of the list."))
    per_day, since = t.number("per_day"), t.day("since", LONG_AGO) or ""
    until = t.day("until", since)
    before = one(t.db.rows("SELECT per_day, since, until FROM contract WHERE vendor = ? AND product = ? AND unit = ?",
                           vendor, product, unit))  # fmt: skip
    said = {"product": product, "unit": unit, "per_day": per_day, "since": since, "until": until,
            "before": list(before) if before else None}  # fmt: skip
    return Change("contract_changed" if before else "contract_made", f"unit:{vendor}", said, [
        ("INSERT INTO contract (vendor, product, unit, per_day, since, until) VALUES (?, ?, ?, ?, ?, ?) "
         "ON CONFLICT (vendor, product, unit) DO UPDATE SET per_day = excluded.per_day, since = excluded.since, "
         "until = excluded.until", (vendor, product, unit, per_day, since, until))])  # fmt: skip


_MADE: Mapping[str, Callable[[Typed], Change]] = {
    "add_person": _add_person, "change_person": _change_person, "grant": _grant, "end_role": _end_role,
    "name_deputy": _name_deputy, "end_deputy": _end_deputy, "add_channel": _add_channel,
    "remove_channel": _remove_channel, "end_relation": _end_relation, "add_unit": _add_unit, "change_unit": _change_unit,
    "contract": _contract,
}  # fmt: skip
