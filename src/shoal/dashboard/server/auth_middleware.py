"""What stands before every request: the server's name, who it is, and what they may send.

It wraps the whole ASGI application, the page's WebSocket included: without a session not a byte of a page is computed. A
session is looked at again with each message, so that an account which is removed is out at once, whatever its browser shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from shoal.auth import AccessError, Identity, SessionManager, TooManyTriesError
from shoal.auth.sessions import SESSION_SECONDS
from shoal.dashboard.network_access import cookie_name, is_named
from shoal.dashboard.server import oidc
from shoal.dashboard.server.login_page import POLICY, login_page, logout_page

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEALTH = "/_stcore/health"  # says that the server is there, and nothing else
_UPLOADS = "/_stcore/upload_file"
_LARGEST_FORM = 8_192  # bytes
_HEADERS = {
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class AuthMiddleware:
    """ASGI middleware. ``keeper`` None: everybody is let in. ``names``: of the server, as `is_named` takes them."""

    def __init__(self, app: ASGIApp, keeper: SessionManager | None, names: tuple[str, ...]) -> None:
        self._app, self._keeper, self._names = app, keeper, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or one WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif not is_named(Headers(scope=scope).get("host"), self._names):
            await self._refuse(scope, receive, send, "This server does not go by that name.", 421)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._http(scope, receive, _with_headers(send))

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if self._keeper is None or request.url.path == HEALTH:
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._answer(request, self._keeper)
        except TooManyTriesError as error:
            answer = _login(request, error, 429)
            answer.headers["Retry-After"] = str(max(1, round(error.seconds)))
        except AccessError as error:
            answer = _login(request, error, 403)
        await (answer or self._app)(scope, receive, send)

    async def _answer(self, request: Request, keeper: SessionManager) -> Response | None:
        """What is said instead of the application; None: it may answer itself. Raises `AccessError`."""
        path, reads = request.url.path, request.method in ("GET", "HEAD")
        session = request.cookies.get(_cookie(request))
        if not reads and path in ("/login", "/logout") and not _is_own(request):
            raise AccessError("That form came from another site.", remedy="log in here")
        if path == "/login" and request.method == "POST":
            form = await _form(request)
            entered = await run_in_threadpool(
                keeper.by_password, form.get("name", ""), form.get("password", "")
            )
            return _welcome(request, entered, request.query_params.get("after", "/"))
        if (
            reads
            and (token := request.query_params.get("token")) is not None
            and not path.startswith("/_stcore/")
        ):
            rest = [
                (name, value)
                for name, value in request.query_params.multi_items()
                if name != "token"
            ]
            return _welcome(
                request, keeper.by_token(token), f"{path}?{urlencode(rest)}" if rest else path
            )
        who = keeper.identity(session)
        if path == "/logout" and request.method == "POST":
            keeper.end(session)
            left = RedirectResponse("/login", 303)
            left.delete_cookie(_cookie(request))
            return left
        if path == "/logout" and who is not None:
            return _page(logout_page(who.name))
        if path in ("/login", "/logout"):
            after = _inside(request.query_params.get("after", "/"))
            return (
                RedirectResponse(after, 303)
                if who
                else _page(login_page(after, provider=oidc.beginning()))
            )
        if who is None and reads and (address := oidc.address(request)) is not None:
            return _welcome(
                request, keeper.by_email(address), request.query_params.get("after", path)
            )
        if who is None:
            return None if path in oidc.PATHS and oidc.is_offered() else _who_are_you(request)
        return None if _may_send(who, request) else PlainTextResponse("Viewers cannot upload.", 403)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        keeper, connection = self._keeper, HTTPConnection(scope)
        if not _is_own(
            connection
        ):  # Streamlit too would refuse, but asks a server abroad for its own address first
            await self._refuse(scope, receive, send, "That page is another site's.", 403)
            return
        if keeper is None:
            await self._app(scope, receive, send)
            return
        session = connection.cookies.get(_cookie(connection))
        if not _knows(keeper, session):
            await self._refuse(scope, receive, send, "Log in first.", 403)
            return

        async def receive_while_known() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive" and not _knows(keeper, session):
                await send({"type": "websocket.close", "code": 1008, "reason": "logged out"})
                return {"type": "websocket.disconnect", "code": 1008}
            return message

        await self._app(scope, receive_while_known, send)

    @staticmethod
    async def _refuse(scope: Scope, receive: Receive, send: Send, why: str, status: int) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send(
                {"type": "websocket.close", "code": 1008, "reason": why}
            )  # before it was accepted: HTTP 403
        else:
            await PlainTextResponse(why, status)(scope, receive, send)


def _cookie(connection: HTTPConnection) -> str:
    return cookie_name((connection.scope.get("server") or ("", 0))[1] or 0)


def _knows(keeper: SessionManager, session: str | None) -> bool:
    try:
        return keeper.identity(session) is not None
    except AccessError:  # the accounts cannot be read: nobody is known
        return False


def _may_send(who: Identity, request: Request) -> bool:
    """A viewer has nothing to upload: it would only fill the memory."""
    return who.may_act or not (request.method == "PUT" and request.url.path.startswith(_UPLOADS))


def _is_own(connection: HTTPConnection) -> bool:
    """Whether a page of this server sends. Browsers say so; who is no browser cannot be tricked into sending."""
    origin = connection.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == connection.headers.get("host")


def _inside(path: str) -> str:
    """The path if it stays on this server, which another page may have made up."""
    fine = (
        path.startswith("/")
        and not path.startswith(("//", "/\\", "/login", "/logout"))
        and path.isprintable()
    )
    return path if fine else "/"


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_FORM:
            raise AccessError("That is too long for a name and a password.")
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=10)
    return {name: values[0] for name, values in fields.items()}


def _who_are_you(request: Request) -> Response:
    if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
        return PlainTextResponse("Log in first.", 401)
    after = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(
        f"/login?{urlencode({'after': after})}" if after != "/" else "/login", 303
    )


def _login(request: Request, error: AccessError, status: int) -> Response:
    problem = f"{error.problem} {error.remedy}." if error.remedy else error.problem
    after = _inside(request.query_params.get("after", "/"))
    answer = _page(login_page(after, problem, oidc.beginning()), status)
    oidc.forget(request, answer)
    return answer


def _page(text: str, status: int = 200) -> Response:
    return HTMLResponse(
        text, status, {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
    )


def _welcome(request: Request, session: str, after: str) -> Response:
    answer = RedirectResponse(_inside(after), 303, {"Cache-Control": "no-store"})
    answer.set_cookie(
        _cookie(request),
        session,
        max_age=SESSION_SECONDS,
        httponly=True,  # no script reads it
        samesite="lax",  # no other site's page sends it, but a link to a run works
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
