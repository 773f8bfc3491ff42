"""The words that a workload may put into labels: its name, and the terms of its loss. Bounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared import telemetry
from shared.specs.contract import Contract


@dataclass(frozen=True)
class WorkloadWords:
    """Workload name -> the names of its loss's terms, of so many workloads as have a label of their own."""

    terms: Mapping[str, tuple[str, ...]]

    def label(self, workload: str) -> str:
        """The name, or OTHER of one that is not installed or came after too many others."""
        return workload if workload in self.terms else telemetry.OTHER

    @property
    def labels(self) -> tuple[str, ...]:
        return (*self.terms, telemetry.OTHER)


def workload_words(workloads: Mapping[str, Contract]) -> WorkloadWords:
    """Of the first that are installed: our own, then those of plug-ins."""
    first = list(workloads.values())[: telemetry.WORKLOADS - 1]
    return WorkloadWords({contract.name: contract.loss_terms for contract in first})
