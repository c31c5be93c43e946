"""The arrows of the processes in words: what a person who decides chooses, what he has then done, and which of them
weigh so much that his password is asked for once more."""

from collections.abc import Callable
from functools import cache

from pydantic_core import PydanticUndefined

from models.process import Do

#: They hold back money, let it go, or change the rules.
HIGH_RISK = frozenset(
    {("inspection", "impose"), ("control", "confirm"), ("control", "lift"), ("policy", "approve_book")}
)
#: Fields that a page of one decision asks for itself; an arrow that needs another one has a form of its own, and so has
#: disagreeing: whoever does says in which respects.
INLINE = ("kind", "facility", "outcome", "own_level", "due_on", "until", "reason", "note")
OWN_FORM = ("submit", "collect", "disagree")

Say = Callable[[str], str]


def choice(say: Say, process: str, action: str) -> str:
    """What it says beside the button: "Confirm", "Send back"."""
    return _words(say, process, action)[0]


def done(say: Say, process: str, action: str) -> str:
    """What was then done: "Confirmed"."""
    return _words(say, process, action)[1]


def _words(say: Say, process: str, action: str) -> tuple[str, str]:
    """Of whatever process, where it is not said which."""
    table, bare = arrows(say), action.replace("_", " ").capitalize()
    of = process or next((each for each, name in table if name == action), "")
    return table.get((of, action)) or table.get(("", action)) or (bare, bare)


@cache
def arrows(say: Say) -> dict[tuple[str, str], tuple[str, str]]:
    return {
        ("inspection", "submit"): (say("Hand in the package"), say("Handed in")),
        ("inspection", "collect"): (say("Hand in the data"), say("Handed in")),
        ("inspection", "check"): (say("Accept the package"), say("Package accepted")),
        ("inspection", "return"): (say("Return the package"), say("Package returned")),
        ("inspection", "conclude"): (say("Conclude"), say("Concluded")),
        ("inspection", "send_back"): (say("Send back for more data"), say("Sent back")),
        ("inspection", "verify"): (say("Verify as adequate"), say("Verified")),
        ("inspection", "disagree"): (say("Disagree"), say("Disagreed with")),
        ("inspection", "nobody_met"): (say("Nobody was met"), say("Recorded that nobody was met")),
        ("inspection", "record"): (say("Record what you found"), say("Recorded")),
        ("inspection", "impose"): (say("Restrict or order"), say("Restricted or ordered")),
        ("inspection", "no_measure"): (say("No measure"), say("Closed without a measure")),
        ("inspection", "propose"): (say("Prepare"), say("Prepared")),
        ("inspection", "no_vendor"): (say("No vendor"), say("No vendor found")),
        ("inspection", "assign"): (say("Assign"), say("Assigned")),
        ("inspection", "open"): (say("Open the inspection"), say("Opened")),
        ("inspection", "not_visited"): (say("Not visited"), say("Not visited in time")),
        ("inspection", "pass"): (say("Find it complete"), say("Found complete")),
        ("inspection", "incomplete"): (say("Send back as incomplete"), say("Sent back as incomplete")),
        ("inspection", "recollect"): (say("Send back the data"), say("Data sent back")),
        ("inspection", "integrity"): (say("Doubt the package"), say("Package doubted")),
        ("inspection", "desk"): (say("To the desk"), say("To be verified at the desk")),
        ("inspection", "site"): (say("To the site"), say("To be verified on site")),
        ("inspection", "escalate"): (say("Escalate"), say("Escalated")),
        ("inspection", "close"): (say("Close"), say("Closed below the line")),
        ("run", "start"): (say("Begin"), say("Begun")),
        ("run", "finish"): (say("Finish"), say("Finished")),
        ("", "remind"): (say("Remind"), say("Reminded")),
        ("control", "propose"): (say("Propose"), say("Proposed")),
        ("control", "confirm"): (say("Confirm"), say("Confirmed")),
        ("control", "reject"): (say("Reject"), say("Rejected")),
        ("control", "ask_lift"): (say("Propose to lift it"), say("Lifting proposed")),
        ("control", "renew"): (say("Keep it in force"), say("Kept in force")),
        ("control", "lift"): (say("Lift"), say("Lifted")),
        ("control", "refuse_lift"): (say("Do not lift"), say("Not lifted")),
        ("order", "issue"): (say("Issue"), say("Issued")),
        ("order", "done"): (say("Report it as done"), say("Reported as done")),
        ("order", "ask_extension"): (say("Ask for more time"), say("More time asked for")),
        ("order", "overdue"): (say("Overdue"), say("Overdue")),
        ("order", "grant"): (say("Grant the time"), say("Time granted")),
        ("order", "deny"): (say("Do not grant it"), say("Not granted")),
        ("order", "accept"): (say("Accept the correction"), say("Accepted")),
        ("order", "not_accepted"): (say("Do not accept it"), say("Not accepted")),
        ("order", "to_workout"): (say("To workout"), say("Taken to workout")),
        ("order", "settle"): (say("Settle"), say("Settled")),
        ("handover", "hand_over"): (say("Hand over"), say("Handed over")),
        ("handover", "take_over"): (say("Take over"), say("Taken over")),
        ("handover", "decline"): (say("Decline"), say("Declined")),
        ("policy", "propose_book"): (say("Propose"), say("Proposed")),
        ("policy", "approve_book"): (say("Approve"), say("Approved")),
        ("policy", "reject_book"): (say("Reject"), say("Rejected")),
    }  # fmt: skip


def fields(do: Do) -> dict[str, bool]:
    """The fields of an arrow's form, and whether it needs them."""
    return {name: f.default is PydanticUndefined and f.default_factory is None
            for name, f in do.form.model_fields.items()}  # fmt: skip


def inline(do: Do) -> bool:
    """Can it be decided on one page, without a form of its own?"""
    return do.name not in OWN_FORM and all(name in INLINE or not needed for name, needed in fields(do).items())
