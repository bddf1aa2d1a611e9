"""What a run leaves beside its pictures: a manifest that is the same in every run, and the timings, which are not."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.batch.disk import write_whole
from scripts.batch.journal import Line
from scripts.batch.plan import Plan, versions
from scripts.batch.results import Result
from scripts.batch.rows import Row

MANIFEST, TIMINGS, RUN = "manifest.csv", "timings.csv", "run.json"
INPUTS = ("person", "garment", "mask", "densepose", "parse", "pose")

COLUMNS = (
    *("row", "name", "output", "output_sha256", "error", "warnings"),
    *("category", "card", "card_sha256", "seed", "steps", "worn"),
    *(column for name in INPUTS for column in (name, f"{name}_sha256")),
    *("optimisations", "versions"),
)
"""Of the manifest. `output` is relative to its folder, inputs are as they were found; a list or table is JSON."""

STAGES = ("read_s", "prepare_s", "denoise_s", "finish_s", "service_s")
TIMING_COLUMNS = ("row", "name", "made_by", "finished_at", *STAGES, "peak_bytes")
"""Seconds of a row's stages; of `denoise_s`, which a batch goes through together, its share. `peak_bytes`: the most
that the GPU's tensors, or on a CPU the whole process, had taken until then.
"""


def told_of(row: Row, result: Result, output: str, output_sha256: str, plan: Plan) -> dict[str, Any]:
    """A line of the manifest, by column."""
    inputs = {name: getattr(row, name) for name in INPUTS}
    return {
        "row": row.number,
        "name": row.name,
        "output": output,
        "output_sha256": output_sha256,
        "error": result.error,
        "warnings": _json(list(result.warnings)) if result.warnings else "",
        "category": row.category,
        "card": Path(row.card).stem if row.card.endswith(".toml") else row.card,
        "card_sha256": plan.cards.get(row.card, ""),
        "seed": row.seed,
        "steps": row.steps or "",
        "worn": "yes" if row.worn else "",
        **inputs,
        **{f"{name}_sha256": result.sha256.get(name, "") for name in INPUTS},
        "optimisations": _json([dict(one) for one in result.optimisations]) if result.optimisations else "",
        "versions": _json(versions()),
    }


def timing_of(row: Row, result: Result, finished_at: str) -> dict[str, Any]:
    """A line of the timings, by column."""
    seconds = {name: round(value, 6) for name, value in result.seconds.items()}
    return {
        "row": row.number,
        "name": row.name,
        "made_by": result.made_by,
        "finished_at": finished_at,
        **seconds,
        "peak_bytes": result.peak_bytes or "",
    }


def write_manifest(folder: Path, plan: Plan, lines: Sequence[Line]) -> None:
    """All three files, from what is done; each is replaced as a whole."""
    write_whole(folder / MANIFEST, _csv(COLUMNS, (line.told for line in lines)))
    write_whole(folder / TIMINGS, _csv(TIMING_COLUMNS, (line.timing for line in lines)))
    write_whole(folder / RUN, (json.dumps(plan.told(), indent=1, sort_keys=True) + "\n").encode())


def _csv(columns: Sequence[str], lines: Iterable[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode()


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
