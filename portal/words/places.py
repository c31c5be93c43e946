"""Places in the policy book in words: `kinds.use.lead_days` is "Kinds of inspection, first use of funds, days ahead"."""

import re
from collections.abc import Callable
from functools import cache

from portal.words.reader import Reader, raised

PART = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")


def placed(reader: Reader, place: str) -> str:
    """Empty where there is no word for its section. A part that has none, as a code, stands as it is."""
    sections, fields = _words(reader.say)
    section, *parts = ((found[1] or found[2], bool(found[1])) for found in PART.finditer(place))
    if section[0] not in sections:
        return ""
    by_kind = section[0] in ("kinds", "common")
    said = [reader.kind(part) if by_kind and n == 0 else part if element else fields.get(part, part.replace("_", " "))
            for n, (part, element) in enumerate(parts)]  # fmt: skip
    return raised(", ".join([sections[section[0]], *said]))


@cache
def _words(say: Callable[[str], str]) -> tuple[dict[str, str], dict[str, str]]:
    """The sections of the book, and what is said of the things in them."""
    sections = {
        "version": say("version"), "semantics": say("edition of the rules of reading"),
        "holds_max_days": say("days that a case may be on hold in all"),
        "backlog_days": say("days that what is due may wait before a run"), "calendar": say("calendar of the bank"),
        "calendars": say("calendars"), "ladders": say("reminders"), "timers": say("deadlines"), "letters": say("letters"),
        "facts": say("facts"), "rules": say("when and how facilities are inspected"), "kinds": say("kinds of inspection"),
        "checkpoints": say("questions"), "templates": say("questions by product"), "common": say("questions by kind"),
        "additions": say("added questions"), "collection": say("how data are collected"), "return_codes": say("return codes"),
        "levels": say("levels"), "actions": say("actions"), "restrictions": say("restrictions"), "orders": say("orders"),
        "lifting": say("lifting"), "gate": say("gate of payments"), "classification": say("classification"),
        "sampling": say("draw for visits on site"), "outcomes": say("outcomes of a verification"),
        "inadequate": say("respects in which a conclusion is not adequate"), "line": say("line of escalation"),
    }  # fmt: skip
    fields = {
        "says": say("what it means"), "source": say("source"), "when": say("condition"), "then": say("what then holds"),
        "days": say("days"), "red_days": say("days where a finding is red"), "business_days": say("business days"),
        "calendar_days": say("calendar days"), "hours": say("hours"), "name": say("name"), "to": say("to whom"),
        "whose": say("whose calendar"), "ladder": say("reminders"), "lead_days": say("days ahead"),
        "catch_up": say("what was missed"), "merge": say("merged into an open one"), "path": say("way"),
        "question": say("question"), "mandatory": say("must be answered"), "overdue_days": say("days overdue"),
        "unverified_days": say("days unverified"), "clean_months": say("months without a red finding"),
        "inspection_max_age_days": say("days since the last inspection"), "stale_months": say("months a figure may be old"),
        "window_before_days": say("days before the deadline"), "window_after_days": say("days after the deadline"),
        "same_inspector_at_most": say("visits in a row of one inspector"), "photos": say("photographs"),
        "documents": say("documents"), "premises_within_m": say("metres from the premises"), "probability": say("probability"),
        "at_least": say("at least"), "always": say("always"), "default": say("otherwise"), "product": say("by product"),
        "customer": say("by customer"), "second_try": say("second try"), "reaches": say("whom it binds"),
        "gate": say("at the gate"), "closed": say("closed days"), "worked": say("working days at weekends"),
    }  # fmt: skip
    return sections, fields
