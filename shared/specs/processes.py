"""How many processes a job trains in, and whether its spec can be divided among them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.errors import FieldProblem, InvalidSpec
from shared.specs.job import JobSpec
from shared.specs.parts import TrainerSpec


def process_count(spec: Mapping[str, Any]) -> int:
    """The processes of a dumped spec; a preflight runs in those of its training, an evaluation in one."""
    if spec["kind"] not in ("train", "preflight"):
        return 1
    resources = spec["resources"]
    on_gpus = resources["gpus"] if spec["trainer"]["device"] != "cpu" else 1
    return resources.get("processes") or max(1, on_gpus)


def samples_at_once(trainer: TrainerSpec, processes: int) -> int:
    """The most that one of so many processes passes at once."""
    return min(trainer.batch_size, -(-trainer.batch_size * trainer.accumulate // processes))


def check_processes(spec: JobSpec) -> None:
    """Raises InvalidSpec where the processes asked for could not share the work."""
    asked, gpus = spec.resources.processes, spec.resources.gpus
    if gpus and asked not in (None, gpus) and spec.trainer.device != "cpu":
        raise _refusal(
            f"resources.processes is {asked} and resources.gpus is {gpus}; one process runs on each GPU, so "
            "leave resources.processes out"
        )
    count = process_count(spec.model_dump(mode="json", include={"kind", "resources", "trainer"}))
    effective = spec.trainer.batch_size * spec.trainer.accumulate
    if count > effective:
        raise _refusal(
            f"a step has {effective} samples (trainer.batch_size x trainer.accumulate), too few for {count} "
            "processes; ask for fewer, or set trainer.batch_size higher"
        )
    if count > 1 and spec.memory.plan == "measured":
        raise _refusal(
            f'memory.plan "measured" tries one process and the job asks for {count}; set it to "spec"'
        )


def _refusal(sentence: str) -> InvalidSpec:
    return InvalidSpec(sentence, (FieldProblem("resources.processes", sentence),))
