"""How names of a spec are spelt: each pattern, and the sentence for who spells one otherwise."""

from __future__ import annotations

from collections.abc import Mapping

TAG = r"^[A-Za-z0-9][A-Za-z0-9_.:=\-]{0,62}$"
WORKLOAD = r"^[a-z][a-z0-9\-]{0,40}$"
PRESET = r"^[a-z][a-z0-9_\-]{0,40}$"
METRIC = r"^(train|val)/[a-z][a-z0-9_./]{0,63}$"
JOB_ID = r"^[0-9a-z]{10,40}$"
CHECKPOINT = r"^[0-9a-z.\-]{1,80}$"
CLASS_NAME = r"^[A-Za-z][A-Za-z0-9_]{0,30}$"
IDEMPOTENCY_KEY = r"^[\x21-\x7e]{1,200}$"

SENTENCES: Mapping[str, str] = {
    TAG: "a tag begins with a letter or a digit and has at most 63 letters, digits and _ . : = -",
    WORKLOAD: "a workload's name is in lower case; GET /workloads lists them",
    PRESET: "a preset's name is in lower case; GET /workloads lists them",
    METRIC: 'a metric is named by its split and name in lower case, such as "val/loss"',
    JOB_ID: "a job is named by its id, 10 to 40 digits and lower-case letters",
    CHECKPOINT: 'a checkpoint is "last", "best" or an id that GET /jobs/{id}/checkpoints lists',
    CLASS_NAME: "a class is named by a letter and at most 30 more letters, digits and _",
    IDEMPOTENCY_KEY: "a key has 1 to 200 visible ASCII characters",
}
"""Pattern -> what would be right."""


def misspelt(pattern: str, given: object) -> str | None:
    """What is wrong with a text that does not fit; None for a pattern that is none of ours."""
    sentence = SENTENCES.get(pattern)
    return None if sentence is None else f"{sentence}; {str(given)[:60]!r} is not"
