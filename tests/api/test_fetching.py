"""Product pictures from strangers' servers, over real HTTP: what is fetched, and where nobody ever connects."""

from __future__ import annotations

import ipaddress
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme
from picture_server import INSIDE, OUTSIDE, Server, fetcher, moved, picture, reply, serving

from api.addresses import is_public
from api.fetching import LARGEST, Fetcher, FetchError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def outside() -> AsyncIterator[Server]:
    async with serving(OUTSIDE) as server:
        server.pages["/shirt.png"] = reply(picture())
        yield server


@pytest.fixture
async def inside(outside: Server) -> AsyncIterator[Server]:
    """At the same port, so that only the address tells the two apart."""
    async with serving(INSIDE, outside.port) as server:
        server.pages["/shirt.png"] = reply(picture())
        yield server


async def refusal(fetch: Fetcher, url: str) -> str:
    with pytest.raises(FetchError) as refused:
        await fetch.picture(url)
    return str(refused.value)


def at(server: Server, path: str = "/shirt.png", host: str = "cdn.example") -> str:
    return f"http://{host}:{server.port}{path}"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_a_picture_of_an_allowed_host_is_fetched(outside: Server, kind: str) -> None:
    outside.pages["/it?v=1"] = reply(picture(kind), "200 OK", "Content-Type: text/html")
    assert await fetcher(outside).picture(at(outside, "/it?v=1")) == picture(kind)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://cdn.shopify.com/a.png", "must begin with https"),
        ("file:///etc/passwd", "must begin with https"),
        ("ftp://cdn.shopify.com/a", "must begin with https"),
        ("//cdn.shopify.com/a", "must begin with https"),
        ("https://cdn.shopify.com:22/a", "without a port"),
        ("https://cdn.shopify.com:8443/a", "without a port"),
        ("https://me:secret@cdn.shopify.com/a", "without a user"),  # pragma: allowlist secret
        ("https://cdn.shopify.com@evil.example/a", "without a user"),
        ("https://evil.example\\@cdn.shopify.com/a", "without a user"),
        ("https://evil.example/cdn.shopify.com", "name it in image_hosts"),
        ("https://cdn.shopify.com.evil.example/a", "name it in image_hosts"),
        ("https://cdn.shopify.com./a", "name it in image_hosts"),
        ("https://xcdn.shopify.com/a", "name it in image_hosts"),
        ("https://cdn.shopify.com%2eevil.example/a", "name it in image_hosts"),
        ("https://127.0.0.1/a", "name it in image_hosts"),
        ("https://2130706433/a", "name it in image_hosts"),
        ("https://0x7f.1/a", "name it in image_hosts"),
        ("https://[::ffff:127.0.0.1]/a", "name it in image_hosts"),
        ("https://169.254.169.254/latest/meta-data", "name it in image_hosts"),
        ("https://", "name it in image_hosts"),
        ("https://cdn.shopify.com\r\nHost: x/", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("", "must begin with https"),
    ],
)
async def test_an_address_that_is_not_of_an_allowed_host_is_refused_unasked(url: str, sentence: str) -> None:
    async def nobody(host: str, port: int) -> list[str]:
        raise AssertionError(f"{host} was looked up")

    with pytest.raises(FetchError, match=sentence):
        await Fetcher(frozenset({"cdn.shopify.com"}), resolver=nobody).picture(url)


@pytest.mark.parametrize("host", ["inner.example", "both.example", "none.example", INSIDE])
async def test_a_name_that_leads_inside_is_refused_and_nothing_connects(
    outside: Server, inside: Server, host: str
) -> None:
    assert "may not come from" in await refusal(fetcher(outside), at(outside, host=host))
    assert (outside.asked, inside.asked) == ([], [])


async def test_a_name_is_looked_up_once_so_rebinding_it_leads_nowhere(outside: Server, inside: Server) -> None:
    answers = [[OUTSIDE], [INSIDE], [INSIDE]]

    async def rebinding(host: str, port: int) -> list[str]:
        return answers.pop(0)

    fetch = fetcher(outside, resolver=rebinding)
    assert await fetch.picture(at(outside)) == picture()
    assert len(answers) == 2, "it was looked up once"
    assert "may not come from" in await refusal(fetch, at(outside))
    assert (len(outside.asked), inside.asked) == (1, [])


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_to_an_allowed_host_is_followed(outside: Server, status: str) -> None:
    outside.pages |= {"/a": moved("/b?c=d", status), "/b?c=d": moved(at(outside), status)}
    assert await fetcher(outside).picture(at(outside, "/a")) == picture()


@pytest.mark.parametrize(
    ("location", "sentence"),
    [
        ("http://inner.example:{port}/shirt.png", "may not come from"),
        (f"http://{INSIDE}:{{port}}/shirt.png", "may not come from"),
        ("http://stranger.example:{port}/shirt.png", "name it in image_hosts"),
        ("//stranger.example:{port}/shirt.png", "name it in image_hosts"),
        ("http://cdn.example:22/", "without a port"),
        ("http://u:p@cdn.example:{port}/", "without a user"),
        ("https://cdn.example:{port}/", "must begin"),
        ("file:///etc/passwd", "must begin"),
        ("gopher://cdn.example:{port}/_x", "must begin"),
        ("http://[", "."),
    ],
)
async def test_a_redirect_is_checked_like_the_first_address(
    outside: Server, inside: Server, location: str, sentence: str
) -> None:
    outside.pages["/a"] = moved(location.format(port=outside.port))
    with pytest.raises(FetchError, match=sentence):
        await fetcher(outside).picture(at(outside, "/a"))
    assert inside.asked == []


async def test_a_redirect_looks_its_name_up_anew_and_finds_it_rebound(outside: Server, inside: Server) -> None:
    answers = [[OUTSIDE], [INSIDE]]

    async def rebinding(host: str, port: int) -> list[str]:
        return answers.pop(0)

    outside.pages["/a"] = moved("/shirt.png")
    assert "may not come from" in await refusal(fetcher(outside, resolver=rebinding), at(outside, "/a"))
    assert inside.asked == []


@pytest.mark.parametrize("location", ["/loop", ""])
async def test_redirects_end(outside: Server, location: str) -> None:
    outside.pages["/loop"] = moved(location)
    assert "redirects more than 3 times" in await refusal(fetcher(outside), at(outside, "/loop"))
    assert len(outside.asked) == 4


async def test_a_server_that_drips_is_left(outside: Server) -> None:
    outside.byte_every_s = 0.05
    assert "within 1 s" in await refusal(fetcher(outside, patience_s=1.0), at(outside))


async def test_a_server_that_says_nothing_is_left(outside: Server) -> None:
    outside.byte_every_s = 30
    outside.pages["/a"] = b"HT"
    assert "within 1 s" in await refusal(fetcher(outside, patience_s=1.0), at(outside, "/a"))


@pytest.mark.parametrize("is_told", [True, False])
async def test_a_body_of_more_than_20_mb_is_refused(outside: Server, is_told: bool) -> None:
    body = picture() + b"\0" * LARGEST
    outside.pages["/a"] = reply(body) if is_told else b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body
    assert await refusal(fetcher(outside), at(outside, "/a")) == "The picture is larger than 20 MB."


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        (reply(b"<html>"), "is not a JPEG, PNG, WebP or HEIC picture"),
        (reply(b""), "is not a JPEG, PNG, WebP or HEIC picture"),
        (reply(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "is not a JPEG, PNG, WebP or HEIC picture"),
        (reply(picture(), "200 OK", "Content-Encoding: gzip"), "compressed"),
        (reply(picture(), "404 Not Found"), "answered 404"),
        (reply(picture(), "206 Partial Content"), "answered 206"),
        (b"not HTTP at all\r\n\r\n", "does not answer as it should"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\nshort", "does not answer as it should"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", "does not answer as it should"),
        (b"", "does not answer as it should"),
    ],
)
async def test_what_is_no_picture_is_a_sentence(outside: Server, page: bytes, sentence: str) -> None:
    outside.pages["/a"] = page
    assert sentence in await refusal(fetcher(outside), at(outside, "/a"))


async def test_nobody_there_is_a_sentence(outside: Server) -> None:
    async def unknown(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    assert "does not answer" in await refusal(fetcher(outside, resolver=unknown), at(outside))
    async with serving(OUTSIDE) as gone:
        pass
    assert "does not answer" in await refusal(fetcher(gone), at(gone))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    ca, path = trustme.CA(), tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(path)
    return ca, path


@pytest.mark.parametrize(("name", "is_known"), [("cdn.example", True), ("other.example", True), ("cdn.example", False)])
async def test_the_certificate_is_checked_against_the_name_though_the_address_was_chosen_here(
    authority: tuple[trustme.CA, Path], name: str, is_known: bool
) -> None:
    ca, path = authority
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    (ca if is_known else trustme.CA()).issue_cert(name).configure_cert(context)
    async with serving(OUTSIDE, tls=context) as server:
        server.pages["/shirt.png"] = reply(picture())
        fetch = fetcher(server, schemes=("https",), authority=str(path))
        url = f"https://cdn.example:{server.port}/shirt.png"
        if name == "cdn.example" and is_known:
            assert await fetch.picture(url) == picture()
        else:
            assert "does not answer as it should" in await refusal(fetch, url)
            assert server.asked == []


async def test_this_machines_own_names_are_refused_with_the_systems_resolver() -> None:
    for host in ("localhost", "127.0.0.1"):
        fetch = Fetcher(frozenset({host}))
        assert "may not come from" in await refusal(fetch, f"https://{host}/shirt.png")


INNER = """
0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 127.255.0.1 169.254.169.254 172.16.0.1 192.0.0.1 192.168.1.1 198.18.0.1
203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
64:ff9b::a00:1 64:ff9b:1::1 2002:a00:1:: 2001::1 2001:db8::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%lo fec0::1
ff02::1 ff0e::1
"""


@pytest.mark.parametrize("address", INNER.split())
def test_no_address_of_ours_or_of_nobodys_is_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "23.227.38.33", "2606:4700::6810:1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_the_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
