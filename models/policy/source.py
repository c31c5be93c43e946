"""The book's YAML as plain data, with the line of every key, so that each mistake can be shown where it stands.

Words stay words: `no`, `on` and `2026-05-01` are text (only `true` and `false` are Boolean), decimals are Decimals.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same language; the first where PyYAML has libyaml
Place = tuple[str | int, ...]


class PolicyError(ValueError):
    """The policy book can't be used; `mistakes` are sentences, each with file and line where it has one."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


@dataclass
class Source:
    """What the files say: `data` by section, `lines` by place ("policies/timers.yaml:12"), `mistakes` of form.

    `places` maps `section.key` and `section.id` to where a rule stands.
    """

    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[Place, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)

    def at(self, place: Iterable[Any]) -> str:
        """Where a place stands; where it does not exist (a key that is missing), the nearest place around it."""
        known = tuple(place)
        while known and known not in self.lines:
            known = known[:-1]
        return self.lines.get(known, "")


def read(folder: Path) -> Source:
    """All *.yaml of a folder, each top-level key a section of the book. Mistakes are gathered, not raised."""
    source = Source()
    files = sorted(folder.glob("*.yaml"))
    whole = 0
    if not files:
        source.mistakes.append(f"{folder}: no policy book here; a book is a folder with *.yaml files.")
    for file in files:
        name = f"{folder.resolve().name}/{file.name}"
        try:
            root = yaml.compose(file.read_text(encoding="utf-8"), LOADER)
        except yaml.MarkedYAMLError as wrong:
            line = wrong.problem_mark.line + 1 if wrong.problem_mark else 1
            source.mistakes.append(f"{name}:{line}: this is not YAML: {wrong.problem}.")
            continue
        except (OSError, yaml.YAMLError, UnicodeDecodeError) as wrong:
            source.mistakes.append(f"{name}:1: this can't be read as YAML in UTF-8: {str(wrong).splitlines()[0]}.")
            continue
        if not isinstance(root, yaml.MappingNode):
            source.mistakes.append(f"{name}:1: a policy file holds sections, each a key with what belongs to it.")
            continue
        try:
            _mapping(source, name, root, (), source.data)
            whole += 1
        except RecursionError:
            source.mistakes.append(f"{name}:1: a part holds itself, or too many others in each other.")
    if whole < len(files):
        source.data.clear()  # what stands in the file that can't be read is not missing
    return source


def _line(name: str, node: yaml.Node) -> str:
    return f"{name}:{node.start_mark.line + 1}"


def _mapping(source: Source, name: str, node: yaml.MappingNode, place: Place, into: dict[str, Any]) -> dict[str, Any]:
    for key_node, value in node.value:
        key = str(key_node.value)
        here, line = (*place, key), _line(name, key_node)
        if key in into:
            source.mistakes.append(f"{line}: {key!r} stands twice, first at {source.lines[here]}; name it once.")
            continue
        source.lines[here] = line
        if len(here) == 2:
            source.places[f"{here[0]}.{key}"] = line
        into[key] = _value(source, name, value, here)
    return into


def _value(source: Source, name: str, node: yaml.Node, place: Place) -> Any:
    if isinstance(node, yaml.MappingNode):
        found = _mapping(source, name, node, place, {})
        if "id" in found and place:
            rule, line = f"{place[0]}.{found['id']}", _line(name, node)
            if rule in source.places:
                first = source.places[rule]
                source.mistakes.append(
                    f"{line}: the id {found['id']!r} stands twice, first at {first}; ids are unique."
                )
            else:
                source.places[rule] = line
        return found
    if isinstance(node, yaml.SequenceNode):
        items = []
        for n, item in enumerate(node.value):
            source.lines[(*place, n)] = _line(name, item)
            items.append(_value(source, name, item, (*place, n)))
        return items
    return _scalar(node)


def _scalar(node: yaml.Node) -> Any:
    kind, text = node.tag.rsplit(":", 1)[-1], str(node.value)
    if kind == "int" and text.lstrip("+-").isdigit():
        return int(text)
    if kind == "float":
        try:
            return Decimal(text)
        except ArithmeticError:
            return text
    if kind == "bool" and text in ("true", "false"):
        return text == "true"
    return None if kind == "null" else text
