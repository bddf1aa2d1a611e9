"""Options that several commands share, and the settings that they make."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from api.settings import InvalidSettings, Settings, load_settings
from inference.redis_url import socket_url
from models.catalog import ModelCard, load_card
from scripts.devices import num_gpus

FITTING_ROOM = (sys.executable, "-P", "-m", "scripts.cli")
"""This command, for a child process. `-P`: a models.py in the current folder must not take the place of ours."""

GPU_CARD = "fashn-vton-1.5"

Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")]
Data = Annotated[Path | None, typer.Option(help="Folder for Redis, pictures and logs.")]
Card = Annotated[str | None, typer.Option(help="Model card: a name that `fitting-room models` lists, or a .toml file.")]
AcceptLicence = Annotated[
    list[str] | None, typer.Option(help="Use this non-commercial card, or every one under this licence; repeatable.")
]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:0 or cuda:0,1; by default every GPU, else cpu.")]


def settings_with(*, device: str | None = None, **options: Any) -> Settings:
    """The settings, with the command line's options over them where they were given.

    Where no card is named and there is a GPU to run it on, it is the photographic default.
    """
    settings = load_settings(**{name: value for name, value in options.items() if value is not None})
    if "card" not in settings.model_fields_set and device != "cpu" and num_gpus():
        return settings.model_copy(update={"card": GPU_CARD})
    return settings


def make_data_folder(settings: Settings) -> Path:
    """The data folder, made when it is not there, for its owner's eyes only.

    Raises:
        InvalidSettings: it cannot be used.
    """
    folder = settings.data
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        why = "that is a file" if folder.is_file() else error.strerror
        raise InvalidSettings(f"The data folder {folder} cannot be made: {why}. Choose another with --data.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidSettings(f"The data folder {folder} cannot be written. Choose another with --data.")
    return folder


def card_of(settings: Settings) -> ModelCard:
    """The card that the settings name, its files where they say.

    Raises:
        CardError: there is no such card, or its licence is not accepted.
    """
    return load_card(settings.card, settings.weights, settings.accepted_licences)


def uses_own_redis(settings: Settings) -> bool:
    """Whether the server is the one that `serve` starts in the data folder."""
    return settings.redis_url == socket_url(settings.data)
