"""Reload, stop, IPv6: what must hold while the gate changes under people's hands."""

import ssl
import threading
import time

import pytest

import gate as gate_module
from digestclient import Session
from rawhttp import Client, head, tls_context

PAGE = "/phone/101/info.htm"


def soon(session, target, status):
    """Workers take a new configuration one after the other, a moment after it is announced."""
    gate_module.wait_for(lambda: session.get(target).status == status, 2, "%d for %s" % (status, target))


def test_R07_reload_under_load_asks_nobody_for_a_password(new_gate, new_phone):
    phone = new_phone()
    gate = new_gate({"101": phone})
    stop = threading.Event()
    seen, prompts = [], []

    def load():
        with Session(gate, "bob") as s:
            mine = 0
            while mine == 0 or not stop.is_set():
                seen.append(s.get(PAGE).status)
                mine += 1
            prompts.append(s.prompts)
            prompts.append(s.digest.nc == mine)
    threads = [threading.Thread(target=load) for _ in range(3)]
    for t in threads:
        t.start()
    for _ in range(5):
        time.sleep(0.1)
        gate.reload()
    stop.set()
    for t in threads:
        t.join()
    assert set(seen) == {200} and prompts == [1, True] * 3
    counters = phone.counters()
    assert counters["failed_logins"] == 0 and counters["peak_in_flight"] == 1


def test_reload_takes_new_phones_and_users(new_gate, new_phone, sign_in):
    one, two = new_phone(), new_phone()
    gate = new_gate({"101": one})
    s = sign_in(gate, "bob")
    assert s.get("/phone/102/info.htm").status == 404
    gate.phones["102"] = two
    gate.rewrite(phones=tuple(gate._phone(i, p) for i, p in gate.phones.items()))
    assert s.get("/phone/102/info.htm").status == 404       # not before it is told
    gate.reload()
    soon(s, "/phone/102/info.htm", 200)
    users = (gate.dir / "users").read_text().splitlines(True)
    (gate.dir / "users").write_text("".join(u for u in users if not u.startswith("bob:")))
    gate.reload()
    soon(s, PAGE, 401)


def test_a_bad_file_changes_nothing(new_gate, new_phone, sign_in):
    gate = new_gate({"101": new_phone()})
    s = sign_in(gate, "bob")
    assert s.get(PAGE).status == 200
    good = gate.file.read_text()
    for bad in ("realm = ;", good.replace('profile = "snom"', 'profile = "none-such"'), ""):
        gate.file.write_text(bad)
        gate.reload("config.reload_refused")
        assert s.get(PAGE).status == 200


def test_reload_takes_a_new_certificate(new_gate, new_phone, tmp_path):
    gate = new_gate({"101": new_phone()})
    other = gate_module.make_ca(tmp_path / "ca")
    for name in ("gate.crt", "gate.key"):
        (gate.dir / "tls" / name).write_bytes((other / name).read_bytes())
    gate.reload()

    def trusted():
        try:
            Client(gate.port, tls=tls_context(str(other / "ca.crt"))).close()
            return True
        except ssl.SSLCertVerificationError:
            return False
    gate_module.wait_for(trusted, 2, "the new certificate")


def asked(session, phone):
    """A request that the phone has and will answer in a while."""
    phone.switch(ms=2000)
    session.client.send(head("GET", PAGE, headers=[session.digest.header("GET", PAGE)]))
    gate_module.wait_for(lambda: phone.counters()["in_flight"] == 1, 5, "the phone is asked")


def test_a_request_under_way_outlives_the_reload(new_gate, new_phone, sign_in):
    phone = new_phone()
    gate = new_gate({"101": phone})
    s = sign_in(gate, "bob")
    assert s.get(PAGE).status == 200
    asked(s, phone)
    gate.rewrite(phones=({"id": "999", "url": "https://127.0.0.1:1", "profile": "snom",
                          "tls": {"verify": "none"}, "login": gate.config["phones"][0]["login"]},))
    gate.reload()
    assert s.client.read().status == 200
    soon(s, PAGE, 404)
    gate_module.wait_for(lambda: phone.counters()["open_now"] == 0, 5, "no connection is kept")


def test_stop_lets_the_request_under_way_finish(new_gate, new_phone, sign_in):
    phone = new_phone()
    gate = new_gate({"101": phone})
    s = sign_in(gate, "bob")
    assert s.get(PAGE).status == 200
    asked(s, phone)
    gate.process.terminate()
    answer = s.client.read()
    assert answer.status == 200 and b"Mac:" in answer.body
    assert gate.process.wait(30 * gate_module.SLOWER) == 0
    assert gate.record(path="/info.htm", outcome="allowed")
    gate.process = None


def test_stop_with_idle_people_is_quick(new_gate, new_phone, sign_in):
    gate = new_gate({"101": new_phone()})
    sessions = [sign_in(gate, "bob") for _ in range(5)]
    for s in sessions:
        assert s.get(PAGE).status == 200
    silent = Client(gate.port)
    start = time.monotonic()
    gate.process.terminate()
    assert gate.process.wait(30 * gate_module.SLOWER) == 0
    assert time.monotonic() - start < 4 * gate_module.SLOWER
    silent.close()
    gate.process = None


@pytest.fixture
def ipv6():
    try:
        gate_module.free_port("::1")
    except OSError:
        pytest.skip("no IPv6 here")


def test_R25_everything_over_ipv6(ipv6, new_gate, new_phone, sign_in):
    phone = new_phone("--address", "::1")
    gate = new_gate({"101": phone}, address="::1")
    s = sign_in(gate, "bob", address="::1")
    assert s.get(PAGE).status == 200
    s.digest.password = "wrong"
    assert s.get(PAGE).status == 401
    r = gate.record(outcome="allowed", path="/info.htm")
    assert r["src_ip"] == "::1" and "[::1]" in r["phone_addr"]
    headers = dict((n.lower(), v) for n, v in phone.seen()[-1]["headers"])
    assert headers["host"] == "[::1]:%d" % phone.port
