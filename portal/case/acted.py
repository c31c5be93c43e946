"""Acts of a person, through the door; what it answers, as far as he is told; and who has to do with it wakes."""

from dataclasses import replace

from door.act import act
from door.command import Command, Verdict
from portal.case.sight import discreet, unheard
from portal.house import Asking
from tasks.services import SERVICES


def acted(asking: Asking, *commands: Command) -> list[Verdict]:
    """Of a verification that is not announced to him no answer tells; a comment of his on it hangs on nothing that he has
    not seen."""
    quiet = unheard(asking, commands)
    asked = [replace(c, seen=None) if c.case in quiet and c.action == "comment" else c for c in commands]
    verdicts = act(asking.db, asked, asking.clock, asking.rules)
    for stage in sorted({SERVICES[v.step].stage for v in verdicts if not v.refused and v.step in SERVICES}):
        asking.portal.wake(stage)
    return [discreet(asking, c, v) if c.case in quiet else v for c, v in zip(asked, verdicts, strict=True)]
