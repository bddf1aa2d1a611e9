"""What enters FASHN VTON's network of a job's photographs, and what becomes of what comes out."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from people import standing
from PIL import Image as Pillow
from torch import Tensor
from verbs import finished

from models.base import Image, Loading, SamplingSettings, TryOnInputs
from models.fashn_vton.denoising import Conditions
from models.fashn_vton.family import FashnVton
from models.fashn_vton.pictures import Preparation
from models.fashn_vton.sampling import Sampling
from models.fashn_vton.walk import Walk
from models.preprocess.helpers import Helpers
from models.preprocess.pose import Pose
from models.preprocess.pose_raster import gray_pose
from models.reuse import Memory
from models.sampling import job_noise
from scripts.checkpoints.fashn_vton import small_card

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
HEIGHT, WIDTH = 96, 72


class Estimator:
    """Finds somebody who fills the picture, and remembers the sizes of what it was shown."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, ...]] = []

    def __call__(self, image: Image) -> Pose:
        self.sizes.append(image.shape[:2])
        return standing(*image.shape[:2])


def picture(seed: int, height: int = HEIGHT, width: int = WIDTH) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def inputs(**changes: Any) -> TryOnInputs:
    return dataclasses.replace(TryOnInputs(picture(1), picture(2), "upper", seed=3), **changes)


def preparation(estimator: Estimator | None = None, **changes: Any) -> Preparation:
    return dataclasses.replace(Preparation(HEIGHT, WIDTH, Helpers(pose=estimator), Memory.nowhere()), **changes)


def in_range(picture: Image) -> Tensor:
    """`uint8 [H, W, C]` as `[1, C, H, W]` from -1 to 1, laid out in memory as a batch is: sums follow the layout."""
    return torch.from_numpy(np.stack([picture])).permute(0, 3, 1, 2).float() / 127.5 - 1


@pytest.mark.parametrize(("category", "number"), [("upper", 1), ("lower", 2), ("overall", 3)])
def test_the_network_s_answer_to_the_prepared_pictures_is_the_picture(
    category: str, number: int, tmp_path: Path
) -> None:
    family = FashnVton.load(small_card(tmp_path), CPU, Loading(Helpers(pose=Estimator())))
    prepared = family.prepare(inputs(category=category))
    person, garment = in_range(prepared.person), in_range(prepared.garment)
    conditions = Conditions(person[:, :3], person[:, 3:], garment[:, :3], garment[:, 3:], torch.tensor([number]))
    noise = job_noise(3, (3, HEIGHT, WIDTH))[None]
    walk = Walk.starting(family._network, conditions, noise, Sampling(2, 1.5), exact_savings=True)
    state = family.begin([prepared], SamplingSettings(2, 1.5))
    for _ in range(2):
        walk.step()
        family.step(state)
    expected = np.rint((walk.pictures[0].permute(1, 2, 0).numpy() + 1) * 127.5)
    np.testing.assert_array_equal(finished(family, state)[0], expected)


def test_a_large_photograph_is_shrunk_by_lanczos_and_its_pose_looked_for_in_that() -> None:
    estimator, photograph = Estimator(), picture(4, 3 * HEIGHT, 3 * WIDTH)
    prepared = preparation(estimator)(inputs(person=photograph))
    expected = Pillow.fromarray(photograph).resize((WIDTH, HEIGHT), Pillow.Resampling.LANCZOS)
    np.testing.assert_array_equal(prepared.person[..., :3], np.asarray(expected))
    assert estimator.sizes == [(HEIGHT, WIDTH)]


def test_a_small_photograph_s_pose_is_looked_for_before_it_grows_and_keeps_its_grays() -> None:
    estimator = Estimator()
    prepared = preparation(estimator)(inputs(person=picture(4, 64, 48)))
    assert estimator.sizes == [(64, 48)]
    grays = gray_pose(standing(64, 48), 64, 48)
    assert set(np.unique(prepared.person[..., 3])) == set(np.unique(grays))
    np.testing.assert_array_equal(prepared.person[2::3, 2::3, 3], grays[1::2, 1::2])


def test_a_pose_that_is_not_found_again_in_the_crop_is_the_photograph_s() -> None:
    seen = [standing(60, 40).moved(1, 1, 28, 18)]  # on 96x96

    def once(image: Image) -> Pose | None:
        return seen.pop() if seen else None

    prepared = preparation(helpers=Helpers(pose=once))(inputs(person=picture(4, 192, 192)))
    assert prepared.warnings == ()
    source = prepared.fit.source
    assert source.height < 180
    scale = HEIGHT / source.height
    rows = np.flatnonzero(prepared.person[..., 3].any(1))
    face, ankles = (2 * (18 + y * 0.4) - source.y0 for y in (18, 126))
    assert abs(rows[0] - scale * face) < 5
    assert abs(rows[-1] - scale * ankles) < 5


def test_photographs_of_other_shapes_lie_in_the_middle_on_black() -> None:
    prepared = preparation()(inputs(person=np.full((48, 72, 3), 90, np.uint8)))
    assert (prepared.person[24:72, :, :3] == 90).all()
    assert not prepared.person[:24].any()
    assert not prepared.person[72:].any()
