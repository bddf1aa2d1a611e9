"""What is reused: found again bit for bit in any tier, within its budget, computed once, and of nobody for long."""

from __future__ import annotations

import stat
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kept import reuse
from safetensors.torch import save_file

from inference.options import Budgets
from inference.reuse import Reuse
from inference.tiers import Tier
from inference.values import num_bytes_of, packed, settled, unpacked
from models.reuse import Key, Kind

CPU = torch.device("cpu")
A, B, C = (Key(Kind.LATENTS, name) for name in ("a", "b", "c"))
TEN = 40  # bytes of ten numbers
PERSON = Key(Kind.PHOTOGRAPH, "p", ("ann",))


@dataclass(frozen=True)
class Features:
    keys: tuple[torch.Tensor, ...]
    picture: np.ndarray[Any, np.dtype[np.uint8]]
    name: str


def ten(value: float = 0.0) -> torch.Tensor:
    return torch.full((10,), value)


def never() -> Any:
    raise AssertionError("it was to be found")


def test_the_bytes_of_nested_tensors_are_counted() -> None:
    features = Features((torch.zeros(2, 3), torch.zeros(4, dtype=torch.float16)), np.zeros((5, 5), np.uint8), "x")
    assert num_bytes_of((features, torch.zeros(1, dtype=torch.float64), "a", 3)) == 24 + 8 + 25 + 8


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.bool])
def test_a_value_comes_back_from_the_disk_bit_for_bit(dtype: torch.dtype, tmp_path: Path) -> None:
    numbers = torch.randn(3, 4).to(dtype)
    value = (numbers, (np.arange(6, dtype=np.uint8).reshape(2, 3), None, "warning", 0.1), torch.tensor(2.5), ())
    one = reuse(folder=tmp_path)
    one.keep(A, value)
    one.flush()
    found = reuse(folder=tmp_path).kept(A)
    assert torch.equal(found[0], numbers)
    assert found[0].dtype is dtype
    assert np.array_equal(found[1][0], value[1][0])
    assert found[1][1:] == value[1][1:]
    assert found[2:] == (torch.tensor(2.5), ())


def test_a_value_without_a_form_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="Features"):
        packed(Features((), np.zeros(1, np.uint8), "x"))
    assert unpacked(*packed((1, "x", None))) == (1, "x", None)


def test_what_is_kept_is_laid_out_row_by_row_and_has_its_memory_to_itself() -> None:
    base = np.zeros((100, 100), np.uint8)
    tensor, array = settled((torch.zeros(1, 4, 8, 8).to(memory_format=torch.channels_last), base[:3]))
    assert tensor.is_contiguous()
    assert array.base is None


def test_the_least_recently_used_goes_first() -> None:
    store = reuse(2 * TEN)
    for key in (A, B):
        store.keep(key, ten())
    assert store.kept(A) is not None
    store.keep(C, ten())
    assert [store.kept(key) is not None for key in (A, B, C)] == [True, False, True]


def test_what_leaves_the_device_goes_to_the_host_and_is_raised_when_it_is_wanted_again() -> None:
    store = Reuse(CPU, Budgets(host=2 * TEN))
    store._on_device = Tier(TEN, store._leave_device)  # as of a GPU
    for key, value in ((A, 1.0), (B, 2.0)):
        store.keep(key, ten(value))
    assert [list(store._on_device), list(store._on_host)] == [["b"], ["a"]]
    assert torch.equal(store.remembered(A, never), ten(1.0))
    assert [list(store._on_device), list(store._on_host)] == [["a"], ["b"]]
    store.keep(C, torch.zeros(20))
    assert list(store._on_host) == ["c"], "too large for the device, and it fills the host"
    store.keep(Key(Kind.GARMENT, "g"), ten())
    assert "g" not in store._on_device, "prepared pictures stay on the host"


def test_what_is_larger_than_a_tier_is_not_kept_there_and_drives_nothing_out(tmp_path: Path) -> None:
    store = reuse(2 * TEN, tmp_path, disk=1000)
    store.keep(A, ten())
    store.keep(B, torch.zeros(100))
    store.keep(C, torch.zeros(1000))
    store.flush()
    assert store.stats.snapshot()["reuse.latents.host.bytes"] == TEN
    assert store.kept(B) is not None, "the disk has room for it"
    assert store.kept(C) is None


def test_budgets_of_nothing_keep_nothing(tmp_path: Path) -> None:
    store = reuse(0, tmp_path, disk=0)
    store.keep(A, ten())
    store.flush()
    assert store.kept(A) is None
    assert not list(tmp_path.iterdir())
    assert torch.equal(store.remembered(A, lambda: ten(3.0)), ten(3.0))


def test_the_disk_keeps_to_its_budget_least_recently_used_first_and_texts_last(tmp_path: Path) -> None:
    kilobyte, text = torch.zeros(256), Key(Kind.TEXT, "t")
    store = reuse(0, tmp_path, disk=4500)
    for key in (text, A, B):
        store.keep(key, kilobyte)
        store.flush()
        time.sleep(0.01)  # file systems count time coarsely
    assert store.kept(A) is not None
    time.sleep(0.01)
    store.keep(C, kilobyte)
    store.flush()
    assert [store.kept(key) is not None for key in (text, A, B, C)] == [True, True, False, True]
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.safetensors")) <= 4500


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _foreign(path: Path) -> None:
    save_file({"0": ten(9.0)}, path)


def _moved(path: Path) -> None:
    store = reuse(0, path.parent.parent / "others")
    store.keep(B, ten(9.0))
    store.flush()
    (path.parent.parent / "others" / "latents" / "b.safetensors").replace(path)


@pytest.mark.parametrize("harm", [_truncated, _flipped, _emptied, _foreign, _moved])
def test_a_file_that_is_not_what_was_written_is_a_miss(harm: Any, tmp_path: Path) -> None:
    store = reuse(0, tmp_path)
    store.keep(A, ten(1.0))
    store.flush()
    harm(tmp_path / "latents" / "a.safetensors")
    assert torch.equal(store.remembered(A, lambda: ten(2.0)), ten(2.0))
    store.flush()
    assert torch.equal(store.kept(A), ten(2.0)), "written anew"


def test_a_disk_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = reuse(0, tmp_path / "file")
    assert torch.equal(store.remembered(A, lambda: ten(1.0)), ten(1.0))
    store.flush()
    assert store.kept(A) is None


def test_files_are_their_owner_s_alone(tmp_path: Path) -> None:
    store = reuse(0, tmp_path / "reuse")
    store.keep(A, ten())
    store.flush()
    for path in (tmp_path / "reuse").rglob("*"):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077 or path.is_dir()
    assert stat.S_IMODE((tmp_path / "reuse" / "latents").stat().st_mode) == 0o700


def test_two_that_want_the_same_at_once_compute_it_once() -> None:
    store, started, computed = reuse(), threading.Barrier(4), []

    def compute() -> torch.Tensor:
        time.sleep(0.05)
        computed.append(1)
        return ten(1.0)

    def ask() -> None:
        started.wait()
        found.append(store.remembered(A, compute))

    found: list[torch.Tensor] = []
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(computed) == 1
    assert len(found) == 4
    told = store.stats.snapshot()
    assert [told[f"reuse.latents.{name}"] for name in ("misses", "host.hits", "host.bytes")] == [1, 3, TEN]


def test_what_fails_is_not_kept_and_the_next_one_tries() -> None:
    store = reuse()
    with pytest.raises(ZeroDivisionError):
        store.remembered(A, lambda: 1 / 0)
    assert torch.equal(store.remembered(A, ten), ten())
    assert not store._turns


def test_what_shows_a_person_is_never_on_the_disk_and_can_be_forgotten_at_once(tmp_path: Path) -> None:
    store, other = reuse(folder=tmp_path), Key(Kind.READING, "q", ("bob",))
    store.keep(PERSON, np.zeros(3, np.uint8))
    store.keep(other, ten())
    store.keep(A, ten())
    store.flush()
    assert [path.stem for path in tmp_path.rglob("*.safetensors")] == ["a"]
    assert store.forget("ann") == 1
    assert [store.kept(key) is not None for key in (PERSON, other, A)] == [False, True, True]
    assert store.forget() == 1
    assert [store.kept(key) is not None for key in (PERSON, other, A)] == [False, False, True]


def test_who_is_forgotten_while_they_are_looked_at_is_not_kept() -> None:
    store = reuse()

    def compute() -> torch.Tensor:
        store.forget("ann")
        return ten()

    store.remembered(PERSON, compute)
    assert store.kept(PERSON) is None


def test_what_shows_a_person_leaves_by_itself_when_it_is_old() -> None:
    store = reuse(person_s=0.05)
    store.keep(PERSON, ten())
    store.keep(A, ten())
    deadline = time.monotonic() + 5
    while "p" in store._on_host:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert store.kept(A) is not None


def test_nobody_is_kept_where_persons_are_not_to_be() -> None:
    store = reuse(person_s=0)
    for value in (1.0, 2.0):
        assert torch.equal(store.remembered(PERSON, lambda value=value: ten(value)), ten(value))
    assert store.kept(PERSON) is None


def test_networks_of_another_variant_find_nothing_of_this_one_on_the_disk(tmp_path: Path) -> None:
    plain, compiled = reuse(0, tmp_path), reuse(0, tmp_path)
    compiled.variant = "compiled"
    plain.keep(A, ten(1.0))
    plain.flush()
    assert compiled.kept(A) is None
    assert plain.kept(A) is not None
