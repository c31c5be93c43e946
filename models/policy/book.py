"""The policy book, compiled: one frozen value with a hash, asked by every automatic step."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from models.policy import earlier, finding, judgement, names, parts
from models.policy.apply import apply, follow
from models.policy.calendar import BusinessDays
from models.policy.judgement import CaseRule
from models.policy.names import Code, Colour, Kind, Part
from models.policy.parts import Checkpoint, Timer
from models.policy.source import PolicyError
from models.process import holds

_RANK = {"": 0, "y": 1, "o": 2, "r": 3}


class Book(Part):
    """Sections as in policies/*.yaml, expanded: every checkpoint of a template by its id, every closed day of a
    calendar. `places` says where each rule stands (`rules.watched` → `policies/inspections.yaml:31`)."""

    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
    semantics: Annotated[int, Field(ge=1, le=1)]
    holds_max_days: names.Days
    backlog_days: names.Days

    calendar: names.CalendarName
    calendars: Annotated[dict[Code, parts.Calendar], Field(min_length=1)]
    ladders: dict[Code, tuple[parts.Rung, ...]]
    timers: dict[Code, Timer]
    letters: parts.Letters = Field(  # left out where nothing else is said, so that older books keep their hash
        parts.Letters(), exclude_if=lambda said: said == parts.Letters()
    )

    facts: dict[Code, names.FactSql]
    rules: parts.Rules
    kinds: dict[Kind, parts.KindRule]
    checkpoints: dict[Code, Checkpoint]
    templates: dict[Code, parts.Template]
    common: dict[Kind, names.Checkpoints]
    additions: dict[Code, names.Checkpoints]
    collection: judgement.Collection
    return_codes: dict[Annotated[str, Field(pattern=r"^B\d\d$")], judgement.ReturnCode]

    levels: Annotated[tuple[judgement.Level, ...], Field(min_length=5, max_length=5)]
    actions: dict[Annotated[str, Field(pattern=r"^A\d\d$")], judgement.Said]
    restrictions: dict[Annotated[str, Field(pattern=r"^K\d{1,2}$")], judgement.Restriction]
    orders: dict[Annotated[str, Field(pattern=r"^O\d{1,2}$")], judgement.Order]
    lifting: judgement.Lifting
    gate: judgement.Gate
    classification: judgement.Classification

    sampling: judgement.Sampling
    outcomes: dict[Annotated[str, Field(pattern=r"^V\d$")], judgement.Outcome]
    inadequate: dict[Annotated[str, Field(pattern=r"^N\d$")], judgement.Said]
    line: tuple[CaseRule, ...]

    places: dict[str, str] = Field(default_factory=dict)

    # -- identity -------------------------------------------------------------------------------------------------

    @cached_property
    def text(self) -> str:
        """Canonical JSON: sorted keys, ASCII, no floats (ratios are decimal strings). The usual distance from the premises
        goes without saying, so that books from before there was one keep their hash."""
        said = self.model_dump(mode="json")
        if self.collection.premises_within_m == judgement.USUAL_M:
            del said["collection"]["premises_within_m"]
        return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True)

    @cached_property
    def hash(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Book) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)

    @classmethod
    def from_text(cls, text: str) -> "Book":
        return cls.model_validate_json(text)

    @classmethod
    def kept(cls, text: str) -> "Book":
        """A book out of the database, by whatever version of the product it was compiled: its text and its hash stay."""
        book = cls.from_text(json.dumps(earlier.upgraded(json.loads(text))))
        book.__dict__["text"] = text
        return book

    def place(self, rule: str) -> str:
        return self.places.get(rule, "")

    # -- time -----------------------------------------------------------------------------------------------------

    @cached_property
    def _business(self) -> dict[str, BusinessDays]:
        return {
            name: BusinessDays(name, c.first_year, c.last_year, c.closed, c.worked)
            for name, c in self.calendars.items()
        }

    @cached_property
    def _deadlines(self) -> dict[tuple[str, str, str], str]:
        return {}

    def _calendar(self, name: str) -> BusinessDays:
        if name not in self._business:
            raise PolicyError([f"No calendar {name!r} in the policy book; it has {', '.join(self._business)}."])
        return self._business[name]

    def timer(self, key: str) -> Timer:
        if key not in self.timers:
            raise PolicyError([f"No timer {key!r} in the policy book; name it under 'timers'."])
        return self.timers[key]

    def business_days(self, day: str, n: int, calendar: str) -> str:
        """The n-th business day after `day`, before it if n is negative; 0: the day itself or the next open one."""
        return self._calendar(calendar).after(day, n)

    def is_business_day(self, day: str, calendar: str) -> bool:
        return self._calendar(calendar).is_open(day)

    def timed(self, timer: str, facts: Mapping[str, Any]) -> str:
        """By which timer a step goes: where a red finding stands by the quicker one, if the book has one."""
        red = f"{timer}.red"
        return red if red in self.timers and facts.get("proposed_level", 0) >= self.level_for("r") else timer

    def deadline(self, timer: str, day: str, calendar: str) -> str:
        """The last day (ISO) of what began on `day`, `calendar` being that of the case. Raises PolicyError where timer
        or calendar are unknown or the calendar's years are left."""
        key = (timer, day, calendar)
        if (found := self._deadlines.get(key)) is None:
            rule = self.timer(timer)
            days = self._calendar(calendar if rule.whose == "case" else rule.whose)
            if rule.business_days is not None:
                found = days.after(day, rule.business_days)
            elif rule.calendar_days is not None:
                found = days.after((date.fromisoformat(day) + timedelta(rule.calendar_days)).isoformat(), 0)
            else:
                found = (date.fromisoformat(day) + timedelta(-(-(rule.hours or 0) // 24))).isoformat()
            self._deadlines[key] = found
        return found

    def rungs(self, timer: str) -> tuple[tuple[int, str], ...]:
        """The reminder ladder: business days from the deadline (negative: before), and to whom."""
        return tuple((rung.days, rung.to) for rung in self.ladders[self.timer(timer).ladder])

    # -- a facility -----------------------------------------------------------------------------------------------

    @cached_property
    def _adds(self) -> dict[str, tuple[str, ...]]:
        return {id_: (id_,) for id_ in self.checkpoints} | dict(self.additions)

    def added(self, name: str) -> tuple[str, ...]:
        """The checkpoints that a name stands for: a checkpoint's id, or an addition (`collateral`, `covenant` …)."""
        if name not in self._adds:
            raise PolicyError([f"No checkpoint and no addition {name!r} in the policy book."])
        return self._adds[name]

    def apply(self, frame: pl.DataFrame, conditions: pl.DataFrame | None = None) -> pl.DataFrame:
        """Every rule over every facility; see models/policy/apply.py for the columns added."""
        return apply(self.facts, self.rules, self.classification, frame, conditions, self._adds)

    def follows(self, conditions: pl.DataFrame) -> None:
        """Raises PolicyError where a condition set at approval is none that this book can follow."""
        follow(conditions, self._adds)

    def class_for(self, dpd: int) -> int:
        """The least class (1 … 5) for days past due."""
        return max((line.at_least for line in self.classification.lines if line.from_days <= dpd), default=1)

    def merges(self, kind: Kind, product: str) -> bool:
        """May a due inspection of this kind and product join another of the same borrower?"""
        rule = self.kinds[kind]
        return rule.merge and product not in rule.separate_products

    # -- an inspection --------------------------------------------------------------------------------------------

    def checkpoint(self, id_: str) -> Checkpoint:
        if id_ not in self.checkpoints:
            raise PolicyError([f"No checkpoint {id_!r} in the policy book."])
        return self.checkpoints[id_]

    def checkpoint_ids(self, code: str, kind: Kind, *extra: str) -> tuple[str, ...]:
        """Ids of what is asked: of the template for first and regular inspections, of the kind always, and of `extra`
        (checkpoints or additions, as a facility's conditions name them)."""
        if code not in self.templates:
            raise PolicyError([f"No template {code!r} in the policy book; it has {', '.join(self.templates)}."])
        template = self.templates[code]
        own = template.use if kind == "use" else template.regular if kind == "regular" else ()
        more = [id_ for name in extra for id_ in self.added(name)]
        return tuple(dict.fromkeys((*own, *self.common.get(kind, ()), *more)))

    def template(self, code: str, kind: Kind, *extra: str) -> tuple[Checkpoint, ...]:
        """As `checkpoint_ids`, the checkpoints themselves."""
        return tuple(self.checkpoints[id_] for id_ in self.checkpoint_ids(code, kind, *extra))

    def finding(
        self, checkpoint: str, value: str, before: str | None, as_of: date | str | None, visited_on: date | str
    ) -> str:
        """The colour of an answer: "", "y", "o" or "r". Raises ValueError where it is no answer to the question."""
        return finding.colour(self.checkpoint(checkpoint), value, before, as_of, visited_on)

    def level_for(self, colours: Iterable[str]) -> int:
        """The least level (0 … 4) for the open findings."""
        worst = max((_RANK[c] for c in colours), default=0)
        return max(n for n, level in enumerate(self.levels) if n == 0 or 0 < _RANK[level.finding] <= worst)

    def tally(self, findings: Iterable[tuple[str, Colour]]) -> dict[str, bool | int]:
        """What findings (checkpoint, colour) amount to as facts of the case: `red`, `orange` (how many), and the marks
        that the worst ones set (`misuse`, `seizure`, `refused`, `breach`)."""
        all_ = list(findings)
        worst = {self.checkpoint(c).mark for c, colour in all_ if colour == self.checkpoint(c).worst}
        marks = {mark: mark in worst for mark in ("misuse", "seizure", "refused", "breach")}
        return {"red": any(c == "r" for _, c in all_), "orange": sum(c == "o" for _, c in all_), **marks}

    # -- four eyes, escalation ------------------------------------------------------------------------------------

    @property
    def draw_always(self) -> tuple[CaseRule, ...]:
        return self.sampling.always

    def draw(self, facts: Mapping[str, Any]) -> tuple[str, Decimal]:
        """The rule by which a case is drawn, and its probability: 1 where an always-rule holds, else the base."""
        always = (rule.id for rule in self.sampling.always if holds(rule.when, facts))
        rule = next(always, None)
        return (rule, Decimal(1)) if rule else ("base", self.sampling.probability)

    def triggers(self, facts: Mapping[str, Any]) -> tuple[str, ...]:
        """Which triggers of the escalation line a case meets. One whose facts are absent is not evaluated, not met."""
        return tuple(rule.id for rule in self.line if holds(rule.when, facts))
