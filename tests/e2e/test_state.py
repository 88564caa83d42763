"""What outlives a reload and a restart: nonces, so that no password box comes out of nowhere."""

import os
import random
import secrets
import signal
import stat
import threading

import pytest

import rawhttp
from digestclient import Digest, challenges
from gate import wait_for

PAGE = "/phone/101/info.htm"


def ask(gate, *headers, target=PAGE):
    with rawhttp.Client(gate.port, address=gate.address) as c:
        c.send(rawhttp.head("GET", target, "gate.localhost", headers))
        return c.read("GET")


def credentials(gate, user="bob"):
    digest = Digest(user, gate.passwords[user])
    digest.take(ask(gate))
    return digest


def restart(gate):
    gate.close()
    gate.start()


def test_V28_restart_asks_nobody(new_gate, sign_in):
    gate = new_gate(state_dir="state")
    session = sign_in(gate, "bob")
    assert session.get(PAGE).status == 200 and session.prompts == 1
    restart(gate)
    old = session.digest.header("GET", PAGE)
    answer = ask(gate, old)
    assert answer.status == 401 and all(c.stale for c in challenges(answer))
    assert gate.record(status=401, reason="nonce_other_instance")
    session.close()
    assert session.get(PAGE).status == 200 and session.prompts == 1


def test_V28_wrong_answer_after_a_restart_is_not_stale(new_gate):
    gate = new_gate(state_dir="state")
    digest = credentials(gate)
    restart(gate)
    digest.password = "guess"
    answer = ask(gate, digest.header("GET", PAGE))
    assert answer.status == 401 and not any(c.stale for c in challenges(answer))


def test_V28_without_a_directory_a_restart_asks(new_gate):
    gate = new_gate()
    digest = credentials(gate)
    restart(gate)
    answer = ask(gate, digest.header("GET", PAGE))
    assert answer.status == 401 and not any(c.stale for c in challenges(answer))
    assert gate.record(status=401, reason="nonce_unknown")


def test_V28_R07_reload_under_load_asks_nobody(new_gate, new_phone):
    gate = new_gate({"101": new_phone()}, state_dir="state")
    digest = credentials(gate)
    headers = [digest.header("GET", "/") for _ in range(60)]
    statuses = []

    def person(mine):
        with rawhttp.Client(gate.port) as c:
            for header in mine:
                c.send(rawhttp.head("GET", "/", "gate.localhost", [header]))
                statuses.append(c.read("GET").status)
    threads = [threading.Thread(target=person, args=(headers[i::3],)) for i in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        gate.reload("config.reloaded")
    for thread in threads:
        thread.join()
    assert statuses == [200] * 60


def test_V08_R03_64_counts_in_any_order_on_6_connections(new_gate):
    gate = new_gate(state_dir="state")
    digest = credentials(gate)
    counts = list(range(1, 65))
    random.Random(7).shuffle(counts)
    headers = [digest.header("GET", "/", nc="%08x" % nc) for nc in counts]
    statuses = []

    def person(mine):
        with rawhttp.Client(gate.port) as c:
            for header in mine:
                c.send(rawhttp.head("GET", "/", "gate.localhost", [header]))
                statuses.append(c.read("GET").status)
    threads = [threading.Thread(target=person, args=(headers[i::6],)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 64
    for header in headers:      # each of them again: stale, whatever came in between
        answer = ask(gate, header, target="/")
        assert answer.status == 401 and all(c.stale for c in challenges(answer))


def test_V28_the_key_file(new_gate):
    gate = new_gate(state_dir="state")
    state = gate.dir / "state"
    key = state / "nonce.key"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    text = key.read_text()
    restart(gate)
    gate.reload("config.reloaded")
    assert key.read_text() == text
    # Eight days old: the next start signs with a new one and still takes the old one.
    digest = credentials(gate)
    gate.close()
    old, made = text.split()
    key.write_text("%s %d\n" % (old, int(made) - 8 * 86400))
    gate.start()
    lines = key.read_text().splitlines()
    assert len(lines) == 2 and lines[1] == old and lines[0].split()[0] != old
    answer = ask(gate, digest.header("GET", PAGE))
    assert answer.status == 401 and all(c.stale for c in challenges(answer))
    assert old not in gate.stderr() and lines[0].split()[0] not in gate.stderr()


@pytest.mark.parametrize("spoil", ["mode", "text", "directory"])
def test_V28_a_state_that_cannot_be_trusted_stops_the_start(new_gate, spoil):
    gate = new_gate(state_dir="state")
    gate.close()
    gate.process = None
    key = gate.dir / "state" / "nonce.key"
    if spoil == "mode":
        key.chmod(0o644)
    elif spoil == "text":
        key.write_text("no key\n")
    else:
        os.chmod(gate.dir / "state", 0o750)
    with pytest.raises(AssertionError, match="serve ended with 1"):
        gate.start()
    gate.process = None


def test_V28_replicas_share_a_key(new_gate, new_phone):
    phone = new_phone()
    key = secrets.token_hex(32)
    gates = []
    for _ in range(2):
        gate = new_gate({"101": phone}, start=False, nonce_key_file="shared.key",
                        state_dir="state")
        gate._secret("shared.key", key + "\n")
        gates.append(gate)
    gates[1]._secret("users", (gates[0].dir / "users").read_text())
    gates[1].passwords = gates[0].passwords
    for gate in gates:
        gate.start()
    digest = credentials(gates[0])
    assert ask(gates[0], digest.header("GET", PAGE)).status == 200
    answer = ask(gates[1], digest.header("GET", PAGE))
    assert answer.status == 401 and all(c.stale for c in challenges(answer))
    digest.take(answer)
    assert ask(gates[1], digest.header("GET", PAGE)).status == 200
    assert not (gates[0].dir / "state" / "nonce.key").exists()
    # A new shared key comes with a reload, the old one as its second line.
    gates[0]._secret("shared.key", secrets.token_hex(32) + "\n" + key + "\n")
    gates[0].reload("config.reloaded")
    digest = credentials(gates[1])
    answer = ask(gates[0], digest.header("GET", PAGE))
    assert answer.status == 401 and all(c.stale for c in challenges(answer))
    gates[0]._secret("shared.key", "broken\n")
    gates[0].process.send_signal(signal.SIGHUP)
    wait_for(lambda: "config.reload_refused" in gates[0].stderr(), 5, "the refusal")
    assert key not in gates[0].stderr() + gates[1].stderr()
