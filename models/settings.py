"""The settings files of a checkpoint: JSON beside the weights."""

from __future__ import annotations

import json
from typing import Any

from models.catalog import CardError, ModelCard
from models.weights import WeightsError, checked_file

Settings = dict[str, Any]


def settings_of(card: ModelCard, path: str) -> Settings:
    """A JSON file of the checkpoint, after `checked_file`.

    Raises:
        CardError: the card lists no such file.
        WeightsError: it is missing, damaged or not a JSON object.
    """
    file = next((file for file in card.files if file.path == path), None)
    if file is None:
        raise CardError(f"The model card {card.name} must list {path} among its files.")
    read_from = checked_file(card, file)
    try:
        settings = json.loads(read_from.read_text())
    except ValueError as error:
        raise WeightsError(f"{read_from} is not JSON: {error}. {card.correcting}") from error
    if not isinstance(settings, dict):
        raise WeightsError(f"{read_from} holds no settings. {card.correcting}")
    return settings


def settings_for_counting(card: ModelCard, path: str, published: Settings) -> Settings:
    """The card's own where its files are there, else those `published` for its family."""
    return settings_of(card, path) if card.path(path).is_file() else published
