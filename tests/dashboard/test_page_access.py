"""Logins at the page, and what a viewer's browser may send.

A real server, a real browser, and no browser at all.
"""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.message import Message
from pathlib import Path
from urllib.parse import urlencode

import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import Browser, Page, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from shoal.auth import Password, Role, change_accounts, new_token, passwords, token_digest
from shoal.dashboard.network_access import ServerAccess
from shoal.data import load_dataset
from shoal.settings.search_settings import SearchSettings
from shoal.store import Claim, Owner, Store, open_store
from support import browser as chrome

pytestmark = pytest.mark.browser
SOON = 30_000  # milliseconds
SECRET_NAME = "the name of a run"
RIGHT = "correct horse"


class Site:
    """A dashboard with a login, and a run that this process owns.

    The process obeys nothing, so that all commands stay.
    """

    def __init__(
        self, url: str, store: Store, claim: Claim, accounts: Path, viewer_token: str
    ) -> None:
        self.url, self.store, self.claim = url, store, claim
        self.accounts, self.viewer_token = accounts, viewer_token
        self.host = url.removeprefix("http://")

    def told(self) -> tuple[str, ...]:
        """The commands that the run was given, its owner being alive."""
        self.store.heartbeat(self.claim, 0.0)
        return self.store.run(self.claim.run_id).pending

    def session(self, name: str) -> str:
        """The cookie of one who logs in without a browser."""
        body = urlencode({"name": name, "password": RIGHT}).encode()
        return self.request("/login", data=body)[2]["Set-Cookie"].partition(";")[0]

    def request(
        self, path: str, method: str | None = None, data: bytes | None = None, **headers: str
    ) -> tuple[int, str, Message]:
        """Status, body and headers of an answer; redirections are not followed."""
        request = urllib.request.Request(self.url + path, data, dict(headers), method=method)
        try:
            with urllib.request.build_opener(Unmoved()).open(request, timeout=30) as answer:
                return answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.headers

    @contextmanager
    def talk(
        self, cookie: str | None, origin: str | None = None, **headers: str
    ) -> Iterator[ClientConnection]:
        """The page's WebSocket, as a browser opens it."""
        with connect(
            f"ws://{self.host}/_stcore/stream",
            origin=Origin(origin or self.url),
            subprotocols=[Subprotocol("streamlit")],
            additional_headers=({"Cookie": cookie} if cookie else {}) | headers,
            max_size=None,
            proxy=None,
        ) as connection:
            yield connection


class Unmoved(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, token = tmp_path_factory.mktemp("site"), new_token()
    file = folder / "shoal" / "access.json"
    cheap = passwords._hashed(RIGHT, Password(b"salt", b"", rounds=2, block=1, lanes=1))

    with pytest.MonkeyPatch.context() as patch, open_store(folder / "shoal.db") as store:
        patch.setenv("XDG_DATA_HOME", str(folder))
        for name, role in (
            ("alice", "operator"),
            ("bob", "viewer"),
            ("carl", "viewer"),
            ("erin", "operator"),
        ):
            change_accounts(file, lambda a, n=name, r=role: a.with_account(n, r, password=cheap))  # type: ignore[misc]
        change_accounts(file, lambda a: a.with_account("dora", "viewer", token=token_digest(token)))
        dataset = load_dataset("concrete", preset="classic")
        run_id, _ = store.add_run(dataset, SearchSettings(preset="classic"), name=SECRET_NAME)
        claim = store.claim(Owner.here(), run_id)
        assert claim
        log = folder / "server.log"
        with chrome.dashboard(store, log, ServerAccess(login=True)) as url:
            yield Site(url, store, claim, file, token)
        assert not re.search(r'File ".*[/\\]shoal[/\\]', log.read_text()), log.read_text()


@pytest.fixture
def page(chromium: Browser, site: Site) -> Iterator[Page]:
    site.told()
    with chromium.new_context(viewport={"width": 1280, "height": 900}) as context:
        context.set_default_timeout(SOON)
        yield context.new_page()


def log_in(page: Page, name: str, password: str = RIGHT) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def button(page: Page, label: str):
    return page.get_by_test_id("stMain").get_by_role("button", name=label)


# In a browser


def test_an_operator_is_let_in_by_the_right_password_only(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/live?run=1")
    expect(page).to_have_url(re.compile("/login"))
    assert SECRET_NAME not in page.content()
    log_in(page, "alice", "wrong horse")
    expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
    log_in(page, "alice")
    expect(page).to_have_url(f"{site.url}/live?run=1")
    expect(page.get_by_test_id("stMain").get_by_text(SECRET_NAME)).to_be_visible()
    expect(page.get_by_text("alice (operator)")).to_be_visible()
    expect(button(page, "Pause")).to_be_enabled()
    (cookie,) = [c for c in page.context.cookies() if c["name"].startswith("shoal")]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax"

    page.reload()
    expect(page.get_by_text("alice (operator)")).to_be_visible()
    page.get_by_role("link", name="Log out").click()
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{site.url}/login")
    page.goto(f"{site.url}/live?run=1")
    expect(page).to_have_url(re.compile("/login"))


def test_a_viewer_sees_everything_and_can_press_nothing(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/live?run=1&token={site.viewer_token}")
    expect(page).to_have_url(f"{site.url}/live?run=1")  # the token is in the history no more
    expect(page.get_by_text("dora (viewer)")).to_be_visible()
    expect(page.get_by_test_id("stMain").get_by_text(SECRET_NAME)).to_be_visible()
    for label in ("Pause", "Stop"):
        expect(button(page, label)).to_be_disabled()
    page.get_by_test_id("stSidebar").get_by_role("link", name="New run").click()
    expect(button(page, "Start run")).to_be_disabled()
    expect(page.get_by_text("dora may look, but not command.")).to_be_visible()


def test_the_login_is_readable_on_a_telephone_in_the_dark(chromium: Browser, site: Site) -> None:
    with chromium.new_context(
        viewport={"width": 400, "height": 700}, color_scheme="dark"
    ) as context:
        page = context.new_page()
        watched = chrome.Watched(page)
        page.goto(f"{site.url}/login?after=//evil.example/")
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 23, 27)"
        page.keyboard.type("bob")
        page.keyboard.press("Tab")
        page.keyboard.type(RIGHT)
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(re.escape(site.url)))  # and not at the other place
        assert watched.abroad == []


# Without a browser


def messages(connection: ClientConnection) -> Iterator[ForwardMsg]:
    """What the server sends until a run of the script has ended."""
    while True:
        found = ForwardMsg.FromString(connection.recv(timeout=60))  # type: ignore[arg-type]
        yield found
        if found.WhichOneof("type") == "script_finished":
            return


def opened(connection: ClientConnection) -> tuple[str, str, str]:
    """Load the page of the run: the hash of its script, the Pause button's id, and all texts."""
    first = BackMsg()
    first.rerun_script.query_string, first.rerun_script.page_name = "run=1", "live"
    connection.send(first.SerializeToString())
    page, pause, texts = "", "", ""

    for message in messages(connection):
        texts += str(message)
        if message.WhichOneof("type") == "navigation":
            page = message.navigation.page_script_hash
        element = message.delta.new_element
        if element.WhichOneof("type") == "button" and element.button.label == "Pause":
            pause = element.button.id

    return page, pause, texts


def pressed(page: str, widget: str) -> bytes:
    """What a browser sends when a button is pressed."""
    message = BackMsg()
    message.rerun_script.query_string, message.rerun_script.page_script_hash = "run=1", page
    state = message.rerun_script.widget_states.widgets.add()
    state.id, state.trigger_value = widget, True
    return message.SerializeToString()


def test_a_viewer_who_sends_the_command_himself_is_refused_and_an_operator_is_not(
    site: Site,
) -> None:
    assert site.told() == ()
    with site.talk(
        site.session("bob")
    ) as viewer:  # his button is disabled, which Streamlit remembers
        page, pause, texts = opened(viewer)
        assert SECRET_NAME in texts
        forged = pressed(page, pause)
        viewer.send(forged)
        list(messages(viewer))
    assert site.told() == ()

    with site.talk(site.session("erin")) as was_operator:  # hers is not: the desk has to refuse
        assert opened(was_operator)[:2] == (page, pause)
        role(site, "erin", "viewer")
        was_operator.send(forged)
        answer = "".join(map(str, messages(was_operator)))
    assert "erin may look, but not command" in answer
    assert site.told() == ()
    assert not any("asked for by" in event.text for event in site.store.events(1))

    with site.talk(site.session("alice")) as operator:
        assert opened(operator)[:2] == (page, pause)
        operator.send(forged)  # the very same bytes
        list(messages(operator))
    assert site.told() == ("pause",)
    assert [event.text for event in site.store.events(1)].count("Pause asked for by alice.") == 1


def role(site: Site, name: str, role: Role) -> None:
    """Give an account another role, and leave its sessions."""
    one = lambda account: replace(account, role=role) if account.name == name else account  # noqa: E731
    change_accounts(site.accounts, lambda a: replace(a, accounts=tuple(map(one, a.accounts))))


@pytest.mark.parametrize("cookie", [None, "", "nonsense", "WyJhbGljZSJd.00"])
def test_without_a_session_the_websocket_says_nothing(site: Site, cookie: str | None) -> None:
    port = site.host.rpartition(":")[2]
    with (
        pytest.raises(InvalidStatus) as refused,
        site.talk(None if cookie is None else f"shoal-{port}={cookie}"),
    ):
        pass
    assert refused.value.response.status_code == 403
    assert not refused.value.response.body


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/live?run=1",
        "/_stcore/host-config",
        "/_stcore/metrics",
        "/media/x",
        "/static/js/index.js",
        "/logout",
    ],
)
def test_without_a_session_no_path_answers(site: Site, path: str) -> None:
    status, body, headers = site.request(path, Accept="*/*")
    assert status == 401 or "<h1>Shoal</h1>" in body
    assert SECRET_NAME not in body

    status, _, headers = site.request(path, Accept="text/html")
    assert (status, headers["Location"]) == (
        303,
        "/login" if path == "/" else headers["Location"],
    ) or path == "/logout"
    assert path == "/logout" or headers["Location"].startswith("/login")


def test_an_account_that_is_removed_is_out_in_the_middle_of_a_conversation(site: Site) -> None:
    cookie = site.session("carl")
    with site.talk(cookie) as connection:
        page, pause, texts = opened(connection)
        assert SECRET_NAME in texts
        change_accounts(site.accounts, lambda accounts: accounts.without("carl"))
        connection.send(pressed(page, pause))
        with pytest.raises(ConnectionClosedError) as closed:
            list(messages(connection))
        assert closed.value.rcvd and closed.value.rcvd.code == 1008

    with pytest.raises(InvalidStatus), site.talk(cookie):
        pass
    assert site.request("/", Cookie=cookie, Accept="text/html")[0] == 303


def test_another_sites_page_gets_nowhere_with_a_session(site: Site) -> None:
    cookie = site.session("alice")
    with pytest.raises(InvalidStatus), site.talk(cookie, origin="http://evil.example"):
        pass
    assert site.request("/", Cookie=cookie, Host="evil.example")[0] == 421
    assert site.request("/_stcore/health", Host="evil.example")[0] == 421

    for path in ("/login", "/logout"):
        body = urlencode({"name": "alice", "password": RIGHT}).encode()
        for origin in ("http://evil.example", "null"):
            status, _, headers = site.request(path, data=body, Cookie=cookie, Origin=origin)
            assert (status, headers["Set-Cookie"]) == (403, None)

    assert site.request("/", Cookie=cookie)[0] == 200, "it was not logged out"
    assert site.request("/", Cookie=cookie)[2]["X-Frame-Options"] == "SAMEORIGIN"


def test_uploads_need_an_operator_and_the_pages_own_token(site: Site) -> None:
    path = "/_stcore/upload_file/session/file"
    assert site.request(path, "PUT", b"x")[0] == 401
    assert site.request(path, "PUT", b"x", Cookie=site.session("bob"))[:2] == (
        403,
        "Viewers cannot upload.",
    )
    status, body, _ = site.request(path, "PUT", b"x", Cookie=site.session("alice"))
    assert (status, "XSRF" in body) == (403, True)


def test_a_login_that_is_too_long_or_too_often_is_refused(site: Site) -> None:
    assert site.request("/login", data=b"name=" + b"x" * 10_000)[0] == 403
    wrong = urlencode({"name": "nobody", "password": "guess"}).encode()
    tries, status = 0, 403
    while status == 403 and tries < 20:  # the wait doubles, so that it is met on a slow machine too
        status, body, headers = site.request("/login", data=wrong)
        tries += 1
    assert (status, tries > 5, "Too many wrong tries" in body) == (429, True, True)
    assert int(headers["Retry-After"]) >= 1


def test_a_wrong_token_is_refused_and_not_shown(site: Site) -> None:
    status, body, headers = site.request("/?token=%3Cb%3Eguess")
    assert (status, headers["Set-Cookie"]) == (403, None)
    assert "not valid any more" in body and "guess" not in body
