"""A card with other files than those that ship, as a TOML file, for commands that are other processes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.card import ModelCard

PLAIN = ("title", "family", "description", "height", "width", "num_inference_steps", "guidance_scale", "precision")


def write_card(card: ModelCard, path: Path) -> None:
    """`card` without its helpers, its files in its own folder."""
    fields: dict[str, Any] = {name: getattr(card, name) for name in PLAIN}
    fields |= {"categories": list(card.categories), "needs": list(card.needs), "folder": str(card.folder.resolve())}
    fields |= {"licence": asdict(card.licence), "network": dict(card.network), "prompts": dict(card.prompts)}
    fields["files"] = [{"path": one.path, "size": one.size, "sha256": one.sha256} for one in card.files]
    path.write_text("".join(f"{name} = {_value(value)}\n" for name, value in fields.items()))


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {_value(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)
