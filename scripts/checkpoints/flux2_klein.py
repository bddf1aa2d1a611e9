"""A random checkpoint in the layout of FLUX.2 klein: five folders, the text encoder in shards."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import torch
from diffusers.models.autoencoders.autoencoder_kl_flux2 import AutoencoderKLFlux2
from diffusers.models.transformers.transformer_flux2 import Flux2Transformer2DModel
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from tokenizers.pre_tokenizers import ByteLevel
from transformers import Qwen2TokenizerFast, Qwen3Config, Qwen3ForCausalLM

from models.catalog import ModelCard
from models.flux2_klein import published
from scripts.checkpoints.drawing import Draw
from scripts.checkpoints.files import LICENCE, file_of, write_json, write_shards, write_tensors

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE = (
    "{%- for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{%- endfor %}"
    "{%- if add_generation_prompt %}<|im_start|>assistant\n"
    "{%- if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{%- endif %}{%- endif %}"
)
WEIGHTS = "diffusion_pytorch_model"
PROMPTS = {
    "upper": "The person of image 1, wearing the top of image 2.",
    "lower": "The person of image 1, wearing the trousers of image 2.",
    "overall": "The person of image 1, wearing the dress of image 2.",
}


def small_card(folder: Path, *, is_distilled: bool = True, seed: int = 0) -> ModelCard:
    """Writes the checkpoint into `folder`; `is_distilled` as its model_index.json says."""
    torch.manual_seed(seed)
    _write_transformer(folder / "transformer")
    _write_vae(folder / "vae")
    _write_text_encoder(folder / "text_encoder")
    _write_tokenizer(folder / "tokenizer")
    _write_settings(folder, is_distilled)
    return ModelCard(
        name="small-flux2-klein",
        title="Small FLUX.2 klein",
        family="flux2_klein",
        description="Random weights in the published layout.",
        licence=LICENCE,
        files=tuple(file_of(folder, path) for path in sorted(folder.rglob("*")) if path.is_file()),
        height=96,
        width=64,
        num_inference_steps=2,
        guidance_scale=1.0 if is_distilled else 4.0,
        categories=("upper", "lower", "overall"),
        needs=("category", "prompt"),
        prompts=MappingProxyType(PROMPTS),
        folder=folder,
    )


def write(card: ModelCard, folder: Path, draw: Draw) -> None:
    """The published networks into `folder`, a tokenizer of one token a byte beside them."""
    transformer, vae = published.TRANSFORMER, published.VAE
    write_shards(draw(lambda: Flux2Transformer2DModel(**transformer)), folder / "transformer", WEIGHTS)
    write_json(transformer, folder / "transformer/config.json")
    write_tensors(draw(lambda: AutoencoderKLFlux2(**vae)), folder / f"vae/{WEIGHTS}.safetensors")
    write_json(vae, folder / "vae/config.json")
    reader = Qwen3Config(**published.TEXT_ENCODER)
    tensors = draw(lambda: Qwen3ForCausalLM(reader))
    del tensors["lm_head.weight"]  # the words' embeddings again
    write_shards(tensors, folder / "text_encoder", "model")
    reader.save_pretrained(folder / "text_encoder")
    _write_tokenizer(folder / "tokenizer")
    _write_settings(folder, bool(card.network.get("is_distilled", True)))


def _write_settings(folder: Path, is_distilled: bool) -> None:
    FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True).save_pretrained(folder / "scheduler")
    write_json(_index(is_distilled), folder / "model_index.json")


def _write_transformer(folder: Path) -> None:
    transformer = Flux2Transformer2DModel(
        in_channels=16,
        num_layers=2,
        num_single_layers=3,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        timestep_guidance_channels=32,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    )
    for parameter in transformer.parameters():  # so that gates and attention matter
        torch.nn.init.normal_(parameter, std=0.2) if parameter.ndim > 1 else torch.nn.init.uniform_(parameter, 0.5, 2)
    transformer.save_pretrained(folder)


def _write_vae(folder: Path) -> None:
    vae = AutoencoderKLFlux2(
        block_out_channels=(8, 8, 16, 16), layers_per_block=1, latent_channels=4, norm_num_groups=4, sample_size=64
    )
    torch.nn.init.normal_(vae.bn.running_mean)
    torch.nn.init.uniform_(vae.bn.running_var, 0.5, 2)
    vae.save_pretrained(folder)


def _write_text_encoder(folder: Path) -> None:
    config = Qwen3Config(
        vocab_size=256 + len(SPECIAL),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=29,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        tie_word_embeddings=True,
        initializer_range=0.2,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder, max_shard_size="100KB")


def _write_tokenizer(folder: Path) -> None:
    """One token a byte."""
    vocabulary = {letter: index for index, letter in enumerate(sorted(ByteLevel.alphabet()))}
    vocabulary |= {token: len(vocabulary) + index for index, token in enumerate(SPECIAL)}
    tokenizer = Qwen2TokenizerFast(vocab=vocabulary, merges=[], extra_special_tokens=list(SPECIAL[1:]))
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)


def _index(is_distilled: bool) -> dict[str, object]:
    return {
        "_class_name": "Flux2KleinPipeline",
        "is_distilled": is_distilled,
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "text_encoder": ["transformers", "Qwen3ForCausalLM"],
        "tokenizer": ["transformers", "Qwen2TokenizerFast"],
        "transformer": ["diffusers", "Flux2Transformer2DModel"],
        "vae": ["diffusers", "AutoencoderKLFlux2"],
    }
