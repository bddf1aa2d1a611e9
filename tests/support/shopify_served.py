"""The API as it is, for which the stand-in at the port of the variable STAND_IN is Shopify."""

from __future__ import annotations

import os

from api import app
from api.fetching import Fetcher
from api.server import run_api
from api.settings import load_settings
from api.sources import apis


def serve() -> None:
    port = int(os.environ["STAND_IN"])
    local = Fetcher(frozenset({"127.0.0.1"}), schemes=("http",), ports=(port,), is_allowed=lambda _: True)
    apis.ADDRESS = f"http://127.0.0.1:{port}/{{shop}}"
    app.Fetcher = lambda _: local  # type: ignore[assignment,misc]
    run_api(load_settings())
