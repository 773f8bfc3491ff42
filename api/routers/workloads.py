"""The workloads that are installed, and the JSON Schema of their specs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from api.deps import WorkloadsDep, no_query
from api.schemas.fleet import WorkloadList, WorkloadSummary, WorkloadView
from shared.errors import NotFound

router = APIRouter(prefix="/workloads", tags=["fleet"], dependencies=[Depends(no_query)])


@router.get("", response_model=WorkloadList, summary="List workloads")
def list_workloads(workloads: WorkloadsDep) -> WorkloadList:
    """Names, presets and what a chart shows first."""
    found = [
        WorkloadSummary(
            name=contract.name,
            summary=contract.summary,
            presets=list(contract.presets),
            default_preset=contract.default_preset,
            metrics=list(contract.metrics),
        )
        for contract in sorted(workloads.values(), key=lambda contract: contract.name)
    ]
    return WorkloadList(workloads=found)


@router.get("/{name}", response_model=WorkloadView, summary="Show a workload")
def show(
    name: Annotated[str, Path(description="A workload's name.")], workloads: WorkloadsDep
) -> WorkloadView:
    """The schema that `POST /jobs` validates against, and the values of each preset."""
    contract = workloads.get(name)
    if contract is None:
        raise NotFound(f"no workload is called {name[:60]!r}; installed are {', '.join(sorted(workloads))}")
    return WorkloadView(
        name=contract.name,
        summary=contract.summary,
        presets={preset: dict(values) for preset, values in contract.presets.items()},
        default_preset=contract.default_preset,
        metrics=list(contract.metrics),
        schema=contract.spec_type.model_json_schema(),
    )
