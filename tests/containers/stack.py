"""One stack of the compose file under a name of its own, on ports of its own."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from tests.containers.engine import BUILD_SECONDS, docker

PROFILE = "cpu"
WORKER = "worker-cpu"
READY_SECONDS = 300.0


class Stack:
    """Made, asked, disturbed and taken down. Another stack on the same machine is left alone."""

    def __init__(self) -> None:
        self.project = f"epochd-proof-{secrets.token_hex(3)}"
        # Port 0: the engine chooses. A small worker, so that two of them fit a laptop.
        self.environ: Mapping[str, str] = {
            "STACK_API_PORT": "0",
            "STACK_PROMETHEUS_PORT": "0",
            "STACK_GRAFANA_PORT": "0",
            "STACK_WORKER_MEMORY": "3g",
            "STACK_SLOTS": "1",
        }

    def compose(self, *arguments: str, seconds: float = READY_SECONDS) -> str:
        command = ("compose", "--project-name", self.project, "--profile", PROFILE, *arguments)
        return docker(*command, seconds=seconds, environ=self.environ)

    def config(self) -> dict[str, Any]:
        """The compose file as the engine understands it."""
        document: dict[str, Any] = json.loads(self.compose("config", "--format", "json"))
        return document

    def build(self) -> None:
        self.compose("build", "--quiet", seconds=BUILD_SECONDS)

    def up(self, services: Sequence[str], workers: int) -> None:
        """Start these services and what they need, and wait until every health check is content."""
        self.compose("up", "--detach", "--no-build", "--wait", "--scale", f"{WORKER}={workers}", *services)

    def down(self) -> None:
        """Take away containers, networks and volumes, whatever they hold."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "20")

    def left_over(self) -> list[str]:
        """What of this stack the engine still holds."""
        label = f"label=com.docker.compose.project={self.project}"
        kinds = (("ps", "--all"), ("volume", "ls"), ("network", "ls"))
        return [name for kind in kinds for name in docker(*kind, "--quiet", "--filter", label).split()]

    def container(self, service: str) -> str:
        return self.containers(service)[0]

    def containers(self, service: str) -> list[str]:
        """Ids of its containers, also those that have ended."""
        return self.compose("ps", "--all", "--quiet", service).split()

    def inspect(self, container: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(docker("inspect", container))[0]
        return found

    def inside(self, service: str, *command: str) -> str:
        """What a command within a running container of the service wrote."""
        return self.compose("exec", "--no-TTY", service, *command)

    def cpu_seconds(self, service: str) -> float:
        """What the processes of a container have used of a core, by cgroup v2 or v1."""
        script = "cat /sys/fs/cgroup/cpu.stat 2>/dev/null || cat /sys/fs/cgroup/cpuacct/cpuacct.usage"
        words = self.inside(service, "sh", "-c", script).split()
        return int(words[1]) / 1e6 if words[0] == "usage_usec" else int(words[0]) / 1e9

    def address(self, service: str, port: int) -> str:
        """Where a published port is to be found from outside."""
        return "http://" + self.compose("port", service, str(port)).strip()
