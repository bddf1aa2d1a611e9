"""A run to its scores: of each picture, and of the set."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.base import Image
from scripts.evaluation.distances import Features, frechet_interval, kernel_interval
from scripts.evaluation.features import SetFeatures
from scripts.evaluation.intervals import Interval
from scripts.evaluation.judges import Judges
from scripts.evaluation.pictures import Region, read_mask, read_picture, size_of
from scripts.evaluation.pixels import Scores, against_reference, identity
from scripts.evaluation.run_folder import Row, Run
from scripts.evaluation.sources import Sources

LEAST = 2  # pictures of a set that has a covariance
FEATURES_AT_A_TIME = 8

OnProgress = Callable[[str, int, int], None]
"""Told of what is done, how many of it, and of how many."""


@dataclass(slots=True)
class Scored:
    """`rows`: row's name -> its scores; `sets`: name of a distance -> what it is, of `features`."""

    rows: dict[str, Scores] = field(default_factory=dict)
    sets: dict[str, Interval] = field(default_factory=dict)
    features: SetFeatures | None = None


def score(run: Run, sources: Sources, judges: Judges, on_progress: OnProgress) -> Scored:
    """Everything that can be measured of a run with what is there."""
    scored = Scored({row.name: {} for row in run.rows})
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = zip(run.rows, pool.map(lambda row: _pixels(row, sources), run.rows), strict=True)
        for done, (row, scores) in enumerate(found, 1):
            scored.rows[row.name] |= scores
            on_progress("pixels", done, len(run.rows))
    if judges.loaded.keys() & {"vgg16", "clip-vit-b32"}:
        for done, row in enumerate(run.rows, 1):
            scored.rows[row.name] |= _seen(row, sources, judges)
            on_progress("networks", done, len(run.rows))
    if "fid-inception" in judges.loaded and min(len(run.rows), len(sources.real)) >= LEAST:
        scored.features = _set_features(run, sources, judges.loaded["fid-inception"], on_progress)
        scored.sets = _distances(scored.features)
    return scored


def _pixels(row: Row, sources: Sources) -> Scores:
    result, garment = read_picture(row.output, sources.size), _mask(row, sources)
    scores: Scores = {}
    if reference := sources.references.get(row.name):
        scores |= against_reference(result, read_picture(reference, sources.size), garment)
    if garment is not None and (photograph := sources.photograph(row)):
        scores |= identity(result, read_picture(photograph, sources.size), garment)
    return scores


def _seen(row: Row, sources: Sources, judges: Judges) -> Scores:
    result = read_picture(row.output, sources.size)
    scores: Scores = {}
    reference = sources.references.get(row.name)
    if reference and "vgg16" in judges.loaded:
        scores |= judges.loaded["vgg16"](result, read_picture(reference, sources.size))
    if row.garment and row.garment.is_file() and (clip := judges.loaded.get("clip-vit-b32")):
        worn = _cut(result, _mask(row, sources))
        flat = read_picture(row.garment, size_of(row.garment))
        scores["clip_i"] = float(clip(worn) @ clip(flat))
    return scores


def _mask(row: Row, sources: Sources) -> Region | None:
    path = sources.masks.get(row.name)
    return read_mask(path, sources.size) if path else None


def _cut(result: Image, garment: Region | None) -> Image:
    """The box of the garment, or everything."""
    if garment is None or not garment.any():
        return result
    rows, columns = (np.flatnonzero(garment.any(axis)) for axis in (1, 0))
    return result[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _set_features(run: Run, sources: Sources, network: Any, on_progress: OnProgress) -> SetFeatures:
    """The real pictures keep their own sizes: the network has one of its own."""
    made = _features((read_picture(row.output, sources.size) for row in run.rows), network, on_progress, len(run.rows))
    real = _features((_as_it_is(path) for path in sources.real), network, on_progress, len(sources.real))
    return SetFeatures(made, real)


def _distances(of: SetFeatures) -> dict[str, Interval]:
    kid = kernel_interval(of.made, of.real)
    thousand = Interval(kid.value * 1000, kid.low * 1000, kid.high * 1000, kid.num)
    return {"fid": frechet_interval(of.made, of.real), "kid": thousand}


def _as_it_is(path: Path) -> Image:
    return read_picture(path, size_of(path))


def _features(images: Iterable[Image], network: Any, on_progress: OnProgress, num: int) -> Features:
    found, waiting = [], []
    for done, image in enumerate(images, 1):
        waiting.append(image)
        if len(waiting) == FEATURES_AT_A_TIME or done == num:
            found.append(network(waiting))
            waiting = []
            on_progress("features", done, num)
    return np.concatenate(found)
