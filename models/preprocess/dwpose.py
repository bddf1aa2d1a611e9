"""Poses by DWPose's two ONNX networks: one finds the people, the other the points of the most prominent."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Self

import numpy as np
import torch
from PIL import Image as Pillow

from models.base import Image
from models.catalog import CardError, ModelCard
from models.files.checking import WeightsError, checked_file
from models.preprocess.detection import Floats, detector_input, most_prominent
from models.preprocess.pose import Pose
from models.preprocess.simcc import estimator_input, extent_around, read_pose

LONGEST = 1280  # pixels of a side; larger pictures are looked at smaller, without aliasing


class DWPose:
    """A `models.preprocess.helpers.PoseEstimator`. Its sessions may be used from several threads."""

    def __init__(self, detector: Any, estimator: Any) -> None:
        self._detector, self._estimator = detector, estimator

    @classmethod
    def load(cls, card: ModelCard, device: torch.device) -> Self:
        """From the ONNX files that `[network]` of the card names `detector` and `estimator`.

        Raises:
            WeightsError: onnxruntime is not installed, or a file is missing, damaged, or not the card's.
        """
        return cls(_session(card, "detector", device), _session(card, "estimator", device))

    def __call__(self, image: Image) -> Pose | None:
        """The pose of the person with the largest score times area, in pixels of `image`; None when there is nobody."""
        small = _shrunk(image)
        tensor, scale = detector_input(small)
        box = most_prominent(_run(self._detector, tensor)[0], scale)
        if box is None:
            return None
        extent = extent_around(box)
        columns, rows = _run(self._estimator, estimator_input(small, extent))
        pose = read_pose(columns, rows, extent)
        return pose.moved(image.shape[1] / small.shape[1], image.shape[0] / small.shape[0])


def _session(card: ModelCard, role: str, device: torch.device) -> Any:
    try:
        runtime = import_module("onnxruntime")
    except ImportError as error:
        raise WeightsError(
            f"{card.name} needs onnxruntime; install it with: pip install onnxruntime (for a GPU: onnxruntime-gpu)"
        ) from error
    files = {file.path: file for file in card.files}
    if card.network.get(role) not in files:
        raise CardError(f"[network] {role} of the card {card.name} must name one of its files.")
    path = checked_file(card, files[card.network[role]])
    providers: list[Any] = ["CPUExecutionProvider"]
    if device.type == "cuda" and "CUDAExecutionProvider" in runtime.get_available_providers():
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.index or 0}))
    try:
        return runtime.InferenceSession(str(path), providers=providers)
    except Exception as error:  # onnxruntime's errors share no base but this
        raise WeightsError(f"{path} is not a network that onnxruntime can run: {error}. {card.correcting}") from error


def _run(session: Any, tensor: Floats) -> list[Floats]:
    outputs: list[Floats] = session.run(None, {session.get_inputs()[0].name: tensor})
    return outputs


def _shrunk(image: Image) -> Image:
    height, width = image.shape[:2]
    scale = LONGEST / max(height, width)
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Pillow.fromarray(image).resize(size, Pillow.Resampling.BOX))
