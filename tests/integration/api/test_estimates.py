"""A dry run answers what a job of the same shape measured, brought to the batch size asked for."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from shared.models import Job
from shared.specs.celestial import CELESTIAL
from tests.factories import submit_job
from tests.integration.api.conftest import Service

GIB = 1024**3
MEASURED = {
    "parameters": 10,
    "parameter_bytes": 40,
    "gradient_bytes": 40,
    "optimizer_bytes": 80,
    "activation_bytes": 5 * GIB,
    "activation_bytes_per_sample": GIB,
    "batch_size": 4,
    "bucket_bytes": 0,
    "copy_bytes": 0,
    "total_bytes": 6 * GIB,
}


def plant(service: Service, memory: dict[str, Any], **request: Any) -> str:
    job = submit_job(service.database, **request)
    with service.database.write() as session:
        session.execute(update(Job).where(Job.id == job.id).values(memory=memory))
    return job.id


def dry(service: Service, **request: Any) -> Any:
    return service.post("/jobs?dry_run=true", {"workload": "noop", **request}).json()["estimate"]


def test_the_batch_asked_for_is_reckoned_from_the_growth_that_was_measured(service: Service) -> None:
    job = plant(service, {"estimate": MEASURED}, workload="noop", trainer={"batch_size": 4})
    estimate = dry(service, trainer={"batch_size": 8}, name="another", resources={"memory_gib": 4.0})
    assert estimate["method"] == f"measured by job {job}"
    assert (estimate["batch_size"], estimate["activation_bytes"]) == (8, 9 * GIB)
    assert estimate["total_bytes"] == 10 * GIB
    assert "resources.memory_gib is 4; set it higher, or trainer.batch_size lower" in estimate["message"]
    roomy = dry(service, trainer={"batch_size": 1}, resources={"memory_gib": 4.0})
    assert roomy["message"] == "training needs about 3.00 GiB with trainer.batch_size 1"


def test_another_model_optimizer_or_an_unmeasured_job_says_nothing(service: Service) -> None:
    plant(service, {"estimate": {**MEASURED, "activation_bytes": None}}, workload="noop")
    plant(service, {}, workload="noop")
    assert dry(service) is None
    plant(service, {"estimate": MEASURED}, workload="noop", data={"samples": 9})
    assert dry(service) is None
    assert dry(service, data={"samples": 9}, optimizer={"name": "sgd"}) is None
    assert dry(service, data={"samples": 9}) is not None


def test_before_any_job_a_preset_is_answered_as_it_was_once_measured(service: Service) -> None:
    request = {"workload": "celestial", "preset": "production"}
    estimate = dry(service, **request, trainer={"batch_size": 32})
    assert estimate["method"] == "measured once for preset production"
    assert estimate["parameters"] == CELESTIAL.footprints["production"].parameters
    assert estimate["activation_bytes"] == 32 * CELESTIAL.footprints["production"].sample_bytes
    assert estimate["optimizer_bytes"] == 2 * estimate["parameter_bytes"]
    # Without the optimizer's values the state is too small to be copied for a checkpoint.
    sgd = dry(service, **request, trainer={"batch_size": 32}, optimizer={"name": "sgd"})
    copied = estimate["parameter_bytes"] + estimate["optimizer_bytes"]
    assert estimate["total_bytes"] - sgd["total_bytes"] == estimate["optimizer_bytes"] + copied
    assert dry(service, **request, data={"rows": 4000}) is not None
    assert dry(service, **request, data={"seq_len": 251}) is None
    assert dry(service, **request, trainer={"precision": "bf16"}) is None
    assert dry(service, **request, resources={"gpus": 1}) is None


def test_a_preset_in_several_processes_counts_their_buckets(service: Service) -> None:
    request = {"workload": "celestial", "preset": "production"}
    one, two = (dry(service, **request, resources={"processes": number}) for number in (1, 2))
    activations = one["activation_bytes"] - two["activation_bytes"]
    assert one["total_bytes"] - two["total_bytes"] == activations - two["gradient_bytes"]


def test_a_preflight_in_several_processes_measures_for_a_training_in_as_many(service: Service) -> None:
    two = {"processes": 2, "memory_gib": 10.0}
    asked = {"workload": "noop", "resources": two}
    job = plant(service, {"estimate": MEASURED}, kind="preflight", **asked, trainer={"batch_size": 4})
    estimate = dry(service, resources=two, trainer={"batch_size": 4})
    assert estimate["method"] == f"measured by job {job}"
    assert dry(service, resources={"processes": 1}, trainer={"batch_size": 4}) is None


def test_a_job_of_the_same_shape_knows_better_than_the_preset(service: Service) -> None:
    job = plant(service, {"estimate": MEASURED}, workload="celestial", data={"rows": 400})
    assert dry(service, workload="celestial")["method"] == f"measured by job {job}"


def test_of_several_processes_each_passes_its_share_and_all_of_them_count(service: Service) -> None:
    two = {"processes": 2, "memory_gib": 10.0}
    plant(service, {"estimate": MEASURED}, workload="noop", resources=two, trainer={"batch_size": 8})
    assert dry(service, trainer={"batch_size": 8}) is None
    estimate = dry(service, trainer={"batch_size": 8}, resources=two)
    assert (estimate["batch_size"], estimate["total_bytes"]) == (4, 6 * GIB)
    assert "6.00 GiB with trainer.batch_size 8 in each of 2 processes and resources" in estimate["message"]


def test_the_copy_for_checkpoints_counts_once_of_several_processes(service: Service) -> None:
    measured = {**MEASURED, "copy_bytes": 2 * GIB, "total_bytes": 8 * GIB}
    asked = {"workload": "noop", "trainer": {"batch_size": 16}}
    plant(service, {"estimate": measured}, **asked, resources={"processes": 4, "memory_gib": 26.0})
    # Four take 6 GiB each, and one of them 2 GiB more.
    enough = dry(service, **asked, resources={"processes": 4, "memory_gib": 26.0})
    assert enough["message"] == (
        "training needs about 6.00 GiB with trainer.batch_size 16 in each of 4 processes "
        "(and 2.00 GiB once for the copy that checkpoints are written from)"
    )
    assert (enough["total_bytes"], enough["copy_bytes"]) == (8 * GIB, 2 * GIB)
    less = dry(service, **asked, resources={"processes": 4, "memory_gib": 25.9})
    assert "written from) and resources.memory_gib is 25.9; set it higher" in less["message"]


@pytest.mark.parametrize("term", ["bucket_bytes", "copy_bytes"])
def test_an_estimate_of_before_a_term_was_counted_is_not_believed(service: Service, term: str) -> None:
    older = {name: value for name, value in MEASURED.items() if name != term}
    plant(service, {"estimate": older}, workload="celestial")
    assert dry(service, workload="celestial")["method"].startswith("measured once for preset")
    job = plant(service, {"estimate": MEASURED}, workload="celestial")
    plant(service, {"estimate": older}, workload="celestial")
    assert dry(service, workload="celestial")["method"] == f"measured by job {job}"


def test_another_length_is_reckoned_where_a_preflight_measured_how_memory_grows(service: Service) -> None:
    known = {**MEASURED, "batch_size": 16}
    job = plant(service, {"estimate": {**known, "length_exponent": 2.0}}, workload="celestial")
    longer = dry(service, workload="celestial", data={"seq_len": 48, "label_len": 24})
    assert longer["method"] == f"measured by job {job} with data.seq_len 24"
    assert longer["activation_bytes"] == 4 * 5 * GIB
    assert longer["total_bytes"] == 21 * GIB
    assert longer["parameter_bytes"] == 40


def test_without_that_measurement_another_length_is_not_guessed(service: Service) -> None:
    plant(service, {"estimate": MEASURED}, workload="celestial")
    assert dry(service, workload="celestial", data={"seq_len": 48}) is None


@pytest.mark.parametrize(
    "option",
    [{"gradient_checkpointing": True}, {"gradient_checkpointing": False}, {"ema": {}}, {"compile": True}],
)
def test_an_option_that_changes_memory_is_another_shape(service: Service, option: dict[str, Any]) -> None:
    plant(service, {"estimate": MEASURED}, workload="celestial")
    assert dry(service, workload="celestial", trainer=option) is None
