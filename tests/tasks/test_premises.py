"""How far two places lie apart, by what is known of them."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.premises import EARTH, Position, metres, positions

SEOUL, BUSAN = ("37.56650", "126.97800"), ("35.17960", "129.07560")
TEXTS = st.decimals(-90, 90, places=5).map(str), st.decimals(-180, 180, places=5).map(str)
PLACES = st.tuples(*TEXTS)


@pytest.mark.parametrize(
    ("here", "there", "away"),
    [(SEOUL, SEOUL, 0), (SEOUL, BUSAN, 325_112), (("0", "0"), ("0", "180"), 20_015_115), (("0", "0"), ("1", "0"), 111_195),
     (("0", "179.9995"), ("0", "-179.9995"), 111), (("37.31090", "126.83"), ("37.31090", "126.83010"), 9),
     (("90", "0"), ("90", "77"), 0)],
)  # fmt: skip
def test_the_way_in_whole_metres(here: Position, there: Position, away: int) -> None:
    assert metres(here, there) == away


@given(PLACES, PLACES, PLACES)
def test_it_is_the_same_there_and_back_no_detour_is_shorter_and_nothing_lies_beyond_the_far_side(
    a: Position, b: Position, c: Position
) -> None:
    there, back, first, second = metres(a, b), metres(b, a), metres(a, c), metres(c, b)
    assert there is not None
    assert first is not None
    assert second is not None
    assert there == back
    assert there <= first + second + 2  # each is rounded
    assert 0 <= there <= 20_015_118 < 4 * EARTH
    assert metres(a, a) == 0


@pytest.mark.parametrize("odd", ["", "x", "nan", "inf", "1e1", "91", "-90.00001", "٣٧", "37.5 ", "37,5", "37.5\n"])
def test_what_is_no_position_is_none_and_no_distance_is_told(odd: str) -> None:
    assert metres((odd, "126.97800"), SEOUL) is None
    assert metres(SEOUL, (odd, "126.97800")) is None


def test_a_snapshot_from_before_any_said_where_the_premises_lie_says_nothing(tmp_path: Path) -> None:
    pl.DataFrame({"facility": ["F1"], "borrower": ["B1"]}).write_parquet(tmp_path / "old.parquet")
    assert positions(tmp_path / "old.parquet", ["B1"]) == {}
