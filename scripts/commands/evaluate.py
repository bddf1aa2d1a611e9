"""`fitting-room evaluate`: score the pictures of a run, and write down how it was done."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from scripts.devices import parse_devices
from scripts.options import AcceptLicence, Data, Device, settings_with

if TYPE_CHECKING:
    from scripts.evaluation.result import Result

RunFolder = Annotated[Path, typer.Argument(help="A folder of `fitting-room batch`, or of pictures.")]
Reference = Annotated[
    Path | None, typer.Option(help="Folder of real pictures; those with a result's name are its truth.")
]
Masks = Annotated[Path | None, typer.Option(help="Folder of masks with the results' names, white on the garment.")]
Size = Annotated[str | None, typer.Option(help="Judge at this size, such as 1024x768, instead of the results' own.")]


def run(
    folder: RunFolder,
    reference: Reference = None,
    masks: Masks = None,
    size: Size = None,
    device: Device = None,
    accept_licence: AcceptLicence = None,
    data: Data = None,
) -> None:
    """Score a run and write evaluation.json into it. The last line is one JSON object."""
    import torch

    from scripts.bench.report import progress
    from scripts.evaluation.judges import Judges
    from scripts.evaluation.result import made
    from scripts.evaluation.run_folder import read_run
    from scripts.evaluation.scoring import score
    from scripts.evaluation.sources import Sources

    settings = settings_with(data=data, accepted_licences=accept_licence)
    judged = read_run(folder)
    sources = Sources.of(judged, reference, masks, _parsed(size))
    judges = Judges.load(settings.weights, settings.accepted_licences, torch.device(parse_devices(device)[0]))
    with progress() as shown:
        task = shown.add_task("judge", total=None)

        def tell(what: str, done: int, num: int) -> None:
            shown.update(task, description=what, completed=done, total=num)

        scored = score(judged, sources, judges, tell)
    result = made(judged, sources, judges, scored)
    _show(result, result.write(folder))
    told = {"run": result.run, "protocol_id": result.protocol_id, "num": len(result.rows), "failed": result.num_failed}
    print(json.dumps(told | {"metrics": result.metrics}))


def _show(result: Result, path: Path) -> None:
    from scripts.evaluation.metrics import METRICS

    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0), title_justify="left")
    table.title = f"{result.run}, {len(result.rows)} pictures"
    for name in ("metric", "value", "95%"):
        table.add_column(name, justify="left" if name == "metric" else "right", no_wrap=True)
    for metric in METRICS:
        found = result.metrics[metric.name]
        if "absent" not in found:
            value, low, high = (f"{found[key]:.{metric.digits}f}" for key in ("value", "low", "high"))
            table.add_row(metric.title, value, f"{low} to {high}")
    console.print(table)
    for metric in METRICS:
        if why := result.metrics[metric.name].get("absent"):
            console.print(f"absent   {metric.title}: {why}", markup=False)
    if result.num_failed:
        console.print(f"failed   {result.num_failed} try-ons have no picture and are in no figure")
    console.print(f"protocol {result.protocol_id}, in {path}", markup=False)


def _parsed(size: str | None) -> tuple[int, int] | None:
    if size is None:
        return None
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", size)
    if found is None:
        raise typer.BadParameter(f"a size is HEIGHTxWIDTH, such as 1024x768, not {size!r}", param_hint="--size")
    return int(found[1]), int(found[2])
