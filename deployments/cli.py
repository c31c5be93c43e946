"""`postloan`: the operators' command line. Global options, the edge where errors become sentences, registration."""

import os
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from deployments.commands import (
    act,
    audit,
    bench,
    bpmn,
    cases,
    demo,
    gate,
    inbox,
    init,
    intake,
    journal,
    outbox,
    policy,
    portal,
    program,
    replay,
    run,
    serve,
)
from deployments.commands.options import day
from deployments.mistakes import Mistake, sentence_of
from deployments.settings import Chosen, choose


class Edge(TyperGroup):
    """Every error leaves here: one sentence on stderr, exit code 1 (checked, and not so) or 2 (a mistake)."""

    def main(  # type: ignore[override]  # typer gives the rest by name
        self, args: Sequence[str] | None = None, *, standalone_mode: bool = True, **extra: Any
    ) -> Any:
        try:
            _readable(sys.argv[1:] if args is None else args)
            code = super().main(args, standalone_mode=False, **extra)
        except typer.Abort:
            code = self._say("Stopped.", 130)
        except Exception as error:
            if os.environ.get("POSTLOAN_TRACE"):
                raise
            if message := getattr(error, "format_message", None):  # how the command was written
                asked = getattr(getattr(error, "ctx", None), "command_path", "postloan")
                code = self._say(f"{message()} `{asked} --help` says how it is written.", 2)
            else:
                code = self._say(*sentence_of(error))
        if not standalone_mode:
            return code
        sys.exit(code if isinstance(code, int) else 0)

    @staticmethod
    def _say(text: str, code: int) -> int:
        print(text, file=sys.stderr)
        return code


def _readable(words: Sequence[str]) -> None:
    """Raises Mistake for a word in another encoding than UTF-8, which no table and no journal could hold."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise Mistake(f"{word!r} is not UTF-8 text: write it in UTF-8.") from None


app = typer.Typer(
    cls=Edge,
    name="postloan",
    help="Post-loan management: inspections, four eyes, restrictions, and a record that can be replayed.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def installation(
    database: Annotated[
        str,
        typer.Option(envvar="POSTLOAN_DATABASE_URL", metavar="URL",
                     help="sqlite:///path or postgresql://user@host/name; without it HOME/postloan.db."),
    ] = "",
    home: Annotated[
        Path, typer.Option(envvar="POSTLOAN_HOME", metavar="DIR", help="Folder of snapshots, keys and logs.")
    ] = Path("var"),
    today: Annotated[
        date | None,
        typer.Option(envvar="POSTLOAN_TODAY", parser=day, metavar="DATE",
                     help="The business date, for a simulation; without it today's where the bank is."),
    ] = None,
    reached: Annotated[
        str,
        typer.Option("--portal", envvar="POSTLOAN_PORTAL", metavar="URL",
                     help="Where people reach the portal, as https://postloan.bank.example; letters link there."),
    ] = "",
    bank: Annotated[
        str, typer.Option(envvar="POSTLOAN_BANK", metavar="NAME", help="The bank's name, on pages and in letters.")
    ] = "",
    zone: Annotated[
        str,
        typer.Option(envvar="POSTLOAN_ZONE", metavar="ZONE",
                     help="The time zone of the bank's days and clocks, as Europe/Berlin; without it Asia/Seoul."),
    ] = "",
) -> None:  # fmt: skip
    choose(Chosen(database, home, today, reached, bank, zone))


for module in (
    init,
    policy,
    intake,
    run,
    cases,
    inbox,
    act,
    gate,
    outbox,
    journal,
    audit,
    replay,
    bpmn,
    demo,
    portal,
    program,
    serve,
    bench,
):
    module.register(app)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
