"""import: an extract of the core-banking system becomes a snapshot."""

from pathlib import Path
from typing import Annotated

import typer

from deployments.commands import say
from deployments.commands.options import AsOf, Json
from deployments.settings import opened, policies

_TOLD = ("read", "accepted", "rejected", "created", "changed", "unchanged", "snapshot", "rejects_file")


def register(app: typer.Typer) -> None:
    app.command("import")(import_)


def import_(
    file: Annotated[Path, typer.Argument(help="CSV (also .gz) or Parquet.")],
    mapping: Annotated[str, typer.Option(help="Name of a mapping in policies/mappings/, or a path to one.")],
    as_of: AsOf,
    json: Json = False,
) -> None:
    """Take an extract in. Every row is accepted, or stands with its reasons in the rejects file."""
    from tasks.intake import intake
    from tasks.mapping import load

    named = Path(mapping) if mapping.endswith((".yaml", ".yml")) else policies() / "mappings" / f"{mapping}.yaml"
    with opened() as (here, db), say.progress() as bar:
        job = bar.add_task(f"reading {file.name}", total=None)
        done = intake(db, file, load(named), as_of, here.snapshots, here.now(),
                      lambda part, whole: bar.update(job, completed=part, total=whole))  # fmt: skip
    if json:
        say.json({name: getattr(done, name) for name in _TOLD} | {"proposals": len(done.proposals)})
        return
    say.table(
        ("rows", "count", "sum of balances"),
        [(name, total.count, _sums(total.bal, total.unreadable)) for name, total in done.totals.items()],
        f"{file} as of {as_of}",
    )
    say.line(f"Facilities: {done.created:,} new, {done.changed:,} changed, {done.unchanged:,} unchanged.")
    say.line(f"Snapshot {done.snapshot[:12]} ({done.snapshot_file}).")
    if done.rejected:
        say.line(f"Why rows were rejected: {done.rejects_file}.")
    if done.proposals:
        say.line(f"{len(done.proposals)} borrowers have another manager in the extract than the responsible one; a "
                 "hand-over decides (`postloan open handover`).")  # fmt: skip


def _sums(by_currency: dict[str, int], unreadable: int) -> str:
    """Amounts in units of their currency, and how many rows had none."""
    sums = [money(amount, currency) for currency, amount in by_currency.items()]
    return "; ".join(sums + [f"{unreadable:,} unreadable"] * bool(unreadable))


def money(minor: int, currency: str) -> str:
    """An amount in minor units as it is written: "USD 1,250.00"."""
    from decimal import Decimal

    from tasks.translate import PLACES

    return f"{currency} {Decimal(minor).scaleb(-PLACES.get(currency, 2)):,}"
