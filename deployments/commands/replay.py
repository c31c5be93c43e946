"""replay: what was decided is decided again, on what was recorded then."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands import say
from deployments.commands.options import LARGEST, Json, Number
from deployments.mistakes import Mistake
from deployments.settings import opened

if TYPE_CHECKING:
    from door.db import Db
    from tasks.house import House
    from tasks.replay import Replayed, Told

SHOWN = 20
LEFT = {
    "erased": "a payload that they were decided on is erased, by right",
    "other_page": "they were made under another declaration of their process",
    "after_unreadable": "an entry before them can't be read",
}


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Decide again what was decided, and compare.", no_args_is_help=True)
    group.command("run")(run)
    group.command("case")(case)
    group.command("all")(all_)
    app.add_typer(group, name="replay")


def run(
    id_: Annotated[int, typer.Argument(metavar="RUN", max=LARGEST, help="Number of the run.")], json: Json = False
) -> None:
    """Replay a run: each case that it wrote to, and the digest over what it wrote."""

    def again(db: "Db", here: "House", told: "Told") -> "Replayed":
        from tasks.replay import replay_run

        if not db.rows("SELECT 1 FROM cases WHERE id = ? AND process = 'run'", id_):
            raise Mistake(f"There is no run {id_}: `postloan cases --process run` lists them.")
        return replay_run(db, here.snapshots, id_, told)

    _tell(again, json)


def case(id_: Number, json: Json = False) -> None:
    """Replay a case, entry by entry."""

    def again(db: "Db", here: "House", told: "Told") -> "Replayed":
        from tasks.replay import replay

        if not db.rows("SELECT 1 FROM cases WHERE id = ?", id_):
            raise Mistake(f"There is no case {id_}: `postloan cases` lists them.")
        return replay(db, here.snapshots, [id_], told)

    _tell(again, json)


def all_(json: Json = False) -> None:
    """Replay every case and run."""

    def again(db: "Db", here: "House", told: "Told") -> "Replayed":
        from tasks.replay import all_cases, replay

        return replay(db, here.snapshots, all_cases(db), told)

    _tell(again, json)


def _tell(again: "Callable[[Db, House, Told], Replayed]", json: bool) -> None:
    from tasks.found import divergence

    with opened() as (here, db), say.progress() as bar:
        job = bar.add_task("replaying", total=None)
        try:
            done = again(db, here, lambda n, of: bar.update(job, completed=n, total=of))
        except FileNotFoundError as e:
            raise Mistake(f"The snapshot {e.filename or here.snapshots} that was decided on is gone: put it back from "
                          "the backup, then replay.") from None  # fmt: skip
    found = done.divergences
    if json:
        said = [{"stream": d.stream, "seq": d.seq, "what": d.what, "recorded": d.recorded, "recomputed": d.recomputed,
                 "says": divergence(d)} for d in found]  # fmt: skip
        say.json({"entries": done.entries, "recomputed": done.recomputed, "left": dict(done.left), "divergences": said})
    else:
        for d in found[:SHOWN]:
            say.line(divergence(d))
        if len(found) > SHOWN:
            say.line(f"… and {len(found) - SHOWN:,} more (--json has them all).")
        say.line(f"{done.entries:,} entries decided again, {done.recomputed:,} of them automatic and recomputed from "
                 f"their recorded inputs: {f'{len(found):,} divergences' if found else 'no divergence'}.")  # fmt: skip
        for why, n in sorted(done.left.items()):
            say.line(f"Not decided again: {n:,}, because {LEFT[why]}.")
    if found:
        raise typer.Exit(1)
