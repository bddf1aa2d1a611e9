"""What the trainers share: a checkpointed run whose learning rate follows the clock, and the readers' loss."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.paperdoll.canvas import HAND, SKIN
from models.paperdoll.composition import Composition
from models.paperdoll.denoising import Denoise, Look, Scene, look
from models.paperdoll.drawings import Drawings
from models.paperdoll.layers import Reading
from models.paperdoll.network import lay_out
from models.sampling import noised

WARM_UP = 200  # steps


@dataclass
class Run:
    """One network's training. `minutes` is all the time it gets, pauses apart; `averaged` is what to use afterwards."""

    network: nn.Module
    path: Path
    minutes: float
    rate: float
    momentum: float = 0.998  # of the running average of weights
    step: int = 0
    elapsed: float = 0.0  # seconds of earlier sittings
    averaged: nn.Module = field(init=False)
    optimizer: torch.optim.Optimizer = field(init=False)
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        lay_out(self.network)
        self.averaged = copy.deepcopy(self.network).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), self.rate, betas=(0.9, 0.98), weight_decay=0.01)
        if self.path.exists():
            saved = torch.load(self.path, weights_only=True)
            self.network.load_state_dict(saved["network"])
            self.averaged.load_state_dict(saved["averaged"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.step, self.elapsed = saved["step"], saved["elapsed"]
        self._started = time.monotonic()

    @property
    def progress(self) -> float:
        """Share of the time spent, 0 to 1."""
        return min(1.0, (self.elapsed + time.monotonic() - self._started) / (60 * self.minutes))

    def descend(self, loss: Tensor) -> None:
        """One step down `loss`."""
        rate = (
            self.rate * min(1, (self.step + 1) / WARM_UP) * (0.01 + 0.99 * (1 + math.cos(math.pi * self.progress)) / 2)
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        momentum = min(self.momentum, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for kept, new in zip(self.averaged.parameters(), self.network.parameters(), strict=True):
                kept.lerp_(new, 1 - momentum)

    def save(self) -> None:
        """Write the checkpoint whole or not at all."""
        partial = self.path.with_suffix(".part")
        now = self.elapsed + time.monotonic() - self._started
        state = {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        torch.save({**state, "step": self.step, "elapsed": now}, partial)
        partial.replace(self.path)


def border(labels: Tensor) -> Tensor:
    """Where a 3x3 neighbourhood holds two labels, `[B, H, W]` of 0 and 1."""
    values = labels[:, None].float()
    spread = functional.max_pool2d(values, 3, 1, 1) + functional.max_pool2d(-values, 3, 1, 1)
    return (spread[:, 0] > 0).float()


def reader_loss(keypoints: Tensor, logits: Tensor, true_keypoints: Tensor, labels: Tensor, counted: Tensor) -> Tensor:
    """L1 on keypoints (`counted` `[B, 12]` says which) and cross-entropy on labels, heavier at borders."""
    gap = (keypoints - true_keypoints).abs().sum(2) * counted
    entropy = functional.cross_entropy(logits, labels, reduction="none") * (1 + 2 * border(labels))
    return 40 * gap.mean() + entropy.mean()


def told_reading(picture: Tensor, keypoints: Tensor, labels: Tensor, num_labels: int, error: float) -> Reading:
    """What a reader that errs by `error` (frame units) on keypoints might see, from the truth."""
    hot = functional.one_hot(labels, num_labels).permute(0, 3, 1, 2).float()
    blurred = functional.avg_pool2d(hot, 3, 1, 1, count_include_pad=False)
    return Reading(picture, keypoints + error * torch.randn_like(keypoints), (hot + blurred) / 2)


def denoiser_loss(denoiser: Denoise, drawings: Drawings, person: Reading, flat: Reading) -> tuple[Tensor, Look, Scene]:
    """Error of the predicted picture, and cross-entropy of its parts, where the picture may change.

    Two in five look at pure noise. Of the others half start from the truth, and half from what the network itself
    predicted from pure noise, so that later steps learn to mend the mistakes of earlier ones.
    """
    with torch.no_grad():
        scene = Scene.of(drawings.person, Composition.of(person, flat))
        noise = torch.randn_like(drawings.truth)
        num, kind = len(noise), torch.rand(len(noise))
        time = torch.where(kind < 0.4, 1.0, torch.rand(num) * 0.9 + 0.05)
        own = (kind > 0.7).nonzero().flatten()
        start = drawings.truth.clone()
        if len(own):
            start[own] = look(denoiser, scene.rows(own), noise[own], torch.ones(len(own))).picture
    seen = look(denoiser, scene, noised(start * 2 - 1, noise, time), time)
    labels = torch.where(drawings.truth_labels == HAND, SKIN, drawings.truth_labels)
    area, edge = scene.composition.mask[:, 0], 1 + 2 * border(labels)
    entropy = (functional.cross_entropy(seen.logits, labels, reduction="none") * area * edge).sum() / area.sum()
    gap = (seen.picture - drawings.truth)[area[:, None].expand_as(drawings.truth) > 0]
    return 0.3 * entropy + 20 * (gap**2).mean() + 2 * gap.abs().mean(), seen, scene
