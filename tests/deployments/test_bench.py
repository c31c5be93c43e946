"""The bench measures what it says it does; how fast anything is, no test says."""

import os
from unittest import mock

import pytest

from deployments.bench import MEASURES, SMALL, measure, report
from deployments.bench.place import BACKENDS
from door.db import connect

KEYS = {
    "opens": {"opens_ratio", "opens_per_s", "floor_opens_per_s"},
    "decisions": {"decisions_ratio", "decisions_per_s", "empty_commits_per_s"},
    "bulk": {"bulk_decisions_per_s"},
    "lifecycles": {"lifecycles_per_s", "lifecycles_ratio", "bulk_lifecycles_per_s", "lifecycles_empty_commits_per_s"},
    "crowd": {"act_p99_ms_during_run", "act_max_ms_during_run", "acts_during_run", "crowd_run_s"},
    "portal": {
        "cases",
        "inbox_p95_ms",
        "case_p95_ms",
        "decision_p95_ms",
        "crowd_decision_p95_ms",
        "crowd_decision_p99_ms",
        "crowd_decisions",
        "crowd_failed",
    },
    "proof": {"verify_per_s", "verify_tables_per_s", "recompute_per_s"},
}


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("only", KEYS)
def test_each_measurement_gives_its_numbers_on_both_databases(backend: str, only: str, pg_server: str) -> None:
    found = report((backend,), only, SMALL, server=pg_server)
    assert found.keys() == {backend}
    assert found[backend].keys() == KEYS[only]
    assert all(value > 0 for name, value in found[backend].items() if name != "crowd_failed")
    assert found[backend].get("crowd_failed", 0) == 0


@pytest.mark.slow
def test_a_run_is_measured_alone_under_prefect_and_plainly_and_along_its_curve() -> None:
    with mock.patch.dict(os.environ):  # where Prefect is at home meanwhile, it is no longer afterwards
        found = report(("sqlite",), "run", SMALL)["sqlite"]
    (point,) = SMALL.curve
    assert found.keys() == {"run_s", "run_rss_mb", "run_cases", "prefect_s", "replay_per_s", f"run_s_{point}",
                            f"run_rss_mb_{point}"}  # fmt: skip
    assert found["run_cases"] >= SMALL.facilities // 15


def test_all_that_is_measured_has_a_test() -> None:
    assert MEASURES.keys() == {*KEYS, "run"}


def test_an_unknown_measurement_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"no measurement 'oepns': choose one of opens, decisions"):
        measure("sqlite:///unused.db", "oepns")


def test_nothing_is_left_on_the_server_that_lent_its_databases(pg_server: str) -> None:
    report(("postgresql",), "bulk", SMALL, server=pg_server)
    with connect(pg_server) as admin:
        assert admin.rows("SELECT datname FROM pg_database WHERE datname LIKE ?", "postloan_bench%") == []
