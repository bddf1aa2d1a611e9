"""Small pictures, and tables of them."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "api" / "static" / "samples"
SIZE = (192, 256)  # width, height in pixels


def small_samples(folder: Path) -> tuple[list[Path], list[Path]]:
    """The figures and the products that ship, small."""
    found = []
    for kind in ("figures", "products"):
        (folder / kind).mkdir(parents=True)
        for path in sorted((SAMPLES / kind).glob("*.png")):
            with Image.open(path) as picture:
                picture.convert("RGB").resize(SIZE).save(folder / kind / path.name)
        found.append(sorted((folder / kind).glob("*.png")))
    return found[0], found[1]


def write_table(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


def started(*words: str | Path) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "scripts.cli", "batch", *map(str, words)]
    return subprocess.Popen(argv, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def batch(*words: str | Path) -> tuple[int, dict[str, Any], str]:
    """Exit code, the last line, and what was said."""
    process = started(*words)
    out, err = process.communicate(timeout=600)
    return process.returncode, json.loads(out.splitlines()[-1]) if out.strip() else {}, err


def killed_after(num_pictures: int, output: Path, *words: str | Path) -> None:
    """Begin or go on, and SIGKILL it when it has made so many."""
    process = started("-o", output, *words)
    made = output / "pictures"
    try:
        wait_until(lambda: process.poll() is not None or len(list(made.glob("*.png"))) >= num_pictures, within_s=300)
        assert process.poll() is None, process.communicate()
        children = psutil.Process(process.pid).children(recursive=True)
    finally:
        process.kill()
        process.communicate()
    wait_until(lambda: not any(map(is_alive, children)), within_s=60)


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(is_so: Callable[[], bool], within_s: float) -> None:
    give_up_at = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < give_up_at, "it did not come to it"
        time.sleep(0.02)


def manifest(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def kept(folder: Path) -> dict[str, bytes]:
    """Every file of a run but its journal and its times."""
    left_out = {"journal.sqlite", "lock", "timings.csv"}
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in left_out]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
