"""Accounts, passwords, tokens, sessions, guessing; `shoal access` as a command."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from typer.testing import CliRunner

from shoal.auth import (
    AccessError,
    Account,
    Accounts,
    Identity,
    LoginThrottle,
    Password,
    TooManyTriesError,
    change_accounts,
    hash_password,
    new_token,
    passwords,
    read_accounts,
    token_digest,
)
from shoal.auth import throttle as throttling
from shoal.auth.sessions import SESSION_SECONDS, SessionManager
from shoal.auth.throttle import (
    FORGOTTEN_AFTER,
    FREE_TRIES,
    FREE_TRIES_OF_SOURCE,
    LONGEST_WAIT,
    MOST_AT_ONCE,
    TURN_SECONDS,
)
from shoal.cli.main import app
from support.logins import log_in
from support.processes import environment, last_json

RIGHT, WRONG = "correct horse", "battery staple"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def cheap(password: str) -> Password:
    """A hash that costs nothing; how it is made stands with it."""
    return passwords._hashed(password, Password(b"salt", b"", rounds=2, block=1, lanes=1))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new" / "access.json"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(file: Path, clock: Clock) -> SessionManager:
    """With alice, an operator, and bob, a viewer, who have the same password."""
    add(file, "alice")
    add(file, "bob", "viewer")
    return SessionManager(file, throttle=LoginThrottle(clock), clock=clock)


def add(file: Path, name: str, role: str = "operator", **ways: object) -> None:
    given = ways or {"password": cheap(RIGHT)}
    change_accounts(file, lambda accounts: accounts.with_account(name, role, **given))  # type: ignore[arg-type]


# Passwords


def test_a_hash_holds_its_parameters_and_another_salt_each_time() -> None:
    first, second = hash_password(RIGHT), hash_password(RIGHT)
    assert first.salt != second.salt and first.digest != second.digest
    assert (first.rounds, first.block, first.lanes, len(first.salt), len(first.digest)) == (
        2**14,
        8,
        5,
        16,
        32,
    )

    read = Password.from_text(first.to_text())
    assert read == first and RIGHT not in first.to_text()
    assert passwords.is_password(RIGHT, read) and not passwords.is_password(WRONG, read)


def test_scrypt_is_that_of_its_rfc() -> None:
    # RFC 7914, section 12, the second of its vectors, cut to our length.
    found = passwords._hashed("password", Password(b"NaCl", b"", rounds=1024, block=8, lanes=16))
    assert found.digest.hex() == "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"


@pytest.mark.parametrize("password", ["", "seven77", "x" * 1025, "ü" * 513])
def test_a_bad_password_is_refused(password: str) -> None:
    with pytest.raises(AccessError):
        hash_password(password)


def test_a_name_that_is_not_there_is_hashed_all_the_same(
    sessions: SessionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = []
    original = passwords._hashed
    monkeypatch.setattr(
        passwords,
        "_hashed",
        lambda p, like: hashed.append(like.rounds * like.lanes) or original(p, like),
    )
    with pytest.raises(AccessError) as known:
        log_in(sessions, "alice", WRONG)
    with pytest.raises(AccessError) as unknown:
        log_in(sessions, "mallory", WRONG)

    assert str(known.value) == str(unknown.value)
    assert hashed == [2, 2**14 * 5], "as much work as for a password that was hashed today"


# The file


def test_the_file_is_its_owners_only_and_holds_no_secret(file: Path) -> None:
    before = os.umask(0)
    try:
        token = new_token()
        change_accounts(
            file, lambda a: a.with_account("alice", "operator", password=hash_password(RIGHT))
        )
        add(file, "alice", token=token_digest(token))
    finally:
        os.umask(before)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert RIGHT not in file.read_text() and token not in file.read_text()
    assert [path.name for path in file.parent.iterdir()] == ["access.json"], (
        "nothing temporary is left"
    )

    (alice,) = read_accounts(file).accounts
    assert alice.password and alice.token, "a second way in leaves the first"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_may_open_is_not_trusted(
    file: Path, sessions: SessionManager, mode: int
) -> None:
    session = log_in(sessions, "alice", RIGHT)
    add(file, "carl")  # another version of the file: it is read again
    file.chmod(mode)
    with pytest.raises(AccessError, match="chmod 600"):
        sessions.identity(session)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 1, "key": "0g", "accounts": []}', '{"version": 2}']
)
def test_a_damaged_file_lets_nobody_in(file: Path, sessions: SessionManager, text: str) -> None:
    session = log_in(sessions, "alice", RIGHT)
    file.write_text(text)
    for way in (
        lambda: sessions.identity(session),
        lambda: log_in(sessions, "alice", RIGHT),
    ):
        with pytest.raises(AccessError, match=r"access\.json"):
            way()

    with pytest.raises(AccessError, match=r"access\.json"):
        add(file, "carl")
    assert file.read_text() == text


def test_a_failed_write_leaves_the_old_file(
    file: Path, sessions: SessionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = file.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AccessError, match="No space left"):
        add(file, "carl")
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["access.json"]


def test_many_changes_at_once_are_all_kept(file: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: add(file, f"user{n}"), range(40)))
    assert {a.name for a in read_accounts(file).accounts} == {f"user{n}" for n in range(40)}


@settings(deadline=None)
@given(some.text(max_size=120))
def test_names_are_plain(name: str) -> None:
    try:
        account = Account(name, "viewer")
    except AccessError:
        return
    assert account.name.isascii() and account.name.isprintable() and 0 < len(name) <= 100
    assert not set(name) & set(" <>&\"'/\\:;,|`$")


def test_a_role_is_not_changed_in_passing() -> None:
    accounts = Accounts().with_account("bob", "viewer", token="t")
    with pytest.raises(AccessError, match="bob is a viewer already"):
        accounts.with_account("BOB", "operator", token="u")
    with pytest.raises(AccessError, match="no account 'carl'"):
        accounts.without("carl")
    with pytest.raises(AccessError, match="e-mail"):
        accounts.with_account("carl", "viewer", oidc=True)


# Sessions


def test_a_session_says_who_it_is(sessions: SessionManager) -> None:
    assert sessions.identity(log_in(sessions, "Alice", RIGHT)) == Identity("alice", "operator")
    assert sessions.identity(log_in(sessions, "bob", RIGHT)) == Identity("bob", "viewer")

    Identity("alice", "operator").check_may_act()
    with pytest.raises(AccessError, match="bob may look, but not command"):
        Identity("bob", "viewer").check_may_act()


def test_only_what_was_signed_here_is_a_session(sessions: SessionManager, tmp_path: Path) -> None:
    session = log_in(sessions, "bob", RIGHT)
    text, _, signature = session.rpartition(".")
    stranger = SessionManager(
        tmp_path / "other.json", (Account("bob", "operator", token=token_digest("t")),)
    )
    forged = stranger.login_with_token("t")

    for wrong in (
        None,
        "",
        ".",
        "ä.ö",
        "\ud800.x",
        session[:-1],
        f"{text}x.{signature}",
        f"{forged.rpartition('.')[0]}.{signature}",
        forged,
    ):
        assert sessions.identity(wrong) is None

    assert sessions.identity(session)


def test_a_session_outlives_the_server_but_not_its_time(
    sessions: SessionManager, file: Path, clock: Clock
) -> None:
    session = log_in(sessions, "alice", RIGHT)
    again = SessionManager(file, clock=clock)
    assert again.identity(session) == Identity("alice", "operator")
    clock.now += SESSION_SECONDS - 1
    assert again.identity(session)
    clock.now += 2
    assert again.identity(session) is None


def test_logging_out_ends_the_session_wherever_it_is_shown(sessions: SessionManager) -> None:
    session, other = (
        log_in(sessions, "alice", RIGHT),
        log_in(sessions, "alice", RIGHT),
    )
    sessions.end_session(session)
    sessions.end_session("nonsense")
    assert sessions.identity(session) is None and sessions.identity(other)


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.without("bob"),
        lambda a: a.without("bob").with_account("bob", "viewer", password=cheap(RIGHT)),
        lambda a: a.with_account("bob", "viewer", password=cheap(WRONG)),
        lambda a: a.with_account("bob", "viewer", token="another"),
    ],
)
def test_a_changed_account_is_out_at_once(
    sessions: SessionManager, file: Path, change: Callable[[Accounts], Accounts]
) -> None:
    bob, alice = (
        log_in(sessions, "bob", RIGHT),
        log_in(sessions, "alice", RIGHT),
    )
    change_accounts(file, change)
    assert sessions.identity(bob) is None
    assert sessions.identity(alice)


def test_a_session_has_the_role_that_the_account_has_now(
    sessions: SessionManager, file: Path
) -> None:
    session = log_in(sessions, "alice", RIGHT)

    def demoted(accounts: Accounts) -> Accounts:
        return replace(
            accounts, accounts=tuple(replace(one, role="viewer") for one in accounts.accounts)
        )

    change_accounts(file, demoted)
    assert sessions.identity(session) == Identity("alice", "viewer")


# Tokens


def test_tokens(sessions: SessionManager, file: Path) -> None:
    first, second = new_token(), new_token()
    assert first != second and len(first) >= 43

    add(file, "carl", "viewer", token=token_digest(first))
    session = sessions.login_with_token(first)
    assert sessions.identity(session) == Identity("carl", "viewer")

    for wrong in ("", "x", second, token_digest(first), first[:-1]):
        with pytest.raises(AccessError, match="not valid"):
            sessions.login_with_token(wrong)

    add(file, "carl", "viewer", token=token_digest(second))
    assert sessions.identity(session) is None

    with pytest.raises(AccessError):
        sessions.login_with_token(first)
    with pytest.raises(AccessError):
        log_in(sessions, "carl", "")


def test_a_services_own_tokens_end_with_it(file: Path) -> None:
    service = (Account("operator-link", "operator", token=token_digest("o")),)
    sessions = SessionManager(file, service)
    session = sessions.login_with_token("o")
    assert sessions.identity(session) == Identity("operator-link", "operator")
    assert SessionManager(file).identity(session) is None
    add(file, "alice")
    assert sessions.identity(session), "the first account puts nobody out"
    assert log_in(sessions, "alice", RIGHT)


def test_an_address_without_an_account_for_it_is_refused(
    sessions: SessionManager, file: Path
) -> None:
    add(file, "eve@example.org", "viewer", oidc=True)
    add(file, "mail@example.org")
    assert sessions.identity(sessions.login_with_email("Eve@Example.org")) == Identity(
        "eve@example.org", "viewer"
    )
    for address in ("mallory@example.org", "mail@example.org", "alice", ""):
        with pytest.raises(AccessError, match="no account"):
            sessions.login_with_email(address)


# Guessing


def wrong(sessions: SessionManager, name: str = "alice") -> None:
    with pytest.raises(AccessError) as refused:
        log_in(sessions, name, WRONG)
    assert not isinstance(refused.value, TooManyTriesError)


def test_guessing_one_name_is_slowed(sessions: SessionManager, clock: Clock) -> None:
    for _ in range(FREE_TRIES):
        wrong(sessions)
    waits = []
    for _ in range(14):
        with pytest.raises(TooManyTriesError) as refused:
            log_in(sessions, "ALICE", RIGHT)  # the right one is not looked at either
        waits.append(refused.value.seconds)
        clock.now += refused.value.seconds - 0.01
        with pytest.raises(TooManyTriesError):
            log_in(sessions, "alice", RIGHT)
        clock.now += 0.02
        wrong(sessions)

    assert waits[:6] == pytest.approx([1, 2, 4, 8, 16, 32]) and waits[-1] == pytest.approx(
        LONGEST_WAIT
    )

    log_in(sessions, "bob", RIGHT)
    clock.now += LONGEST_WAIT + 1
    log_in(sessions, "alice", RIGHT)
    wrong(sessions)  # it begins anew


def test_nobody_waits_for_what_others_guess(sessions: SessionManager) -> None:
    for _ in range(FREE_TRIES):
        wrong(sessions)
    with pytest.raises(TooManyTriesError):
        log_in(sessions, "alice", RIGHT)
    assert log_in(sessions, "bob", RIGHT), "another name of the same source"
    assert log_in(sessions, "alice", RIGHT, source="elsewhere"), "the same name of another source"


def test_a_source_that_guesses_many_names_takes_turns(clock: Clock) -> None:
    throttle = LoginThrottle(clock)

    def turn(source: str, name: str, *, was_right: bool = False) -> float:
        seconds = throttle.begin(source, name)
        throttle.end(source, name, was_right=was_right)
        return seconds

    for number in range(FREE_TRIES_OF_SOURCE):
        assert turn("attacker", f"user{number}") == 0.0
    assert [turn("attacker", f"more{number}") for number in range(3)] == [
        0.0,
        TURN_SECONDS,
        2 * TURN_SECONDS,
    ]
    assert turn("attacker", "alice", was_right=True) == 3 * TURN_SECONDS, "never refused"
    assert turn("elsewhere", "alice") == 0.0

    clock.now += 4 * TURN_SECONDS
    assert turn("attacker", "alice") == 0.0, "after a pause its turn is at once"
    clock.now += FORGOTTEN_AFTER + 1
    assert [turn("attacker", f"last{number}") for number in range(2)] == [0.0, 0.0]


def test_a_source_has_few_tries_at_the_same_time(clock: Clock) -> None:
    throttle = LoginThrottle(clock)
    for number in range(MOST_AT_ONCE):
        throttle.begin("attacker", f"user{number}")
    with pytest.raises(TooManyTriesError):
        throttle.begin("attacker", "alice")
    throttle.begin("elsewhere", "alice")

    throttle.end("attacker", "user0", was_right=False)
    throttle.begin("attacker", "alice")


def test_the_memory_for_tries_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "_MOST_REMEMBERED", 50)
    throttle = LoginThrottle(clock)
    for number in range(200):
        source, name = f"source{number}", "x" * 8_000 + str(number)
        throttle.begin(source, name)
        throttle.end(source, name, was_right=False)
    assert (len(throttle._sources), len(throttle._names)) == (50, 50)
    assert max(len(name) for _, name in throttle._names._counts) <= 101

    # What is refused takes no place of what counts.
    for _ in range(MOST_AT_ONCE):
        throttle.begin("attacker", "alice")
        clock.now += LONGEST_WAIT
    remembered = list(throttle._names._counts)
    for number in range(200):
        with pytest.raises(TooManyTriesError):
            throttle.begin("attacker", f"user{number}")
    assert list(throttle._names._counts) == remembered


def test_tries_at_the_same_moment_count_too(clock: Clock) -> None:
    throttle = LoginThrottle(clock)
    barrier = threading.Barrier(16)

    def attempt(_: int) -> bool:
        barrier.wait()
        try:
            throttle.begin("here", "alice")
        except TooManyTriesError:
            return False
        return True

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(attempt, range(16))) == FREE_TRIES


# The command


def access(*arguments: str, typed: str = "") -> tuple[int, str]:
    """Exit code, and what was said."""
    done = CliRunner().invoke(app, ["access", *arguments], input=typed)
    if isinstance(done.exception, AccessError):
        return done.exception.exit_code, str(done.exception)
    return done.exit_code, done.stdout.strip()


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    file = tmp_path / "shoal" / "access.json"
    assert access("list")[1].startswith("No accounts")
    assert access("add", "alice", typed=f"{RIGHT}\n") == (
        0,
        f"alice is an operator; accounts: 1, in {file}",
    )

    code, token = access("token", "bob", "--viewer")
    assert (code, len(token)) == (0, 43)
    assert access("add", "eve@example.org", "--oidc", "--viewer")[0] == 0

    code, said = access("add", "carl", typed="short\n")
    assert (code, "8 or more" in said) == (2, True)
    assert access("token", "alice", "--viewer")[0] == 2
    assert last_json(access("list", "--json")[1])["accounts"] == [
        {"name": "alice", "role": "operator", "login_methods": ["password"], "by": ["password"]},
        {"name": "bob", "role": "viewer", "login_methods": ["token"], "by": ["token"]},
        {"name": "eve@example.org", "role": "viewer", "login_methods": ["oidc"], "by": ["oidc"]},
    ]

    sessions = SessionManager(file)
    assert sessions.identity(log_in(sessions, "alice", RIGHT)) == Identity("alice", "operator")
    assert sessions.identity(sessions.login_with_token(token)) == Identity("bob", "viewer")
    assert access("remove", "alice")[0] == 0
    assert access("remove", "alice")[0] == 2
    assert [a.name for a in read_accounts(file).accounts] == ["bob", "eve@example.org"]


def test_a_typed_password_is_asked_for_twice_and_not_shown(tmp_path: Path) -> None:
    def typed(*lines: str) -> tuple[int, str]:
        """What a terminal shows while that is typed, and the exit code."""
        ours, theirs = os.openpty()
        command = [sys.executable, "-m", "shoal.cli", "access", "add", "alice"]
        process = subprocess.Popen(
            command,
            env=environment(tmp_path / "shoal.db"),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        seen = b""

        for line in lines:
            while not seen.endswith(b": "):
                seen += os.read(ours, 1024)
            os.write(ours, line.encode() + b"\n")
            seen += b"\n"

        with suppress(OSError):
            while part := os.read(ours, 1024):
                seen += part

        os.close(ours)
        return process.wait(), seen.decode()

    code, seen = typed(RIGHT, WRONG)
    assert code == 2 and "differ" in seen and RIGHT not in seen and WRONG not in seen
    code, seen = typed(RIGHT, RIGHT)
    assert code == 0 and "alice is an operator" in seen and RIGHT not in seen
