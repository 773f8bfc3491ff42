"""Epochs over attempts come out as the plain rule says, which looks at every told epoch for every point."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cli.watching.epochs import Epochs, Origin
from tests.unit.cli.fake_service import a_point

Json = dict[str, Any]


class PlainEpochs(Epochs):
    """The rule as it is said."""

    def add(self, point: Json) -> None:
        epoch, origin = point["epoch"], Origin(point["attempt"], point["step"])
        if any(one.attempt > origin.attempt for before, one in self.told.items() if before <= epoch):
            return
        void = [later for later, one in self.told.items() if later >= epoch and one.attempt < origin.attempt]
        for later in void:
            self.told.pop(later)
            self.train.pop(later, None)
            self.val.pop(later, None)
            self.components.clear()
        self.told[epoch] = origin
        self._keep(epoch, point)


SERIES = st.sampled_from([("train", "loss_epoch"), ("val", "loss"), ("val", "loss_nll"), ("val", "accuracy")])
POINTS = st.builds(
    lambda epoch, value, series, attempt: a_point(epoch, value, series[0], series[1], attempt),
    st.integers(1, 8),
    st.floats(0, 9),
    SERIES,
    st.integers(1, 4),
)
REWINDS = st.tuples(st.integers(1, 5), st.integers(0, 100))


@given(st.lists(POINTS | REWINDS, max_size=60))
def test_the_epochs_are_those_of_the_plain_rule(told: list[Json | tuple[int, int]]) -> None:
    epochs, plain = Epochs(), PlainEpochs()
    for one in told:
        for each in (epochs, plain):
            if isinstance(one, tuple):
                each.rewind(*one)
            else:
                each.add(one)
        assert vars(epochs) == {**vars(plain), "_order": sorted(plain.told)}
        assert list(epochs.told) == list(plain.told)


class CountedOrigins(dict[int, Origin]):
    """Told epochs that count how often one of them is looked at."""

    looked = 0

    def __getitem__(self, epoch: int) -> Origin:
        self.looked += 1
        return super().__getitem__(epoch)

    def items(self) -> Any:
        raise AssertionError("a point must not look at all told epochs")


def test_a_point_looks_at_its_neighbours_alone_however_many_epochs_there_are() -> None:
    epochs = Epochs(told=CountedOrigins())
    assert isinstance(epochs.told, CountedOrigins)
    for name in ("loss", "loss_nll"):
        for epoch in range(1, 1001):
            epochs.add(a_point(epoch, 1.0, name=name, attempt=1 if epoch <= 500 else 2))
    assert len(epochs.val) == 1000
    assert epochs.told.looked <= 2 * 2 * 1000
