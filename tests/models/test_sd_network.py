"""The walk through the UNet, the sampler and the upsampling, against diffusers'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.models.upsampling import Upsample2D
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from torch import Tensor, nn

from models.sd_inpaint.ancestral import Schedule, Walk, guided, job_draws
from models.sd_inpaint.architecture import UNET as PUBLISHED
from models.sd_inpaint.architecture import make_unet
from models.sd_inpaint.attention import attended
from models.sd_inpaint.doubling import Doubling, double_in_one_step, summed
from models.sd_inpaint.unet import UNet
from scripts.checkpoints.stable_diffusion import UNET

CPU = torch.device("cpu")
TRAINING: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "steps_offset": 1,
    "timestep_spacing": "leading",
}

pytestmark = pytest.mark.usefixtures("one_thread")


class Skipped(nn.Module):
    """A cross-attention that gives its input back, as published."""

    def forward(self, hidden: Tensor, **others: Any) -> Tensor:
        return hidden


def networks(**changes: Any) -> tuple[Any, UNet]:
    """diffusers' with its cross-attention skipped, and ours with the same weights, in float64."""
    torch.manual_seed(0)
    config = {**PUBLISHED, **UNET, **changes}
    stock = UNet2DConditionModel(**{**config, "in_channels": 9}).double().eval()
    ours = make_unet(config, 9).double().eval()
    ours.load_state_dict({key: tensor for key, tensor in stock.state_dict().items() if ".attn2." not in key})
    for module in list(stock.modules()):
        if hasattr(module, "attn2"):
            module.attn2 = Skipped()
    double_in_one_step(ours)
    return stock, UNet(ours)


DEEPER = {
    "layers_per_block": 2,
    "block_out_channels": [16, 32, 32],
    "attention_head_dim": 2,
    "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
}


@pytest.mark.parametrize(("changes", "size"), [({}, (16, 12)), (DEEPER, (8, 12)), (DEEPER, (10, 6))])
def test_the_walk_computes_what_diffusers_computes(changes: dict[str, Any], size: tuple[int, int]) -> None:
    stock, ours = networks(**changes)
    sample = torch.randn(2, 9, *size, dtype=torch.float64)
    with torch.inference_mode():
        expected = stock(sample, 801, encoder_hidden_states=None).sample
        embedding = ours.embedded(torch.tensor([801]))
        found = ours.predicted(ours.entered(sample), embedding, lambda attn, own: attended(attn, own, own))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)


def test_the_features_are_what_the_self_attentions_see_in_order() -> None:
    stock, ours = networks(**DEEPER)
    sample = torch.randn(1, 9, 8, 4, dtype=torch.float64)
    seen: list[Tensor] = []
    for name, module in stock.named_modules():
        if name.endswith(".norm1") and "transformer_blocks" in name:
            module.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    with torch.inference_mode():
        stock(sample, 401, encoder_hidden_states=None)
        entered, embedding = ours.entered(sample), ours.embedded(torch.tensor([401]))
        found, all_found = ours.features(entered, embedding), ours.all_features(entered, embedding)
    assert len(found) == len(all_found) == len(seen) == len(ours.attentions)
    for each, other, expected in zip(found, all_found, seen, strict=True):
        torch.testing.assert_close(each, expected, rtol=0, atol=1e-11)
        torch.testing.assert_close(other, expected, rtol=0, atol=1e-11)


def test_no_cross_attention_is_in_memory() -> None:
    with torch.device("meta"):
        network = make_unet(PUBLISHED, 9)
    keys = list(network.state_dict())
    assert not any("attn2" in key for key in keys)
    assert sum("norm2" in key and "transformer_blocks" in key for key in keys) == 32


@pytest.mark.parametrize("size", [(5, 7), (1, 1), (4, 2)])
def test_doubling_in_one_step_is_upsampling_and_its_convolution(size: tuple[int, int]) -> None:
    upsample = Upsample2D(6, use_conv=True, out_channels=4).double()
    hidden = torch.randn(2, 6, *size, dtype=torch.float64)
    with torch.inference_mode():
        torch.testing.assert_close(Doubling(upsample)(hidden), upsample(hidden), rtol=0, atol=1e-13)
        odd = (2 * size[0] - 1, 2 * size[1])
        torch.testing.assert_close(Doubling(upsample)(hidden, odd), upsample(hidden, odd), rtol=0, atol=0)


def test_a_doubled_kernel_is_rounded_once() -> None:
    upsample = Upsample2D(6, use_conv=True, out_channels=4).to(torch.bfloat16)
    wide = summed(upsample.conv.weight.double())
    assert torch.equal(Doubling(upsample).kernel, wide.to(torch.bfloat16))


def ddim(num_steps: int) -> tuple[Any, dict[str, Any]]:
    scheduler = DDIMScheduler(**TRAINING, set_alpha_to_one=False)
    scheduler.set_timesteps(num_steps)
    return scheduler, {"eta": 1.0}


def ddpm(num_steps: int) -> tuple[Any, dict[str, Any]]:
    scheduler = DDPMScheduler(**TRAINING)
    scheduler.set_timesteps(num_steps)
    return scheduler, {}


@pytest.mark.parametrize("num_steps", [1, 3, 7, 30, 50])
@pytest.mark.parametrize(("make", "ends_clean"), [(ddim, False), (ddpm, True)])
def test_the_walk_is_the_published_schedulers(
    make: Callable[[int], tuple[Any, dict[str, Any]]], ends_clean: bool, num_steps: int
) -> None:
    scheduler, arguments = make(num_steps)
    schedule = Schedule.of(num_steps, ends_clean=ends_clean)
    assert schedule.timesteps.tolist() == scheduler.timesteps.tolist()
    start, predicted = torch.randn(2, 4, 6, 5), torch.randn(num_steps, 2, 4, 6, 5)
    theirs, generator, ours = start, torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    walk = Walk.of(schedule, start, lambda shape: torch.randn(shape, generator=ours), CPU, torch.float32)
    for timestep, noise in zip(scheduler.timesteps, predicted, strict=True):
        theirs = scheduler.step(noise, timestep, theirs, generator=generator, **arguments).prev_sample
        walk.step(noise)
        torch.testing.assert_close(walk.latents, theirs, rtol=1e-4, atol=1e-5)


def test_more_steps_than_the_training_s_are_a_value_error() -> None:
    for num_steps in (0, 1000):
        with pytest.raises(ValueError, match="num_steps"):
            Schedule.of(num_steps, ends_clean=True)


def test_a_job_s_noise_does_not_depend_on_its_batch_mates() -> None:
    together, alone = job_draws([5, 2**63 + 6]), job_draws([6])
    for _ in range(3):
        assert torch.equal(together((2, 4, 3, 3))[1:], alone((1, 4, 3, 3)))


def test_full_rescaling_gives_guided_noise_the_conditional_s_deviation() -> None:
    unconditional, conditional = torch.randn(2, 2, 4, 8, 8).unbind()
    plain = guided(unconditional, conditional, 2.5, 0.0)
    torch.testing.assert_close(plain, 2.5 * conditional - 1.5 * unconditional)
    rescaled = guided(unconditional, conditional, 2.5, 1.0)
    torch.testing.assert_close(rescaled.flatten(1).std(1), conditional.flatten(1).std(1))
    beyond = guided(unconditional, conditional, 2.5, 2.5)
    torch.testing.assert_close(beyond, 2.5 * rescaled - 1.5 * plain)
