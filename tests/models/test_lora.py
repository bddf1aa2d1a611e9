from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its name everywhere

from models.catalog import Lora, ModelCard, WeightFile, load_card
from models.weights import WeightsError, load_tensors

RANK, IN, OUT = 3, 6, 5
SCALE = 0.7
X = torch.randn(4, IN, generator=torch.Generator().manual_seed(1))
IMAGE = torch.randn(2, IN, 8, 8, generator=torch.Generator().manual_seed(2))


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


BASE = {
    "blocks.0.to_q.weight": drawn(OUT, IN, seed=3),
    "blocks.0.to_q.bias": drawn(OUT, seed=4),
    "conv.weight": drawn(OUT, IN, 3, 3, seed=5),
    "norm.weight": drawn(OUT, seed=10),
}
DOWN, UP = drawn(RANK, IN, seed=6), drawn(OUT, RANK, seed=7)
CONV_DOWN, CONV_UP = drawn(RANK, IN, 3, 3, seed=8), drawn(OUT, RANK, 1, 1, seed=9)


def card_of(
    folder: Path,
    *loras: dict[str, Tensor],
    base: dict[str, Tensor] = BASE,
    network: str = "transformer/model.safetensors",
    metadata: dict[str, str] | None = None,
) -> ModelCard:
    names = [f"loras/{number}.safetensors" for number in range(len(loras))]
    files = []
    for name, tensors in zip([network, *names], [base, *loras], strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({key: value.clone() for key, value in tensors.items()}, path, metadata=metadata)
        data = path.read_bytes()
        files.append(WeightFile(name, len(data), hashlib.sha256(data).hexdigest()))
    return dataclasses.replace(
        load_card("paperdoll"), files=tuple(files), loras=tuple(Lora(name, SCALE) for name in names), folder=folder
    )


def pair(module: str, down: str = "lora_A.weight", up: str = "lora_B.weight") -> dict[str, Tensor]:
    return {f"{module}.{down}": DOWN, f"{module}.{up}": UP}


def forward_with_pair(factor: float) -> Tensor:
    """The layer and its low-rank branch beside it, as in training."""
    direct = F.linear(X, BASE["blocks.0.to_q.weight"], BASE["blocks.0.to_q.bias"])
    return direct + factor * F.linear(F.linear(X, DOWN), UP)


def forward(tensors: dict[str, Tensor]) -> Tensor:
    return F.linear(X, tensors["blocks.0.to_q.weight"], tensors["blocks.0.to_q.bias"])


@pytest.mark.parametrize("network", ["transformer/model.safetensors", "unet/model.safetensors", "model.safetensors"])
@pytest.mark.parametrize("prefix", ["", "transformer.", "unet.", "diffusion_model.", "base_model.model."])
@pytest.mark.parametrize(
    ("down", "up"),
    [
        ("lora_A.weight", "lora_B.weight"),
        ("lora_A.default.weight", "lora_B.default.weight"),
        ("lora_down.weight", "lora_up.weight"),
        ("lora.down.weight", "lora.up.weight"),
    ],
)
def test_a_merged_layer_is_the_layer_with_its_branch(
    tmp_path: Path, network: str, prefix: str, down: str, up: str
) -> None:
    card = card_of(tmp_path, pair(f"{prefix}blocks.0.to_q", down, up), network=network)
    folder = network.rpartition("/")[0]
    merged = load_tensors(card, f"{folder}/" if folder else "")
    torch.testing.assert_close(forward(merged), forward_with_pair(SCALE))
    assert set(merged) == set(BASE)
    assert torch.equal(merged["conv.weight"], BASE["conv.weight"])


def test_alpha_is_shared_out_over_the_rank(tmp_path: Path) -> None:
    module = "transformer.blocks.0.to_q"
    lora = pair(module, "lora_down.weight", "lora_up.weight") | {f"{module}.alpha": torch.tensor(8.0)}
    merged = load_tensors(card_of(tmp_path, lora), "transformer/")
    torch.testing.assert_close(forward(merged), forward_with_pair(SCALE * 8 / RANK))


def test_the_alpha_in_the_header_counts_too(tmp_path: Path) -> None:
    header = {"lora_adapter_metadata": json.dumps({"transformer.lora_alpha": 2, "transformer.r": RANK})}
    card = card_of(tmp_path, pair("transformer.blocks.0.to_q"), metadata=header)
    torch.testing.assert_close(forward(load_tensors(card, "transformer/")), forward_with_pair(SCALE * 2 / RANK))


def test_a_convolution_is_merged_as_its_two_convolutions(tmp_path: Path) -> None:
    card = card_of(tmp_path, {"conv.lora_down.weight": CONV_DOWN, "conv.lora_up.weight": CONV_UP})
    merged = load_tensors(card, "transformer/")
    branch = F.conv2d(F.conv2d(IMAGE, CONV_DOWN), CONV_UP)
    expected = F.conv2d(IMAGE, BASE["conv.weight"]) + SCALE * branch
    torch.testing.assert_close(F.conv2d(IMAGE, merged["conv.weight"]), expected, atol=1e-4, rtol=1e-4)


def test_several_loras_add_up_before_rounding(tmp_path: Path) -> None:
    half = {key: value.bfloat16() for key, value in BASE.items()}
    loras = [pair("blocks.0.to_q"), pair("blocks.0.to_q")]
    merged = load_tensors(card_of(tmp_path, *loras, base=half), "transformer/")["blocks.0.to_q.weight"]
    exact = half["blocks.0.to_q.weight"].float() + 2 * SCALE * UP @ DOWN
    assert merged.dtype == torch.bfloat16
    torch.testing.assert_close(merged.float(), exact, atol=0, rtol=2**-8)


@pytest.mark.parametrize("prefix", ["lora_unet_", "lora_transformer_"])
def test_underscores_for_dots_are_understood(tmp_path: Path, prefix: str) -> None:
    module = f"{prefix}blocks_0_to_q"
    half = {f"{module}.alpha": torch.tensor(RANK / 2)}
    card = card_of(tmp_path, pair(module, "lora_down.weight", "lora_up.weight") | half)
    torch.testing.assert_close(forward(load_tensors(card, "transformer/")), forward_with_pair(SCALE / 2))


def test_underscores_are_understood_in_the_published_names_of_flux_2_too(tmp_path: Path) -> None:
    base = {f"transformer_blocks.0.attn.to_{which}.weight": torch.zeros(OUT, IN) for which in "qkv"}
    ups = torch.cat([UP, 2 * UP, 3 * UP])
    module = "lora_unet_double_blocks_0_img_attn_qkv"
    lora = {f"{module}.lora_down.weight": DOWN, f"{module}.lora_up.weight": ups}
    merged = load_tensors(card_of(tmp_path, lora, base=base), "transformer/")
    for factor, which in enumerate("qkv", 1):
        torch.testing.assert_close(merged[f"transformer_blocks.0.attn.to_{which}.weight"], SCALE * factor * UP @ DOWN)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"loras/0\.safetensors of paperdoll is empty"):
        load_tensors(card_of(tmp_path, {}), "transformer/")


def test_other_networks_of_the_checkpoint_stay_as_they_are(tmp_path: Path) -> None:
    card = card_of(tmp_path, pair("blocks.0.to_q"), network="vae/model.safetensors")
    assert torch.equal(load_tensors(card, "vae/")["blocks.0.to_q.weight"], BASE["blocks.0.to_q.weight"])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"blocks.1.to_q.lora_A.weight": DOWN, "blocks.1.to_q.lora_B.weight": UP}, r"blocks\.1\.to_q\.lora_A\.weight"),
        ({"text_encoder.to_q.lora_A.weight": DOWN}, r"text_encoder\.to_q\.lora_A\.weight"),
        ({"blocks.0.to_q.lora_magnitude_vector": DOWN}, r"lora_magnitude_vector"),
        ({"blocks.0.to_q.diff_b": DOWN}, r"diff_b"),
        ({"conv.lora_A.weight": CONV_DOWN}, r"conv\.lora_A\.weight"),
        ({"conv.lora_A.weight": CONV_DOWN, "conv.lora_B.weight": CONV_UP[:-1].clone()}, r"conv\.lora_B\.weight"),
        ({"transformer.blocks.0.to_q.lora_down.weight": DOWN}, r"blocks\.0\.to_q\.lora_down\.weight"),
        ({"norm.lora_A.weight": DOWN, "norm.lora_B.weight": UP}, r"norm\.lora_A\.weight"),
    ],
    ids=["no module", "another network", "DoRA", "difference", "half a pair", "shape", "twice", "no matrix"],
)
def test_what_fits_no_weight_is_refused_by_name(tmp_path: Path, change: dict[str, Tensor], named: str) -> None:
    card = card_of(tmp_path, pair("blocks.0.to_q") | change)
    with pytest.raises(WeightsError, match=named) as caught:
        load_tensors(card, "transformer/")
    assert card.correcting in str(caught.value)


@pytest.mark.parametrize("setting", [{"use_rslora": True}, {"alpha_pattern": {"to_q": 3}}])
def test_scales_of_another_kind_are_refused(tmp_path: Path, setting: dict[str, object]) -> None:
    card = card_of(tmp_path, pair("blocks.0.to_q"), metadata={"lora_adapter_metadata": json.dumps(setting)})
    with pytest.raises(WeightsError, match="not known"):
        load_tensors(card, "transformer/")


def test_a_missing_lora_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    card = card_of(tmp_path, pair("blocks.0.to_q"))
    card.path(card.loras[0].file).unlink()
    with pytest.raises(WeightsError, match="is missing"):
        load_tensors(card, "transformer/")


def test_the_mapped_file_is_not_written_to(tmp_path: Path) -> None:
    card = card_of(tmp_path, pair("blocks.0.to_q"))
    once = load_tensors(card, "transformer/")["blocks.0.to_q.weight"]
    again = load_tensors(card, "transformer/")["blocks.0.to_q.weight"]
    assert torch.equal(once, again)
    assert not torch.equal(once, BASE["blocks.0.to_q.weight"])
