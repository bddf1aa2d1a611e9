"""What a figure was measured on: the machine, the versions and the commit, told without importing torch."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
PACKAGES = ("torch", "diffusers", "transformers", "redis", "rq", "fastapi", "uvicorn")
GIB = 2**30


@dataclass(frozen=True, slots=True)
class Machine:
    """`gpus`: names, empty where nothing ran on one; `commit`: this project's, empty where it came without git.

    `is_dirty`: tracked files differ from the commit.
    """

    cpu: str
    num_cores: int
    memory_gib: float
    system: str
    python: str
    gpus: tuple[str, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)
    commit: str = ""
    is_dirty: bool = False

    @property
    def slug(self) -> str:
        """Names the folder of its pages: the GPU, or the processor and its cores."""
        name = self.gpus[0] if self.gpus else f"{self.cpu} {self.num_cores} cores"
        return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")

    @property
    def sentence(self) -> str:
        """One line for a table's foot."""
        gpus = ", ".join(f"{self.gpus.count(name)} x {name}" for name in dict.fromkeys(self.gpus))
        processor = f"{self.cpu}, {self.num_cores} cores, {self.memory_gib:.0f} GiB"
        return "; ".join(part for part in (gpus, processor, self.system) if part)

    @property
    def revision(self) -> str:
        """The commit, and whether it is all."""
        changed = " with changes" if self.is_dirty else ""
        return f"{self.commit[:12]}{changed}" if self.commit else "no commit known"

    def told(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"gpus": list(self.gpus), "packages": dict(self.packages)}


def this_machine(device: str = "cpu") -> Machine:
    """The machine as it is now; its GPUs only when `device` (`cuda`, `cuda:N`) is one of them."""
    commit, is_dirty = _revision()
    return Machine(
        cpu=_cpu_name(),
        num_cores=_num_cores(),
        memory_gib=round(psutil.virtual_memory().total / GIB, 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        gpus=_gpu_names(device),
        packages={name: _version(name) for name in PACKAGES},
        commit=commit,
        is_dirty=is_dirty,
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not there"


def _num_cores() -> int:
    """Those this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu_name() -> str:
    """As Linux and macOS tell it; else the architecture."""
    if (told := Path("/proc/cpuinfo")).is_file():
        names = re.findall(r"^(?:model name|Model)\s*:\s*(.+)$", told.read_text(), re.MULTILINE)
        return names[0].strip() if names else platform.machine()
    return _said("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor() or platform.machine()


def _gpu_names(device: str) -> tuple[str, ...]:
    if not device.startswith("cuda"):
        return ()
    names = _said("nvidia-smi", "--query-gpu=name", "--format=csv,noheader").splitlines()
    number = device.partition(":")[2]
    return tuple(names[int(number) : int(number) + 1] if number.isdigit() else names)


def _revision() -> tuple[str, bool]:
    if not (ROOT / ".git").exists():
        return "", False
    commit = _said("git", "-C", str(ROOT), "rev-parse", "HEAD")
    return commit, bool(_said("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no"))


def _said(program: str, *arguments: str) -> str:
    """What a program prints; nothing when it is not there or fails."""
    path = shutil.which(program)
    if path is None:
        return ""
    said = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 - our words
    return said.stdout.strip() if said.returncode == 0 else ""
