"""The estimate before the first step: its sums, its sentences, and a probe that leaves nothing behind."""

from __future__ import annotations

import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from shared.rundir import RunDir
from shared.specs.footprint import state_bytes
from shared.specs.parts import OptimizerSpec, TrainerSpec
from tests.integration.leaky import MIB, WORKLOAD, greedy_spec, write_greedy_order
from tests.integration.planted import metric_history, spec_of, told, write_order
from worker.protocol import ExitCode
from worker.training import probe as probing
from worker.training.context import Task
from worker.training.estimate import Beside, Model, Pass, Room, estimate, growth_per_sample
from worker.training.lengths import exponent
from worker.training.loader import Loading
from worker.training.main import run_order
from worker.training.parallel.world import World
from worker.training.precision import choose_precision
from worker.training.probe import let_go, probe, probe_sizes
from worker.training.rng import RngState
from worker.training.shutdown import StopFlag

CPU = torch.device("cpu")
ADAM = OptimizerSpec(name="adam")
GIB = 1024**3


def taken(samples: int, bytes_: int) -> Pass:
    return Pass(samples, bytes_, 0, 0, False)


def test_growth_with_length_is_a_power() -> None:
    assert exponent(100, 200) == 1
    assert exponent(100, 400) == 2
    assert exponent(0, 200) is None


def test_growth_is_the_line_through_two_sizes() -> None:
    assert growth_per_sample([taken(2, 120), taken(4, 220)], 10) == (10, 50)
    assert growth_per_sample([taken(1, 60)], 10) == (0, 50)
    assert growth_per_sample([taken(2, 220), taken(4, 120)], 10) == (110, 0)


def test_each_optimizer_keeps_its_own_state() -> None:
    assert state_bytes(OptimizerSpec(name="adamw"), 100) == 200
    assert state_bytes(OptimizerSpec(name="sgd"), 100) == 0
    assert state_bytes(OptimizerSpec(name="adafactor"), 100) == 1
    assert state_bytes(OptimizerSpec(name="sgd", momentum=0.9), 100) == 100


def test_the_parts_add_up_and_what_does_not_fit_names_the_field() -> None:
    trainer = TrainerSpec(batch_size=16, accumulate=2)
    model = Model(1000, 4000, 4000)
    passes = [taken(2, 4000 + 2 * GIB), taken(4, 4000 + 4 * GIB)]
    made = estimate(
        model, ADAM, trainer, passes, 10_000, Beside(), Room(4 * GIB + 100_000, "the machine"), "measured"
    )
    assert made.total_bytes == 10_000 + 4000 + 8000 + 16 * GIB
    assert (made.activation_bytes, made.activation_bytes_per_sample) == (16 * GIB, GIB)
    assert not made.fits
    assert made.message.endswith("set trainer.batch_size to 4 and trainer.accumulate to 8")
    large = estimate(
        model, ADAM, trainer, passes, 10_000, Beside(), Room(20 * GIB, "the machine"), "measured"
    )
    assert large.fits and "1.00 GiB a sample" in large.message
    hopeless = estimate(
        model, ADAM, trainer, [], 10_000, Beside(5, 6), Room(10, "x", "resources.memory_gib higher"), "no"
    )
    assert hopeless.message.endswith("set resources.memory_gib higher")
    assert hopeless.activation_bytes is None
    assert (hopeless.bucket_bytes, hopeless.copy_bytes) == (5, 6)
    assert hopeless.total_bytes == 10_000 + 4000 + 8000 + 5 + 6


def test_two_probes_cost_less_than_a_step() -> None:
    assert probe_sizes(1) == (1,)
    assert probe_sizes(2) == (1, 2)
    assert probe_sizes(16) == (2, 4)
    for batch_size in range(3, 200):
        small, large = probe_sizes(batch_size)
        assert small < large
        assert small + large <= batch_size


def greedy_task(**model: Any) -> Task:
    spec = greedy_spec(model=model)
    splits = WORKLOAD.load_splits(spec, Path())
    built = WORKLOAD.build_model(spec, splits)
    loading = Loading(splits, spec.trainer, CPU)
    return Task(WORKLOAD, spec, splits, built, CPU, choose_precision(spec.trainer, CPU), loading, StopFlag())


def test_a_probe_sees_what_a_sample_takes() -> None:
    small, large = probe(greedy_task(mib_per_sample=32), (2, 4))
    per_sample = (large.bytes - small.bytes) / 2
    # exp keeps 32 MiB, and backward holds its gradient and their product beside it
    assert 60 * MIB < per_sample < 110 * MIB


def test_what_a_first_pass_takes_once_does_not_hide_what_a_sample_takes() -> None:
    loaded: list[Tensor] = []
    passed: list[int] = []

    def forward(model: Any, batch: Any) -> Tensor:
        if not loaded:
            loaded.append(torch.ones(MIB * 64))
        passed.append(len(batch["x"]))
        return torch.as_tensor(model(batch["x"]))

    task = replace(greedy_task(mib_per_sample=16), workload=replace(WORKLOAD, forward=forward))
    small, large = probe(task, (2, 4))
    assert 30 * MIB < (large.bytes - small.bytes) / 2 < 55 * MIB
    assert passed == [2, 2, 4]


def test_a_training_that_accumulates_is_probed_with_the_gradients_of_a_pass_before() -> None:
    begun: list[tuple[int, bool]] = []
    task = greedy_task()

    def forward(model: Any, batch: Any) -> Tensor:
        begun.append((len(batch["x"]), model.outer.weight.grad is not None))
        return torch.as_tensor(model(batch["x"]))

    probe(replace(task, workload=replace(WORKLOAD, forward=forward)), (2, 4), accumulates=True)
    assert begun == [(2, False), (2, False), (2, True), (4, False), (4, True)]
    assert task.model.get_parameter("outer.weight").grad is None


@pytest.mark.parametrize("recorded", [True, False])
def test_the_peak_of_a_pass_is_seen_with_the_kernels_record_and_without(
    monkeypatch: pytest.MonkeyPatch, recorded: bool
) -> None:
    if not recorded:
        monkeypatch.setattr(probing, "forget_peak", lambda _: False)
    before = torch.ones(MIB * 64)
    del before  # an older, higher peak
    let_go(CPU)  # an attempt in this process has had it keep what it frees
    with probing._HostPeak() as peak:
        held = torch.ones(MIB * 16)
        assert held.sum() > 0
        while not recorded and peak._most - peak._before < 63 * MIB:
            pass  # its thread is about to look
        del held
    assert 63 * MIB <= peak.bytes < 80 * MIB


def test_nothing_of_a_probe_outlives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[Tensor]] = []
    follow = probing._Trace.follow

    def followed(trace: Any, nest: Any) -> None:
        made.extend(weakref.ref(tensor) for tensor in probing._tensors(nest))
        follow(trace, nest)

    monkeypatch.setattr(probing._Trace, "follow", followed)
    passes = probe(greedy_task(), (2, 4))
    assert len(made) == 6  # the pass that is not measured as well
    assert [reference() for reference in made] == [None] * 6
    assert [taken.kept_tensors for taken in passes] == [0, 0]


def test_an_output_that_nobody_uses_is_not_taken_for_one_that_is_held() -> None:
    def forward(model: Any, batch: Any) -> Tensor:
        outputs = torch.as_tensor(model(batch["x"]))
        outputs.log_softmax(dim=-1)  # saves its output, and no backward pass comes by to free it
        return outputs

    passes = probe(replace(greedy_task(), workload=replace(WORKLOAD, forward=forward)), (2, 4))
    assert [taken.kept_tensors for taken in passes] == [0, 0]


def test_a_probe_leaves_weights_gradients_buffers_modes_and_generators_alone() -> None:
    task = greedy_task(norm=True)
    task.model.eval()
    parameters = list(task.model.parameters())
    parameters[0].grad = torch.ones_like(parameters[0])
    gradient = parameters[0].grad
    before = {name: tensor.clone() for name, tensor in task.model.state_dict().items()}
    generators = RngState().state_dict()
    probe(task, (2, 4))
    assert all(torch.equal(before[name], now) for name, now in task.model.state_dict().items())
    assert parameters[0].grad is gradient and parameters[1].grad is None
    assert not task.model.training
    after = RngState().state_dict()
    assert torch.equal(generators["torch"], after["torch"])
    assert generators["python"] == after["python"] and generators["numpy"] == after["numpy"]


def test_a_probe_that_fails_puts_all_back_as_well() -> None:
    task = greedy_task(norm=True)
    generators = RngState().state_dict()
    with pytest.raises(ValueError, match="more than 1 value"):
        probe(task, (1,))
    assert torch.equal(generators["torch"], RngState().state_dict()["torch"])


@pytest.mark.parametrize("probed", ["never", "always"])
def test_a_training_goes_on_as_if_it_had_not_been_probed(tmp_path: Path, probed: str) -> None:
    run_order(write_order(tmp_path / "a", spec=spec_of(memory={"probe": "never"})))
    run_order(write_order(tmp_path / "b", spec=spec_of(memory={"probe": probed})))
    assert metric_history(tmp_path / "a") == metric_history(tmp_path / "b")
    (said,) = told(tmp_path / "b", "estimate")
    assert (said["activation_bytes"] is None) == (probed == "never")
    assert said["fits"]


def test_a_preflight_measures_how_memory_grows_with_the_length_of_a_sample(tmp_path: Path) -> None:
    run_order(write_greedy_order(tmp_path, greedy_spec(kind="preflight", model={"mib_per_sample": 16})))
    assert told(tmp_path, "estimate")[-1]["length_exponent"] == pytest.approx(1, abs=0.15)


def test_two_models_are_not_held_where_they_would_not_fit(tmp_path: Path) -> None:
    tight = {"model": {"mib_per_sample": 16}, "resources": {"memory_gib": 0.9}}
    run_order(write_greedy_order(tmp_path, greedy_spec(kind="preflight", **tight)))
    assert told(tmp_path, "estimate")[-1]["length_exponent"] is None


def test_a_model_that_keeps_every_graph_is_stopped_before_its_first_step(tmp_path: Path) -> None:
    assert run_order(write_greedy_order(tmp_path, greedy_spec(model={"keeps": "graph"}))) == ExitCode.REFUSED
    (failed,) = told(tmp_path, "failed")
    assert (
        "memory would run out; let model and loss keep numbers or detached tensors only" in failed["message"]
    )
    assert not list(RunDir(tmp_path).checkpoints.glob("step-*"))


@pytest.mark.parametrize("keeps", ["last", "every"])
def test_what_is_kept_without_its_graph_is_only_told(tmp_path: Path, keeps: str) -> None:
    spec = greedy_spec(model={"keeps": keeps, "mib_per_sample": 1})
    assert run_order(write_greedy_order(tmp_path, spec)) == ExitCode.DONE
    codes = [warning["code"] for warning in told(tmp_path, "warning")]
    assert codes.count("batch_kept") == (1 if keeps == "graph" else 0)


def test_what_does_not_fit_is_warned_of_or_refused(tmp_path: Path) -> None:
    tight = {"model": {"mib_per_sample": 32}, "resources": {"memory_gib": 0.7}}
    assert run_order(write_greedy_order(tmp_path / "warn", greedy_spec(**tight))) == ExitCode.DONE
    (warning,) = told(tmp_path / "warn", "warning")
    assert warning["code"] == "memory_estimate"
    spec = greedy_spec(**tight, memory={"policy": "stop"})
    assert run_order(write_greedy_order(tmp_path / "stop", spec)) == ExitCode.REFUSED
    (failed,) = told(tmp_path / "stop", "failed")
    assert failed["code"] == "invalid_spec"
    assert "resources.memory_gib (0.70 GiB for this job) has 0.70 GiB; set" in failed["message"]


def test_a_probe_that_cannot_run_is_said_and_training_goes_on(tmp_path: Path) -> None:
    spec = greedy_spec(model={"norm": True, "mib_per_sample": 1}, trainer={"batch_size": 2})
    assert run_order(write_greedy_order(tmp_path, spec)) == ExitCode.DONE
    (said,) = told(tmp_path, "estimate")
    assert said["method"].startswith("not measured: a probe of 1 samples failed with ValueError")


def test_a_probe_in_one_of_several_processes_passes_the_samples_it_says() -> None:
    task = greedy_task()
    several = replace(task, loading=replace(task.loading, world=World(0, 4)))
    sizes = [[len(batch["x"]) for batch in probing._batches(several, size)] for size in (4, 8)]
    assert sizes == [[4], [8]]
