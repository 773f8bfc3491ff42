"""In how many processes a job trains, and what cannot be divided among them."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import InvalidSpec
from shared.specs.catalogue import installed_workloads
from shared.specs.processes import process_count
from shared.specs.resolve import resolve_spec

WORKLOADS = installed_workloads()


def count(**request: Any) -> int:
    return process_count(
        resolve_spec({"workload": "noop", **request}, WORKLOADS).spec.model_dump(mode="json")
    )


@pytest.mark.parametrize(
    ("request_", "processes"),
    [
        ({}, 1),
        ({"resources": {"processes": 3}}, 3),
        ({"resources": {"gpus": 1}}, 1),
        ({"resources": {"gpus": 4}}, 4),
        ({"resources": {"gpus": 4, "processes": 4}}, 4),
        ({"resources": {"gpus": 4}, "trainer": {"device": "cpu"}}, 1),
        ({"resources": {"processes": 3}, "kind": "preflight"}, 3),
        ({"resources": {"processes": 3}, "kind": "eval", "init_from": {"job": "0123456789"}}, 1),
    ],
)
def test_a_process_on_each_gpu_or_as_many_as_asked_for(request_: dict[str, Any], processes: int) -> None:
    assert count(**request_) == processes


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (
            {"resources": {"gpus": 2, "processes": 4}},
            "resources.processes is 4 and resources.gpus is 2; one process runs on each GPU, so leave "
            "resources.processes out",
        ),
        (
            {"resources": {"processes": 5}},
            "a step has 4 samples (trainer.batch_size x trainer.accumulate), too few for 5 processes; "
            "ask for fewer, or set trainer.batch_size higher",
        ),
        (
            {"resources": {"processes": 2}, "memory": {"plan": "measured"}},
            'memory.plan "measured" tries one process and the job asks for 2; set it to "spec"',
        ),
    ],
)
def test_what_cannot_be_divided_is_refused_in_a_sentence(request_: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        count(**request_)
    assert refused.value.message == sentence
    (problem,) = refused.value.fields
    assert problem.field == "resources.processes"
