"""`shoal serve` as a process: it comes up, trains, ends cleanly, and leaves nobody behind."""

from __future__ import annotations

import configparser
import http.client
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier

import pytest
import typer.main
from typer.testing import CliRunner

from shoal.auth import change_accounts, token_digest
from shoal.cli import serve as serving
from shoal.cli.main import app
from shoal.dashboard.network_access import ServerAccess, expose, is_named
from shoal.dashboard.server.listener import MOST_CONNECTIONS
from shoal.data import load_dataset
from shoal.errors import ShoalError, StoreError
from shoal.orchestration.launcher import ensure_supervisor
from shoal.settings.search_settings import SearchSettings
from shoal.store import Store, default_path, open_store
from shoal.system.child import Entry
from shoal.system.process import LEAVE_SECONDS, end_process
from support.locations import ROOT
from support.processes import alive, descendants, eventually, start


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "shoal.db"


@pytest.fixture
def service(store: Path) -> Iterator[subprocess.Popen[str]]:
    """With an endless search on one core."""
    with open_store(store) as opened:
        endless = SearchSettings(generations=1000, workers=1, finalists=0, baselines=False)
        opened.add_run(load_dataset("concrete"), endless)
    with served(store) as process:
        yield process


@contextmanager
def served(store: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A service, which is killed if it lives at the end."""
    process = start("serve", "--port", "18501", *options, store=store)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _address(service: subprocess.Popen[str]) -> str:
    assert service.stdout is not None
    found = re.search(r"http://\S+", service.stdout.readline())
    assert found, "the first line gives the address"
    return found.group()


def test_serves_a_page_and_a_search_replaces_what_is_killed_and_ends_cleanly(
    service: subprocess.Popen[str], store: Path
) -> None:
    address = _address(service)
    with urllib.request.urlopen(address, timeout=60) as page:
        assert b"<html" in page.read()
    with open_store(store) as opened:
        eventually(lambda: opened.run(1).evaluations >= 1)
        _kill_the_dashboard_twice(service, opened, address)
        _kill_the_supervisor(opened)

        processes = list(descendants(service.pid))
        os.killpg(service.pid, signal.SIGINT)  # Ctrl-C
        _, errors = service.communicate(timeout=60)
        assert service.returncode == 0
        assert re.findall(r"exit code -9\); it starts again in (\d) s", errors) == ["1", "2"]
        eventually(lambda: not any(alive(pid) for pid in processes))
        assert opened.run(1).state == "interrupted"
        assert opened.run(1).evaluations == len(opened.evaluations(1)) >= 1
        assert opened.supervisors() == []


def _kill_the_dashboard_twice(service: subprocess.Popen[str], opened: Store, address: str) -> None:
    """It is started again each time, and takes no training with it."""
    (supervisor,) = opened.supervisors()
    for _ in range(2):
        (first,) = dashboards(service)
        os.kill(first, signal.SIGKILL)
        eventually(lambda first=first: dashboards(service) not in ([], [first]))
    before = opened.run(1).evaluations
    eventually(lambda: is_up(address))
    eventually(lambda: opened.run(1).evaluations > before)
    assert [one.pid for one in opened.supervisors()] == [supervisor.pid]


def _kill_the_supervisor(opened: Store) -> None:
    """Another one goes on."""
    (first,) = opened.supervisors()
    os.kill(first.pid, signal.SIGKILL)
    before = opened.run(1).evaluations
    eventually(lambda: opened.run(1).evaluations > before + 2)
    assert opened.supervisors()[0].pid != first.pid


def test_killed_service_leaves_nobody_and_the_next_goes_on(store: Path) -> None:
    with open_store(store) as opened, served(store, "--demo") as service:
        _address(service)
        eventually(lambda: opened.runs() and opened.run(1).evaluations >= 1)
        processes = list(descendants(service.pid))
        service.kill()
        service.wait()
        eventually(lambda: not any(alive(pid) for pid in processes))
        before = opened.run(1).evaluations
        with served(store, "--demo") as again:
            eventually(lambda: opened.run(1).evaluations > before)
            assert len(opened.runs()) == 1, "the demo is started once"
            again.terminate()
            again.communicate(timeout=60)


def dashboards(service: subprocess.Popen[str]) -> list[int]:
    """The processes of a service that serve pages."""
    return [pid for pid in descendants(service.pid) if Entry.DASHBOARD in command_line(pid)]


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def is_up(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5):
            return True
    except OSError:
        return False


def test_many_who_want_a_supervisor_start_one(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(store.parent))  # its log
    barrier = Barrier(6)

    def ensure(opened: Store) -> subprocess.Popen[bytes] | None:
        barrier.wait()
        return ensure_supervisor(opened, attached=True)

    with open_store(store) as opened, ThreadPoolExecutor(6) as threads:
        (started,) = filter(None, threads.map(ensure, [opened] * 6))
        try:
            assert [s.pid for s in opened.supervisors()] == [started.pid]
        finally:
            end_process(started)
        assert opened.supervisors() == []


def test_another_address_asks_who_is_there_and_gives_a_link_for_each_role(store: Path) -> None:
    process = start("serve", "--host", "0.0.0.0", "--port", "18502", store=store)
    try:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(6)]
        links = dict(re.findall(r"(operator|viewer): +(http://\S+)", "".join(lines)))
        tokens = {role: link.partition("?token=")[2] for role, link in links.items()}
        assert socket.gethostname() in lines[0] and [
            len(tokens[role]) for role in ("operator", "viewer")
        ] == [43, 43]
        port = re.findall(r":(\d+)$", lines[0].strip())[0]
        for pid in [process.pid, *descendants(process.pid)]:
            told = (
                Path(f"/proc/{pid}/cmdline").read_bytes()
                + Path(f"/proc/{pid}/environ").read_bytes()
            )
            assert not any(token.encode() in told for token in tokens.values()), (
                "no other user, and no child, can read it"
            )
        for role, token in tokens.items():
            browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
            browser.open(f"http://127.0.0.1:{port}/?token={token}", timeout=60).close()
            with browser.open(f"http://127.0.0.1:{port}/logout", timeout=60) as page:
                assert f"logged in as {role}-link" in page.read().decode()
        for name, answer in (("evil.example", 421), (socket.gethostname(), 303), ("10.1.2.3", 303)):
            connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
            connection.request(
                "GET", "/", headers={"Host": f"{name}:{port}", "Accept": "text/html"}
            )
            assert connection.getresponse().status == answer, name
            connection.close()
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 0
    assert "Anybody on the way can read plain HTTP" in errors
    assert "Before the internet belongs a proxy: docs/how-to/service.md" in errors


def test_https_with_a_certificate_and_accounts(store: Path, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            *subject,
            *files,
        ],
        check=True,
        capture_output=True,
    )
    change_accounts(
        store.parent / "shoal" / "access.json",
        lambda a: a.with_account("bob", "viewer", token=token_digest("t")),
    )
    options = ["--login", "--tls-cert", str(certificate), "--tls-key", str(key), "--port", "18503"]
    process = start("serve", *options, store=store)

    try:
        assert process.stdout
        where = process.stdout.readline().split()[-1].replace("127.0.0.1", "localhost")
        assert where.startswith("https://")
        assert process.stdout.readline().startswith("Store:"), "there is an account: no links"
        connection = http.client.HTTPSConnection(
            where.removeprefix("https://"),
            context=ssl.create_default_context(cafile=str(certificate)),
            timeout=60,
        )
        connection.request("GET", "/?token=t")
        cookie = connection.getresponse().headers["Set-Cookie"]
        assert "Secure" in cookie and "HttpOnly" in cookie
        connection.close()
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tls-cert", "nothing.pem"], "needs its key"),
        (["--tls-cert", "nothing.pem", "--tls-key", "nothing.pem"], "cannot be read|not a file"),
        (["--allow-host", "https://shoal.example.org/"], "is no name"),
        (["--allow-host", "*"], "is no name"),
    ],
)
def test_bad_options_of_the_page_are_refused(store: Path, options: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["serve", "--store", str(store), *options])
    assert isinstance(done.exception, ShoalError) and re.search(said, str(done.exception))
    assert not store.exists()


def test_who_is_asked_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert expose("127.0.0.1") == ServerAccess()
    assert not expose("::1").login and expose("127.0.0.1", login=True).login

    other = expose("192.0.2.7")
    assert other.login and other.names == ("192.0.2.7",) and len(other.links) == 2
    assert "192.0.2.7" not in expose("127.0.0.1", login=True).names

    proxied = expose("127.0.0.1", names=("shoal.example.org",))
    assert proxied.behind_proxy and not other.behind_proxy
    assert proxied.login, "whoever comes through a proxy is somebody else"

    for host, fine in (
        ("shoal.example.org", True),
        ("SHOAL.example.org.:8501", True),
        ("[::1]:8501", True),
        ("127.0.0.1:1", True),
        ("evil.example", False),
        ("shoal.example.org.evil.example", False),
        ("shoal.example.org@evil.example", False),
        ("127.0.0.1/x", False),
        ("127.0.0.1:x", False),
        ("10.1.2.3", False),
        ("", False),
        (None, False),
    ):
        assert is_named(host, proxied.names) is fine, host

    everywhere = expose("0.0.0.0").names
    assert is_named("10.1.2.3:8501", everywhere) and is_named("[2001:db8::1]", everywhere)
    assert not is_named("evil.example", everywhere)

    change_accounts(
        tmp_path / "shoal" / "access.json", lambda a: a.with_account("bob", "viewer", token="t")
    )
    assert expose("0.0.0.0").links == () and expose("0.0.0.0").login


def headless(address: str, folder: Path, host: str) -> subprocess.Popen[str]:
    """`shoal serve --no-dashboard` on a host of that name, with a data directory of its own."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(
        f"import socket\nsocket.gethostname = lambda: {host!r}\n"
    )
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-m", "shoal.cli", "serve", "--no-dashboard"],
        env={
            **os.environ,
            "PYTHONPATH": path,
            "SHOAL_STORE": address,
            "XDG_DATA_HOME": str(folder),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def hosts(store: Store) -> list[str]:
    return sorted(supervisor.host.partition("+")[0] for supervisor in store.supervisors())


def taken_by(store: Store, run_id: int) -> list[str]:
    """The hosts that have driven a run, one a claim."""
    found = [
        re.match(r"Taken.* by ([^:+]+)", event.text) for event in reversed(store.events(run_id))
    ]
    return [match[1] for match in found if match]


def test_hosts_share_the_queue_of_one_database(postgres_url: str, tmp_path: Path) -> None:
    data = load_dataset("concrete", preset="classic")
    short = SearchSettings(
        preset="classic", population=4, generations=2, repeats=1, iterations=20, workers=1
    )
    with open_store(postgres_url) as store:
        services = [headless(postgres_url, tmp_path / host, host) for host in ("north", "south")]
        try:
            eventually(lambda: hosts(store) == ["north", "south"])
            long, _ = store.add_run(data, short.model_copy(update={"generations": 1_000_000}))
            (busy,) = eventually(lambda: taken_by(store, long))
            runs = [store.add_run(data, short)[0] for _ in range(3)]
            eventually(lambda: all(store.run(run_id).state == "finished" for run_id in runs))
            assert store.run(long).state == "running"
            assert [taken_by(store, run_id) for run_id in runs] == [
                [({"north", "south"} - {busy}).pop()]
            ] * 3
            assert len({store.run(run_id).result_hash for run_id in runs}) == 1
            store.command(long, "stop")
            eventually(lambda: store.run(long).state == "stopped")
            assert taken_by(store, long) == [busy]
            assert store.run(long).evaluations == len(store.evaluations(long, curves=False))
        finally:
            for service in services:
                service.terminate()
            ends = [service.communicate(timeout=60) for service in services]
        assert [service.returncode for service in services] == [0, 0], ends
        assert store.supervisors() == []


def test_a_second_service_waits_for_the_first_to_end(store: Path) -> None:
    with open_store(store) as opened:
        services: list[subprocess.Popen[str]] = []
        try:
            services.append(headless(str(store), store.parent / "home", "here"))
            assert services[0].stdout
            assert "no dashboard" in services[0].stdout.readline()
            (first,) = opened.supervisors()
            services.append(headless(str(store), store.parent / "home", "here"))
            assert services[1].stdout
            assert "no dashboard" in services[1].stdout.readline()
            assert [s.pid for s in opened.supervisors()] == [first.pid]
            services[0].kill()
            eventually(
                lambda: (
                    first.pid not in [s.pid for s in opened.supervisors()] and opened.supervisors()
                )
            )
        finally:
            for service in services:
                service.terminate()
                service.communicate(timeout=60)
        assert services[1].returncode == 0


class _Dead:
    """A supervisor that has ended."""

    pid = 1
    returncode = 1

    def poll(self) -> int:
        return self.returncode

    def reason(self) -> str:
        return "The store is damaged."


def test_supervisors_that_end_at_once_are_not_replaced_for_ever(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started = []

    def ensure(*_: object, **options: object) -> _Dead:
        started.append(options)
        return _Dead()

    monkeypatch.setattr(serving, "ensure_supervisor", ensure)
    with open_store(store) as opened:
        service = serving._Service(opened)
        service.start_supervisor()
        for _ in range(4):
            service.check_supervisor()
        with pytest.raises(StoreError, match=r"ended 5 times, each time at once: The store is"):
            service.check_supervisor()
    assert len(started) == 5
    assert capsys.readouterr().err.count("The reason: The store is damaged") == 4


def test_supervisors_that_worked_for_a_while_are_replaced_each_time(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "ensure_supervisor", lambda *_, **__: _Dead())
    monkeypatch.setattr(serving, "_SHORT_LIFE_SECONDS", 0.0)
    with open_store(store) as opened:
        service = serving._Service(opened)
        service.start_supervisor()
        for _ in range(20):
            service.check_supervisor()


UNIT = ROOT / "docs" / "shoal.service"


def test_the_systemd_unit_starts_a_command_that_there_is() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(UNIT.read_text())
    program, name, *arguments = shlex.split(unit["Service"]["ExecStart"])

    assert (Path(program).name, name) == ("shoal", "serve")

    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    command.make_context(name, arguments)  # raises what a wrong option raises
    assert int(unit["Service"]["TimeoutStopSec"]) > 3 * LEAVE_SECONDS

    environment = shlex.split(unit["Service"]["Environment"])
    assert "XDG_DATA_HOME=/var/lib" in environment
    assert int(unit["Service"]["LimitNOFILE"]) >= 4 * MOST_CONNECTIONS
    assert default_path().parent.name == unit["Service"]["StateDirectory"] == "shoal"
    assert f"{program} backup " in UNIT.with_name("shoal-backup.service").read_text()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for unit in UNIT.parent.glob("shoal*.*"):
        text = unit.read_text().replace(
            "/opt/shoal/bin/shoal", sys.executable
        )  # as it is not installed here
        (tmp_path / unit.name).write_text(text)

    units = sorted(map(str, tmp_path.iterdir()))
    assert len(units) == 3

    done = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", "--man=no", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "shoal" in line]
    assert (done.returncode, complaints) == (0, []), done.stderr
