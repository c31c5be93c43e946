"""What prefect.yaml says, read strictly: an unknown key, an unset variable or a parameter that the flow does not
have is refused here. Prefect itself takes all three without a word: it drops the key, stores the text
`{{ $VARIABLE }}`, and lets every run crash at its start.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from prefect import Flow
from prefect.client.schemas.schedules import CronSchedule, RRuleSchedule
from prefect.exceptions import MissingFlowError, ScriptError
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools import validate
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

OURS = "postloan"  # the tag by which a deployment on the server is known to be ours to change and to remove
VARIABLE = re.compile(r"\{\{\s*\$(\w+)\s*\}\}")


class Refused(Exception):
    """prefect.yaml can't be carried out as it stands; the message says what is wrong, where, and what to do."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Schedule(Strict):
    """When a deployment runs by itself. The slug is its identity: with it an operator's pause outlives a deploy.

    There is no `active`: pausing is the operators' decision and lives on the server.
    """

    slug: str = Field(min_length=1)
    cron: str = ""
    rrule: str = ""
    timezone: str
    parameters: dict[str, Any] = {}

    @model_validator(mode="after")
    def _valid(self) -> "Schedule":
        if bool(self.cron) == bool(self.rrule):
            raise ValueError("give either cron or rrule")
        self.when()
        return self

    def when(self) -> CronSchedule | RRuleSchedule:
        if self.cron:
            return CronSchedule(cron=self.cron, timezone=self.timezone)
        return RRuleSchedule(rrule=self.rrule, timezone=self.timezone)


class Limit(Strict):
    limit: int = Field(ge=1)
    collision_strategy: Literal["ENQUEUE"]  # CANCEL_NEW would lose every run while one hangs


class Pool(Strict):
    name: str
    work_queue_name: str = "default"


class Deployment(Strict):
    name: str = Field(min_length=1)
    entrypoint: str = Field(pattern=r"^[^:]+\.py:\w+$")
    description: str = ""
    tags: tuple[str, ...]
    parameters: dict[str, Any] = {}
    concurrency_limit: Limit
    work_pool: Pool
    schedules: tuple[Schedule, ...]

    @model_validator(mode="after")
    def _valid(self) -> "Deployment":
        if OURS not in self.tags:
            raise ValueError(f"add the tag {OURS}: by it deploy knows its own")
        if twice := _twice(schedule.slug for schedule in self.schedules):
            raise ValueError(f"two schedules have the slug {twice}")
        return self


class Manifest(Strict):
    deployments: tuple[Deployment, ...]


@dataclass(frozen=True)
class Wanted:
    """A deployment of the file with the flow that it names, checked against each other."""

    spec: Deployment
    flow: Flow[..., Any]
    schema: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.flow.name}/{self.spec.name}"


def read(file: Path, env: Mapping[str, str] = os.environ) -> tuple[Wanted, ...]:
    """The deployments of `file`, whose entrypoints are relative to its folder.

    Raises Refused, with every mistake that was found, one sentence each.
    """
    try:
        text = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused(f"{file} can't be read ({error.strerror}); name a prefect.yaml that exists.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Refused(f"{file} is no YAML: {' '.join(str(error).split())}.") from None
    unset = {name for name in VARIABLE.findall(yaml.safe_dump(text)) if name not in env}
    if unset:
        raise Refused(f"{file} uses variables that are not set: {', '.join(sorted(unset))}; set them and deploy again.")
    try:
        manifest = Manifest.model_validate(_filled(text, env))
    except ValidationError as error:
        raise Refused("\n".join(_sentences(file, text, error))) from None
    wanted = tuple(_load(file, spec) for spec in manifest.deployments)
    mistakes = [sentence for each in wanted for sentence in _mistakes(file, each)]
    if twice := _twice(each.name for each in wanted):
        mistakes.append(f"{file} declares {twice} twice; take one out or rename it.")
    if mistakes:
        raise Refused("\n".join(mistakes))
    return wanted


def _filled(value: Any, env: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(each, env) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, env) for each in value]
    return VARIABLE.sub(lambda found: env[found[1]], value) if isinstance(value, str) else value


def _sentences(file: Path, text: Any, error: ValidationError) -> Iterator[str]:
    for each in error.errors():
        where = [str(part) for part in each["loc"]]
        if where[:1] == ["deployments"] and len(where) > 1:
            name = text["deployments"][int(where[1])]
            where[:2] = [f"deployment {name.get('name', where[1])}" if isinstance(name, dict) else where[1]]
        message = {"extra_forbidden": "this key is unknown", "missing": "this is missing"}.get(
            each["type"], each["msg"].removeprefix("Value error, ")
        )
        yield f"{file}, {': '.join([where[0], '.'.join(where[1:])]).rstrip(': ') if where else 'top'}: {message}."


def _load(file: Path, spec: Deployment) -> Wanted:
    where = f"{file}, deployment {spec.name}"
    absent = Refused(f"{where}: there is no flow at {spec.entrypoint}.")
    if not (file.parent / spec.entrypoint.split(":")[0]).exists():
        raise absent
    try:
        with _at(file.parent):
            flow: Flow[..., Any] = load_flow_from_entrypoint(spec.entrypoint, use_placeholder_flow=False)
    except MissingFlowError:
        raise absent from None
    except ScriptError as error:
        raise Refused(f"{where}: {spec.entrypoint} can't be loaded: {error.user_exc!r}.") from None
    return Wanted(spec, flow, parameter_schema(flow).model_dump(exclude_unset=True))


@contextmanager
def _at(folder: Path) -> Iterator[None]:
    """In the project's root, as the runs will be; Prefect's loader leaves its entries in sys.path."""
    path = sys.path.copy()
    try:
        with chdir(folder):
            yield
    finally:
        sys.path[:] = path


def _mistakes(file: Path, wanted: Wanted) -> Iterator[str]:
    sets = [("parameters", wanted.spec.parameters)]
    sets += [(f"schedule {each.slug}", each.parameters) for each in wanted.spec.schedules]
    known = wanted.schema["properties"]
    for place, parameters in sets:
        where = f"{file}, deployment {wanted.spec.name}, {place}"
        for name in parameters.keys() - known.keys():
            yield f"{where}: the flow has no parameter {name}; it has {', '.join(known) or 'none'}."
        given = {name: value for name, value in parameters.items() if name in known}
        for error in validate(given, wanted.schema, ignore_required=True):
            yield f"{where}: {error.json_path.removeprefix('$.')}: {error.message}."


def _twice(names: Iterator[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""
