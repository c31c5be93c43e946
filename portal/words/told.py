"""What was done, as a sentence each: by process and action, those of the item under no process."""

from portal.words.arrows import Say


def told(say: Say, process: str, action: str) -> str:
    """With its blanks: who; to, until, kind where the entry names them."""
    table = _of(say)
    return table.get((process, action)) or table.get(("", action)) or say("{who} did: {action}.")


def _of(say: Say) -> dict[tuple[str, str], str]:
    return {
        ("", "claim"): say("{who} claimed the item."),
        ("", "hand_back"): say("{who} handed the item back."),
        ("", "delegate"): say("{who} delegated the item to {to}."),
        ("", "reassign"): say("{who} reassigned the item to {to}."),
        ("", "hold"): say("{who} put the item on hold until {until}."),
        ("", "comment"): say("{who} commented."),
        ("", "cancel"): say("{who} cancelled the case."),
        ("", "remind"): say("A reminder went out."),
        ("inspection", "open"): say("{who} opened the inspection."),
        ("inspection", "assign"): say("{who} assigned the visit to {to}."),
        ("inspection", "no_vendor"): say("{who} found no vendor, so the branch collects."),
        ("inspection", "submit"): say("{who} handed in the package."),
        ("inspection", "not_visited"): say("The visit was not made in time, so the branch collects."),
        ("inspection", "collect"): say("{who} handed in the data."),
        ("inspection", "pass"): say("{who} found the package complete."),
        ("inspection", "incomplete"): say("{who} found the package incomplete and sent it back."),
        ("inspection", "recollect"): say("{who} found the data incomplete and sent them back."),
        ("inspection", "integrity"): say("{who} doubted the package, so the branch collects."),
        ("inspection", "check"): say("{who} checked the package and passed it on."),
        ("inspection", "return"): say("{who} returned the package."),
        ("inspection", "propose"): say("{who} prepared the case for the review."),
        ("inspection", "conclude"): say("{who} concluded."),
        ("inspection", "send_back"): say("{who} sent it back for more data."),
        ("inspection", "desk"): say("{who}: to be verified at the desk."),
        ("inspection", "site"): say("{who}: to be verified on site."),
        ("inspection", "verify"): say("{who} verified the conclusion."),
        ("inspection", "disagree"): say("{who} disagreed with the conclusion."),
        ("inspection", "nobody_met"): say("{who} met nobody on site and goes there a second time."),
        ("inspection", "record"): say("{who} recorded what was found on site."),
        ("inspection", "escalate"): say("{who} escalated the case to the credit manager."),
        ("inspection", "close"): say("{who} closed the case: it is below the line."),
        ("inspection", "impose"): say("{who} decided on restrictions or orders."),
        ("inspection", "no_measure"): say("{who} decided that no measure is needed."),
        ("control", "propose"): say("{who} proposed the restriction."),
        ("control", "confirm"): say("{who} confirmed the restriction: it is in force."),
        ("control", "reject"): say("{who} rejected the restriction."),
        ("control", "ask_lift"): say("{who} proposed to lift the restriction."),
        ("control", "renew"): say("{who} kept the restriction in force."),
        ("control", "lift"): say("{who} lifted the restriction."),
        ("control", "refuse_lift"): say("{who} did not lift the restriction."),
        ("order", "issue"): say("{who} issued the order."),
        ("order", "done"): say("{who} reported the order as done."),
        ("order", "ask_extension"): say("{who} asked for time until {until}."),
        ("order", "overdue"): say("The order was not carried out in time and was tightened."),
        ("order", "grant"): say("{who} granted the time."),
        ("order", "deny"): say("{who} did not grant the time."),
        ("order", "accept"): say("{who} accepted the correction."),
        ("order", "not_accepted"): say("{who} did not accept the correction."),
        ("order", "to_workout"): say("The tightened order was missed too and went to workout."),
        ("order", "settle"): say("{who} settled the order."),
        ("handover", "hand_over"): say("{who} handed the borrower over to {to}."),
        ("handover", "take_over"): say("{who} took the borrower over."),
        ("handover", "decline"): say("{who} declined to take the borrower over."),
        ("policy", "propose_book"): say("{who} proposed the version of the book."),
        ("policy", "approve_book"): say("{who} approved the version of the book."),
        ("policy", "reject_book"): say("{who} rejected the version of the book."),
        ("run", "start"): say("The run began, with its inputs recorded."),
        ("run", "set_aside"): say("Inspections that were due were merged into open ones, or skipped."),
        ("run", "finish"): say("The run finished."),
    }  # fmt: skip
