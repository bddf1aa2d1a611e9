"""The three networks together: made new for training, or filled from one file of weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.catalog import ModelCard
from models.paperdoll.canvas import NUM_LABELS, RIGHT_SLEEVE
from models.paperdoll.composition import NUM_PARTS
from models.paperdoll.denoising import NUM_CONDITIONS
from models.paperdoll.dummy import nearest_dummy
from models.paperdoll.layers import Reading
from models.paperdoll.network import Denoiser, Reader, lay_out
from models.weights import build_network

HEIGHT, WIDTH = 128, 96  # what the networks see


class Networks(nn.Module):
    """Reader of the person, reader of the flat-lay, denoiser: 6.7 million parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.person = Reader(NUM_LABELS, (32, 64, 128, 160))
        self.flat = Reader(RIGHT_SLEEVE + 1, (24, 48, 80, 112))
        self.denoiser = Denoiser(NUM_CONDITIONS, NUM_PARTS, (48, 64, 128, 160))

    @classmethod
    def loaded(cls, tensors: dict[str, Tensor], card: ModelCard, device: torch.device) -> Networks:
        """In float32, laid out for convolutions. Raises `models.weights.WeightsError`."""
        networks = build_network(cls, tensors, card, device, torch.float32)
        lay_out(networks)
        return networks

    def read_person(self, picture: Tensor) -> Reading:
        """`picture` `[B, 3, 128, 96]` in [0, 1]."""
        keypoints, labels = _read(self.person, picture)
        return Reading(picture, keypoints, labels)

    def read_flat(self, picture: Tensor) -> Reading:
        """`picture` `[B, 3, 128, 96]` in [0, 1]; the keypoints are a dummy's."""
        keypoints, labels = _read(self.flat, picture)
        return Reading(picture, nearest_dummy(keypoints), labels)


def _read(reader: Reader, picture: Tensor) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        keypoints, logits = reader(picture.contiguous(memory_format=torch.channels_last))
    return keypoints, logits.softmax(1)
