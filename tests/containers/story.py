"""What is proved, in order: built, up, hardened, trained, scraped, attacked, the same in the end, gone."""

from __future__ import annotations

import json
import time
import urllib.parse
from collections.abc import Sequence

from tests.containers import posture
from tests.containers.curl import Curl, wait
from tests.containers.engine import ROOT, docker, image_megabytes
from tests.containers.images import Servers, gather
from tests.containers.stack import WORKER, Stack
from tests.containers.table import Table
from tests.containers.training import Essence, Training

SERVERS = ("postgres", "redis", "prometheus", "grafana")
OURS = ("api", "controller", WORKER)
SCRAPE_SECONDS = 90.0
START_SECONDS = 60.0


class Story:
    """One run on one stack."""

    def __init__(self, stack: Stack, table: Table) -> None:
        self._stack = stack
        self._table = table
        self._images = {name: service["image"] for name, service in stack.config()["services"].items()}
        self._services: tuple[str, ...] = ()

    def tell(self, build: bool) -> None:
        """Prove everything that can be. Raises EngineError or AssertionError where something fails."""
        servers = self._prepare(build)
        self._services = (*(name for name in SERVERS if name not in servers.missing), *OURS)
        prove = self._table.prove
        prove("every service is up and healthy", self._up)
        self._look()
        curl = Curl(self._stack.address("api", 8642), self._token())
        prove("without a token nothing is told", lambda: _closed(Curl(curl.address)))
        prove("the page is whole", lambda: _page(Curl(curl.address)))
        prove("the API starts", self._start_again)
        curl = Curl(self._stack.address("api", 8642), self._token())
        self._train(Training(self._stack, curl))
        prove("secrets show nowhere after all that", self._unseen)
        prove("secrets stand in no file of a job", lambda: posture.secrets_unwritten(self._stack))
        prove("the one-shots may run again", self._again)
        self._untried(servers)

    def _prepare(self, build: bool) -> Servers:
        found: list[Servers] = []

        def fetch() -> str:
            found.append(gather({name: self._images[name] for name in SERVERS}))
            return f"published {_names(found[0].published)}; stood in for {_names(found[0].stood_in)}"

        self._table.prove("images of the servers", fetch)
        if build:
            self._table.prove("both of our images are built", self._build)
        else:
            self._table.leave("both of our images are built", "--built: those of the last build run")
        return found[0]

    def _build(self) -> str:
        self._stack.build()
        ours = {self._images["api"], self._images[WORKER]}
        return ", ".join(f"{image} {image_megabytes(image):.0f} MB" for image in sorted(ours))

    def _up(self) -> str:
        self._stack.up(self._services, workers=2)
        return f"{', '.join(self._services)}; two workers"

    def _look(self) -> None:
        stack, every, prove = self._stack, self._every(), self._table.prove
        prove("containers are hardened", lambda: posture.hardened(stack, every))
        prove("only three services are published", lambda: posture.loopback_only(stack, every))
        prove("secrets show nowhere", self._unseen)
        prove("secrets are kept apart", lambda: posture.kept_apart(stack))

    def _every(self) -> tuple[str, ...]:
        return ("secrets", "migrate", *self._services)

    def _unseen(self) -> str:
        ours = (self._images["api"], self._images[WORKER])
        return posture.secrets_unseen(self._stack, self._every(), ours)

    def _token(self) -> str:
        return self._stack.inside("api", "cat", f"{posture.SECRETS}/epochd_token").strip()

    def _start_again(self) -> str:
        """From the start of the process to its first answer; a machine that is busy makes it longer."""
        self._stack.compose("stop", "api")
        began = time.monotonic()
        docker("start", self._stack.container("api"))
        curl = Curl(self._stack.address("api", 8642))
        wait("an answer of the API", START_SECONDS, lambda: curl.status("/healthz") == 200)
        seconds = time.monotonic() - began
        used = self._stack.cpu_seconds("api")
        return f"{seconds:.2f} s from `docker start` to the first answer, {used:.2f} s of a core used"

    def _train(self, training: Training) -> None:
        prove, stack = self._table.prove, self._stack
        calm: list[Essence] = []
        prove("a job trains to its end", lambda: _calm(training, calm))
        job_id = training.submit("disturbed")
        prove("Prometheus scrapes the job while it trains", lambda: self._scrape(training, job_id))
        prove("cancelled, it checkpoints", lambda: _cancel(training, job_id))
        prove("resumed, it goes on", lambda: _resume(training, job_id))
        prove("its worker's container is killed; another takes over", lambda: _kill(training, job_id))
        prove("Redis is restarted under it", lambda: _restart(stack, training, job_id, "redis"))
        prove("PostgreSQL is restarted under it", lambda: _restart(stack, training, job_id, "postgres"))
        prove("its weights are those of the run left alone", lambda: _compare(training, job_id, calm[0]))
        prove("torch.compile finds what it needs in a worker", lambda: _compile(stack))

    def _scrape(self, training: Training, job_id: str) -> str:
        training.await_step(job_id, 1)
        curl = Curl(self._stack.address("prometheus", 9090))

        def value(expression: str) -> float | None:
            found = curl.ask("/api/v1/query?query=" + urllib.parse.quote(expression))["data"]["result"]
            return float(found[0]["value"][1]) if found else None

        up = wait("a scrape", SCRAPE_SECONDS, lambda: value('up{job="epochd"}'))
        wait("the running job", SCRAPE_SECONDS, lambda: value('sum(epochd_jobs{status="running"})'))
        return f"up is {up:.0f} and one job runs, says Prometheus by its own API"

    def _again(self) -> str:
        before = posture.secret_values(self._stack)
        for one_shot in ("secrets", "migrate"):
            self._stack.compose("run", "--rm", "--no-TTY", one_shot)
        assert posture.secret_values(self._stack) == before, "a second start made other secrets"
        return "secrets and schema stay as they are"

    def _untried(self, servers: Servers) -> None:
        leave = self._table.leave
        if docker("info", "--format", "{{json .Runtimes}}").find("nvidia") < 0:
            leave(
                "the GPU worker", "this engine has no NVIDIA runtime; the compose file is checked as a file"
            )
        for service in servers.missing:
            leave(
                f"the service {service}", f"{self._images[service]} cannot be had here; its files are checked"
            )
        for service in servers.stood_in:
            leave(f"the published image of {service}", f"{self._images[service]} was stood in for")


def _closed(curl: Curl) -> str:
    answers = {path: curl.status(path) for path in ("/jobs", "/workers", "/metrics", "/readyz")}
    assert set(answers.values()) == {401}, json.dumps(answers)
    return f"{', '.join(answers)}: 401"


def _page(curl: Curl) -> str:
    """Every script and style of the checkout is in the image, and needs no token."""
    folder = ROOT / "api" / "web"
    names = [
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in (".js", ".css")
    ]
    answers = {path: curl.status(path) for path in ("/", *(f"/web/{name}" for name in names))}
    assert set(answers.values()) == {200}, [path for path, status in answers.items() if status != 200]
    return f"/ and {len(names)} scripts and styles"


def _calm(training: Training, kept: list[Essence]) -> str:
    training.fit()
    job_id = training.submit("left alone")
    job = training.await_status(job_id, "succeeded")
    kept.append(training.essence(job_id))
    assert len(job["attempts"]) == 1 and kept[0].tensors, "it was not left alone"
    return f"{job['progress']['steps']} steps, {len(kept[0].history)} points"


def _cancel(training: Training, job_id: str) -> str:
    training.await_step(job_id, 2)
    training.cancel(job_id)
    job = training.await_status(job_id, "cancelled")
    return f"at step {job['progress']['step']}"


def _resume(training: Training, job_id: str) -> str:
    before = training.show(job_id)["progress"]["step"]
    training.resume(job_id)
    job = training.await_step(job_id, before + 1, attempt=2)
    assert job["attempts"][-1]["exact"] is True, job["attempts"][-1]["exact_why"]
    return f"exactly, from step {job['attempts'][-1]['resumed_step']}"


def _kill(training: Training, job_id: str) -> str:
    job = training.show(job_id)
    killed = training.worker_of(job)
    docker("kill", "--signal", "KILL", killed)
    # One step more than before: the step of the attempt before stands until the new one tells its own.
    after = training.await_step(job_id, job["progress"]["step"] + 1, attempt=job["attempt"] + 1)
    docker("start", killed)
    assert after["attempts"][-1]["exact"] is True, after["attempts"][-1]["exact_why"]
    assert training.worker_of(after) != killed, "no other worker took over"
    return f"attempt {after['attempt']} runs in {training.worker_of(after)[:12]} from step " + str(
        after["attempts"][-1]["resumed_step"]
    )


def _restart(stack: Stack, training: Training, job_id: str, service: str) -> str:
    before = training.show(job_id)
    assert before["status"] == "running", f"the job was {before['status']} too early: give it more epochs"
    stack.compose("restart", service)
    job = training.await_step(job_id, before["progress"]["step"] + 1, attempt=before["attempt"])
    return (
        f"step {before['progress']['step']} before, {job['progress']['step']} after, attempt {job['attempt']}"
    )


def _compare(training: Training, job_id: str, calm: Essence) -> str:
    job = training.await_status(job_id, "succeeded")
    essence = training.essence(job_id)
    assert essence.tensors == calm.tensors, f"other tensors: {essence.tensors} and {calm.tensors}"
    assert essence.history == calm.history, "other metric points"
    digest = essence.tensors["model.safetensors"][:12]
    return f"{len(job['attempts'])} attempts; model {digest}, optimizer and {len(calm.history)} points equal"


def _compile(stack: Stack) -> str:
    script = (
        "import torch, torch._inductor.config as config; config.compile_threads = 1; "
        "print(torch.compile(lambda x: x.sin() + 1)(torch.zeros(64)).sum().item())"
    )
    total = stack.inside(WORKER, "python", "-c", script).strip()
    assert total == "64.0", f"a compiled sum of 64 ones is {total}"
    return "a kernel was compiled and ran in its container"


def _names(services: Sequence[str]) -> str:
    return ", ".join(services) or "none"
