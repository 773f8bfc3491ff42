"""Calls made up from the service's own OpenAPI document: no 5xx, and every answer is one that it promises."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from pydantic import SecretStr
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation

from api.app import create_app
from shared.jobs.status import JobStatus
from tests.factories import running_job
from tests.integration.api.conftest import BASE_URL, Service, TestClient
from tests.integration.api.planting import ended_job, plant_artifact, plant_points

TOKEN = "a-token-for-the-schema-fuzzer"
KNOWN = ("not_a_server_error", "status_code_conformance", "content_type_conformance",
         "response_headers_conformance", "response_schema_conformance")  # fmt: skip
FEW, MANY = 6, 60
"""Calls made up for each operation and mode."""

Ids = Mapping[str, str]
Operation = APIOperation[Any, Any, Any, Any]


@pytest.mark.parametrize(
    "examples", [FEW, pytest.param(MANY, marks=[pytest.mark.nemesis, pytest.mark.timeout(900)])]
)
@pytest.mark.parametrize("token", [TOKEN, None], ids=["with token", "without token"])
def test_every_answer_is_one_that_the_document_promises(
    service: Service, token: str | None, examples: int
) -> None:
    ids = _plant(service)
    told = service.settings.model_copy(update={"token": SecretStr(TOKEN)})
    app = create_app(told, service.database)
    operations = _operations(app.openapi())
    assert len(operations) >= 25
    with TestClient(app, raise_server_exceptions=False) as client:
        for operation in operations:
            for mode in GenerationMode:
                _try(operation, mode, client, ids, token, examples)


def _operations(document: dict[str, Any]) -> list[Operation]:
    schema = schemathesis.openapi.from_dict(document)
    return [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]


def _try(
    operation: Operation,
    mode: GenerationMode,
    client: TestClient,
    ids: Ids,
    token: str | None,
    examples: int,
) -> None:
    checks = [CHECKS.get_one(name) for name in KNOWN]

    @settings(
        max_examples=examples if token else max(3, examples // 4),
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans())
    def attempt(case: Any, known: bool) -> None:
        if known and operation.method != "delete":
            case.path_parameters = {
                name: ids.get(name, value) for name, value in case.path_parameters.items()
            }
        asked = case.as_transport_kwargs(base_url=BASE_URL)
        asked.pop("cookies", None)
        if "data" in asked:
            asked["content"] = asked.pop("data")
        headers = {**asked.pop("headers"), **({"Authorization": f"Bearer {token}"} if token else {})}
        answer = client.request(**asked, headers=headers)
        if token is None and answer.status_code < 400:
            assert operation.path in ("/", "/healthz")
        case.validate_response(answer, checks=checks)

    with contextlib.suppress(Unsatisfiable):  # a call without parameters has nothing that could be wrong
        attempt()


def _plant(service: Service) -> Ids:
    """A job with something of everything, so that made-up calls reach beyond the first 404."""
    job = running_job(service.database)
    plant_points(service.database, job, [0.5, 0.4, None])
    artifact = plant_artifact(service.database, job, service.run_dir(job.id), "curve.png", b"0123456789")
    assert ended_job(service.database).status == JobStatus.SUCCEEDED
    return {"job_id": job.id, "artifact_id": artifact, "name": "noop"}
