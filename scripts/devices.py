"""Which devices to run on, told without importing torch, but for whether it has one."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess

import typer

PATTERN = re.compile(r"cpu|cuda(:\d+(,\d+)*)?")


def num_gpus() -> int:
    """NVIDIA GPUs that the driver lists, and that CUDA_VISIBLE_DEVICES, when it is set, leaves visible."""
    if not shutil.which("nvidia-smi"):
        return 0
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)  # noqa: S607
    num_listed = sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return num_listed if visible is None else min(num_listed, _num_visible(visible))


def _num_visible(names: str) -> int:
    """CUDA stops at the first name that names nothing."""
    return len(list(itertools.takewhile(lambda name: name.strip() not in ("", "-1"), names.split(","))))


def parse_devices(text: str | None) -> list[str]:
    """`cpu`, `cuda` (every GPU), `cuda:0` or `cuda:0,1`; without text every GPU, else the CPU.

    Raises:
        typer.BadParameter: the text is none of these.
    """
    gpus = [f"cuda:{index}" for index in range(num_gpus())]
    if text is None:
        return gpus or ["cpu"]
    if not PATTERN.fullmatch(text):
        raise typer.BadParameter(f"--device takes cpu, cuda, cuda:0 or cuda:0,1, not {text!r}.")
    if text == "cuda":
        return gpus or ["cuda:0"]
    kind, _, numbers = text.partition(":")
    return [f"{kind}:{number}" for number in numbers.split(",")] if numbers else [kind]


def check_there(name: str) -> None:
    """That torch has the device `cpu` or `cuda:N`, before anything is made ready for it.

    Raises:
        typer.BadParameter: it has not.
    """
    if name == "cpu":
        return
    import torch

    if int(name.partition(":")[2] or 0) >= torch.cuda.device_count():
        raise typer.BadParameter(f"There is no CUDA device for {name!r}: use --device cpu, or mend the driver.")
