"""What tells a run from another one of the same folder, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Told = Mapping[str, Any]

ABSENT = {"steps": "the card's", "batch_size": "none given"}
DERIVED = {"number", "name"}  # a name that is not given holds how many rows there are


def difference(before: Told, now: Told) -> str:
    """Of two plans, `Plan.told`; nothing where they are alike."""
    said = []
    if before["num_rows"] != now["num_rows"]:
        said.append(f"{now['num_rows']} rows instead of {before['num_rows']}")
    if before["where"] != now["where"]:
        said.append(f"{now['where']} instead of {before['where']}")
    if before["batch_size"] != now["batch_size"]:
        said.append(f"--batch-size {_value('batch_size', now)} instead of {_value('batch_size', before)}")
    if before["uses_masks"] != now["uses_masks"]:
        said.append("masks beside the people" if now["uses_masks"] else "--no-masks")
    for name, digest in now["cards"].items():
        if before["cards"].get(name, digest) != digest:
            said.append(f"other files or settings of the card {name}")
    for name in now["versions"]:
        if (was := before["versions"].get(name)) != now["versions"][name]:
            said.append(f"{name} {now['versions'][name]} instead of {was}")
    return ", ".join(said)


def difference_of_rows(before: Sequence[Told], now: Sequence[Told]) -> str:
    """Of rows by column, as far as both have them; nothing where these are alike."""
    pairs = list(zip(before, now, strict=False))
    said = [_of_column(name, pairs) for name in (now[0] if now else ()) if name not in DERIVED]
    return ", ".join(filter(None, said)) or _of_column("name", pairs)


def _of_column(name: str, pairs: Sequence[tuple[Told, Told]]) -> str:
    differing = [(was, now) for was, now in pairs if was.get(name) != now[name]]
    if not differing:
        return ""
    was, now = differing[0]
    told = f"{name} {_value(name, now)} instead of {_value(name, was)}"
    if len(differing) == len(pairs) and len({(str(a.get(name)), str(b[name])) for a, b in differing}) == 1:
        return f"{told} in every row"
    others = len(differing) - 1
    return f"{told} in row {now['number']}" + (f" and others in {others} more" if others else "")


def _value(name: str, told: Told) -> str:
    if name != "seed" and not told.get(name):
        return ABSENT.get(name, "none")
    return "yes" if told[name] is True else str(told[name])
