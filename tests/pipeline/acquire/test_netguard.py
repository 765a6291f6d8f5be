"""Addresses, schemes and programs that content must not reach."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import urllib.request

import pytest

from fimad.config import HttpConfig
from fimad.errors import PermanentError
from fimad.pipeline.acquire.network.netguard import Guard, is_own_network, is_public
from fimad.pipeline.acquire.network.nethandler import Meter, _unpack

PRIVATE = [
    "127.0.0.1",
    "127.9.9.9",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.100.100.200",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    # Azure's metadata service, Oracle's, an IPv4-compatible loopback, and NAT64 of one's own.
    "168.63.129.16",
    "192.0.0.192",
    "::127.0.0.1",
    "::10.0.0.1",
    "64:ff9b:1::7f00:1",
    "64:ff9b:1:ffff::1",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_known(address: str) -> None:
    assert not is_public(address)


def test_no_way_of_starting_a_program_passes() -> None:
    with Guard(HttpConfig()) as guard, pytest.raises(PermanentError):
        os.posix_spawn("/bin/true", ["/bin/true"], {})
    assert guard.blocked is not None


def test_what_can_be_allowed_and_what_never() -> None:
    own = {address for address in PRIVATE if is_own_network(address)}
    assert {"127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "::1", "::ffff:127.0.0.1"} <= own
    never = {
        "168.63.129.16",
        "169.254.169.254",
        "100.100.100.200",
        "fe80::1",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "224.0.0.1",
        "::",
    }
    assert not never & own
    guard = Guard(HttpConfig(allow_private_addresses=True))
    guard.check_url("http://127.0.0.1/x")
    with pytest.raises(PermanentError, match=r"169\.254"):
        guard.check_url("http://169.254.169.254/latest")


@pytest.mark.parametrize("address", ["8.8.8.8", "142.250.1.1", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_are_known(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "unsupported_url"),
        ("ftp://example.com/x", "unsupported_url"),
        ("data:text/html,x", "unsupported_url"),
        ("concat:/etc/passwd", "unsupported_url"),
        ("http://", "unsupported_url"),
        ("http://[::1", "unsupported_url"),
        ("http://127.0.0.1/x", "blocked_address"),
        ("http://[::ffff:10.0.0.1]/x", "blocked_address"),
        ("https://169.254.169.254/latest/meta-data", "blocked_address"),
    ],
)
def test_urls_are_refused(url: str, reason: str) -> None:
    guard = Guard(HttpConfig())
    with pytest.raises(PermanentError) as caught:
        guard.check_url(url)
    assert caught.value.reason == reason
    assert guard.blocked is caught.value


def test_a_connection_is_checked_where_it_is_made() -> None:
    """A name that resolves to loopback passes the look at the URL; the socket does not."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        guard = Guard(HttpConfig())
        guard.check_url(f"http://localhost:{port}/")
        with guard, pytest.raises(PermanentError, match="not a public address"):
            socket.create_connection(("localhost", port), timeout=2)
        # Outside of the guard nothing is restricted.
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
        with Guard(HttpConfig(allow_private_addresses=True)):
            socket.create_connection(("127.0.0.1", port), timeout=2).close()


def test_the_guard_nests_and_holds_for_its_own_thread_only() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        guard = Guard(HttpConfig())
        errors: list[BaseException] = []

        def other() -> None:
            try:
                socket.create_connection(address, timeout=2).close()
            except BaseException as error:  # noqa: BLE001
                errors.append(error)

        with guard:
            with guard:
                pass
            with pytest.raises(PermanentError):
                socket.create_connection(address, timeout=2)
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
        assert errors == []
        socket.create_connection(address, timeout=2).close()


def test_urllib_does_not_follow_to_other_schemes() -> None:
    with Guard(HttpConfig()), pytest.raises(PermanentError):
        urllib.request.urlopen("file:///etc/passwd")  # noqa: S310


def test_programs_are_refused_but_those_named() -> None:
    with Guard(HttpConfig(), programs=[sys.executable]):
        done = subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, check=True)
        assert done.stdout == b"1\n"
        with pytest.raises(PermanentError, match="not allowed"):
            subprocess.run(["/bin/true"], check=False)
        with pytest.raises(PermanentError, match="fetch a stream by itself"):
            subprocess.run([sys.executable, "-i", "http://example.com/live.m3u8"], check=False)


def test_a_proxy_is_reached_at_its_private_address_and_nothing_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy, socket.create_server(("127.0.0.1", 0)) as other:
        port = proxy.getsockname()[1]
        with Guard(HttpConfig(proxy=f"http://127.0.0.1:{port}")) as guard:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
            with pytest.raises(PermanentError):
                socket.create_connection(other.getsockname(), timeout=2)
            # What the proxy would connect to is looked up here.
            with pytest.raises(PermanentError):
                guard.check_url("http://localhost/secret")


def test_the_meter_judges_waiting_not_working() -> None:
    meter = Meter(min_rate_bytes_s=1000, window_s=2)
    meter.add(1, 30.0)  # the first answer may take its time
    for _ in range(100):
        meter.add(4096, 1.0)
    meter.add(10, 1.0)
    with pytest.raises(TimeoutError):
        meter.add(10, 1.0)


def test_a_bomb_does_not_unpack() -> None:
    import zlib

    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    packed = b"".join(packer.compress(bytes(1024 * 1024)) for _ in range(80)) + packer.flush()
    assert len(packed) < 200_000
    with pytest.raises(OSError, match="too large"):
        _unpack(packed, "gzip")
    assert _unpack(zlib.compress(b"plain"), "deflate") == b"plain"


def test_one_token_provider_may_be_private_and_nothing_else() -> None:
    guard = Guard(HttpConfig(token_provider="http://127.0.0.1:4416"))
    guard.check_url("http://127.0.0.1:4416/get_pot")
    guard.check_peer(("127.0.0.1", 4416))
    for url in (
        "http://127.0.0.1:4417/",
        "http://127.0.0.1/",
        "http://127.0.0.1:4416@10.0.0.1/",
        "https://127.0.0.1:4416/",
    ):
        with pytest.raises(PermanentError):
            guard.check_url(url)
    with pytest.raises(PermanentError):
        guard.check_peer(("127.0.0.1", 4417))
