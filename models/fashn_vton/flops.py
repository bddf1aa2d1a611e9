"""The work of one picture, counted on the meta device."""

from __future__ import annotations

import torch

from models.fashn_vton.config import NetworkConfig
from models.fashn_vton.denoising import Conditions
from models.fashn_vton.network import TryOnNetwork
from models.fashn_vton.sampling import Sampling
from models.fashn_vton.walk import Walk
from models.flops import FlopCount, count
from models.plan import Step

SAVINGS = (
    "The null branch is left out of the steps without guidance: the last, and all of them at a scale of 1 or 0.",
    "In the last block the garment's tokens are keys and values only; nothing reads what else they would become.",
    "The null branch's garment is the same in each patch: the first block computes one token's queries, keys, values.",
    "Person and garment are embedded once a picture, and the noisy picture once a step for both branches.",
    "Shifts, scales and gates of all steps are computed together, before the first.",
)


def counted(config: NetworkConfig, height: int, width: int, settings: Sampling) -> FlopCount:
    """Of `settings.num_inference_steps` steps on a canvas of `height` x `width`.

    Nothing of the loop depends on the garment alone but its embedding, which is done before the loop.
    """
    work = _denoise(config, height, width, settings, exact_savings=True)
    published = _denoise(config, height, width, settings, exact_savings=False)
    return FlopCount({"denoise": work}, denoise_published=published, savings=SAVINGS)


def _denoise(config: NetworkConfig, height: int, width: int, settings: Sampling, *, exact_savings: bool) -> float:
    """TFLOP; steps that do the same are counted once."""
    with torch.device("meta"):
        network = TryOnNetwork(config).eval().requires_grad_(False)
        picture, pose = torch.empty(1, config.channels_in, height, width), torch.empty(1, 1, height, width)
        conditions = Conditions(picture, pose, picture, pose, torch.zeros(1, dtype=torch.int64))

    def start() -> Walk:
        return Walk.starting(network, conditions, picture, settings, exact_savings=exact_savings)

    with torch.inference_mode():
        walk = start()
    counted: dict[Step, float] = {}
    for number, step in enumerate(walk.plan):
        if step not in counted:
            walk.num_steps_done = number
            counted[step] = count(walk.step)
    return count(start) + sum(counted[step] for step in walk.plan)
