"""`fitting-room parity`: whether our families compute what the published code computes."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Precision(StrEnum):
    """What to compute in; the limits are float32's."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"


def run(
    case_dirs: Annotated[
        list[Path],
        typer.Argument(metavar="CASE_DIR...", exists=True, file_okay=False, help="Folders with a case.json."),
    ],
    without_savings: Annotated[
        bool, typer.Option("--without-savings", help="Do all the work that the published code does.")
    ] = False,
    precision: Annotated[Precision, typer.Option(help="What to compute in.")] = Precision.FLOAT32,
) -> None:
    """Run parity cases on the CPU: one JSON line for each tensor, and 1 in the end when an error is over its limit."""
    from models.parity import CaseError

    try:
        all_hold = [_holds(folder, not without_savings, precision) for folder in case_dirs]
    except CaseError as error:
        raise typer.BadParameter(str(error)) from error
    sys.exit(0 if all(all_hold) else 1)


def _holds(folder: Path, exact_savings: bool, precision: Precision) -> bool:
    """Print a line for each tensor of a case."""
    import torch

    from models.parity import compare

    all_hold = True
    for agreement in compare(folder, exact_savings=exact_savings, dtype=getattr(torch, precision)):
        all_hold &= agreement.holds
        told = {"case": str(folder), "tensor": agreement.tensor, "relative_error": agreement.relative_error}
        print(json.dumps(told | {"limit": agreement.limit, "holds": agreement.holds}), flush=True)
    return all_hold
