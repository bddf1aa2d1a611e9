"""The features that FID and KID were computed from, kept beside a run's result, for comparing runs in pairs."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scripts.batch.disk import write_whole
from scripts.evaluation.distances import Features

FILE = "features.npz"


@dataclass(frozen=True, slots=True)
class SetFeatures:
    """`made`: `float64 [N, D]` of a run's pictures, in the order of its result's rows; `real`: `[M, D]`."""

    made: Features
    real: Features

    def write(self, folder: Path) -> str:
        """Into the run's folder, in the network's own single precision; the SHA-256 of the file."""
        written = io.BytesIO()
        np.savez(written, made=self.made.astype(np.float32), real=self.real.astype(np.float32))
        write_whole(folder / FILE, written.getvalue())
        return hashlib.sha256(written.getvalue()).hexdigest()


def read_features(folder: Path, sha256: str) -> SetFeatures | None:
    """Those of the result that names this digest; None where they are not there any more, or another result's."""
    path = folder / FILE
    if not sha256 or not path.is_file():
        return None
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        return None
    with np.load(io.BytesIO(data)) as kept:
        return SetFeatures(kept["made"].astype(np.float64), kept["real"].astype(np.float64))
