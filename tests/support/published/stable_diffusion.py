"""CatVTON's and Leffa's published sampling in plain diffusers, as short as can be, and parity cases made by it.

Nothing here comes from the family: it is what the family is held to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from safetensors.torch import save_file
from torch import Tensor, nn

TRAINING: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "clip_sample": False,
    "steps_offset": 1,
    "prediction_type": "epsilon",
    "timestep_spacing": "leading",
}
VAE: dict[str, Any] = {
    "latent_channels": 4,
    "block_out_channels": [8, 16, 16, 16],
    "layers_per_block": 1,
    "norm_num_groups": 8,
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "scaling_factor": 0.18215,
}


@dataclass(frozen=True)
class Recording:
    """A case's settings. `as_named`: the steps' noise is the one that `case.json` names; else, as in the cases given,
    neither eta nor the generator reached the scheduler."""

    unet: dict[str, Any]
    sampling: dict[str, Any]
    batch: int = 1
    size: tuple[int, int] = (64, 48)
    as_named: bool = True

    @property
    def seed(self) -> int:
        return int(self.sampling["generator_seed"])


class Skipped(nn.Module):
    """A cross-attention that gives its input back."""

    def forward(self, hidden: Tensor, **others: Any) -> Tensor:
        return hidden


class Joined(nn.Module):
    """Self-attention over a block's tokens and the garment's, of which the block's own answers are kept."""

    def __init__(self, attention: nn.Module, garment: Iterator[Tensor]) -> None:
        super().__init__()
        self.attention, self.garment = attention, garment

    def forward(self, hidden: Tensor, **others: Any) -> Tensor:
        answers: Tensor = self.attention(torch.cat([hidden, next(self.garment)], 1))
        return answers[:, : hidden.shape[1]]


@torch.no_grad()
def record_catvton(folder: Path, recording: Recording) -> None:
    torch.manual_seed(recording.seed - 2)
    unet = UNet2DConditionModel(**recording.unet)
    save(folder / "unet.safetensors", unet.state_dict())
    attentions = nn.ModuleList([module for name, module in unet.named_modules() if "attn1" in name])
    for parameter in attentions.parameters():
        parameter.copy_(torch.randn_like(parameter) / parameter.shape[-1] ** 0.5)
    save(folder / "attention.safetensors", attentions.state_dict())
    vae = AutoencoderKL(**VAE).eval()
    save(folder / "vae.safetensors", vae.state_dict())
    skip_cross_attention(unet)

    inputs, sampling = pictures(recording), recording.sampling
    scheduler = DDIMScheduler(**TRAINING, set_alpha_to_one=False)
    scheduler.set_timesteps(sampling["num_inference_steps"])
    person, garment, mask = encoded_pictures(vae, inputs)
    known, mask = torch.cat([person, garment], 2), torch.cat([mask, torch.zeros_like(mask)], 2)
    generator = torch.Generator().manual_seed(recording.seed)
    latents = noise = torch.randn(known.shape, generator=generator)
    scale, walked = sampling["guidance_scale"], []
    if scale > 1:
        known, mask = torch.cat([torch.cat([person, torch.zeros_like(garment)], 2), known]), torch.cat([mask] * 2)
    for timestep in scheduler.timesteps:
        sample = torch.cat([latents] * 2) if scale > 1 else latents
        predicted = unet(torch.cat([sample, mask, known], 1), timestep, encoder_hidden_states=None).sample
        if scale > 1:
            nothing, something = predicted.chunk(2)
            predicted = nothing + scale * (something - nothing)
        handed_on = {"eta": sampling["eta"], "generator": generator} if recording.as_named else {}
        latents = scheduler.step(predicted, timestep, latents, **handed_on).prev_sample
        walked.append(latents)
    image = decoded(vae, latents.chunk(2, 2)[0])
    finish(folder, "catvton", recording, inputs, expected(noise, scheduler.timesteps, walked, image))


@torch.no_grad()
def record_leffa(folder: Path, recording: Recording) -> None:
    torch.manual_seed(recording.seed - 3)
    vae = AutoencoderKL(**VAE).eval()
    reader, generator_unet = (UNet2DConditionModel(**recording.unet).eval() for _ in range(2))
    for unet, channels in ((reader, 4), (generator_unet, 12)):
        unet.conv_in = nn.Conv2d(channels, unet.conv_in.out_channels, 3, padding=1)
    for unet in (reader, generator_unet):
        for parameter in (*unet.conv_in.parameters(), *unet.conv_out.parameters()):
            parameter.copy_(torch.randn(parameter.shape) / 10)
    state = torch.get_rng_state()
    parts = {"vae.": vae, "unet_encoder.": reader, "unet.": generator_unet}
    weights = {prefix + key: value for prefix, part in parts.items() for key, value in part.state_dict().items()}
    save(folder / "weights.safetensors", weights)
    skip_cross_attention(reader)
    skip_cross_attention(generator_unet)

    inputs, sampling = pictures(recording), recording.sampling
    scheduler = DDPMScheduler(**TRAINING)
    scheduler.set_timesteps(sampling["num_inference_steps"])
    person, garment, mask = encoded_pictures(vae, inputs)
    densepose = F.interpolate(inputs["densepose"], mask.shape[2:])
    latents = noise = torch.randn(person.shape, generator=torch.Generator().manual_seed(recording.seed - 1))
    generator = torch.Generator().manual_seed(recording.seed)
    if not recording.as_named:
        generator.set_state(state)
    scale, guided, walked = sampling["guidance_scale"], sampling["do_classifier_free_guidance"], []
    still = torch.cat([mask, person, densepose], 1)
    if guided:
        still, garment = torch.cat([still] * 2), torch.cat([torch.zeros_like(garment), garment])
    seen: list[Tensor] = []
    for block in blocks(reader):
        block.attn1.register_forward_pre_hook(lambda _module, arguments: seen.append(arguments[0]))
    middle = scheduler.timesteps[len(scheduler.timesteps) // 2]
    for timestep in scheduler.timesteps:
        seen.clear()
        reader(garment, middle if sampling["reuse_garment_features"] else timestep, encoder_hidden_states=None)
        sample = torch.cat([latents] * 2) if guided else latents
        predicted = joined(generator_unet, seen, torch.cat([sample, still], 1), timestep)
        if guided:
            nothing, something = predicted.chunk(2)
            plain = nothing + scale * (something - nothing)
            rescaled = plain * something.std((1, 2, 3), keepdim=True) / plain.std((1, 2, 3), keepdim=True)
            predicted = scale * rescaled + (1 - scale) * plain
        latents = scheduler.step(predicted, timestep, latents, generator=generator).prev_sample
        walked.append(latents)
    finish(folder, "leffa", recording, inputs, expected(noise, scheduler.timesteps, walked, decoded(vae, latents)))


def joined(unet: UNet2DConditionModel, seen: list[Tensor], sample: Tensor, timestep: Tensor) -> Tensor:
    """The generator's forward pass, with what the reference UNet's self-attentions saw, in order."""
    own, garment = [block.attn1 for block in blocks(unet)], iter(seen)
    for block in blocks(unet):
        block.attn1 = Joined(block.attn1, garment)
    predicted: Tensor = unet(sample, timestep, encoder_hidden_states=None).sample
    for block, attention in zip(blocks(unet), own, strict=True):
        block.attn1 = attention
    return predicted


def blocks(unet: UNet2DConditionModel) -> list[Any]:
    return [module for module in unet.modules() if hasattr(module, "attn1")]


def skip_cross_attention(unet: UNet2DConditionModel) -> None:
    for block in blocks(unet.eval()):
        block.attn2 = Skipped()


def pictures(recording: Recording) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(recording.seed - 1)
    shape = (recording.batch, 3, *recording.size)
    named = {
        name: torch.rand(shape, generator=generator) * 2 - 1 for name in ("person_image", "garment_image", "densepose")
    }
    mask = torch.zeros(recording.batch, 1, *recording.size)
    mask[:, :, recording.size[0] // 4 : -8, 8:-8] = 1
    return named | {"mask": mask}


def encoded_pictures(vae: AutoencoderKL, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Latents of the person that is not to be painted and of the garment, and the mask at their size."""
    masked = inputs["person_image"] * (inputs["mask"] < 0.5)
    person, garment = (
        vae.encode(picture).latent_dist.mode() * VAE["scaling_factor"] for picture in (masked, inputs["garment_image"])
    )
    return person, garment, F.interpolate(inputs["mask"], person.shape[2:])


def decoded(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    image: Tensor = vae.decode(latents / VAE["scaling_factor"]).sample
    return (image / 2 + 0.5).clamp(0, 1)


def expected(noise: Tensor, timesteps: Tensor, walked: list[Tensor], image: Tensor) -> dict[str, Tensor]:
    return {
        "noise": noise,
        "timesteps": timesteps.float(),
        "latents_after_first_step": walked[0],
        "latents_final": walked[-1],
        "image": image,
    }


def finish(
    folder: Path, family: str, recording: Recording, inputs: dict[str, Tensor], results: dict[str, Tensor]
) -> None:
    save(folder / "inputs.safetensors", inputs)
    save(folder / "expected.safetensors", results)
    case: dict[str, Any] = {"family": family, "unet": recording.unet, "vae": VAE, "scheduler": TRAINING}
    case |= {"sampling": recording.sampling, "batch": recording.batch}
    (folder / "case.json").write_text(json.dumps(case))


def save(path: Path, tensors: dict[str, Tensor]) -> None:
    save_file({key: tensor.clone().contiguous() for key, tensor in tensors.items()}, path)
