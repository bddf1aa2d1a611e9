"""Two ONNX graphs with the signatures of DWPose's that find blue spots, so that what they must answer is known.

The detector sees a person wherever a cell of its coarsest grid is blue: `WIDE` pixels wide and `HIGH` pixels high in
the left half of its canvas, twice that in the right. The estimator puts each point where its picture is bluest, but
moved by `SHIFTS`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from helper_checkpoints.cards import card_of
from onnx import TensorProto, helper, numpy_helper

from models.catalog import ModelCard
from models.preprocess.simcc import DEVIATION, MEAN

WIDE, HIGH = 60, 120
DARK = 120  # a little lighter than the padding
SHIFTS = np.stack([np.arange(133) % 20 - 10, np.arange(133) // 20 - 3], 1)
"""Of the 133 points, in pixels of the estimator's canvas."""
BLUEST = 0.8  # the score where the picture is all blue


def small_card(folder: Path) -> ModelCard:
    onnx.save(_detector(), folder / "detector.onnx")
    onnx.save(_estimator(), folder / "estimator.onnx")
    network = {"detector": "detector.onnx", "estimator": "estimator.onnx"}
    return card_of(folder, "dwpose", network=network)


def _detector() -> onnx.ModelProto:
    """Blue from `DARK` to 255 gives a score from 0 to 1; the cells of the two fine grids never answer."""
    fine = 80 * 80 + 40 * 40
    widths = np.where(np.arange(400) % 20 < 10, WIDE, 2 * WIDE) / 32
    heights = np.where(np.arange(400) % 20 < 10, HIGH, 2 * HIGH) / 32
    boxes = np.zeros((1, 8400, 4), np.float32)
    boxes[..., :2] = 0.5
    boxes[0, fine:, 2], boxes[0, fine:, 3] = np.log(widths), np.log(heights)
    classes = np.zeros((1, 8400, 80), np.float32)
    classes[..., 0] = 1
    nodes = [
        helper.make_node("Gather", ["images", "blue"], ["channel"], axis=1),
        helper.make_node("AveragePool", ["channel"], ["cells"], kernel_shape=[32, 32], strides=[32, 32]),
        helper.make_node("Reshape", ["cells", "flat"], ["column"]),
        helper.make_node("Sub", ["column", "dark"], ["lighter"]),
        helper.make_node("Relu", ["lighter"], ["light"]),
        helper.make_node("Div", ["light", "most"], ["score"]),
        helper.make_node("Concat", ["silent", "score"], ["scores"], axis=1),
        helper.make_node("Concat", ["boxes", "scores", "classes"], ["output"], axis=2),
    ]
    constants = {
        "blue": np.array([0]),
        "flat": np.array([1, 400, 1]),
        "dark": np.array(DARK, np.float32),
        "most": np.array(255 - DARK, np.float32),
        "silent": np.zeros((1, fine, 1), np.float32),
        "boxes": boxes,
        "classes": classes,
    }
    return _model(nodes, constants, ("images", [1, 3, 640, 640]), {"output": [1, 8400, 85]})


def _estimator() -> onnx.ModelProto:
    most = (255 - MEAN[0]) / DEVIATION[0]
    nodes = [helper.make_node("Gather", ["input", "blue"], ["channel"], axis=1)]
    for axis, name in ((2, "x"), (3, "y")):
        nodes += [
            helper.make_node("ReduceMax", ["channel"], [f"profile_{name}"], axes=[1, axis], keepdims=0),
            helper.make_node("Gather", [f"profile_{name}", f"bins_{name}"], [f"moved_{name}"], axis=1),
            helper.make_node("Mul", [f"moved_{name}", "gain"], [f"simcc_{name}"]),
        ]
    constants = {"blue": np.array([0]), "gain": np.array(BLUEST / most, np.float32)}
    for name, length, shifts in (("x", 288, SHIFTS[:, 0]), ("y", 384, SHIFTS[:, 1])):
        constants[f"bins_{name}"] = np.clip(np.arange(2 * length) // 2 - shifts[:, None], 0, length - 1)
    outputs = {"simcc_x": [1, 133, 576], "simcc_y": [1, 133, 768]}
    return _model(nodes, constants, ("input", [1, 3, 384, 288]), outputs)


def _model(
    nodes: list[onnx.NodeProto],
    constants: dict[str, np.ndarray],
    given: tuple[str, list[int]],
    outputs: dict[str, list[int]],
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "blue",
        [helper.make_tensor_value_info(given[0], TensorProto.FLOAT, given[1])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model
