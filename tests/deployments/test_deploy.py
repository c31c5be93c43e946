"""The server becomes equal to the file, however often and whatever was there before."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.deploy import Report, deploy
from deployments.manifest import Manifest, Refused, read

ROOT = Path(__file__).parents[2]


def put(api: Any, file: Path) -> Report:
    return asyncio.run(deploy(file, api.url))


def schedule(slug: str = "morning", **changes: Any) -> dict[str, Any]:
    return {"slug": slug, "cron": "30 6 * * 1-5", "timezone": "Asia/Seoul", **changes}


def schedules(deployment: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["slug"]: each for each in deployment["schedules"]}


def test_deploying_twice_is_deploying_once(api: Any, project: Any, eventually: Any) -> None:
    file = project.write(
        project.deployment("first"), project.deployment("second", schedules=[schedule(), schedule("b")])
    )
    put(api, file)
    eventually(lambda: len(api.runs("second")) >= 6)
    before, runs = api.deployments(), {run["id"] for run in api.runs("second")}
    report = put(api, file)
    assert report == Report(unchanged=("tiny/first", "tiny/second"))
    assert api.deployments() == before, "ids of deployments and schedules included, and nothing is touched"
    assert runs <= {run["id"] for run in api.runs("second")}, "the runs made ahead are still there"


def test_the_scheduler_makes_runs_of_what_was_deployed(api: Any, project: Any, eventually: Any) -> None:
    """With another SQLAlchemy the server starts, takes the deployment, and never schedules anything."""
    put(api, project.write(project.deployment("planned", parameters={"limit": 3})))
    run = eventually(lambda: api.runs("planned", "Scheduled"))[0]
    assert run["parameters"] == {"limit": 3}
    assert run["auto_scheduled"]
    assert run["expected_start_time"].endswith("T21:30:00Z"), "half past six in Seoul"


def test_a_deployment_that_left_the_file_leaves_the_server_with_its_waiting_runs(
    api: Any, project: Any, eventually: Any
) -> None:
    put(api, project.write(project.deployment("stays"), project.deployment("goes")))
    eventually(lambda: api.runs("goes"))
    report = put(api, project.write(project.deployment("stays")))
    assert report.removed == ("tiny/goes",)
    assert report.unchanged == ("tiny/stays",)
    assert set(api.deployments()) == {"stays"}
    assert not api.runs("goes")


def test_a_deployment_of_somebody_else_is_left_alone(api: Any, project: Any) -> None:
    put(api, project.write(project.deployment("ours")))
    flow = api.deployments()["ours"]["flow_id"]
    api.post("/deployments/", name="theirs", flow_id=flow)
    report = put(api, project.write())
    assert report.removed == ("tiny/ours",)
    assert set(api.deployments()) == {"theirs"}
    api.patch(f"/deployments/{api.deployments()['theirs']['id']}", tags=["postloan"])
    assert put(api, project.write()).removed == ("tiny/theirs",)


def test_a_schedule_that_left_the_file_leaves_the_server(api: Any, project: Any) -> None:
    put(api, project.write(project.deployment(schedules=[schedule(), schedule("noon"), schedule("night")])))
    before = schedules(api.deployments()["tiny"])
    report = put(api, project.write(project.deployment(schedules=[schedule("noon")])))
    assert sorted(report.removed) == ["tiny/tiny#morning", "tiny/tiny#night"]
    assert {slug: each["id"] for slug, each in schedules(api.deployments()["tiny"]).items()} == {
        "noon": before["noon"]["id"]
    }


def test_no_schedule_in_the_file_is_no_schedule_on_the_server(api: Any, project: Any, eventually: Any) -> None:
    put(api, project.write(project.deployment("quiet", schedules=[schedule(cron="* * * * *")])))
    eventually(lambda: api.runs("quiet"))
    put(api, project.write(project.deployment("quiet", schedules=[])))
    assert api.deployments()["quiet"]["schedules"] == []
    assert not [run for run in api.runs("quiet", "Scheduled") if run["auto_scheduled"]]
    put(api, project.write(project.deployment("quiet", schedules=[schedule("again")])))
    assert schedules(api.deployments()["quiet"])["again"]["active"]


def test_an_operators_pause_outlives_a_deploy(api: Any, project: Any) -> None:
    put(api, project.write(project.deployment("paused", schedules=[schedule(), schedule("noon")])))
    found = api.deployments()["paused"]
    api.patch(f"/deployments/{found['id']}/schedules/{schedules(found)['noon']['id']}", active=False)
    put(api, project.write(project.deployment("paused", schedules=[schedule(), schedule("noon", cron="0 12 * * *")])))
    now = schedules(api.deployments()["paused"])
    assert (now["noon"]["active"], now["noon"]["schedule"]["cron"]) == (False, "0 12 * * *")
    assert now["morning"]["active"]
    api.patch(f"/deployments/{found['id']}", paused=True)
    put(api, project.write(project.deployment("paused", parameters={"limit": 1})))
    assert api.deployments()["paused"]["paused"]


def test_what_changed_in_the_file_changes_in_the_runs_made_ahead(api: Any, project: Any, eventually: Any) -> None:
    put(api, project.write(project.deployment("a"), project.deployment("b")))
    eventually(lambda: api.runs("a"))
    report = put(api, project.write(project.deployment("a", parameters={"limit": 9}), project.deployment("b")))
    assert (report.changed, report.unchanged) == (("tiny/a",), ("tiny/b",))
    runs = eventually(lambda: api.runs("a", "Scheduled"))
    assert {run["parameters"]["limit"] for run in runs} == {9}


def test_after_a_move_the_runs_use_the_new_folder(api: Any, project: Any, tmp_path: Path) -> None:
    put(api, project.write(project.deployment()))
    moved = tmp_path / "moved"
    shutil.move(project.root, moved)
    assert put(api, moved / "prefect.yaml").changed == ("tiny/tiny",)
    [step] = api.deployments()["tiny"]["pull_steps"]
    assert step["prefect.deployments.steps.set_working_directory"]["directory"] == str(moved)


def test_the_limit_of_one_run_and_the_queue_reach_the_server(api: Any, project: Any) -> None:
    put(api, project.write(project.deployment("one")))
    found = api.deployments()["one"]
    assert found["global_concurrency_limit"]["limit"] == 1
    assert found["concurrency_options"]["collision_strategy"] == "ENQUEUE"
    assert (found["work_pool_name"], found["enforce_parameter_schema"]) == ("local", True)


def test_a_variable_is_filled_from_the_environment(api: Any, project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTLOAN_ZONE", "Asia/Tokyo")
    put(api, project.write(project.deployment("zoned", schedules=[schedule(timezone="{{ $POSTLOAN_ZONE }}")])))
    assert schedules(api.deployments()["zoned"])["morning"]["schedule"]["timezone"] == "Asia/Tokyo"


def test_an_unset_variable_is_refused_before_anything_is_sent(
    api: Any, project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POSTLOAN_ZONE", raising=False)
    put(api, project.write(project.deployment("before")))
    before = api.deployments()
    file = project.write(
        project.deployment("new"), project.deployment("zoned", schedules=[schedule(timezone="{{ $POSTLOAN_ZONE }}")])
    )
    with pytest.raises(Refused) as refused:
        put(api, file)
    assert str(refused.value) == f"{file} uses variables that are not set: POSTLOAN_ZONE; set them and deploy again."
    assert api.deployments() == before


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"parameters": {"limits": 5}}, "parameters: the flow has no parameter limits; it has as_of, limit."),
        (
            {"schedules": [schedule(parameters={"asof": "2026-01-05"})]},
            "schedule morning: the flow has no parameter asof; it has as_of, limit.",
        ),
        ({"parameters": {"limit": "many"}}, "parameters: limit: 'many' is not of type 'integer'."),
        ({"shedules": []}, "shedules: this key is unknown."),
        ({"schedules": [{"cron": "0 6 * * *", "timezone": "Asia/Seoul"}]}, "schedules.0.slug: this is missing."),
        ({"schedules": [schedule(), schedule()]}, "two schedules have the slug morning."),
        ({"schedules": [schedule(cron="61 6 * * *")]}, 'schedules.0.cron: Invalid cron string: "61 6 * * *".'),
        ({"schedules": [schedule(timezone="Asia/Soul")]}, "Asia/Soul"),
        ({"schedules": [schedule(active=True)]}, "schedules.0.active: this key is unknown."),
        ({"schedules": [schedule(rrule="FREQ=DAILY")]}, "schedules.0: give either cron or rrule."),
        (
            {"schedules": [{"slug": "often", "interval": 3600, "timezone": "Asia/Seoul"}]},
            "schedules.0.interval: this key is unknown.",
        ),
        (
            {"concurrency_limit": {"limit": 1, "collision_strategy": "CANCEL_NEW"}},
            "concurrency_limit.collision_strategy: Input should be 'ENQUEUE'.",
        ),
        ({"tags": ["stage"]}, "add the tag postloan: by it deploy knows its own."),
        ({"pull": []}, "pull: this key is unknown."),
        ({"entrypoint": "flows/some.py:absent"}, "there is no flow at flows/some.py:absent."),
        ({"entrypoint": "flows/none.py:tiny"}, "there is no flow at flows/none.py:tiny."),
        ({"entrypoint": "flows/broken.py:tiny"}, "flows/broken.py:tiny can't be loaded: ModuleNotFoundError"),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence(project: Any, changes: dict[str, Any], sentence: str) -> None:
    (project.root / "flows" / "broken.py").write_text("import no_such_module")
    file = project.write(project.deployment(**changes))
    with pytest.raises(Refused) as refused:
        read(file)
    said = str(refused.value)
    assert sentence in said
    assert said.startswith(f"{file}, deployment tiny")
    assert "\n" not in said


def test_two_deployments_of_one_name_are_refused(project: Any) -> None:
    with pytest.raises(Refused, match="declares tiny/tiny twice"):
        read(project.write(project.deployment(), project.deployment()))


@pytest.mark.parametrize("text", ["deployments: [", "just words", "", "deployments: 5"])
def test_what_is_no_manifest_is_refused(project: Any, text: str) -> None:
    file = project.root / "prefect.yaml"
    file.write_text(text)
    with pytest.raises(Refused, match="prefect"):
        read(file)


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="that exists"):
        read(tmp_path / "prefect.yaml")


def test_a_pool_of_another_kind_is_refused(api: Any, project: Any) -> None:
    api.post("/work_pools/", name="containers", type="docker")
    file = project.write(project.deployment(work_pool={"name": "containers"}))
    with pytest.raises(Refused, match="work pool containers is of type docker"):
        put(api, file)


def test_the_banks_own_file_has_every_flow_on_business_days_in_seoul() -> None:
    wanted = {each.spec.name: each for each in read(ROOT / "prefect.yaml")}
    assert set(wanted) == {file.stem for file in (ROOT / "flows").glob("*.py") if "@flow" in file.read_text()}
    for name, each in wanted.items():
        assert each.flow.name == name
        assert each.flow.isasync, "a synchronous flow costs a second more"
        assert "as_of" in each.schema["properties"]
        assert each.spec.concurrency_limit.collision_strategy == "ENQUEUE"
        assert each.spec.schedules
        for when in each.spec.schedules:
            assert (when.timezone, when.cron.split()[-1]) == ("Asia/Seoul", "1-5")


def test_the_banks_own_file_names_no_path_of_a_machine() -> None:
    text = (ROOT / "prefect.yaml").read_text()
    manifest = Manifest.model_validate(yaml.safe_load(text))
    assert "pull" not in yaml.safe_load(text)
    assert all(not each.entrypoint.startswith(("/", "~", ".")) for each in manifest.deployments)
    assert str(ROOT) not in text
