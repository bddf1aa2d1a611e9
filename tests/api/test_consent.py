"""Consent travels in the photograph's own file, pixels untouched, and is asked for where it is required."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from api.consent import Consent, consent_of, read_consent, stamped
from api.errors import BadRequest, ConsentMissing
from api.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.api.conftest import Api

GIVEN = Consent("2026-11", "2026-11-24T10:00:00Z")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_stamped_picture_has_its_consent_and_the_same_pixels(kind: str) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((160, 200), 30).convert("RGB").save(buffer, kind)
    plain = buffer.getvalue()
    with_consent = stamped(plain, GIVEN)
    assert read_consent(with_consent) == GIVEN
    assert read_consent(plain) is None
    assert stamped(plain, None) == plain
    with Image.open(io.BytesIO(with_consent)) as one, Image.open(io.BytesIO(plain)) as other:
        one.load()
        assert "2026-11" in str(one.info)
        assert np.array_equal(np.asarray(one), np.asarray(other))


def test_a_moment_to_come_is_now_and_one_without_its_text_is_refused() -> None:
    settings, now = Settings(), datetime.now(UTC)
    told = consent_of("v1", now + timedelta(days=300), settings)
    assert told is not None
    assert datetime.fromisoformat(told.given_at) <= datetime.now(UTC)
    assert consent_of("v1", datetime(2026, 1, 1, 2, tzinfo=UTC), settings) == Consent("v1", "2026-01-01T02:00:00Z")
    assert consent_of(None, None, settings) is None
    with pytest.raises(BadRequest):
        consent_of(None, now, settings)
    with pytest.raises(ConsentMissing):
        consent_of(None, None, Settings(require_consent=True))


def test_where_it_is_required_no_photograph_comes_in_without_it(start_api: Callable[..., Api], products: Path) -> None:
    api = start_api(f'products = "{products}"\nrequire_consent = true')
    buffer = io.BytesIO()
    Image.effect_noise((160, 200), 30).convert("RGB").save(buffer, "PNG")
    with api.client() as client:
        assert client.get("/products.json").json()["requireConsent"] is True
        for consent, status in (({}, 400), ({"consentVersion": "2026-11"}, 200)):
            prepared = client.post("/public/prepare-upload").json()
            client.put(prepared["uploadUrl"], content=buffer.getvalue())
            reply = client.post("/public/upload-complete", json={"uploadKey": prepared["uploadKey"]} | consent)
            legacy = client.post("/public/upload-image", files={"file": buffer.getvalue()}, data=consent)
            assert [reply.status_code, legacy.status_code] == [status, status]
            if status == 400:
                assert {reply.json()["code"], legacy.json()["code"]} == {"CONSENT_MISSING"}
                assert not list(api.blobs.stored("photos")) + list(api.blobs.stored("tmp"))
        (version,) = {read_consent(api.blobs.get(one.key)).version for one in api.blobs.stored("photos")}  # type: ignore[union-attr]
        assert version == "2026-11"
        bad = client.post("/public/upload-image", files={"file": b"x"}, data={"consentVersion": "a b"})
        assert bad.json()["code"] == "VALIDATION_FAILED"
