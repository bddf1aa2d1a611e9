"""Train the paper-doll model on this machine's CPU: draw, read, denoise, export. Each stage resumes where it stopped.

nice -n 19 python scripts/train_paperdoll.py draw --shards 140
nice -n 19 python scripts/train_paperdoll.py reader person --minutes 80
nice -n 19 python scripts/train_paperdoll.py reader flat --minutes 20
nice -n 19 python scripts/train_paperdoll.py denoiser --minutes 60
python scripts/train_paperdoll.py export
"""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.progress import track

from models.paperdoll.family import HEIGHT, WIDTH, Networks
from models.paperdoll.painting import LEFT_SLEEVE
from models.paperdoll.pool import Pool, render_shard
from models.paperdoll.training import Run, reader_loss

app = typer.Typer(add_completion=False, no_args_is_help=True)
console = Console()
Folder = Annotated[Path, typer.Option(help="Where shards and checkpoints lie.")]
RUNS = Path("runs/paperdoll")
BATCH = 16
SAVE_EVERY_S = 60.0
SAY_EVERY = 50  # steps


class Side(StrEnum):
    person = "person"
    flat = "flat"


@app.command()
def draw(shards: int = 140, first: int = 0, folder: Folder = RUNS) -> None:
    """Draw the training figures, 256 a shard."""
    torch.set_num_threads(1)
    for index in track(range(first, first + shards), description="drawing"):
        render_shard(folder / "pool", index, HEIGHT, WIDTH)


@app.command()
def reader(side: Side, minutes: float = 80, threads: int = 1, folder: Folder = RUNS) -> None:
    """Train the reader of the person's or of the garment's picture."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    run = Run(getattr(Networks.new(), side), folder / f"{side}.pt", minutes, rate=1.5e-3)
    pool, saved, losses = Pool(folder / "pool", seed=run.step), time.monotonic(), []
    while run.progress < 1:
        batch = pool.batch(BATCH)
        picture, labels, true = (getattr(batch, side + name) for name in ("", "_labels", "_keypoints"))
        counted = torch.ones(BATCH, 12)
        if side is Side.flat:
            counted[:, 8:] = (labels >= LEFT_SLEEVE).flatten(1).any(1)[:, None]
        with torch.autocast("cpu", torch.bfloat16):
            keypoints, logits = run.network(picture.contiguous(memory_format=torch.channels_last))
        run.descend(reader_loss(keypoints, logits, true, labels, counted))
        with torch.no_grad():
            pixels = ((keypoints - true).norm(dim=2) * counted).sum() / counted.sum() * HEIGHT / 2
            losses.append((pixels.item(), (logits.argmax(1) == labels).float().mean().item()))
        if run.step % SAY_EVERY == 0:
            pixels_mean, right = (sum(column) / len(column) for column in zip(*losses, strict=True))
            console.print(
                f"{side} step {run.step} {run.progress:.1%}: keypoints off by {pixels_mean:.2f} px, labels right {right:.4f}"
            )
            losses.clear()
            pool.refresh()
        if time.monotonic() - saved > SAVE_EVERY_S:
            run.save()
            saved = time.monotonic()
    run.save()


if __name__ == "__main__":
    app()
