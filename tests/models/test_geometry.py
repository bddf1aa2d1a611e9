from __future__ import annotations

import torch

from models.paperdoll.dice import Dice
from models.paperdoll.figures import Figure
from models.paperdoll.geometry import BodyCoordinates, Torso, frame_grid

GRID = frame_grid(64, 48)


def bodies(num: int = 6) -> BodyCoordinates:
    return BodyCoordinates.of(Figure.draw(Dice(3, num)).keypoints, GRID)


def test_place_undoes_coordinates_on_the_torso() -> None:
    body = bodies()
    back = body.torso.place(body.u, body.v)
    torch.testing.assert_close(back, GRID.expand_as(back), atol=1e-4, rtol=0)


def test_place_undoes_coordinates_along_straight_arms() -> None:
    body = bodies()
    for k, arm in enumerate(body.arms):
        inside = (body.distance[:, k] < 1) & ((body.s[:, k] < 0.8) | (body.s[:, k] > 1.2))
        back = arm.place(body.s[:, k], body.r[:, k])
        assert inside.sum() > 50
        torch.testing.assert_close(back[inside], GRID.expand_as(back)[inside], atol=1e-3, rtol=0)


def test_the_outline_points_lie_at_the_edge_of_the_torso() -> None:
    keypoints = Figure.draw(Dice(4, 5)).keypoints
    torso = Torso.of(keypoints)
    for level, v in enumerate((0.0, 0.28, 0.62, 1.0)):
        for side in (0, 1):
            place = torso.place(torch.full((5,), 2.0 * side - 1), torch.full((5,), v))
            torch.testing.assert_close(place, keypoints[:, 2 * level + side], atol=1e-4, rtol=0)


def test_a_moved_body_keeps_its_coordinates() -> None:
    keypoints = Figure.draw(Dice(5, 2)).keypoints
    still, moved = BodyCoordinates.of(keypoints, GRID), BodyCoordinates.of(keypoints + 0.1, GRID + 0.1)
    torch.testing.assert_close(still.u, moved.u, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(still.s, moved.s, atol=1e-3, rtol=1e-3)
