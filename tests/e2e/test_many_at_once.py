"""Phones that take several requests at a time: logins are still tried one at a time."""

import shutil
import threading

import pytest

from manyphone import ManyPhone, entry
from test_vault import put, secret

from gate import ROOT, status_listener, wait_for

PAGE = "/phone/105/index.htm"


@pytest.fixture
def phone(tmp_path):
    p = ManyPhone(tmp_path)
    yield p
    p.stop()


@pytest.fixture
def gate(new_gate, phone, tmp_path):
    profile = (ROOT / "policy" / "profiles" / "snom.cfg").read_text()
    (tmp_path / "many.cfg").write_text(
        profile.replace("concurrent_requests = 1;", "concurrent_requests = 8;"))
    g = new_gate({"105": entry(phone)}, start=False, profiles_dir=tmp_path,
                 limits={"phone_first_byte_s": 20, "queue_s": 20})
    g._secret("secrets/many", "stored-password\n")
    return g.start()


def ask(gate, sign_in, people):
    """All at once; the statuses."""
    seen = []

    def one(person):
        seen.append(person.get(PAGE).status)
    threads = [threading.Thread(target=one, args=(sign_in(gate, "alice", timeout=30),))
               for _ in range(people)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    return seen


def test_R19_one_failed_login_for_a_wrong_password(gate, phone, sign_in):
    phone.accepts, phone.delay_s = False, 0.5
    assert ask(gate, sign_in, 12) == [502] * 12
    assert phone.failed == 1
    assert ask(gate, sign_in, 4) == [502] * 4
    assert phone.failed == 1


def test_the_others_go_on_when_the_first_is_in(gate, phone, sign_in):
    phone.delay_s = 0.6
    assert ask(gate, sign_in, 12) == [200] * 12
    assert 1 < phone.peak <= 8 and phone.failed == 0


def test_connections_that_end_while_a_login_is_tried(gate, phone, sign_in):
    """Who waits for the outcome loses the connection: another one is taken afterwards."""
    phone.delay_s, phone.hang_up = 2.0, 0.8
    assert ask(gate, sign_in, 8) == [200] * 8
    assert phone.failed == 0


def test_people_who_leave_while_a_login_is_tried(gate, phone, sign_in):
    phone.delay_s, phone.hang_up = 2.0, 0.8
    people = [sign_in(gate, "alice", timeout=30) for _ in range(8)]
    threads = [threading.Thread(target=lambda p=p: leave(p)) for p in people]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    phone.delay_s = phone.hang_up = 0
    assert ask(gate, sign_in, 4) == [200] * 4
    wait_for(lambda: phone.now == 0, 5, "nothing is under way")


def leave(person):
    person.get("/")                     # signs in
    lines = [person.digest.header("GET", PAGE)]
    person.client.send(b"GET " + PAGE.encode() + b" HTTP/1.1\r\nHost: gate.localhost\r\n"
                       + b"".join(("%s: %s\r\n" % line).encode() for line in lines) + b"\r\n")
    threading.Event().wait(0.4)
    person.close()


def test_no_connection_sends_the_old_password_for_the_candidate(new_gate, phone, sign_in, tmp_path):
    """Each connection has summed up name and password once; when another password's turn has come,
    the sum is made anew, or the candidate would be refused for what it is not."""
    old, new, seen = "old-7Kq_mZ.w2x*P", "new-4Tn@vR.k8s-Y", []
    profile = (ROOT / "policy" / "profiles" / "snom.cfg").read_text()
    (tmp_path / "many.cfg").write_text(
        profile.replace("concurrent_requests = 1;", "concurrent_requests = 8;"))
    gate = new_gate({"105": dict(entry(phone), login={"user": "gate", "from_vault": True})}, start=False,
                    workers=1, profiles_dir=tmp_path, state_dir="state",
                    vault={"file": "state/vault", "key_file": "vault.key", "candidate_after_s": 0})
    gate.secrets += [old, new]
    (gate.dir / "state").mkdir(mode=0o700)
    assert secret(gate, "init").returncode == 0
    assert put(gate, old, phone="105").returncode == 0
    assert put(gate, new, "--candidate", phone="105").returncode == 0
    gate.start()
    phone.password = old
    phone.let_in.clear()
    people = threading.Thread(target=lambda: seen.extend(ask(gate, sign_in, 4)))
    people.start()
    wait_for(lambda: phone.asked == 5, 20, "each has a connection, and one tries its login")
    phone.let_in.set()
    people.join(60)
    assert seen == [200] * 4
    phone.password = new
    person = sign_in(gate, "alice")
    assert person.get(PAGE).status == 502           # the one in force is refused
    assert person.get(PAGE).status == 200
    assert phone.failed == 1


def test_a_refused_reload_leaves_the_queue_as_it_was(new_gate, phone, sign_in, tmp_path):
    """It is refused by what is looked at last: the key in the state directory."""
    shutil.copy(ROOT / "policy" / "profiles" / "snom.cfg", tmp_path / "many.cfg")
    gate = new_gate({"105": entry(phone)}, start=False, profiles_dir=tmp_path, state_dir="state",
                    status=status_listener())
    gate._secret("secrets/many", "stored-password\n")
    gate.start()
    assert sign_in(gate, "alice").get(PAGE).status == 200
    key = (gate.dir / "state" / "nonce.key").read_text()
    (gate.dir / "state" / "nonce.key").write_text("rubbish\n")
    gate.rewrite(limits={"queue_length": 0})
    gate.reload("config.reload_refused")
    phone.let_in.clear()
    seen = []
    people = threading.Thread(target=lambda: seen.extend(ask(gate, sign_in, 2)))
    people.start()
    wait_for(lambda: phone.now == 1, 10, "one is at the phone")
    wait_for(lambda: gate.metrics()["phone_requests_waiting"] == 1 or seen, 10, "the other waits")
    phone.let_in.set()
    people.join(60)
    assert seen == [200, 200]
    (gate.dir / "state" / "nonce.key").write_text(key)
    gate.reload()
