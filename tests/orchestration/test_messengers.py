"""Messages to people: real Apprise, a real receiver, and the webhook's promises of delivery."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from shoal.data import load_dataset
from shoal.errors import SettingsError
from shoal.orchestration import messengers, notify_post
from shoal.orchestration.messengers import check_messengers, key_of, notify
from shoal.orchestration.webhook import WebhookSender
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store
from shoal.store import tables as t
from support.processes import shoal

pytest.importorskip("apprise", reason="the extra shoal[notify] is not installed")

# Apprise looks at what Python has, and finds what it is about to lose.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
SECRET = "T0Pse3ret"
DATA = load_dataset("concrete")
THERE = Owner("trainer-1", 1, "token")
CONTENT = {
    "id": 1,
    "event": "finished",
    "run": 7,
    "name": "prices",
    "state": "finished",
    "metric": {"name": "accuracy", "label": "Accuracy", "unit": "%"},
    "best_score": 91.25,
    "error": None,
    "host": "trainer-1",
}


class Room(ThreadingHTTPServer):
    """A chat room that Apprise posts to. ``answers`` are its next statuses, 200 after them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[int] = []
        self.told: list[dict[str, Any]] = []
        self.url = f"json://127.0.0.1:{self.server_port}/{SECRET}"


class _Handler(BaseHTTPRequestHandler):
    server: Room

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.server.answers.pop(0) if self.server.answers else 200
        if status == 200:
            self.server.told.append(body)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Room() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def finished(store: Store) -> int:
    run_id, _ = store.add_run(DATA, SearchSettings(), name="prices")
    claim = store.claim(THERE, run_id)
    assert claim
    store.finish(claim, "finished", seconds=1.0, result_hash="abc")
    return run_id


def due_at_once(store: Store) -> None:
    """The pause after a failure is over."""
    due = t.notice.update().where(t.notice.c.due.is_not(None)).values(due=t.notice.c.created)
    store.write(lambda c: c.execute(due))


def test_apprise_sends_a_message_for_people(room: Room) -> None:
    assert notify(room.url, CONTENT) is None
    (told,) = room.told
    assert told["title"] == "Shoal: prices has finished"
    assert told["message"] == (
        "Run 7, prices, has finished.\nBest Accuracy: 91.25 %.\nHost: trainer-1"
    )
    assert told["type"] == "success"


def test_what_is_not_taken_is_said_without_the_address(room: Room) -> None:
    room.answers = [500]
    error = notify(room.url, CONTENT)
    assert error == "it was not taken"
    assert room.told == []


@pytest.mark.parametrize(
    ("event", "words"), [("failed", "has failed"), ("stalled", "has recorded nothing for long")]
)
def test_other_events(event: str, words: str) -> None:
    content = {**CONTENT, "event": event, "best_score": None, "error": "No space.", "host": None}
    assert notify_post.title(content) == f"Shoal: prices {words}"
    assert notify_post.body(content) == f"Run 7, prices, {words}.\nWhy: No space."


@pytest.mark.parametrize("url", ["", "nothing", "odd://place", f"json:// {SECRET}", "http:///x"])
def test_an_address_that_apprise_does_not_know(url: str, room: Room) -> None:
    with pytest.raises(SettingsError) as error:
        check_messengers([room.url, url])
    assert error.value.problem.startswith("Address 2 of 2 ")
    assert SECRET not in str(error.value)
    assert check_messengers([]) == []
    assert check_messengers([room.url]) == [room.url]


def test_without_apprise_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, room: Room) -> None:
    monkeypatch.setattr(messengers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install 'shoal\[notify\]'"):
        check_messengers([room.url])


def test_serve_refuses_a_bad_address_and_writes_nothing(tmp_path: Path) -> None:
    place = tmp_path / "shoal.db"
    done = shoal("serve", "--no-dashboard", "--notify", f"odd://{SECRET}", store=place)
    assert done.returncode == 2
    assert "Address 1 of 1" in done.stderr
    assert SECRET not in done.stderr
    assert not place.exists()


def test_webhook_and_people_are_told_once_each(store: Store, room: Room) -> None:
    """One who has taken a message does not get it again because another has not."""
    posted: list[Mapping[str, Any]] = []
    refused = ["HTTP 500"]

    def send(url: str, content: Mapping[str, Any]) -> str | None:
        if refused:
            return refused.pop()
        posted.append(content)
        return None

    run_id = finished(store)
    sender = WebhookSender(store, "http://host/", send, messengers=[room.url])
    sender.deliver()
    assert (len(posted), len(room.told)) == (0, 1)

    due_at_once(store)
    sender.deliver()
    assert (len(posted), len(room.told)) == (1, 1)
    assert store.lease_message() is None

    # What the store notes of receivers is not sent.
    assert set(posted[0]) == {
        *("id", "event", "run", "name", "state", "metric", "best_score", "best_accuracy"),
        *("error", "result_hash", "time", "host"),
    }
    texts = [event.text for event in store.events(run_id)]
    told = [text for text in texts if "was not told" in text]
    failure = "The webhook was not told that the run has finished: HTTP 500."
    assert told == [f"{failure} It is tried again for a day."]


def test_people_who_are_away_are_tried_again(
    store: Store, room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "shoal")
    room.answers = [503, 503]
    run_id = finished(store)
    sender = WebhookSender(store, None, messengers=[room.url])
    for _ in range(3):
        sender.deliver()
        due_at_once(store)

    assert [told["title"] for told in room.told] == ["Shoal: prices has finished"]
    assert store.lease_message() is None
    texts = [event.text for event in store.events(run_id)]
    assert any(text.startswith("Messenger 1 was not told") for text in texts)
    # The address is a secret.
    assert SECRET not in caplog.text + " ".join(texts)
    rows = store.read(lambda c: c.execute(t.notice.select()).all())
    assert SECRET not in str(rows)


def test_a_sender_that_died_is_followed_by_another(store: Store, room: Room) -> None:
    finished(store)
    # It has leased the message, and dies.
    assert store.lease_message() is not None
    WebhookSender(store, None, messengers=[room.url]).deliver()
    assert room.told == []

    due_at_once(store)
    WebhookSender(store, None, messengers=[room.url]).deliver()
    assert len(room.told) == 1


def test_keys_do_not_show_addresses() -> None:
    assert key_of("mailto://a") != key_of("mailto://b")
    assert SECRET not in key_of(f"json://{SECRET}")
