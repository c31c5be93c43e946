"""What a form takes: a number is a whole number, a date a date; nothing that only looks like one."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from models.forms import Extension, Measure, OwnRecord, Verification
from models.process import Form


@pytest.mark.parametrize("said", [True, False, 2.0, "2.5", "two", None, -1, 5])
def test_a_level_is_a_whole_number(said: Any) -> None:
    with pytest.raises(ValidationError):
        Verification.model_validate({"outcome": "V0", "own_level": said})


def test_a_level_may_be_written_as_digits() -> None:
    """As a page's form, or a command line, hands it in."""
    assert Verification.model_validate({"outcome": "V0", "own_level": "2"}).own_level == 2


@pytest.mark.parametrize(
    "said",
    [
        1767571200,
        1767571200.0,
        "1767571200",
        "2026-01-05T00:00:00",
        "20260105",
        True,
        datetime(2026, 1, 5, tzinfo=UTC),
        None,
    ],
)
def test_a_day_is_a_date(said: Any) -> None:
    with pytest.raises(ValidationError):
        Extension.model_validate({"due_on": said, "reason": "more time"})


@pytest.mark.parametrize("said", ["2026-01-05", date(2026, 1, 5)])
def test_a_date_is_taken_as_text_or_as_it_is(said: Any) -> None:
    assert Measure.model_validate({"code": "A01", "owner": "lee", "by": said}).by == date(2026, 1, 5)


@pytest.mark.parametrize(("form", "field", "bounds"), [(OwnRecord, "own_level", {"minimum": 0, "maximum": 4})])
def test_the_schema_still_says_the_bounds(form: type[Form], field: str, bounds: dict[str, int]) -> None:
    assert form.model_json_schema()["properties"][field].items() >= bounds.items()
