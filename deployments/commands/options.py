"""Options and arguments that several commands share, and how their text is read."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from deployments.mistakes import Mistake


def day(text: str) -> date:
    """A date in ISO form, of a year in which loans are inspected; raises a usage error with a sentence."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date; write it as 2026-03-31.") from None
    if not 1970 <= found.year <= 2199:
        raise typer.BadParameter(f"{text} lies outside the years 1970 to 2199; check the date.")
    return found


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")]
AsOf = Annotated[date, typer.Option("--as-of", parser=day, metavar="DATE", help="Business date, as 2026-03-31.")]
AsOfToday = Annotated[
    date | None, typer.Option("--as-of", parser=day, metavar="DATE", help="Business date; without it today's.")
]
Who = Annotated[
    str,
    typer.Option("--person", "-p", envvar="POSTLOAN_PERSON", metavar="ID",
                 help="Who acts. No password is asked: this is an operator's tool on the bank's own machine."),
]  # fmt: skip
LARGEST = 2**63 - 1  # of the numbers of cases, as both databases keep them
Number = Annotated[int, typer.Argument(metavar="CASE", min=1, max=LARGEST, help="Number of the case.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="How many rows are shown.")]
Said = Annotated[str, typer.Option("--payload", metavar="JSON|@FILE", help="The act's form as JSON, or @file, or @-.")]
Fields = Annotated[
    list[str], typer.Option("--field", "-f", metavar="NAME=VALUE", help="One field of the form; lists as JSON. Repeat.")
]


def form(payload: str, fields: list[str]) -> dict[str, Any]:
    """What an act says: the payload, with single fields put over it. Raises Mistake for what is no JSON object."""
    said: Any = _json(_text(payload), "--payload") if payload else {}
    if not isinstance(said, dict):
        raise Mistake('--payload is no JSON object: write it as {"level": 1}.')
    for text in fields:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise Mistake(f"--field {text!r} has no value: write it as name=value.")
        said[name] = _json(value, f"--field {name}") if value[:1] in "[{" and value else value
    return said


def _json(text: str, where: str) -> Any:
    import json

    try:
        found = json.loads(text)
        json.dumps(found, ensure_ascii=False).encode()  # half a character, as \\ud800 alone, is none
    except (ValueError, RecursionError) as e:
        raise Mistake(f"{where} is no JSON ({e}).") from None
    return found


def _text(payload: str) -> str:
    if not payload.startswith("@"):
        return payload
    try:
        if payload == "@-":
            return typer.get_binary_stream("stdin").read().decode()
        return Path(payload[1:]).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Mistake(f"{payload[1:]} is not UTF-8 text: write the JSON in UTF-8.") from None
