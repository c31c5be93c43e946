"""audit: is the record what it was? Chains, tables and anchors; and the anchor of a day."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands import say
from deployments.commands.options import AsOfToday, Json
from deployments.mistakes import Mistake
from deployments.settings import opened

if TYPE_CHECKING:
    from door.anchor import Verify

SHOWN = 50
MUCH = 50_000  # entries: to start another process takes as long as to check so many


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="The proof: verify the journal, anchor a day.", no_args_is_help=True)
    group.command()(verify)
    group.command()(anchor)
    app.add_typer(group, name="audit")


def verify(
    key: Annotated[
        Path | None, typer.Option(help="Public key of the anchors; without it the one beside the signing key.")
    ] = None,
    root: Annotated[
        list[str], typer.Option(metavar="DATE=ROOT", help="A root that was kept elsewhere. Repeat for several.")
    ] = [],  # noqa: B006 - typer reads it, nobody changes it
    parts: Annotated[
        int | None,
        typer.Option(
            min=1, help="How many processes share the work; without it, where it is much, one for each processor."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Verify every chain, every table and every anchor; name what is wrong. Exit code 1 where anything is."""
    from door.audit import audit
    from processes import PROCESSES
    from tasks.found import fault

    kept = _kept(root)
    with opened() as (here, db):
        public = key or here.anchor_key.with_suffix(".pub")
        if not key and not public.exists() and db.rows("SELECT 1 FROM anchor LIMIT 1"):
            raise Mistake(f"There are anchors and no key {public} to check them with: name it with --key.")
        if parts is None:
            much = db.rows("SELECT count(*) FROM entry")[0][0] > MUCH
            parts = (os.cpu_count() or 1) if much else 1
        checks = _verifier(public) if public.exists() or key else None
        with say.progress() as bar:
            job = bar.add_task("verifying", total=None)
            seen = audit(db, PROCESSES, checks, kept, parts,
                         lambda part, n, of: bar.update(job, description=f"verifying the {part}", completed=n, total=of))  # fmt: skip
    says = [fault(f) for f in seen.faults]
    if json:
        faults = [{"stream": f.stream, "seq": f.seq, "code": f.code, "facts": dict(f.facts), "says": text}
                  for f, text in zip(seen.faults, says, strict=True)]  # fmt: skip
        say.json({"entries": seen.entries, "streams": seen.streams, "anchors": seen.anchors, "root": seen.root,
                  "erased": len(seen.erased), "faults": faults})  # fmt: skip
    else:
        for text in says[:SHOWN]:
            say.line(text)
        if len(says) > SHOWN:
            say.line(f"… and {len(says) - SHOWN:,} more (--json has them all).")
        erased = f" {len(seen.erased):,} payloads are erased, by right." if seen.erased else ""
        judged = f"{len(says):,} fault{'s' * (len(says) > 1)}" if says else "no fault"
        say.line(f"{seen.entries:,} entries in {seen.streams:,} streams, {seen.anchors:,} anchors: {judged}.{erased}")
        if seen.root:
            say.line(f"Newest root, to be kept elsewhere: {seen.root}")
    if says:
        raise typer.Exit(1)


def anchor(as_of: AsOfToday = None, json: Json = False) -> None:
    """Sign the heads of all streams as of a business date; a date is anchored once."""
    from door.anchor import anchor as made
    from door.anchor import signer
    from tasks.run import timely

    with opened() as (here, db):
        on = as_of or here.business_date()
        timely(here, on)  # after an anchor of a day to come nothing could be anchored until then
        try:
            sign = signer(here.anchor_key)
        except ValueError:
            raise Mistake(f"{here.anchor_key} holds no key for anchors: put the right file there.") from None
        found = made(db, here.clock(on), sign)
    if json:
        say.json({"business_date": found.business_date, "streams": found.streams, "root": found.root})
    else:
        say.line(f"Anchor of {found.business_date} over {found.streams:,} streams; its root, to be kept elsewhere: "
                 f"{found.root}")  # fmt: skip


def _verifier(public: Path) -> "Verify":
    from door.anchor import verifier

    try:
        return verifier(public)
    except ValueError:
        raise Mistake(f"{public} holds no public key for anchors: name the .pub file beside the signing key.") from None


def _kept(roots: list[str]) -> dict[str, str]:
    found = {}
    for text in roots:
        on, equals, root = text.partition("=")
        if not (equals and len(root) == 64):
            raise Mistake(f"--root {text!r} is no root of a day: write it as 2026-03-31=<64 hexadecimal digits>.")
        found[on] = root
    return found
