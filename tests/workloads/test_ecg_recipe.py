"""The recipe and the published table on a job's page: what they say is what the spec and the data are."""

from __future__ import annotations

from typing import Any

from shared.specs.ecg import ECG, EcgSpec
from shared.specs.resolve import resolve_spec
from worker.workloads.ecg.published import DE_CHAZAL_2004
from worker.workloads.ecg.recipe import recipe
from worker.workloads.ecg.report_page import published_section

FACTS = {
    "leads": 2,
    "split": "stratified",
    "patients_in_several_splits": 4,
    "patients_by": "patient_id of labels.csv",
    "class_weights": {"N": 0.5, "S": 3.456},
    "splits": {"val": {"patients": 6}},
}


def spec_of(**parts: Any) -> EcgSpec:
    spec = resolve_spec({"workload": "ecg", **parts}, {"ecg": ECG}).spec
    assert isinstance(spec, EcgSpec)
    return spec


def test_the_recipe_of_beats_names_split_features_weights_training_and_what_chose() -> None:
    spec = spec_of(preset="beats", loss={"balance": 0.25}, trainer={"epochs": 3})
    said = recipe(spec, FACTS, best_epoch=2)
    assert "201" in said["split"] and "tested on DS2" in said["split"]
    assert said["signal"].startswith(
        "MLII: 0.889 s around where an annotation puts the beat at 180 Hz, 0.5 to 40 Hz"
    )
    assert "median of its whole record" in said["rhythm"]
    assert said["class weights"] == "N 0.5, S 3.46: rarity in the train split to the power 0.25"
    assert "at most 3 epochs in batches of 128" in said["training"]
    assert said["weights chosen"].startswith("epoch 2 by val/f1_macro on the 6 patients")


def test_the_recipe_of_records_claims_no_rhythm_and_no_patients_kept_apart() -> None:
    said = recipe(spec_of(preset="smoke"), FACTS, best_epoch=None)
    assert said["rhythm"] == "none" and said["signal"].startswith("all 2 leads: 10 s from the beginning")
    assert (
        "4 known patients have records in several splits" in said["split"]
        and "last step" in said["weights chosen"]
    )
    assert recipe(spec_of(preset="beats", data={"rhythm": False}), FACTS, 1)["rhythm"] == "none"


def test_a_job_that_evaluates_anothers_checkpoint_claims_no_training_of_its_own() -> None:
    spec = spec_of(preset="beats", kind="eval", init_from={"job": "01jcelestialevaluated"})
    said = recipe(spec, FACTS, best_epoch=None)
    assert said["training"] == said["weights chosen"] == "by another job, whose checkpoint this one evaluates"


def test_all_five_classes_stand_beside_what_was_published_of_them() -> None:
    row = {"precision": 0.5, "recall": 0.25, "f1": 0.3333, "support": 7}
    results: dict[str, Any] = {
        "per_class": dict.fromkeys("NSVFQ", row),
        "accuracy": 0.9,
        "published": {"de_chazal_2004": DE_CHAZAL_2004, "our_mean_recall_nsvf": 0.7},
    }
    page = "\n".join(published_section(results))
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0][2:] for line in lines[2:7]] == list("NSVFQ")
    assert "0.385" in lines[3] and "0.759" in lines[3] and "0.819" in lines[4]
    assert "0.385" not in lines[2] and "201" in page
