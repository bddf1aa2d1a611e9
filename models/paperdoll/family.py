from __future__ import annotations
from dataclasses import dataclass
from models.paperdoll.network import Denoiser, Reader
HEIGHT, WIDTH = 128, 96
NUM_PARTS = 7
NUM_CONDITIONS = 22

@dataclass(frozen=True, slots=True)
class Networks:
    person: Reader
    flat: Reader
    denoiser: Denoiser

    @classmethod
    def new(cls) -> Networks:
        return cls(Reader(8, (32, 64, 128, 160)), Reader(4, (24, 48, 80, 112)), Denoiser(NUM_CONDITIONS, NUM_PARTS, (48, 64, 128, 160)))
