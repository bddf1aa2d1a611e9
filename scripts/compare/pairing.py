"""The pictures that two runs have in common, by the features that were kept of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scripts.compare.sets import frechet_difference, kernel_difference
from scripts.compare.statistics import Paired
from scripts.evaluation.distances import Features
from scripts.evaluation.features import SetFeatures, read_features
from scripts.evaluation.result import Result

DISTANCES = {"fid": frechet_difference, "kid": kernel_difference}


def set_differences(
    folders: Sequence[Path], results: Sequence[Result], names: Sequence[str]
) -> dict[tuple[str, int], Paired]:
    """By distance and run: how far it is from the first run's, both of the pictures named; where features are there."""
    features = [read_features(folder, result.features) for folder, result in zip(folders, results, strict=True)]
    first = features[0]
    found: dict[tuple[str, int], Paired] = {}
    for number, other in enumerate(features):
        if number == 0 or first is None or other is None:
            continue
        ones, others = (_made(one, results[place], names) for one, place in ((first, 0), (other, number)))
        for name, difference in DISTANCES.items():
            if told := difference(ones, others, first.real):
                found[name, number] = Paired(told.interval, told.p, higher_is_better=False)
    return found


def _made(features: SetFeatures, result: Result, names: Sequence[str]) -> Features:
    places = {row["name"]: place for place, row in enumerate(result.rows)}
    return features.made[[places[name] for name in names]]
