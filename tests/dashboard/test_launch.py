"""How the dashboard's server is started."""

from __future__ import annotations

import pytest

from shoal.dashboard.server import launch
from shoal.errors import SettingsError
from shoal.presentation.palette import LIGHT


def test_the_server_hides_the_store_from_the_process_list() -> None:
    secret = "postgresql://u:hunter2@db/shoal"
    assert "hunter2" not in " ".join(launch.server_arguments("127.0.0.1", 8501))
    environment = launch.environment(secret)
    assert environment["SHOAL_STORE"] == secret


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
