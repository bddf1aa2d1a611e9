"""What was compiled and measured for one card on one device, in a folder from which the next start takes it.

A folder is written aside and moved to its place when it is whole, with a list of its files and their SHA-256. One that
is not what its list says, or has none, was torn and counts as not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import logging
import os
import platform
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.card import ModelCard
from models.files.checking import sha256_of
from models.reuse import code_identity

CACHE_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"
ASIDE = re.compile(r"\.\d+$")  # the process that writes; a card's name may have dots of its own
LEFT_S = 86400.0
LIST, FACTS, CODE = "files.json", "facts.json", "inductor"
DETERMINING = ("torch", "triton", "diffusers", "torchao", "flash-attn-3")
"""Packages whose version decides what is compiled."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Artefacts:
    """`facts`: what was measured, JSON. `folder` is where they lie, or will when they are kept."""

    folder: Path
    facts: dict[str, Any] = field(default_factory=dict)
    is_restored: bool = False

    @classmethod
    def open(cls, folder: Path, key: str) -> Artefacts:
        """Those under a key, or a place for new ones; from here on the compiler looks and writes there.

        Raises:
            OSError: there can be no such place.
        """
        found = cls(folder / key)
        if _is_whole(found.folder):
            found.facts = json.loads((found.folder / FACTS).read_text())
            found.is_restored = True
        place = found.folder if found.is_restored else found.aside
        place.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        os.environ[CACHE_VARIABLE] = str(place / CODE)
        return found

    @property
    def aside(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.{os.getpid()}")

    def keep(self) -> None:
        """Let the next start find them; where that is not possible, it will compile again."""
        if self.is_restored:
            return
        try:
            (self.aside / FACTS).write_text(json.dumps(self.facts))
            (self.aside / LIST).write_text(json.dumps(_listed(self.aside)))
            if not _is_whole(self.folder):
                shutil.rmtree(self.folder, ignore_errors=True)
                self.aside.rename(self.folder)
        except OSError as error:  # another worker was first, or the disk is full
            logger.info("what was compiled is not kept: %s", error)
        shutil.rmtree(self.aside, ignore_errors=True)
        os.environ[CACHE_VARIABLE] = str(self.folder / CODE)
        self.is_restored = True


def _sweep(folder: Path) -> None:
    """Takes away what workers that ended in the middle left aside."""
    for left in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another worker has just moved it to its place
            if ASIDE.search(left.name) and time.time() - left.stat().st_mtime > LEFT_S:
                shutil.rmtree(left, ignore_errors=True)


def key_of(card: ModelCard, networks: Mapping[str, nn.Module], device: torch.device, dtype: torch.dtype) -> str:
    """A name that is another one wherever something else would be compiled or measured."""
    shapes = {
        name: [[key, list(one.shape), str(one.dtype)] for key, one in network.named_parameters()]
        for name, network in networks.items()
    }
    is_gpu = device.type == "cuda"
    name = [torch.cuda.get_device_name(device), torch.cuda.get_device_capability(device)] if is_gpu else []
    told = [
        str(card.acceleration),
        [card.family, card.height, card.width, str(dict(card.network))],
        [name, platform.machine(), torch.backends.cpu.get_cpu_capability(), torch.get_num_threads()],
        [{name: _version(name) for name in DETERMINING}, code_identity()],
        shapes,
    ]
    return f"{card.name}-{hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()[:16]}"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _is_whole(folder: Path) -> bool:
    try:
        listed = json.loads((folder / LIST).read_text())
        return bool(listed) and all(sha256_of(folder / path) == sha256 for path, sha256 in listed.items())
    except (OSError, ValueError, AttributeError):
        return False


def _listed(folder: Path) -> dict[str, str]:
    """Relative path -> SHA-256 of what is read again; locks are not."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(folder)): sha256_of(path) for path in files if path.name != LIST}
