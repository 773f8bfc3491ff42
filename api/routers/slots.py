"""Which running job Prometheus and Grafana show under which number."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request

from api.deps import DatabaseDep, no_query
from api.schemas.fleet import SlotList, SlotView
from api.scrape.slots import Slots

router = APIRouter(prefix="/slots", tags=["fleet"], dependencies=[Depends(no_query)])


@router.get("", response_model=SlotList, summary="List slots")
def list_slots(database: DatabaseDep, request: Request) -> SlotList:
    """The running jobs that `/metrics` shows one by one, by slot; a job keeps its slot until it ends."""
    slots: Slots = request.app.state.slots
    with database.read() as session:
        places = slots.seat(session).places
    return SlotList(slots=[SlotView(slot=place, job=job) for job, place in places.items()])
