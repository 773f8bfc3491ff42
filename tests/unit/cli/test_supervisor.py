"""The supervisor of embedded mode, with scripted children and a clock that only moves when told to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cli.embedded.launch import GRACE_SECONDS, READY_LIMIT_SECONDS, Edges, run
from cli.embedded.program import Program
from cli.embedded.supervisor import LONGEST_DELAY_SECONDS, STEADY_SECONDS, Supervisor
from cli.errors import ServiceFailed
from cli.exits import Exit


@dataclass
class FakeChild:
    """A process that ends when the test says so."""

    deaf: bool = False
    code: int | None = None
    killed: int = 0

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        if not self.deaf:
            self.code = 0

    def kill(self) -> None:
        self.killed += 1
        if self.code is None:
            self.code = -9


@dataclass
class World:
    """A clock, what was started, what was told, and requests to stop."""

    tmp_path: Path
    now: float = 0.0
    deaf: bool = False
    broken: str = ""
    """Name of a program that ends as soon as it starts."""
    count: int = 0
    stop_at: float = float("inf")
    stop_again_at: float = float("inf")
    children: list[tuple[str, FakeChild]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.count = (self.now >= self.stop_at) + (self.now >= self.stop_again_at)

    def spawn(self, program: Program) -> FakeChild:
        child = FakeChild(self.deaf, 2 if program.name == self.broken else None)
        self.children.append((program.name, child))
        return child

    def supervisor(self, *names: str) -> Supervisor:
        programs = [Program(name, (name,), {}, self.tmp_path / f"{name}.log") for name in names]
        return Supervisor(programs, self.spawn, self.clock, self.told.append)

    def edges(self, ready_at: float = 0.0) -> Edges:
        return Edges(self, lambda: self.now >= ready_at, self.clock, self.told.append)

    def newest(self) -> FakeChild:
        return self.children[-1][1]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def ready(world: World, *names: str) -> Supervisor:
    supervisor = world.supervisor(*names)
    supervisor.start()
    supervisor.mark_ready()
    return supervisor


def test_a_crashed_program_is_started_again_after_its_delay_and_not_before(world: World) -> None:
    supervisor = ready(world, "worker")
    world.newest().code = 1
    supervisor.tend()
    supervisor.tend()
    assert len(world.children) == 1
    world.now += 0.5
    supervisor.tend()
    assert [name for name, _ in world.children] == ["worker", "worker"]
    assert world.told == [
        f"worker ended with code 1; starting it again in 0.5 s ({world.tmp_path}/worker.log)"
    ]


def test_the_delay_doubles_for_a_program_that_keeps_crashing_and_has_a_limit(world: World) -> None:
    supervisor = ready(world, "worker")
    for _ in range(9):
        world.newest().code = -11
        supervisor.tend()
        world.now += LONGEST_DELAY_SECONDS
        supervisor.tend()
    delays = [sentence.split()[-3] for sentence in world.told]
    assert delays == ["0.5", "1", "2", "4", "8", "16", "30", "30", "30"]
    assert "was ended by signal 11" in world.told[0]


def test_a_program_that_ran_for_long_starts_its_back_off_anew(world: World) -> None:
    supervisor = ready(world, "worker")
    for _ in range(3):
        world.newest().code = 1
        supervisor.tend()
        world.now += 5
        supervisor.tend()
    world.now += STEADY_SECONDS
    world.newest().code = 1
    supervisor.tend()
    assert "in 0.5 s" in world.told[-1]


def test_what_a_crashed_program_left_in_its_group_is_ended_before_the_next_one_starts(world: World) -> None:
    supervisor = ready(world, "worker")
    crashed = world.newest()
    crashed.code = 1
    supervisor.tend()
    assert crashed.killed == 1


def test_a_program_that_needs_the_tables_is_started_only_when_the_service_is_ready(world: World) -> None:
    programs = [Program("api", (), {}, world.tmp_path), Program("worker", (), {}, world.tmp_path, waits=True)]
    supervisor = Supervisor(programs, world.spawn, world.clock, world.told.append)
    supervisor.start()
    supervisor.tend()
    assert [name for name, _ in world.children] == ["api"]
    supervisor.mark_ready()
    assert [name for name, _ in world.children] == ["api", "worker"]


def test_a_program_that_ends_before_the_service_was_ready_is_told_with_its_last_lines(world: World) -> None:
    supervisor = world.supervisor("api")
    supervisor.start()
    (world.tmp_path / "api.log").write_text("first\nNo module named 'api'\n")
    world.newest().code = 1
    with pytest.raises(
        ServiceFailed, match=r"api ended with code 1 while starting(.|\n)*No module named 'api'"
    ):
        supervisor.tend()


def test_run_says_once_that_it_is_ready_and_stops_on_request(world: World) -> None:
    world.stop_at = 10.0
    code = run(world.supervisor("api", "worker"), "http://x", world.edges(ready_at=1.0))
    assert code == Exit.OK
    assert [line for line in world.told if "ready" in line] == ["epochd is ready at http://x (in 1.0 s)"]
    assert all(child.code == 0 and child.killed == 1 for _, child in world.children)


def test_a_program_that_ignores_the_request_is_killed_after_the_grace_and_named(world: World) -> None:
    world.stop_at, world.deaf = 5.0, True
    code = run(world.supervisor("api"), "http://x", world.edges())
    assert code == Exit.SERVICE_ERROR
    assert world.newest().code == -9
    assert world.now >= 5.0 + GRACE_SECONDS
    assert world.told[-1] == "api did not end by itself and was killed"


def test_a_second_request_to_stop_kills_at_once(world: World) -> None:
    world.stop_at, world.stop_again_at, world.deaf = 5.0, 6.0, True
    run(world.supervisor("api"), "http://x", world.edges())
    assert world.newest().code == -9
    assert world.now < 5.0 + GRACE_SECONDS / 2


def test_nothing_is_left_running_when_the_service_never_becomes_ready(world: World) -> None:
    with pytest.raises(ServiceFailed, match="not ready"):
        run(world.supervisor("api", "worker"), "http://x", world.edges(ready_at=float("inf")))
    assert world.now >= READY_LIMIT_SECONDS
    assert all(child.poll() is not None for _, child in world.children)


def test_nothing_is_left_running_when_one_of_two_programs_cannot_start(world: World) -> None:
    world.broken = "worker"
    supervisor = world.supervisor("api", "worker")
    with pytest.raises(ServiceFailed, match="worker ended with code 2"):
        run(supervisor, "http://x", world.edges(ready_at=5.0))
    assert all(child.poll() is not None for _, child in world.children)
