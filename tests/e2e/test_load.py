"""Greedy and slow clients, limits, shutdown and reload while somebody is served."""

import contextlib
import os
import resource
import select
import signal
import socket
import time

import pytest

from gate import SANITIZER, SLOWER, kernel_buffers, status_listener, wait_for
from rawhttp import Client, Closed, head, unless_turned_away
from digestclient import Digest

LONG = "/phone/101/trace.pcap"


def memory_kib(gate):
    with open("/proc/%d/status" % gate.process.pid, encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def signed_in(gate, client, user="alice"):
    digest = Digest(user, gate.passwords[user])
    client.send(head("GET", LONG))
    digest.take(client.read())
    return digest


def send_until_stuck(client, octets, most, patience=1.0):
    """Send again and again, read nothing; how much the gate took."""
    client.sock.settimeout(patience)
    sent = 0
    try:
        while sent < most:
            client.sock.sendall(octets)
            sent += len(octets)
    except (socket.timeout, TimeoutError, OSError):
        pass
    return sent


def test_plain_port_takes_more_than_a_buffer_at_once(new_gate):
    gate = new_gate()
    for octets in (b"A" * 60000, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + b"x" * 60000,
                   b"GET / HTTP/1.1\r\nX: " + b"y" * 60000):
        for _ in range(5):
            with Client(gate.http_port, plain=True) as c:
                with contextlib.suppress(OSError):      # answered before all of it was sent
                    c.send(octets)
                assert c.read().status in (400, 403, 431, 501)
    assert gate.process.poll() is None


def test_who_asks_and_never_reads_is_not_kept_in_memory(new_gate):
    """Answers to pipelined requests wait in memory only up to a bound."""
    gate = new_gate(limits={"idle_s": 2, "body_stall_s": 2})
    before, most = memory_kib(gate), 10_000_000 + kernel_buffers()
    with Client(gate.port, receive_buffer=4096) as c:
        sent = send_until_stuck(c, head("GET", "/") * 1000, most)
        grown = memory_kib(gate) - before
        assert sent < most, "the gate takes requests for ever"
        assert grown < 8 * 1024 or SLOWER > 1, "%d octets taken, %d KiB grown" % (sent, grown)
    with Client(gate.port) as c:
        c.send(head("GET", "/"))
        assert c.read().status == 401


def test_many_pipelined_requests_are_all_answered(new_gate):
    """More answers than the gate keeps ready: it stops, and goes on as they are read."""
    gate = new_gate()
    with Client(gate.port) as c:
        for _ in range(3):
            c.send(head("GET", "/") * 400)
            assert all(c.read().status == 401 for _ in range(400))
    wait_for(lambda: sum(r["event"] == "request" for r in gate.records()) == 1200, 3, "1200 records")


def test_a_reader_who_takes_a_little_now_and_then_is_let_go(new_gate):
    """Progress alone is not enough: body_min_bytes_s counts in this direction, too."""
    gate = new_gate(limits={"body_stall_s": 1, "body_min_bytes_s": 262144})
    gate.phones["101"].switch(pcap_bytes=8_000_000)
    with Client(gate.port, receive_buffer=8192) as c:
        digest = signed_in(gate, c)
        c.send(head("GET", LONG, headers=[digest.header("GET", LONG)]))
        end = time.monotonic() + 4
        try:
            while time.monotonic() < end and c.sock.recv(4096):
                time.sleep(0.1)
        except OSError:
            pass
        assert gate.record(path="/trace.pcap", outcome="failed")["reason"] == "client_stalled"
    with Client(gate.port) as c:      # the phone is free again
        digest = signed_in(gate, c)
        target = "/phone/101/info.htm"
        c.send(head("GET", target, headers=[digest.header("GET", target)]))
        assert c.read().status == 200


def stop(gate, seconds, rotated=False):
    """SIGTERM, a rotation of logs in between; how long the end takes."""
    begin = time.monotonic()
    gate.process.terminate()
    if rotated:
        time.sleep(0.5)
        gate.process.send_signal(signal.SIGUSR1)
        gate.process.send_signal(signal.SIGHUP)
    gate.process.wait(seconds)
    taken, status = time.monotonic() - begin, gate.process.returncode
    gate.process = None       # close() has nothing left to stop
    assert status == 0, gate.stderr()
    assert not SANITIZER.search(gate.stderr()), gate.stderr()
    return taken


def test_a_reload_with_changed_phones_keeps_no_old_connection(new_gate, new_phone, sign_in):
    """Phones have few connections; and nothing of what was kept may hold up the end."""
    phone = new_phone()
    gate = new_gate({"101": phone})
    assert sign_in(gate, "alice").get("/phone/101/info.htm").status == 200
    wait_for(lambda: phone.counters()["open_now"] == 1, 2, "a kept connection")
    text = gate.file.read_text()
    assert "pin_sha256 = [ " in text
    gate.file.write_text(text.replace("pin_sha256 = [ ", 'pin_sha256 = [ "%s", ' % ("a" * 64)))
    gate.process.send_signal(signal.SIGHUP)
    wait_for(lambda: phone.counters()["open_now"] == 0, 5, "the old connection goes")
    assert sign_in(gate, "alice").get("/phone/101/info.htm").status == 200
    assert phone.counters()["peak_open"] == 1
    assert stop(gate, 60) < 5 * SLOWER


def test_who_does_not_take_the_last_answer_does_not_hold_up_the_end(new_gate):
    gate = new_gate()
    gate.phones["101"].switch(pcap_bytes=4_000_000 + kernel_buffers())
    with Client(gate.port, receive_buffer=4096) as c:
        digest = signed_in(gate, c)
        c.send(head("GET", LONG, headers=[digest.header("GET", LONG)]))
        c.sock.recv(1)
        time.sleep(0.5)
        assert 5 < stop(gate, 60 * SLOWER, rotated=True) < 14 * SLOWER


def cpu_seconds(gate):
    with open("/proc/%d/stat" % gate.process.pid, encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def try_connect(gate, clients):
    try:
        clients.append(Client(gate.port, timeout=3 * SLOWER))
    except OSError:
        pass                 # closed at once


def test_no_descriptor_left(new_gate, sign_in):
    """New connections are closed at once, a phone's becomes 503; nothing spins, nothing stays."""
    gate = new_gate()
    assert sign_in(gate, "alice").get("/phone/101/info.htm").status == 200
    gate.phones["101"].close_connections()
    person = sign_in(gate, "alice")
    assert person.get("/").status == 200
    limit = len(os.listdir("/proc/%d/fd" % gate.process.pid)) + 8
    resource.prlimit(gate.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    clients = []
    for _ in range(24):
        try_connect(gate, clients)
    assert len(clients) < 24
    before = cpu_seconds(gate)
    assert person.get("/phone/101/info.htm").status in (200, 503)
    time.sleep(1)
    assert cpu_seconds(gate) - before < 0.5 * SLOWER
    for c in clients:
        c.close()
    wait_for(unless_turned_away(lambda: sign_in(gate, "alice").get("/phone/101/info.htm").status == 200), 5,
             "service once there are descriptors")


def test_limit_of_connections_in_all(new_gate):
    """Beyond `connections` a reserve of eight is told 503; beyond that nobody is let in."""
    gate = new_gate(limits={"connections": 6}, workers=1, status=status_listener())
    gate.rests()
    clients, told = [], []
    for sock in gate.at_once(["127.0.0.1"] * 20):
        with contextlib.suppress(OSError):
            clients.append(Client(gate.port, sock=sock))
    for c in clients:
        with contextlib.suppress(OSError, Closed):
            c.send(head("GET", "/"))
            told.append(c.read().status)
    assert told == [401] * 6 + [503] * 8, told
    assert gate.record(event="connection_refused", reason="connections_full")
    for c in clients:
        c.close()

    def is_let_in():
        with Client(gate.port) as c:
            c.send(head("GET", "/"))
            return c.read().status == 401
    wait_for(unless_turned_away(is_let_in), 5, "room again")


def test_slow_heads_and_slow_bodies(new_gate):
    """One octet now and then keeps nobody in: the deadline is the message's, not the octet's."""
    gate = new_gate(limits={"header_s": 1, "body_stall_s": 1, "body_min_bytes_s": 256})
    text = head("GET", "/", headers=[("X", "x" * 200)])
    with Client(gate.port) as c:
        begin = time.monotonic()
        drip(c, text, 3)
        assert c.read().status == 408 and time.monotonic() - begin < 2.5 * SLOWER
    assert gate.record(status=408, reason="header_timeout")
    with Client(gate.port) as c:
        digest = signed_in(gate, c)
        target = "/phone/101/prefs.htm"
        c.send(head("POST", target, headers=[
            digest.header("POST", target), ("Content-Length", "1000"),
            ("Content-Type", "application/x-www-form-urlencoded")]))
        begin = time.monotonic()
        drip(c, b"b" * 1000, 4)
        assert c.read().status == 408 and time.monotonic() - begin < 3.5 * SLOWER
    assert gate.record(status=408, reason="body_too_slow")


def drip(client, octets, seconds):
    """Octet by octet, ten a second, until an answer comes."""
    for i in range(int(seconds * 10 * SLOWER)):
        client.send(octets[i:i + 1])
        if select.select([client.sock], [], [], 0.1)[0]:
            return


@pytest.mark.parametrize("switches, reason", [
    ({"handshake_ms": 9000}, "phone_connect_timeout"),
    ({"fault": "stall_before_head", "fault_ms": 9000}, "phone_first_byte_timeout"),
    ({"fault": "stall_mid_head", "fault_ms": 9000}, "phone_stalled"),
    ({"fault": "stall_mid_body", "fault_ms": 9000}, "phone_stalled"),
])
def test_each_time_out_of_a_phone_has_its_reason(new_gate, sign_in, switches, reason):
    gate = new_gate(limits={"phone_connect_s": 1, "phone_first_byte_s": 1, "phone_stall_s": 1})
    phone, target = gate.phones["101"], "/phone/101/info.htm"
    assert sign_in(gate, "alice").get(target).status == 200
    phone.close_connections()
    phone.switch(**switches)
    try:
        answer = sign_in(gate, "alice", timeout=20).get(target)
        assert answer.status == 504 or answer.cut
    except Closed:
        assert reason == "phone_stalled"
    assert gate.record(reason=reason, outcome="failed")
    phone.switch(fault="", handshake_ms=0)
    assert sign_in(gate, "alice").get(target).status == 200
