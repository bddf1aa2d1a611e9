"""A data set drawn from nothing: people, garments, each on each other's truth, and where the garment is."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from models.paperdoll.drawings import Drawings
from models.paperdoll.evaluation import images
from models.paperdoll.scoring import Regions
from scripts.batch.folder import DRAWN

FIRST_SEED = 31_000  # far from those of training, of the bars and of the samples
CHUNK = 10


def draw_pairs(folder: Path, num: int, height: int, seed: int) -> None:
    """Write `people`, `garments`, `truths` and `masks`, `num` pictures each, and `pairs.csv` for `batch`."""
    for name in DRAWN:
        (folder / name).mkdir(parents=True, exist_ok=True)
    lines = []
    for start in range(0, num, CHUNK):
        chunk = FIRST_SEED + seed * 1000 + start // CHUNK
        drawings = Drawings.draw(chunk, min(CHUNK, num - start), height, height * 3 // 4)
        worn = Regions.of(drawings)
        regions = (worn.garment | worn.limbs | (drawings.person_labels != drawings.truth_labels)).numpy()
        pictures = zip(images(drawings.person), images(drawings.flat), images(drawings.truth), regions, strict=True)
        for number, (person, flat, truth, region) in enumerate(pictures, start):
            name = f"{number:04d}.png"
            mask = np.where(region, np.uint8(255), np.uint8(0))
            for place, picture in zip(DRAWN, (person, flat, truth, mask), strict=True):
                Pillow.fromarray(picture).save(folder / place / name)
            lines.append([name[:-4], f"people/{name}", f"garments/{name}", "upper"])
    with (folder / "pairs.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["name", "person", "garment", "category"])
        writer.writerows(lines)
