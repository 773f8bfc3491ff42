"""The Markdown page of an ECG job's results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from worker.evaluation.parameters import parameter_table
from worker.evaluation.report import markdown_table

Results = Mapping[str, Any]
OVERALL = ("accuracy", "f1_macro", "f1_weighted", "auroc_macro", "average_precision_macro")
PER_CLASS = ("precision", "recall", "f1", "auroc", "average_precision", "support")
MACRO = "`f1_macro` is the mean over the classes that occur in the split."


def report_page(results: Results, figures: Sequence[Path]) -> str:
    """The page, figures linked as `figures/<name>.png`."""
    parts = [
        f"# ECG classification, preset {results['config']}",
        _facts(results),
        "## Test split",
        _comparison(results),
        "## By class",
        _per_class(results),
        *_published(results),
        "## Data",
        _splits(results),
        *_coverage(results),
        "## Parameters",
        parameter_table(results["parameters_by_part"], results["published_parameters"]),
        "The published count is that of the small network with one lead and no rhythm features.",
        *(f"![{figure.stem.replace('_', ' ')}](figures/{figure.name})" for figure in figures),
    ]
    return "\n\n".join(parts) + "\n"


def _facts(results: Results) -> str:
    data = results["data"]
    rows: list[Sequence[Any]] = [
        ("data", data["source"]),
        (
            "samples",
            f"{data['mode']}, {data['leads']} leads, {data['samples']} at {data['sampling_rate']:g} Hz",
        ),
        ("split", f"{data['split']}; patients in several splits: {data['patients_in_several_splits']:,}"),
        ("patients", data["patients_by"]),
        ("network", f"{results['model']}, {results['total_parameters']:,} parameters"),
        ("epochs trained", len(results["history"]["val_loss"])),
        ("best epoch, by validation", results["best_epoch"]),
        ("seconds trained", results["seconds_trained"]),
    ]
    return markdown_table(("", ""), rows)


def _comparison(results: Results) -> str:
    every = {"model": results, **results["baselines"]}
    rows = [(name, *(one.get(measure) for measure in OVERALL)) for name, one in every.items()]
    notes = [f"{name}: {one['description']}." for name, one in results["baselines"].items()]
    return "\n\n".join([markdown_table(("classifier", *OVERALL), rows), MACRO, *notes])


def _per_class(results: Results) -> str:
    rows = [(name, *(row[measure] for measure in PER_CLASS)) for name, row in results["per_class"].items()]
    return markdown_table(("class", *PER_CLASS), rows)


def _published(results: Results) -> list[str]:
    if results["published"] is None:
        return []
    theirs, ours = results["published"]["de_chazal_2004"], results["per_class"]
    rows: list[Sequence[Any]] = [
        ("accuracy", results["accuracy"], theirs["accuracy"]),
        (
            "mean recall of N, S, V, F",
            results["published"]["our_mean_recall_nsvf"],
            theirs["mean_recall_nsvf"],
        ),
    ]
    for name, figures in theirs["per_class"].items():
        rows += [(f"{measure} of {name}", ours[name][measure], value) for measure, value in figures.items()]
    table = markdown_table(("DS2", "this job", "de Chazal et al. 2004"), rows)
    note = "This job trains on part of DS1 and validates on whole other patients of it; 201 is left out."
    return ["## Beside a published result", table, f"{theirs['source']}. {note}"]


def _splits(results: Results) -> str:
    data = results["data"]
    rows = [
        (name, split["samples"], split["records"], split["patients"], *split["by_class"].values())
        for name, split in data["splits"].items()
    ]
    table = markdown_table(("split", "samples", "records", "patients", *data["classes"]), rows)
    left_out = [f"* {name}: {why}" for name, why in list(data["left_out"].items())[:20]]
    return "\n\n".join([table, *(["Left out:\n\n" + "\n".join(left_out)] if left_out else [])])


def _coverage(results: Results) -> list[str]:
    coverage = results["data"]["coverage"]
    if coverage is None:
        return []
    rows = [
        (name.replace("_", " "), value) for name, value in coverage.items() if name != "commonest_not_mapped"
    ]
    missing = [(f"not mapped: {text}", count) for text, count in coverage["commonest_not_mapped"].items()]
    return ["## Labels", markdown_table(("", "records"), [*rows, *missing])]
