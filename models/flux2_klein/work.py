"""How much work a picture is, counted on the meta device from configurations alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from diffusers.models.autoencoders.autoencoder_kl_flux2 import AutoencoderKLFlux2
from diffusers.models.transformers.transformer_flux2 import Flux2Transformer2DModel
from torch import Tensor
from transformers import Qwen3Config, Qwen3Model

from models.base import SamplingSettings
from models.catalog import ModelCard
from models.flops import FlopCount, count
from models.flux2_klein import latents
from models.flux2_klein.denoiser import Condition, Denoiser, LeanDenoiser, PublishedDenoiser, Walk
from models.flux2_klein.options import Options
from models.flux2_klein.prompts import NUM_TOKENS
from models.flux2_klein.published import TEXT_ENCODER, TRANSFORMER, VAE
from models.flux2_klein.schedule import plan_of
from models.settings import settings_for_counting

META = torch.device("meta")


def count_flops(card: ModelCard) -> FlopCount:
    """Of a person and a garment of the card's height and width, at its default steps and guidance."""
    with META:
        settings = settings_for_counting(card, "transformer/config.json", TRANSFORMER)
        transformer = Flux2Transformer2DModel.from_config(settings).eval()
        vae = AutoencoderKLFlux2.from_config(settings_for_counting(card, "vae/config.json", VAE)).eval()
    plan = plan_of(SamplingSettings.of(card), is_distilled=Options.of(card).is_distilled)
    num_guided = sum(step.is_guided for step in plan)
    num_prompts = 2 if num_guided else 1
    canvas = latents.Grid(card.height // latents.cell(vae), card.width // latents.cell(vae))
    tokens = torch.empty(1, canvas.num_tokens, transformer.config.in_channels, device=META)
    condition = _condition(transformer, canvas, len(plan))
    picture = torch.empty(1, 3, card.height, card.width, device=META)

    def loop(make: Callable[[Condition], Denoiser]) -> float:
        denoiser = count(lambda: make(condition))
        step = count(lambda: make(condition)(tokens, 0)) - denoiser
        return num_prompts * denoiser + (len(plan) + num_guided) * step

    return FlopCount(
        {
            "text": 0.0,
            "encode": 2 * count(lambda: latents.encode(vae, picture)),
            "denoise": loop(partial(LeanDenoiser.of, Walk(transformer))),
            "decode": count(lambda: latents.decode(vae, tokens, canvas)),
        },
        denoise_published=loop(partial(PublishedDenoiser, transformer)),
        savings=_savings(card, num_prompts),
    )


def _condition(transformer: Flux2Transformer2DModel, canvas: latents.Grid, num_steps: int) -> Condition:
    config = transformer.config
    return Condition(
        torch.empty(1, NUM_TOKENS, config.joint_attention_dim, device=META),
        torch.empty(1, 2 * canvas.num_tokens, config.in_channels, device=META),
        latents.positions(NUM_TOKENS, canvas, (canvas, canvas), META),
        torch.empty(num_steps, device=META),
    )


def _savings(card: ModelCard, num_prompts: int) -> tuple[str, ...]:
    return (
        "The last block computes queries, feed-forward and output of the canvas's tokens only, and the output layers "
        "leave out the references.",
        "References and prompt are projected, positions rotated and times embedded once, not in every step.",
        f"Prompts are read once when the card is loaded: {num_prompts * _reading(card):.1f} TFLOP less per picture.",
        "A cached garment is not encoded again.",
    )


def _reading(card: ModelCard) -> float:
    """TFLOP of one prompt through the whole text encoder, without its head."""
    with META:
        settings = settings_for_counting(card, "text_encoder/config.json", TEXT_ENCODER)
        model = Qwen3Model(Qwen3Config.from_dict(settings)).eval()
    tokens: Tensor = torch.zeros(1, NUM_TOKENS, dtype=torch.int64, device=META)
    mask = {"full_attention": None}  # causal; building one asks the tokens for their values
    return count(lambda: model(tokens, attention_mask=mask, use_cache=False))
