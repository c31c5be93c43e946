"""The bytes of the journal: canonical JSON is RFC 8785 for whatever the forms let through, and no two entries hash the
same bytes."""

from datetime import date
from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from door.journal import COLUMNS, canonical, hashed
from door.rebuild import HASHED
from models import forms
from models.process import Form

FORMS = sorted((f for f in vars(forms).values() if isinstance(f, type) and issubclass(f, Form) and f is not Form),
               key=lambda form: form.__name__)  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def values(schema: dict[str, Any], defs: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Whatever a JSON schema, as the forms' are, allows."""
    if "$ref" in schema:
        return values(defs[schema["$ref"].rpartition("/")[2]], defs)
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    if "anyOf" in schema:
        if any(one.get("type") == "number" for one in schema["anyOf"]):  # a Decimal, said as text
            return st.decimals("0", "1", allow_nan=False, places=4).map(str)
        return st.one_of([values(one, defs) for one in schema["anyOf"]])
    match schema.get("type"):
        case "object":
            fields = {name: values(one, defs) for name, one in schema.get("properties", {}).items()}
            return st.fixed_dictionaries(fields)
        case "array":
            return st.lists(values(schema["items"], defs), min_size=schema.get("minItems", 0), max_size=3)
        case "integer":
            return st.integers(schema.get("minimum", -(2**53) + 1), schema.get("maximum", 2**53 - 1))
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "string" if schema.get("format") == "date":
            return st.dates(date(2000, 1, 1), date(2199, 12, 31)).map(str)  # what forms.Day allows
        case "string" if "pattern" in schema:
            return st.from_regex(schema["pattern"], fullmatch=True)
    return TEXT.map(lambda text: f"x{text}" if schema.get("minLength") else text)


def carried(value: Any) -> bool:
    """Only what JSON carries exactly: ASCII keys, no floats."""
    if isinstance(value, dict):
        return all(key.isascii() and carried(one) for key, one in value.items())
    return all(map(carried, value)) if isinstance(value, list) else not isinstance(value, float)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: str(form.__name__))
def test_a_payload_of_any_form_is_journaled_as_rfc_8785_has_it(form: type[Form]) -> None:
    schema = form.model_json_schema()

    few = settings.default.max_examples // 4  # of each form: there are dozens

    @settings(max_examples=few, deadline=None, suppress_health_check=list(HealthCheck))
    @given(values(schema, schema.get("$defs", {})))
    def holds(said: dict[str, Any]) -> None:
        payload = form.model_validate(said).model_dump(mode="json")
        assert carried(payload)
        assert canonical(payload).encode() == rfc8785.dumps(payload)

    holds()


TYPES: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(("seq", "round"), st.integers(0, 99))
NULLS = ("on_behalf_of", "due_on", "process", "run", "key")
ROW = st.tuples(*((st.none() | st.integers(0, 99)) if name == "run" else
                  TYPES.get(name, TEXT | st.none() if name in NULLS else TEXT) for name in HASHED))  # fmt: skip


@given(ROW, st.data())
def test_rows_that_differ_in_any_column_have_different_bytes(row: tuple[Any, ...], data: st.DataObject) -> None:
    other = data.draw(ROW)
    mixed = tuple(b if data.draw(st.booleans()) else a for a, b in zip(row, other, strict=True))
    assert (hashed(row) == hashed(mixed)) == (row == mixed)


@given(ROW)
def test_the_bytes_of_an_entry_are_rfc_8785_too(row: tuple[Any, ...]) -> None:
    assert hashed(row) == rfc8785.dumps(dict(zip(HASHED, row, strict=True)))
    assert set(COLUMNS) - orjson.loads(hashed(row)).keys() == {"hash", "salt", "payload"}
