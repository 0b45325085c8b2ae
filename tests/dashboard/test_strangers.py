"""A real server, and strangers who keep it busy: those who have an account still get in."""

from __future__ import annotations

import http.client
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from urllib.parse import urlencode

import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from shoal.auth import Account, Password, change_accounts, passwords
from shoal.auth.throttle import FREE_TRIES, FREE_TRIES_OF_SOURCE
from shoal.dashboard.network_access import ServerAccess
from shoal.dashboard.server.listener import MOST_OF_ONE_SOURCE
from shoal.store import open_store
from support import browser
from support.processes import eventually

RIGHT = "correct horse"
GUESSED = FREE_TRIES_OF_SOURCE + 1
HALVES = {
    "nothing": b"",
    "half a head": b"POST /login HTTP/1.1\r\nHost: localhost\r\nX-Half: ",
    "half a body": b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\nname=",
    "half a second request": b"GET /login HTTP/1.1\r\nHost: localhost\r\n\r\nGET /login HTT",
}


class Site:
    """The address of a dashboard with a login."""

    def __init__(self, url: str) -> None:
        self.host, _, port = url.removeprefix("http://").partition(":")
        self.port = int(port)

    def status(
        self, method: str, path: str, body: str | None = None, **headers: str
    ) -> tuple[int, str | None]:
        """Status of an answer, and how many seconds to wait."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        connection.close()
        return answer.status, answer.headers["Retry-After"]

    def log_in(self, name: str, password: str, **headers: str) -> int:
        body = urlencode({"name": name, "password": password})
        return self.status("POST", "/login", body, **headers)[0]

    @contextmanager
    def half_sent(self, half: bytes, number: int) -> Iterator[list[socket.socket]]:
        sent = []
        try:
            for _ in range(number):
                # Not where those with an account come from, which stands for a proxy.
                here = ("127.0.0.2", 0)
                sent.append(socket.create_connection((self.host, self.port), 60, here))
                with suppress(ConnectionError):
                    sent[-1].sendall(half)
            yield sent
        finally:
            for one in sent:
                one.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("strangers")
    cheap = passwords._hashed(RIGHT, Password(b"salt", b"", rounds=2, block=1, lanes=1))
    log = folder / "server.log"
    with pytest.MonkeyPatch.context() as patch, open_store(folder / "shoal.db") as store:
        patch.setenv("XDG_DATA_HOME", str(folder))
        # A name that nobody has costs as much as one with a new password, so those that are guessed
        # here are somebody's.
        names = ["alice", "bob", *(f"user{number}" for number in range(GUESSED))]
        known = tuple(Account(name, "viewer", cheap) for name in names)
        change_accounts(
            folder / "shoal" / "access.json", lambda accounts: replace(accounts, accounts=known)
        )
        access = ServerAccess(login=True, behind_proxy=True)
        with browser.dashboard(store, log, access) as url:
            yield Site(url)
    assert "Traceback" not in log.read_text()


def is_open(connection: socket.socket) -> bool:
    """Whether the server has not ended a connection; what it has answered does not matter."""
    connection.setblocking(False)
    try:
        while connection.recv(65_536):
            pass
    except BlockingIOError:
        return True
    except ConnectionResetError:
        pass
    return False


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/runs", "/api/v1/openapi.json"])
def test_programs_without_a_token_are_refused(site: Site, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Accept": "text/html"}):
        assert site.status("GET", path, **headers)[0] == 401
    assert site.status("GET", f"{path}?token=wrong")[0] == 401


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is no address of ours")
@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES)
def test_half_sent_requests_keep_nobody_out(site: Site, half: bytes) -> None:
    with site.half_sent(half, MOST_OF_ONE_SOURCE + 100) as sent:
        assert site.status("GET", "/login") == (200, None)
        assert site.log_in("alice", RIGHT) == 303
        eventually(lambda: sum(map(is_open, sent)) <= MOST_OF_ONE_SOURCE)


def test_one_who_guesses_names_keeps_nobody_out(site: Site) -> None:
    leave = threading.Event()
    statuses = [site.log_in(f"user{number}", "guess") for number in range(GUESSED)]

    def guess() -> None:
        while not leave.is_set():
            statuses.append(site.log_in(f"user{len(statuses) % GUESSED}", "guess"))

    attacker = threading.Thread(target=guess)
    attacker.start()
    try:
        assert [site.log_in("alice", RIGHT) for _ in range(3)] == [303] * 3
    finally:
        leave.set()
        attacker.join()
    assert set(statuses) == {403}, "its tries take turns"


def test_one_who_guesses_a_name_does_not_hold_it_for_others(site: Site) -> None:
    attacker = {"X-Forwarded-For": "192.0.2.1"}
    statuses = [site.log_in("bob", "guess", **attacker) for _ in range(FREE_TRIES + 5)]
    assert statuses[:FREE_TRIES] == [403] * FREE_TRIES and 429 in statuses
    assert site.log_in("bob", RIGHT, **{"X-Forwarded-For": "192.0.2.2"}) == 303
    # The proxy names the last address; what stands before it the visitor has written himself.
    forged = {"X-Forwarded-For": "192.0.2.3, 192.0.2.4"}
    for _ in range(FREE_TRIES):
        site.log_in("bob", "guess", **forged)
    assert site.log_in("bob", RIGHT, **{"X-Forwarded-For": "192.0.2.3"}) == 303
