"""A webhook is informed once of each event, after any crash.

It holds up no run, and shows no secret.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shoal.data import load_dataset
from shoal.errors import SettingsError
from shoal.objectives.registry import ACCURACY
from shoal.orchestration import webhook
from shoal.orchestration.webhook import WebhookSender, check_webhook, post
from shoal.problems.table import TableProblem
from shoal.settings.search_settings import SearchSettings
from shoal.store import LEASE_SECONDS, Claim, Owner, Store, open_store
from shoal.store import tables as t
from shoal.tuning.search import Search
from support.fakes import pretend
from support.processes import SMALL, eventually, shoal, start

SECRET = "T0Pse3ret"
DATA = load_dataset("concrete", preset="classic")
SETTINGS = SearchSettings(preset="classic", population=4, generations=3, iterations=7)
THERE = Owner("trainer-1", 1, "token")


class Receiver(ThreadingHTTPServer):
    """Takes what is posted; ``answers`` are the statuses of the next answers, 204 after them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[int] = []
        self.asked: list[tuple[str, str]] = []
        self.told: list[dict[str, Any]] = []
        self.silent = threading.Event()
        self.silent.set()
        # Answers byte by byte until this is set.
        self.drips = False
        self.answered = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/{SECRET}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.server.silent.wait()
        if self.server.drips:
            self._drip()
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.command, self.path))
        status = self.server.answers.pop(0) if self.server.answers else 204

        if status == 204:
            assert self.headers["Content-Type"] == "application/json"
            self.server.told.append(json.loads(body))

        self.send_response(status)
        if status == 302:
            self.send_header(
                "Location", "file:///etc/passwd" if len(self.server.asked) % 2 else "/elsewhere"
            )

        self.send_header("Content-Length", "0")
        self.end_headers()

    def _drip(self) -> None:
        """One byte each 20 ms, for minutes, unless nobody listens any more."""
        with contextlib.suppress(OSError):
            self.wfile.write(b"HTTP/1.1 204 ")
            for _ in range(10_000):
                self.wfile.write(b"x")
                if self.server.answered.wait(0.02):
                    break

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.silent.set()
        server.shutdown()
        thread.join()


def claimed(store: Store) -> Claim:
    run_id, _ = store.add_run(DATA, SETTINGS, name="prices")
    claim = store.claim(THERE, run_id)
    assert claim
    return claim


def finished(store: Store) -> int:
    claim = claimed(store)
    store.finish(claim, "finished", seconds=1.0, result_hash="abc")
    return claim.run_id


def later(store: Store, seconds: float) -> None:
    """Let so much time pass: all that was written is older by it."""

    def shift(connection: sa.Connection) -> None:
        for column in (
            t.evaluation.c.created,
            t.event.c.created,
            t.notice.c.created,
            t.notice.c.due,
            t.run.c.heartbeat,
        ):
            connection.execute(sa.update(column.table).values({column.name: column - seconds}))

    store.write(shift)


def texts(store: Store) -> list[str]:
    return [event.text for event in store.events()]


class TestNotices:
    """What the store promises of them."""

    @pytest.mark.parametrize(
        ("state", "error"), [("finished", None), ("failed", "Every training failed.")]
    )
    def test_an_end_is_noted_with_what_there_is_to_know(
        self, store: Store, state: Any, error: str | None
    ) -> None:
        claim = claimed(store)
        assert store.lease_message() is None

        store.finish(claim, state, seconds=1.0, error=error, result_hash="abc")
        notice = store.lease_message()
        assert notice

        moment, number = notice.content.pop("time"), notice.content.pop("id")
        assert moment == pytest.approx(store.events()[0].time, abs=10)
        assert number == notice.id
        assert notice.content == {
            "event": state,
            "run": claim.run_id,
            "name": "prices",
            "state": state,
            "metric": ACCURACY.to_dict(),
            "best_score": None,
            "best_accuracy": None,
            "error": error,
            "result_hash": "abc",
            "host": "trainer-1",
        }

    @pytest.mark.parametrize("state", ["paused", "stopped", "queued"])
    def test_what_a_person_does_is_no_news(self, store: Store, state: Any) -> None:
        store.finish(claimed(store), state, seconds=1.0)
        assert store.lease_message() is None

    def test_of_many_one_takes_it(self, store: Store) -> None:
        finished(store)
        with ThreadPoolExecutor(4) as threads:
            taken = [
                notice
                for notice in threads.map(lambda _: store.lease_message(), range(8))
                if notice
            ]

        assert len(taken) == 1

        store.acknowledge_message(taken[0])
        later(store, 1000.0)
        assert store.lease_message() is None

    def test_it_is_due_again_when_its_sender_has_died(self, store: Store) -> None:
        finished(store)
        first = store.lease_message()
        assert first

        later(store, 61.0)
        second = store.lease_message()
        assert second
        assert (second.id, second.tries, second.content) == (first.id, 2, first.content)

        store.acknowledge_message(first, {"the webhook": "too late"})  # it wakes: the other has it
        assert "webhook" not in " ".join(texts(store))

        store.acknowledge_message(second)
        later(store, 1000.0)
        assert store.lease_message() is None

    def test_it_is_tried_for_a_day_ever_more_rarely(self, store: Store) -> None:
        finished(store)
        waited = []
        while notice := store.lease_message():
            store.acknowledge_message(notice, {"the webhook": "HTTP 500"})
            due = store.read(lambda c: c.scalar(sa.select(t.notice.c.due - t.now())))
            if due is not None:
                waited.append(due)
                later(store, due + 0.001)

        assert waited[:3] == pytest.approx([15, 30, 60], abs=5)
        assert max(waited) == pytest.approx(3600, abs=5)
        assert 80_000 < sum(waited) < 86_400

        about = [text for text in texts(store) if "webhook" in text]
        assert len(about) == 2
        assert "finished: HTTP 500. It is tried again for a day." in about[1]
        assert "not tried again" in about[0]

    def test_a_run_that_records_nothing_has_stalled_once(self, store: Store) -> None:
        claim = claimed(store)
        later(store, 500.0)
        assert store.note_stalled() == []

        later(store, 101.0)
        store.heartbeat(claim, 1.0)
        assert store.note_stalled() == [claim.run_id]

        later(store, 5000.0)  # its lease ends, and nobody takes it over: no other event
        assert [store.note_stalled(), store.note_stalled()] == [[], []]

        notice = store.lease_message()
        assert notice
        assert (notice.content["event"], notice.content["state"], notice.content["host"]) == (
            "stalled",
            "running",
            "trainer-1",
        )
        assert store.lease_message() is None
        assert "Nothing was recorded for 10 minutes; its supervisor is at work." in texts(store)

    def test_a_run_that_goes_on_may_stall_again(self, store: Store) -> None:
        claim, problem = claimed(store), TableProblem(DATA, SETTINGS)
        later(store, 601.0)
        assert store.note_stalled() == [claim.run_id]

        taken = store.claim(THERE, claim.run_id)
        assert taken
        assert store.note_stalled() == [], "it has just been taken over"

        (task, *_) = Search(SETTINGS).ask()
        store.record(taken, [pretend(problem, task)], [], 1.0)
        later(store, 601.0 + LEASE_SECONDS)

        assert store.note_stalled() == [claim.run_id]
        assert any("nobody has taken it over" in text for text in texts(store))

    def test_long_trainings_are_waited_for(self, store: Store) -> None:
        claim, problem = claimed(store), TableProblem(DATA, SETTINGS)
        (task, *_) = Search(SETTINGS).ask()
        store.record(claim, [pretend(problem, task)], [], 1.0)
        store.write(lambda c: c.execute(sa.update(t.evaluation).values(seconds=60.0)))
        later(store, 29 * 60.0)
        assert store.note_stalled() == []
        later(store, 2 * 60.0)
        assert store.note_stalled() == [claim.run_id]

    def test_a_run_that_waits_for_its_turn_or_a_person_has_not_stalled(self, store: Store) -> None:
        store.add_run(DATA, SETTINGS)
        store.finish(claimed(store), "paused", seconds=1.0)
        later(store, 10_000.0)
        assert store.note_stalled() == []

    def test_delete_takes_them_along(self, store: Store) -> None:
        store.delete(finished(store))
        assert store.lease_message() is None


class TestPost:
    def test_what_is_taken(self, receiver: Receiver) -> None:
        assert post(receiver.url, {"event": "finished", "name": "Größe"}) is None
        assert receiver.told == [{"event": "finished", "name": "Größe"}]

    @pytest.mark.parametrize("status", [302, 307, 404, 500])
    def test_what_is_not_taken(self, receiver: Receiver, status: int) -> None:
        receiver.answers = [status, status]
        assert [post(receiver.url, {}), post(receiver.url, {})] == [f"HTTP {status}"] * 2
        assert receiver.asked == [("POST", f"/{SECRET}")] * 2, "no redirect is followed"

    def test_nobody_there_or_no_answer(
        self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert post(f"http://127.0.0.1:1/{SECRET}", {}) == "Connection refused"
        assert SECRET not in (post(f"http://{SECRET}.invalid/", {}) or SECRET)
        monkeypatch.setattr(webhook, "ANSWER_SECONDS", 0.05)
        receiver.silent.clear()
        assert SECRET not in (post(receiver.url, {}) or SECRET)

    def test_who_answers_byte_by_byte_has_no_more_time_than_others(
        self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Each byte comes well within it.
        monkeypatch.setattr(webhook, "ANSWER_SECONDS", 1.0)
        receiver.drips = True
        try:
            assert post(receiver.url, {}) == "no answer within 1 s"
        finally:
            receiver.answered.set()

    @pytest.mark.parametrize(
        "url",
        [
            f"ftp://host/{SECRET}",
            f"file:///{SECRET}",
            SECRET,
            f"http:///{SECRET}",
            f"http://user:{SECRET}@host/",
            f"https://host:99999/{SECRET}",
            f"https://host/{SECRET} x",
            f"https://host/{SECRET}\n",
        ],
    )
    def test_a_bad_address_is_refused_and_not_shown(self, url: str, tmp_path: Path) -> None:
        with pytest.raises(SettingsError) as caught:
            check_webhook(url)
        assert SECRET not in str(caught.value)

    def test_serve_refuses_it_before_anything_is_written(self, tmp_path: Path) -> None:
        done = shoal("serve", "--webhook", f"ftp://host/{SECRET}", store=tmp_path / "shoal.db")
        assert done.returncode == 2
        assert "--webhook" in done.stderr
        assert SECRET not in done.stderr
        assert list(tmp_path.iterdir()) == []


class TestMessenger:
    def test_what_fails_is_put_down_without_the_address(
        self, tmp_path: Path, receiver: Receiver, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        with open_store(tmp_path / "shoal.db") as store:
            run_id = finished(store)
            receiver.answers = [500]
            told = WebhookSender(store, receiver.url)
            told.deliver()
            assert any("HTTP 500" in text for text in texts(store))
            assert "HTTP 500" in caplog.text
            later(store, 20.0)
            told.deliver()
            assert [content["run"] for content in receiver.told] == [run_id]
            assert SECRET not in " ".join(texts(store)) + caplog.text

        assert all(SECRET.encode() not in path.read_bytes() for path in tmp_path.iterdir())

    def test_it_lives_through_everything(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(webhook, "POLL_SECONDS", 0.01)
        calls: list[str] = []
        done = threading.Event()

        def send(url: str, content: Any) -> str | None:
            calls.append(content["event"])
            if len(calls) == 1:
                raise RuntimeError("boom")
            done.set()
            return None

        with open_store(tmp_path / "shoal.db") as store:
            finished(store)
            with WebhookSender(store, "http://host/", send):
                eventually(lambda: calls)
                later(store, 61.0)
                eventually(done.is_set)
        assert calls == ["finished"] * 2

    def test_without_an_address_notices_wait_for_one(self, tmp_path: Path) -> None:
        with open_store(tmp_path / "shoal.db") as store:
            finished(store)
            WebhookSender(store, None).deliver()
            assert store.lease_message() is not None


def test_a_command_without_a_service_tells_too(
    tmp_path: Path, receiver: Receiver, monkeypatch: Any
) -> None:
    monkeypatch.setenv("SHOAL_WEBHOOK", receiver.url)
    done = shoal("run", *SMALL, "--json", store=tmp_path / "shoal.db")
    assert done.returncode == 0, done.stderr

    (told,) = receiver.told
    result = json.loads(done.stdout.splitlines()[-1])
    assert (told["event"], told["state"], told["run"]) == ("finished", "finished", 1)
    assert told["result_hash"] == result["result_hash"]
    assert told["best_score"] == told["best_accuracy"]
    assert told["best_accuracy"] == pytest.approx(result["best"]["accuracy"])


def test_a_service_tells_what_another_left_untold(tmp_path: Path, receiver: Receiver) -> None:
    file = tmp_path / "shoal.db"
    with open_store(file) as store:
        run_id = finished(store)  # and its supervisor died before it could tell
    service = start("serve", "--no-dashboard", "--webhook", receiver.url, store=file)

    try:
        eventually(lambda: receiver.told)
        assert receiver.told[0]["run"] == run_id
    finally:
        service.terminate()
        service.communicate(timeout=60)

    assert service.returncode == 0

    logs = "".join(path.read_text() for path in tmp_path.rglob("*.log"))
    assert SECRET not in logs
