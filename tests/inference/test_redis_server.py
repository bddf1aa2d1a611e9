from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from redis import Redis

from inference import redis_server
from inference.redis_server import RedisServer, RedisServerError, check_version, find_binary
from inference.redis_url import socket_url


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("r")


def test_what_was_written_survives_a_clean_stop(folder: Path) -> None:
    with RedisServer(folder) as server, Redis.from_url(server.url) as client:
        client.set("key", "kept")
    with RedisServer(folder) as server, Redis.from_url(server.url) as client:
        assert client.get("key") == b"kept"


def test_what_was_written_a_second_ago_survives_kill_9(folder: Path) -> None:
    with RedisServer(folder) as server:
        with Redis.from_url(server.url) as client:
            client.set("key", "kept")
        time.sleep(1.2)
        server.process.kill()
        server.process.wait()
    with RedisServer(folder) as server, Redis.from_url(server.url) as client:
        assert client.get("key") == b"kept"


def test_nobody_else_on_the_machine_can_reach_it(folder: Path) -> None:
    with RedisServer(folder) as server, Redis.from_url(server.url) as client:
        assert client.config_get("port") == {"port": "0"}
        assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700


def test_two_servers_never_share_a_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_server, "lock_file", lambda path, wait_s: _lock_without_waiting(path))
    with RedisServer(folder), pytest.raises(RedisServerError, match="already uses"):
        RedisServer(folder)


def test_one_that_does_not_start_says_why_in_its_own_words(folder: Path) -> None:
    (folder / "appendonlydir").write_text("a file where its folder has to be")
    with pytest.raises(RedisServerError, match=r"redis\.log ends with: .*(append|Append)"):
        RedisServer(folder)


_lock_file = redis_server.lock_file


def _lock_without_waiting(path: Path) -> int:
    return _lock_file(path, wait_s=0.0)


def test_the_server_ends_with_the_process_that_started_it(folder: Path) -> None:
    program = f"""
import time
from pathlib import Path
from inference.redis_server import RedisServer
print(RedisServer(Path({str(folder)!r})).process.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        server_pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    give_up_at = time.monotonic() + 5
    while _runs(server_pid) and time.monotonic() < give_up_at:
        time.sleep(0.02)
    assert not _runs(server_pid)
    with RedisServer(folder):
        pass


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_server_on_path_that_is_too_old_is_passed_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = folder / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc bits=64'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    assert find_binary() != old
    old.write_text("#!/bin/sh\necho 'Redis server v=6.2.0 sha=00000000:0 malloc=jemalloc bits=64'\n")
    assert find_binary() == old


def test_a_server_that_is_away_is_refused_with_a_sentence(folder: Path) -> None:
    with pytest.raises(RedisServerError, match=rf"^Redis at unix://{folder}/redis.sock does not answer: "):
        check_version(socket_url(folder))


def test_the_sentence_of_a_server_that_is_away_tells_no_password_and_has_no_double_full_stop() -> None:
    with pytest.raises(RedisServerError, match=r"^Redis at redis://127\.0\.0\.1:1/0 does not answer: ") as refused:
        check_version("redis://user:hush@127.0.0.1:1/0?client_name=hush")  # pragma: allowlist secret
    assert "hush" not in str(refused.value)
    assert ".." not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["localhost:6379", "user:hush@localhost", "redis://:hu/sh@localhost", "redis://127.0.0.1:1?hush=1", "redis://["],
)
def test_an_address_that_is_none_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(RedisServerError, match="cannot be read: correct REDIS_URL") as refused:
        check_version(url)
    assert "hu" not in str(refused.value)


def test_a_server_that_is_too_old_is_refused(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_version(redis_url)
    monkeypatch.setattr(redis_server, "OLDEST", (99, 0))
    with pytest.raises(RedisServerError, match="can lose jobs"):
        check_version(redis_url)


def test_a_server_that_may_drop_jobs_when_full_is_refused(folder: Path) -> None:
    with RedisServer(folder) as server, Redis.from_url(server.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        check_version(server.url)
        client.config_set("maxmemory", "100mb")
        with pytest.raises(RedisServerError, match="noeviction"):
            check_version(server.url)


def test_a_folder_too_deep_for_a_socket_is_refused_with_a_sentence(folder: Path) -> None:
    with pytest.raises(RedisServerError, match="shorter data folder"):
        RedisServer(folder / ("deep" * 40))


@pytest.mark.parametrize("name", ["sp ace", "a#b", "what?", "100%41", "quo'te\"", "k=v", "ünï"])
def test_any_folder_will_do(folder: Path, name: str) -> None:
    with RedisServer(folder / name) as server:
        check_version(socket_url(folder / name))
        assert server.socket == folder / name / "redis.sock"
        assert stat.S_ISSOCK(server.socket.stat().st_mode)
