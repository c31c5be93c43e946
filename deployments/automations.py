"""What Prefect watches: runs of ours that fail, are lost, begin late or do not end are told to the portal.

Prefect sends no mail itself: a webhook of the portal takes the alert, shows it and queues the mail in our outbox. Made
equal to what stands here by name, so that setting them up twice is once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import CallWebhook, ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.types import SecretDict
from pydantic import SecretStr

from deployments.manifest import OURS

BLOCK = "postloan-portal"
STUCK = timedelta(hours=2)  # no stage takes as long; the longest, a night's proof of a million cases, takes minutes
SILENT = timedelta(minutes=3)  # a run's process beats every 30 seconds; Prefect's own pause of a busy one is shorter
ENDS = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}
BEAT = "prefect.flow-run.heartbeat"
PAYLOAD = (
    '{{"what": "{what}", "flow_run": {{{{ flow_run.id | string | tojson }}}}, "flow": {{{{ flow.name | tojson }}}}, '
    '"says": {{{{ (flow_run.state.message or "") | tojson }}}}}}'
)


@dataclass(frozen=True)
class Hook:
    """Where the portal takes alerts, and the secret that it knows Prefect by."""

    address: str
    secret: str


def automations(block: UUID) -> Iterator[AutomationCore]:
    """All of them; each that tells calls the webhook of that block."""

    def tells(what: str, description: str, trigger: EventTrigger) -> AutomationCore:
        call = CallWebhook(block_document_id=block, payload=PAYLOAD.format(what=what))
        return AutomationCore(name=f"postloan-{what}", description=description, trigger=trigger, actions=[call])

    for what, state in (("failed", "Failed"), ("crashed", "Crashed"), ("late", "Late")):
        yield tells(what, f"A run of ours went to {state}.", _when(f"prefect.flow-run.{state}"))
    yield tells("stuck", f"A run of ours has not ended {STUCK} after it began.", _unless(
        {"prefect.flow-run.Running"}, ENDS, STUCK))  # fmt: skip
    yield AutomationCore(
        name="postloan-zombie", description=f"A run of ours has said nothing for {SILENT}: its process is gone.",
        trigger=_unless({BEAT}, {BEAT, *ENDS}, SILENT),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message="Its process is gone: no sign of life any more.")],
    )  # fmt: skip


async def keep(client: PrefectClient, hook: Hook) -> None:
    """Makes the server's webhook and automations equal to these, and removes an earlier one that is none of them."""
    block = Webhook(
        url=SecretStr(hook.address),
        headers=SecretDict({"Authorization": f"Bearer {hook.secret}", "Content-Type": "application/json"}),
    )
    id_ = await block.save(BLOCK, overwrite=True, client=client)
    wanted = {each.name: each for each in automations(id_)}
    for found in await client.read_automations():
        if not found.name.startswith("postloan-"):
            continue
        mine = wanted.pop(found.name, None)
        if mine is None:
            await client.delete_automation(found.id)
        elif mine != AutomationCore(**found.model_dump(exclude={"id"})):
            mine.enabled = found.enabled  # an operator's switch stays
            await client.update_automation(found.id, mine)
    for new in wanted.values():
        await client.create_automation(new)


def _when(event: str) -> EventTrigger:
    return EventTrigger(expect={event}, match=_RUNS, match_related=_TAGGED, for_each=_EACH, posture=Posture.Reactive,
                        threshold=1)  # fmt: skip


def _unless(after: set[str], expect: set[str], within: timedelta) -> EventTrigger:
    return EventTrigger(after=after, expect=expect, match=_RUNS, match_related=_TAGGED, for_each=_EACH,
                        posture=Posture.Proactive, threshold=1, within=within)  # fmt: skip


_RUNS = {"prefect.resource.id": "prefect.flow-run.*"}
_TAGGED = {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{OURS}"}
_EACH = {"prefect.resource.id"}
