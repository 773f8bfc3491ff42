"""The Markdown page of an engraving job's results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from worker.evaluation.parameters import parameter_table
from worker.evaluation.report import markdown_table

Results = Mapping[str, Any]
UNMEASURED = (
    "There is no estimate: model and data are not of the sizes of a preset that was measured. A `preflight` "
    "job with `memory.probe: always` measures these."
)
BLEU = tuple(f"bleu_{n}" for n in (1, 2, 3, 4))


def report_page(results: Results, figures: Sequence[Path]) -> str:
    """The page, figures linked as `figures/<name>.png`."""
    split = results["evaluated_split"]
    parts = [
        f"# Images and captions, preset {results['config']}",
        _facts(results),
        f"## Images and captions told, {split} split",
        _told(results),
        f"## Images and captions that find each other, {split} split",
        _retrieval(results),
        "## Distance to real images",
        _distances(results),
        "## Captions",
        _samples(results),
        "## Memory by batch size",
        _memory(results),
        "## Parameters",
        parameter_table(results["parameters_by_part"], results["published_parameters"]),
        *(f"![{figure.stem.replace('_', ' ')}](figures/{figure.name})" for figure in figures),
    ]
    return "\n\n".join(parts) + "\n"


def _facts(results: Results) -> str:
    data = results["data"]
    pairs = data["pairs"]
    rows: list[Sequence[Any]] = [
        ("data", data["source"]),
        ("pairs", f"train {pairs['train']}, validation {pairs['val']}, test {pairs['test']}"),
        ("left out", f"{data['skipped_without_caption']} without caption, "
                     f"{data['left_out_as_same_image']} that look like another"),
        ("tokens", data["tokens"]),
        ("unknown words", ", ".join(f"{name} {share:.1%}" for name, share in data["unknown_words"].items())),
        ("parameters", f"{results['total_parameters']:,} (published: {results['published_parameters']:,})"),
        ("epochs", results["train_epochs"]),
        ("best epoch", results["best_epoch"]),
        ("seconds trained", results["seconds_trained"]),
    ]  # fmt: skip
    chosen = "the best epoch was chosen on these very pairs" if pairs["test"] == 0 else "held out to the end"
    return markdown_table(("", ""), [*rows, ("evaluated on", f"{results['evaluated_split']}, {chosen}")])


def _told(results: Results) -> str:
    image, caption, others = results["image"], results["caption"], results["baselines"]
    rows = [
        ("model", image["mse"], caption["exact_match"], *(caption[name] for name in BLEU)),
        *(
            (name.replace("_", " "), one["mse"], one.get("exact_match"), *(one.get(name) for name in BLEU))
            for name, one in others.items()
            if "mse" in one
        ),
    ]
    table = markdown_table(
        ("", "MSE of pixels", "captions exact", "BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4"), rows
    )
    notes = [f"{name.replace('_', ' ')}: {one['description']}." for name, one in others.items()]
    accuracy = others["commonest_token"]["token_accuracy"]
    perplexity = (
        f"Perplexity of a caption's tokens given its image: {caption['perplexity']:.4g}, all unknown "
        f"words being one token. The commonest token alone is right for {accuracy:.1%} of words and ends."
    )
    return "\n\n".join([table, f"Captions are {caption['how']}.", perplexity, *notes])


def _retrieval(results: Results) -> str:
    found = results["retrieval"]
    chance = found["chance"]
    rows: list[Sequence[Any]] = [("chance", chance["recall_at_1"], chance["recall_at_5"])]
    for score in ("likelihood", "cosine"):
        for way in ("image_to_caption", "caption_to_image"):
            recalls = found[score][way]
            name = f"{way.replace('_', ' ')}, {score}"
            rows.append((name, recalls["recall_at_1"], recalls["recall_at_5"]))
    notes = [f"{score}: {found[score]['score']}." for score in ("likelihood", "cosine")]
    table = markdown_table((f"among {found['pairs']}", "recall at 1", "recall at 5"), rows)
    return "\n\n".join([table, *notes])


def _distances(results: Results) -> str:
    distance = results["frechet_encoder_distance"]
    rows = [
        (name.replace("_", " "), distance[name]) for name in ("train_images", "reconstructions", "generated")
    ]
    table = markdown_table((f"from {distance['images']} images to as many", "distance"), rows)
    note = f"{distance['of'][0].upper()}{distance['of'][1:]}. Few images make every distance larger."
    return f"{table}\n\n{note}"


def _samples(results: Results) -> str:
    told = [(one["caption"], one["told"]) for one in results["samples"]]
    made = [(f"made up from seed {one['seed']}", one["caption"]) for one in results["generated"][:5]]
    return markdown_table(("caption", "told"), [*told, *made])


def _memory(results: Results) -> str:
    table = results["memory_by_batch_size"]
    if table is None:
        return UNMEASURED
    rows = [(one["batch_size"], one["estimated_gb"], one["published_gpu_gb"]) for one in table]
    heading = ("batch size", "GB, estimated for a CPU in fp32", "GB of GPU memory, as the original states")
    return markdown_table(heading, rows)
