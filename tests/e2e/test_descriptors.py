"""No descriptors left: who is served goes on being served, nothing spins, and it passes."""

import os
import pathlib
import resource
import signal
import stat
import time

import pytest

import gate as gate_module
from gate import SLOWER, status_listener, wait_for
from rawhttp import Client, Closed, head, unless_turned_away

PAGE = "/phone/101/info.htm"
CLOSE_WAIT = "08"      # in /proc/net/tcp


def cpu_seconds(gate):
    with open("/proc/%d/stat" % gate.process.pid, encoding="ascii") as text:
        fields = text.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(gate):
    return len(os.listdir("/proc/%d/fd" % gate.process.pid))


def leave(gate, count):
    """So many more descriptors than are open now. Gives what undoes it."""
    before = resource.prlimit(gate.process.pid, resource.RLIMIT_NOFILE)
    taken = {int(n) for n in os.listdir("/proc/%d/fd" % gate.process.pid)}
    limit = [n for n in range(len(taken) + count + 1) if n not in taken][count]
    resource.prlimit(gate.process.pid, resource.RLIMIT_NOFILE, (limit, before[1]))
    return lambda: resource.prlimit(gate.process.pid, resource.RLIMIT_NOFILE, before)


@pytest.fixture
def crowd():
    """crowd(gate, count): as many connections as can be had; how many."""
    clients = []

    def make(gate, count):
        had = 0
        for _ in range(count):
            try:
                clients.append(Client(gate.port, timeout=2 * SLOWER))
                had += 1
            except OSError:
                pass
        return had

    def leave_all():
        while clients:
            clients.pop().close()
    make.leave = leave_all
    yield make
    leave_all()


def nobody_leaves(gate):
    """None of its descriptors is of a connection that the other side has ended: those are closed soon."""
    def lines():
        return [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = ["%04X" % port for port in (gate.port, gate.http_port)]
    wait_for(lambda: not [1 for line in lines() if line[1][-4:] in ours and line[3] == CLOSE_WAIT], 5,
             "who looked whether the gate is up is gone")


def refused(gate):
    return gate.metrics()['connections_refused_total{for="descriptors"}']


def test_people_are_served_and_newcomers_turned_away(new_gate, sign_in, crowd):
    gate = new_gate(status=status_listener())
    person = sign_in(gate, "alice")
    assert person.get(PAGE).status == 200        # the connection to the phone is kept
    give_back = leave(gate, 6)
    had = crowd(gate, 30)
    assert had < 30
    before = cpu_seconds(gate)
    begin = time.monotonic()
    while time.monotonic() - begin < 1.5:
        assert person.get(PAGE).status == 200
        time.sleep(0.1)
    assert cpu_seconds(gate) - before < 0.5 * SLOWER
    assert "server.accept_failed" in gate.stderr()
    crowd.leave()
    wait_for(unless_turned_away(lambda: sign_in(gate, "bob").get(PAGE).status == 200), 5, "room again")
    give_back()
    assert refused(gate) > 0 and person.get(PAGE).status == 200


def test_who_waits_in_the_queue_of_the_kernel_costs_nothing(new_gate, crowd):
    """Neither a descriptor nor one in reserve: the listener rests, and goes on by itself."""
    gate = new_gate(workers=1)
    assert crowd(gate, 1) == 1
    give_back = leave(gate, 0)
    resource.prlimit(gate.process.pid, resource.RLIMIT_NOFILE,
                     (3, resource.prlimit(gate.process.pid, resource.RLIMIT_NOFILE)[1]))
    crowd(gate, 3)
    before = cpu_seconds(gate)
    time.sleep(1.5)
    assert cpu_seconds(gate) - before < 0.3 * SLOWER
    give_back()
    wait_for(lambda: crowd(gate, 1) == 1, 5, "the listener goes on")


def test_strangers_make_place_for_a_phones_connection(new_gate, sign_in, crowd):
    gate = new_gate(status=status_listener(), workers=1)
    person = sign_in(gate, "alice")
    assert person.get("/").status == 200
    leave(gate, 4)
    crowd(gate, 10)
    time.sleep(0.6)
    assert person.get(PAGE).status == 200        # a new connection to the phone
    assert gate.metrics()['connections_shed_total{for="descriptors"}'] >= 1


def test_a_phone_without_a_descriptor_is_503_with_a_reason(new_gate, sign_in):
    gate = new_gate(workers=1)
    person = sign_in(gate, "alice")
    assert person.get("/").status == 200
    nobody_leaves(gate)
    give_back = leave(gate, 0)
    assert person.get(PAGE).status == 503
    record = gate.record(reason="no_descriptors")
    assert (record["status"], record["outcome"], record["phone_id"]) == (503, "failed", "101")
    give_back()
    assert person.get(PAGE).status == 200        # on the same connection; the phone is not to blame


def test_a_reload_and_a_rotation_without_descriptors_change_nothing(new_gate, sign_in):
    gate = new_gate()
    person = sign_in(gate, "alice")
    assert person.get(PAGE).status == 200
    give_back = leave(gate, 0)
    gate.reload("config.reload_refused")
    gate.process.send_signal(signal.SIGUSR1)
    wait_for(lambda: "access_log.reopen_failed" in gate.stderr(), 5, "the rotation fails")
    count = len(gate.records())
    assert person.get(PAGE).status == 200
    wait_for(lambda: len(gate.records()) > count, 3, "its record, in the old file")
    before = descriptors(gate)
    give_back()
    gate.reload("config.reloaded")
    assert person.get(PAGE).status == 200
    assert descriptors(gate) <= before + 1       # refused reloads leave nothing open


def with_limit(tmp_path, monkeypatch, limit):
    wrapper = tmp_path / "phonegate"
    wrapper.write_text('#!/bin/sh\nulimit -n %d\nexec "%s" "$@"\n' % (
        limit, gate_module.program()))
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PHONEGATE", str(wrapper))


def test_a_start_with_few_descriptors_uses_fewer_connections(new_gate, sign_in, crowd, tmp_path,
                                                            monkeypatch):
    """It says so, and never comes to their end: who is too many is told 503."""
    with_limit(tmp_path, monkeypatch, 200)
    gate = new_gate(status=status_listener())
    assert "server.few_descriptors descriptors=200 connections=" in gate.stderr()
    person = sign_in(gate, "alice")
    assert person.get("/").status == 200
    crowd(gate, 250)
    assert descriptors(gate) < 200
    time.sleep(0.6)
    assert person.get(PAGE).status == 200        # a new connection to the phone
    assert sign_in(gate, "bob").get(PAGE).status == 200
    assert refused(gate) == 0 and "server.accept_failed" not in gate.stderr()
    numbers = gate.metrics()
    assert numbers['connections_refused_total{for="connections"}'] + \
        numbers['connections_shed_total{for="connections"}'] > 0


def test_the_soft_limit_is_raised_to_the_hard_one(new_gate):
    gate = new_gate()
    soft, hard = resource.prlimit(gate.process.pid, resource.RLIMIT_NOFILE)
    assert soft == hard


def test_check_notes_more_connections_than_descriptors(tmp_path, new_gate):
    import subprocess
    gate = new_gate(start=False, limits={"connections": 5000})
    done = subprocess.run(["sh", "-c", "ulimit -n 1000; exec \"$0\" check -c \"$1\"",
                           gate_module.program(), str(gate.file)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0
    assert "note: the 1000 files that may be open here are enough for" in done.stdout


def test_a_closed_client_is_no_fault(new_gate):
    """Connections that are gone before they are accepted."""
    gate = new_gate(status=status_listener())
    for _ in range(50):
        Client(gate.port, plain=True).close()
    with Client(gate.port) as c:
        c.send(head("GET", "/"))
        try:
            assert c.read().status == 401
        except Closed:
            raise AssertionError("not served") from None
    wait_for(lambda: gate.metrics()["connections"] == 1, 3, "nothing stays")
