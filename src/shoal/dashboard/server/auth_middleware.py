"""What stands before every request: which server is meant, who asks, and what they may send.

The middleware wraps the whole ASGI application, the page's WebSocket included. Without a session no
byte of a page is computed. Each message of a WebSocket checks the session again, so that a removed
account is out at once, whatever its browser still shows.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)

from shoal.auth import AccessError, Identity, TooManyTriesError
from shoal.auth.sessions import SESSION_SECONDS, SessionManager
from shoal.dashboard.network_access import cookie_name, is_named, source_of
from shoal.dashboard.server import oidc
from shoal.dashboard.server.login_page import POLICY, login_page, logout_page
from shoal.dashboard.server.program_paths import is_for_programs

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger(__name__)

# Says that the server is there, and nothing else.
HEALTH = "/_stcore/health"

_UPLOADS = "/_stcore/upload_file"
_STREAMLIT = "/_stcore/"
_LARGEST_FORM_BYTES = 8_192
_LARGEST_FORM_FIELDS = 10

# RFC 6455, section 7.4.1: the endpoint violates a policy. Before the handshake it becomes HTTP 403.
_POLICY_VIOLATION = 1008

_HEADERS = {
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class AuthMiddleware:
    """ASGI middleware that lets visitors with a session through, and shows others the login.

    Parameters
    ----------
    app
        The application behind.
    sessions
        Checks logins and sessions. None lets everybody through.
    names
        What browsers may call this server, as `is_named` takes them.
    """

    def __init__(
        self, app: ASGIApp, sessions: SessionManager | None, names: tuple[str, ...]
    ) -> None:
        self._app = app
        self._sessions = sessions
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or one WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif not is_named(Headers(scope=scope).get("host"), self._names):
            _log.info("refused: a request for another host name")
            await _refuse(scope, receive, send, "This server does not go by that name.", 421)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._http(scope, receive, _with_headers(send))

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        # Whoever starts the server asks whether it is up, and has no account.
        if self._sessions is None or request.url.path == HEALTH:
            await self._app(scope, receive, send)
            return

        answer: Response | None
        try:
            answer = await _answer(request, self._sessions)
        except TooManyTriesError as error:
            answer = _login_again(request, error, 429)
            answer.headers["Retry-After"] = str(max(1, round(error.seconds)))
        except AccessError as error:
            answer = _login_again(request, error, 403)

        await (answer or self._app)(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)

        # Streamlit would refuse it too, but would first ask a server abroad for its own address.
        if not _is_same_origin(connection):
            _log.warning("refused: a WebSocket of another site's page")
            await _refuse(scope, receive, send, "That page is another site's.", 403)
            return

        sessions = self._sessions
        if sessions is None:
            await self._app(scope, receive, send)
            return

        session = connection.cookies.get(_cookie(connection))
        if not _is_known(sessions, session):
            await _refuse(scope, receive, send, "Log in first.", 403)
            return

        async def receive_while_known() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive" and not _is_known(sessions, session):
                _log.info("closed: a WebSocket whose session has ended")
                await send(
                    {
                        "type": "websocket.close",
                        "code": _POLICY_VIOLATION,
                        "reason": "logged out",
                    }
                )
                return {"type": "websocket.disconnect", "code": _POLICY_VIOLATION}
            return message

        await self._app(scope, receive_while_known, send)


async def _answer(request: Request, sessions: SessionManager) -> Response | None:
    """What this middleware answers itself; None lets the application answer.

    Raises
    ------
    AccessError
        When a login fails, or a form comes from another site.
    """
    path = request.url.path
    reads = request.method in ("GET", "HEAD")
    session = request.cookies.get(_cookie(request))
    if is_for_programs(path):
        return _answer_program(request, sessions, session)

    # Another site's form could log a visitor in under a name of its choice, or out.
    if not reads and path in ("/login", "/logout") and not _is_same_origin(request):
        raise AccessError("That form came from another site.", remedy="log in here")

    if path == "/login" and request.method == "POST":
        return await _login_by_password(request, sessions)

    token = request.query_params.get("token")
    if reads and token is not None and not path.startswith(_STREAMLIT):
        return _start_session(request, sessions.login_with_token(token), _without_token(request))

    identity = sessions.identity(session)
    if path == "/logout" and request.method == "POST":
        sessions.end_session(session)
        left = RedirectResponse("/login", 303)
        left.delete_cookie(_cookie(request))
        return left
    if path == "/logout" and identity is not None:
        return _page(logout_page(identity.name))
    if path in ("/login", "/logout"):
        after = _inside(request.query_params.get("after", "/"))
        if identity is not None:
            return RedirectResponse(after, 303)
        return _page(login_page(after, provider=oidc.login_address()))

    if identity is None:
        return _answer_stranger(request, sessions, reads=reads)
    if not _may_send(identity, request):
        return PlainTextResponse("Viewers cannot upload.", 403)
    return None


def _answer_program(
    request: Request, sessions: SessionManager, session: str | None
) -> Response | None:
    """Answer a program that is not known; None: it is, by its token or its browser's session.

    It is never sent to the login page, and a token in its address is not looked at, as addresses
    are written to logs.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        identity = sessions.identity_of_token(token.strip())
    else:
        identity = sessions.identity(session)
    if identity is not None:
        return None

    content = {
        "error": "Log in first.",
        "expected": "the header Authorization: Bearer TOKEN",
        "remedy": "make a token: shoal access token NAME --viewer",
    }
    headers = {"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"}
    return JSONResponse(content, 401, headers)


def _answer_stranger(request: Request, sessions: SessionManager, *, reads: bool) -> Response | None:
    """Answer a visitor without a session: back from the provider, on the way to it, or not yet."""
    if reads:
        email = oidc.email_address(request)
        if email is not None:
            after = request.query_params.get("after", request.url.path)
            return _start_session(request, sessions.login_with_email(email), after)

    if request.url.path in oidc.PATHS and oidc.is_offered():
        return None
    return _ask_to_log_in(request)


async def _login_by_password(request: Request, sessions: SessionManager) -> Response:
    form = await _form(request)
    name = form.get("name", "")
    password = form.get("password", "")
    source = source_of(request.client.host if request.client else "")
    session = await sessions.login_with_password(name, password, source)
    return _start_session(request, session, request.query_params.get("after", "/"))


def _without_token(request: Request) -> str:
    """The path and query that a link with a token leads to, without the token."""
    rest = [pair for pair in request.query_params.multi_items() if pair[0] != "token"]
    if not rest:
        return request.url.path
    return f"{request.url.path}?{urlencode(rest)}"


async def _refuse(scope: Scope, receive: Receive, send: Send, why: str, status: int) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": why})
        return
    await PlainTextResponse(why, status)(scope, receive, send)


def _cookie(connection: HTTPConnection) -> str:
    server = connection.scope.get("server")
    port = server[1] if server else 0
    return cookie_name(port or 0)


def _is_known(sessions: SessionManager, session: str | None) -> bool:
    """Whether a session is valid. While the accounts cannot be read, none is."""
    try:
        return sessions.identity(session) is not None
    except AccessError:
        return False


def _may_send(identity: Identity, request: Request) -> bool:
    """A viewer has nothing to upload: a file would only fill the memory."""
    uploads = request.method == "PUT" and request.url.path.startswith(_UPLOADS)
    return identity.may_act or not uploads


def _is_same_origin(connection: HTTPConnection) -> bool:
    """Whether a page of this server sends. Programs other than browsers name no origin."""
    origin = connection.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == connection.headers.get("host")


def _inside(path: str) -> str:
    """The path if it stays on this server, since another site's page may have made it up."""
    leads_away = path.startswith(("//", "/\\"))
    leads_in_a_circle = path.startswith(("/login", "/logout"))
    if not path.startswith("/") or leads_away or leads_in_a_circle or not path.isprintable():
        return "/"
    return path


async def _form(request: Request) -> dict[str, str]:
    """The fields of a posted form, the first value of each."""
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > _LARGEST_FORM_BYTES:
                raise AccessError("That is too long for a name and a password.")
    except ClientDisconnect:
        raise AccessError("The form did not arrive whole.") from None

    text = body.decode("utf-8", "replace")
    fields = parse_qs(text, keep_blank_values=True, max_num_fields=_LARGEST_FORM_FIELDS)
    return {name: values[0] for name, values in fields.items()}


def _ask_to_log_in(request: Request) -> Response:
    """A browser is sent to the login page; a program gets a status that says what is missing."""
    if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
        return PlainTextResponse("Log in first.", 401)

    after = request.url.path
    if request.url.query:
        after = f"{after}?{request.url.query}"
    if after == "/":
        return RedirectResponse("/login", 303)
    return RedirectResponse(f"/login?{urlencode({'after': after})}", 303)


def _login_again(request: Request, error: AccessError, status: int) -> Response:
    """The login page with what went wrong."""
    problem = error.problem
    if error.remedy:
        problem = f"{error.problem} {error.remedy}."
    after = _inside(request.query_params.get("after", "/"))
    answer = _page(login_page(after, problem, oidc.login_address()), status)
    oidc.forget(request, answer)
    return answer


def _page(text: str, status: int = 200) -> Response:
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
    return HTMLResponse(text, status, headers)


def _start_session(request: Request, session: str, after: str) -> Response:
    """Send a visitor who logged in to where they wanted to go, with the session's cookie."""
    answer = RedirectResponse(_inside(after), 303, {"Cache-Control": "no-store"})
    answer.set_cookie(
        _cookie(request),
        session,
        max_age=SESSION_SECONDS,
        # No script reads it.
        httponly=True,
        # No other site's page sends it, but a link to a run works.
        samesite="lax",
        secure=request.url.scheme == "https",
    )

    oidc.forget(request, answer)
    return answer


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers
