"""Modules of FLUX.2 by the names that its authors gave them, in which most of its LoRAs are written."""

from __future__ import annotations

BLOCKS = (("double_blocks.", "transformer_blocks."), ("single_blocks.", "single_transformer_blocks."))

IN_BLOCK = {
    "img_attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "img_attn.proj": ("attn.to_out.0",),
    "img_mlp.0": ("ff.linear_in",),
    "img_mlp.2": ("ff.linear_out",),
    "txt_attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "txt_attn.proj": ("attn.to_add_out",),
    "txt_mlp.0": ("ff_context.linear_in",),
    "txt_mlp.2": ("ff_context.linear_out",),
    "linear1": ("attn.to_qkv_mlp_proj",),
    "linear2": ("attn.to_out",),
}

BESIDE_BLOCKS = {
    "img_in": "x_embedder",
    "txt_in": "context_embedder",
    "time_in.in_layer": "time_guidance_embed.timestep_embedder.linear_1",
    "time_in.out_layer": "time_guidance_embed.timestep_embedder.linear_2",
    "double_stream_modulation_img.lin": "double_stream_modulation_img.linear",
    "double_stream_modulation_txt.lin": "double_stream_modulation_txt.linear",
    "single_stream_modulation.lin": "single_stream_modulation.linear",
    "final_layer.linear": "proj_out",
}
"""Not among them is `final_layer.adaLN_modulation.1`, whose halves diffusers has the other way round."""


def published_names(flat: str) -> list[str]:
    """The modules of a block that may be called so where underscores stand for dots."""
    kind, _, rest = flat.partition("_blocks_")
    number = rest.partition("_")[0]
    return [f"{kind}_blocks.{number}.{name}" for name in IN_BLOCK]


def in_diffusers(module: str) -> tuple[str, ...]:
    """Its names in diffusers: of the modules whose weights, one below the other, are its own; none if it has none."""
    if module in BESIDE_BLOCKS:
        return (BESIDE_BLOCKS[module],)
    for published, ours in BLOCKS:
        if module.startswith(published):
            number, _, name = module.removeprefix(published).partition(".")
            return tuple(f"{ours}{number}.{part}" for part in IN_BLOCK.get(name, ()))
    return ()
