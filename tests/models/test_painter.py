from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from models.base import Image, Loading, SamplingSettings, TryOnInputs
from models.catalog import load_card
from models.paperdoll.denoising import compose
from models.paperdoll.drawings import Drawings
from models.paperdoll.evaluation import images
from models.paperdoll.family import PaperDoll
from models.paperdoll.framing import to_tensor
from models.paperdoll.geometry import BodyCoordinates, frame_grid
from models.paperdoll.layers import Layers, Spread
from models.paperdoll.painter import STEEPEST, Finding, paint


def enlarged(field: Tensor, picture: Tensor, mode: str) -> Tensor:
    """`[..., h, w]` at the picture's size."""
    size = picture.shape[2:]
    return functional.interpolate(field.flatten(0, -4), size=size, mode=mode).view(*field.shape[:-2], *size)


def painted_everywhere(finding: Finding, person: Tensor, flat: Tensor) -> Tensor:
    """All layers at all pixels, by torch's own enlargements: the definition."""
    own, cloth = (
        Spread(enlarged(layer.known, picture, "bilinear"), enlarged(layer.colours, picture, "bilinear"))
        for layer, picture in ((finding.sources.own, person), (finding.sources.cloth, flat))
    )
    body = BodyCoordinates.of(finding.person_keypoints, frame_grid(*person.shape[2:]))
    flat_body = BodyCoordinates.of(finding.flat_keypoints, frame_grid(1, 1))
    padded = functional.pad(finding.logits, (1, 1, 1, 1), mode="replicate")
    bell = torch.tensor([0.25, 0.5, 0.25])
    smooth = functional.conv2d(padded.transpose(0, 1), torch.outer(bell, bell)[None, None]).transpose(0, 1)
    steeper = min(STEEPEST, max(1.0, person.shape[2] / 128))
    return compose(
        Layers(own, cloth).at(person, flat, body, flat_body),
        (enlarged(smooth, person, "bicubic") * steeper).softmax(1),
        enlarged(finding.brightness, person, "bicubic"),
        (enlarged(finding.mask, person, "bicubic") > 0.5).float(),
        person,
    )


@pytest.mark.parametrize("size", [(256, 192), (480, 360), (96, 72)])
def test_painting_what_shows_is_painting_everything_within_one_level(size: tuple[int, int]) -> None:
    drawings = Drawings.draw(31_000, 1, *size)
    person, flat = images(drawings.person)[0], images(drawings.flat)[0]
    finding = found(person, flat)
    picture = paint(finding, person, flat)
    everywhere = painted_everywhere(finding, to_tensor(person), to_tensor(flat))[0].permute(1, 2, 0) * 255
    assert np.abs(picture - everywhere.numpy()).max() <= 1
    assert (picture != person).any()


@torch.inference_mode()
def found(person: Image, flat: Image) -> Finding:
    family = PaperDoll.load(load_card("paperdoll"), torch.device("cpu"), Loading())
    state = family.begin([family.prepare(TryOnInputs(person, flat, "upper", 0))], SamplingSettings(1, 0.0))
    family.step(state)
    return family.decode(state)[0]
