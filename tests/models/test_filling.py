from __future__ import annotations

import torch

from models.paperdoll.filling import push_pull


def test_known_colours_stay() -> None:
    colours, weights = torch.rand(2, 3, 17, 23), (torch.rand(2, 1, 17, 23) > 0.5).float()
    filled = push_pull(colours, weights)
    torch.testing.assert_close(filled * weights, colours * weights)


def test_one_known_colour_fills_everything() -> None:
    colours, weights = torch.rand(1, 3, 32, 24), torch.zeros(1, 1, 32, 24)
    colours[:, :, 4, 5], weights[:, :, 4, 5] = torch.tensor([0.2, 0.4, 0.6]), 1
    filled = push_pull(colours, weights)
    torch.testing.assert_close(
        filled, torch.tensor([0.2, 0.4, 0.6]).view(1, 3, 1, 1).expand_as(filled), atol=0.02, rtol=0
    )


def test_the_nearer_colour_wins() -> None:
    colours, weights = torch.zeros(1, 3, 32, 32), torch.zeros(1, 1, 32, 32)
    weights[:, :, :, :8] = weights[:, :, :, 24:] = 1
    colours[:, :, :, 24:] = 1
    filled = push_pull(colours, weights)
    assert filled[0, 0, :, 10].max() < 0.5 < filled[0, 0, :, 21].min()
