"""Runs of one protocol, side by side, as the page shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from scripts.compare.pairing import set_differences
from scripts.compare.statistics import Difference, Paired, differences, paired
from scripts.compare.thumbnails import data_uri
from scripts.evaluation.intervals import mean_interval
from scripts.evaluation.metrics import METRICS
from scripts.evaluation.pictures import read_picture
from scripts.evaluation.result import Result, read_result
from scripts.evaluation.run_folder import RunError, cost_of

WORST_BY = ("ssim_garment", "ssim", "lpips", "clip_i", "identity_kept")
RESULT_HEIGHT, INPUT_HEIGHT = 640, 280  # pixels
SMALL = 128  # pixels of the height in which pictures are compared for how much they differ

Rows = dict[str, list[dict[str, Any]]]
"""Row's name -> its entry in each run."""


def compared(folders: Sequence[Path], num_pictures: int) -> dict[str, Any]:
    """Everything that the page says of the runs, the first being what the others are compared with.

    Raises:
        RunError: a run was not judged, or not by the same protocol.
    """
    results = [read_result(folder) for folder in folders]
    _refuse_different(folders, results)
    rows = _common(results)
    told = [_row(name, entries, folders) for name, entries in rows.items()]
    _with_pictures(told, rows, folders, num_pictures)
    return {
        "runs": [_run(folder, result) for folder, result in zip(folders, results, strict=True)],
        "metrics": _metrics(folders, results, rows),
        "rows": told,
        "worst_by": _worst_by(told),
        "protocol": results[0].protocol,
        "protocol_id": results[0].protocol_id,
        "versions": [result.versions for result in results],
    }


def _refuse_different(folders: Sequence[Path], results: Sequence[Result]) -> None:
    first = results[0]
    for folder, other in zip(folders, results, strict=True):
        names = sorted({*first.protocol, *other.protocol})
        if differing := [name for name in names if first.protocol.get(name) != other.protocol.get(name)]:
            raise RunError(
                f"{folders[0]} and {folder} were judged by different protocols: they differ in {', '.join(differing)}. "
                "Numbers of different protocols do not compare. Judge both with the same options of: "
                "fitting-room evaluate"
            )


def _common(results: Sequence[Result]) -> Rows:
    by_name = [{row["name"]: dict(row) for row in result.rows} for result in results]
    names = sorted(set.intersection(*(set(rows) for rows in by_name)))
    if not names:
        raise RunError("The runs have no picture in common.")
    return {name: [rows[name] for rows in by_name] for name in names}


def _run(folder: Path, result: Result) -> dict[str, Any]:
    cost = cost_of(folder)
    return {
        "name": result.run,
        "card": result.card,
        "num": len(result.rows),
        "failed": result.num_failed,
        "seconds": asdict(mean_interval(cost.seconds)) if cost.seconds else None,
        "peak_bytes": cost.peak_bytes,
        "memory_of": cost.memory_of,
    }


def _metrics(folders: Sequence[Path], results: Sequence[Result], rows: Rows) -> list[dict[str, Any]]:
    found = _differences(rows, len(results), set_differences(folders, results, list(rows)))
    return [
        {
            "name": metric.name,
            "title": metric.title,
            "how": metric.how,
            "digits": metric.digits,
            "higher_is_better": metric.higher_is_better,
            "of_set": metric.of_set,
            "values": [dict(result.metrics[metric.name]) for result in results],
            "differences": [
                asdict(found[metric.name, number]) if (metric.name, number) in found else None
                for number in range(1, len(results))
            ],
        }
        for metric in METRICS
    ]


def _differences(
    rows: Rows, num_runs: int, of_sets: Mapping[tuple[str, int], Paired]
) -> dict[tuple[str, int], Difference]:
    """By metric and run, corrected for all that are on the page."""
    found = dict(of_sets)
    for metric in METRICS:
        for number in range(1, num_runs):
            scores = [(entries[0]["scores"], entries[number]["scores"]) for entries in rows.values()]
            both = [(one, other) for one, other in scores if metric.name in one and metric.name in other]
            if both:
                ones, others = ([scores[metric.name] for scores in side] for side in zip(*both, strict=True))
                found[metric.name, number] = paired(ones, others, higher_is_better=metric.higher_is_better)
    return dict(zip(found, differences(list(found.values())), strict=True))


def _row(name: str, entries: Sequence[dict[str, Any]], folders: Sequence[Path]) -> dict[str, Any]:
    small = [
        read_picture(folder / entry["output"], (SMALL, SMALL * 3 // 4), any_shape=True).astype(np.float64)
        for folder, entry in zip(folders, entries, strict=True)
    ]
    return {
        "name": name,
        "category": entries[0]["category"],
        "garment": Path(entries[0]["garment"]).stem,
        "scores": [entry["scores"] for entry in entries],
        "differs": max(float(np.abs(other - small[0]).mean()) for other in small),
    }


def _worst_by(rows: Iterable[dict[str, Any]]) -> str:
    named = {name for row in rows for scores in row["scores"] for name in scores}
    return next((name for name in WORST_BY if name in named), "")


def _with_pictures(told: list[dict[str, Any]], rows: Rows, folders: Sequence[Path], num: int) -> None:
    """The most different rows, the worst of each run, and some by lot to vote on, with their pictures."""
    drawn = {told[place]["name"] for place in np.random.default_rng(0).permutation(len(told))[:num]}
    chosen = drawn | {row["name"] for row in sorted(told, key=lambda row: -row["differs"])[:num]}
    by = _worst_by(told)
    metric = next((metric for metric in METRICS if metric.name == by), None)
    for number in range(len(folders) if metric else 0):
        sign = 1 if metric and metric.higher_is_better else -1
        scored = [row for row in told if by in row["scores"][number]]
        chosen |= {row["name"] for row in sorted(scored, key=lambda row: sign * row["scores"][number][by])[:num]}
    for row in told:
        if row["name"] in chosen:
            entries = rows[row["name"]]
            row["to_vote_on"] = row["name"] in drawn
            row["pictures"] = {
                **{what: data_uri(Path(entries[0][what]), INPUT_HEIGHT) for what in ("person", "garment", "reference")},
                "results": [
                    data_uri(folder / entry["output"], RESULT_HEIGHT)
                    for folder, entry in zip(folders, entries, strict=True)
                ],
            }
