"""The background check that phones are still hardened: drift, mending, restriction, restarts."""

import json
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

from gate import SLOWER, Fleet, free_port, program, wait_for

HARDENED = {"keyboard_lock_pw": "471100", "admin_mode_password": "adm-0f1e2d3c4b5a"}
DRIFT = ("phone_drifted", "phone_mended", "phone_restricted", "phone_unrestricted")


@pytest.fixture
def held(new_gate, new_phone):
    """held(...) -> a gate in front of one phone, looked at every second, and that phone."""
    def make(every=1, on_drift="report", settings=None, start=True, state="state", remote=None,
             **more):
        phone = new_phone("--http-port", "0", settings=dict(HARDENED, **(settings or {})))
        phone.entry = {"audit": {"http_port": phone.info["http_port"], "remote_port": remote or free_port()}}
        status = free_port()
        if state:
            more["state_dir"] = state
        gate = new_gate({"101": phone}, start=start, status={"listen": "127.0.0.1:%d" % status},
                        hardening={"check_every_s": every, "on_drift": on_drift}, **more)
        gate.status = status
        return gate, phone
    return make


def metrics(gate):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    text = opener.open("http://127.0.0.1:%d/metrics" % gate.status, timeout=5).read().decode()
    rows = (line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("phonegate_"))
    return {name[len("phonegate_"):]: int(value) for name, value in rows}


def checks(gate):
    m = metrics(gate)
    return sum(m['hardening_checks_total{result="%s"}' % r] for r in ("answered", "unanswered"))


def checked(gate, times=1):
    """Wait until the phone was looked at so often from now on."""
    want = checks(gate) + times
    wait_for(lambda: checks(gate) >= want, 10 + 3 * times, "%d checks" % times)


def known(gate, step):
    m = metrics(gate)
    return [s for s in ("holds", "partly", "fails", "lost", "unknown")
            if m['hardening_phones{step="%s",state="%s"}' % (step, s)] == 1]


def events(gate, *names):
    return [(r["event"], r["reason"]) for r in gate.records() if r["event"] in (names or DRIFT)]


def wait_event(gate, name, count=1):
    wait_for(lambda: len(events(gate, name)) >= count, 10, name)


def state_text(gate):
    path = gate.dir / "state" / "held"
    return path.read_text() if path.exists() else ""


def status_lines(gate):
    done = subprocess.run([program(), "status", "-c", str(gate.file)], stdout=subprocess.PIPE,
                          text=True, timeout=30, check=True)
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


def becomes(gate, sign_in, status):
    """A reload has been said before the last worker has taken it."""
    wait_for(lambda: sign_in(gate, "bob").get("/phone/101/").status == status, 5, str(status))


def restart(gate):
    gate.process.send_signal(signal.SIGTERM)
    assert gate.process.wait(15 * SLOWER) == 0
    gate.stderr_file.close()
    gate.start()


def test_a_hardened_phone_is_no_news(held):
    gate, _ = held()
    checked(gate, 3)
    assert [known(gate, s) for s in "1234"] == [["holds"]] * 4
    assert metrics(gate)["hardening_phones_hardened"] == 1
    assert [r for r in gate.records() if r["event"] != "connection_refused"] == []
    lines = status_lines(gate)
    assert lines["phones_hardened"] == "1" and lines["phones_drifted"] == "0"


def test_drift_and_mending_are_told_once_and_keep_people_out(held, sign_in):
    gate, phone = held(every=2, on_drift="restrict")
    alice, bob = sign_in(gate, "alice"), sign_in(gate, "bob")
    assert bob.get("/phone/101/").status == 200
    checked(gate)       # and the next one begins in two seconds: it sees both changes
    phone.set(http_scheme="off", keyboard_lock_pw="")
    wait_event(gate, "phone_restricted")
    checked(gate, 2)
    # Basic is asked for, so nobody logs in and step 4 cannot be read: it is not lost by that.
    assert events(gate) == [("phone_drifted", "step_1"), ("phone_restricted", "hardening_lost")]
    drifted = gate.record(event="phone_drifted")
    assert drifted["phone_id"] == "101" and drifted["step"] == "1"
    assert "http_scheme: off" in drifted["failing"] and drifted["outcome"] == "failed"
    refused = bob.get("/phone/101/")
    assert refused.status == 403 and b"lost a part of its protection" in refused.body
    record = gate.record(reason="phone_restricted")
    assert record["user"] == "bob" and record["phone_id"] == "101" and record["status"] == 403
    m = metrics(gate)
    assert m['hardening_lost_total{step="1"}'] == 1 and m["hardening_phones_drifted"] == 1
    assert m["hardening_phones_restricted"] == 1 and known(gate, "4") == ["holds"]
    assert status_lines(gate)["drifted"] == "101 steps 1"

    phone.set(http_scheme="on")
    wait_event(gate, "phone_drifted", 2)
    assert events(gate)[2:] == [("phone_mended", "step_1"), ("phone_drifted", "step_4")]
    assert bob.get("/phone/101/").status == 403
    assert alice.get("/phone/101/").status == 200
    phone.set(keyboard_lock_pw="471100")
    wait_event(gate, "phone_unrestricted")
    assert events(gate)[4:] == [("phone_mended", "step_4"), ("phone_unrestricted", "mended")]
    assert bob.get("/phone/101/").status == 200
    m = metrics(gate)
    assert m["hardening_phones_restricted"] == 0 and m["hardening_phones_drifted"] == 0
    assert m['hardening_mended_total{step="1"}'] == m['hardening_mended_total{step="4"}'] == 1


def test_report_keeps_nobody_out(held, sign_in):
    gate, phone = held()
    checked(gate)
    phone.set(keyboard_lock_pw="")
    wait_event(gate, "phone_drifted")
    assert sign_in(gate, "bob").get("/phone/101/").status == 200
    assert events(gate) == [("phone_drifted", "step_4")]
    assert metrics(gate)["hardening_phones_restricted"] == 0
    # Somebody decides otherwise, and decides again.
    gate.rewrite(hardening={"check_every_s": 1, "on_drift": "restrict"})
    gate.reload()
    becomes(gate, sign_in, 403)
    gate.rewrite(hardening={"check_every_s": 0, "on_drift": "restrict"})
    gate.reload()
    becomes(gate, sign_in, 200)
    wait_event(gate, "phone_unrestricted")
    assert events(gate)[1:] == [("phone_restricted", "hardening_lost"),
                                ("phone_unrestricted", "configuration")]


def test_who_was_never_hardened_loses_nothing(held, sign_in):
    gate, phone = held(on_drift="restrict", settings={"keyboard_lock_pw": ""})
    checked(gate, 3)
    assert events(gate) == [] and known(gate, "4") == ["fails"]
    assert sign_in(gate, "bob").get("/phone/101/").status == 200
    phone.set(keyboard_lock_pw="471100")
    wait_for(lambda: known(gate, "4") == ["holds"], 10, "step 4 holds")
    assert events(gate) == []
    phone.set(keyboard_lock_pw="")
    wait_event(gate, "phone_restricted")


def test_a_restart_neither_forgets_nor_repeats(held, sign_in):
    gate, phone = held(on_drift="restrict")
    checked(gate)
    phone.set(keyboard_lock_pw="")
    wait_event(gate, "phone_restricted")
    before = events(gate)
    restart(gate)
    assert sign_in(gate, "bob").get("/phone/101/").status == 403
    checked(gate, 2)
    assert events(gate) == before and metrics(gate)["hardening_phones_drifted"] == 1
    # Killed on the spot, too: what was told is on the disk within a second or so.
    gate.process.kill()
    gate.process.wait()
    gate.stderr_file.close()
    gate.start()
    assert sign_in(gate, "bob").get("/phone/101/").status == 403
    phone.set(keyboard_lock_pw="471100")
    wait_event(gate, "phone_unrestricted")
    assert events(gate) == before + [("phone_mended", "step_4"), ("phone_unrestricted", "mended")]


def test_a_restart_does_not_ask_again_what_was_asked(held):
    gate, phone = held(every=3600, start=False)
    (gate.dir / "state").mkdir(mode=0o700)
    held_file = gate.dir / "state" / "held"
    held_file.write_text("phonegate-held 1\nphone 101 %d %d hhhh- hhhh? 0 0 -\n" % ((time.time(),) * 2))
    held_file.chmod(0o600)
    gate.start()
    time.sleep(1.5)
    assert metrics(gate)["hardening_phones_hardened"] == 1
    assert phone.counters()["requests"] == 0


def test_a_phone_that_is_off_is_no_drift_and_not_mended(held, sign_in):
    gate, phone = held(on_drift="restrict", limits={"phone_connect_s": 1})
    checked(gate)
    phone.switch(refuse=True)
    wait_event(gate, "phone_check_incomplete")
    checked(gate, 2)
    assert events(gate) == []
    incomplete = gate.record(event="phone_check_incomplete")
    assert incomplete["reason"] == "phone_refused" and incomplete["phone_id"] == "101"
    assert len(events(gate, "phone_check_incomplete")) == 1
    assert metrics(gate)["hardening_phones_incomplete"] == 1
    phone.switch(refuse=False)
    wait_event(gate, "phone_check_complete")
    phone.set(keyboard_lock_pw="")
    wait_event(gate, "phone_restricted")
    phone.set(keyboard_lock_pw="471100")
    phone.switch(refuse=True)
    wait_event(gate, "phone_check_incomplete", 2)
    checked(gate, 2)
    assert metrics(gate)["hardening_phones_restricted"] in (0, 1)
    # Whichever came first; a phone that was not seen whole again stays restricted.
    if not events(gate, "phone_mended"):
        assert sign_in(gate, "bob").get("/phone/101/").status == 403
    phone.switch(refuse=False)
    wait_event(gate, "phone_unrestricted")


def test_who_stays_in_administrator_mode(held):
    gate, phone = held()
    checked(gate)
    names = DRIFT + ("phone_admin_mode_stays", "phone_admin_mode_over")
    phone.set(admin_mode="on")
    wait_event(gate, "phone_admin_mode_stays")
    checked(gate, 2)
    assert events(gate, *names) == [("phone_admin_mode_stays", "admin_mode"),
                                    ("phone_drifted", "step_2")]
    assert metrics(gate)["hardening_phones_in_admin_mode"] == 1
    phone.set(admin_mode="off")
    wait_event(gate, "phone_mended")
    assert events(gate, *names)[2:] == [("phone_admin_mode_over", "admin_mode"),
                                        ("phone_mended", "step_2")]
    assert metrics(gate)["hardening_phones_in_admin_mode"] == 0


def test_one_failed_login_and_no_more(held):
    """C: the phone locks everybody out after three."""
    gate, phone = held()
    checked(gate)
    phone.set(service_mode_password="changed-by-somebody")
    wait_event(gate, "phone_check_incomplete")
    checked(gate, 4)
    assert phone.counters()["failed_logins"] <= 1
    assert gate.record(event="phone_check_incomplete")["reason"] == "login_refused"
    assert events(gate) == [] and phone.state()["locked"] is False


def test_people_and_checks_take_turns(held, sign_in):
    gate, phone = held(every=1)
    checked(gate)
    phone.switch(ms=20)
    session = sign_in(gate, "bob")
    end = checks(gate) + 3
    while checks(gate) < end:
        assert session.get("/phone/101/").status == 200
    assert phone.counters()["garbled"] == 0
    assert events(gate) == []


def test_nobody_waits_for_a_port_that_does_not_answer(held, sign_in):
    """The old remote port, silently filtered: a listener whose backlog is full takes no more."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        port = silent.getsockname()[1]
        full = [socket.socket() for _ in range(3)]
        for one in full:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        gate, _ = held(remote=port, limits={"phone_connect_s": 3})
        session = sign_in(gate, "bob")
        longest, end = 0, time.monotonic() + 5
        while time.monotonic() < end:
            begun = time.monotonic()
            assert session.get("/phone/101/").status == 200
            longest = max(longest, time.monotonic() - begun)
            time.sleep(0.02)
        assert longest < 1.5 * SLOWER
        wait_for(lambda: checks(gate) > 0, 10, "a check ends")
        for one in full:
            one.close()


def test_off_asks_nothing_and_says_so(held):
    gate, phone = held(every=0)
    time.sleep(1.5)
    assert phone.counters()["requests"] == 0
    assert not any(name.startswith("hardening") for name in metrics(gate))
    assert status_lines(gate)["hardening"] == "not checked"
    assert state_text(gate) == ""


def test_a_profile_that_does_not_say_what_hardened_is_leaves_its_phones_alone(new_gate, new_phone):
    phone = new_phone(vendor="yealink", service=None)
    gate = new_gate({"101": phone}, hardening={"check_every_s": 1})
    time.sleep(2.5)
    assert phone.counters()["requests"] == 0 and events(gate, "phone_check_incomplete") == []


def test_a_reload_takes_a_phone_away_while_it_is_looked_at(held):
    gate, phone = held(every=1)
    checked(gate)
    phone.switch(ms=1500)
    time.sleep(1)
    gate.rewrite(phones=())
    gate.reload()
    wait_for(lambda: metrics(gate)["phones"] == 0, 5, "the new configuration")
    time.sleep(2)       # the phone is still busy with what was cut off
    phone.switch(ms=0)
    gate.rewrite(phones=tuple([dict(gate._phone("101", phone), name="again")]))
    gate.reload()
    checked(gate, 2)
    assert known(gate, "1") == ["holds"] and events(gate) == [], gate.log_text()


def test_one_odd_answer_is_no_drift(held):
    gate, phone = held(on_drift="restrict")
    checked(gate)
    asked = phone.counters()["requests"]
    phone.switch(fault="raw", raw="HTTP/1.1 200 Ok\r\nContent-Length: 2\r\n\r\nhi", fault_path="/",
                 fault_count=1)     # as if it asked for no login, once
    checked(gate, 2)
    assert phone.counters()["requests"] > asked
    assert events(gate) == [] and known(gate, "1") == ["holds"]


def test_stops_in_the_middle_of_a_check(held):
    gate, phone = held(every=1)
    checked(gate)
    phone.switch(ms=5000)
    time.sleep(1.2)
    begun = time.monotonic()
    gate.close()
    gate.process = None
    assert time.monotonic() - begun < 4 * SLOWER


@pytest.mark.parametrize("spoil", ["cut", "text", "open"])
def test_a_damaged_memory_is_told_and_keeps_people_out_until_a_look(held, sign_in, spoil):
    gate, phone = held(every=3600, on_drift="restrict", start=False)
    (gate.dir / "state").mkdir(mode=0o700)
    held_file = gate.dir / "state" / "held"
    held_file.write_text("phonegate-held 1\n" if spoil == "open" else
                         "phonegate-held 1\nphone 101 1" if spoil == "cut" else "nonsense\n")
    held_file.chmod(0o644 if spoil == "open" else 0o600)
    gate.start()
    assert "state.held_lost" in gate.stderr()
    assert sign_in(gate, "bob").get("/phone/101/").status == 403
    assert sign_in(gate, "alice").get("/phone/101/").status == 200
    assert events(gate) == [("phone_restricted", "hardening_unknown")]
    gate.rewrite(hardening={"check_every_s": 1, "on_drift": "restrict"})
    gate.reload()
    wait_event(gate, "phone_unrestricted")
    assert sign_in(gate, "bob").get("/phone/101/").status == 200
    assert ("phone_drifted", "step_1") not in events(gate)


def test_a_damaged_memory_keeps_nobody_from_a_phone_that_is_never_looked_at(new_gate, new_phone):
    """Its profile does not say what hardened is, so no look would ever open it again."""
    gate = new_gate({"101": new_phone(vendor="yealink", service=None)}, start=False,
                    state_dir="state", hardening={"check_every_s": 1, "on_drift": "restrict"})
    (gate.dir / "state").mkdir(mode=0o700)
    (gate.dir / "state" / "held").write_text("nonsense\n")
    (gate.dir / "state" / "held").chmod(0o600)
    gate.start()
    assert "state.held_lost" in gate.stderr()
    assert events(gate) == []


def test_a_fleet_is_looked_at_a_few_at_a_time(new_gate, tmp_path):
    fleet = Fleet(tmp_path, 40, "--http-port", "0", "--states", "hardened",
                  "--set", "http_user=gate", "--set", "http_pass=fleet-pw-1a2b3c4d",
                  "--set", "service_mode_login=service", "--set", "service_mode_password=fleet-svc-5e6f",
                  *(word for item in HARDENED.items() for word in ("--set", "%s=%s" % item)))
    try:
        gate = new_gate({}, start=False, state_dir="state",
                        status={"listen": "127.0.0.1:%d" % free_port()},
                        hardening={"check_every_s": 4, "parallel": 2})
        gate.status = int(gate.config["status"]["listen"].split(":")[1])
        gate._secret("secrets/login", "fleet-pw-1a2b3c4d\n")
        gate._secret("secrets/service", "fleet-svc-5e6f\n")
        remote = free_port()
        gate.rewrite(phones=tuple(
            {"id": "p%d" % n, "url": fleet.url(n), "profile": "snom",
             "host": "p%d.phones.localhost" % n,
             "login": {"user": "gate", "password_file": "secrets/login"},
             "admin_login": {"user": "service", "password_file": "secrets/service"},
             "audit": {"http_port": fleet.info["http_port"], "remote_port": remote},
             "tls": {"pin_sha256": [fleet.pin]}} for n in range(40)))
        gate.start()
        most = 0

        def all_hardened():
            nonlocal most
            m = metrics(gate)
            most = max(most, m["phone_requests_in_flight"])
            return m["hardening_phones_hardened"] == 40
        wait_for(all_hardened, 40, "all phones looked at")
        assert most <= 2
        fleet.set(7, keyboard_lock_pw="")
        wait_event(gate, "phone_drifted")
        assert gate.record(event="phone_drifted")["phone_id"] == "p7"
        assert metrics(gate)["hardening_phones_drifted"] == 1
        assert fleet.counters()["most_failed_logins"] == 0
        text = json.dumps(metrics(gate))
        assert "p7" not in text and len(text) < 16000
    finally:
        fleet.stop()


def test_explain_says_what_it_cannot_know(held):
    gate, _ = held(on_drift="restrict", start=False)

    def explain(user, *words):
        done = subprocess.run([program(), "explain", "-c", str(gate.file), "--user", user, "--phone",
                               "101", "--format", "json", *words, "GET", "/"],
                              stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, json.loads(done.stdout)
    status, said = explain("bob")
    assert status == 0 and said["restricted"].startswith("not asked")
    status, said = explain("bob", "--restricted")
    assert status == 1 and said["reason"] == "phone_restricted" and said["status"] == 403
    assert said["restricted"] == "assumed"
    status, said = explain("alice", "--restricted")
    assert status == 0 and "restricted" not in said
