"""Slow clients and slow phones: each wait has its own limit, and none costs memory beyond the table in
proxy/README.md."""

import pathlib
import socket
import subprocess
import sys
import time

import pytest

from digestclient import Digest
from gate import SLOWER, kernel_buffers, status_listener, wait_for
from rawhttp import Client, head

PCAP = "/phone/101/trace.pcap"
GIB = 1 << 30
# proxy/README.md: what a connection under way may hold on both its sides.
CONNECTION_KIB = 512
MIB_KIB = 1024


@pytest.fixture
def big_phones():
    """big_phones(size, rate, count): entries of so many phones behind one address."""
    processes = []

    def make(size=GIB, rate=1_000_000, count=1):
        script = pathlib.Path(__file__).parent / "bigphone.py"
        processes.append(subprocess.Popen([sys.executable, str(script), str(size), str(rate)],
                                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        port = int(processes[-1].stdout.readline())
        entry = {"url": "http://127.0.0.1:%d" % port, "profile": "snom", "login_required": False,
                 "allow_plain_http": True}
        return {str(101 + i): dict(entry, name="Phone") for i in range(count)}
    yield make
    for process in processes:
        process.stdin.close()
        process.kill()
        process.wait(5)
        process.stdout.close()


def memory_kib(gate):
    for line in pathlib.Path("/proc/%d/status" % gate.process.pid).read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def signed_in(gate, client, user="alice"):
    digest = Digest(user, gate.passwords[user])
    client.send(head("GET", "/"))
    digest.take(client.read())
    return digest


def bound(kib):
    """A sanitizer keeps what was freed: there only the way it goes is looked at."""
    return kib if SLOWER == 1 else 1 << 30


def ask(gate, client, target=PCAP):
    digest = signed_in(gate, client)
    client.send(head("GET", target, headers=[digest.header("GET", target)]))


# --- memory ------------------------------------------------------------------------------------

def test_a_gibibyte_through_a_reader_of_a_megabyte_a_second(new_gate, big_phones):
    gate = new_gate(big_phones())
    with Client(gate.port, receive_buffer=65536) as c:
        ask(gate, c)
        assert c.read(body=False).one("content-length") == str(GIB)
        before, worst, taken = memory_kib(gate), 0, 0
        begin = time.monotonic()
        while taken < 4_000_000:
            piece = c.sock.recv(50_000)
            assert piece
            taken += len(piece)
            time.sleep(max(0, taken / 1_000_000 - (time.monotonic() - begin)))
            worst = max(worst, memory_kib(gate) - before)
        assert worst < bound(CONNECTION_KIB), "%d KiB" % worst


def test_a_gibibyte_for_a_phone_that_takes_a_megabyte_a_second(new_gate, big_phones):
    allowed = ["step1", "step2", "step3", "step4"]
    gate = new_gate(big_phones(), limits={"body_bytes": GIB},
                    grants=({"users": ["alice"], "role": "admin", "phones": ["*"],
                             "allow": allowed},))
    target = "/phone/101/contacts.htm"
    with Client(gate.port) as c:
        ask(gate, c, "/phone/101/index.htm")
        assert c.read().status == 200
        digest = signed_in(gate, c)
        c.send(head("POST", target, headers=[
            digest.header("POST", target), ("Content-Type", "application/octet-stream"),
            ("Content-Length", str(GIB))]))
        before, worst, sent = memory_kib(gate), 0, 0
        c.sock.settimeout(0.2)
        # The phone takes a megabyte a second; what the kernel holds for the three of us comes on top.
        end, most = time.monotonic() + 4, 20_000_000 + 2 * kernel_buffers()
        while time.monotonic() < end or sent < 1_000_000:
            try:
                c.sock.sendall(b"x" * 16384)
                sent += 16384
            except (TimeoutError, socket.timeout):
                pass
            worst = max(worst, memory_kib(gate) - before)
        assert sent < most, "%d octets" % sent
        assert worst < bound(CONNECTION_KIB), "%d KiB" % worst


def test_many_slow_readers_at_once(new_gate, big_phones):
    """All of them take a little and then nothing: each holds what the table says, not more."""
    count = 40
    gate = new_gate(big_phones(count=count))
    clients = []
    try:
        for i in range(count):
            clients.append(Client(gate.port, receive_buffer=8192))
            ask(gate, clients[-1], "/phone/%d/trace.pcap" % (101 + i))
        before = memory_kib(gate)
        for c in clients:
            assert c.read(body=False).status == 200
        worst = 0
        for _ in range(20):
            time.sleep(0.1)
            worst = max(worst, memory_kib(gate) - before)
        assert worst < bound(count * CONNECTION_KIB), "%d KiB" % worst
    finally:
        for c in clients:
            c.close()


# --- time --------------------------------------------------------------------------------------

def too_slow(gate, what):
    return gate.metrics()['clients_too_slow_total{what="%s"}' % what]


@pytest.mark.parametrize("pieces", [b"", b"\x16\x03\x01\x02\x00" + b"\x01" * 200])
def test_a_handshake_has_handshake_s(new_gate, pieces):
    """Nothing at all, or a ClientHello octet by octet."""
    gate = new_gate(limits={"handshake_s": 1, "header_s": 60}, status=status_listener())
    begin = time.monotonic()
    with Client(gate.port, plain=True) as c:
        for i in range(len(pieces)):
            try:
                c.send(pieces[i:i + 1])
            except OSError:
                break
            if i > 5:
                time.sleep(0.05)
            if time.monotonic() - begin > 4 * SLOWER:
                break
        assert c.at_end()
        assert 0.9 < time.monotonic() - begin < 5 * SLOWER
    assert too_slow(gate, "handshake") == 1


def test_a_head_has_header_s(new_gate):
    gate = new_gate(limits={"header_s": 1, "handshake_s": 60}, status=status_listener())
    with Client(gate.port) as c:
        c.send(b"GET / HTTP/1.1\r\nHost:")
        assert c.read().status == 408
    assert too_slow(gate, "head") == 1


def test_a_body_has_body_stall_s_and_a_least_rate(new_gate):
    gate = new_gate(limits={"body_stall_s": 1, "answer_stall_s": 60}, status=status_listener())
    target = "/phone/101/prefs.htm"
    with Client(gate.port) as c:
        digest = signed_in(gate, c)
        c.send(head("POST", target, headers=[
            digest.header("POST", target), ("Content-Length", "1000"),
            ("Content-Type", "application/x-www-form-urlencoded")]) + b"a=")
        assert c.read().status == 408
    assert too_slow(gate, "body") == 1


def read_slowly(client, octets, pause, seconds):
    """True when the gate ended it."""
    end = time.monotonic() + seconds * SLOWER
    while time.monotonic() < end:
        try:
            if octets and not client.sock.recv(octets):
                return True
        except OSError:
            return True
        time.sleep(pause)
    return False


@pytest.mark.parametrize("limits, octets", [
    ({"answer_stall_s": 1}, 0),
    ({"answer_stall_s": 1, "answer_min_bytes_s": 262144}, 4096),
])
def test_an_answer_must_be_taken(new_gate, big_phones, limits, octets):
    """answer_stall_s without an octet, or fewer than answer_min_bytes_s; a body's limits are others."""
    gate = new_gate(big_phones(), limits=dict(limits, body_stall_s=60), status=status_listener())
    with Client(gate.port, receive_buffer=8192) as c:
        ask(gate, c)
        assert c.read(body=False).status == 200
        read_slowly(c, octets, 0.1, 3)
        wait_for(lambda: too_slow(gate, "answer") == 1, 4, "the gate cuts it")
    assert gate.record(path="/trace.pcap", reason="client_stalled")["outcome"] == "failed"


def test_a_reader_above_the_least_rate_stays(new_gate, big_phones):
    gate = new_gate(big_phones(), limits={"answer_stall_s": 1, "answer_min_bytes_s": 10_000},
                    status=status_listener())
    with Client(gate.port, receive_buffer=8192) as c:
        ask(gate, c)
        assert c.read(body=False).status == 200
        assert not read_slowly(c, 16384, 0.05, 3)
    assert too_slow(gate, "answer") == 0


def test_an_idle_connection_has_idle_s(new_gate):
    gate = new_gate(limits={"idle_s": 1})
    with Client(gate.port) as c:
        begin = time.monotonic()
        c.send(head("GET", "/"))
        assert c.read().status == 401
        assert c.at_end()
        assert 0.9 < time.monotonic() - begin < 5 * SLOWER
