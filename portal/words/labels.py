"""The words of fields: how each is called, and what is said where it is empty or not as it is asked for."""

from collections.abc import Callable


def labels(say: Callable[[str], str]) -> dict[str, str]:
    return {
        "reason": say("Reason"), "note": say("Note"), "says": say("What was done"), "until": say("Until"),
        "due_on": say("New deadline"), "level": say("Level"), "class_": say("Class"), "capacity": say("Capacity to pay"),
        "willingness": say("Willingness to pay"), "repayment_source": say("What it is repaid from"),
        "opportunity": say("Opportunity"), "own_level": say("Your own level"), "outcome": say("Outcome"),
        "inadequate": say("In which respects the conclusion is not adequate"), "visited_on": say("Day of the visit"),
        "host": say("Whom you met"), "interview_signed": say("The interview is signed"),
        "announced": say("The visit was announced before"), "how": say("How it was collected"), "kind": say("What"),
        "facility": say("Facility"), "cap": say("Limit"), "review_on": say("Review on"), "code": say("What"),
        "owner": say("Owner"), "by": say("By"), "where": say("Where"), "checkpoint": say("Question"),
        "colour": say("Level"), "accepted": say("Your answer to it"), "why": say("Why"), "to": say("To"), "text": say("Comment"),
        "value": say("Answer"), "as_of": say("Date of the figure"), "answers": say("Answers"), "evidence": say("Evidence"),
        "files": say("Files"), "responses": say("Your answers to the findings"), "measures": say("Measures"),
        "defects": say("What is missing or wrong"), "restrictions": say("Restrictions"), "orders": say("Orders"),
        "away": say("Why were they taken elsewhere?"),
    }  # fmt: skip


def wanted(say: Callable[[str], str]) -> dict[str, str]:
    """What is said where a field is left empty."""
    return {
        "reason": say("Write why, in a sentence or two."), "text": say("Write your comment."), "says": say("Write what was done."),
        "why": say("Write why you accept or refute it."), "capacity": say("Write how well it can pay, with a figure."),
        "willingness": say("Choose how willing it is to pay."), "repayment_source": say("Write what it is repaid from."),
        "level": say("Choose a level."), "class_": say("Choose a class."), "code": say("Choose what it is."),
        "owner": say("Choose who does it."), "by": say("Write the day by which it is done."), "where": say("Write where it is."),
        "outcome": say("Choose an outcome."), "own_level": say("Choose the level that you find yourself."),
        "kind": say("Choose what is to be done."), "facility": say("Choose a facility."), "checkpoint": say("Choose a question."),
        "colour": say("Choose a level."), "visited_on": say("Write the day of the visit."), "until": say("Write a day."),
        "due_on": say("Write the new deadline."), "how": say("Choose how it was collected."), "to": say("Choose who gets it."),
        "accepted": say("Accept it or refute it."), "answers": say("Answer what is asked."), "value": say("Answer what is asked."),
        "as_of": say("Write a day."), "review_on": say("Choose a day after today."), "measures": say("Name at least one measure."),
        "cap": say("Write an amount, for example 120,000,000."), "defects": say("Choose at least one reason from the list."),
    }  # fmt: skip
