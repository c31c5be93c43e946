"""The night's proof: the journal is anchored and checked, the day's runs are replayed. A fault fails the flow."""

from datetime import date

from prefect import flow

from flows.stage import RETRIES, for_good, named, stage
from tasks import house
from tasks.found import divergence, fault
from tasks.proof import prove


class NotAsRecorded(Exception):
    """The journal, a table or a decision is not what was recorded; `postloan audit verify` names each."""


@flow(name="nightly_audit", flow_run_name=named("nightly_audit"), **RETRIES)
async def nightly_audit(as_of: date | None = None) -> dict[str, int]:
    """Proves the record up to `as_of` (business date, by default today's). Raises NotAsRecorded on any fault."""
    here = house.current()
    async with stage("nightly_audit", as_of, lambda _: True) as at_work:
        if at_work.run is None:
            return at_work.counts
        proof = prove(at_work.run.db, here, at_work.run.inputs.as_of, at_work.run.clock)
        at_work.add({"entries checked": proof.entries, "streams": proof.streams, "runs replayed": proof.runs,
                     "decisions recomputed": proof.recomputed, "faults": len(proof.faults),
                     "divergences": len(proof.divergences)})  # fmt: skip
    if proof.faults or proof.divergences:
        await for_good()  # a fault stays one
        first = [*map(fault, proof.faults[:1]), *map(divergence, proof.divergences[:1])][0]
        raise NotAsRecorded(f"{len(proof.faults)} faults and {len(proof.divergences)} divergences; the first: {first}")
    return at_work.counts
