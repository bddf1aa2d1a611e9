"""A parity case of this family: one forward at the case's times, the schedule, and a picture from the case's noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from models.fashn_vton import sampling
from models.fashn_vton.config import NetworkConfig
from models.fashn_vton.denoising import Conditions, predictor
from models.fashn_vton.network import TryOnNetwork
from models.fashn_vton.rotation import wide
from models.fashn_vton.sampling import Sampling
from models.fashn_vton.walk import Walk
from models.plan import Step


@torch.inference_mode()
def run_case(case: dict[str, Any], folder: Path, exact_savings: bool, dtype: torch.dtype) -> dict[str, Tensor]:
    """`velocity_conditional`, `velocity_unconditional`, `timesteps` and `image`, computed on the CPU."""
    network = _network(case["model"], folder, dtype)
    inputs = load_file(folder / "inputs.safetensors")
    conditions = Conditions(
        **{name: inputs[name].to(dtype) for name in ("person_image", "person_pose", "garment_image", "garment_pose")},
        category=inputs["category"],
    )
    settings, noise = Sampling(**case["sampling"]), inputs["noise"].to(dtype)
    times = inputs["times"][None].to(wide(dtype))
    predict = predictor(
        network, conditions, times, settings.guidance_scale, is_guided=True, exact_savings=exact_savings
    )
    conditional, unconditional = predict(noise, 0, Step(is_guided=True))
    assert unconditional is not None
    walk = Walk.starting(network, conditions, noise, settings, exact_savings=exact_savings)
    for _ in range(settings.num_inference_steps):
        walk.step()
    return {
        "velocity_conditional": conditional,
        "velocity_unconditional": unconditional,
        "timesteps": sampling.schedule(settings.num_inference_steps, settings.time_shift_mu).to(dtype),
        "image": walk.pictures,
    }


def _network(table: dict[str, Any], folder: Path, dtype: torch.dtype) -> TryOnNetwork:
    config = NetworkConfig.of({name: value for name, value in table.items() if name != "input_shape"})
    with torch.device("meta"):
        network = TryOnNetwork(config)
    weights = load_file(folder / "weights.safetensors")
    network.load_state_dict({key: value.to(dtype) for key, value in weights.items()}, assign=True)
    return network.eval()
