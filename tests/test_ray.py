"""Ray: the contract of executors on a cluster of two nodes, a node that dies, and a Ray of our own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shoal.executors import Executor
from shoal.executors.ray import RayExecutor
from test_executors import HURRIED, PROBLEM, ExecutorContract


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes on this machine, one CPU each, as others would have started them."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        token = Path(folder) / "token"
        token.touch(mode=0o600)
        token.write_text("0" * 64)
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # listen on 127.0.0.1
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]))
        from ray.cluster_utils import Cluster

        local = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "include_dashboard": False}
        made = Cluster(initialize_head=True, head_node_args=local)
        try:
            made.add_node(**local)
            patch.setenv("RAY_ADDRESS", made.address)
            yield made
        finally:
            made.shutdown()


class TestRayExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self, cluster: Any) -> Iterator[Executor]:
        with RayExecutor(PROBLEM) as made:
            yield made

    @pytest.fixture
    def hurried(self, cluster: Any) -> Iterator[Executor]:
        with RayExecutor(HURRIED) as made:
            yield made
