from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from models.paperdoll.pool import SHARD, Pool, render_shard
from models.paperdoll.training import Run, border


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    def start() -> Run:
        torch.manual_seed(0)
        return Run(nn.Linear(2, 1), tmp_path / "net.pt", minutes=10, rate=0.1)

    run = start()
    for _ in range(5):
        run.descend(((run.network(torch.ones(4, 2)) - 1) ** 2).mean())
    run.save()
    resumed = start()
    assert resumed.step == 5
    assert resumed.progress >= run.elapsed
    for kept, new in zip(run.network.parameters(), resumed.network.parameters(), strict=True):
        assert torch.equal(kept, new)


def test_descending_lowers_the_loss(tmp_path: Path) -> None:
    run = Run(nn.Linear(2, 1), tmp_path / "net.pt", minutes=10, rate=1.0)
    losses = []
    for _ in range(60):
        loss = ((run.network(torch.ones(4, 2)) - 1) ** 2).mean()
        losses.append(loss.item())
        run.descend(loss)
    assert losses[-1] < losses[0]


def test_borders_are_where_labels_meet() -> None:
    labels = torch.zeros(1, 6, 6, dtype=torch.int64)
    labels[:, :, 3:] = 2
    assert border(labels)[0, 0].tolist() == [0, 0, 1, 1, 0, 0]


def test_a_shard_is_drawn_once_and_read_at_random(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    render_shard(tmp_path, 0, 16, 12)
    before = (tmp_path / "shard-00000" / "person.npy").stat().st_mtime_ns
    render_shard(tmp_path, 0, 16, 12)
    assert (tmp_path / "shard-00000" / "person.npy").stat().st_mtime_ns == before
    render_shard(tmp_path, 1, 16, 12)
    pool = Pool(tmp_path, seed=1)
    batch = pool.batch(6)
    assert len(pool) == 2 * SHARD
    assert batch.person.shape == (6, 3, 16, 12)
    assert batch.person.max() <= 1
    assert batch.person_labels.dtype == torch.int64
