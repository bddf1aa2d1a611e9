"""Data sets as they are published, made small: what lies beside a person is used, and what does not is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.batch.datasets import Pairs
from scripts.batch.reading import Read, read
from scripts.batch.rows import BatchError, Defaults, Row
from scripts.batch.sources import Source

HEIGHT, WIDTH = 192, 144
TOP = np.s_[40:70, 30:66]
MASKED = np.s_[30:80, 20:76]
DEFAULTS = Defaults("upper", 0, None, "leffa-vitonhd")
NAMES = ("000001", "000002")


def picture(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def area(place: tuple[slice, slice], value: int) -> np.ndarray:
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    pixels[place] = value
    return pixels


def photograph(value: int) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), value, np.uint8)


def text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def viton_hd(root: Path) -> Source:
    """`test/{image,cloth,agnostic-mask,image-densepose,image-parse-v3,openpose_json}` and the list of pairs."""
    test = root / "test"
    for number, name in enumerate(NAMES):
        picture(test / f"image/{name}_00.jpg", photograph(50 + 10 * number))
        picture(test / f"cloth/{name}_00.jpg", photograph(100 + 100 * number))
        picture(test / f"cloth-mask/{name}_00.jpg", photograph(255))
        picture(test / f"agnostic-mask/{name}_00_mask.png", area(MASKED, 255))
        picture(test / f"image-densepose/{name}_00.jpg", photograph(20))
        picture(test / f"image-parse-v3/{name}_00.png", area(TOP, 5))
        joints = {"people": [{"pose_keypoints_2d": [0] * 75}]}
        text(test / f"openpose_json/{name}_00_keypoints.json", json.dumps(joints))
    text(root / "test_pairs.txt", f"{NAMES[0]}_00.jpg {NAMES[1]}_00.jpg\n{NAMES[1]}_00.jpg {NAMES[0]}_00.jpg\n")
    return Source(viton_hd=root)


def dresscode(root: Path) -> Source:
    """`upper_body/{images,agnostic_masks,dense,label_maps,keypoints}` and the lists of pairs beside them."""
    upper = root / "upper_body"
    for number, name in enumerate(NAMES):
        picture(upper / f"images/{name}_0.jpg", photograph(50 + 10 * number))
        picture(upper / f"images/{name}_1.jpg", photograph(100 + 100 * number))
        picture(upper / f"agnostic_masks/{name}_0.png", area(MASKED, 255))
        picture(upper / f"dense/{name}_5.png", photograph(20))
        picture(upper / f"label_maps/{name}_4.png", area(TOP, 4))
        text(upper / f"keypoints/{name}_2.json", json.dumps({"keypoints": [[-1, -1, 0, 0]] * 18}))
    for pairs, garments in (("paired", NAMES), ("unpaired", NAMES[::-1])):
        lines = [f"{name}_0.jpg\t{garment}_1.jpg\n" for name, garment in zip(NAMES, garments, strict=True)]
        text(upper / f"test_pairs_{pairs}.txt", "".join(lines))
    return Source(dresscode=root)


LAYOUTS = (viton_hd, dresscode)
BESIDE = {
    viton_hd: {
        **{"mask": "test/agnostic-mask", "densepose": "test/image-densepose"},
        **{"parse": "test/image-parse-v3", "pose": "test/openpose_json"},
    },
    dresscode: {
        **{"mask": "upper_body/agnostic_masks", "densepose": "upper_body/dense"},
        **{"parse": "upper_body/label_maps", "pose": "upper_body/keypoints"},
    },
}
Layout = Callable[[Path], Source]


def remove(root: Path, layout: Layout, *columns: str) -> None:
    for column in columns:
        for path in (root / BESIDE[layout][column]).iterdir():
            path.unlink()


def first(source: Source) -> tuple[Row, Read]:
    row = source.rows(DEFAULTS)[0]
    return row, read(row, needs_mask=True, uses_masks=True)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("pairs", "garments"), [(Pairs.PAIRED, [100, 200]), (Pairs.UNPAIRED, [200, 100])])
def test_everybody_wears_their_own_garment_or_another_s(
    layout: Layout, pairs: Pairs, garments: list[int], tmp_path: Path
) -> None:
    rows = replace(layout(tmp_path), pairs=pairs).rows(DEFAULTS)
    inputs = [read(row, needs_mask=True, uses_masks=True).inputs for row in rows]
    assert [one.person.mean() for one in inputs] == pytest.approx([50, 60], abs=1)
    assert [one.garment.mean() for one in inputs] == pytest.approx(garments, abs=1)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_mask_and_the_densepose_that_are_published_are_used(layout: Layout, tmp_path: Path) -> None:
    source = layout(tmp_path)
    _, found = first(source)
    assert set(found.sha256) == {"person", "garment", "mask", "densepose"}
    assert found.inputs.mask is not None
    assert (found.inputs.mask == area(MASKED, 255)).all()
    assert found.inputs.densepose is not None
    assert source.told(source.rows(DEFAULTS)) == (
        "2 pairs; beside the people, found: masks 2, DensePoses 2, label maps 2, joints 2."
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_without_a_mask_it_is_made_of_the_label_map_and_the_joints(layout: Layout, tmp_path: Path) -> None:
    source = layout(tmp_path)
    remove(tmp_path, layout, "mask")
    _, found = first(source)
    assert set(found.sha256) == {"person", "garment", "parse", "pose", "densepose"}
    assert found.inputs.mask is not None
    assert (found.inputs.mask[TOP] == 255).all()
    assert (found.inputs.mask != area(MASKED, 255)).any()
    remove(tmp_path, layout, "pose")
    _, found = first(source)
    assert set(found.sha256) == {"person", "garment", "parse", "densepose"}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_absent_is_told_and_what_is_needed_is_refused(layout: Layout, tmp_path: Path) -> None:
    source = layout(tmp_path)
    remove(tmp_path, layout, "mask", "parse", "pose")
    (tmp_path / BESIDE[layout]["densepose"]).joinpath(sorted(_names(tmp_path, layout))[0]).unlink()
    assert source.told(source.rows(DEFAULTS)) == (
        "2 pairs; beside the people, found: DensePoses 1; not there: masks, label maps, joints."
    )
    row, found = first(source)
    assert (row.densepose, found.inputs.mask, found.inputs.densepose) == ("", None, None)
    pictures = tmp_path / ("test/cloth" if layout is viton_hd else "upper_body/images")
    pictures.rename(tmp_path / "elsewhere")
    with pytest.raises(BatchError, match="in which the data set's pictures lie"):
        source.rows(DEFAULTS)


def _names(root: Path, layout: Layout) -> list[str]:
    return [path.name for path in (root / BESIDE[layout]["densepose"]).iterdir()]
