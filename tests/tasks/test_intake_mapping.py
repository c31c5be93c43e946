"""A mapping's mistakes are said with file and line, all at once; the mappings that we ship can be read."""

from pathlib import Path

import pytest

from tasks.mapping import MappingError, load
from tests.tasks.bank import ROOT

GOOD = """\
format: {separator: ";", encoding: cp949}
columns:
  facility: {from: ID}
  borrower: {from: CUST}
  unit: {from: BR}
  product: {from: TYPE, values: {NO: SE, Y: WC, 0: RV}}
  currency: {default: KRW}
  bal: {from: BAL}
  opened_on: {from: [START], format: "%d.%m.%Y"}
"""


def mistakes(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "odd.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(MappingError) as wrong:
        load(file)
    return [m.removeprefix(f"{tmp_path}/") for m in wrong.value.mistakes]


def test_words_stay_words_and_one_name_is_a_list_of_one(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(GOOD, encoding="utf-8")
    mapping = load(tmp_path / "good.yaml")
    assert mapping.columns["product"].values == {"NO": "SE", "Y": "WC", "0": "RV"}
    assert mapping.columns["facility"].source == ("ID",)
    assert mapping.needed == {"ID", "CUST", "BR", "TYPE", "BAL", "START"}
    assert (mapping.name, len(mapping.hash)) == ("good", 64)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("bal: {from: BAL}", "bal: {form: BAL}", "odd.yaml:8: columns.bal.form: is not known here."),
        ("{from: BAL}", "{from: BAL, sql: BAL}", "odd.yaml:8: columns.bal: a column has either from, or sql, or"),
        ("{from: BAL}", "{from: BAL, required: true, optional: true}", "odd.yaml:8: columns.bal: optional is a column that"),
        ("{from: BAL}", "{sql: '1 +'}", "odd.yaml:8: columns.bal.sql: '1 +' is no SQL expression: "),
        ("{from: BAL}", "{sql: \"READ_CSV('x')\"}", "odd.yaml:8: columns.bal.sql: "),
        ("{from: BAL}", "{from: BAL, required: perhaps}", "odd.yaml:8: columns.bal.required: "),
        ("cp949", "cp9", "odd.yaml:1: format.encoding: unknown encoding 'cp9'; for example utf-8, cp949, latin-1."),
        ("cp949", "utf-16", "odd.yaml:1: format.encoding: 'utf-16' writes a line break in several bytes"),
        ('";"', '"||"', "odd.yaml:1: format.separator: "),
        ("  bal:", "  balance:", "odd.yaml:8: columns.balance: unknown column 'balance'; a snapshot has"),
        ("  bal: {from: BAL}\n", "", "odd.yaml:1: no mapping for bal; a facility needs facility, "),
        ("{from: BAL}", "{from: BAL}\n  dpd: {from: M, months_after: b}", "odd.yaml:1: dpd: months_after"),
        ("  unit: {from: BR}", "  unit: {from: BR}\n  unit: {from: B}", "odd.yaml:6: 'unit' stands twice"),
        ("  unit: {from: BR}", "  unit: {from: BR", "odd.yaml:6: this is not YAML: "),
        (GOOD, "- a list", "odd.yaml:1: a mapping holds the keys format, columns, aside, reject_if, staff."),
        (GOOD, GOOD + "rejekt: []\n", "odd.yaml:10: rejekt: is not known here."),
        (GOOD, GOOD + "reject_if:\n  - when: bal >\n    reason: x\n", "odd.yaml:11: reject_if.0.when: 'bal >' is"),
        (GOOD, GOOD + "aside:\n  bal: {from: B}\n", "odd.yaml:11: aside.bal: 'bal' is a name of the snapshot's"),
        (GOOD, GOOD + "aside:\n  b: {from: B, type: money}\n", "odd.yaml:11: aside.b.type: "),
        (GOOD, GOOD + "staff: {people: {branch_head: 1}}\n", "odd.yaml:10: staff.calendar: is absent."),
        (GOOD, GOOD + "hash: x\n", "odd.yaml:1: name and hash are not written in a mapping."),
    ],
)  # fmt: skip
def test_a_mistake_is_said_with_its_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in GOOD
    (found,) = mistakes(tmp_path, GOOD.replace(old, new))
    assert found.startswith(says)
    assert "\n" not in found


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("cp949", "cp9").replace("{from: BAL}", "{form: BAL}")
    assert len(mistakes(tmp_path, text)) == 2


def test_a_mapping_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"no\.yaml does not exist: mappings stand in policies/mappings"):
        load(tmp_path / "no.yaml")


@pytest.mark.parametrize("file", sorted((ROOT / "policies/mappings").glob("*.yaml")), ids=lambda f: f.stem)
def test_the_mappings_that_we_ship_can_be_read(file: Path) -> None:
    assert load(file).columns
