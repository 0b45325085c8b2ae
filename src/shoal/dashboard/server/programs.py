"""Answers programs: the JSON API and the figures for Prometheus, beside the pages.

It stands behind `AuthMiddleware`, so only those get an answer who may see the pages. Nothing here
writes.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route, Router

from shoal.dashboard.server import api
from shoal.dashboard.server.open_stores import SharedStore
from shoal.dashboard.server.program_paths import METRICS, is_for_programs
from shoal.errors import SettingsError, ShoalError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from shoal.dashboard.server.metrics import ServiceMetrics


_METHODS = ("GET", "HEAD")


class ProgramsMiddleware:
    """ASGI middleware that answers requests of programs.

    Parameters
    ----------
    app
        The application behind: the pages.
    store
        What is read; None: the store that SHOAL_STORE names, opened at the first request.
    """

    def __init__(self, app: ASGIApp, store: SharedStore | None = None) -> None:
        self._app = app
        store = store or SharedStore()
        self._store = store
        self._metrics: ServiceMetrics | None = None
        self._first_metrics = threading.Lock()
        routes = [*api.routes(store.get), Route(METRICS, self._answer_metrics)]
        self._router = Router(routes, redirect_slashes=False, default=api.not_found)

    # Not asynchronous: Starlette calls it in a thread, and no page waits for the store.
    def _answer_metrics(self, request: Request) -> Response:
        try:
            metrics = self._service_metrics()
            content, kind = metrics.exposition(request.headers.get("accept", ""))
        except ShoalError as error:
            return api.error_answer(error)
        return Response(content, headers={"Content-Type": kind, "Cache-Control": "no-store"})

    def _service_metrics(self) -> ServiceMetrics:
        """What counts, made when it is first asked for: pages do without it."""
        with self._first_metrics:
            if self._metrics is None:
                try:
                    from shoal.dashboard.server.metrics import ServiceMetrics
                except ModuleNotFoundError:
                    raise SettingsError(
                        "Figures for Prometheus need prometheus-client, which is missing.",
                        remedy="pip install 'shoal[dashboard]'",
                    ) from None
                self._metrics = ServiceMetrics(self._store.get)
            return self._metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or one WebSocket."""
        if scope["type"] != "http" or not is_for_programs(scope["path"]):
            await self._app(scope, receive, send)
        elif scope["method"] not in _METHODS:
            await api.not_allowed(_METHODS)(scope, receive, send)
        else:
            await self._router(scope, receive, send)
