"""The final evaluation: results, figures, a report page, the vocabulary, captions told, made-up images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from worker.workloads.engraving.data import Fitted
from worker.workloads.engraving.figures import draw_figures
from worker.workloads.engraving.generation import Generated
from worker.workloads.engraving.invention import invent
from worker.workloads.engraving.report_page import report_page
from worker.workloads.engraving.results import build_results
from worker.workloads.engraving.telling import Told, collect
from worker.workloads.interface import Evaluation


def evaluate(run: Evaluation) -> dict[str, Any]:
    """Write report.md, tokenizer.json, captions.jsonl, figures and generated/*.png beneath `run.folder`.

    Answers the results.
    """
    fitted: Fitted = run.splits.fitted
    told = collect(run)
    invention = invent(run, told)
    results = build_results(run, told, invention)
    figures = draw_figures(run, told, invention, results)
    (run.folder / "report.md").write_text(report_page(results, figures), encoding="utf-8")
    fitted.tokenizer.save(run.folder / "tokenizer.json")
    save_captions(told, run.folder / "captions.jsonl")
    save_images(invention.wished, run.folder / "generated")
    return results


def save_captions(told: Told, path: Path) -> None:
    """A JSON line a pair: its id, its caption, and the caption told."""
    lines = [
        json.dumps({"id": picture.id, "caption": picture.caption, "told": said}, ensure_ascii=False)
        for picture, said in zip(told.split.pictures, told.captions, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def save_images(made: tuple[Generated, ...], folder: Path) -> None:
    """One PNG a made-up image, and their captions as `metadata.json` in the format of the data."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for one in made:
        pixels = ((one.image.float().cpu() + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)
        shaped = pixels[0] if len(pixels) == 1 else pixels.permute(1, 2, 0)
        Image.fromarray(shaped.numpy()).save(folder / f"{one.seed}.png")
        rows.append({"id": str(one.seed), "filename": f"{one.seed}.png", "caption": one.caption})
    (folder / "metadata.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
