"""Accepts logins, recognises people by a signed session, and forgets them when accounts change."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from itsdangerous import BadData, URLSafeSerializer

from shoal.auth.account_file import read_accounts
from shoal.auth.accounts import Account, Accounts, Identity
from shoal.auth.errors import AccessError, TooManyTriesError
from shoal.auth.passwords import is_password
from shoal.auth.throttle import LoginThrottle

_log = logging.getLogger(__name__)

# For how long a session is valid, in seconds.
SESSION_SECONDS = 7 * 86_400

_WRONG = "Name or password is wrong."


class _Session(NamedTuple):
    """What a session says, in the order in which it is signed.

    Attributes
    ----------
    name
        The name of the account.
    stamp
        The account's stamp when the session began.
    number
        Random text that tells this session from every other.
    end
        When it ends, in seconds since 1970.
    """

    name: str
    stamp: str
    number: str
    end: float


class _FileVersion(NamedTuple):
    """What changes when the accounts' file is written anew."""

    inode: int
    modified_ns: int
    size: int


class SessionManager:
    """Logins and sessions of one server process. Safe to use from threads.

    The accounts' file is read again whenever it has changed. A session is a text that names
    account, stamp, number and end, signed by itsdangerous with HMAC-SHA256. It survives a restart
    of the server, unless its account is one of the service's.

    Parameters
    ----------
    file
        The accounts' file.
    service
        Accounts that are in no file, and end with the process.
    throttle
        What slows down guessing; None: one with its defaults.
    clock
        Gives the time in seconds since 1970.

    Raises
    ------
    AccessError
        From each method, when the accounts cannot be read.
    """

    def __init__(
        self,
        file: Path,
        service: tuple[Account, ...] = (),
        *,
        throttle: LoginThrottle | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._file = file
        self._service = service
        self._throttle = throttle or LoginThrottle()
        self._clock = clock
        # A hash takes 16 MB and a core: strangers must not get many at once. Nor may they take the
        # threads of others, who have logged in.
        self._hashing = ThreadPoolExecutor(1, "password")
        # Sessions that were ended before their time: their numbers, and when they end anyway.
        self._ended: dict[str, float] = {}
        self._known: tuple[_FileVersion | None, Accounts] | None = None
        self._signed = URLSafeSerializer(
            self._accounts().key, "shoal session", signer_kwargs={"digest_method": hashlib.sha256}
        )

    async def login_with_password(self, name: str, password: str, source: str = "") -> str:
        """Begin a session.

        A wrong name and a wrong password take as long, and give the same error.

        Parameters
        ----------
        name, password
            What was typed.
        source
            Where it comes from: what others guess elsewhere does not slow it down.

        Returns
        -------
        str
            The session.

        Raises
        ------
        AccessError
            If name or password is wrong.
        TooManyTriesError
            If too many tries were wrong.
        """
        # Text that differs in its case only is one name here, as it is in `Accounts.find`.
        known_name = name.casefold()
        try:
            turn = self._throttle.begin(source, known_name)
        except TooManyTriesError as error:
            shown = self._shown_name(name)
            _log.warning("login of %s throttled for another %.1f s", shown, error.seconds)
            raise

        account = None
        try:
            await asyncio.sleep(turn)
            loop = asyncio.get_running_loop()
            account = await loop.run_in_executor(self._hashing, self._opened, name, password)
        finally:
            self._throttle.end(source, known_name, was_right=account is not None)

        if account is None:
            _log.warning("login of %s refused: wrong name or password", self._shown_name(name))
            raise AccessError(_WRONG)
        return self._begin_session(account, "password")

    def login_with_token(self, token: str) -> str:
        """Begin a session.

        Guessing is not slowed down: a token cannot be guessed, and its holder is never kept out.

        Returns
        -------
        str
            The session.

        Raises
        ------
        AccessError
            If no account has this token.
        """
        account = self._accounts().find_by_token(token)
        if account is None:
            _log.warning("login by a token refused: no account has it")
            raise AccessError(
                "This link is not valid any more.",
                remedy="ask for a new one: shoal access token NAME",
            )
        return self._begin_session(account, "token")

    def login_with_email(self, address: str) -> str:
        """Begin a session for somebody whose e-mail address an identity provider has verified.

        Returns
        -------
        str
            The session.

        Raises
        ------
        AccessError
            If no account goes by this address.
        """
        account = self._accounts().find(address)
        if account is None or not account.oidc:
            _log.warning("login by the identity provider refused: no account for %r", address)
            raise AccessError(
                f"{address} has no account here.",
                remedy="an administrator adds it: shoal access add ADDRESS --oidc",
            )
        return self._begin_session(account, "identity provider")

    def identity(self, session: str | None) -> Identity | None:
        """Whose session it is.

        Returns
        -------
        Identity or None
            Name and role, by the account as it is now. None when the session is not valid, or no
            longer valid.
        """
        content = self._read_session(session)
        if content is None or content.number in self._ended:
            return None

        account = self._accounts().find(content.name)
        if account is None or not hmac.compare_digest(account.stamp, content.stamp):
            _log.debug("a session of %s is refused: the account has changed", content.name)
            return None
        return account.identity

    def identity_of_token(self, token: str) -> Identity | None:
        """Who a program is that sends a token with its request, and begins no session.

        Returns
        -------
        Identity or None
            Name and role; None when no account has this token.
        """
        account = self._accounts().find_by_token(token)
        if account is None:
            _log.warning("a request with a token refused: no account has it")
            return None
        return account.identity

    def end_session(self, session: str | None) -> None:
        """End a session before its time.

        It is not valid any more, wherever it is still shown, until this server ends.
        """
        content = self._read_session(session)
        if content is None:
            return

        # Sessions that have ended by themselves need not be remembered.
        now = self._clock()
        ended = {number: end for number, end in self._ended.items() if end > now}
        ended[content.number] = content.end
        self._ended = ended
        _log.info("a session of %s was ended", content.name)

    def _opened(self, name: str, password: str) -> Account | None:
        """The account that name and password open. Hashing takes long on purpose."""
        account = self._accounts().find(name)
        # An unknown name is hashed against nothing, so that the time does not tell who has an
        # account.
        known_password = account.password if account is not None else None
        return account if is_password(password, known_password) else None

    def _accounts(self) -> Accounts:
        """The accounts of the file as it is now, and those of the service."""
        version = self._file_version()
        if self._known is None or self._known[0] != version:
            read = read_accounts(self._file)
            accounts = Accounts((*self._service, *read.accounts), read.key)
            self._known = (version, accounts)
            _log.debug("%s was read: accounts: %d", self._file, len(read.accounts))
        return self._known[1]

    def _file_version(self) -> _FileVersion | None:
        try:
            status = self._file.stat()
        except OSError:
            return None
        return _FileVersion(status.st_ino, status.st_mtime_ns, status.st_size)

    def _shown_name(self, name: str) -> str:
        """A name for the log. Unknown names stay out of it: people type passwords there."""
        try:
            account = self._accounts().find(name)
        except AccessError:
            account = None
        if account is None:
            return "an unknown name"
        return account.name

    def _begin_session(self, account: Account, way: str) -> str:
        """A new session, as text; ``way`` is how its owner has logged in."""
        end = self._clock() + SESSION_SECONDS
        content = _Session(account.name, account.stamp, secrets.token_hex(8), end)
        _log.info("login of %s accepted by %s, role %s", account.name, way, account.role)
        return str(self._signed.dumps(content))

    def _read_session(self, session: str | None) -> _Session | None:
        """The content of a session that is ours and has not ended."""
        try:
            content = _Session(*self._signed.loads(session or ""))
        # A text that is no Unicode is none of ours.
        except (BadData, UnicodeError):
            return None
        if self._clock() >= content.end:
            return None
        return content
