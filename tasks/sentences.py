"""Refusals in words: a code and its facts become one sentence. What an audit or a replay finds is in tasks/found.py."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from door.command import Refused

#: By code; in braces the facts, as the door gives them.
REFUSALS: Mapping[str, str] = {
    "no_case": "There is no case {case}.",
    "no_process": "There is no process {process}.",
    "changed": "It has changed meanwhile: {by} acted at {at}, and it now stands at {step}. Look at it again.",
    "ended": "The case has ended ({step}), by {by} at {at}.",
    "not_here": "That can't be done at {step}, where {by} brought it at {at}; what can: {offered}.",
    "not_offered": "That can't be done at {step}; what can: {offered}.",
    "no_item": "At {step} the case waits for no person.",
    "unknown_person": "{person} is nobody in service on that day: check the name and the staff list.",
    "system_only": "A run does that at {step}, never a person.",
    "run_closed": "The run {run} is finished, so nothing more is done in it.",
    "person_only": "A person decides that at {step}, never a run.",
    "lane": "That is for people of the {lane}, not of the {yours}.",
    "role": "That takes the role {role} on that day.",
    "reads_only": "Who audits reads, and changes nothing.",
    "unit": "That is for the head of {unit}, not of {yours}.",
    "past": "{field}: {day} lies in the past, before {today}.",
    "too_far": "{day} is too late: by the policy book at most {latest}.",
    "no_deputy": "That takes standing in for {absent} on that day, and both holding the role {role}.",
    "no_chain": "It came by delegation from {for}; what was handed on is not handed on again.",
    "no_owner": "Nobody is known whose step this is ({whose}): name one first, as by a hand-over.",
    "not_yours": "It is {owner}'s to do.",
    "taken": "{by} has it in hand, since {at}.",
    "not_holder": "It is in the hands of {holder}.",
    "held": "It is on hold until {until}, by {by}.",
    "unannounced": "The department verifies this conclusion. How and by whom is told with the outcome.",
    "related": "A person related to {subject} acts on none of its cases.",
    "four_eyes": "{person} had a part in this case ({did}), so this is for somebody else (four eyes).",
    "condition": "Not as things stand: it needs {condition}.",
    "not_evaluated": "It can't be told whether {condition}: a fact that this asks for is missing.",
    "limit": "It was done as often as it may be ({action}): {limit}.",
    "hold_past": "A hold ends on a later day than today: {until} does not.",
    "hold_too_long": "At most {left} more days of hold are left, not {asked}.",
    "slot": "Case {case} is open already for {slot}.",
    "key_reused": "The key {key} was used for something else before: choose another.",
    "form": "{field}: {says} (form {of}).",
    "amount": "{amount} is no amount that can be paid: a whole number of minor units above zero.",
    "facility_unknown": "There is no facility {facility}.",
    "no_book": "No policy book can be read that is in force on {day}.",
    "stopped": "The restriction {kind} of case {case} is in force: {says}.",
    "consent": "The restriction {kind} of case {case} asks for consent first: {says}.",
    "limited": "The restriction {kind} of case {case} limits what is paid to {cap}, {paid} of it allowed before: {says}.",
    "control_unreadable": "What the restriction of case {case} forbids can't be read, so nothing is paid.",
    "overdue": "Inspection {case} was due on {due_on}, and more than {days} days of grace have passed.",
    "unopened": "An inspection ({kind}) was due on {due_on} and nobody has opened it after {days} days of grace.",
    "cancelled": "Inspection {case}, due on {due_on}, was cancelled, and no later one is done after {days} days of grace.",
    "no_snapshot": "What inspections {facility} needs on {day} can't be read from any snapshot, so nothing is paid.",
    "staff": "{person} is of the staff: a program asks under a name of its own, as core-banking.",
    "unverified": "Inspection {case} was concluded on {concluded_on} and is not verified after {days} days.",
    "inspection_unreadable": "Whether inspection {case} was concluded can't be read, so nothing is paid.",
    "unanswered": "The gate can't answer: {says}.",
    "link_false": "The link was not made here, or was cut or changed: use the one in the newest message.",
    "link_expired": "The link has ended at {expired_at}: use a newer message, or name case and person.",
    "link_other": "The link is for case {case} and {person}, not for what you named.",
    "link_decided": "What the link was for has been decided: case {case} now stands at {step}.",
}
#: The same to whom they name.
TO_HIM: Mapping[str, str] = {
    "changed": "It has changed meanwhile: you acted at {at}, and it now stands at {step}. Look at it again.",
    "ended": "The case has ended ({step}), by you at {at}.",
    "not_here": "That can't be done at {step}, where you brought it at {at}; what can: {offered}.",
    "taken": "You have it in hand, since {at}.",
    "held": "It is on hold until {until}, by you.",
    "four_eyes": "You had a part in this case ({did}), so this is for somebody else (four eyes).",
}
#: Why not yet, by the condition of the arrow.
CONDITIONS: Mapping[str, str] = {
    "open_order == 0": "Not yet: an order of the same decision is still open.",
    "inspection_is_fresh": "Not yet: the last inspection was concluded more than {most_days} days ago, or there is none. Order "
                           "one, or wait for the next that is due.",
    "months_are_clean": "Not yet: an inspection found misuse of funds, and {clean_months} months have to pass without a red "
                        "finding.",
    "level >= proposed_level and class_ >= proposed_class or reason != ''":
        "A level or a class better than what was proposed needs a reason.",
}  # fmt: skip
#: Where a fact of it is one: by code or condition, which fact, and what is said then.
OF_ONE: Mapping[str, tuple[str, str]] = {
    "hold_too_long": ("left", "At most {left} more day of hold is left, not {asked}."),
    "overdue": ("days", "Inspection {case} was due on {due_on}, and more than {days} day of grace has passed."),
    "unopened": ("days", "An inspection ({kind}) was due on {due_on} and nobody has opened it after {days} day of grace."),
    "cancelled": ("days", "Inspection {case}, due on {due_on}, was cancelled, and no later one is done after {days} day of "
                          "grace."),
    "unverified": ("days", "Inspection {case} was concluded on {concluded_on} and is not verified after {days} day."),
    "inspection_is_fresh": ("most_days", "Not yet: the last inspection was concluded more than {most_days} day ago, or there "
                                         "is none. Order one, or wait for the next that is due."),
    "months_are_clean": ("clean_months", "Not yet: an inspection found misuse of funds, and {clean_months} month has to pass "
                                         "without a red finding."),
}  # fmt: skip
_INSTANT = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)[\d:.]*(?:Z|\+00:00)$")


def sentence(refused: Refused, say: Callable[[str], str] = str, to_him: bool = False) -> str:
    """Why not, in one sentence; `say` translates the frame, `to_him`: who reads it is whom it names."""
    code, facts = refused.code, {k: v.rstrip(".") if k == "says" else v for k, v in refused.facts.items()}
    if code == "not_to_him":
        why = sentence(Refused(facts.pop("code"), facts), say, to_him)
        return say("{to} can't get it.").format(to=facts.get("to")) + " " + why
    if code == "no_case" and not facts.get("case") and facts.get("process"):
        code = "no_process"
    if code == "not_here" and not facts.get("by"):
        code = "not_offered"
    if code == "form" and not facts.get("field"):
        return f"{facts.get('says')} (form {facts.get('of')})."
    if to_him and code in TO_HIM:
        return filled(say(TO_HIM[code]), facts, say)
    if code == "condition" and (not_yet := CONDITIONS.get(facts["condition"])):
        return filled(say(_of_one(facts["condition"], facts) or not_yet), facts, say)
    return filled(say(_of_one(code, facts) or REFUSALS[code]) if code in REFUSALS else f"Refused ({code}).", facts, say)


def _of_one(code: str, facts: Mapping[str, Any]) -> str:
    fact, frame = OF_ONE.get(code, ("", ""))
    return frame if str(facts.get(fact)) == "1" else ""


def words(name: str) -> str:
    """An identifier as it is read: `verify_desk` is "verify desk"."""
    return name.replace("_", " ")


def instant(text: str) -> str:
    """A recorded instant, to the minute: "2026-01-05 09:00 UTC"."""
    found = _INSTANT.match(text)
    return f"{found[1]} {found[2]} UTC" if found else text


_WORDED = ("step", "role", "action", "did", "offered", "lane", "yours", "whose", "condition")


class _Facts(dict[str, Any]):
    def __init__(self, facts: Mapping[str, Any], say: Callable[[str], str]) -> None:
        super().__init__(facts)
        self.say = say

    def __missing__(self, name: str) -> str:
        nobody = name in ("by", "holder", "owner", "for")
        return self.say("nothing") if name == "offered" else self.say("nobody") if nobody else "?"


def filled(text: str, facts: Mapping[str, Any], say: Callable[[str], str] = str) -> str:
    known = {name: _worded(name, value, say) for name, value in facts.items() if value is not None}
    return text.format_map(_Facts(known, say))


def _worded(name: str, value: Any, say: Callable[[str], str]) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_worded(name, each, say) for each in value) or say("nothing")
    text = str(value)
    return words(text) if name in _WORDED else instant(text)
