from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.exactness import Approximations
from models.fashn_vton import sampling
from models.fashn_vton.denoising import Conditions
from models.fashn_vton.flops import counted
from models.fashn_vton.network import TryOnNetwork
from models.fashn_vton.parity import run_case
from models.fashn_vton.sampling import Sampling
from models.fashn_vton.walk import Walk
from models.parity import compare
from scripts.checkpoints.fashn_vton import SMALL, small_network

pytestmark = pytest.mark.usefixtures("one_thread")

CASES_FOLDER = Path(__file__).parents[3] / "shared" / "parity" / "fashn_vton"
CASES = sorted(path.parent for path in CASES_FOLDER.glob("*/case.json"))
needs_cases = pytest.mark.skipif(not CASES, reason=f"there are no parity cases in {CASES_FOLDER}")


def conditions(batch: int, dtype: torch.dtype = torch.float64, size: tuple[int, int] = (48, 36)) -> Conditions:
    torch.manual_seed(2)
    pictures = [torch.rand(batch, channels, *size, dtype=dtype) * 2 - 1 for channels in (3, 1, 3, 1)]
    return Conditions(*pictures, torch.arange(batch) % 3 + 1)


def walked(network: TryOnNetwork, settings: Sampling, *, exact_savings: bool, batch: int = 2) -> Tensor:
    given = conditions(batch, network.x_embedder.bias.dtype)
    noise = torch.randn(given.person_image.shape, dtype=given.person_image.dtype)
    walk = Walk.starting(network, given, noise, settings, exact_savings=exact_savings)
    for _ in range(settings.num_inference_steps):
        walk.step()
    return walk.noisy


def test_the_schedule_ascends_from_noise_and_is_dense_near_it() -> None:
    times = sampling.schedule(30, 1.5)
    torch.testing.assert_close(times[:5], torch.tensor([0, 0.0076, 0.0157, 0.0242, 0.0332]).double(), rtol=0, atol=5e-5)
    torch.testing.assert_close(times[-4:], torch.tensor([0.6676, 0.7575, 0.8661, 1]).double(), rtol=0, atol=5e-5)
    assert times.diff().min() > 0


def test_a_shift_of_nothing_is_an_even_schedule() -> None:
    torch.testing.assert_close(sampling.schedule(4, 0), torch.tensor([0, 0.25, 0.5, 0.75, 1]).double())


def test_a_walk_of_no_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        sampling.schedule(0, 1.5)


@needs_cases
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("exact_savings", [True, False])
def test_a_case_agrees_with_the_published_code(case: Path, exact_savings: bool) -> None:
    agreements = list(compare(case, exact_savings=exact_savings))
    assert {one.tensor for one in agreements} == set(load_file(case / "expected.safetensors"))
    assert [one for one in agreements if one.relative_error > 1e-5] == []


@pytest.mark.parametrize(
    ("changes", "settings"),
    [
        ({}, Sampling(4, 1.5)),
        ({}, Sampling(2, 2.5, time_shift_mu=0.5, skip_guidance_last_steps=0)),
        ({"use_patch_mixer": False, "qkv_bias": False}, Sampling(3, 0.5)),
        ({"guidance_embed": True, "n_heads": 1, "axes_dim": [8, 12, 12]}, Sampling(3, 1.5)),
        ({"double_blocks_depth": 0, "patch_mixer_depth": 2}, Sampling(2, 0.0)),
        ({"single_blocks_depth": 0}, Sampling(2, 1.0)),
        ({"single_blocks_depth": 1, "patch_size": 6}, Sampling(1, 1.5)),
    ],
)
def test_savings_change_nothing_in_float64(changes: dict[str, Any], settings: Sampling) -> None:
    network = small_network(**changes).double()
    on, off = (walked(network, settings, exact_savings=exact_savings) for exact_savings in (True, False))
    assert (on - off).abs().max() < 1e-10
    assert (on - off).abs().max() > 0, "the two do not compute the same things"


def rows_of_each_forward(settings: Sampling, *, exact_savings: bool) -> list[int]:
    network, rows = small_network(), []
    network.register_forward_pre_hook(lambda module, args: rows.append(len(args[0])))
    walked(network, settings, exact_savings=exact_savings)
    return rows


def test_the_null_branch_runs_only_in_guided_steps() -> None:
    assert rows_of_each_forward(Sampling(4, 1.5), exact_savings=True) == [4, 4, 4, 2]
    assert rows_of_each_forward(Sampling(3, 1.5, skip_guidance_last_steps=2), exact_savings=True) == [4, 2, 2]
    assert rows_of_each_forward(Sampling(3, 1.0), exact_savings=True) == [2, 2, 2]
    assert rows_of_each_forward(Sampling(3, 1.5), exact_savings=False) == [4, 4, 4]


def test_work_is_counted_step_by_step_as_it_is_done() -> None:
    config = small_network().config

    def work(**approximations: Any) -> float:
        settings = Sampling(4, 1.5, approximations=Approximations(**approximations))
        return counted(config, 48, 36, settings).parts["denoise"]

    three_guided, two, one = work(), work(guidance_interval=(0.0, 0.5)), work(guidance_interval=(0.0, 0.3))
    assert three_guided - two == pytest.approx(two - one)
    assert three_guided - two > 0
    half, quarter = work(garment_reuse_steps=2), work(garment_reuse_steps=4)
    assert quarter < half < three_guided


def test_guidance_leads_on_from_nothing_through_the_condition() -> None:
    conditional, unconditional = torch.randn(2, 5)
    assert torch.equal(sampling.guided(conditional, unconditional, 0.0), unconditional)
    torch.testing.assert_close(sampling.guided(conditional, unconditional, 1.0), conditional)
    torch.testing.assert_close(sampling.guided(conditional, unconditional, 2.0), 2 * conditional - unconditional)


def test_the_walk_is_in_the_network_s_precision_and_its_picture_in_float32() -> None:
    network = small_network().bfloat16()
    given = conditions(1, torch.bfloat16)
    noise = torch.randn(given.person_image.shape).bfloat16()
    walk = Walk.starting(network, given, noise, Sampling(1, 1.5), exact_savings=True)
    walk.step()
    assert (walk.noisy.dtype, walk.pictures.dtype) == (torch.bfloat16, torch.float32)
    assert walk.pictures.abs().max() <= 1 < walk.noisy.abs().max()


def test_a_case_of_guidance_that_never_comes_still_has_both_velocities(tmp_path: Path) -> None:
    """Other batches, sizes and steps than the given cases have, too."""
    given = conditions(3, torch.float32)
    names = ("person_image", "person_pose", "garment_image", "garment_pose", "category")
    inputs = {name: getattr(given, name) for name in names}
    inputs |= {"times": torch.rand(3), "noise": torch.randn(given.person_image.shape)}
    save_file(inputs, tmp_path / "inputs.safetensors")
    save_file(small_network().state_dict(), tmp_path / "weights.safetensors")
    model = {**SMALL, "input_shape": [48, 36]}
    settings = {"num_inference_steps": 2, "time_shift_mu": 1.5, "guidance_scale": 1.5, "skip_guidance_last_steps": 5}
    case = json.loads(json.dumps({"family": "fashn_vton", "model": model, "sampling": settings, "batch": 3}))
    on, off = (run_case(case, tmp_path, exact_savings, torch.float64) for exact_savings in (True, False))
    assert set(on) == {"velocity_conditional", "velocity_unconditional", "timesteps", "image"}
    for name, tensor in on.items():
        assert (tensor - off[name]).abs().max() < 1e-10
