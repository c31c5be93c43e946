"""No rule stands in the book that nothing follows."""

import ast
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from models.policy import Book
from processes import PROCESSES
from tests.tasks.core_bank import BOOK

ROOT = Path(__file__).parents[2]
HOUSE = ("door", "processes", "tasks", "flows", "portal", "deployments")
POLICY = [
    f for f in (ROOT / "models" / "policy").glob("*.py") if f.name not in ("names.py", "earlier.py", "__init__.py")
]
NAMED = {"fits.py", "load.py", "apply.py"}  # where sections and fields are asked for by their names
ABOUT = {"places", "semantics"}  # of the book itself, no rules


OWN = {"timer"}  # which the book's own deadlines ask


def models(at: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation is made of."""
    if isinstance(at, type) and not isinstance(at, types.GenericAlias) and issubclass(at, BaseModel):
        yield at
    elif get_origin(at) is not None:
        for inside in get_args(at):
            yield from models(inside)


def fields() -> set[str]:
    found: set[str] = set()
    todo, seen = [Book], set[type[BaseModel]]()
    while todo:
        model = todo.pop()
        if model in seen:
            continue
        seen.add(model)
        for name, field in model.model_fields.items():
            found.add(name)
            todo += models(field.annotation)
    return found - ABOUT


def asked(files: list[Path]) -> set[str]:
    """What is read of anything, where a book is not just held against its own shape."""
    found = set[str]()

    def look(node: ast.AST, named: bool) -> None:
        if isinstance(node, ast.FunctionDef) and any("validator" in ast.unparse(d) for d in node.decorator_list):
            return
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            found.add(node.attr)
        elif named and isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
        for inside in ast.iter_child_nodes(node):
            look(inside, named)

    for file in files:
        look(ast.parse(file.read_text(encoding="utf-8")), file.name in NAMED)
    return found


def house() -> list[Path]:
    return [f for name in HOUSE for f in (ROOT / name).rglob("*.py")]


def test_each_field_of_the_book_is_asked_for_somewhere() -> None:
    assert fields() - asked([*POLICY, *house()]) == set()
    assert {"lifting", "clean_months", "red_days", "overdue_days", "mark"} <= fields()


def test_each_question_that_the_book_answers_is_put_by_the_house() -> None:
    """A method of the book that only the book and its tests call is a rule that nothing follows."""
    answers = {n for n, v in vars(Book).items() if not n.startswith("_") and (callable(v) or isinstance(v, property))}
    assert answers - asked([*house(), *(f for f in POLICY if f.name != "book.py")]) - OWN == set()


def test_each_timer_of_the_banks_book_is_waited_by() -> None:
    waited = {step.due for p in PROCESSES.values() for step in p.steps.values()}
    orders = (
        {f"order.{kind}{red}" for kind in BOOK.orders for red in ("", ".red")} if "order.{kind}" in waited else set()
    )
    assert set(BOOK.timers) - waited - orders == set()
    assert set(BOOK.ladders) == {timer.ladder for timer in BOOK.timers.values()}
