"""Every rule that applies to one facility: what it says, where it stands, and what it overrode."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from models.policy import facts as sql
from models.policy.apply import TOPICS
from models.policy.book import Book
from models.policy.names import KINDS, Kind
from models.policy.parts import Ruling, T
from models.process import holds

NOT_EVALUATED = "not evaluated"


@dataclass(frozen=True)
class Explained:
    """One line of the explanation. `where` is file and line (or the condition's source), `overrode` the rules lower in
    precedence that hold too and those that could not be evaluated, each with its place."""

    topic: str
    rule: str
    says: str
    where: str
    source: str = ""
    overrode: tuple[str, ...] = ()


def explain(book: Book, row: pl.DataFrame, conditions: pl.DataFrame | None = None) -> list[Explained]:
    """All that applies to the facility in `row` (one row of the snapshot), `conditions` being those of the table;
    others' conditions are left aside. Raises ValueError where `row` is not one row."""
    if row.height != 1:
        raise ValueError(f"one facility is explained at a time, not {row.height}")
    mine = conditions.filter(pl.col("facility") == row["facility"][0]) if conditions is not None else None
    found = book.apply(sql.complete(row), mine).row(0, named=True)
    return [
        *_facts(book, found),
        *_rulings(book, found, mine),
        *_kinds(book, found),
        *_checkpoints(book, found, mine),
        *_time(book),
        Explained("letters", "letters", _letters(book), book.place("letters.borrower"), book.letters.source),
        *_draw(book, found),
        Explained("gate", "gate", _gate(book), book.place("gate.overdue_days"), book.gate.source),
        *_class(book, found),
    ]


def _said(value: bool | None) -> str:
    return NOT_EVALUATED if value is None else "yes" if value else "no"


def _facts(book: Book, found: Mapping[str, Any]) -> Iterator[Explained]:
    for name, text in book.facts.items():
        yield Explained("fact", name, f"{_said(found[f'f_{name}'])}: {text}", book.place(f"facts.{name}"))


def _rulings(book: Book, found: Mapping[str, Any], mine: pl.DataFrame | None) -> Iterator[Explained]:
    units = {"regular_months": " months", "use_days": " days after drawing"}
    for topic, column in TOPICS.items():
        rule, unit = found[column], units.get(topic, "")
        ruling = getattr(book.rules, topic)
        below = _below(book, ruling, rule, found, unit)
        if rule.startswith("condition:") and mine is not None:
            name = rule.removeprefix("condition:")
            where = mine.filter(pl.col("name") == name)
            source = where["source"][0] if "source" in mine.columns else ""
            others = _looser(mine, name)
            yield Explained(topic, rule, f"{found[topic]}{unit}", f"condition {name}", source, (*others, *below))
        else:
            source = next(r.source for r in ruling.ordered if r.id == rule)
            yield Explained(topic, rule, f"{found[topic]}{unit}", book.place(f"rules.{rule}"), source, below)


def _looser(mine: pl.DataFrame, strictest: str) -> tuple[str, ...]:
    """The facility's other frequency conditions, which the strictest overrode."""
    others = mine.filter((pl.col("kind") == "frequency") & (pl.col("name") != strictest))
    return tuple(f"condition:{name} ({value} months)" for name, value in others.select("name", "value").iter_rows())


def _below(book: Book, ruling: Ruling[T], winner: str, found: Mapping[str, Any], unit: str) -> tuple[str, ...]:
    ids = [r.id for r in ruling.ordered]
    chosen = ids.index(winner) if winner in ids else -1
    lines = []
    for n, rule in enumerate(ruling.ordered):
        held = sql.all_hold(found[f"f_{fact}"] for fact in sql.parts(rule.when))
        place = f"{rule.id} ({rule.then}{unit}) at {book.place(f'rules.{rule.id}')}"
        if held and n > chosen:
            lines.append(place)
        elif held is None:
            lines.append(f"{place}: {NOT_EVALUATED}")
    return tuple(lines)


def _kinds(book: Book, found: Mapping[str, Any]) -> Iterator[Explained]:
    for kind, rule in book.kinds.items():
        merged = "joins another inspection" if book.merges(kind, found["product"] or "") else "is never merged"
        due = f", due {' / '.join(map(str, rule.before))} days before" if rule.before else ""
        says = (
            f"{rule.path or found['path']}; opens {rule.lead_days} days ahead{due}; {merged}; missed: {rule.catch_up}"
        )
        yield Explained("kind", kind, says, book.place(f"kinds.{kind}"), rule.source)


def _checkpoints(book: Book, found: Mapping[str, Any], mine: pl.DataFrame | None) -> Iterator[Explained]:
    asked: dict[str, list[Kind]] = {}
    for kind in KINDS:
        for id_ in book.checkpoint_ids(found["template"], kind, *found["extra"]):
            asked.setdefault(id_, []).append(kind)
    why: dict[str, str] = {}
    if mine is not None:
        for name, kind_, value in mine.select("name", "kind", "value").iter_rows():
            if kind_ != "frequency":
                why |= dict.fromkeys(book.added("covenant" if kind_ == "covenant" else value), f" (condition {name})")
    for id_, kinds in asked.items():
        checkpoint = book.checkpoint(id_)
        says = f"{', '.join(kinds)}{why.get(id_, '')}: {checkpoint.question}"
        yield Explained("checkpoint", id_, says, book.place(f"checkpoints.{id_}"), checkpoint.source)


def _time(book: Book) -> Iterator[Explained]:
    for key, timer in book.timers.items():
        measures = (
            (timer.business_days, "business days"),
            (timer.calendar_days, "calendar days"),
            (timer.hours, "hours"),
        )
        long = next(f"{n} {unit}" for n, unit in measures if n is not None)
        whose = "the unit's calendar" if timer.whose == "case" else f"calendar {timer.whose}"
        yield Explained(
            "timer", key, f"{long}, {whose}, reminders: {timer.ladder}", book.place(f"timers.{key}"), timer.source
        )


def _draw(book: Book, found: Mapping[str, Any]) -> Iterator[Explained]:
    facts = {"class_": found["class"], "amount": found["bal"]} | {
        name: found[name] for name in ("proposed_class", "segment", "product", "template", "path", "currency", "unit")
    }
    rule, probability = book.draw(facts)
    unknown = tuple(
        f"{r.id} at {book.place(f'sampling.{r.id}')}: {NOT_EVALUATED} before the inspection"
        for r in book.draw_always
        if holds(r.when, facts) is None
    )
    where = book.place("sampling.probability" if rule == "base" else f"sampling.{rule}")
    yield Explained(
        "draw", rule, f"verified in depth with probability {probability}", where, book.sampling.source, unknown
    )


def _letters(book: Book) -> str:
    told = book.letters
    return f"a message shows the borrower's name {'masked' if told.borrower == 'masked' else 'in full'}, " \
           f"{'and the level' if told.level == 'yes' else 'and no level'}"  # fmt: skip


def _gate(book: Book) -> str:
    gate = book.gate
    return f"refuses more than {gate.overdue_days} days overdue, or more than {gate.unverified_days} days unverified"


def _class(book: Book, found: Mapping[str, Any]) -> Iterator[Explained]:
    if found["dpd"] is None:
        yield Explained(
            "class", "", f"{NOT_EVALUATED}: days past due are not known", book.place("classification.lines")
        )
        return
    line = next(x for x in reversed(book.classification.lines) if x.from_days <= found["dpd"])
    says = f"at least {line.at_least} ({line.name}) at {found['dpd']} days past due: {line.says}"
    yield Explained("class", str(line.at_least), says, book.place("classification.lines"), line.source)
