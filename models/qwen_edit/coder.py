"""Pictures to the denoiser's tokens and back: Qwen-Image's autoencoder, made for video, on a single frame."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKLQwenImage
from diffusers.models.autoencoders.autoencoder_kl_qwenimage import QwenImageCausalConv3d
from torch import Tensor, nn

from models.transfer import to_device

DOWNSCALING = 8  # pixels a latent, on a side
PATCH = 2  # latents a token, on a side
PIXELS_A_TOKEN = DOWNSCALING * PATCH


class Coder:
    """The autoencoder. `exact_savings`: with what a single frame needs of it alone.

    Its convolutions reach back in time, and before the first frame there are zeros: of each kernel only the last
    slice in time meets anything. Nor is there a next frame to keep activations for.
    """

    def __init__(self, vae: AutoencoderKLQwenImage, exact_savings: bool) -> None:
        self._vae, self._exact_savings = vae, exact_savings
        if exact_savings:
            for module in (vae.quant_conv, vae.post_quant_conv, *vae.encoder.modules(), *vae.decoder.modules()):
                if isinstance(module, QwenImageCausalConv3d):
                    _keep_last_slice(module)
        shape = (1, vae.config.z_dim, 1, 1, 1)
        like = next(vae.parameters())
        self._mean, self._deviation = (
            torch.tensor(values, dtype=like.dtype, device=like.device).view(shape)
            for values in (vae.config.latents_mean, vae.config.latents_std)
        )

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {"vae_encoder": self._vae.encoder, "vae_decoder": self._vae.decoder}

    def encoded(self, pixels: Tensor) -> Tensor:
        """`[B, 3, H, W]` in [-1, 1] to tokens `[B, N, C]`: the most likely latents, normalised."""
        frames = to_device(pixels, self._mean.device, self._mean.dtype)[:, :, None]
        if self._exact_savings:
            latents = self._vae.quant_conv(self._vae.encoder(frames)).chunk(2, 1)[0]
        else:
            latents = self._vae.encode(frames).latent_dist.mode()
        return packed(((latents - self._mean) / self._deviation)[:, :, 0])

    def decoded(self, tokens: Tensor, height: int, width: int) -> Tensor:
        """Tokens of a canvas `height` x `width` to its pixels `[B, 3, H, W]` in [-1, 1]."""
        latents = unpacked(tokens, height // DOWNSCALING, width // DOWNSCALING)[:, :, None].to(self._mean.dtype)
        latents = latents * self._deviation + self._mean
        if self._exact_savings:
            frames = self._vae.decoder(self._vae.post_quant_conv(latents)).clamp(-1, 1)
        else:
            frames = self._vae.decode(latents).sample
        pixels: Tensor = frames[:, :, 0]
        return pixels


def packed(latents: Tensor) -> Tensor:
    """`[B, C, h, w]` to tokens `[B, h/2 * w/2, 4 C]`: each four neighbours are one."""
    batch, channels, height, width = latents.shape
    blocks = latents.view(batch, channels, height // PATCH, PATCH, width // PATCH, PATCH)
    return blocks.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def unpacked(tokens: Tensor, height: int, width: int) -> Tensor:
    """The inverse of `packed`, of latents `height` x `width`."""
    blocks = tokens.reshape(len(tokens), height // PATCH, width // PATCH, -1, PATCH, PATCH)
    return blocks.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)


def _keep_last_slice(convolution: QwenImageCausalConv3d) -> None:
    weight = convolution.weight[:, :, -1:].clone()
    convolution.weight = nn.Parameter(weight, requires_grad=False)
    convolution.kernel_size = tuple(weight.shape[2:])
    convolution._padding = (*convolution._padding[:4], 0, 0)
