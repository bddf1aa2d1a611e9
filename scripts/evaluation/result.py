"""What `evaluate` finds, as a file that `compare` reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scripts.evaluation.intervals import Interval, mean_interval
from scripts.evaluation.judges import Judges
from scripts.evaluation.metrics import METRICS, Metric
from scripts.evaluation.run_folder import Row, Run, RunError
from scripts.evaluation.scoring import Scored
from scripts.evaluation.sources import Sources

FILE = "evaluation.json"
FORMAT = 2
PACKAGES = ("numpy", "pillow", "scikit-image", "scipy", "torch", "torchmetrics", "transformers")
NEEDS = {
    "identity_kept": "needs the photographs of the manifest, and masks: --masks DIR",
    "identity_psnr": "needs the photographs of the manifest, and masks: --masks DIR",
    "fid": "needs two or more real pictures: --reference DIR, or the photographs of the manifest",
    "kid": "needs two or more real pictures: --reference DIR, or the photographs of the manifest",
    "clip_i": "needs the garments' pictures of the manifest",
}


@dataclass(frozen=True, slots=True)
class Result:
    """A run that was judged. `metrics`: name -> its figures, or why there are none; `rows`: each with its scores.

    `features`: SHA-256 of the file beside it with the features of FID and KID, empty without.
    """

    run: str
    card: str
    protocol: Mapping[str, Any]
    versions: Mapping[str, str]
    num_failed: int
    metrics: Mapping[str, Mapping[str, Any]]
    rows: tuple[Mapping[str, Any], ...]
    features: str = ""
    format: int = FORMAT

    @property
    def protocol_id(self) -> str:
        """Equal where numbers compare."""
        return hashlib.sha256(json.dumps(self.protocol, sort_keys=True).encode()).hexdigest()[:12]

    def write(self, folder: Path) -> Path:
        """As `evaluation.json` in the run's folder."""
        path = folder / FILE
        path.write_text(json.dumps(asdict(self) | {"protocol_id": self.protocol_id}, indent=1, sort_keys=True) + "\n")
        return path


def made(run: Run, sources: Sources, judges: Judges, scored: Scored) -> Result:
    """The result of a run, whose folder then holds its features."""
    protocol = {
        "asked": {"num": len(run.rows) + len(run.failed), "sha256": run.asked},
        **sources.told(),
        "weights": judges.sha256,
        "metrics": {metric.name: metric.how for metric in METRICS},
        "intervals": "95%: percentile bootstrap of means, 2000 draws; 1.96 deviations of 100 for FID, 1000 for KID",
    }
    metrics = {metric.name: _told(metric, judges, scored) for metric in METRICS}
    rows = tuple(_row(run.folder, row, sources) | {"scores": scored.rows[row.name]} for row in run.rows)
    versions = {name: version(name) for name in PACKAGES}
    features = scored.features.write(run.folder) if scored.features else ""
    return Result(run.folder.resolve().name, run.card, protocol, versions, len(run.failed), metrics, rows, features)


def read_result(folder: Path) -> Result:
    """What was found of a run.

    Raises:
        RunError: it was not judged yet, or by another version.
    """
    path = folder / FILE
    try:
        table = json.loads(path.read_text())
    except FileNotFoundError:
        raise RunError(f"{folder} was not judged yet. Run: fitting-room evaluate {folder}") from None
    except ValueError as error:
        raise RunError(f"{path} is damaged. Run: fitting-room evaluate {folder}") from error
    if table.pop("format", None) != FORMAT:
        raise RunError(f"{path} is of another version. Run: fitting-room evaluate {folder}")
    table.pop("protocol_id")
    return Result(**table | {"rows": tuple(table["rows"])})


def _told(metric: Metric, judges: Judges, scored: Scored) -> dict[str, Any]:
    if metric.of_set:
        found: Interval | None = scored.sets.get(metric.name)
    else:
        values = [scores[metric.name] for scores in scored.rows.values() if metric.name in scores]
        found = mean_interval(values) if values else None
    return asdict(found) if found else {"absent": _why(metric, judges)}


def _why(metric: Metric, judges: Judges) -> str:
    if metric.card in judges.missing:
        return judges.missing[metric.card]
    masks = ", and masks: --masks DIR" if metric.name.endswith(("_garment", "_rest")) else ""
    return NEEDS.get(metric.name, f"needs truths with the names of the results: --reference DIR{masks}")


def _row(folder: Path, row: Row, sources: Sources) -> dict[str, Any]:
    return {
        "name": row.name,
        "output": row.output.relative_to(folder).as_posix(),
        "person": _named(row.person),
        "garment": _named(row.garment),
        "reference": _named(sources.references.get(row.name)),
        "category": row.category,
    }


def _named(path: Path | None) -> str:
    return str(path.resolve()) if path else ""
