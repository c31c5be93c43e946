"""The states of Prefect's flow runs in words."""

from collections.abc import Callable


def state(say: Callable[[str], str], name: str) -> str:
    """As Prefect names it where there is no word for it."""
    return {"Scheduled": say("planned"), "Late": say("late"), "Pending": say("about to begin"), "Running": say("running"),
            "AwaitingRetry": say("waits to be tried again"), "Retrying": say("tried again"), "Paused": say("paused"),
            "Suspended": say("paused"), "Cancelling": say("being cancelled"), "Cancelled": say("cancelled"),
            "Completed": say("done"), "Failed": say("failed"), "TimedOut": say("took too long"),
            "Crashed": say("lost")}.get(name, name)  # fmt: skip
