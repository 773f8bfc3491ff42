"""The workloads that are installed: an explicit table of our own, and the entry points of others."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points

from shared.errors import FieldProblem, UnknownWorkload
from shared.specs.celestial import CELESTIAL
from shared.specs.celestial_mdn import CELESTIAL_MDN
from shared.specs.contract import Contract
from shared.specs.ecg import ECG
from shared.specs.engraving import ENGRAVING
from shared.specs.equities import EQUITIES
from shared.specs.noop import NOOP

BUILT_IN: tuple[Contract, ...] = (CELESTIAL, CELESTIAL_MDN, ECG, ENGRAVING, EQUITIES, NOOP)

ENTRY_POINT_GROUP = "epochd.workloads"


def installed_workloads() -> Mapping[str, Contract]:
    """Every contract by name. A plug-in may not take a built-in's name."""
    found = {contract.name: contract for contract in BUILT_IN}
    for entry_point in entry_points(group=ENTRY_POINT_GROUP):
        contract = entry_point.load()
        if not isinstance(contract, Contract):
            raise TypeError(f"entry point {entry_point.value!r} must be a shared.specs.contract.Contract")
        if contract.name in found:
            raise ValueError(
                f"entry point {entry_point.value!r} takes the name of another workload: {contract.name}"
            )
        found[contract.name] = contract
    return found


def find_workload(name: str, workloads: Mapping[str, Contract]) -> Contract:
    """The contract of that name, or UnknownWorkload naming those there are."""
    contract = workloads.get(name)
    if contract is None:
        sentence = f"no workload is called {name[:60]!r}; installed are {', '.join(sorted(workloads))}"
        raise UnknownWorkload(sentence, (FieldProblem("workload", sentence),))
    return contract
