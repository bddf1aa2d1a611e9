"""A box of simulated workers under the real supervisor, with trapdoors in the windows of a worker's death."""

from __future__ import annotations

import typer

from inference.leases import Leases
from scripts.bench.live import box
from scripts.soak import windows
from scripts.soak.traps import before, of_this_process


def argv(picture_s: float, num_workers: int) -> list[str]:
    """The command of a box."""
    return box.argv(picture_s, num_workers, program="scripts.soak.box", worker="scripts.soak.worker")


if __name__ == "__main__":
    before(of_this_process(), Leases, "reclaim", "supervisor", windows.BEREAVED)
    before(of_this_process(), Leases, "bury", "supervisor", windows.RECLAIMED)
    typer.run(box.main)
