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
from torch import Tensor

from models.paperdoll.canvas import LEFT_SLEEVE
from models.paperdoll.denoising import Scene
from models.paperdoll.drawings import Drawings
from models.paperdoll.export import export as export_weights
from models.paperdoll.export import load_averaged
from models.paperdoll.layers import Reading
from models.paperdoll.networks import HEIGHT, WIDTH, Networks
from models.paperdoll.pool import Pool, render_shard
from models.paperdoll.training import Run, denoiser_loss, reader_loss, told_reading

app = typer.Typer(add_completion=False, no_args_is_help=True)
console = Console()
Folder = Annotated[Path, typer.Option(help="Where shards and checkpoints lie.")]
RUNS = Path("runs/paperdoll")
BATCH = 16
SAVE_EVERY_S = 60.0
SAY_EVERY = 50  # steps
READ_EVERY = 200  # steps between looks for better readers


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
    run = Run(getattr(Networks(), side), folder / f"{side}.pt", minutes, rate=1.5e-3)
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
                f"{side} {run.step} {run.progress:.1%}: keypoints off by {pixels_mean:.2f} px, labels right {right:.4f}"
            )
            losses.clear()
            pool.refresh()
        if time.monotonic() - saved > SAVE_EVERY_S:
            run.save()
            saved = time.monotonic()
    run.save()


@app.command()
def denoiser(minutes: float = 60, told: bool = False, threads: int = 1, folder: Folder = RUNS) -> None:
    """Train the denoiser on what the readers see, or with `--told`, before they can, on the truth with noise."""
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    networks = Networks()
    run = Run(networks.denoiser, folder / "denoiser.pt", minutes, rate=1.2e-3)
    denoise = torch.autocast("cpu", torch.bfloat16)(run.network)
    pool, saved, errors = Pool(folder / "pool", seed=run.step + 7), time.monotonic(), []
    read_at = -READ_EVERY
    while run.progress < 1:
        if not told and run.step >= read_at + READ_EVERY:
            load_averaged(networks, folder, ("person", "flat"))
            read_at = run.step
        batch = pool.batch(BATCH)
        with torch.autocast("cpu", torch.bfloat16):
            person, flat = (
                _told(batch) if told else (networks.read_person(batch.person), networks.read_flat(batch.flat))
            )
        loss, seen, scene = denoiser_loss(denoise, batch, person, flat)
        run.descend(loss)
        errors.append(
            [decibels(picture, batch, scene) for picture in (seen.picture.detach(), scene.composition.picture)]
        )
        if run.step % SAY_EVERY == 0:
            mine, composite = (sum(column) / len(column) for column in zip(*errors, strict=True))
            console.print(
                f"denoiser {run.step} {run.progress:.1%}: {mine:.2f} dB in the mask, composite {composite:.2f} dB"
            )
            errors.clear()
        if time.monotonic() - saved > SAVE_EVERY_S:
            run.save()
            saved = time.monotonic()
    run.save()


def _told(batch: Drawings) -> tuple[Reading, Reading]:
    person = told_reading(batch.person, batch.person_keypoints, batch.person_labels, 8, 0.008)
    return person, told_reading(batch.flat, batch.flat_keypoints, batch.flat_labels, 4, 0.004)


@app.command()
def export(folder: Folder = RUNS) -> None:
    """Write the weights that ship, from the checkpoints."""
    console.print(f"wrote {export_weights(folder)}")


def decibels(picture: Tensor, batch: Drawings, scene: Scene) -> float:
    """PSNR of the changed region, averaged over the batch."""
    area = scene.composition.mask
    error = (((picture - batch.truth) ** 2) * area).sum((1, 2, 3)) / (3 * area.sum((1, 2, 3)))
    return (-10 * error.clamp_min(1e-6).log10()).mean().item()


if __name__ == "__main__":
    app()
