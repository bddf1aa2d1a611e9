"""Pickles: read without being run."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from models.files.conversion import convert
from models.weights import WeightsError

ROOT = Path(__file__).parents[3]


class Malicious:
    """What runs when it is opened by a careless reader."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


@pytest.mark.parametrize("is_nested", [False, True])
@pytest.mark.parametrize("is_zip", [True, False])
def test_a_flat_table_is_converted_as_is(tmp_path: Path, is_nested: bool, is_zip: bool) -> None:
    tensors = {"a.weight": torch.randn(4, 3).T, "steps": torch.tensor([7]), "b": torch.randn(2).double()}
    saved = {"state_dict": tensors, "epoch": 3} if is_nested else tensors
    torch.save(saved, tmp_path / "net.pth", _use_new_zipfile_serialization=is_zip)
    convert(tmp_path / "net.pth", tmp_path / "net.safetensors")
    converted = load_file(tmp_path / "net.safetensors")
    assert {key: value.dtype for key, value in converted.items()} == {k: v.dtype for k, v in tensors.items()}
    assert all(torch.equal(converted[key], value) for key, value in tensors.items())


def test_tensors_that_share_memory_are_all_there(tmp_path: Path) -> None:
    tied = torch.randn(5)
    torch.save({"encoder": tied, "decoder": tied, "head": tied[:2]}, tmp_path / "net.pth")
    convert(tmp_path / "net.pth", tmp_path / "net.safetensors")
    converted = load_file(tmp_path / "net.safetensors")
    assert torch.equal(converted["encoder"], tied)
    assert torch.equal(converted["decoder"], tied)
    assert torch.equal(converted["head"], tied[:2])


def test_a_malicious_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    path, trace = tmp_path / "net.pth", tmp_path / "ran"
    torch.save({"weight": torch.ones(2), "gift": Malicious(trace)}, path)
    pickle.loads(pickle.dumps(Malicious(trace)))
    trace.unlink()  # it does run where one lets it
    with pytest.raises(WeightsError, match=r"net\.pth holds more than tensors \(\S+\), and.*it is refused") as caught:
        convert(path, tmp_path / "net.safetensors")
    assert not trace.exists()
    assert "\x1b" not in str(caught.value)
    assert not (tmp_path / "net.safetensors").exists()


def test_what_is_refused_is_told_by_its_name_on_the_hub(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "model": {"weight": torch.ones(1)}}, tmp_path / "0a1b-acme--net.pth")
    with pytest.raises(WeightsError, match=r"^nets/net\.pth is not .* holds 'epoch' \(int\), 'model' \(dict\)\."):
        convert(tmp_path / "0a1b-acme--net.pth", tmp_path / "net.safetensors", "nets/net.pth")


@pytest.mark.parametrize(
    "saved", [{}, [torch.ones(1)], {"model": {"weight": torch.ones(1)}}, {"state_dict": {"weight": 3}}, torch.ones(1)]
)
def test_other_nests_are_refused(tmp_path: Path, saved: object) -> None:
    torch.save(saved, tmp_path / "net.bin")
    with pytest.raises(WeightsError, match=r"net\.bin is not a flat table of tensors"):
        convert(tmp_path / "net.bin", tmp_path / "net.safetensors")


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\x03\x04half"])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.ckpt").write_bytes(content)
    with pytest.raises(WeightsError, match=r"net\.ckpt"):
        convert(tmp_path / "net.ckpt", tmp_path / "net.safetensors")


MEASURE = """
import sys, threading, time
from pathlib import Path
import torch
from models.files.conversion import convert

def anonymous_kib():
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0])

def peak():
    before, peak, done = anonymous_kib(), [0], threading.Event()

    def watch():
        while not done.wait(0.001):
            peak[0] = max(peak[0], anonymous_kib())

    watching = threading.Thread(target=watch)
    watching.start()
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
    done.set()
    watching.join()
    return (peak[0] - before) * 1024

print(peak())
"""


def test_host_memory_holds_next_to_nothing_of_it(tmp_path: Path) -> None:
    tensors = {f"layers.{index}": torch.zeros(1024, 2560) for index in range(12)}  # 126 MB
    torch.save(tensors, tmp_path / "net.pth")
    said = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "net.pth"), str(tmp_path / "net.safetensors")],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert int(said.stdout) / (tmp_path / "net.pth").stat().st_size < 0.1
