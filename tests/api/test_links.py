"""A signed link opens one thing, in one way, for a while, in one spelling."""

from __future__ import annotations

import string
import time
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from api.errors import LinkInvalid
from api.links import UPLOAD_TTL_S, Links, Verb
from inference.blobs import BlobStore

KEY = "photos/a.example/0f3a5b1c9d2e4f60718293a4b5c6d7e8.jpg"


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> Links:
    return Links(BlobStore.open(tmp_path_factory.mktemp("links").as_uri()), b"k" * 32, 60, "https://here.example")


def token(links: Links, verb: Verb, key: str = KEY) -> str:
    return (links.picture if verb == "GET" else links.upload)(key).rsplit("/", 1)[1]


def opens(links: Links, verb: Verb, text: str) -> str | None:
    try:
        return links.read(verb, text)
    except LinkInvalid:
        return None


@pytest.mark.parametrize("verb", ["GET", "PUT"])
def test_no_letter_can_be_another_letter_be_left_out_or_put_in(links: Links, verb: Verb) -> None:
    honest = token(links, verb)
    assert opens(links, verb, honest) == KEY
    for place in range(len(honest) + 1):
        before, here, after = honest[:place], honest[place : place + 1], honest[place + 1 :]
        for letter in string.printable + "\0é":
            if letter != here:
                assert opens(links, verb, before + letter + after) is None
            assert opens(links, verb, before + letter + here + after) is None
        if here:
            assert opens(links, verb, before + after) is None


@given(st.one_of(st.text(max_size=80), st.text(string.ascii_letters + string.digits + "-_.", max_size=120)))
def test_no_text_opens_anything_and_none_crashes(links: Links, text: str) -> None:
    assert opens(links, "GET", text) is None
    assert opens(links, "PUT", text) is None


def test_a_link_is_for_its_verb_its_secret_and_its_key(links: Links) -> None:
    get, put = token(links, "GET"), token(links, "PUT")
    assert opens(links, "PUT", get) is None
    assert opens(links, "GET", put) is None
    with pytest.raises(LinkInvalid):
        links.read("PUT", get, may_be_old=True)
    stranger = Links(links.blobs, b"j" * 32, 60, links.base_url)
    assert opens(stranger, "GET", get) is None
    other = token(links, "GET", KEY.replace("a.example", "b.example"))
    payload, moment, signature = get.split(".")
    assert opens(links, "GET", ".".join((other.split(".")[0], moment, signature))) is None
    assert opens(links, "GET", get + "." + signature) is None
    assert opens(links, "GET", payload + "." + signature) is None


@pytest.mark.parametrize(
    "payload", ["../../etc/passwd", "/etc/passwd", "photos/../secret", "", "a\0b", ["photos/x"], None, 7]
)
def test_even_signed_a_key_that_leads_astray_opens_nothing(links: Links, payload: object) -> None:
    for verb in ("GET", "PUT"):
        forged = links._signer(verb).dumps(payload)  # as only a leaked secret could
        assert opens(links, verb, str(forged)) is None


@pytest.mark.parametrize(("verb", "ttl_s"), [("GET", 60), ("PUT", UPLOAD_TTL_S)])
def test_a_link_works_until_its_time_and_not_before_it_was_made(links: Links, verb: Verb, ttl_s: int) -> None:
    honest, now = token(links, verb), int(time.time())
    for seconds, is_open in ((ttl_s - 2, True), (ttl_s + 2, False), (10**9, False), (-10, False)):
        with patch.object(TimestampSigner, "get_timestamp", lambda _, then=now + seconds: then):
            assert (opens(links, verb, honest) is not None) is is_open, seconds


def test_a_link_signed_by_the_library_alone_in_our_way_is_ours(links: Links) -> None:
    """The wire is itsdangerous's own: nothing here invents cryptography."""
    theirs = URLSafeTimedSerializer(links.key, salt="storage GET").dumps(KEY)
    assert opens(links, "GET", str(theirs)) == KEY
