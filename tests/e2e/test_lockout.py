"""Who guesses passwords has to wait; nobody else has to."""

import secrets
import subprocess
import time

import pytest

import rawhttp
from digestclient import Digest, challenges
from gate import program, wait_for

PAGE = "/phone/101/info.htm"
LOCK = {"failures": 5, "window_s": 60, "block_s": 300}
PROXY = {"https": {"proxy_protocol_from": ["127.0.0.1"]}}


def ask(gate, *headers, target=PAGE, source=None):
    """`source`: the address that a balancer reports."""
    first = b""
    if source:
        family = b"TCP6" if ":" in source else b"TCP4"
        to = b"::1" if ":" in source else b"127.0.0.1"
        first = b"PROXY %s %s %s 4711 8443\r\n" % (family, source.encode(), to)
    with rawhttp.Client(gate.port, address=gate.address, first=first) as c:
        c.send(rawhttp.head("GET", target, "gate.localhost", headers))
        return c.read("GET")


def try_once(gate, user, password=None, source=None):
    digest = Digest(user, password or gate.passwords.get(user, "nobody"))
    digest.take(ask(gate, source=source))
    return ask(gate, digest.header("GET", PAGE), source=source)


def guess(gate, user, times, source=None):
    return [try_once(gate, user, secrets.token_hex(4), source).status for _ in range(times)]


def test_V25_guessing_is_stopped(new_gate):
    gate = new_gate(lockout=LOCK)
    assert guess(gate, "bob", 5) == [401] * 5
    answer = try_once(gate, "bob")      # even the right one, since nothing is looked at
    assert answer.status == 429
    assert 290 <= int(answer.one("retry-after")) <= 300
    assert not answer.all("www-authenticate") and b"Too many wrong passwords" in answer.body
    record = gate.record(status=429)
    assert record["reason"] == "locked" and record["outcome"] == "denied"
    assert record["user_claimed"] == "bob" and "user" not in record
    assert try_once(gate, "alice").status == 200      # R26: the same address, another person


def test_V25_a_name_that_nobody_has_is_locked_alike(new_gate):
    gate = new_gate(lockout=LOCK)
    known = [try_once(gate, "bob", "guess") for _ in range(6)][-1]
    unknown = [try_once(gate, "nobody", "guess") for _ in range(6)][-1]
    assert unknown.status == known.status == 429
    assert {n for n, _ in unknown.headers} == {n for n, _ in known.headers}
    assert "nobody" not in gate.log_text()      # it may be a password


def spelt(gate, user, how):
    """One wrong answer that names `user` in one of three spellings."""
    digest = Digest(user, "guess")
    digest.take(ask(gate))
    fields = digest.fields("GET", PAGE)
    if how == "hash":
        fields["username"] = digest.user_hash().upper()
        fields["userhash"] = "true"
    elif how == "extended":
        del fields["username"]
        fields["username*"] = "UTF-8''%%%02X%s" % (ord(user[0]), user[1:])
    return ask(gate, ("Authorization", digest.spell(fields))).status


@pytest.mark.parametrize("user", ["bob", "nobody"])
def test_V25_spellings_of_a_name_are_counted_together(new_gate, user):
    """Were this so for names that exist only, it would tell which do."""
    gate = new_gate(lockout=LOCK)
    ways = ["clear", "hash", "extended", "hash", "clear"]
    assert [spelt(gate, user, how) for how in ways] == [401] * 5
    assert [spelt(gate, user, how) for how in ("clear", "hash", "extended")] == [429] * 3


def test_V25_expired_and_replayed_nonces_count(new_gate):
    gate = new_gate(lockout=LOCK, digest={"nonce_lifetime_s": 5})
    digest = Digest("bob", gate.passwords["bob"])
    digest.take(ask(gate))
    assert ask(gate, digest.header("GET", PAGE)).status == 200
    digest.password = "guess"
    for _ in range(3):
        assert ask(gate, digest.header("GET", PAGE, nc="00000001")).status == 401
    time.sleep(5.2)
    for _ in range(2):
        answer = ask(gate, digest.header("GET", PAGE))
        assert answer.status == 401 and not any(c.stale for c in challenges(answer))
    assert ask(gate, digest.header("GET", PAGE)).status == 429


def test_R04_replays_do_not_count(new_gate):
    gate = new_gate(lockout=LOCK)
    digest = Digest("bob", gate.passwords["bob"])
    digest.take(ask(gate))
    header = digest.header("GET", PAGE)
    assert ask(gate, header).status == 200
    for _ in range(10):
        answer = ask(gate, header)
        assert answer.status == 401 and all(c.stale for c in challenges(answer))
    assert ask(gate, digest.header("GET", PAGE)).status == 200


def test_V25_forged_nonces_do_not_count(new_gate):
    """Nobody locks a person out with answers that were never asked for."""
    gate = new_gate(lockout=LOCK)
    digest = Digest("bob", "guess")
    digest.take(ask(gate))
    for _ in range(8):
        assert ask(gate, digest.header("GET", PAGE, nonce="A" * 54)).status == 401
    assert try_once(gate, "bob").status == 200


def test_V25_zero_is_off(new_gate):
    gate = new_gate(lockout=dict(LOCK, failures=0))
    assert guess(gate, "bob", 30) == [401] * 30
    assert try_once(gate, "bob").status == 200


def test_V25_a_block_ends(new_gate):
    gate = new_gate(lockout={"failures": 2, "window_s": 60, "block_s": 4})
    assert guess(gate, "bob", 2) == [401, 401]
    assert try_once(gate, "bob").status == 429
    wait_for(lambda: try_once(gate, "bob").status == 200, 5, "the end of the block")


def test_R25_over_IPv6(new_gate, new_phone):
    gate = new_gate({"101": new_phone()}, address="::1", lockout=LOCK)
    assert guess(gate, "bob", 5) == [401] * 5
    assert try_once(gate, "bob").status == 429
    assert try_once(gate, "alice").status == 200


def test_R25_IPv6_counts_by_64(new_gate, new_phone):
    gate = new_gate({"101": new_phone()}, lockout=LOCK, **PROXY)
    for i in range(5):
        assert guess(gate, "bob", 1, "2001:db8:1:2::%x" % (i + 1)) == [401]
    assert try_once(gate, "bob", source="2001:db8:1:2:ffff::9").status == 429
    assert try_once(gate, "bob", source="2001:db8:1:3::1").status == 200


def test_R26_nobody_locks_a_person_out_from_elsewhere(new_gate, new_phone):
    """The limit of a user spares the addresses from which the person has signed in."""
    gate = new_gate({"101": new_phone()}, lockout=dict(LOCK, failures_per_user=6), **PROXY)
    assert try_once(gate, "bob", source="192.0.2.1").status == 200
    for i in range(6):
        assert guess(gate, "bob", 1, "198.51.100.%d" % i) == [401]
    assert try_once(gate, "bob", source="203.0.113.9").status == 429    # from where nobody knows him
    assert try_once(gate, "bob", source="192.0.2.1").status == 200
    assert try_once(gate, "alice", source="203.0.113.9").status == 200


def test_R26_guessing_at_many_names_stops_at_the_address(new_gate, new_phone):
    gate = new_gate({"101": new_phone()}, lockout=dict(LOCK, failures_per_address=6), **PROXY)
    assert try_once(gate, "bob", source="192.0.2.1").status == 200      # a colleague behind the NAT
    for i in range(6):
        assert guess(gate, "name-%d" % i, 1, "192.0.2.1") == [401]
    assert guess(gate, "another", 1, "192.0.2.1") == [429]
    assert try_once(gate, "bob", source="192.0.2.1").status == 200
    assert try_once(gate, "alice", source="192.0.2.2").status == 200


# --- records, the administrator, a restart -------------------------------------------------------

def command(gate, *words):
    return subprocess.run([program(), *words, "-c", str(gate.file)], capture_output=True,
                          text=True, timeout=20)


def test_V25_each_block_has_a_beginning_and_an_end(new_gate):
    gate = new_gate(lockout={"failures": 2, "window_s": 60, "block_s": 1})
    guess(gate, "bob", 2)
    begun = gate.record(event="lockout_started")
    assert begun["reason"] == "user_at_address" and begun["user_claimed"] == "bob"
    assert begun["src_ip"] == "127.0.0.1" and begun["dur_ms"] == 1000
    ended = gate.record(event="lockout_ended")
    assert ended["reason"] == "user_at_address_expired" and ended["user_claimed"] == "bob"
    guess(gate, "nobody", 2)
    begun = gate.record(event="lockout_started", user_claimed_hashed=True)
    assert begun["user_claimed"] != "nobody" and "nobody" not in gate.log_text()


def test_V25_unlock(new_gate):
    gate = new_gate(lockout=LOCK, state_dir="state")
    guess(gate, "bob", 5)
    assert try_once(gate, "bob").status == 429
    done = command(gate, "user", "unlock", "bob")
    assert (done.returncode, done.stdout, done.stderr) == (0, "unlocked bob\n", "")
    assert try_once(gate, "bob").status == 200
    assert gate.record(event="lockout_ended")["reason"] == "user_at_address_unlocked"
    again = command(gate, "user", "unlock", "bob")
    assert again.returncode == 1 and "no wrong password is counted for bob" in again.stderr


def test_R26_where_a_person_was_seen_outlives_a_restart(new_gate, new_phone):
    gate = new_gate({"101": new_phone()}, lockout=dict(LOCK, failures_per_user=6),
                    state_dir="state", **PROXY)
    assert try_once(gate, "bob", source="192.0.2.1").status == 200
    gate.close()
    text = (gate.dir / "state" / "people").read_text()
    assert "place " in text and "bob" not in text
    gate.start()
    for i in range(6):
        guess(gate, "bob", 1, "198.51.100.%d" % i)
    assert try_once(gate, "bob", source="203.0.113.9").status == 429
    assert try_once(gate, "bob", source="192.0.2.1").status == 200
