"""The published files of CatVTON and Leffa: key by key into the networks, or refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models.sd_inpaint import architecture
from models.sd_inpaint.attention_file import attention_tensors
from models.sd_inpaint.checkpoint import Builder, below
from models.weights import WeightsError
from scripts.checkpoints.catvton import attention_list, with_old_keys
from scripts.checkpoints.leffa import small_card
from scripts.checkpoints.stable_diffusion import UNET, VAE, unet_tensors, vae_tensors

PARITY = Path(__file__).parents[3] / "shared" / "parity"
CPU = torch.device("cpu")
SMALL_UNET = {**architecture.UNET, **UNET}
SMALL_VAE = {**architecture.VAE, **VAE}

pytestmark = pytest.mark.usefixtures("one_thread")


def published(file: str) -> dict[str, Tensor]:
    """Keys and shapes of a real file, without its numbers."""
    path = PARITY / file
    if not path.is_file():
        pytest.skip(f"there is no {path}")
    shapes = json.loads(path.read_text())
    return {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    return Builder(small_card(tmp_path), CPU, torch.float32)


@pytest.fixture
def base() -> dict[str, Tensor]:
    torch.manual_seed(2)
    return unet_tensors(9)


def built(builder: Builder, base: dict[str, Tensor], attention: dict[str, Tensor]) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = builder.catvton_unet(base, attention, SMALL_UNET, 9).network.state_dict()
    return tensors


def attention_shapes(config: architecture.Config, in_channels: int) -> dict[str, torch.Size]:
    with torch.device("meta"):
        unet = architecture.make_unet(config, in_channels)
    return {key: tensor.shape for key, tensor in unet.state_dict().items() if ".attn1." in key}


def test_catvton_s_full_size_attentions_find_their_places_by_rank(builder: Builder) -> None:
    tensors = published("catvton/full_size_attention_keys.json")
    shapes = attention_shapes(architecture.UNET, 9)
    named = attention_tensors(tensors, shapes, builder.card)
    assert {key: tensor.shape for key, tensor in named.items()} == shapes
    assert named["mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight"] is tensors["120.to_q.weight"]
    assert named["up_blocks.1.attentions.0.transformer_blocks.0.attn1.to_v.weight"] is tensors["48.to_v.weight"]
    assert sum(tensor.numel() for tensor in named.values()) == 49_574_080


def test_leffa_s_full_size_keys_are_the_networks_and_cross_attention() -> None:
    tensors = published("leffa/full_size_keys.json")
    made: dict[str, torch.Size] = {}
    with torch.device("meta"):
        parts = {
            "unet.": architecture.make_unet(architecture.UNET, 12),
            "unet_encoder.": architecture.make_unet(architecture.UNET, 4),
            "vae.": architecture.make_vae(architecture.VAE),
        }
    for prefix, network in parts.items():
        made |= {prefix + key: tensor.shape for key, tensor in network.state_dict().items()}
    skipped = architecture.cross_attention_shapes(architecture.UNET)
    made |= {prefix + key: shape for prefix in ("unet.", "unet_encoder.") for key, shape in skipped.items()}
    assert {key: tensor.shape for key, tensor in tensors.items()} == made


def test_the_attentions_of_the_base_are_replaced_and_nothing_else(builder: Builder, base: dict[str, Tensor]) -> None:
    attention = attention_list(base)
    found = built(builder, base, attention)
    ranks = [
        "down_blocks.0.attentions.0",
        "up_blocks.1.attentions.0",
        "up_blocks.1.attentions.1",
        "mid_block.attentions.0",
    ]
    for rank, place in enumerate(ranks):
        key = f"{place}.transformer_blocks.0.attn1.to_k.weight"
        assert torch.equal(found[key], attention[f"{8 * rank}.to_k.weight"])
        assert not torch.equal(found[key], base[key])
    kept = [key for key in base if ".attn1." not in key and ".attn2." not in key]
    assert all(torch.equal(found[key.replace("upsamplers.0.", "upsamplers.0._upsample.")], base[key]) for key in kept)


def test_the_numbers_before_the_keys_may_leave_any_gaps(builder: Builder, base: dict[str, Tensor]) -> None:
    attention = attention_list(base)
    other = {}
    for key, tensor in attention.items():
        number, _, name = key.partition(".")
        other[f"{int(number) * 3 + 1}.{name}"] = tensor
    one, another = built(builder, base, attention), built(builder, base, other)
    assert all(torch.equal(one[key], another[key]) for key in one)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda listed: listed.pop("8.to_v.weight"), r"missing 8\.to_v"),
        (lambda listed: [listed.pop(key) for key in list(listed) if key.startswith("8.")], r"3 attentions, not 4"),
        (lambda listed: listed.update({"8.to_q.bias": torch.zeros(16)}), r"unexpected 8\.to_q\.bias"),
        (lambda listed: listed.update({"9.weight": torch.zeros(16, 16)}), r"unexpected 9\.weight"),
        (lambda listed: listed.update({"8.to_k.weight": torch.zeros(16, 17)}), r"8\.to_k\.weight is \[16, 17\]"),
        (lambda listed: listed.update({"extra.weight": torch.zeros(1)}), r"unexpected extra\.weight"),
    ],
)
def test_an_attention_file_that_does_not_fit_is_refused_by_name(
    builder: Builder, base: dict[str, Tensor], change: Any, named: str
) -> None:
    attention = attention_list(base)
    change(attention)
    with pytest.raises(WeightsError, match=named):
        built(builder, base, attention)


@pytest.mark.parametrize("kind", ["attn1.to_q.weight", "attn2.to_q.weight", "conv_in.bias"])
def test_a_renamed_key_of_the_base_is_refused(builder: Builder, base: dict[str, Tensor], kind: str) -> None:
    attention = attention_list(base)
    key = next(key for key in base if key.endswith(kind))
    base[f"{key}_renamed"] = base.pop(key)
    with pytest.raises(WeightsError, match=r"_renamed|lacks"):
        built(builder, base, attention)


def test_cross_attention_of_another_shape_is_refused_though_it_is_dropped(
    builder: Builder, base: dict[str, Tensor]
) -> None:
    key = next(key for key in base if key.endswith("attn2.to_k.weight"))
    base[key] = base[key][:, :-1]
    with pytest.raises(WeightsError, match=r"attn2\.to_k\.weight"):
        builder.generator(base, SMALL_UNET, 9)


def test_a_base_without_cross_attention_is_taken(builder: Builder, base: dict[str, Tensor]) -> None:
    builder.generator({key: tensor for key, tensor in base.items() if ".attn2." not in key}, SMALL_UNET, 9)


def test_a_vae_with_the_keys_of_old_is_the_same(builder: Builder) -> None:
    tensors = vae_tensors()
    old = with_old_keys(tensors)
    assert old.keys() != tensors.keys()
    one, another = (builder.vae(each, SMALL_VAE).state_dict() for each in (tensors, old))
    assert all(torch.equal(one[key], another[key]) for key in one)


def test_a_key_below_no_prefix_of_leffa_s_is_refused(builder: Builder) -> None:
    tensors = {"unet.conv_in.bias": torch.zeros(1), "ema.conv_in.bias": torch.zeros(1)}
    with pytest.raises(WeightsError, match=r"ema\.conv_in"):
        builder.leffa_networks(tensors, SMALL_UNET, SMALL_VAE, 12)
    assert below("unet.", tensors) == {"conv_in.bias": tensors["unet.conv_in.bias"]}
