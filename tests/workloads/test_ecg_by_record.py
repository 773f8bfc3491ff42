"""Counts record by record: one record with most beats of a class does not speak for the others."""

from __future__ import annotations

import numpy as np
import pytest

from worker.workloads.ecg.by_record import by_record
from worker.workloads.ecg.report_page import by_record_section

CLASSES = ("N", "S", "Q")


def test_a_record_with_most_of_a_class_counts_as_one() -> None:
    """Of nine S, eight are of one record and found; the one of the other is not."""
    labels = np.array([1] * 8 + [0] * 2 + [1] + [0] * 3, np.int64)
    said = np.array([1] * 8 + [0] * 2 + [0] + [0, 0, 1], np.int64)
    records = ["a"] * 10 + ["b"] * 4
    found = by_record(labels, said, records, CLASSES)
    early = found["classes"]["S"]
    assert (early["records"], early["mean_recall"], early["mean_precision"]) == (2, 0.5, 0.5)
    assert early["largest_share"] == pytest.approx(8 / 9)
    assert found["classes"]["N"]["mean_recall"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["records"]["a"]["accuracy"] == 1.0
    assert found["records"]["b"]["per_class"]["S"]["support"] == 1


def test_a_class_that_no_record_has_keeps_its_row() -> None:
    found = by_record(np.array([0, 1], np.int64), np.array([0, 2], np.int64), ["a", "b"], CLASSES)
    assert found["classes"]["Q"] == {
        "records": 0, "largest_share": None, "mean_recall": None, "mean_precision": 0.0,
    }  # fmt: skip
    per_class = {name: {"recall": 0.25} for name in CLASSES}
    page = "\n".join(by_record_section({"by_record": found, "per_class": per_class}))
    assert "| Q | 0 |" in page and "recall of all" in page
    assert by_record_section({"by_record": None, "per_class": per_class}) == []
