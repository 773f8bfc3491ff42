"""The Markdown page of an ECG job's results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from worker.evaluation.parameters import parameter_table
from worker.evaluation.report import markdown_table

Results = Mapping[str, Any]
OVERALL = ("accuracy", "f1_macro", "f1_weighted", "auroc_macro", "average_precision_macro")
PER_CLASS = ("precision", "recall", "f1", "auroc", "average_precision", "support")
BY_RECORD = ("records", "largest_share", "mean_recall", "mean_precision")
BY_RECORD_NOTE = (
    "`largest share` is that of one record among all beats of the class. Recall is the mean over the records "
    "that have the class, precision over those where it was said; `results.json` has every record."
)
BESIDE = ("class", "precision", "recall", "f1", "support")
BESIDE_NOTE = (
    "Their figures of S and V are those of the abstract, the two overall ones as compiled by others; what is "
    "empty was not found. They trained on all of DS1; this job leaves 201 out and validates on a part of it."
)
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
        *by_record_section(results),
        *published_section(results),
        "## Recipe",
        _recipe(results),
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


def by_record_section(results: Results) -> list[str]:
    """Each class of beats with every record counting alike, and how much of it is of one record."""
    if results["by_record"] is None:
        return []
    rows = [
        (name, *(row[measure] for measure in BY_RECORD), results["per_class"][name]["recall"])
        for name, row in results["by_record"]["classes"].items()
    ]
    table = markdown_table(("class", *(name.replace("_", " ") for name in BY_RECORD), "recall of all"), rows)
    return ["## By class, every record counting alike", table, BY_RECORD_NOTE]


def _recipe(results: Results) -> str:
    return markdown_table(("", ""), list(results["recipe"].items()))


def published_section(results: Results) -> list[str]:
    """The five classes beside the published figures of the same division, where there are any."""
    if results["published"] is None:
        return []
    theirs = results["published"]["de_chazal_2004"]
    overall = [
        ("accuracy", results["accuracy"], theirs["accuracy"]),
        ("mean recall NSVF", results["published"]["our_mean_recall_nsvf"], theirs["mean_recall_nsvf"]),
    ]
    return [
        "## Beside a published result",
        markdown_table(
            (*BESIDE, "their precision", "their recall"), list(_beside(results, theirs["per_class"]))
        ),
        markdown_table(("DS2", "this job", "de Chazal et al. 2004"), overall),
        f"{theirs['source']}. {BESIDE_NOTE}",
    ]


def _beside(results: Results, theirs: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    for name, row in results["per_class"].items():
        published = theirs.get(name, {})
        ours = (row[measure] for measure in BESIDE[1:])
        yield (name, *ours, published.get("precision"), published.get("recall"))


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
