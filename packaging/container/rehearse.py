"""Run the steps of the Dockerfile in fresh Debian roots, where no container engine is at hand.

    sudo python3 packaging/container/rehearse.py FOLDER [--mirror URL]

Each stage gets a root of its own below FOLDER, unpacked from one that debootstrap makes. RUN, COPY,
ENV, ARG, WORKDIR and USER do there what an engine would have them do. Then the last stage's own
command serves until its HEALTHCHECK passes; an account is added, a stranger is refused, and a
search of one generation runs and is recorded: first in a file, then in a PostgreSQL of a further
root, as compose.yaml has it. Needs root, debootstrap, and Debian's and Python's packages; pip of
the roots is configured as this machine's.

What it is not: it has no layers, no limits and no network of its own, and knows the instructions
above alone.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
DOCKERFILE = HERE / "Dockerfile"
# The name of the image, and what debootstrap calls it.
_BASE = re.compile(r"debian:(?P<suite>[a-z]+)-slim")
_PORT = "18501"
_DATABASE_PORT = "15432"
_DATABASE_PASSWORD = "a-password-of-this-rehearsal"
_SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# How this machine reaches Python's packages, where that is not the usual way. Where Debian's are,
# debootstrap writes into the root.
_PIP_CONFIGURATION = ("/etc/pip.conf", "/etc/xdg/pip")
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_COPIED_CERTIFICATES = "/etc/ssl/rehearsal.crt"
_OF_THIS_MACHINE = re.compile(r"(?i)^(pip_\w+|\w*_proxy)$")


@dataclass
class Stage:
    """One stage of the file: where it is, and what later steps of it find."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "root"
    exec_forms: dict[str, list[str]] = field(default_factory=dict)


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """The instructions of a Dockerfile, comments and continued lines resolved."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    for line in joined.splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            yield name, rest.strip()


def enter(stage: Stage, command: list[str]) -> list[str]:
    """The command line that runs ``command`` in a stage's root, as its user, in its folder."""
    inside = ["env", "-i", *(f"{name}={value}" for name, value in stage.environment.items())]
    script = 'cd "$1" && shift && exec "$@"'
    started = ["sh", "-c", script, "sh", stage.folder, *inside, *command]
    return ["chroot", f"--userspec={stage.user}", str(stage.root), *started]


def run(stage: Stage, command: list[str]) -> str:
    """Run a command in a stage to its end; its output. Raises where it fails."""
    done = subprocess.run(
        enter(stage, command), check=False, text=True, stdout=subprocess.PIPE, timeout=3600
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)[:200]}: exit code {done.returncode}")
    return done.stdout


def enter_namespace() -> None:
    """Start this program again with mounts and processes of its own, which end with it."""
    if os.environ.pop("_REHEARSED", None) is None:
        own = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
        os.environ["_REHEARSED"] = "1"
        os.execvp("unshare", ["unshare", *own, sys.executable, *sys.argv])


def make_base(folder: Path, suite: str, mirror: str | None) -> Path:
    """A fresh root of Debian, made once by debootstrap."""
    base = folder / f"debian-{suite}"
    if not (base / "etc" / "debian_version").exists():
        command = ["debootstrap", "--variant=minbase", suite, str(base)]
        subprocess.run([*command, *([mirror] if mirror else [])], check=True)
    return base


def make_root(base: Path, root: Path) -> None:
    """A copy of a base, with devices, and with this machine's ways to packages."""
    shutil.rmtree(root, ignore_errors=True)
    subprocess.run(["cp", "--archive", str(base), str(root)], check=True)
    shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
    for place in _PIP_CONFIGURATION:
        if Path(place).is_dir():
            shutil.copytree(place, root / place.lstrip("/"), dirs_exist_ok=True)
        elif Path(place).exists():
            shutil.copy(place, root / place.lstrip("/"))
    if Path(_CERTIFICATES).exists():
        shutil.copy(_CERTIFICATES, root / _COPIED_CERTIFICATES.lstrip("/"))


def mount_devices(root: Path) -> None:
    """Give a root its devices and processes."""
    # Seen only in the namespace of `enter_namespace`, and gone with it.
    subprocess.run(["mount", "--types", "proc", "proc", str(root / "proc")], check=True)
    subprocess.run(["mount", "--rbind", "/dev", str(root / "dev")], check=True)


def apply(stages: list[Stage], names: dict[str, Stage], name: str, rest: str) -> None:
    """Do one instruction in the newest stage."""
    stage = stages[-1]
    match name:
        case "ARG":
            argument, _, value = rest.partition("=")
            stage.arguments.setdefault(argument, value)
        case "ENV":
            for pair in rest.split():
                variable, _, value = pair.partition("=")
                stage.environment[variable] = value
        case "RUN":
            print(f"RUN {rest[:90]}", flush=True)
            of_machine = {k: v for k, v in os.environ.items() if _OF_THIS_MACHINE.match(k)}
            of_machine["PIP_CERT"] = _COPIED_CERTIFICATES
            visible = {**of_machine, **stage.arguments, **stage.environment}
            started = [f"{variable}={value}" for variable, value in visible.items()]
            run(stage, ["env", *started, "/bin/sh", "-c", rest])
        case "COPY":
            copy(stage, names, rest.split())
        case "WORKDIR":
            stage.folder = rest
            (stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "USER":
            stage.user = rest
        case "ENTRYPOINT" | "CMD":
            stage.exec_forms[name] = json.loads(rest)
        case "HEALTHCHECK":
            stage.exec_forms[name] = json.loads(rest.partition("CMD")[2])
        case "VOLUME" | "EXPOSE" | "STOPSIGNAL":
            pass
        case _:
            raise SystemExit(f"{name} is not rehearsed")


def copy(stage: Stage, names: dict[str, Stage], words: list[str]) -> None:
    """COPY: from the checkout, or from an earlier stage."""
    source_root = CHECKOUT
    if words[0].startswith("--from="):
        source_root = names[words.pop(0).removeprefix("--from=")].root

    *sources, target = words
    place = Path(os.path.normpath(Path(stage.folder) / target))
    inside = stage.root / str(place).lstrip("/")
    for source in sources:
        origin = source_root / source.lstrip("/")
        if origin.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            if source_root != CHECKOUT:
                ignored = None
            shutil.copytree(origin, inside, symlinks=True, dirs_exist_ok=True, ignore=ignored)
        else:
            inside.mkdir(parents=True, exist_ok=True)
            shutil.copy(origin, inside)


def make_database(base: Path, root: Path) -> subprocess.Popen[bytes]:
    """Start Debian's PostgreSQL, of the image's version, in a root of its own.

    It stands in for the service `database` of compose.yaml: its user, its database and its health
    check are that service's.
    """
    make_root(base, root)
    mount_devices(root)
    stage = Stage(root, {"PATH": f"/usr/lib/postgresql/17/bin:{_SEARCH_PATH}"})
    run(stage, ["apt-get", "update", "--quiet=2"])
    install = ["apt-get", "install", "--yes", "--quiet=2", "--no-install-recommends"]
    run(stage, [*install, "postgresql-17"])

    stage.user = "postgres:postgres"
    data = "/var/lib/postgresql/store"
    (root / "tmp" / "password").write_text(_DATABASE_PASSWORD)
    owner = ["--username=shoal", "--pwfile=/tmp/password", "--auth=scram-sha-256"]
    run(stage, ["initdb", "--pgdata", data, *owner])
    settings = ["-c", f"port={_DATABASE_PORT}", "-c", "unix_socket_directories=/tmp"]
    server = subprocess.Popen(enter(stage, ["postgres", "-D", data, *settings]))

    ready = ["pg_isready", "--host=127.0.0.1", f"--port={_DATABASE_PORT}", "--username=shoal"]
    wait_until(stage, ready, server)
    place = ["--host=127.0.0.1", f"--port={_DATABASE_PORT}", "--username=shoal"]
    with_password = ["env", f"PGPASSWORD={_DATABASE_PASSWORD}"]
    run(stage, [*with_password, "createdb", *place, "shoal"])
    return server


def wait_until(stage: Stage, check: list[str], process: subprocess.Popen[bytes]) -> None:
    """Return once a health check passes. Raises when the process ends, or after two minutes."""
    deadline = time.monotonic() + 120
    while True:
        done = subprocess.run(enter(stage, check), check=False, capture_output=True)
        if done.returncode == 0:
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"Never healthy: {done.stderr.decode()[-500:]}")
        time.sleep(1)


def serve_and_check(stage: Stage) -> None:
    """Run the image's own command until it is healthy, and use it."""
    # Another port, since a chroot shares this machine's.
    command = [*stage.exec_forms["ENTRYPOINT"], *stage.exec_forms["CMD"]]
    command = [_PORT if word == "8501" else word for word in command]
    health = [word.replace("8501", _PORT) for word in stage.exec_forms["HEALTHCHECK"]]

    print("CMD", *command, flush=True)
    service = subprocess.Popen(enter(stage, command), start_new_session=True)
    try:
        wait_until(stage, health, service)
        print("HEALTHCHECK passed", flush=True)
        use(stage)
    finally:
        service.send_signal(signal.SIGTERM)
        code = service.wait(60)

    print("Ended by SIGTERM, exit code", code, flush=True)
    if code != 0:
        raise SystemExit("The service did not end by itself")


def use(stage: Stage) -> None:
    """Add an account, be refused without one, and run a search. Raises where one goes wrong."""
    subprocess.run(
        enter(stage, ["shoal", "access", "add", "alice"]),
        input="a long pass phrase\n",
        text=True,
        check=True,
    )
    ask = (
        "import urllib.request, urllib.error\n"
        f"try: print(urllib.request.urlopen('http://127.0.0.1:{_PORT}/').status)\n"
        "except urllib.error.HTTPError as error: print(error.code)"
    )
    answer = run(stage, ["python3", "-c", ask]).strip()
    if answer != "401":
        raise SystemExit(f"A stranger got {answer}, not 401")
    print("A stranger is refused (401)", flush=True)

    searched = ["shoal", "run", "--generations", "1", "--population", "4", "--json"]
    run(stage, searched)
    recorded = json.loads(run(stage, ["shoal", "runs", "--json"]))["runs"]
    newest = max(recorded, key=lambda row: row["run"])
    if newest["state"] != "finished":
        raise SystemExit(f"The run is {newest['state']}, not finished")
    print(f"A search ran: {newest['evaluations']} trainings", flush=True)


def main() -> None:
    """Rehearse the Dockerfile beside this file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the roots are made, 2 GB")
    parser.add_argument("--mirror", help="Debian's mirror; default: debootstrap's own")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument(
        "--again", action="store_true", help="serve from the roots of the time before"
    )
    given = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("Only root can enter another root: sudo python3 " + parser.prog)

    enter_namespace()
    folder = given.folder.resolve()
    stages: list[Stage] = []
    names: dict[str, Stage] = {}
    for name, rest in instructions(DOCKERFILE.read_text()):
        if name == "FROM":
            image, _, alias = rest.partition(" AS ")
            matched = _BASE.fullmatch(image)
            if matched is None:
                sys.exit(f"{image} is not rehearsed: only debian:SUITE-slim is")
            base = make_base(folder, matched["suite"], given.mirror)
            stage = Stage(folder / f"stage-{len(stages)}")
            stage.environment["PATH"] = _SEARCH_PATH
            stage.arguments.update(pair.split("=", 1) for pair in given.build_arg)
            stages.append(stage)
            names[alias] = stage
            if not given.again:
                make_root(base, stage.root)
            mount_devices(stage.root)
        elif not (given.again and name in ("RUN", "COPY")):
            apply(stages, names, name, rest)
    image = stages[-1]
    print("--- a file in the volume", flush=True)
    serve_and_check(image)

    print("--- PostgreSQL, as compose.yaml has it", flush=True)
    server = make_database(base, folder / "database")
    place = f"127.0.0.1:{_DATABASE_PORT}"
    image.environment["SHOAL_STORE"] = f"postgresql://shoal:{_DATABASE_PASSWORD}@{place}/shoal"
    try:
        serve_and_check(image)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)
    print("Every step of the Dockerfile did what it should.")


if __name__ == "__main__":
    main()
