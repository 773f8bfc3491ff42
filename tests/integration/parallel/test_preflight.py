"""A preflight of several processes runs in as many, and estimates what each of them will take."""

from __future__ import annotations

from pathlib import Path

from tests.integration.parallel.running import run, spec_for
from tests.integration.planted import told
from worker.protocol import ExitCode
from worker.supervision.warm_launcher import WarmLauncher


def test_each_process_passes_its_share_and_holds_buckets_for_the_gradients(
    tmp_path: Path, warm: WarmLauncher
) -> None:
    memory, checkpoint = {"probe": "always"}, {"background_from_mib": 0}
    trainer = {"batch_size": 8, "accumulate": 1}
    for kind, processes in (("preflight", 2), ("train", 2), ("preflight", 1)):
        spec = spec_for(processes, kind=kind, memory=memory, trainer=trainer, checkpoint=checkpoint)
        assert run(warm, tmp_path / f"{kind}{processes}", 1, spec) == ExitCode.DONE
    preflight, alone = (told(tmp_path / f"preflight{count}", "estimate")[-1] for count in (2, 1))
    (train,) = told(tmp_path / "train2", "estimate")
    assert preflight["batch_size"] == train["batch_size"] == 4
    assert preflight["bucket_bytes"] == train["bucket_bytes"] == train["gradient_bytes"] > 0
    assert (alone["batch_size"], alone["bucket_bytes"]) == (8, 0)
    assert preflight["available_in"].startswith("for each of 2 processes")
    # One copy for both.
    assert preflight["copy_bytes"] == alone["copy_bytes"] > 0
    assert told(tmp_path / "preflight2", "points") == []
