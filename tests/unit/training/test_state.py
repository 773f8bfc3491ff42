"""Capturing and restoring state: plain values, tensors, generators."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import nn

from shared.errors import CorruptCheckpoint, InvalidSpec
from worker.training.files import Files, write_file
from worker.training.nonfinite import Skips
from worker.training.rng import RngState, seed_everything
from worker.training.state import AppState, capture, restore
from worker.training.tensors import DTYPE_NAMES, read_safetensors, safetensors_chunks
from worker.training.tree import join, split

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3),
    ),
    max_leaves=10,
)


@given(plain)
def test_every_plain_value_comes_back_as_it_was(value: Any) -> None:
    assert join(split(value, {}), {}) == value


def test_nan_comes_back_although_json_has_none() -> None:
    back = join(split([float("nan"), float("-inf")], {}), {})
    assert back[0] != back[0]
    assert back[1] == float("-inf")


def test_two_tensors_of_the_same_dotted_name_stay_apart() -> None:
    tensors: dict[str, torch.Tensor] = {}
    value = {"a.b": torch.zeros(1), "a": {"b": torch.ones(1)}}
    back = join(split(value, tensors), tensors)
    assert (float(back["a.b"]), float(back["a"]["b"])) == (0.0, 1.0)


def test_a_live_object_is_refused_instead_of_pickled() -> None:
    with pytest.raises(TypeError, match="'config' holds a PosixPath"):
        split({"config": Path("x")}, {})


@pytest.mark.parametrize("dtype", DTYPE_NAMES)
def test_each_type_of_tensor_reads_back_with_the_library(tmp_path: Path, dtype: torch.dtype) -> None:
    tensors = {
        "odd": torch.tensor([1, 0, 1]).to(dtype),
        "scalar": torch.tensor(1).to(dtype),
        "empty": torch.zeros(0, 3).to(dtype),
        "strided": torch.arange(6).reshape(2, 3).t().to(dtype),
        "bytes": torch.arange(5).to(torch.uint8),
    }
    write_file(Files(), tmp_path / "t", safetensors_chunks(tensors))
    for loaded in (load_file(tmp_path / "t"), read_safetensors(tmp_path / "t")):
        assert set(loaded) == set(tensors)
        for name, tensor in tensors.items():
            assert torch.equal(loaded[name], tensor) and loaded[name].dtype == tensor.dtype


def test_a_file_that_is_no_safetensors_is_corrupt_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"nonsense")
    with pytest.raises(CorruptCheckpoint):
        read_safetensors(tmp_path / "t")


def draw() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))


class Greedy:
    """Draws whenever it is looked at, as a careless component might."""

    def state_dict(self) -> dict[str, Any]:
        return {"drawn": list(draw())}

    def load_state_dict(self, state: Any, /) -> None:
        draw()


def test_a_component_that_draws_while_saved_does_not_move_the_stream() -> None:
    seed_everything(3)
    state: AppState = {"greedy": Greedy(), "rng": RngState(), "greedier": Greedy()}
    snapshot = capture(state)
    after_save = draw()
    seed_everything(4)
    restore(state, state, lambda _name: snapshot)
    assert draw() == after_save
    seed_everything(3)
    assert draw() == after_save


def test_seeds_reach_every_generator() -> None:
    seed_everything(2**40)
    first = draw()
    seed_everything(2**40)
    assert draw() == first


def test_a_checkpoint_of_another_model_is_refused_by_name() -> None:
    snapshot = capture({"model": nn.Linear(2, 2), "rng": RngState()})
    with pytest.raises(InvalidSpec, match="checkpoint's model does not fit"):
        restore({"model": nn.Linear(3, 2), "rng": RngState()}, snapshot.trees, lambda _name: snapshot)


def test_a_state_with_a_new_component_is_refused_not_half_restored() -> None:
    snapshot = capture({"rng": RngState()})
    with pytest.raises(InvalidSpec, match=r"missing \['model'\]"):
        restore({"model": nn.Linear(3, 2), "rng": RngState()}, snapshot.trees, lambda _name: snapshot)


def test_a_component_that_came_later_stays_as_in_a_new_job() -> None:
    snapshot = capture({"rng": RngState()})
    skips = Skips(3)
    state: AppState = {"skips": skips, "rng": RngState()}
    assert restore(state, snapshot.trees, lambda _name: snapshot) == ["skips"]
    assert skips.count == 0
