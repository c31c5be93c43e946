"""The automatic steps of an inspection: for each, the stage that runs it and the function that decides it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tasks.dispatch import dispatch
from tasks.dossier import Dossier
from tasks.draw import draw
from tasks.given import Given
from tasks.prepare import prepare
from tasks.screen import screen
from tasks.weigh import weigh

Decide = Callable[[Dossier, Given], tuple[str, dict[str, Any]]]


@dataclass(frozen=True)
class Service:
    """`stage` is the flow that takes the cases waiting at the step; `decide` is pure."""

    stage: str
    decide: Decide


SERVICES: dict[str, Service] = {
    "dispatch": Service("outsourced_collection", dispatch),
    "screen": Service("outsourced_collection", screen),
    "prepare": Service("manager_review", prepare),
    "draw": Service("four_eyes_verification", draw),
    "weigh": Service("escalation", weigh),
}
