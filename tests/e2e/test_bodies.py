"""Bodies in both directions: lengths, chunks, slow readers, slow writers."""

import hashlib
import pathlib
import time

import pytest

import gate as gate_module
from digestclient import Digest
from rawhttp import Client, head

BIG = 8_000_000 + 2 * gate_module.kernel_buffers()     # more than waits in the kernel on its way
# What nobody could look into goes to a Snom phone only where the grant lifts what would be looked for.
STEPS = ["step1", "step2", "step3", "step4"]
GATE = {"limits": {"body_bytes": BIG},
        "grants": ({"users": ["alice"], "role": "admin", "phones": ["*"], "allow": STEPS},
                   {"users": ["bob"], "role": "user", "phones": ["101"]})}
PCAP = "/phone/101/trace.pcap"
# What a worker may grow by while a body waits. A sanitizer keeps what was freed, so there the
# figure says nothing and only the octets are compared.
MEMORY_KIB = 8192 if gate_module.SLOWER == 1 else 1 << 20


@pytest.fixture
def client(site):
    with Client(site.port, timeout=60) as c:
        yield c


def login(gate, client, user="alice"):
    digest = Digest(user, gate.passwords[user])
    client.send(head("GET", "/"))
    digest.take(client.read())
    return digest


def expected(size):
    start = b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00" + b"\0" * 8 + b"\xff\xff\0\0\x01\0\0\0"
    return (start + bytes(range(256)) * (size // 256 + 1))[:size]


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("size", [1, 16384, 100_000, 1_000_000])
def test_bodies_from_the_phone(site, client, framing, size):
    site.phones["101"].switch(framing=framing, pcap_bytes=size)
    digest = login(site, client)
    client.send(head("GET", PCAP, headers=[digest.header("GET", PCAP)]))
    answer = client.read()
    assert answer.status == 200 and not answer.cut and answer.body == expected(size)
    assert answer.framing == ("length" if framing == "length" else "chunked")


def memory_kib(gate):
    for line in pathlib.Path("/proc/%d/status" % gate.process.pid).read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def test_back_pressure_with_a_slow_reader(site):
    site.phones["101"].switch(pcap_bytes=BIG)
    with Client(site.port, timeout=60, receive_buffer=8192) as c:
        digest = login(site, c)
        before = memory_kib(site)
        c.send(head("GET", PCAP, headers=[digest.header("GET", PCAP)]))
        answer = c.read(body=False)
        time.sleep(1.0)             # the gate must not swallow the body meanwhile
        grown = memory_kib(site) - before
        assert site.phones["101"].counters()["in_flight"] == 1      # still sending
        assert grown < MEMORY_KIB, "%d KiB" % grown
        c._read_body(answer, "GET")
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(expected(BIG)).digest()


def test_back_pressure_with_a_slow_phone(site, client):
    """20 MB towards a phone that begins to read late."""
    phone = site.phones["101"]
    digest = login(site, client)
    client.send(head("GET", "/phone/101/", headers=[digest.header("GET", "/phone/101/")]))
    assert client.read().status == 200
    before = memory_kib(site)
    body = expected(BIG)
    target = "/phone/101/contacts.htm"
    client.send(head("POST", target, headers=[
        digest.header("POST", target), ("Content-Type", "application/octet-stream"),
        ("Content-Length", str(BIG))]))
    worst = 0
    for i in range(0, BIG, 1_000_000):
        client.send(body[i:i + 1_000_000])
        worst = max(worst, memory_kib(site) - before)
    answer = client.read()
    assert answer.status in (200, 403) and worst < MEMORY_KIB, "%d KiB" % worst
    seen = [r for r in phone.seen() if r["method"] == "POST"][-1]
    assert seen["body_len"] == BIG and seen["violations"] == []
    assert seen["body_sha256"] == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 1000, 65536])
@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_bodies_to_the_phone_come_in_one_piece(site, client, size, coding):
    """Collected ones go out with their head in one TLS record, by length, never in chunks."""
    phone = site.phones["101"]
    phone.switch(one_segment=size <= 1000)
    digest = login(site, client)
    target = "/phone/101/prefs.htm"
    body = (b"a=" + b"b" * size)[:size]
    common = [digest.header("POST", target), ("Content-Type", "application/x-www-form-urlencoded")]
    if coding == "length":
        client.send(head("POST", target, headers=[*common, ("Content-Length", str(size))]) + body)
    else:
        half = size // 2
        pieces = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (body[:half], body[half:]) if p)
        client.send(head("POST", target, headers=[*common, ("Transfer-Encoding", "chunked")]),
                    pieces + b"0\r\n\r\n")
    assert client.read().status in (200, 403)
    seen = phone.seen()[-1]
    assert seen["method"] == "POST" and seen["body_len"] == size
    assert seen["body_sha256"] == hashlib.sha256(body).hexdigest() and seen["violations"] == []


def test_H11_early_end_is_never_presented_as_complete(site, client):
    phone = site.phones["101"]
    digest = login(site, client)
    client.send(head("GET", PCAP, headers=[digest.header("GET", PCAP)]))
    client.read()
    for fault in ("close_mid_body", "reset_mid_body", "length_short"):
        phone.switch(pcap_bytes=500_000, fault=fault, fault_path="/trace.pcap", fault_count=1)
        with Client(site.port) as c:
            digest = login(site, c)
            c.send(head("GET", PCAP, headers=[digest.header("GET", PCAP)]))
            answer = c.read()
            assert answer.cut or answer.status == 502, fault
    assert site.record(outcome="failed", path="/trace.pcap")


def test_H11_chunks_that_break_off(site, client):
    phone = site.phones["101"]
    digest = login(site, client)
    client.send(head("GET", PCAP, headers=[digest.header("GET", PCAP)]))
    client.read()
    for fault in ("half_chunk", "chunk_no_end"):
        phone.switch(fault=fault, fault_path="/trace.pcap", fault_count=1)
        with Client(site.port) as c:
            digest = login(site, c)
            c.send(head("GET", PCAP, headers=[digest.header("GET", PCAP)]))
            answer = c.read()
            assert answer.cut or answer.status == 502, fault


def test_H14_a_body_without_length_needs_close_notify(site, client):
    phone = site.phones["101"]
    digest = login(site, client)
    client.send(head("GET", PCAP, headers=[digest.header("GET", PCAP)]))
    client.read()
    phone.switch(fault="truncated_tls", fault_path="/trace.pcap", framing="close", fault_count=1)
    with Client(site.port) as c:
        digest = login(site, c)
        c.send(head("GET", PCAP, headers=[digest.header("GET", PCAP)]))
        answer = c.read()
        assert answer.cut or answer.status == 502


def test_client_that_leaves_in_the_middle_frees_the_phone(site):
    phone = site.phones["101"]
    phone.switch(pcap_bytes=BIG)
    with Client(site.port, receive_buffer=8192) as c:
        digest = login(site, c)
        c.send(head("GET", PCAP, headers=[digest.header("GET", PCAP)]))
        c.read(body=False)
    phone.switch(pcap_bytes=10)
    with Client(site.port) as c:
        digest = login(site, c)
        c.send(head("GET", PCAP, headers=[digest.header("GET", PCAP)]))
        assert c.read().body == expected(10)
    gate_module.wait_for(lambda: phone.counters()["in_flight"] == 0, 5, "the slot is free")


def test_client_that_leaves_with_half_a_body_frees_the_phone(site):
    phone = site.phones["101"]
    target = "/phone/101/contacts.htm"
    with Client(site.port) as c:
        digest = login(site, c)
        c.send(head("POST", target, headers=[
            digest.header("POST", target), ("Content-Type", "application/octet-stream"),
            ("Content-Length", "1000000")]) + b"a" * 500_000)
        time.sleep(0.2)
    with Client(site.port) as c:
        digest = login(site, c)
        c.send(head("GET", "/phone/101/", headers=[digest.header("GET", "/phone/101/")]))
        assert c.read().status == 200
    assert phone.counters()["garbled"] == 0
