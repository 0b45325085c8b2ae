"""The store that the server's programs read, opened once, when it is first asked for."""

from __future__ import annotations

import threading

from shoal.store import Store, open_store


class SharedStore:
    """One store for all threads of a process.

    Parameters
    ----------
    address
        As `open_store` takes it; None: what SHOAL_STORE names.
    """

    def __init__(self, address: str | None = None) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._store: Store | None = None

    def get(self) -> Store:
        """The store.

        Raises
        ------
        StoreError
            It cannot be opened now. The next call tries again.
        """
        with self._lock:
            if self._store is None:
                self._store = open_store(self._address)
            return self._store

    def close(self) -> None:
        """Close the store, if it is open. The next call of `get` opens it again."""
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store = None
