"""Bytes by key, in a folder and in a real S3 server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from s3_server import make_bucket, s3_server

from inference.blobs import BlobStore, StorageError, Terms, check_key, purge_personal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    with s3_server() as endpoint:
        yield endpoint


def open_bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> BlobStore:
    bucket = tmp_path.name.replace("_", "-").lower()
    make_bucket(endpoint, bucket, monkeypatch)
    return BlobStore.open(f"s3://{bucket}/prefix")


@pytest.fixture(params=["folder", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BlobStore:
    if request.param == "folder":
        return BlobStore.open((tmp_path / "blobs with spaces").as_uri())
    return open_bucket(request.getfixturevalue("s3_endpoint"), monkeypatch, tmp_path)


def test_what_was_put_is_got_and_gone_once_deleted(blobs: BlobStore) -> None:
    blobs.put("photos/shop.example/a.jpg", b"one")
    blobs.put("photos/shop.example/a.jpg", b"two")
    assert blobs.get("photos/shop.example/a.jpg") == b"two"
    assert blobs.size("photos/shop.example/a.jpg") == 3
    assert blobs.exists("photos/shop.example/a.jpg")
    blobs.delete("photos/shop.example/a.jpg")
    blobs.delete("photos/shop.example/a.jpg")
    assert not blobs.exists("photos/shop.example/a.jpg")
    with pytest.raises(FileNotFoundError):
        blobs.get("photos/shop.example/a.jpg")


async def test_the_async_twins_do_the_same(blobs: BlobStore) -> None:
    await blobs.put_async("results/s/r.png", b"picture")
    assert await blobs.get_async("results/s/r.png") == b"picture"
    await blobs.delete_async("results/s/r.png")
    assert not await blobs.exists_async("results/s/r.png")


async def test_a_stream_that_breaks_off_leaves_nothing(blobs: BlobStore) -> None:
    async def chunks(breaks: bool) -> AsyncIterator[bytes]:
        yield b"x" * 1000
        if breaks:
            raise ConnectionError
        yield b"y"

    with pytest.raises(ConnectionError):
        await blobs.put_stream("tmp/s/up", chunks(breaks=True))
    assert not blobs.exists("tmp/s/up")
    await blobs.put_stream("tmp/s/up", chunks(breaks=False))
    assert blobs.get("tmp/s/up") == b"x" * 1000 + b"y"


def test_purging_a_prefix_spares_its_neighbours(blobs: BlobStore) -> None:
    for key in ("photos/shop/a.jpg", "photos/shop/b/c.jpg", "photos/shop-two/a.jpg"):
        blobs.put(key, b"x")
    assert blobs.purge("photos/shop", older_than_s=-1.0) == 2
    assert blobs.exists("photos/shop-two/a.jpg")
    assert not blobs.exists("photos/shop/b/c.jpg")


def test_each_kind_of_a_person_s_pictures_is_purged_at_its_own_term(blobs: BlobStore) -> None:
    def left() -> set[str]:
        return {key for key in keys if blobs.exists(key)}

    keys = {"photos/s/who/a.jpg", "results/s/b.png", "tmp/s/who/c", "garments/d.png"}
    for key in keys:
        blobs.put(key, b"x")
    written_at, terms, second = time.time(), Terms(photo_s=3 * 86400, result_s=5 * 86400), 1.5  # S3 tells whole ones
    assert purge_personal(blobs, terms, written_at + 3600 - second) == 0
    for moment, gone in ((3600, "tmp/s/who/c"), (3 * 86400, "photos/s/who/a.jpg"), (5 * 86400, "results/s/b.png")):
        assert gone in left()
        assert purge_personal(blobs, terms, written_at + moment - second) == 0
        assert purge_personal(blobs, terms, written_at + moment + second) == 1
        assert gone not in left()
    assert left() == {"garments/d.png"}


def test_erasing_a_folder_spares_its_neighbours_and_leaves_no_trace_of_it(tmp_path: Path) -> None:
    store = BlobStore.open((tmp_path / "blobs").as_uri())
    for key in ("photos/s/who/a.jpg", "photos/s/whom/a.jpg"):
        store.put(key, b"x")
    (tmp_path / "blobs/photos/s/who/b.jpg#1").write_bytes(b"half")  # as a writer leaves it that is killed
    assert store.erase("photos/s/who") == 1
    assert store.erase("photos/s/who") == 0
    assert [path.name for path in (tmp_path / "blobs/photos/s").iterdir()] == ["whom"]


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "../a", "a/../../b", "a/./b", ".env", "a\\b", "a\0", "a#1", "x" * 600]
)
def test_a_key_that_could_lead_astray_is_refused(key: str, tmp_path: Path) -> None:
    store = BlobStore.open((tmp_path / "blobs").as_uri())
    with pytest.raises(ValueError, match="storage key"):
        check_key(key)
    for verb in (store.get, store.exists, store.delete):
        with pytest.raises(ValueError, match="storage key"):
            verb(key)


@pytest.mark.parametrize("url", ["", "photos", "ftp://x/y", "http://x/y", "s3://", "file://", "file://folder"])
def test_an_address_that_is_no_store_says_what_is(url: str) -> None:
    with pytest.raises(StorageError):
        BlobStore.open(url)


def test_a_cloud_s_signed_link_reads_the_blob_with_its_type_and_names_its_expiry(
    s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_bucket(s3_endpoint, monkeypatch, tmp_path)
    store.put("results/s/r.png", b"picture")
    url = store.sign_get("results/s/r.png", expires_in_s=60)
    assert "X-Amz-Expires=60" in url
    reply = httpx.get(url)
    assert reply.content == b"picture"
    assert reply.headers["content-type"] == "image/png"


def test_a_killed_writer_leaves_no_half_picture_and_its_scraps_are_purged(tmp_path: Path) -> None:
    program = (
        "import sys, asyncio, os\nfrom inference.blobs import BlobStore\n"
        "async def chunks():\n"
        "    yield b'x' * 30_000_000\n    print('half', flush=True)\n    await asyncio.sleep(60)\n"
        "asyncio.run(BlobStore.open(sys.argv[1]).put_stream('tmp/s/big', chunks()))\n"
    )
    argv = [sys.executable, "-c", program, tmp_path.as_uri()]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": "."}) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == b"half\n"
        writer.send_signal(signal.SIGKILL)
    store = BlobStore.open(tmp_path.as_uri())
    assert not store.exists("tmp/s/big")
    assert [path for path in tmp_path.rglob("*") if path.is_file()], "the scrap this test is about"
    store.purge("tmp", older_than_s=0.0)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
