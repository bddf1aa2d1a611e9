from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kept import Watched
from verbs import finished

from models.base import Image, Loading, SamplingSettings, TryOnInputs, UnusableInput
from models.catalog import CardError, load_card
from models.fashn_vton.family import FashnVton
from models.preprocess.helpers import Helpers
from models.preprocess.parts import Part
from models.preprocess.pose import Pose
from models.reuse import Kind, Store
from models.weights import WeightsError
from scripts.checkpoints.fashn_vton import small_card

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
SETTINGS = SamplingSettings(2, 1.5)


class Tailor:
    """Finds a person of fixed proportions, and a top in the middle of the picture; counts how often it is asked."""

    def __init__(self, box: tuple[float, float, float, float] = (0.1, 0.1, 0.9, 0.9)) -> None:
        self.box = box
        self.num_asked = 0

    def pose(self, image: Image) -> Pose | None:
        self.num_asked += 1
        height, width = image.shape[:2]
        x0, y0, x1, y1 = self.box
        body = np.random.default_rng(0).random((18, 3)).astype(np.float32)
        body[:2, :2] = (0, 0), (1, 1)
        body = np.stack([(x0 + body[:, 0] * (x1 - x0)) * width, (y0 + body[:, 1] * (y1 - y0)) * height, np.ones(18)], 1)
        unseen = np.zeros((133, 3), np.float32)
        return Pose(body.astype(np.float32), unseen[:6], unseen[:42].reshape(2, 21, 3), unseen[:68])

    def parser(self, image: Image) -> Any:
        self.num_asked += 1
        labels = np.full(image.shape[:2], Part.BACKGROUND, np.uint8)
        height, width = labels.shape
        labels[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = Part.TOP
        return labels

    @property
    def helpers(self) -> Helpers:
        return Helpers(pose=self.pose, parser=self.parser)


def nobody(image: Image) -> Pose | None:
    return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fashn_vton")


def family(
    folder: Path,
    helpers: Helpers | None = None,
    store: Store | None = None,
    *,
    exact_savings: bool = True,
    precision: str = "float32",
) -> FashnVton:
    card = dataclasses.replace(small_card(folder), precision=precision)
    return FashnVton.load(card, CPU, Loading(helpers, store, exact_savings))


def picture(seed: int, height: int = 160, width: int = 100) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def inputs(**changes: Any) -> TryOnInputs:
    return dataclasses.replace(TryOnInputs(picture(1), picture(2, 90, 120), "upper", seed=3), **changes)


def generate(family: FashnVton, *batch: TryOnInputs, settings: SamplingSettings = SETTINGS) -> list[Image]:
    state = family.begin([family.prepare(one) for one in batch], settings)
    for _ in range(settings.num_inference_steps):
        family.step(state)
    return finished(family, state)


def test_savings_change_nothing_of_a_batch_in_float64(folder: Path) -> None:
    pictures = []
    for exact_savings in (True, False):
        loaded = family(folder, exact_savings=exact_savings, precision="float64")
        batch = [inputs(), inputs(person=picture(4, 120, 150), category="overall", seed=5)]
        state = loaded.begin([loaded.prepare(one) for one in batch], SamplingSettings(3, 1.5))
        for _ in range(3):
            loaded.step(state)
        pictures.append(state.walk.pictures)
    assert pictures[0].dtype is torch.float64
    assert (pictures[0] - pictures[1]).abs().max() < 1e-10


def test_no_guidance_is_0_or_1_and_another_picture_than_guidance(folder: Path) -> None:
    loaded = family(folder)
    none, one, guided = (generate(loaded, inputs(), settings=SamplingSettings(2, scale))[0] for scale in (0, 1, 3))
    assert np.array_equal(none, one)
    assert not np.array_equal(one, guided)


def test_the_category_matters(folder: Path) -> None:
    loaded = family(folder)
    upper, lower = (generate(loaded, inputs(category=category))[0] for category in ("upper", "lower"))
    assert not np.array_equal(upper, lower)


def test_a_card_may_be_for_some_categories_only(folder: Path) -> None:
    card = dataclasses.replace(small_card(folder), categories=("lower",))
    loaded = FashnVton.load(card, CPU, Loading())
    loaded.prepare(inputs(category="lower"))
    with pytest.raises(UnusableInput, match="lower, not 'upper'"):
        loaded.prepare(inputs())


def test_only_what_a_given_mask_allows_changes(folder: Path) -> None:
    mask = np.zeros((160, 100), np.uint8)
    mask[40:90, 20:70] = 200
    changed = (generate(family(folder), inputs(mask=mask))[0] != picture(1)).any(2)
    assert changed[mask > 0].mean() > 0.5
    assert not changed[mask == 0].any()


@pytest.mark.parametrize("mask", [np.full((160, 101), 255, np.uint8), np.zeros((160, 100), np.uint8)])
def test_a_mask_that_does_not_fit_is_refused(folder: Path, mask: Any) -> None:
    with pytest.raises(UnusableInput, match="mask") as caught:
        family(folder).prepare(inputs(mask=mask))
    assert caught.value.which == "person"


@pytest.mark.parametrize(
    ("which", "size", "told"),
    [
        ("person", (15, 20), "photograph is too small"),
        ("garment", (300, 40), "garment's picture is too narrow"),
    ],
)
def test_a_picture_in_which_nothing_can_be_seen_is_refused(
    folder: Path, which: str, size: tuple[int, int], told: str
) -> None:
    with pytest.raises(UnusableInput, match=told) as caught:
        family(folder).prepare(inputs(**{which: picture(1, *size)}))
    assert caught.value.which == which


def test_the_pose_lies_beside_the_person_in_their_own_channel(folder: Path) -> None:
    with_pose, without = family(folder, Tailor().helpers), family(folder)
    posed, unposed = with_pose.prepare(inputs()), without.prepare(inputs())
    assert np.array_equal(posed.person[..., :3], unposed.person[..., :3])
    assert posed.person[..., 3].max() > 100
    assert unposed.person[..., 3].max() == 0
    assert not posed.garment[..., 3].any(), "a garment that lies flat has no pose"
    assert not np.array_equal(generate(with_pose, inputs())[0], generate(without, inputs())[0])


def test_a_picture_without_a_pose_carries_a_warning_that_says_why(folder: Path) -> None:
    unasked, unseen = family(folder), family(folder, Helpers(pose=nobody))
    (why_unasked,), (why_unseen,) = (one.warnings(one.prepare(inputs())) for one in (unasked, unseen))
    assert "no pose estimator is fetched" in why_unasked
    assert "none was found" in why_unseen
    posed = family(folder, Tailor().helpers)
    assert posed.warnings(posed.prepare(inputs())) == ()


def test_a_small_person_is_worked_on_alone_and_the_rest_stays_byte_for_byte(folder: Path) -> None:
    photograph = picture(5, 600, 700)
    tailor = Tailor((0.4, 0.2, 0.5, 0.5))
    loaded = family(folder, tailor.helpers)
    source = loaded.prepare(inputs(person=photograph)).fit.source
    assert source.height < 500
    assert tailor.num_asked == 2, "once for the photograph, once for its part"
    changed = (generate(loaded, inputs(person=photograph))[0] != photograph).any(2)
    assert changed[source.slices].mean() > 0.5
    changed[source.slices] = False
    assert not changed.any()


def test_all_of_a_mask_is_drawn_also_away_from_the_person(folder: Path) -> None:
    photograph, mask = picture(5, 600, 900), np.zeros((600, 900), np.uint8)
    mask[500:540, 500:560] = 255
    loaded = family(folder, Tailor((0.3, 0.2, 0.4, 0.5)).helpers)
    changed = (generate(loaded, inputs(person=photograph, mask=mask))[0] != photograph).any(2)
    assert loaded.prepare(inputs(person=photograph, mask=mask)).fit.source.width < 900
    assert changed[mask > 0].mean() > 0.9
    assert not changed[mask == 0].any()


def test_a_worn_garment_comes_with_its_wearer_s_pose_and_gray_around_it(folder: Path) -> None:
    loaded = family(folder, Tailor().helpers)
    prepared = loaded.prepare(inputs(garment=np.full((96, 72, 3), 200, np.uint8), garment_is_worn=True))
    assert prepared.garment[..., 3].any()
    assert (prepared.garment[48, 36, :3] == 200).all()
    assert (prepared.garment[5, 5, :3] == 127).all()
    assert prepared.warnings == ()


def test_a_worn_garment_that_nothing_can_cut_out_counts_as_lying_flat_and_says_so(folder: Path) -> None:
    loaded = family(folder, Helpers(pose=Tailor().pose))
    worn, flat = (loaded.prepare(inputs(garment_is_worn=is_worn)) for is_worn in (True, False))
    assert np.array_equal(worn.garment, flat.garment)
    assert "as if the garment lay flat" in worn.warnings[0]
    assert flat.warnings == ()


def test_a_kept_garment_is_not_prepared_again_unless_it_is_worn_otherwise(folder: Path) -> None:
    tailor, store = Tailor(), Watched()
    loaded = family(folder, dataclasses.replace(tailor.helpers, pose=None), store)
    worn = inputs(garment_is_worn=True)
    miss, hit = loaded.prepare(worn), loaded.prepare(dataclasses.replace(worn, person=picture(9), seed=8))
    assert (tailor.num_asked, len(store.of(Kind.GARMENT))) == (1, 1)
    assert np.array_equal(miss.garment, hit.garment)
    loaded.prepare(dataclasses.replace(worn, category="lower"))
    assert (tailor.num_asked, len(store.of(Kind.GARMENT))) == (2, 2)
    flat = [loaded.prepare(inputs(category=category)).garment for category in ("upper", "lower")]
    assert (tailor.num_asked, len(store.of(Kind.GARMENT))) == (2, 3)
    assert np.array_equal(*flat)


def test_a_canvas_that_is_not_of_whole_patches_is_a_card_error(folder: Path) -> None:
    with pytest.raises(CardError, match="multiples of 12"):
        FashnVton.load(dataclasses.replace(small_card(folder), height=100), CPU, Loading())


def test_weights_of_other_hyper_parameters_are_refused(folder: Path) -> None:
    card = dataclasses.replace(small_card(folder), network={**small_card(folder).network, "patch_mixer_depth": 2})
    with pytest.raises(WeightsError, match=r"x_patch_mixer\.1"):
        FashnVton.load(card, CPU, Loading())


def test_a_network_distilled_from_guidance_takes_its_scale_and_no_null_branch(tmp_path: Path) -> None:
    card = small_card(tmp_path, guidance_embed=True)
    loaded = FashnVton.load(card, CPU, Loading())
    rows: list[int] = []
    loaded._network.register_forward_pre_hook(lambda module, args: rows.append(len(args[0])))
    one, other = (generate(loaded, inputs(), settings=SamplingSettings(2, scale))[0] for scale in (1.5, 4))
    assert rows == [1] * 4
    assert not np.array_equal(one, other)


def test_a_picture_takes_less_than_765_of_the_published_791_tflop() -> None:
    card = load_card("fashn-vton-1.5")
    counted = FashnVton.count_flops(card)
    assert counted.denoise_published == pytest.approx(791, rel=0.002)
    assert counted.parts["denoise"] < 763.5
    assert counted.denoise_garment_cached is None


def test_the_shipped_card_and_all_it_uses_may_be_used_commercially() -> None:
    card = load_card("fashn-vton-1.5")
    assert {one.licence.commercial for one in (card, *card.helpers, *card.optional_helpers)} == {"yes"}
    assert (card.height, card.width, card.num_inference_steps, card.guidance_scale) == (864, 576, 30, 1.5)
