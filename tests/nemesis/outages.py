"""Faults of what the stack stands on: controllers, Redis and PostgreSQL."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping

from tests.nemesis.cast import CONTROLLERS
from tests.nemesis.freeze import freeze
from tests.nemesis.scene import Scene, choose

FREEZE_SECONDS = 12.0
"""Lease, grace and a few rounds: time for the other controller to do all that this one was about to."""
PAUSE_SECONDS = 3.0
DOWN_SECONDS = 3.0
CUTS = 5
CUT_SECONDS = 0.2
NO_BROKER = "queued without a broker"
BROKER_BACK = "queued when the broker came back"

Fault = Callable[[Scene, float], bool]


def _kill_controller(scene: Scene, pick: float) -> bool:
    scene.world.kill(choose(CONTROLLERS, pick))
    return True


def _freeze_controller(scene: Scene, pick: float) -> bool:
    """Stop one where there is a dead worker's work to give away, until the other has done it."""
    process = scene.world.processes[choose(CONTROLLERS, pick)]
    scene.world.kill(choose(scene.world.workers, pick * 7 % 1))
    scene.live(pick * FREEZE_SECONDS / 2)
    freeze(scene.world, process)
    scene.live(FREEZE_SECONDS)
    process.send_signal(signal.SIGCONT)
    return True


def _kill_redis(scene: Scene, _pick: float) -> bool:
    scene.broker.kill()
    scene.broker.start()
    return True


def _empty_redis(scene: Scene, _pick: float) -> bool:
    scene.broker.kill()
    scene.broker.empty()
    scene.broker.start()
    return True


def _flush_redis(scene: Scene, _pick: float) -> bool:
    with scene.broker.client() as client:
        client.flushall()
    return True


def _cut_redis(scene: Scene, _pick: float) -> bool:
    """Whether anybody was connected."""
    with scene.broker.client() as client:
        killed = sum(client.client_kill_filter(_type=kind, skipme=True) for kind in ("normal", "pubsub"))
    return bool(killed)


def _pause_redis(scene: Scene, pick: float) -> bool:
    scene.broker.pause()
    scene.live(PAUSE_SECONDS * (1 + pick))
    scene.broker.go_on()
    return True


def _leave_redis_down(scene: Scene, _pick: float) -> bool:
    """Until a job that came meanwhile has started; then another is queued when it comes back."""
    scene.broker.kill()
    first = scene.probe()
    if first is not None:
        scene.watch_start(first, NO_BROKER, time.time())
    second = scene.probe()
    scene.broker.start()
    if second is not None:
        scene.watch_start(second, BROKER_BACK, time.time())
    return True


def _crash_postgres(scene: Scene, pick: float) -> bool:
    """In the middle of whatever it is doing."""
    return _restart_postgres("immediate", scene, pick)


def _stop_postgres(scene: Scene, pick: float) -> bool:
    return _restart_postgres("fast", scene, pick)


def _restart_postgres(mode: str, scene: Scene, pick: float) -> bool:
    scene.server.stop(mode)
    scene.live(DOWN_SECONDS * pick)
    scene.server.launch()
    return scene.live_until(scene.server.is_ready, 60)


def _cut_postgres(scene: Scene, _pick: float) -> bool:
    for _ in range(CUTS):
        scene.server.cut_connections()
        scene.live(CUT_SECONDS)
    return True


CONTROLLER_FAULTS: Mapping[str, Fault] = {
    "kill controller": _kill_controller,
    "freeze controller": _freeze_controller,
}
REDIS_FAULTS: Mapping[str, Fault] = {
    "kill Redis": _kill_redis,
    "kill Redis and its data": _empty_redis,
    "flush Redis": _flush_redis,
    "cut Redis connections": _cut_redis,
    "pause Redis": _pause_redis,
    "leave Redis down": _leave_redis_down,
}
POSTGRES_FAULTS: Mapping[str, Fault] = {
    "crash PostgreSQL": _crash_postgres,
    "restart PostgreSQL": _stop_postgres,
    "cut PostgreSQL connections": _cut_postgres,
}
