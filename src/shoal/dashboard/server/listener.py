"""The dashboard's listening socket: no stranger's connection is waited for without end.

A visitor who opens connections and sends half a request, or reads no answer, must not keep others
out. A connection that is waited for has to send, or take, something in time. Where there are too
many connections, the one that is waited for longest makes room for the next.

This lies below the server: the socket's `accept` sees each connection before its TLS handshake, and
an ASGI middleware says when the server waits for it. It relies on an event loop that calls the
socket's `accept`, as asyncio's selector loop does.
"""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from shoal.dashboard.network_access import source_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# How long a connection is waited for: for the head of its next request, for the rest of its body,
# and while it takes no more of an answer.
PATIENCE_SECONDS = 20.0
# Bodies and answers have a second more for so many bytes.
SLOWEST_BYTES = 500
# Connections in all, and from one source: browsers use up to seven each, and offices one address.
MOST_CONNECTIONS = 1_000
MOST_OF_ONE_SOURCE = 200
# Connections that wait in the kernel until they are accepted.
BACKLOG = 1_024
# So many may be ended, but not closed yet.
_MOST_ENDING = 100


class _Connection:
    """A connection, and what the server waits for from its visitor."""

    def __init__(self, client: socket.socket, source: str, clock: Callable[[], float]) -> None:
        self._socket = client
        self.source = source
        self.clock = clock
        # Until when each is waited for: "head", "body", "reader".
        self._deadlines: dict[str, float] = {}
        # Since when anything is.
        self.since = 0.0
        self.wait("head", PATIENCE_SECONDS)

    @property
    def is_closed(self) -> bool:
        return self._socket.fileno() == -1

    @property
    def deadline(self) -> float:
        """When the first thing that is waited for has to be there; infinity if there is none."""
        return min(self._deadlines.values(), default=math.inf)

    def wait(self, what: str, seconds: float) -> None:
        """From now on the server waits for it."""
        now = self.clock()
        if not self._deadlines:
            self.since = now
        self._deadlines[what] = now + seconds

    def got(self, what: str) -> None:
        """It is there."""
        self._deadlines.pop(what, None)

    def drop(self) -> None:
        """End it; the event loop, which owns the socket, then closes it."""
        # It may have ended by itself.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


class Listener(socket.socket):
    """A listening socket that holds a limited number of connections.

    Parameters
    ----------
    host, port
        Where it listens.
    files
        How many files this process may have open.
    proxies
        Addresses whose connections are those of many visitors.
    clock
        Gives the time in seconds; it never goes back.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        files: int,
        proxies: tuple[str, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        is_ipv6 = ":" in host
        plain = socket.create_server(
            (host, port),
            family=socket.AF_INET6 if is_ipv6 else socket.AF_INET,
            backlog=BACKLOG,
            dualstack_ipv6=is_ipv6 and socket.has_dualstack_ipv6(),
        )
        super().__init__(fileno=plain.detach())
        self._clock = clock
        self._proxies = proxies
        self._most = max(1, min(MOST_CONNECTIONS, files // 2))
        # By the visitor's address and port.
        self._connections: dict[tuple[str, int], _Connection] = {}
        self._ending: list[_Connection] = []

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection.

        Raises
        ------
        BlockingIOError
            If the event loop has to close others first.
        ConnectionAbortedError
            If there is no room for it.
        """
        self._ending = [connection for connection in self._ending if not connection.is_closed]
        if len(self._ending) >= _MOST_ENDING:
            raise BlockingIOError

        client, address = super().accept()
        source = source_of(address[0])
        if not self._has_room_for(address[0], source):
            client.close()
            raise ConnectionAbortedError

        connection = _Connection(client, source, self._clock)

        self._connections[address[:2]] = connection
        return client, address

    def find(self, client: tuple[str, int] | None) -> _Connection | None:
        """The connection of a visitor's address and port."""
        if client is None:
            return None
        return self._connections.get(client)

    async def drop_late(self) -> None:
        """End the connections that are waited for in vain, and forget those that have ended."""
        now = self._clock()
        for client, connection in list(self._connections.items()):
            if connection.is_closed:
                del self._connections[client]
            elif connection.deadline <= now:
                self._end(client)

    def _has_room_for(self, address: str, source: str) -> bool:
        is_proxy = not {address, source, "*"}.isdisjoint(self._proxies)
        if not is_proxy and not self._makes_room(MOST_OF_ONE_SOURCE, source):
            return False
        return self._makes_room(self._most)

    def _makes_room(self, most: int, source: str | None = None) -> bool:
        """Whether one more connection leaves at most so many, here or of one source.

        If need be, the one that is waited for longest is ended.
        """
        rivals = [
            (client, connection)
            for client, connection in self._connections.items()
            if source in (None, connection.source) and not connection.is_closed
        ]
        if len(rivals) < most:
            return True

        waited_for = [rival for rival in rivals if rival[1].deadline < math.inf]
        if not waited_for:
            return False
        client, _ = min(waited_for, key=lambda rival: rival[1].since)
        self._end(client)
        return True

    def _end(self, client: tuple[str, int]) -> None:
        connection = self._connections.pop(client)
        connection.drop()
        self._ending.append(connection)


class TimeLimits:
    """ASGI middleware that tells a `Listener` what the server waits for.

    Parameters
    ----------
    app
        The application behind.
    listener
        Where its connections come from.
    """

    def __init__(self, app: ASGIApp, listener: Listener) -> None:
        self._app = app
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or one WebSocket: its head is here."""
        connection = self._listener.find(scope.get("client"))
        if connection is None:
            await self._app(scope, receive, send)
            return

        connection.got("head")
        limited = _Request(connection, scope, receive, send)
        try:
            await self._app(scope, limited.receive, limited.send)
        finally:
            connection.wait("head", PATIENCE_SECONDS)


class _Request:
    """Receives a request's body, and sends its answer, within the limits."""

    def __init__(self, connection: _Connection, scope: Scope, receive: Receive, send: Send) -> None:
        self._connection = connection
        self._receive = receive
        self._send = send
        # A page's WebSocket may be silent for as long as its reader reads.
        self._is_complete = scope["type"] == "websocket"
        self._deadline = connection.clock() + PATIENCE_SECONDS

    async def receive(self) -> Message:
        """The next part of the body; once it is complete, whatever comes whenever it comes."""
        if not self._is_complete:
            self._connection.wait("body", self._deadline - self._connection.clock())
        message = await self._receive()
        self._connection.got("body")

        self._deadline += len(message.get("body", b"")) / SLOWEST_BYTES
        self._is_complete = self._is_complete or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the answer; what the system still holds of it counts as taken."""
        content = message.get("body") or message.get("bytes") or b""
        self._connection.wait("reader", PATIENCE_SECONDS + len(content) / SLOWEST_BYTES)
        await self._send(message)
        self._connection.got("reader")
