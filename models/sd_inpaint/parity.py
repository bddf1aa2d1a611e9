"""Runs a parity case of CatVTON or Leffa (`../shared/parity/README.md`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from models.catalog import Licence, ModelCard
from models.sd_inpaint.ancestral import Betas, Schedule, Walk
from models.sd_inpaint.architecture import LATENT_CHANNELS
from models.sd_inpaint.checkpoint import Builder
from models.sd_inpaint.concatenation import EXTRA_CHANNELS as CONCATENATED
from models.sd_inpaint.concatenation import Concatenation
from models.sd_inpaint.core import Core
from models.sd_inpaint.recorded import draws_after_networks, draws_of, nearest
from models.sd_inpaint.reference import EXTRA_CHANNELS as REFERRED
from models.sd_inpaint.reference import Reference
from models.sd_inpaint.repaint import KERNELS, repainted
from models.sd_inpaint.scene import Garment, Sampling, Scene
from models.sd_inpaint.vae import decoded

CPU = torch.device("cpu")

Conditioner = Concatenation | Reference


@torch.inference_mode()
def run_case(case: dict[str, Any], folder: Path, exact_savings: bool, dtype: torch.dtype) -> dict[str, Tensor]:
    """Every tensor of the case's `expected.safetensors`, computed by the family."""
    is_leffa = case["family"] == "leffa"
    make = _reference if is_leffa else _concatenation
    conditioner = make(Builder(_card(folder), CPU, dtype, exact_savings), case, folder)
    inputs, expected = (load_file(folder / f"{name}.safetensors") for name in ("inputs", "expected"))
    scene, sampling = _scene(inputs, dtype), _sampling(case, conditioner)
    predict = conditioner.begin(scene, sampling)
    walks = (_leffa_walks if is_leffa else _catvton_walks)(case, folder, conditioner, scene, sampling)
    start = next(iter(walks.values())).latents
    walk = nearest(walks, predict(start, 0), expected["latents_after_first_step"], str(folder))
    first = walk.latents
    for step in range(1, len(sampling.schedule)):
        walk.step(predict(walk.latents, step))
    image = decoded(conditioner.core.vae, conditioner.person_part(walk.latents))
    found = {"noise": start, "timesteps": sampling.schedule.timesteps.float(), "image": image}
    found |= {"latents_after_first_step": first, "latents_final": walk.latents}
    if case["sampling"].get("repaint"):
        found["repainted_uint8"] = _repainted(inputs, image, KERNELS[case["family"]])
    return found


def _card(folder: Path) -> ModelCard:
    """A name for messages."""
    licence = Licence(code="", weights="", commercial="yes", reason="")
    sizes = {"height": 1, "width": 1, "num_inference_steps": 1, "categories": ("upper",)}
    return ModelCard(folder.name, folder.name, "sd_inpaint", "", licence, (), folder=folder, **sizes)  # type: ignore[arg-type]


def _concatenation(builder: Builder, case: dict[str, Any], folder: Path) -> Concatenation:
    base, attention, vae = (load_file(folder / f"{name}.safetensors") for name in ("unet", "attention", "vae"))
    unet = builder.catvton_unet(base, attention, case["unet"], LATENT_CHANNELS + CONCATENATED)
    return Concatenation(Core(unet, builder.vae(vae, case["vae"]), CPU, exact=builder.exact))


def _reference(builder: Builder, case: dict[str, Any], folder: Path) -> Reference:
    tensors = load_file(folder / "weights.safetensors")
    networks = builder.leffa_networks(tensors, case["unet"], case["vae"], LATENT_CHANNELS + REFERRED)
    core = Core(networks.generator, networks.vae, CPU, exact=builder.exact)
    return Reference(core, networks.reader, reuse=case["sampling"]["reuse_garment_features"])


def _scene(inputs: dict[str, Tensor], dtype: torch.dtype) -> Scene:
    pictures = {name: tensor.to(dtype) for name, tensor in inputs.items()}
    mask = (pictures["mask"] >= 0.5).to(dtype)
    garments = [Garment(str(row), one) for row, one in enumerate(torch.split(pictures["garment_image"], 1))]
    return Scene(pictures["person_image"] * (1 - mask), mask, garments, pictures.get("densepose"))


def _sampling(case: dict[str, Any], conditioner: Conditioner) -> Sampling:
    sampling = case["sampling"]
    scale = sampling["guidance_scale"] if sampling.get("do_classifier_free_guidance", True) else 1.0
    # Leffa's scheduler knows no eta.
    eta = sampling.get("eta", 1.0) if isinstance(conditioner, Concatenation) else 1.0
    return Sampling(_schedule(case, conditioner, eta), scale, conditioner.rescale(scale))


def _schedule(case: dict[str, Any], conditioner: Conditioner, eta: float) -> Schedule:
    betas = Betas(case["scheduler"]["beta_start"], case["scheduler"]["beta_end"])
    steps = case["sampling"]["num_inference_steps"]
    return Schedule.of(steps, ends_clean=conditioner.ends_clean, eta=eta, betas=betas)


def _catvton_walks(
    case: dict[str, Any], folder: Path, conditioner: Conditioner, scene: Scene, sampling: Sampling
) -> dict[str, Walk]:
    """From the generator's first draw; with the case's eta, and with none."""
    shape = (len(scene.person), LATENT_CHANNELS, *conditioner.latent_size(*scene.mask.shape[2:]))
    walks = {}
    for noise, schedule in {
        f"eta = {case['sampling'].get('eta', 1.0)}": sampling.schedule,
        "eta = 0": _schedule(case, conditioner, 0.0),
    }.items():
        draw = draws_of(case["sampling"]["generator_seed"])
        walks[noise] = Walk.of(schedule, draw(shape), draw, CPU, conditioner.core.working_dtype)
    return walks


def _leffa_walks(
    case: dict[str, Any], folder: Path, conditioner: Conditioner, scene: Scene, sampling: Sampling
) -> dict[str, Walk]:
    """From the given start noise, whose generator the case does not name; with each of the possible later ones."""
    start = load_file(folder / "expected.safetensors")["noise"]
    draws = {
        f"noise from a generator of seed {case['sampling']['generator_seed']}": draws_of(
            case["sampling"]["generator_seed"]
        ),
        "noise from torch's global generator": draws_after_networks(case, load_file(folder / "weights.safetensors")),
    }
    dtype = conditioner.core.working_dtype
    return {noise: Walk.of(sampling.schedule, start, draw, CPU, dtype) for noise, draw in draws.items()}


def _repainted(inputs: dict[str, Tensor], image: Tensor, heights: int) -> Tensor:
    rows = [
        repainted(_uint8(person / 2 + 0.5), _uint8(result), _uint8(mask)[..., 0], heights)
        for person, result, mask in zip(inputs["person_image"], image, inputs["mask"], strict=True)
    ]
    return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2)


def _uint8(picture: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """`[C, H, W]` in [0, 1] -> `[H, W, C]`."""
    return (picture * 255).round().byte().permute(1, 2, 0).numpy()
