"""What the portal does where Prefect is busy, or does not answer as it should."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from portal.prefect import BUSY_S, NoAnswer, Prefect

Asked = list[bytes]


@contextmanager
def answering(*statuses: int) -> Iterator[tuple[Prefect, Asked]]:
    """A server that answers so, one request after the other, and what it was asked."""
    asked, left = [], list(statuses)

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])))
            body = b'{"id": "the run"}'
            self.send_response(left.pop(0))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield Prefect(f"http://127.0.0.1:{server.server_port}/api"), asked
        server.shutdown()


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("portal.prefect.sleep", found.append)
    return found


def test_a_server_that_is_busy_for_the_moment_is_asked_the_same_again(paused: list[float]) -> None:
    with answering(503, 503, 201) as (prefect, asked):
        assert prefect.start("weigh", {"as_of": "2026-01-05"}, ["by:moon"], "b7") == "the run"
    assert len(asked) == 3
    assert len(set(asked)) == 1
    assert paused == list(BUSY_S[:2])


@pytest.mark.parametrize("statuses", [(503,) * (len(BUSY_S) + 1), (500,)], ids=["busy on and on", "broken"])
def test_a_server_that_stays_busy_or_is_broken_gives_no_answer(paused: list[float], statuses: tuple[int, ...]) -> None:
    with answering(*statuses) as (prefect, asked), pytest.raises(NoAnswer):
        prefect.start("weigh", {}, [], "b7")
    assert len(asked) == len(statuses)
