"""Logging in by an identity provider: a small one on this machine, which says what tests want."""

from __future__ import annotations

import http.cookiejar
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

pytest.importorskip("playwright", reason="playwright is not installed")  # browser.py
pytest.importorskip("authlib", reason="the extra shoal[oidc] is not installed")
pytest.importorskip("httpx", reason="the extra shoal[oidc] is not installed")
pytest.importorskip("joserfc", reason="the extra shoal[oidc] is not installed")

from joserfc import jwk, jwt

from shoal.auth import change_accounts
from shoal.dashboard.network_access import ServerAccess
from shoal.dashboard.server.launch import address, free_port
from shoal.store import open_store
from support import browser as chrome

KNOWN = {"email": "eve@example.org", "email_verified": True}


class Provider(BaseHTTPRequestHandler):
    """Authorisation code flow of OpenID Connect, for one client, without asking anybody."""

    key = jwk.RSAKey.generate_key(2048, {"kid": "one"})
    claims: dict[str, Any] = KNOWN
    nonces: dict[str, str] = {}  # noqa: RUF012  by code

    def do_GET(self) -> None:
        place, asked = urlsplit(self.path), parse_qs(urlsplit(self.path).query)
        here = f"http://{self.headers['Host']}"
        if place.path == "/authorize":
            code = f"code{len(self.nonces)}"
            self.nonces[code] = asked["nonce"][0]
            back = urlencode({"code": code, "state": asked["state"][0]})
            self.send_response(302)
            self.send_header("Location", f"{asked['redirect_uri'][0]}?{back}")
            self.end_headers()
        elif place.path == "/keys":
            self.answer({"keys": [self.key.as_dict(private=False)]})
        else:
            self.answer(
                {
                    "issuer": here,
                    "authorization_endpoint": f"{here}/authorize",
                    "token_endpoint": f"{here}/token",
                    "jwks_uri": f"{here}/keys",
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                }
            )

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        now = int(time.time())
        claims = {
            "iss": f"http://{self.headers['Host']}",
            "aud": "shoal",
            "sub": "1",
            "iat": now,
            "exp": now + 600,
        }
        claims |= {"nonce": self.nonces.pop(form["code"][0])} | self.claims
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
        self.answer(
            {"access_token": "a", "token_type": "Bearer", "expires_in": 600, "id_token": token}
        )

    def answer(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="module")
def site(provider: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("oidc")
    port = free_port(chrome.HOST, 0)
    url = address(chrome.HOST, port)
    secrets = folder / "secrets.toml"
    secrets.write_text(
        f"""[auth]
redirect_uri = "{url}/oauth2callback"
cookie_secret = "0123456789abcdef0123456789abcdef"
client_id = "shoal"
client_secret = "secret"
server_metadata_url = "{provider}/.well-known/openid-configuration"
"""
    )
    secrets.chmod(0o600)

    with pytest.MonkeyPatch.context() as patch, open_store(folder / "shoal.db") as store:
        patch.setenv("XDG_DATA_HOME", str(folder))
        patch.setenv("STREAMLIT_SECRETS_FILES", str(secrets))
        file = folder / "shoal" / "access.json"
        change_accounts(file, lambda a: a.with_account("eve@example.org", "viewer", oidc=True))
        with chrome.dashboard(
            store, folder / "server.log", ServerAccess(login=True), port
        ) as running:
            yield running


class Person:
    """A browser without a screen."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def get(self, path: str) -> tuple[int, str, str]:
        """Status, text and last address, after all redirections."""
        request = urllib.request.Request(self.site + path, headers={"Accept": "text/html"})
        try:
            with self.opener.open(request, timeout=60) as page:
                return page.status, page.read().decode(), page.url
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.url or ""

    def log_in(self) -> tuple[int, str, str]:
        """As the login page says."""
        text = self.get("/login")[1]
        way = text.partition('href="/auth/login')[2].partition('"')[0].replace("&amp;", "&")
        assert way, "the login page offers it"
        return self.get(f"/auth/login{way}")


@pytest.fixture
def person(site: str) -> Iterator[Person]:
    yield Person(site)
    Provider.claims = KNOWN


def test_one_whose_address_has_an_account_is_let_in_with_its_role(person: Person) -> None:
    status, text, _ = person.log_in()
    assert (status, '<div id="root">' in text) == (200, True)
    assert "logged in as eve@example.org" in person.get("/logout")[1]
    assert not [cookie.name for cookie in person.jar if cookie.name.startswith("_streamlit_user")]


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        (
            {"email": "mallory@example.org", "email_verified": True},
            "mallory@example.org has no account here",
        ),
        ({"email": "eve@example.org", "email_verified": False}, "does not vouch"),
        ({"email": "eve@example.org"}, "does not vouch"),
        ({"email_verified": True}, "does not vouch"),
    ],
)
def test_all_others_are_refused(person: Person, claims: dict[str, Any], said: str) -> None:
    Provider.claims = claims
    status, text, _ = person.log_in()
    assert (status, said in text) == (403, True)
    assert person.get("/")[2].endswith("/login"), "and the next try begins anew"


def test_what_the_provider_did_not_sign_is_nothing(person: Person) -> None:
    person.opener.addheaders = [
        ("Cookie", "_streamlit_user=eyJlbWFpbCI6ICJldmVAZXhhbXBsZS5vcmcifQ.x.y")
    ]
    status, _, where = person.get("/")
    assert (status, where.endswith("/login")) == (200, True)
    assert person.get("/auth/logout")[2].startswith(f"{person.site}/login")
    assert person.get("/oauth2callback?code=x&state=y")[2].endswith("/login")
