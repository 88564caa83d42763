"""The gate as a client of phones: rows C01-C14, R18-R24, accounts, queue, breaker, pins."""

import re
import threading
import time

import pytest

import gate as gate_module
import leaks
from digestclient import Session
from rawhttp import Client, head

PAGE = "/phone/101/info.htm"


def ask_many(gate, user, target, count, **options):
    """`count` people ask at once; their answers' statuses."""
    statuses, lock = [], threading.Lock()

    def run():
        with Session(gate, user, timeout=30, **options) as s:
            status = s.get(target).status
        with lock:
            statuses.append(status)
    threads = [threading.Thread(target=run) for _ in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return statuses


@pytest.fixture
def new_gate(new_gate):
    """Each gate here is at rest again when its test is over: descriptors, slots, queue."""
    rests = []

    def make(*words, start=True, **config):
        g = new_gate(*words, start=start, status=gate_module.status_listener(), **config)
        if start:
            rests.append(leaks.Rest(g))
        return g
    yield make
    for rest in rests:
        rest.check()


# --- one at a time, one login --------------------------------------------------------------------

def test_R24_one_request_in_flight(new_gate, new_phone):
    phone = new_phone(ms=20)
    gate = new_gate({"101": phone})
    assert ask_many(gate, "bob", PAGE, 24) == [200] * 24
    counters = phone.counters()
    assert counters["peak_in_flight"] == 1 and counters["garbled"] == 0


def test_C07_preemptive_a_single_401_in_a_long_life(new_gate, new_phone, sign_in):
    phone = new_phone()
    gate = new_gate({"101": phone}, asset_cache={"bytes": 0})
    s = sign_in(gate, "bob")
    for path in ["/", "/info.htm", "/css/main.css", "/img/logo.png"] * 10:
        assert s.get("/phone/101" + path).status == 200
    counters = phone.counters()
    assert counters["unauthorized"] == 1 and counters["failed_logins"] == 0
    assert counters["connections"] == 1 and counters["handshakes_full"] == 1
    numbers = [r["headers"] for r in phone.seen()]
    assert len(numbers) == 40


def test_workers_share_the_connections_to_a_phone(new_gate, new_phone):
    """A connection that one worker has parked serves the others: the phone has one handshake, one login."""
    phone = new_phone()
    gate = new_gate({"101": phone}, workers=4)
    people = [Session(gate, "bob") for _ in range(12)]    # the kernel spreads them over the workers
    for _ in range(3):
        for person in people:
            assert person.get(PAGE).status == 200
    for person in people:
        person.close()
    counters = phone.counters()
    assert counters["connections"] == counters["handshakes_full"] == counters["unauthorized"] == 1


def test_workers_share_the_limit_of_a_phone(new_gate, new_phone):
    phone = new_phone(ms=20)
    gate = new_gate({"101": phone}, workers=4)
    assert ask_many(gate, "bob", PAGE, 24) == [200] * 24
    assert phone.counters()["peak_in_flight"] == 1


def test_a_quiet_moment_changes_nothing(new_gate, new_phone, sign_in):
    """After a second both connections give their buffers back; then they go on."""
    phone = new_phone()
    gate = new_gate({"101": phone})
    alice = sign_in(gate, "alice")
    for _ in range(3):
        assert alice.get("/phone/101/index.htm").status == 200
        assert alice.get("/phone/101/index.htm").status == 200
        time.sleep(1.3)
    assert phone.counters()["connections"] == 1
    assert len({record["conn_id"] for record in gate.records() if record.get("user")}) == 1


def test_C05_R20_nc_rises_by_one_over_parallel_people(new_gate, new_phone):
    phone = new_phone(strict_nc=True)
    gate = new_gate({"101": phone})
    assert ask_many(gate, "bob", PAGE, 4) == [200] * 4
    assert ask_many(gate, "bob", PAGE, 12) == [200] * 12
    assert phone.counters()["stale"] == 0


def test_phone_sees_at_most_one_connection(new_gate, new_phone):
    phone = new_phone(max_connections=1)
    gate = new_gate({"101": phone})
    assert ask_many(gate, "bob", PAGE, 8) == [200] * 8
    assert phone.counters()["refused_connections"] == 0


def test_R21_nonces_that_die_with_their_connection(new_gate, new_phone, sign_in):
    phone = new_phone(nonce_bound=True)
    gate = new_gate({"101": phone})
    s = sign_in(gate, "bob")
    for _ in range(4):
        assert s.get(PAGE).status == 200
        phone.close_connections()
        time.sleep(0.1)
    assert phone.counters()["failed_logins"] == 0


def test_phone_that_closes_after_each_answer(new_gate, new_phone, sign_in):
    phone = new_phone(keep_alive=False)
    gate = new_gate({"101": phone})
    s = sign_in(gate, "bob")
    for _ in range(6):
        assert s.get(PAGE).status == 200
    counters = phone.counters()
    assert counters["failed_logins"] == 0
    assert counters["handshakes_resumed"] >= 5          # TLS sessions are resumed
    assert counters["unauthorized"] <= 2


def test_liveness_a_connection_closed_by_the_phone_is_not_used(new_gate, new_phone, sign_in):
    phone = new_phone(silent_close=True)
    gate = new_gate({"101": phone})
    s = sign_in(gate, "bob")
    for i in range(8):
        assert s.get(PAGE).status == 200, i
        time.sleep(0.02 * (i % 3))


def test_stale_makes_exactly_one_retry(new_gate, new_phone, sign_in):
    phone = new_phone(nonce_uses=3)
    gate = new_gate({"101": phone})
    s = sign_in(gate, "alice")
    for _ in range(10):
        assert s.get(PAGE).status == 200
    counters = phone.counters()
    assert 2 <= counters["stale"] <= 4 and counters["failed_logins"] == 0
    targets = [r["target"] for r in phone.seen()]
    assert targets.count("/info.htm") == 10


def test_a_phone_that_is_always_stale_is_given_up(new_gate, new_phone, sign_in):
    phone = new_phone(nonce_ms=0)
    gate = new_gate({"101": phone})
    assert sign_in(gate, "bob").get(PAGE).status == 502
    assert phone.counters()["requests"] <= 4
    assert phone.counters()["failed_logins"] == 0


def test_C12_a_stale_nonce_loses_no_post(new_gate, new_phone, sign_in):
    phone = new_phone(nonce_uses=1, settings={"use_hidden_tags": "off"})
    gate = new_gate({"101": phone})
    s = sign_in(gate, "alice")
    for i in range(4):
        answer = s.post("/phone/101/prefs.htm", "language=L%d&Settings=Apply" % i,
                        [("Origin", "https://gate.localhost")])
        assert answer.status == 200
        assert phone.settings()["language"] == "L%d" % i
    posts = [r for r in phone.counters()["last"] if r["method"] == "POST" and r.get("login") == "ok"]
    assert len(posts) == 4


# --- kinds of login ------------------------------------------------------------------------------

@pytest.mark.parametrize("switches", [
    {"qop": ""}, {"qop": "", "algorithm_named": False}, {"algorithm": "SHA-256"},
    {"algorithm": "SHA-256,MD5"}, {"algorithm_named": False}, {"opaque": "5ccc069c403ebaf9"},
    {"qop": "auth-int,auth"}, {"realm": "snom VoIP phone"}, {"auth_info": "on"},
    {"auth_info": "nextnonce"}, {"framing": "close"}, {"framing": "chunked"},
    {"version": "HTTP/1.0"}, {"one_segment": True}, {"max_head": 1024},
])
def test_C01_C02_C03_C04_C10_logins_that_work(new_gate, new_phone, sign_in, switches):
    phone = new_phone(**switches)
    gate = new_gate({"101": phone})
    s = sign_in(gate, "bob")
    for _ in range(3):
        answer = s.get(PAGE)
        assert answer.status == 200 and b"Mac:" in answer.body
    counters = phone.counters()
    assert counters["failed_logins"] == 0
    if switches.get("algorithm") == "SHA-256,MD5":
        line = dict((n.lower(), v) for n, v in phone.seen()[-1]["headers"])["authorization"]
        assert "algorithm=SHA-256" in line


def no_password_left(phone):
    """Not one request carried credentials."""
    for r in phone.counters()["last"]:
        assert "authorization" not in [n.lower() for n, _ in r.get("headers", [])]


@pytest.mark.parametrize("switches, reason", [
    ({"no_login": True}, "phone_not_hardened"),
    ({"scheme": "basic"}, "phone_not_hardened"),
    ({"challenge": 'Basic realm="a"\nBasic realm="b"'}, "phone_not_hardened"),
    ({"qop": "auth-int"}, "phone_challenge_unsupported"),
    ({"challenge": 'Digest realm="a", nonce="b", algorithm=MD5-sess, qop="auth"'},
     "phone_challenge_unsupported"),
    ({"challenge": 'Digest realm="a'}, "phone_challenge_malformed"),
    ({"challenge": "Negotiate"}, None),
])
def test_C01_no_password_for_weaker_or_strange_logins(new_gate, new_phone, sign_in, switches, reason):
    phone = new_phone(**switches)
    gate = new_gate({"101": phone})
    answer = sign_in(gate, "bob").get(PAGE)
    assert answer.status == 502 and not answer.all("www-authenticate")
    assert b"Mac:" not in answer.body
    record = gate.record(status=502)
    assert record["outcome"] == "failed" and (reason is None or record["reason"] == reason)
    no_password_left(phone)


def test_a_phone_without_login_is_served_where_its_entry_says_so(new_gate, new_phone, sign_in):
    phone = new_phone(no_login=True)
    phone.entry = {"login_required": False}
    gate = new_gate({"101": phone})
    assert sign_in(gate, "bob").get(PAGE).status == 200


def test_C09_wrong_rspauth_drops_the_answer(new_gate, new_phone, sign_in):
    phone = new_phone(auth_info="wrong")
    gate = new_gate({"101": phone})
    assert sign_in(gate, "bob").get(PAGE).status == 502
    assert gate.record(status=502)["reason"] == "phone_rspauth_wrong"


# --- the phone's own login never crosses ---------------------------------------------------------

def only_ours(answer):
    """The gate proves itself with SHA-256; a phone's proof would be MD5."""
    return all(re.match(r'rspauth="[0-9a-f]{64}"', value) and "nextnonce" not in value
               for value in answer.all("authentication-info"))


def test_C13_a_401_of_the_phone_is_a_page_of_ours(new_gate, new_phone, sign_in):
    phone = new_phone()
    gate = new_gate({"101": phone})
    s = sign_in(gate, "bob")
    assert s.get(PAGE).status == 200
    phone.switch(fault="unauthorized")
    answer = s.get(PAGE)
    assert answer.status == 502
    for name in ("www-authenticate", "proxy-authenticate"):
        assert not answer.all(name)
    assert only_ours(answer)


def test_C13_V31_headers_of_login_never_cross(new_gate, new_phone, sign_in):
    phone = new_phone(auth_info="on", header=[
        'WWW-Authenticate: Basic realm="x"', "Proxy-Authenticate: Basic", "Alt-Svc: h3=x",
        "Strict-Transport-Security: max-age=0", "Connection: X-Hop", "X-Hop: 1"])
    gate = new_gate({"101": phone})
    answer = sign_in(gate, "bob").get(PAGE)
    assert answer.status == 200
    for name in ("www-authenticate", "proxy-authenticate", "alt-svc", "x-hop"):
        assert not answer.all(name), name
    assert only_ours(answer)
    assert "max-age=0" not in answer.all("strict-transport-security")


def test_V31_persons_credentials_never_reach_the_phone(site, sign_in):
    assert sign_in(site, "bob").get(PAGE).status == 200
    text = str(site.phones["101"].counters()["last"])
    assert "bob" not in text and "gate.localhost" not in text


# --- the breaker ---------------------------------------------------------------------------------

def test_R19_C08_fifty_people_one_failed_login(new_gate, new_phone):
    phone = new_phone(ms=20)
    gate = new_gate({"101": phone})
    phone.set(http_pass="changed-since")
    assert ask_many(gate, "bob", PAGE, 50) == [502] * 50
    assert phone.counters()["failed_logins"] == 1
    assert ask_many(gate, "bob", PAGE, 3) == [502] * 3
    assert phone.counters()["failed_logins"] == 1
    assert gate.record(reason="phone_credentials_rejected")
    assert gate.stderr().count("phone.credentials_rejected") == 1   # an alert for the operator
    told = [r for r in gate.records() if r["event"] == "phone_credentials_rejected"]
    assert [(r["phone_id"], r["account"], r["outcome"], r["why"]) for r in told] == [
        ("101", "login", "failed", "401")]
    assert len([r for r in gate.records() if r["event"] == "request" and r["status"] == 502]) == 53


def test_a_broken_account_does_not_stop_the_other(new_gate, new_phone, sign_in):
    phone = new_phone()
    gate = new_gate({"101": phone})
    phone.set(http_pass="changed-since")
    assert sign_in(gate, "bob").get(PAGE).status == 502
    assert sign_in(gate, "alice").get(PAGE).status == 200
    assert phone.counters()["failed_logins"] == 1


def test_password_changed_in_the_middle_of_a_connection(new_gate, new_phone, sign_in):
    phone = new_phone()
    gate = new_gate({"101": phone})
    s = sign_in(gate, "bob")
    assert s.get(PAGE).status == 200
    phone.set(http_pass="changed-since")
    assert s.get(PAGE).status == 502
    assert s.get(PAGE).status == 502
    assert phone.counters()["failed_logins"] == 1


# --- the queue -----------------------------------------------------------------------------------

def test_a_full_queue_is_503_with_retry_after(new_gate, new_phone):
    phone = new_phone(ms=1000)
    gate = new_gate({"101": phone}, limits={"queue_length": 2})
    statuses, answers, lock = [], [], threading.Lock()

    def run():
        with Session(gate, "bob", timeout=30) as s:
            answer = s.get(PAGE)
        with lock:
            statuses.append(answer.status)
            answers.append(answer)
    threads = [threading.Thread(target=run) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert set(statuses) == {200, 503} and statuses.count(200) >= 3
    full = [a for a in answers if a.status == 503]
    assert all(int(a.one("retry-after")) > 0 for a in full)
    assert gate.record(status=503)["reason"] == "phone_queue_full"


def test_waiting_too_long_is_503(new_gate, new_phone):
    phone = new_phone(ms=1600)
    gate = new_gate({"101": phone}, limits={"queue_s": 1})
    statuses = ask_many(gate, "bob", PAGE, 3)
    assert 503 in statuses and 200 in statuses
    assert gate.record(status=503)["reason"] == "phone_queue_timeout"


def test_the_queue_is_fair_between_people(new_gate, new_phone, sign_in):
    phone = new_phone()
    gate = new_gate({"101": phone})

    def greedy():
        with Session(gate, "bob", timeout=60) as s:
            s.get(PAGE)
    alice = sign_in(gate, "alice", timeout=60)
    assert alice.get(PAGE).status == 200
    phone.switch(ms=3000)
    threads = [threading.Thread(target=greedy) for _ in range(20)]
    for t in threads:
        t.start()
    gate_module.wait_for(lambda: gate.metrics()["phone_requests_waiting"] >= 15, 5, "they are in line")
    phone.switch(ms=0)
    assert alice.get("/phone/101/adr.htm").status == 200
    for t in threads:
        t.join()
    order = [r["target"] for r in phone.seen()]
    assert order.index("/adr.htm") < len(order) - 10        # alice did not wait for all of bob's


def test_client_that_leaves_the_queue_holds_nobody_up(new_gate, new_phone, sign_in):
    phone = new_phone()
    gate = new_gate({"101": phone})
    s = sign_in(gate, "bob")
    assert s.get(PAGE).status == 200
    phone.switch(ms=2000)
    with Session(gate, "bob") as one, Session(gate, "bob") as two:
        for who in (one, two):
            who.get("/")
        one.client.send(head("GET", PAGE, headers=[one.digest.header("GET", PAGE)]))
        gate_module.wait_for(lambda: phone.counters()["in_flight"] == 1, 5, "one has its turn")
        two.client.send(head("GET", "/phone/101/adr.htm",
                             headers=[two.digest.header("GET", "/phone/101/adr.htm")]))
        gate_module.wait_for(lambda: gate.metrics()["phone_requests_waiting"] == 1, 5, "two is in line")
        two.close()
        assert one.client.read().status == 200
    assert gate.record(path="/adr.htm")["reason"] == "client_gone"
    phone.switch(ms=0)
    assert s.get(PAGE).status == 200
    assert phone.counters()["garbled"] == 0 and phone.counters()["peak_in_flight"] == 1


# --- identity of the phone -----------------------------------------------------------------------

def test_R18_T13_changed_certificate_stops_this_phone_alone(new_gate, new_phone, sign_in):
    one, two = new_phone(), new_phone()
    gate = new_gate({"101": one, "102": two})
    s = sign_in(gate, "bob")
    assert s.get(PAGE).status == 200
    one.change_certificate()
    one.close_connections()
    time.sleep(0.1)
    before = one.counters()["requests"]
    assert s.get(PAGE).status == 502
    assert gate.record(status=502)["reason"] == "phone_pin_mismatch"
    assert one.counters()["requests"] == before
    assert s.get("/phone/102/info.htm").status == 200


def test_T13_ca_and_name(new_gate, new_phone, sign_in, tmp_path):
    ca = gate_module.make_ca(tmp_path / "ca", ["phone.example.com"])
    phone = new_phone("--cert", str(ca / "gate.crt"), "--key", str(ca / "gate.key"))
    for tls, status in [({"ca": str(ca / "ca.crt"), "name": "phone.example.com"}, 200),
                        ({"ca": str(ca / "ca.crt"), "name": "other.example.com"}, 502),
                        ({"ca": str(ca / "ca.crt")}, 502),
                        ({"verify": "none"}, 200)]:
        phone.entry = {"tls": tls}
        gate = new_gate({"101": phone})
        assert sign_in(gate, "bob").get(PAGE).status == status, tls


def test_R18_another_ca_is_refused(new_gate, new_phone, sign_in, ca):
    phone = new_phone()
    phone.entry = {"tls": {"ca": str(ca / "ca.crt")}}
    gate = new_gate({"101": phone})
    assert sign_in(gate, "bob").get(PAGE).status == 502
    assert phone.counters()["requests"] == 0


def test_H25_own_address_is_no_phone(new_gate, ca):
    gate = new_gate({}, start=False)
    gate.config["phones"] = ({"id": "101", "url": "https://127.0.0.1:%d" % gate.port,
                              "profile": "snom", "login": {"user": "a", "password_file": "users"},
                              "tls": {"verify": "none"}},)
    gate.file.write_text(gate_module.libconfig_file(gate.config))
    with pytest.raises(AssertionError, match="ended with 1"):
        gate.start()
    gate.process = None


# --- manners -------------------------------------------------------------------------------------

def test_minibrowser_gets_no_keep_alive(new_gate, new_phone, sign_in):
    phone = new_phone(minibrowser_ms=25000)
    gate = new_gate({"101": phone}, grants=(
        {"users": ["alice"], "role": "admin", "phones": ["*"], "allow": ["minibrowser-url"]},))
    s = sign_in(gate, "alice", timeout=60)
    start = time.monotonic()
    assert s.get("/phone/101/minibrowser.htm?url=http://x").status == 200
    assert time.monotonic() - start < 15
    names = [n.lower() for n, _ in phone.seen()[-1]["headers"]]
    assert "connection" not in names


def test_reboot_without_a_status_line_is_502_and_not_repeated(new_gate, new_phone, sign_in):
    phone = new_phone(settings={"use_hidden_tags": "off", "restrict_uri_queries": "off"})
    gate = new_gate({"101": phone})
    s = sign_in(gate, "alice")
    assert s.get(PAGE).status == 200
    assert s.get("/phone/101/confirm.htm?REBOOT=yes").status == 502
    assert phone.counters()["reboots"] == 1
    gate_module.wait_for(lambda: not phone.state()["booting"], 5, "the phone is back")
    assert s.get(PAGE).status == 200
    assert phone.counters()["failed_logins"] == 0


def test_plain_phone_only_where_allowed(new_gate, new_phone, sign_in):
    phone = new_phone("--http-port", "0", settings={"webserver_type": "http_https"})
    phone.entry = {"url": "http://127.0.0.1:%d" % phone.info["http_port"], "allow_plain_http": True}
    gate = new_gate({"101": phone}, start=False)
    entry = gate.config["phones"][0]
    entry.pop("tls")
    gate.file.write_text(gate_module.libconfig_file(gate.config))
    gate.start()
    assert sign_in(gate, "bob").get(PAGE).status == 200
    with Client(gate.port) as c:
        c.send(head("GET", "/"))
        assert c.read().status == 401
