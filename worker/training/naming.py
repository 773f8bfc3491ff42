"""What an order names by text: the workload's implementation and its spec type."""

from __future__ import annotations

import importlib
from typing import Any

from pydantic import ValidationError

from shared.errors import InvalidSpec
from shared.specs.job import JobSpec
from shared.specs.resolve import field_sentences
from worker.protocol import Order
from worker.workloads.interface import Workload


def load_workload(order: Order) -> Workload:
    """The Workload an order names. Raises TypeError where the name leads to something else."""
    found = load_named(order.implementation)
    if not isinstance(found, Workload):
        raise TypeError(f"{order.implementation} is a {type(found).__name__}, no Workload")
    return found


def load_spec(order: Order) -> JobSpec:
    """The order's spec, validated by its own type. Raises InvalidSpec."""
    spec_type = load_named(order.spec_type)
    if not (isinstance(spec_type, type) and issubclass(spec_type, JobSpec)):
        raise TypeError(f"{order.spec_type} is no JobSpec")
    try:
        return spec_type.model_validate(order.spec)
    except ValidationError as error:
        raise InvalidSpec(*field_sentences(error)) from None


def load_named(path: str) -> Any:
    """The attribute that `package.module:ATTRIBUTE` names."""
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)
