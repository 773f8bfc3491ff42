"""What may be seen of a running stack from its engine: who runs as whom, what is open, where secrets show."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from tests.containers.engine import EngineError, docker
from tests.containers.stack import WORKER, Stack

GIB = 1024**3
RUNS = "/var/lib/epochd/runs"
SECRETS = "/run/secrets"
OF_SERVERS = {
    "postgres_password": "10011",
    "redis_password": "10012",
    "redis_users": "10012",
    "prometheus_token": "10013",
    "grafana_password": "10014",
}
"""Secret -> the group that reads it."""
OUR_GROUP = "10001"
OURS = ("epochd_token", "epochd_database_url", "epochd_broker_url")
READ = (
    "import json, pathlib; "
    f"texts = {{p.name: p.read_text().strip() for p in pathlib.Path('{SECRETS}').iterdir()}}; "
    "secrets = {n: v for n, v in texts.items() if '://' not in v and not v.startswith('user ')}"
)
"""Python that reads the secrets within a container of ours."""
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
        assert service != WORKER or host["ShmSize"] >= 2 * GIB, (
            f"{service} has {host['ShmSize']} bytes shared"
        )
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


def secrets_unwritten(stack: Stack) -> str:
    """No secret stands in any file of a job: its log, its events, its order, its results, its checkpoints."""
    script = (
        f"{READ}; files = [p for p in pathlib.Path('{RUNS}').rglob('*') if p.is_file()]; "
        "found = [f'{n} in {p}' for p in files for t in [p.read_bytes()] for n, v in secrets.items() "
        "if v.encode() in t]; print(json.dumps([len(secrets), len(files), found]))"
    )
    secrets, files, found = json.loads(stack.inside("controller", "python", "-c", script))
    assert secrets and files and not found, f"{secrets} secrets, {files} files: {found}"
    return f"{secrets} secrets in none of {files} files"


def secret_values(stack: Stack) -> dict[str, str]:
    """Name -> what must be seen nowhere; an address counts by the password within it."""
    script = f"{READ}; print(json.dumps(secrets))"
    values: dict[str, str] = json.loads(stack.inside("controller", "python", "-c", script))
    return values


def kept_apart(stack: Stack) -> str:
    """Nobody can read what belongs to others, though the files lie in the same volume; Prometheus tries."""
    listing = stack.inside("controller", "ls", "-ln", SECRETS).splitlines()[1:]
    modes = {line.split()[-1]: (line.split()[0], line.split()[3]) for line in listing}
    wanted = {name: ("-r--r-----", group) for name, group in OF_SERVERS.items()}
    wanted |= dict.fromkeys(OURS, ("-r--------", OUR_GROUP))
    assert modes == wanted, f"{modes}, not {wanted}"
    for name in modes.keys() - {"prometheus_token"}:
        assert _refused(stack, "prometheus", f"{SECRETS}/{name}"), f"prometheus reads {name}"
    return (
        f"{len(modes)} files: each server's for its group alone (0440), those of epochd for it alone (0400)"
    )


def _refused(stack: Stack, service: str, path: str) -> bool:
    """Whether the kernel denies a service a file."""
    try:
        stack.inside(service, "cat", path)
    except EngineError as error:
        return "Permission denied" in str(error)
    return False


def _containers(stack: Stack, services: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for service in services:
        for container in stack.containers(service):
            yield service, stack.inspect(container)
