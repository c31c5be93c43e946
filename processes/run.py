"""Run: one recorded batch of automatic decisions, one stage on one date, with everything they depend on."""

from models import runs as r
from models.process import END, SERVICE, START, Do, Process, Step

RUN = Process(
    name="run",
    start="start",
    stream="run",
    facts=("stage", "as_of", "partition", "snapshot", "book"),
    steps={
        "start": Step(START, "system", "system", does=(
            Do("start", "running", r.RunInputs),)),
        "running": Step(SERVICE, "system", "system", does=(
            Do("set_aside", "running", r.SetAside, rows={"due": "due"}),
            Do("finish", "finished", r.RunResult, rows={"due": "due"}),)),
        "finished": Step(END),
    },
    before=("af5cee11eea62b06",),
)  # fmt: skip
