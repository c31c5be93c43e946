"""What was typed into a form, read back into the payload: each error in words, beside the field that it is about."""

from copy import deepcopy
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from models.policy import Checkpoint
from portal.form.fields import Field, Read, Row, Rows, Say, Sheet, Typed
from portal.words.reader import Reader
from tasks.translate import PLACES

_FIGURE = str.maketrans({",": "", " ": "", "\u00a0": "", "\u202f": "", "\u2212": "-", "%": ""})


def read(sheet: Sheet, typed: Typed, reader: Reader) -> Read:
    """What was typed as the payload of the sheet's form, as far as it can be read."""
    found, say = Read(deepcopy(dict(sheet.fixed))), reader.say
    for section in sheet.sections:
        for part in section.parts:
            if isinstance(part, Rows):
                read_ = [(n, e) for n, row in enumerate(part.rows)
                         if (e := _element(part, n, row, typed, reader, found)) is not None]  # fmt: skip
                found.numbers[part.name] = [n for n, _ in read_]
                found.payload[part.name] = [e for _, e in read_]
            elif part.kind == "answer":
                _answer(part, typed, say, found)
            else:
                _into(found.payload, part.name, part, typed, reader, found)
    if not found.wrong:
        sheet.settle(found)
    return found


def blank(row: Row, typed: Typed) -> bool:
    return all(typed.get(f.name, "") in ("", f.preset) for f in row.fields)


def _element(part: Rows, n: int, row: Row, typed: Typed, reader: Reader, found: Read) -> dict[str, Any] | None:
    if part.add and n >= part.least and blank(row, typed):
        return None
    element = dict(row.fixed)
    for each in row.fields:
        _into(element, each.name.rpartition(".")[2], each, typed, reader, found)
    return element


def _into(target: dict[str, Any], key: str, asked: Field, typed: Typed, reader: Reader, found: Read) -> None:
    """Reads one field into its place; what is empty and not needed is left out."""
    if asked.kind == "yes":
        target[key] = typed.get(asked.name) == "yes"
    elif asked.kind == "many":
        target[key] = [v for v, _ in asked.choices if typed.get(f"{asked.name}.{v}")]
    elif text := typed.get(asked.name, "").strip():
        value, error = _value(asked, text, reader)
        if error:
            found.wrong[asked.name] = error
        else:
            target[key] = value
    elif asked.needed:
        found.wrong[asked.name] = asked.missing or _missing(asked, reader.say)


def _value(asked: Field, text: str, reader: Reader) -> tuple[Any, str]:
    """The value, or else why it is none."""
    say = reader.say
    if asked.kind in ("select", "radios"):
        if text not in dict(asked.choices):
            return None, asked.missing or _missing(asked, say)
        return (int(text) if asked.as_ == "whole" else text == "yes" if asked.as_ == "truth" else text), ""
    if asked.kind == "day":
        if is_day(text) and text < asked.earliest:
            return None, say("Choose a day from {day} on.").format(day=reader.day(asked.earliest))
        return (text, "") if is_day(text) else (None, say("Choose a day."))
    if asked.kind == "money":
        amount = money(text, asked.unit)
        return (amount, "") if amount is not None else (None, say("Write an amount, for example 120,000,000."))
    if len(text) > asked.most:
        return None, say("Write at most {n} characters; these are {m}.").format(n=asked.most, m=len(text))
    return text, ""


def _missing(asked: Field, say: Say) -> str:
    if asked.kind in ("select", "radios"):
        return say("Choose: {what}.").format(what=asked.label)
    if asked.kind == "day":
        return say("Write a day: {what}.").format(what=asked.label)
    return say("Write something here: {what}.").format(what=asked.label)


def _answer(asked: Field, typed: Typed, say: Say, found: Read) -> None:
    """An answer to a checkpoint, checked as the policy book has it."""
    checkpoint = asked.asked
    if checkpoint is None:
        return
    word, text = typed.get(f"{asked.name}.word", ""), typed.get(asked.name, "").strip()
    if word and word not in dict(asked.words):
        word = ""
    if word and text:
        found.wrong[asked.name] = say("{id}: write a value or tick the box, not both.").format(id=checkpoint.id)
        return
    note, as_of = typed.get(f"{asked.name}.note", "").strip(), typed.get(f"{asked.name}.as_of", "").strip()
    value = word or (figure(text) if checkpoint.type == "number" else text)
    if len(value) > 2000 or len(note) > 2000:
        found.wrong[asked.name] = say("{id}: write at most 2,000 characters.").format(id=checkpoint.id)
    elif as_of and not is_day(as_of):
        found.wrong[f"{asked.name}.as_of"] = say("Choose a day.")
    elif value and checkpoint.refuses(value):
        found.wrong[asked.name] = refusal(checkpoint, say)
    else:
        if not value and asked.needed:
            found.missing[asked.name] = say("Answer {id}: {question}").format(
                id=checkpoint.id, question=checkpoint.question
            )
        if value or note:
            said: dict[str, Any] = {
                "facility": asked.facility,
                "checkpoint": checkpoint.id,
                "value": value,
                "note": note,
            }
            found.payload.setdefault("answers", []).append(said | ({"as_of": as_of} if as_of else {}))


def refusal(checkpoint: Checkpoint, say: Say) -> str:
    """What is to be written, where what was written is no answer."""
    if checkpoint.type == "number":
        low, high = checkpoint.low, checkpoint.high
        if low is not None and high is not None:
            text = say("{id}: write a number from {low} to {high}.").format(id="{id}", low=low, high=high)
        elif low is not None:
            text = say("{id}: write a number that is not below {low}.").format(id="{id}", low=low)
        elif high is not None:
            text = say("{id}: write a number that is not above {high}.").format(id="{id}", high=high)
        else:
            text = say("{id}: write a number, for example 33.")
    elif checkpoint.type == "date":
        text = say("{id}: choose a day.")
    else:
        text = say("{id}: choose one of the answers.")
    return text.format(id=checkpoint.id)


def figure(text: str) -> str:
    """A number as people write it: without signs between thousands or behind it, with a plain minus."""
    return text.translate(_FIGURE)


def is_day(text: str) -> bool:
    try:
        return len(text) == 10 and 2000 <= date.fromisoformat(text).year < 2200
    except ValueError:
        return False


def money(text: str, currency: str) -> int | None:
    """In minor units; None where it is no amount above zero."""
    try:
        amount = Decimal(figure(text)).scaleb(PLACES.get(currency, 2))
    except InvalidOperation:
        return None
    return int(amount) if amount.is_finite() and 0 < amount < 2**53 and amount == int(amount) else None
