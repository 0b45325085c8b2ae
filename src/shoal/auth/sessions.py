"""Lets people in, remembers them by a signed session, and forgets them when their account changes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

from shoal.auth.account_file import read_accounts
from shoal.auth.accounts import Account, Accounts, Identity
from shoal.auth.errors import AccessError
from shoal.auth.passwords import is_password
from shoal.auth.throttle import LoginThrottle

SESSION_SECONDS = 7 * 86_400
_WRONG = "Name or password is wrong."


class SessionManager:
    """Of one server process. ``service``: accounts that are in no file and end with the process. Safe to use from threads.

    The file is read again whenever it has changed. A session is a text that names account, stamp and end, with an HMAC-SHA256;
    it survives a restart of the server, unless its account is one of the service's.
    """

    def __init__(
        self,
        file: Path,
        service: tuple[Account, ...] = (),
        *,
        guesses: LoginThrottle | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._file, self._service, self._clock = file, service, clock
        self._guesses = guesses or LoginThrottle()
        self._one_at_a_time = (
            threading.Lock()
        )  # a hash takes 16 MB and a core: strangers must not get many
        self._left: dict[
            str, float
        ] = {}  # sessions that were ended before their time, and their time
        self._known: tuple[tuple[int, int, int] | None, Accounts] | None = None
        self._key = self._accounts().key

    def by_password(self, name: str, password: str) -> str:
        """A new session. Raises `AccessError`, `TooManyTriesError`. Wrong name and wrong password take as long."""
        self._guesses.begin(name.casefold())
        account = self._accounts().find(name)
        with self._one_at_a_time:
            right = is_password(password, account.password if account else None)
        if account is None or not right:
            raise AccessError(_WRONG)
        self._guesses.succeeded(name.casefold())
        return self._session(account)

    def by_token(self, token: str) -> str:
        """A new session. Raises `AccessError`. Not slowed down: a token cannot be guessed, and its holder is never kept out."""
        account = self._accounts().of_token(token)
        if account is None:
            raise AccessError(
                "This link is not valid any more.",
                remedy="ask for a new one: shoal access token NAME",
            )
        return self._session(account)

    def by_email(self, address: str) -> str:
        """A new session of one whose e-mail address an identity provider has verified. Raises `AccessError`."""
        account = self._accounts().find(address)
        if account is None or not account.oidc:
            raise AccessError(
                f"{address} has no account here.",
                remedy="an administrator adds it: shoal access add ADDRESS --oidc",
            )
        return self._session(account)

    def identity(self, session: str | None) -> Identity | None:
        """Whose session it is, by their account as it is now; None when it is not valid, or not any more.

        Raises `AccessError` when the accounts cannot be read.
        """
        content = self._opened(session)
        if content is None or content[2] in self._left:
            return None
        account = self._accounts().find(content[0])
        if account is None or not hmac.compare_digest(account.stamp, content[1]):
            return None
        return account.identity

    def end(self, session: str | None) -> None:
        """Forget a session: it is not valid any more, wherever it is still shown, until this server ends."""
        content = self._opened(session)
        if content is not None:
            now = self._clock()
            self._left = {name: end for name, end in self._left.items() if end > now} | {
                content[2]: content[3]
            }

    def _accounts(self) -> Accounts:
        try:
            found = self._file.stat()
            version = (found.st_ino, found.st_mtime_ns, found.st_size)
        except OSError:
            version = None
        if self._known is None or self._known[0] != version:
            read = read_accounts(self._file)
            self._known = (version, Accounts((*self._service, *read.accounts), read.key))
        return self._known[1]

    def _session(self, account: Account) -> str:
        content = [
            account.name,
            account.stamp,
            secrets.token_hex(8),
            self._clock() + SESSION_SECONDS,
        ]
        text = (
            base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
        )  # which cookies would quote
        return f"{text}.{self._signature(text)}"

    def _opened(self, session: str | None) -> tuple[str, str, str, float] | None:
        """Name, stamp, number and end of a session that is ours and has not ended."""
        text, _, signature = (session or "").partition(".")
        if not hmac.compare_digest(
            self._signature(text).encode(), signature.encode(errors="replace")
        ):
            return None
        try:
            name, stamp, number, end = json.loads(base64.urlsafe_b64decode(text + "=="))
        except (ValueError, binascii.Error):  # pragma: no cover  we have signed it
            return None
        return (name, stamp, number, end) if self._clock() < end else None

    def _signature(self, text: str) -> str:
        return hmac.new(
            self._key, b"shoal session " + text.encode(errors="replace"), hashlib.sha256
        ).hexdigest()
