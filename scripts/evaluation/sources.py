"""What a run is judged against: truths and masks by name, and the set of real pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scripts.evaluation.pictures import Size, size_of
from scripts.evaluation.run_folder import Row, Run, RunError, digest, pictures_in


@dataclass(frozen=True, slots=True)
class Sources:
    """`references` and `masks`: row's name -> file; `real`: the set for FID and KID; `size` all are judged in."""

    size: Size
    references: Mapping[str, Path] = field(default_factory=dict)
    masks: Mapping[str, Path] = field(default_factory=dict)
    real: tuple[Path, ...] = ()
    real_is: str = "none"

    @classmethod
    def of(cls, run: Run, reference: Path | None, masks: Path | None, size: Size | None) -> Sources:
        """Those of a run. The real pictures are the references or, without, the photographs of its people.

        Raises:
            RunError: a folder has no pictures, or pictures of the run differ in size and none was given.
        """
        there = pictures_in(reference) if reference else {}
        photographs = {row.person for row in (*run.rows, *run.failed) if row.person and row.person.is_file()}
        real = tuple(there.values()) if reference else tuple(sorted(photographs))
        return cls(
            size or _common_size(run),
            _found(run, there, "reference", _reference_names) if reference else {},
            _found(run, pictures_in(masks), "mask", _mask_names) if masks else _own_masks(run),
            real,
            "reference folder" if reference else "photographs of the run" if real else "none",
        )

    def told(self) -> dict[str, object]:
        """As the protocol has it: by content, so that folders may move."""
        return {
            "size": list(self.size),
            "resizing": "Lanczos; masks nearest neighbour, white from 128",
            "references": _set(self.references),
            "masks": _set(self.masks),
            "real_set": {"is": self.real_is, "num": len(self.real), "sha256": digest(self.real)},
        }

    def photograph(self, row: Row) -> Path | None:
        """Of the row's person, when it is there."""
        return row.person if row.person and row.person.is_file() else None


def _found(run: Run, there: Mapping[str, Path], what: str, names: Callable[[Row], list[str]]) -> dict[str, Path]:
    """For all rows, failed ones too, or for none: some would make another set of each run."""
    asked = {row.name: next((name for name in names(row) if name in there), "") for row in (*run.rows, *run.failed)}
    found = {row: there[name] for row, name in asked.items() if name}
    if found and (lost := sorted({row.name for row in run.rows} - set(found))):
        raise RunError(f"{len(lost)} pictures of {run.folder} have no {what}, {lost[0]} first.")
    return found


def _own_masks(run: Run) -> dict[str, Path]:
    """Those that the try-ons were made with, where all have one."""
    own = {row.name: row.mask for row in (*run.rows, *run.failed) if row.mask and row.mask.is_file()}
    return own if {row.name for row in run.rows} <= set(own) else {}


def _reference_names(row: Row) -> list[str]:
    """A result's name; or its person's, where that photograph shows the garment of the row as data sets pair them."""
    is_paired = row.person and row.garment and _number(row.person) == _number(row.garment)
    return [row.name, row.person.stem] if row.person and is_paired else [row.name]


def _mask_names(row: Row) -> list[str]:
    stems = [row.name, row.person.stem] if row.person else [row.name]
    return [name for stem in stems for name in (stem, f"{stem}_mask")]


def _number(path: Path) -> str:
    """Of a pair: VITON-HD has 00001_00 twice, DressCode 000001_0 and 000001_1."""
    return re.sub(r"_\d+$", "", path.stem)


def _common_size(run: Run) -> Size:
    sizes = {size_of(row.output) for row in run.rows}
    if len(sizes) > 1:
        named = " and ".join(f"{height}x{width}" for height, width in sorted(sizes)[:2])
        raise RunError(f"The pictures of {run.folder} have several sizes, {named} among them. Choose one: --size HxW")
    return sizes.pop()


def _set(paths: Mapping[str, Path]) -> dict[str, object]:
    return {"num": len(paths), "sha256": digest(paths.values()) if paths else ""}
