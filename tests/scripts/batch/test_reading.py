"""A row's files become a model's inputs, or one sentence."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from batch_runs import SIZE, small_samples
from PIL import Image

from scripts.batch.reading import RowError, read
from scripts.batch.rows import Row

WIDTH, HEIGHT = SIZE


@pytest.fixture
def row(tmp_path: Path) -> Row:
    """With a mask, a DensePose and a label map beside the person."""
    figures, garments = small_samples(tmp_path)
    numbers = np.zeros((HEIGHT, WIDTH), np.uint8)
    numbers[100:160, 60:130] = 5
    paths = [tmp_path / name for name in ("mask.png", "densepose.png", "parse.png")]
    for path, picture in zip(paths, (np.uint8(255) * (numbers > 0), np.stack([numbers] * 3, -1), numbers), strict=True):
        Image.fromarray(picture).save(path)
    mask, densepose, parse = map(str, paths)
    return Row(1, "", str(figures[0]), str(garments[0]), "upper", mask=mask, densepose=densepose, parse=parse)


def test_every_file_that_is_read_is_told_by_its_digest(row: Row) -> None:
    found = read(row, needs_mask=True, uses_masks=True)
    columns = ("person", "garment", "mask", "densepose")
    digests = {name: hashlib.sha256(Path(getattr(row, name)).read_bytes()).hexdigest() for name in columns}
    assert found.sha256 == digests
    assert found.inputs.person.shape == (HEIGHT, WIDTH, 3)
    assert found.inputs.mask is not None
    assert (found.inputs.mask == 255).sum() == 60 * 70


def test_a_mask_is_made_of_the_label_map_where_the_card_needs_one_and_there_is_none(row: Row) -> None:
    bare = replace(row, mask="")
    assert read(bare, needs_mask=False, uses_masks=True).inputs.mask is None
    assert read(row, needs_mask=True, uses_masks=False).inputs.mask is None
    made = read(bare, needs_mask=True, uses_masks=True)
    assert set(made.sha256) == {"person", "garment", "parse", "densepose"}
    assert made.inputs.mask is not None
    assert (made.inputs.mask[100:160, 60:130] == 255).all()


@pytest.mark.parametrize(
    ("column", "sentence"),
    [("person", "No such file"), ("garment", "not a picture"), ("pose", "no mask can be made of it and its joints")],
)
def test_a_file_that_cannot_be_used_is_one_sentence(row: Row, tmp_path: Path, column: str, sentence: str) -> None:
    words = tmp_path / "words.txt"
    words.write_text("{}")
    path = tmp_path / "nobody.png" if column == "person" else words
    with pytest.raises(RowError, match=sentence):
        read(replace(row, mask="", **{column: str(path)}), needs_mask=True, uses_masks=True)
