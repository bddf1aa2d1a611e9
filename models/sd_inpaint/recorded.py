"""The noise that went into a parity case, which is not always the noise that `case.json` names.

In the four cases given, neither `eta` nor the generator reached the scheduler. The published code looks at the
signature of the scheduler's `step` to decide what to hand on, so a wrapper that recorded the latents is the likely
reason. CatVTON's latents are those of DDIM's default, eta = 0; Leffa's fresh noise came from torch's global generator,
in the state in which making the case's random networks had left it. Made again, from the seed three before the
generator's, these networks equal the case's weights to the bit, and the next draw is the first step's noise.

Nothing in a case but its expected latents tells which noise it was made with. So its first step is taken with both, and
the nearer one goes on. That chooses the noise only: a wrong network or a wrong step is near to neither.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from models.sd_inpaint.ancestral import Draw, Walk
from models.sd_inpaint.architecture import LATENT_CHANNELS, make_vae

SEEDS_BEFORE = 3
"""A case's networks, inputs, start noise and generator were seeded one after the other."""

logger = logging.getLogger(__name__)


def nearest(walks: Mapping[str, Walk], noise: Tensor, expected: Tensor, case: str) -> Walk:
    """The walk whose first step, given the network's `noise`, ends nearest to the `expected` latents.

    `walks`: by what their noise is, the one that `case.json` names first; when another is taken, a warning says so.
    """
    for walk in walks.values():
        walk.step(noise)
    named, taken = next(iter(walks)), min(walks, key=lambda key: float((walks[key].latents - expected).norm()))
    if taken != named:
        logger.warning("%s: its latents were recorded with %s, not with %s as case.json says.", case, taken, named)
    return walks[taken]


def draws_of(seed: int) -> Draw:
    """The published code draws a whole batch from one generator."""
    generator = torch.Generator().manual_seed(seed)
    return lambda shape: torch.randn(shape, generator=generator)


def draws_after_networks(case: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Draw:
    """From a generator that has made Leffa's networks: the parts, then their own first and last convolutions."""
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(case["sampling"]["generator_seed"] - SEEDS_BEFORE)
        make_vae(case["vae"])
        for _ in range(2):
            UNet2DConditionModel(**case["unet"])
        convolutions = [tensors[f"{unet}.conv_in.weight"].shape for unet in ("unet_encoder", "unet")]
        for out_channels, in_channels, size, _ in convolutions:
            nn.Conv2d(in_channels, out_channels, size)
        for width, in_channels, size, _ in convolutions:
            for shape in ((width, in_channels, size, size), (width,), (LATENT_CHANNELS, width, size, size), (4,)):
                torch.randn(shape)
        state = torch.get_rng_state()
    generator = torch.Generator()
    generator.set_state(state)
    return lambda shape: torch.randn(shape, generator=generator)
