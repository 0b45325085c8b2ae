"""The manifests fit together: names, ports, volumes, secrets, and commands that exist.

The shapes of the objects are a matter of `kubernetes-validate --strict`, which CI runs.
"""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import yaml

from shoal.cli.main import app
from support.locations import ROOT

FOLDER = ROOT / "packaging" / "kubernetes"
README = (FOLDER / "README.md").read_text()
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())

Resource = dict[str, Any]


def all_resources() -> list[Resource]:
    found: list[Resource] = []
    for name in KUSTOMIZATION["resources"]:
        found += yaml.safe_load_all((FOLDER / name).read_text())
    return found


RESOURCES = all_resources()
WORKLOADS = [each for each in RESOURCES if each["kind"] in ("Deployment", "StatefulSet")]


def of_kind(kind: str) -> list[Resource]:
    return [each for each in RESOURCES if each["kind"] == kind]


def pod(workload: Resource) -> Resource:
    template: Resource = workload["spec"]["template"]
    return template


def containers(workload: Resource) -> list[Resource]:
    found: list[Resource] = pod(workload)["spec"]["containers"]
    return found


def name_of(resource: Resource) -> str:
    return f"{resource['kind']}/{resource['metadata']['name']}"


def test_every_file_is_applied() -> None:
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert files == set(KUSTOMIZATION["resources"])
    assert len(WORKLOADS) == 4
    names = [name_of(each) for each in RESOURCES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("workload", WORKLOADS, ids=name_of)
def test_a_workload_selects_its_own_pods(workload: Resource) -> None:
    wanted = workload["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= pod(workload)["metadata"]["labels"].items()


@pytest.mark.parametrize("service", of_kind("Service"), ids=name_of)
def test_a_service_leads_to_a_port_of_one_workload(service: Resource) -> None:
    wanted = service["spec"]["selector"].items()
    behind = [each for each in WORKLOADS if wanted <= pod(each)["metadata"]["labels"].items()]
    assert len(behind) == 1

    ports = set()
    for container in containers(behind[0]):
        ports |= {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


@pytest.mark.parametrize("policy", of_kind("NetworkPolicy"), ids=name_of)
def test_a_policy_concerns_pods_that_exist(policy: Resource) -> None:
    wanted = policy["spec"]["podSelector"]["matchLabels"].items()
    assert any(wanted <= pod(each)["metadata"]["labels"].items() for each in WORKLOADS)


@pytest.mark.parametrize("workload", WORKLOADS, ids=name_of)
def test_what_is_mounted_is_declared(workload: Resource) -> None:
    declared = {volume["name"] for volume in pod(workload)["spec"].get("volumes", [])}
    for claim in workload["spec"].get("volumeClaimTemplates", []):
        declared.add(claim["metadata"]["name"])
    claims = {each["metadata"]["name"] for each in of_kind("PersistentVolumeClaim")}

    for container in containers(workload):
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == declared
    for volume in pod(workload)["spec"].get("volumes", []):
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        assert claim is None or claim in claims


@pytest.mark.parametrize("workload", WORKLOADS, ids=name_of)
def test_probes_ask_ports_that_are_there(workload: Resource) -> None:
    for container in containers(workload):
        ports = {port["name"] for port in container.get("ports", [])}
        for name, probe in container.items():
            if name.endswith("Probe"):
                kinds = [probe[kind] for kind in ("httpGet", "tcpSocket") if kind in probe]
                assert all(kind["port"] in ports for kind in kinds)


@pytest.mark.parametrize("workload", WORKLOADS, ids=name_of)
def test_no_pod_is_root_or_may_become_it(workload: Resource) -> None:
    """What the namespace's label `restricted` demands, or the pods would be refused."""
    spec = pod(workload)["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    for container in containers(workload):
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]


def test_secrets_are_those_that_the_readme_makes() -> None:
    made = set(re.findall(r"--from-literal=([\w-]+)=", README))
    used = set()
    for workload in WORKLOADS:
        for container in containers(workload):
            for variable in container.get("env", []):
                reference = variable.get("valueFrom", {}).get("secretKeyRef")
                if reference is not None:
                    assert reference["name"] == "shoal"
                    used.add(reference["key"])
    assert used == made == {"database-password", "store", "ray-token"}
    assert not of_kind("Secret")


def test_images_are_ours_or_postgresql() -> None:
    ours = {image["name"] for image in KUSTOMIZATION["images"]}
    images = set()
    for workload in WORKLOADS:
        images |= {container["image"] for container in containers(workload)}
    assert images - ours == {"postgres:17"}


def test_the_service_joins_ray_and_serves_with_options_that_exist() -> None:
    import typer.main

    deployment = next(each for each in WORKLOADS if name_of(each) == "Deployment/shoal")
    (line,) = containers(deployment)[0]["args"]
    joined, _, served = line.partition("&& exec ")
    assert shlex.split(joined)[:2] == ["ray", "start"]

    words = shlex.split(served)
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    commands[words[1]].make_context(words[1], words[2:])
    assert words[:4] == ["shoal", "serve", "--host", "0.0.0.0"]


def test_ray_is_one_cluster_with_a_token() -> None:
    """Whoever joins names the head's service and port, and has the token."""
    (service,) = [each for each in of_kind("Service") if each["metadata"]["name"] == "ray-head"]
    head = f"ray-head:{service['spec']['ports'][0]['port']}"
    members = [
        each for each in WORKLOADS if pod(each)["metadata"]["labels"].get("shoal/ray") == "member"
    ]
    assert len(members) == 3
    for member in members:
        (container,) = containers(member)
        variables = {each["name"]: each for each in container["env"]}
        assert variables["RAY_AUTH_MODE"]["value"] == "token"
        assert "RAY_AUTH_TOKEN" in variables
        words = [*container["command"], *container.get("args", [])]
        is_head = "--head" in words
        named = (
            f"--address={head}" in words or variables.get("RAY_ADDRESS", {}).get("value") == head
        )
        assert is_head != named
