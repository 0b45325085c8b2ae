"""How the dashboard's server is started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shoal.dashboard.network_access import ANY_ADDRESS, LOOPBACK
from shoal.dashboard.server import launch
from shoal.errors import SettingsError
from shoal.presentation.palette import LIGHT


def test_the_server_hides_the_store_from_the_process_list() -> None:
    secret = "postgresql://u:hunter2@db/shoal"
    assert "hunter2" not in " ".join(launch.server_arguments("127.0.0.1", 8501))
    environment = launch.environment(secret)
    assert environment["SHOAL_STORE"] == secret


@pytest.mark.parametrize("names", [LOOPBACK, (*LOOPBACK, ANY_ADDRESS)])
def test_streamlit_is_configured_whatever_a_user_has_set(
    names: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")
    # In a process of its own: the options are those of a process.
    code = f"""
from streamlit import config
from shoal.dashboard.server.process import configure_streamlit
configure_streamlit({{"server.port": 18_599}}, {names!r})
names = "server.enableXsrfProtection server.maxUploadSize theme.light.textColor server.port"
print([config.get_option(name) for name in names.split()])
print(config.get_option("server.allowedHosts"))
"""
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").write_text(
        "[server]\nenableXsrfProtection = false\nmaxUploadSize = 900\n"
    )
    monkeypatch.setenv("STREAMLIT_SERVER_MAX_UPLOAD_SIZE", "900")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    options, allowed = done.stdout.splitlines()
    assert options == str([True, launch.MAX_UPLOAD_MB, LIGHT.text, 18_599])
    assert (ANY_ADDRESS in names) == (allowed != str(list(LOOPBACK)))


def test_a_missing_extra_names_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install 'shoal\[dashboard\]'"):
        launch.server_arguments("127.0.0.1", 8501)


def test_a_taken_port_is_passed_over() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert launch.free_port("127.0.0.1", port) != port
