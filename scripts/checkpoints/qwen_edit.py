"""A random checkpoint in the layout of Qwen-Image-Edit-2511: six folders, the transformer in shards."""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from diffusers import AutoencoderKLQwenImage, QwenImageTransformer2DModel
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch import nn
from transformers import Qwen2_5_VLConfig
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLForConditionalGeneration as Reader

from models.catalog import ModelCard
from models.qwen_edit import published
from models.qwen_edit.reader import CHAT
from scripts.checkpoints.drawing import Draw
from scripts.checkpoints.files import LICENCE, file_of, write_json, write_shards, write_tensors

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
PROMPTS = {
    "upper": "The person in Picture 1 wears the top.",
    "lower": "The person in Picture 1 wears the trousers from Picture 2.",
    "overall": "Picture 1 in the dress.",
}
WEIGHTS = "diffusion_pytorch_model"
VOCABULARY = 320
WIDTH = 32  # of text features


def small_card(folder: Path, *, zero_cond_t: bool = True, text_positions: str = "grid", seed: int = 0) -> ModelCard:
    """Writes the checkpoint into `folder`."""
    torch.manual_seed(seed)
    _write_transformer(folder / "transformer", zero_cond_t)
    _write_vae(folder / "vae")
    vocabulary = _write_tokenizer(folder / "tokenizer")
    _write_text_encoder(folder / "text_encoder", vocabulary)
    _write_settings(folder)
    return ModelCard(
        name="small-qwen-edit",
        title="Small Qwen-Image-Edit",
        family="qwen_edit",
        description="Random weights in the published layout.",
        licence=LICENCE,
        files=tuple(file_of(folder, path) for path in sorted(folder.rglob("*")) if path.is_file()),
        height=96,
        width=64,
        num_inference_steps=2,
        guidance_scale=4.0,
        categories=("upper", "lower", "overall"),
        needs=("category", "prompt"),
        prompts=MappingProxyType(PROMPTS),
        network=MappingProxyType(
            {
                "text_positions": text_positions,
                "negative_prompt": " ",
                "areas": {"canvas": 96 * 64, "glance": 96 * 64},
            }
        ),
        folder=folder,
    )


def write(card: ModelCard, folder: Path, draw: Draw) -> None:
    """The published networks into `folder`; its tokenizer knows the chat and little else."""
    transformer, vae = published.TRANSFORMER, published.VAE
    write_shards(draw(lambda: QwenImageTransformer2DModel(**transformer)), folder / "transformer", WEIGHTS)
    write_json(transformer, folder / "transformer/config.json")
    write_tensors(draw(lambda: AutoencoderKLQwenImage(**vae)), folder / f"vae/{WEIGHTS}.safetensors")
    write_json(vae, folder / "vae/config.json")
    settings = _text_settings(_write_tokenizer(folder / "tokenizer")) | published.TEXT_ENCODER
    config = Qwen2_5_VLConfig.from_dict(dict(settings))
    tensors = {_published(key): tensor for key, tensor in draw(lambda: Reader(config)).items()}
    write_shards(tensors, folder / "text_encoder", "model")
    write_json(settings, folder / "text_encoder/config.json")
    _write_settings(folder)


def _write_settings(folder: Path) -> None:
    write_json(PROCESSOR, folder / "processor/preprocessor_config.json")
    write_json(SCHEDULER, folder / "scheduler/scheduler_config.json")


PROCESSOR = {
    "do_convert_rgb": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_processor_type": "Qwen2VLImageProcessorFast",
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "max_pixels": 12845056,
    "merge_size": 2,
    "min_pixels": 3136,
    "patch_size": 14,
    "processor_class": "Qwen2VLProcessor",
    "resample": 3,
    "rescale_factor": 1 / 255,
    "size": {"longest_edge": 12845056, "shortest_edge": 3136},
    "temporal_patch_size": 2,
}
SCHEDULER = {
    "_class_name": "FlowMatchEulerDiscreteScheduler",
    "base_image_seq_len": 256,
    "base_shift": 0.5,
    "max_image_seq_len": 8192,
    "max_shift": 0.9,
    "num_train_timesteps": 1000,
    "shift": 1.0,
    "shift_terminal": 0.02,
    "stochastic_sampling": False,
    "time_shift_type": "exponential",
    "use_dynamic_shifting": True,
}


def _write_transformer(folder: Path, zero_cond_t: bool) -> None:
    transformer = QwenImageTransformer2DModel(
        in_channels=16,
        out_channels=4,
        num_layers=3,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        axes_dims_rope=(4, 6, 6),
        zero_cond_t=zero_cond_t,
    )
    _draw(transformer)
    transformer.save_pretrained(folder, max_shard_size="200KB")


def _write_vae(folder: Path) -> None:
    vae = AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 2, 2, 2],
        num_res_blocks=1,
        latents_mean=[-0.4, 0.1, 0.2, -0.3],
        latents_std=[1.8, 1.2, 0.7, 2.1],
    )
    vae.save_pretrained(folder)


def _write_text_encoder(folder: Path, vocabulary: dict[str, int]) -> None:
    """As transformers before 5 named its keys and wrote its settings, in two shards."""
    settings = _text_settings(vocabulary)
    model = Reader(Qwen2_5_VLConfig.from_dict(dict(settings)))
    _draw(model)
    tensors = {_published(key): value.contiguous() for key, value in model.state_dict().items()}
    shards = [dict(list(tensors.items())[part::2]) for part in range(2)]
    names = [f"model-{part + 1:05}-of-00002.safetensors" for part in range(2)]
    folder.mkdir()
    for name, shard in zip(names, shards, strict=True):
        save_file(shard, folder / name, metadata={"format": "pt"})
    index = {key: name for name, shard in zip(names, shards, strict=True) for key in shard}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    (folder / "config.json").write_text(json.dumps(settings))


def _published(key: str) -> str:
    return key.replace("model.visual.", "visual.", 1).replace("model.language_model.", "model.", 1)


def _text_settings(vocabulary: dict[str, int]) -> dict[str, Any]:
    return {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"],
        "model_type": "qwen2_5_vl",
        "vocab_size": VOCABULARY,
        "hidden_size": WIDTH,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "hidden_act": "silu",
        "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-06,
        "rope_theta": 1000000.0,
        "rope_scaling": {"mrope_section": [1, 1, 2], "type": "mrope"},
        "use_sliding_window": False,
        "tie_word_embeddings": False,
        "image_token_id": vocabulary["<|image_pad|>"],
        "vision_start_token_id": vocabulary["<|vision_start|>"],
        "vision_end_token_id": vocabulary["<|vision_end|>"],
        "vision_config": {
            "depth": 2,
            "hidden_act": "silu",
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "in_chans": 3,
            "out_hidden_size": WIDTH,
            "patch_size": 14,
            "spatial_merge_size": 2,
            "window_size": 56,
            "fullatt_block_indexes": [1],
        },
    }


def _write_tokenizer(folder: Path) -> dict[str, int]:
    """Learnt from the chat, so that it has about as many tokens as the published one makes of it."""
    learning = Tokenizer(models.BPE())
    learning.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    size = VOCABULARY - len(SPECIAL)
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    learning.train_from_iterator([CHAT, *PROMPTS.values()], trainer)
    learnt = json.loads(learning.to_str())["model"]
    special = {token: size + index for index, token in enumerate(SPECIAL)}
    folder.mkdir()
    (folder / "vocab.json").write_text(json.dumps(learnt["vocab"]))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(pair) for pair in learnt["merges"]))
    (folder / "added_tokens.json").write_text(json.dumps(special))
    (folder / "tokenizer_config.json").write_text(json.dumps(_tokenizer_settings(special)))
    return special


def _tokenizer_settings(special: dict[str, int]) -> dict[str, Any]:
    return {
        "tokenizer_class": "Qwen2Tokenizer",
        "add_prefix_space": False,
        "added_tokens_decoder": {
            str(index): {
                "content": token,
                "lstrip": False,
                "normalized": False,
                "rstrip": False,
                "single_word": False,
                "special": True,
            }
            for token, index in special.items()
        },
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "model_max_length": 131072,
    }


def _draw(network: nn.Module) -> None:
    """So that gates and attention matter."""
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.15) if parameter.ndim > 1 else nn.init.uniform_(parameter, 0.5, 1.5)
