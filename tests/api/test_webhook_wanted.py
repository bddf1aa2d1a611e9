"""Which generations the API notes a webhook for; sending it is the supervisor's."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from redis import Redis

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()  # pragma: allowlist secret
WEBHOOK = 'webhook_url = "http://127.0.0.1:9/hook"\nwebhook_secret_env = "HOOK_SECRET"\n'


@pytest.mark.parametrize(("webhook", "num_due"), [(WEBHOOK, 1), ("", 0)])
def test_only_a_shop_with_a_webhook_is_to_be_told(
    webhook: str, num_due: int, start_api: Callable[..., Any], products: Path, empty_redis_url: str, tmp_path: Path
) -> None:
    shop = f"told-{num_due}.example"
    Image.new("RGB", (160, 200), "white").save(tmp_path / "photo.png")
    toml = f'products = "{products}"\n[[shops]]\ndomain = "{shop}"\n{webhook}'
    api = start_api(toml, env={"HOOK_SECRET": SECRET})
    api.blobs.put(f"photos/{shop}/one.png", (tmp_path / "photo.png").read_bytes())
    with api.client() as client, Redis.from_url(empty_redis_url) as redis:
        wanted = {"userImageId": f"photos/{shop}/one.png", "productId": "gid://shopify/Product/1001"}
        job_id = client.post("/public/fitting-room", json=wanted).raise_for_status().json()["jobId"]
        client.delete(f"/public/generation/{job_id}").raise_for_status()
        assert redis.zcard(f"fitting-room:webhooks:{shop}") == num_due
