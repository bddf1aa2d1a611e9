from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models.base import Loading
from models.catalog import CardError, read_card
from models.fashn_vton.config import NetworkConfig
from models.fashn_vton.family import FashnVton, network_config
from models.fashn_vton.network import TryOnNetwork, unpatched
from models.fashn_vton.rotation import rotated, rotations
from scripts.checkpoints.fashn_vton import SMALL, small_card, small_network

PUBLISHED_KEYS = Path(__file__).parents[3] / "shared" / "parity" / "fashn_vton" / "full_size_keys.json"
pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
GRID = (4, 3)
LENGTH = 12


def keys(**changes: Any) -> dict[str, list[int]]:
    with torch.device("meta"):
        network = TryOnNetwork(NetworkConfig(**changes))
    return {key: list(value.shape) for key, value in network.state_dict().items()}


@pytest.mark.skipif(not PUBLISHED_KEYS.is_file(), reason=f"there is no {PUBLISHED_KEYS}")
def test_the_full_size_network_has_the_published_keys_and_shapes_and_no_others() -> None:
    assert keys() == json.loads(PUBLISHED_KEYS.read_text())


def test_a_network_without_mixer_has_neither_its_blocks_nor_its_token() -> None:
    left_out = set(keys()) - set(keys(use_patch_mixer=False))
    assert {key.split(".")[0] for key in left_out} == {"x_patch_mixer", "patch_mixer_token"}
    assert set(keys(use_patch_mixer=False)) < set(keys())


def test_biases_of_queries_and_the_slot_for_guidance_come_and_go_with_their_options() -> None:
    unbiased = set(keys()) - set(keys(qkv_bias=False))
    assert len(unbiased) == 16
    assert {key.rsplit(".", 2)[1] for key in unbiased} == {"qkv"}
    slot = set(keys(guidance_embed=True)) - set(keys())
    assert slot == {
        f"guidance_embedder.mlp.{layer}_layer.{kind}" for layer in ("in", "out") for kind in ("weight", "bias")
    }


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"hiden_size": 64}, "hiden_size"),
        ({"n_heads": 3}, "n_heads 3"),
        ({"axes_dim": [16, 56, 54]}, "add up"),
        ({"axes_dim": [128]}, "three"),
        ({"axes_dim": 128}, "not iterable"),
        ({"hidden_size": "large"}, "network.hidden_size must be a whole number, not 'large'"),
        ({"n_heads": 0}, "at least 1"),
    ],
)
def test_hyper_parameters_that_make_no_network_are_a_card_error(table: dict[str, Any], told: str) -> None:
    with pytest.raises(CardError, match=rf"The model card fashn-vton-1\.5 is malformed: .*{told}"):
        network_config(dataclasses.replace(read_card("fashn-vton-1.5"), network=table))


def test_nothing_of_a_loaded_network_is_left_on_meta(tmp_path: Path) -> None:
    network = FashnVton.load(small_card(tmp_path), CPU, Loading())._network
    tensors = [*network.parameters(), *network.buffers()]
    assert {tensor.device for tensor in tensors} == {CPU}


def forward_inputs(network: TryOnNetwork, *, null: bool) -> tuple[Tensor, list[Tensor], Tensor, Tensor]:
    torch.manual_seed(1)
    size, dtype = network.config.hidden_size, network.x_embedder.bias.dtype
    garments = [torch.randn(2, LENGTH, size, dtype=dtype), torch.randn(2, 1, size, dtype=dtype)][: 1 + null]
    num_rows = 2 * len(garments)
    modulations = network.modulations(torch.rand(num_rows), torch.arange(num_rows))
    table = rotations(network.config, GRID, CPU, dtype)
    return torch.randn(num_rows, LENGTH, size, dtype=dtype), garments, modulations, table


@pytest.mark.parametrize(("null", "whole_last_block"), [(True, False), (False, True)])
def test_a_forward_compiles_to_one_graph(null: bool, whole_last_block: bool) -> None:
    network = small_network()
    inputs = forward_inputs(network, null=null)
    compiled = torch.compile(network, fullgraph=True, backend="eager", dynamic=False)
    with torch.inference_mode():
        expected = network(*inputs, whole_last_block=whole_last_block)
        torch.testing.assert_close(compiled(*inputs, whole_last_block=whole_last_block), expected)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"use_patch_mixer": False},
        {"double_blocks_depth": 0},
        {"single_blocks_depth": 0},
        {"single_blocks_depth": 1, "qkv_bias": False},
    ],
)
def test_one_token_stands_for_a_garment_of_equal_patches_and_the_last_block_may_be_pruned(
    changes: dict[str, Any],
) -> None:
    network = small_network(**changes).double()
    person, garments, modulations, table = forward_inputs(network, null=True)
    whole = (torch.cat([one.expand(-1, LENGTH, -1) for one in garments]),)
    expected = network(person, whole, modulations, table, whole_last_block=True)
    torch.testing.assert_close(network(person, garments, modulations, table), expected, rtol=0, atol=1e-12)
    altered = (torch.roll(whole[0], 1, dims=2),)
    assert (network(person, altered, modulations, table) - expected).abs().max() > 1e-3


@pytest.mark.parametrize("changes", [{}, {"double_blocks_depth": 0}, {"single_blocks_depth": 0}])
def test_the_person_alone_is_the_same_beside_what_was_kept_of_the_garment(changes: dict[str, Any]) -> None:
    network = small_network(**changes).double()
    person, garments, modulations, table = forward_inputs(network, null=True)
    expected = network(person, garments, modulations, table)
    patches, kept = network.keeping(person, garments, modulations, table)
    assert torch.equal(patches, expected), "keeping changes nothing"
    again = network.again(person, kept, modulations, table)
    torch.testing.assert_close(again, expected, rtol=0, atol=1e-12)
    conditional = network.again(person[:2], [(k[:2], v[:2]) for k, v in kept], modulations[:2], table)
    torch.testing.assert_close(conditional, expected[:2], rtol=0, atol=1e-12)


def test_rotated_vectors_meet_by_the_distance_of_their_places() -> None:
    config = NetworkConfig.of(SMALL)
    table = rotations(config, (5, 6), CPU, torch.float64)
    assert torch.equal(table[:, :30], table[:, 30:]), "person and garment share their places"
    query, key = torch.randn(2, config.head_size, dtype=torch.float64)
    queries, keys = (rotated(one.expand(1, 1, 30, -1), table[:, :30])[0, 0] for one in (query, key))
    meetings = (queries @ keys.T).reshape(5, 6, 5, 6)
    torch.testing.assert_close(meetings[0, 0, 1, 2], meetings[3, 2, 4, 4])
    torch.testing.assert_close(meetings[4, 5, 2, 5], meetings[2, 1, 0, 1])
    assert not torch.isclose(meetings[0, 0, 1, 0], meetings[0, 0, 0, 1])
    torch.testing.assert_close(queries[0], query)


def test_patches_are_laid_out_by_channel_then_row_then_column() -> None:
    picture = torch.arange(2 * 3 * 8 * 6).reshape(2, 3, 8, 6)
    patches = torch.nn.functional.unfold(picture.double(), 2, stride=2).transpose(1, 2)
    assert torch.equal(unpatched(patches, (4, 3), 2), picture.double())
