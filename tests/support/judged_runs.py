"""Small runs as `fitting-room batch` leaves them, and the truths and masks that they are judged by."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 64, 48
GARMENTS = ("shirt", "coat", "vest")


@dataclass(frozen=True, slots=True)
class DataSet:
    """Folders of pictures that go by the names of the rows."""

    folder: Path

    @property
    def truths(self) -> Path:
        return self.folder / "truths"

    @property
    def masks(self) -> Path:
        return self.folder / "masks"


def draw(folder: Path, num: int = 12) -> DataSet:
    """People of coloured blocks, and on each the same in another middle."""
    for place in ("people", "truths", "masks", "garments"):
        (folder / place).mkdir(parents=True)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[16:48, 12:36] = 255
    rng = np.random.default_rng(7)
    for name in GARMENTS:
        Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)).save(folder / f"garments/{name}.png")
    for number in range(num):
        person = rng.integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        truth = np.where(mask[..., None] > 0, rng.integers(0, 256, 3, np.uint8), person)
        for place, picture in (("people", person), ("truths", truth), ("masks", mask)):
            Image.fromarray(picture.astype(np.uint8)).save(folder / place / f"{number:02d}.png")
    return DataSet(folder)


def make_run(folder: Path, data: DataSet, noise: int, *, failed: int = 0, seconds: float = 0.5) -> Path:
    """The truths with so much noise; the first `failed` rows have an error instead of a picture."""
    (folder / "pictures").mkdir(parents=True)
    rng = np.random.default_rng(noise)
    rows, timings = [], []
    for number, truth in enumerate(sorted(data.truths.iterdir())):
        name, output = truth.stem, "" if number < failed else f"pictures/{truth.stem}.png"
        if output:
            pixels = np.asarray(Image.open(truth)).astype(int)
            noisy = np.clip(pixels + rng.integers(-noise, noise + 1, pixels.shape), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(folder / output)
        person = data.folder / "people" / truth.name
        garment = data.folder / "garments" / f"{GARMENTS[number % len(GARMENTS)]}.png"
        category = "upper" if number % 2 else "lower"
        error = "" if output else "This photograph shows nobody."
        rows.append([number + 1, name, output, error, category, "paperdoll", number, noise + 1, person, garment, ""])
        timings.append([number + 1, name, "cpu", 0.01, seconds + number / 100, (700 + noise) * 2**20 + number])
    columns = ["row", "name", "output", "error", "category", "card", "seed", "steps", "person", "garment", "mask"]
    _write(folder / "manifest.csv", columns, rows)
    _write(folder / "timings.csv", ["row", "name", "made_by", "read_s", "denoise_s", "peak_bytes"], timings)
    return folder


def _write(path: Path, columns: list[str], rows: list[list[object]]) -> None:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([columns, *rows])
