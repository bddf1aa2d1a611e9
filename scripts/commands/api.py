"""`fitting-room api`: one API process, without Redis and workers."""

from __future__ import annotations

from api.server import run_api
from inference.redis_server import check_version
from scripts.options import Card, Data, Host, Port, settings_with


def run(host: Host = None, port: Port = None, data: Data = None, card: Card = None) -> None:
    """Serve the HTTP contract. Needs a running Redis (REDIS_URL) and, to make pictures, a worker."""
    settings = settings_with(host=host, port=port, data=data, card=card)
    check_version(settings.redis_url)
    run_api(settings)
