"""What may be seen of a running stack from its engine: who runs as whom, what is open, where secrets show."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from tests.containers.engine import docker
from tests.containers.stack import Stack

SECRETS = "/run/secrets"
PUBLISHED = {"api", "prometheus", "grafana"}


def hardened(stack: Stack, services: Sequence[str]) -> str:
    """Every container: no root, no capabilities, nothing writable but volumes and tmpfs, bounded."""
    count = 0
    for service, found in _containers(stack, services):
        host = found["HostConfig"]
        assert found["Config"]["User"] not in ("", "0", "root", "0:0"), f"{service} runs as root"
        assert host["ReadonlyRootfs"], f"{service} may write to its root"
        assert host["CapDrop"] == ["ALL"] and not host["CapAdd"], f"{service} holds capabilities"
        assert "no-new-privileges:true" in host["SecurityOpt"], f"{service} may gain privileges"
        assert host["Memory"] > 0 and host["PidsLimit"] > 0, f"{service} has no limit on memory or processes"
        count += 1
    return f"{count} containers: not root, read-only root, no capabilities, limits on memory and processes"


def loopback_only(stack: Stack, services: Sequence[str]) -> str:
    """Only those that a person looks at are published, and on this machine alone."""
    open_ones = {}
    for service, found in _containers(stack, services):
        bindings = [
            one for ports in (found["NetworkSettings"]["Ports"] or {}).values() for one in ports or ()
        ]
        assert not bindings or service in PUBLISHED, f"{service} is published"
        assert all(one["HostIp"] == "127.0.0.1" for one in bindings), f"{service} listens to other machines"
        if bindings:
            open_ones[service] = bindings[0]["HostIp"]
    return f"{', '.join(sorted(open_ones))} on 127.0.0.1; nothing else is published"


def secrets_unseen(stack: Stack, services: Sequence[str], ours: Sequence[str]) -> str:
    """No secret stands in an environment, a command line, a log or a layer."""
    values = secret_values(stack)
    texts = {f"inspect {service}": json.dumps(found) for service, found in _containers(stack, services)}
    texts |= {f"log of {service}": stack.compose("logs", "--no-color", service) for service in services}
    texts |= {f"layers of {image}": docker("history", "--no-trunc", image) for image in ours}
    for place, text in texts.items():
        for name, value in values.items():
            assert value not in text, f"{name} can be read in: {place}"
    return f"{len(values)} secrets in none of {len(texts)} inspections, logs and layers"


def secret_values(stack: Stack) -> dict[str, str]:
    """Name -> what must be seen nowhere; an address counts by the password within it."""
    script = (
        "import json, pathlib; print(json.dumps({p.name: p.read_text().strip() "
        f"for p in pathlib.Path('{SECRETS}').iterdir()}}))"
    )
    values: dict[str, str] = json.loads(stack.inside("controller", "python", "-c", script))
    return {
        name: value for name, value in values.items() if "://" not in value and not value.startswith("user ")
    }


def kept_apart(stack: Stack) -> str:
    """Prometheus cannot read what belongs to others, though the files lie in the same volume."""
    listing = stack.inside("controller", "ls", "-ln", SECRETS).splitlines()[1:]
    modes = {line.split()[-1]: (line.split()[0], line.split()[3]) for line in listing}
    groups = {"postgres_password": "10011", "redis_users": "10012", "prometheus_token": "10013"}
    for name, group in groups.items():
        assert modes[name] == ("-r--r-----", group), f"{name} is {modes[name]}"
    assert modes["epochd_token"][0] == "-r--------", f"epochd_token is {modes['epochd_token']}"
    return "each server's file is for its group alone (0440), those of epochd for it alone (0400)"


def _containers(stack: Stack, services: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for service in services:
        for container in stack.containers(service):
            yield service, stack.inspect(container)
