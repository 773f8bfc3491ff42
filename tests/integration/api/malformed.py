"""Bodies and specs that must be refused, with the field that must be named; empty is the body as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Raw = tuple[str, bytes, str]
"""What it is, the body, the field."""

_WRONG: dict[str, list[Any]] = {
    "text": [None, 1, 1.5, True, [], {}, ["a"]],
    "whole": [None, "x", 1.5, [], {}, "", -1, 10**19],
    "number": [None, "x", [], {}, -1.0, 1e300],
    "yes": [None, "perhaps", 7, [], {}],
    "part": [None, "x", 1, True, ["a"]],
}

_FIELDS: dict[str, str] = {
    "name": "text",
    "preset": "text",
    "data": "part",
    "data.samples": "whole",
    "data.step_seconds": "number",
    "optimizer": "part",
    "optimizer.name": "text",
    "optimizer.lr": "number",
    "optimizer.weight_decay": "number",
    "optimizer.eps": "number",
    "schedule": "part",
    "schedule.warmup_epochs": "whole",
    "trainer": "part",
    "trainer.epochs": "whole",
    "trainer.batch_size": "whole",
    "trainer.accumulate": "whole",
    "trainer.seed": "whole",
    "trainer.shuffle": "yes",
    "trainer.precision": "text",
    "trainer.monitor": "text",
    "checkpoint": "part",
    "checkpoint.keep_last": "whole",
    "checkpoint.keep_best": "yes",
    "memory.sample_seconds": "number",
    "resources.gpus": "whole",
    "resources.cpus": "number",
    "retry.max_attempts": "whole",
}

_SINGLE: list[tuple[str, Any]] = [
    ("kind", "dance"),
    ("kind", None),
    ("workload", "nobody"),
    ("workload", None),
    ("workload", ["noop"]),
    ("workload", {"name": "noop"}),
    ("workload", ""),
    ("workload", "../celestial"),
    ("workload", "noop\n"),
    ("preset", "no-such"),
    ("preset", "smoke; drop table jobs"),
    ("name", "x" * 201),
    ("name", "x" * 500_000),
    ("tags", "a"),
    ("tags", None),
    ("tags", [f"t{number}" for number in range(33)]),
    ("priority", 1001),
    ("priority", 10**19),
    ("priority", True and "high"),
    ("time_limit_seconds", 0),
    ("time_limit_seconds", -1),
    ("stall_limit_seconds", "soon"),
    ("init_from", "last"),
    ("optimizer.betas", [0.9, 0.9, 0.9]),
    ("trainer.clip_grad_norm", 0),
    ("trainer.early_stopping", 5),
]

_DEEPER: list[tuple[str, Any, str]] = [
    ("tags", ["ok", "not ok"], "tags.1"),
    ("tags", [7], "tags.0"),
    ("optimizer.betas", [0.9], "optimizer.betas.1"),
    ("optimizer.betas", [0.9, 1.0], "optimizer.betas.1"),
    ("init_from", {"job": "../../etc"}, "init_from.job"),
    ("init_from", {"job": "0" * 22, "checkpoint": "../x"}, "init_from.checkpoint"),
    ("init_from", {}, "init_from.job"),
    ("trainer.early_stopping", {"patience": 0}, "trainer.early_stopping.patience"),
    ("trainer", {"epoch": 3}, "trainer.epoch"),
    ("data", {"path": "/etc/passwd"}, "data.path"),
]

_UNKNOWN = ("job", "Workload", "__class__", "spec", "id", "status", "epochs", "env", "command", "argv", "")


def specs() -> Iterator[Raw]:
    """Well-formed JSON that is no valid noop spec."""
    for field, kind in _FIELDS.items():
        for wrong in _WRONG[kind]:
            yield f"{field}={wrong!r}", _body(field, wrong), field
    for field, wrong in _SINGLE:
        yield f"{field}={wrong!r:.40}", _body(field, wrong), field
    for field, wrong, named in _DEEPER:
        yield f"{field}={wrong!r:.40}", _body(field, wrong), named
    for key in _UNKNOWN:
        yield (
            f"unknown {key!r}",
            _body(key, 1) if key else json.dumps({"workload": "noop", "": 1}).encode(),
            key,
        )
    for part in ("data", "optimizer", "trainer", "checkpoint", "memory", "resources", "retry"):
        yield f"unknown in {part}", _body(f"{part}.nonsense", 1), f"{part}.nonsense"


def bodies() -> Iterator[Raw]:
    """Not even well-formed, or not what we call well-formed."""
    for text in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 21, "9" * 5000):
        yield f"number {text[:9]}", _raw(text), "trainer.epochs"
    for text in ('"\\ud800"', '"\\udfff x"', '"a\\u0000b"'):
        yield f"text {text}", f'{{"workload":"noop","name":{text}}}'.encode(), "name"
    yield "key twice", b'{"workload":"noop","name":"a","name":"b"}', "name"
    yield "inner key twice", b'{"workload":"noop","trainer":{"epochs":1,"epochs":2}}', "trainer.epochs"
    for text in (
        "", " ", "null", "true", "1", '"noop"', "[]", '[{"workload":"noop"}]', "{", "}", "{]",
        "workload=noop",
        '{"workload":"noop",}', "{'workload':'noop'}", '{"workload":"noop"} x', '{"workload":"noop"}{}',
        '{"a":01}', '{"a":.5}', '{"a":+1}', '{"a":0x1}', '{"a":undefined}', '{"a":"\n"}', "// c\n{}",
        '{"a":"\\x"}',
    ):  # fmt: skip
        yield f"not an object {text[:20]!r}", text.encode(), ""
    yield "utf-16", '{"workload":"noop"}'.encode("utf-16"), ""
    yield "latin-1", '{"workload":"noop","name":"é"}'.encode("latin-1"), ""
    yield "byte order mark", b"\xef\xbb\xbf" + b'{"workload":"noop"}', ""
    yield "broken utf-8", b'{"workload":"noop","name":"\xc3("}', ""
    yield "zip", b"PK\x03\x04" + bytes(range(256)), ""
    yield "key with U+0000", b'{"workload":"noop","trainer":{"a\\u0000":1}}', "trainer"
    yield "key with half a pair", b'{"workload":"noop","\\ud800":1}', ""
    yield "too many values", json.dumps({"workload": "noop", "tags": list(range(30_000))}).encode(), ""
    yield "deep beyond the parser", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, ""
    yield "deep list", b'{"workload":"noop","tags":' + b"[" * 40 + b"]" * 40 + b"}", "tags" + ".0" * 31 + ".0"
    yield "deep object", b'{"a":' * 40 + b"1" + b"}" * 40, ".".join("a" * 33)


def _body(field: str, value: Any) -> bytes:
    nested: Any = value
    for part in reversed(field.split(".")):
        nested = {part: nested}
    return json.dumps({"workload": "noop", **nested}).encode()


def _raw(number: str) -> bytes:
    return f'{{"workload":"noop","trainer":{{"epochs":{number}}}}}'.encode()
