"""The bank's day: all stages in their order."""

from datetime import date

from prefect import flow, tags

from flows.deadlines import deadlines
from flows.delivery import delivery
from flows.escalation import escalation
from flows.four_eyes_verification import four_eyes_verification
from flows.manager_review import manager_review
from flows.nightly_audit import nightly_audit
from flows.outsourced_collection import outsourced_collection
from flows.scheduled_inspection import scheduled_inspection
from flows.stage import RETRIES, named
from flows.wake import OURS

DAY = (scheduled_inspection, outsourced_collection, manager_review, four_eyes_verification, escalation, deadlines,
       delivery, nightly_audit)  # fmt: skip


@flow(name="lifecycle", flow_run_name=named("lifecycle"), **RETRIES)
async def lifecycle(as_of: date | None = None) -> dict[str, dict[str, int]]:
    """Runs every stage as a subflow on `as_of` (business date, by default today's), and says what each did."""
    with tags(OURS, "stage"):  # as prefect.yaml tags those that run by themselves
        return {stage.name: await stage(as_of=as_of) for stage in DAY}
