"""What logins leave in the log: one line a decision, and never a secret."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from shoal.auth import (
    AccessError,
    Account,
    LoginThrottle,
    Password,
    TooManyTriesError,
    change_accounts,
    new_token,
    passwords,
    token_digest,
)
from shoal.auth.sessions import SessionManager
from shoal.auth.throttle import FREE_TRIES
from support.logins import log_in
from support.property_tests import WITH_FIXTURES

PASSWORD = "correct horse"


def cheap(password: str) -> Password:
    """A hash that costs nothing; how it is made stands with it."""
    return passwords._hashed(password, Password(b"salt", b"", rounds=2, block=1, lanes=1))


@contextmanager
def collected() -> Iterator[list[logging.LogRecord]]:
    """Everything that is logged below "shoal", whatever its level."""
    records: list[logging.LogRecord] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    logger = logging.getLogger("shoal")
    handler = Collector()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield records
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Accounts: alice with a password, eve@example.org with an identity provider."""
    file = tmp_path / "access.json"
    change_accounts(
        file, lambda accounts: accounts.with_account("alice", "operator", password=cheap(PASSWORD))
    )
    change_accounts(
        file, lambda accounts: accounts.with_account("eve@example.org", "viewer", oidc=True)
    )
    return file


@pytest.fixture
def sessions(file: Path) -> SessionManager:
    return SessionManager(file)


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Level and text of what was logged since the last call."""
    found = [(record.levelname, record.getMessage()) for record in caplog.records]
    caplog.clear()
    return found


@pytest.fixture(autouse=True)
def _at_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "shoal.auth")


def test_an_accepted_login_is_one_line(
    sessions: SessionManager, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log_in(sessions, "ALICE", PASSWORD)
    assert lines(caplog) == [("INFO", "login of alice accepted by password, role operator")]

    sessions.login_with_email("eve@example.org")
    (line,) = lines(caplog)
    assert line == ("INFO", "login of eve@example.org accepted by identity provider, role viewer")

    token = new_token()
    change_accounts(file, lambda a: a.with_account("carl", "viewer", token=token_digest(token)))
    caplog.clear()
    sessions.login_with_token(token)
    assert lines(caplog) == [("INFO", "login of carl accepted by token, role viewer")]


def test_a_refused_login_is_one_line(
    sessions: SessionManager, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(AccessError):
        log_in(sessions, "alice", "battery staple")
    assert lines(caplog) == [("WARNING", "login of alice refused: wrong name or password")]

    with pytest.raises(AccessError):
        log_in(sessions, PASSWORD, "alice")
    (line,) = lines(caplog)
    assert line == ("WARNING", "login of an unknown name refused: wrong name or password")

    with pytest.raises(AccessError):
        sessions.login_with_token("guess")
    assert lines(caplog) == [("WARNING", "login by a token refused: no account has it")]

    with pytest.raises(AccessError):
        sessions.login_with_email("mallory@example.org")
    ((level, text),) = lines(caplog)
    assert level == "WARNING"
    assert text.endswith("refused: no account for 'mallory@example.org'")


def test_a_throttled_login_is_one_line(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    sessions = SessionManager(file, throttle=LoginThrottle(lambda: 1_000.0))
    for _ in range(FREE_TRIES):
        with pytest.raises(AccessError):
            log_in(sessions, "alice", "battery staple")
    caplog.clear()

    for name, shown in (("alice", "alice"), ("Alice", "alice")):
        with pytest.raises(TooManyTriesError):
            log_in(sessions, name, PASSWORD)
        text = f"login of {shown} throttled for another 1.0 s"
        assert lines(caplog) == [("WARNING", text)]


def test_the_end_of_a_session_is_one_line(
    sessions: SessionManager, caplog: pytest.LogCaptureFixture
) -> None:
    session = log_in(sessions, "alice", PASSWORD)
    caplog.clear()
    sessions.end_session("nonsense")
    assert lines(caplog) == []
    sessions.end_session(session)
    assert lines(caplog) == [("INFO", "a session of alice was ended")]


def test_a_session_that_outlived_its_account_is_one_line(
    sessions: SessionManager, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "shoal.auth.sessions")
    session = log_in(sessions, "alice", PASSWORD)
    change_accounts(file, lambda accounts: accounts.without("alice"))
    caplog.clear()
    assert sessions.identity(session) is None
    refused = [line for line in lines(caplog) if "refused" in line[1]]
    assert refused == [("DEBUG", "a session of alice is refused: the account has changed")]


def test_a_change_of_the_accounts_is_one_line(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    change_accounts(file, lambda accounts: accounts.without("alice"))
    assert lines(caplog) == [("INFO", f"{file} was changed: accounts: 1")]


# A mark on both sides, so that a secret such as "password" is no word of an honest line.
SECRETS = st.text(min_size=8, max_size=40).map(lambda text: f"\u2603{text}\u2603")


# Not shrunk: whichever secret is found, the line that holds it is shown.
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=WITH_FIXTURES,
    phases=[Phase.explicit, Phase.generate],
)
@given(password=SECRETS, other=SECRETS, token=SECRETS)
def test_no_secret_is_logged(tmp_path: Path, password: str, other: str, token: str) -> None:
    assume(len({password, other, token}) == 3)
    file = tmp_path / "secret.json"
    file.unlink(missing_ok=True)
    service = (Account("link", "operator", token=token_digest(token)),)

    with collected() as records:
        hashed = cheap(password)
        change_accounts(file, lambda a: a.with_account("alice", "operator", password=hashed))
        sessions = SessionManager(file, service, throttle=LoginThrottle(lambda: 0.0))
        given_sessions = [
            sessions.login_with_token(token),
            log_in(sessions, "alice", password),
        ]
        for _ in range(FREE_TRIES + 2):
            with pytest.raises(AccessError):
                log_in(sessions, "alice", other)
        # The password in the field of the name, as people type it by mistake.
        with pytest.raises(AccessError):
            log_in(sessions, password, "alice")
        for guess in (other, password):
            with pytest.raises(AccessError):
                sessions.login_with_token(guess)
        for session in given_sessions:
            sessions.identity(session)
            sessions.end_session(session)
            sessions.identity(session)
        key = sessions._accounts().key.hex()

    assert len(records) > 2 * FREE_TRIES
    secrets = [password, other, token, token_digest(token), hashed.digest.hex(), key]
    for session in given_sessions:
        secrets += [session, *session.strip(".").rsplit(".", 1)]
    for record in records:
        text = f"{record.getMessage()} {record.args!r} {record.exc_text}"
        for secret in secrets:
            assert secret not in text
            assert repr(secret)[1:-1] not in text
