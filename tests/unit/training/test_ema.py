"""The moving average of the weights: what it is, and who uses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from shared.errors import InvalidSpec
from shared.rundir import RunDir
from shared.specs.parts import EmaSpec
from tests.integration.planted import Net, checkpoint_ids, spec_of, told, write_order
from tests.integration.trainers import train
from worker.protocol import ExitCode
from worker.training.checkpoint import read_folder
from worker.training.ema import Ema
from worker.training.tree import join
from worker.training.weights import load_weights


def moved(model: nn.Linear, value: float) -> None:
    with torch.no_grad():
        model.weight.fill_(value)


def begun(spec: EmaSpec) -> tuple[nn.Linear, Ema]:
    model = nn.Linear(1, 1, bias=False)
    moved(model, 0.0)
    ema = Ema(spec, model)
    ema.begin()
    return model, ema


def averages(ema: Ema) -> Tensor:
    tensor: Tensor = ema.state_dict()["averages"]["weight"]
    return tensor


def test_an_average_is_what_its_formula_says() -> None:
    model, ema = begun(EmaSpec(decay=0.75, warmup=False))
    for value in (1.0, 2.0):
        moved(model, value)
        ema.update()
    assert float(averages(ema)) == 0.75 * 0.25 + 0.25 * 2.0


def test_warm_up_forgets_the_first_weights_sooner_and_ends() -> None:
    model, ema = begun(EmaSpec(decay=0.5))
    moved(model, 1.0)
    ema.update()
    assert float(averages(ema)) == pytest.approx(1 - 2 / 11)
    for _ in range(20):
        ema.update()
    before = float(averages(ema))
    moved(model, 3.0)
    ema.update()
    assert float(averages(ema)) == pytest.approx(0.5 * before + 0.5 * 3.0)


def test_averages_stand_in_for_the_weights_for_a_while_also_where_that_fails() -> None:
    model, ema = begun(EmaSpec(decay=0.5, warmup=False))
    moved(model, 1.0)
    ema.update()
    kept = model.weight

    def fail_inside() -> None:
        with ema.in_place():
            assert (float(model.weight.detach()), model.weight is kept) == (0.5, True)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert (float(model.weight.detach()), float(averages(ema))) == (1.0, 0.5)


def test_the_averages_of_another_model_are_refused() -> None:
    _, ema = begun(EmaSpec())
    other = Ema(EmaSpec(), nn.Linear(2, 1, bias=False))
    with pytest.raises(ValueError, match="weight has shape"):
        other.load_state_dict(ema.state_dict())


def averaged_run(root: Path, **over: Any) -> list[dict[str, Any]]:
    spec = spec_of(trainer={"ema": {"decay": 0.99, "warmup": False}}, **over)
    assert train(write_order(root, spec=spec)) is ExitCode.DONE
    return told(root, "points")


def test_averaging_moves_no_step_and_is_what_is_validated(tmp_path: Path) -> None:
    points = averaged_run(tmp_path / "averaged")
    assert train(write_order(tmp_path / "plain")) is ExitCode.DONE
    plain = told(tmp_path / "plain", "points")
    steps, expected = (
        [point["values"]["loss"] for point in told if point["split"] == "train" and "loss" in point["values"]]
        for told in (points, plain)
    )
    assert steps == expected
    val, other = ([p["values"]["loss"] for p in told if p["split"] == "val"] for told in (points, plain))
    assert all(a != b for a, b in zip(val, other, strict=True))


def test_the_weights_taken_from_a_checkpoint_are_the_averages(tmp_path: Path) -> None:
    averaged_run(tmp_path)
    folder = RunDir(tmp_path).checkpoints / checkpoint_ids(tmp_path)[0]
    snapshot = read_folder(folder)
    expected = join(snapshot.trees["ema"], snapshot.tensors["ema"])["averages"]
    model = planted_model()
    load_weights(model, folder)
    for name, weight in model.named_parameters():
        assert torch.equal(weight, expected[name])
        assert not torch.equal(weight, snapshot.tensors["model"][name]), (
            "the trained weights are another thing"
        )


def test_the_results_are_those_of_the_averages(tmp_path: Path) -> None:
    """Validation and test split are the same points here."""
    points = averaged_run(tmp_path)
    (finished,) = told(tmp_path, "finished")
    best = min(point["values"]["loss"] for point in points if point["split"] == "val")
    assert finished["results"]["test"]["loss"] == pytest.approx(best, rel=1e-6)


def test_without_a_best_checkpoint_the_last_averages_are_evaluated(tmp_path: Path) -> None:
    points = averaged_run(tmp_path, checkpoint={"keep_best": False, "keep_last": 1, "every_epochs": 50})
    (finished,) = told(tmp_path, "finished")
    last = [point["values"]["loss"] for point in points if point["split"] == "val"][-1]
    assert finished["results"]["run"]["evaluated_checkpoint"] is None
    assert finished["results"]["test"]["loss"] == pytest.approx(last, rel=1e-6)


def test_a_job_that_averages_goes_on_from_a_checkpoint_that_did_not_and_says_so(tmp_path: Path) -> None:
    train(write_order(tmp_path, 1), stop_at=5)
    assert train(write_order(tmp_path, 2, spec_of(trainer={"ema": {}})), stop_at=6) is ExitCode.INTERRUPTED
    (resumed,) = told(tmp_path, "resumed", 2)
    assert resumed["exact"] is False
    assert "holds no ema" in resumed["why"]


def test_averages_of_a_larger_model_do_not_fit(tmp_path: Path) -> None:
    averaged_run(tmp_path)
    folder = RunDir(tmp_path).checkpoints / checkpoint_ids(tmp_path)[0]
    with pytest.raises(InvalidSpec, match="does not fit"):
        load_weights(nn.Linear(2, 2), folder)


def planted_model() -> nn.Module:
    spec = spec_of()
    return Net(spec.data.features, spec.model)
