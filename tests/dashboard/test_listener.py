"""The dashboard's connections: how many there may be, and how long each is waited for."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")

from shoal.dashboard.network_access import proxies, source_of
from shoal.dashboard.server import listener as listening
from shoal.dashboard.server.listener import PATIENCE_SECONDS, SLOWEST_BYTES, Listener, TimeLimits

ALMOST = PATIENCE_SECONDS - 1
MOST = 5


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Visitors:
    """A listener on a running loop, with a clock of its own, and those who connect to it."""

    def __init__(self, listener: Listener, clock: Clock) -> None:
        self.listener = listener
        self.clock = clock
        self._accepted = asyncio.Semaphore(0)
        self._streams: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """As a server does: end when the visitor does, or is ended."""
        self._accepted.release()
        await reader.read()
        writer.close()

    async def visitor(self) -> asyncio.StreamReader:
        """A visitor who has been let in, and what he reads."""
        reader, writer = await asyncio.open_connection(*self.listener.getsockname())
        self._streams.append(writer)
        await self._accepted.acquire()
        return reader

    async def refused(self) -> None:
        """A visitor who is not let in: his connection ends at once."""
        reader, writer = await asyncio.open_connection(*self.listener.getsockname())
        self._streams.append(writer)
        assert await ended(reader)

    def address(self, number: int) -> tuple[str, int]:
        """The address that the visitor of that number comes from."""
        return self._streams[number].get_extra_info("sockname")[:2]

    def close(self) -> None:
        for stream in self._streams:
            stream.close()


async def ended(reader: asyncio.StreamReader) -> bool:
    """Wait until the server ends the connection."""
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


@asynccontextmanager
async def visited(**options: Any) -> AsyncIterator[Visitors]:
    clock = Clock()
    with Listener("127.0.0.1", 0, files=2 * MOST, clock=clock, **options) as listener:
        visitors = Visitors(listener, clock)
        server = await asyncio.start_server(visitors.serve, sock=listener)
        try:
            yield visitors
        finally:
            visitors.close()
            server.close()


def run(test: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(asyncio.wait_for(test, 60))


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "MOST_OF_ONE_SOURCE", 3)


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    """An application that answers nothing."""


def test_half_a_head_is_waited_for_for_a_while() -> None:
    async def test() -> None:
        async with visited() as visitors:
            first = await visitors.visitor()
            visitors.clock.now += ALMOST
            second = await visitors.visitor()
            await visitors.listener.drop_late()
            assert not first.at_eof() and not second.at_eof()

            visitors.clock.now += 1
            await visitors.listener.drop_late()
            assert await ended(first)
            assert not second.at_eof()

    run(test())


def test_who_waits_longest_makes_room() -> None:
    async def test() -> None:
        async with visited() as visitors:
            readers = []
            for _ in range(4):
                readers.append(await visitors.visitor())
                visitors.clock.now += 1
            assert await ended(readers[0]), "the first of the source's three"
            assert not any(reader.at_eof() for reader in readers[1:])

    run(test())


def test_whoever_is_being_answered_keeps_his_place() -> None:
    async def test() -> None:
        async with visited() as visitors:
            readers = [await visitors.visitor() for _ in range(3)]
            release = asyncio.Event()

            async def app(scope: Any, receive: Any, send: Any) -> None:
                await release.wait()

            limited = TimeLimits(app, visitors.listener)
            requests = []
            for number in range(3):
                scope = {"type": "http", "client": visitors.address(number)}
                requests.append(asyncio.create_task(limited(scope, _nothing, _nothing)))  # type: ignore[arg-type]
            await asyncio.sleep(0)

            await visitors.refused()
            visitors.clock.now += 10 * PATIENCE_SECONDS
            await visitors.listener.drop_late()
            assert not any(reader.at_eof() for reader in readers)

            # After the answer he is waited for again.
            release.set()
            await asyncio.gather(*requests)
            visitors.clock.now += PATIENCE_SECONDS
            await visitors.listener.drop_late()
            assert [await ended(reader) for reader in readers] == [True] * 3

    run(test())


@pytest.mark.parametrize("option", ["127.0.0.1", "*"])
def test_a_proxy_has_the_connections_of_many(option: str) -> None:
    async def test() -> None:
        async with visited(proxies=(option,)) as visitors:
            readers = [await visitors.visitor() for _ in range(MOST)]
            assert not any(reader.at_eof() for reader in readers)
            await visitors.visitor()
            assert await ended(readers[0]), "the limit for all holds"

    run(test())


def test_a_body_has_to_come_in_time() -> None:
    async def test() -> None:
        async with visited() as visitors:
            reader = await visitors.visitor()
            parts: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
            read: asyncio.Queue[int] = asyncio.Queue()

            async def app(scope: Any, receive: Any, send: Any) -> None:
                while True:
                    message = await receive()
                    read.put_nowait(len(message["body"]))
                    if not message["more_body"]:
                        # As while an answer is streamed: nothing more has to come.
                        await receive()

            async def arrives(size: int, *, more: bool = True) -> None:
                parts.put_nowait({"type": "http.request", "body": b"x" * size, "more_body": more})
                await read.get()
                await asyncio.sleep(0)
                await visitors.listener.drop_late()

            scope = {"type": "http", "client": visitors.address(0)}
            limited = TimeLimits(app, visitors.listener)
            request = asyncio.create_task(limited(scope, parts.get, _nothing))  # type: ignore[arg-type]

            # A second more for so many bytes; one byte gives nothing.
            await arrives(10 * SLOWEST_BYTES)
            visitors.clock.now += PATIENCE_SECONDS + 9
            await arrives(1)
            assert not reader.at_eof()
            visitors.clock.now += 2
            await visitors.listener.drop_late()
            assert await ended(reader)

            request.cancel()

    run(test())


def test_a_complete_body_is_followed_by_nothing() -> None:
    async def test() -> None:
        async with visited() as visitors:
            reader = await visitors.visitor()
            parts: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

            async def app(scope: Any, receive: Any, send: Any) -> None:
                await receive()
                await receive()

            scope = {"type": "http", "client": visitors.address(0)}
            limited = TimeLimits(app, visitors.listener)
            request = asyncio.create_task(limited(scope, parts.get, _nothing))  # type: ignore[arg-type]
            parts.put_nowait({"type": "http.request", "body": b"", "more_body": False})
            while not parts.empty():
                await asyncio.sleep(0)

            visitors.clock.now += 10 * PATIENCE_SECONDS
            await visitors.listener.drop_late()
            await asyncio.sleep(0)
            assert not reader.at_eof()
            request.cancel()

    run(test())


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_reader_who_takes_nothing_is_ended(kind: str) -> None:
    async def test() -> None:
        async with visited() as visitors:
            reader = await visitors.visitor()

            async def app(scope: Any, receive: Any, send: Any) -> None:
                await send({"type": "http.response.body", "body": b"x" * SLOWEST_BYTES})

            async def never(message: Any) -> None:
                await asyncio.Event().wait()

            scope = {"type": kind, "client": visitors.address(0)}
            limited = TimeLimits(app, visitors.listener)
            request = asyncio.create_task(limited(scope, _nothing, never))  # type: ignore[arg-type]
            await asyncio.sleep(0)

            visitors.clock.now += PATIENCE_SECONDS
            await visitors.listener.drop_late()
            await asyncio.sleep(0)
            assert not reader.at_eof(), "it has a second more for its bytes"
            visitors.clock.now += 1
            await visitors.listener.drop_late()
            assert await ended(reader)
            request.cancel()

    run(test())


def test_many_at_once_leave_the_loop_time_to_close_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listening, "_MOST_ENDING", 2)
    with Listener("127.0.0.1", 0, files=2 * MOST) as listener:
        clients = [socket.create_connection(listener.getsockname()) for _ in range(6)]
        accepted = [listener.accept()[0] for _ in range(5)]
        with pytest.raises(BlockingIOError):
            listener.accept()

        # As the event loop does.
        for connection in accepted[:2]:
            assert connection.recv(1) == b""
            connection.close()
        accepted.append(listener.accept()[0])
        for end in (*clients, *accepted):
            end.close()


def test_where_visitors_come_from() -> None:
    assert source_of("192.0.2.7") == source_of("::ffff:192.0.2.7") != source_of("192.0.2.8")
    assert source_of("2001:db8::1") == source_of("2001:db8::ffff:1") != source_of("2001:db9::1")
    assert source_of("fe80::1%eth0") == source_of("fe80::2%eth1")
    assert source_of("no address") == "no address"


def test_a_proxy_is_believed_where_one_is_expected() -> None:
    named = {"FORWARDED_ALLOW_IPS": "192.0.2.1, 192.0.2.2"}
    assert proxies(named) == proxies({"SHOAL_BEHIND_PROXY": ""}) == ()
    assert proxies({"SHOAL_BEHIND_PROXY": "1"}) == ("127.0.0.1", "::1")
    assert proxies({"SHOAL_BEHIND_PROXY": "1", **named}) == ("192.0.2.1", "192.0.2.2")
