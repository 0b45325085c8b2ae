"""A pool of connections to PostgreSQL in transaction mode, as PgBouncer is one.

Each transaction of a client goes to another connection of the server. What a session would keep,
such as a prepared statement, is not there in the next transaction.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Queue
from typing import NamedTuple

_LENGTH = struct.Struct("!I")
# Numbers in place of a version, by which a client asks for encryption.
_ASKS_FOR_ENCRYPTION = (80877103, 80877104)
# Types of a client's messages after which the server answers: Query and Sync.
_ENDS_A_REQUEST = b"QS"
# A client's message: Terminate.
_TERMINATE = b"X"
# The server's message ReadyForQuery, and the state in it without a transaction.
_READY = b"Z"
_IDLE = b"I"


class _Message(NamedTuple):
    kind: bytes
    body: bytes

    def to_bytes(self) -> bytes:
        return self.kind + _LENGTH.pack(len(self.body) + 4) + self.body


class Pooler:
    """A pool before a server's Unix socket; ``directory`` has its own socket.

    Parameters
    ----------
    server
        The directory of the server's socket.
    directory
        An empty directory.
    size
        How many connections to the server there are.
    """

    def __init__(self, server: Path, directory: Path, size: int = 3) -> None:
        self.directory = directory
        # How many transactions it has passed on.
        self.transactions = 0
        self._server = server / ".s.PGSQL.5432"
        self._size = size
        self._pool: Queue[socket.socket] = Queue()
        self._greeting = b""
        self._open: list[socket.socket] = []
        self._listener = self._new_socket()
        self._listener.bind(str(directory / ".s.PGSQL.5432"))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, address: str) -> str:
        """The URL of the same place, through the pool."""
        return address.replace(str(self._server.parent), str(self.directory))

    def close(self) -> None:
        """End all connections."""
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _new_socket(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        self._open.append(made)
        return made

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, EOFError):
            startup = _read_startup(client)
            if not self._greeting:
                self._connect(startup)
            client.sendall(self._greeting)
            while self._pass_transaction(client):
                self.transactions += 1
        client.close()

    def _connect(self, startup: bytes) -> None:
        """Fill the pool with sessions like the one that the first client asks for."""
        for _ in range(self._size):
            connection = self._new_socket()
            connection.connect(str(self._server))
            connection.sendall(startup)
            greeting = b""
            message = _read(connection)
            while message.kind != _READY:
                greeting += message.to_bytes()
                message = _read(connection)
            self._greeting = greeting + message.to_bytes()
            self._pool.put(connection)

    def _pass_transaction(self, client: socket.socket) -> bool:
        """Pass messages on until a transaction has ended; False when the client leaves."""
        message = _read(client)
        if message.kind == _TERMINATE:
            return False

        connection = self._pool.get()
        try:
            while True:
                connection.sendall(message.to_bytes())
                if message.kind in _ENDS_A_REQUEST and _pass_answers(connection, client) == _IDLE:
                    return True
                message = _read(client)
        finally:
            self._pool.put(connection)


def _pass_answers(connection: socket.socket, client: socket.socket) -> bytes:
    """Pass the server's answers on; the state of the transaction after them."""
    while True:
        message = _read(connection)
        client.sendall(message.to_bytes())
        if message.kind == _READY:
            return message.body


def _read_startup(client: socket.socket) -> bytes:
    while True:
        length = _exactly(client, 4)
        body = _exactly(client, _LENGTH.unpack(length)[0] - 4)
        if _LENGTH.unpack(body[:4])[0] not in _ASKS_FOR_ENCRYPTION:
            return length + body
        client.sendall(b"N")


def _read(connection: socket.socket) -> _Message:
    kind = _exactly(connection, 1)
    length = _LENGTH.unpack(_exactly(connection, 4))[0]
    return _Message(kind, _exactly(connection, length - 4))


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        more = connection.recv(count - len(received))
        if not more:
            raise EOFError
        received += more
    return received


@contextmanager
def pooler(server: Path, directory: Path) -> Iterator[Pooler]:
    """A pool, which is gone at the end of the block."""
    made = Pooler(server, directory)
    try:
        yield made
    finally:
        made.close()
