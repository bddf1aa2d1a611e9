from __future__ import annotations

from dataclasses import fields

import torch
from torch.nn import functional

from models.paperdoll.canvas import HEAD, LEFT_SLEEVE, RIGHT_SLEEVE, TORSO
from models.paperdoll.drawings import Drawings
from models.paperdoll.geometry import BodyCoordinates, frame_grid
from models.paperdoll.metrics import decibels
from models.paperdoll.patterns import NAMES, UNSEEN


def test_a_seed_draws_the_same_figures_again() -> None:
    first, second = (Drawings.draw(5, 3, 64, 48) for _ in range(2))
    for field in fields(Drawings):
        assert torch.equal(getattr(first, field.name), getattr(second, field.name)), field.name


def test_only_what_wears_the_garment_changes() -> None:
    drawings = Drawings.draw(6, 8, 128, 96)
    heads = (drawings.person_labels == HEAD) & (drawings.truth_labels == HEAD)
    inner = -functional.max_pool2d(-heads[:, None].float(), 5, 1, 2)[:, 0] > 0
    gap = (drawings.person - drawings.truth).abs().amax(1)
    assert inner.sum() > 100
    assert gap[inner].max() < 1e-6


def test_the_garment_keeps_its_colours_from_flat_to_worn() -> None:
    """The closed form carries the flat-lay onto the body: what is left is light, folds and edges."""
    drawings = Drawings.draw(7, 12, 256, 192)
    body, flat = (
        BodyCoordinates.of(k, frame_grid(256, 192)) for k in (drawings.person_keypoints, drawings.flat_keypoints)
    )
    flows = body.to(flat) / torch.tensor([0.75, 1.0])
    for part in (TORSO, LEFT_SLEEVE, RIGHT_SLEEVE):
        worn = functional.grid_sample(drawings.flat, flows[:, part - TORSO], align_corners=False)
        region = -functional.max_pool2d(-(drawings.truth_labels == part)[:, None].float(), 5, 1, 2)[:, 0] > 0
        near = decibels(worn, drawings.truth, region)
        assert near[~near.isnan()].median() > 20


def test_held_out_patterns_are_drawn_only_when_asked_for() -> None:
    seen, unseen = Drawings.draw(8, 40, 32, 24), Drawings.draw(8, 40, 32, 24, UNSEEN)
    assert not {NAMES[k] for k in seen.pattern.tolist()} & set(UNSEEN)
    assert {NAMES[k] for k in unseen.pattern.tolist()} == set(UNSEEN)
