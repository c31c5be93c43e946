"""Prepare: what the manager finds on his desk — proposed class and level, and what changed since last time."""

from typing import Any

from tasks.dossier import PACKAGES, Dossier, answers
from tasks.given import Given

NAMES = {"y": "yellow", "o": "orange", "r": "red"}


def prepare(d: Dossier, given: Given) -> tuple[str, dict[str, Any]]:
    """Class: the worst of the facilities by days past due (classification.yaml), not better than the class in the
    books. Level: the worst finding (measures.yaml). Green: no finding, normal class, no earlier round."""
    book = given.book(d)
    facilities = [ask["facility"] for ask in d.opening["asks"]]
    class_, because = d.opening["class_"], [f"class {d.opening['class_']} in the books"]
    for facility in dict.fromkeys(facilities):
        row = given.rows.get(facility)
        if row is None or row["dpd"] is None:
            because.append(f"{facility}: days past due not evaluated")
        elif (by_days := book.class_for(row["dpd"])) > class_:
            class_ = by_days
            because.append(f"{facility}: {row['dpd']} days past due make class {by_days}")
    findings = d.findings
    level = book.level_for(f["colour"] for f in findings)
    for f in sorted(findings, key=lambda f: "roy".index(f["colour"])):
        because.append(f"{f['facility']} {f['checkpoint']}: {NAMES[f['colour']]}")
    now, before = answers(d.last(*PACKAGES)), d.answers_before or {}
    changes = [
        {"facility": facility, "checkpoint": checkpoint, "before": before[facility, checkpoint], "now": value}
        for (facility, checkpoint), value in sorted(now.items())
        if (facility, checkpoint) in before and before[facility, checkpoint] != value
    ]
    green = not findings and class_ == 1 and d.state.visits["screen"] == 1
    return "propose", {"proposed_class": class_, "proposed_level": level, "green": green, "changes": changes,
                       "because": "; ".join(because)}  # fmt: skip
