from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from models.catalog import Lora, ModelCard, WeightFile, load_card
from models.weights import WeightsError, build_network, checked_file, load_tensors

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")


def card_of(folder: Path, tensors: dict[str, torch.Tensor]) -> ModelCard:
    path = folder / "net.safetensors"
    save_file(tensors, path)
    data = path.read_bytes()
    file = WeightFile(path.name, len(data), hashlib.sha256(data).hexdigest())
    return dataclasses.replace(load_card("paperdoll"), files=(file,), folder=folder)


def test_weights_fill_the_network(tmp_path: Path) -> None:
    wanted = nn.Linear(3, 2)
    card = card_of(tmp_path, {key: value.half() for key, value in wanted.state_dict().items()})
    built = build_network(lambda: nn.Linear(3, 2), load_tensors(card), card, CPU, torch.float32)
    torch.testing.assert_close(built.weight, wanted.weight, atol=1e-3, rtol=1e-3)
    assert not built.weight.requires_grad


@pytest.mark.parametrize(
    ("keys", "named"), [(["weight"], "missing bias"), (["weight", "bias", "extra"], "unexpected extra")]
)
def test_keys_that_do_not_fit_are_named_with_what_to_correct(tmp_path: Path, keys: list[str], named: str) -> None:
    card = card_of(tmp_path, {key: torch.zeros(2, 3) if key == "weight" else torch.zeros(2) for key in keys})
    with pytest.raises(WeightsError) as caught:
        build_network(lambda: nn.Linear(3, 2), load_tensors(card), card, CPU, torch.float32)
    assert named in str(caught.value)
    assert card.correcting in str(caught.value)
    assert "fitting-room fetch" not in str(caught.value)


def test_a_tensor_of_another_shape_is_named(tmp_path: Path) -> None:
    card = card_of(tmp_path, {"weight": torch.zeros(2, 4), "bias": torch.zeros(2)})
    with pytest.raises(
        WeightsError, match=r"of another shape weight \(2, 4\) instead of \(2, 3\)\. The files are those that"
    ):
        build_network(lambda: nn.Linear(3, 2), load_tensors(card), card, CPU, torch.float32)


def test_whole_numbers_where_others_are_wanted_are_named(tmp_path: Path) -> None:
    card = card_of(tmp_path, {"weight": torch.zeros(2, 3, dtype=torch.int8), "bias": torch.zeros(2)})
    with pytest.raises(WeightsError, match="of another kind of number weight"):
        build_network(lambda: nn.Linear(3, 2), load_tensors(card), card, CPU, torch.float32)


class Rotary(nn.Module):
    """Keeps its frequencies out of its checkpoint, one as a buffer and one not, and counts in whole numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2))
        self.register_buffer("mean", torch.zeros(2))
        self.register_buffer("position", torch.arange(3))
        self.register_buffer("frequencies", 1 / torch.arange(1, 4), persistent=False)
        self.table = torch.outer(torch.arange(4.0), torch.ones(2))


def test_what_a_network_computes_itself_is_there_and_what_it_reads_is_the_checkpoints(tmp_path: Path) -> None:
    read = {"scale": torch.rand(2), "mean": torch.rand(2), "position": torch.tensor([5, 6, 7])}
    card = card_of(tmp_path, read)
    built = build_network(Rotary, load_tensors(card), card, CPU, torch.float64)
    torch.testing.assert_close(built.frequencies, 1 / torch.arange(1, 4))
    assert built.table[3].tolist() == [3, 3]
    assert (built.position.dtype, built.position.tolist()) == (torch.int64, [5, 6, 7])
    torch.testing.assert_close(built.scale.data, read["scale"].double())
    torch.testing.assert_close(built.mean, read["mean"].double())


def test_a_parameter_without_values_is_noticed(tmp_path: Path) -> None:
    class Made(nn.Linear):
        def __init__(self) -> None:
            super().__init__(3, 2)
            self.register_buffer("lost", torch.zeros(2, device="meta"), persistent=False)

    card = card_of(tmp_path, dict(nn.Linear(3, 2).state_dict()))
    with pytest.raises(AssertionError, match="no values for lost"):
        build_network(Made, load_tensors(card), card, CPU, torch.float32)


def test_no_weight_is_drawn(tmp_path: Path) -> None:
    card = card_of(tmp_path, dict(nn.Linear(3, 2).state_dict()))
    torch.manual_seed(0)
    wanted = torch.rand(1)
    torch.manual_seed(0)
    build_network(lambda: nn.Linear(3, 2), load_tensors(card), card, CPU, torch.float32)
    assert torch.rand(1) == wanted


def test_what_is_no_safetensors_file_is_named(tmp_path: Path) -> None:
    data = b"<html>not found</html>"
    (tmp_path / "net.safetensors").write_bytes(data)
    file = WeightFile("net.safetensors", len(data), hashlib.sha256(data).hexdigest())
    card = dataclasses.replace(load_card("paperdoll"), files=(file,), folder=tmp_path)
    with pytest.raises(WeightsError, match=r"net\.safetensors is no safetensors file"):
        load_tensors(card)


def test_shards_are_read_together_and_a_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    first = card_of(tmp_path, {"a": torch.zeros(1)})
    second = card_of(tmp_path / "unet", {"b": torch.zeros(1)})
    file = dataclasses.replace(second.files[0], path="unet/net.safetensors")
    card = dataclasses.replace(first, files=(*first.files, file))
    assert set(load_tensors(card)) == {"a", "b"}
    assert set(load_tensors(card, "unet/")) == {"b"}


def test_a_key_that_two_files_have_is_named(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    first = card_of(tmp_path, {"a": torch.zeros(1)})
    file = dataclasses.replace(card_of(tmp_path / "unet", {"a": torch.ones(1)}).files[0], path="unet/net.safetensors")
    with pytest.raises(WeightsError, match="Several files of paperdoll have a"):
        load_tensors(dataclasses.replace(first, files=(*first.files, file)))


MEASURE = """
import dataclasses, hashlib, sys
from pathlib import Path
import torch
from torch import nn
from models.catalog import Lora, WeightFile, load_card
from models.weights import build_network, load_tensors

def kib(field):
    return int(Path("/proc/self/status").read_text().split(field + ":")[1].split()[0])

def load(make, names, loras):
    paths = [Path(sys.argv[1], name) for name in names]
    files = tuple(WeightFile(path.name, path.stat().st_size, hashlib.file_digest(path.open("rb"), "sha256").hexdigest())
                  for path in paths)
    card = dataclasses.replace(load_card("paperdoll"), files=files, loras=loras, folder=paths[0].parent)
    network = build_network(make, load_tensors(card), card, torch.device("cpu"), torch.float32)
    return network, sum(float(parameter.sum()) for parameter in network.parameters())

load(lambda: nn.Sequential(nn.Linear(64, 64, bias=False)), ["small.safetensors", "small_lora.safetensors"],
     (Lora("small_lora.safetensors"),))
for names in (["float32"], ["bfloat16"], ["float32", "lora"]):
    before = kib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    make = lambda: nn.Sequential(*(nn.Linear(2048, 2048, bias=False) for _ in range(16)))
    files = [f"{name}.safetensors" for name in names]
    network, _ = load(make, files, tuple(map(Lora, files[1:])))
    print((kib("VmHWM") - before) * 1024 / sum(parameter.nbytes for parameter in network.parameters()))
    del network
"""


def test_loading_takes_less_than_a_fifth_more_than_the_network(tmp_path: Path) -> None:
    """As it is in its file, cast, and with a LoRA merged into every weight; of 268 MB each."""
    for dtype in ("float32", "bfloat16"):
        weights = {f"{index}.weight": torch.ones(2048, 2048, dtype=getattr(torch, dtype)) for index in range(16)}
        save_file(weights, tmp_path / f"{dtype}.safetensors")
    save_file(lora_of(16, 2048), tmp_path / "lora.safetensors")
    save_file({"0.weight": torch.ones(64, 64)}, tmp_path / "small.safetensors")
    save_file(lora_of(1, 64), tmp_path / "small_lora.safetensors")
    said = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert said.returncode == 0, said.stderr
    shares = [float(line) for line in said.stdout.split()]
    assert len(shares) == 3
    assert all(0.9 < share < 1.2 for share in shares), shares


def lora_of(num_layers: int, num_features: int) -> dict[str, torch.Tensor]:
    up, down = torch.ones(num_features, 16), torch.ones(16, num_features)
    pairs = [{f"{index}.lora_A.weight": down, f"{index}.lora_B.weight": up} for index in range(num_layers)]
    return {key: value.clone() for pair in pairs for key, value in pair.items()}


def test_a_view_that_was_cast_still_reads_as_before(tmp_path: Path) -> None:
    wanted = nn.Linear(300, 200)
    card = card_of(tmp_path, dict(wanted.state_dict()))
    tensors = load_tensors(card)
    for _ in range(2):
        built = build_network(lambda: nn.Linear(300, 200), tensors, card, CPU, torch.float64)
        assert torch.equal(built.weight, wanted.weight.double())
    assert torch.equal(tensors["weight"], wanted.weight)


def test_what_a_lora_made_of_a_view_is_still_there_after_a_cast(tmp_path: Path) -> None:
    base = card_of(tmp_path, {"0.weight": torch.zeros(256, 256)})
    (tmp_path / "loras").mkdir()
    file = dataclasses.replace(card_of(tmp_path / "loras", lora_of(1, 256)).files[0], path="loras/net.safetensors")
    card = dataclasses.replace(base, files=(*base.files, file), loras=(Lora(file.path),))
    tensors = load_tensors(card)
    for _ in range(2):
        built = build_network(lambda: nn.Sequential(nn.Linear(256, 256, bias=False)), tensors, card, CPU, torch.float64)
        assert torch.equal(built[0].weight, torch.full((256, 256), 16.0, dtype=torch.float64))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    card = card_of(tmp_path, {"weight": torch.zeros(1)})
    (tmp_path / "net.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"net\.safetensors is missing"):
        load_tensors(card)


@pytest.mark.parametrize("change", [lambda data: data + b"x", lambda data: data[:-1] + bytes([data[-1] ^ 1])])
def test_a_changed_file_is_refused(tmp_path: Path, change) -> None:  # type: ignore[no-untyped-def]
    card = card_of(tmp_path, {"weight": torch.rand(4)})
    path = tmp_path / "net.safetensors"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(WeightsError, match=r"bytes|SHA-256"):
        checked_file(card, card.files[0])


def test_the_shipped_weights_are_the_cards_and_small() -> None:
    card = load_card("paperdoll")
    for file in card.files:
        assert checked_file(card, file).stat().st_size <= 16_000_000
