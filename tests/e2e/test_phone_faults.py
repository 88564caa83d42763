"""Broken phones, by a table: what is wrong, what the person gets, what stands in the record. Each time
the next request works, nothing is left behind in the gate (descriptors, slots, queue), and what a
phone sends never turns into an answer to somebody else, nor half an answer into a whole one."""

import shutil
import threading
import time

import pytest

import gate as gate_module
import leaks
import vectors
from rawhttp import Client, head

PAGE = "/phone/101/info.htm"
PATH = "/info.htm"
LONG = "/phone/101/trace.pcap"          # more than fits a buffer: it goes out as it comes
LIMITS = {"phone_connect_s": 2, "phone_first_byte_s": 2, "phone_stall_s": 2}
SERVICE = ("service", "svc-0f9e8d7c6b5a4321")


@pytest.fixture(scope="module")
def gate_at_rest(tmp_path_factory, ca):
    """One gate with short limits and one phone for the whole module."""
    phone = gate_module.Phone(tmp_path_factory.mktemp("phone"), service=SERVICE)
    gate = gate_module.Gate(tmp_path_factory.mktemp("gate"), ca, {"101": phone}, limits=LIMITS,
                            status=gate_module.status_listener())
    gate.start()
    gate.rest = leaks.Rest(gate)
    yield gate
    try:
        gate.close()
    finally:
        phone.stop()


@pytest.fixture
def broken(gate_at_rest):
    gate_at_rest.phones["101"].reset()
    gate_at_rest.mark = len(gate_at_rest.records())
    yield gate_at_rest
    gate_at_rest.rest.check()


@pytest.fixture
def person(broken, sign_in):
    s = sign_in(broken, "bob", timeout=60)
    assert s.get(PAGE).status == 200
    return s


def is_clear(answer, reason):
    """A page of ours that says what is wrong, with nothing of the phone in it."""
    assert answer.one("content-type").startswith("text/html") and not answer.cut
    assert reason.encode() in answer.body and b"<h1>" in answer.body
    assert b"Mac:" not in answer.body and answer.one("cache-control") == "no-store"


def fails(broken, person, status, reason):
    """One request fails as said; the one after it is healthy."""
    answer = person.get(PAGE)
    assert answer.status == status, answer.status
    is_clear(answer, reason)
    record = broken.record(path=PATH, outcome="failed")
    assert (record["status"], record["reason"]) == (status, reason)
    healthy(broken, person)


def healthy(broken, person):
    broken.phones["101"].switch(fault="")
    answer = person.get(PAGE)
    assert answer.status == 200 and answer.body.count(b"Mac:") == 1
    counters = broken.phones["101"].counters()
    assert counters["failed_logins"] == 0 and counters["garbled"] == 0


# --- nothing of the answer has gone out: a page of ours ------------------------------------------

@pytest.mark.parametrize("fault, reason", [
    ("nothing", "phone_closed"),
    ("reset", "phone_reset"),
    ("garbage", "phone_bad_head"),
    ("no_status_line", "phone_bad_head"),
    ("switching_101", "phone_switching_protocols"),
    ("endless_1xx", "phone_too_many_interim"),
    ("folded", "phone_folded_line"),
    ("lf_lines", "phone_bad_head"),
    ("bare_cr", "phone_bad_head"),
    ("huge_head", "phone_head_too_large"),
    ("many_headers", "phone_too_many_headers"),
    ("length_twice_same", "phone_length_repeated"),
    ("length_twice_differ", "phone_length_repeated"),
    ("length_and_chunked", "phone_length_with_coding"),
    ("gzip_coding", "phone_unknown_coding"),
    # A short page goes out when it is complete, so a broken one is no page at all.
    ("reset_mid_body", "phone_incomplete"),
    ("close_mid_body", "phone_incomplete"),
    ("length_short", "phone_incomplete"),
])
def test_answers_that_are_502(broken, person, fault, reason):
    broken.phones["101"].switch(fault=fault, fault_path=PATH)
    fails(broken, person, 502, reason)


@pytest.mark.parametrize("fault, reason", [
    ("stall_before_head", "phone_first_byte_timeout"),
    ("stall_mid_head", "phone_stalled"),
    ("stall_mid_body", "phone_stalled"),
])
def test_silence_is_504(broken, person, fault, reason):
    broken.phones["101"].switch(fault=fault, fault_path=PATH, fault_ms=12000)
    start = time.monotonic()
    fails(broken, person, 504, reason)
    assert time.monotonic() - start < 9


# --- a part has gone out: the person's connection breaks -----------------------------------------

def cut_record(broken, path, reason):
    record = broken.record(outcome="failed", path=path)
    assert record["reason"] == reason
    return record


@pytest.mark.parametrize("fault, reason", [
    ("half_chunk", "phone_incomplete"), ("chunk_no_end", "phone_incomplete"),
    ("chunk_bad_size", "phone_bad_chunk"), ("chunk_space", "phone_bad_chunk"),
    ("truncated_tls", "phone_incomplete")])
def test_H11_what_breaks_off_is_visibly_broken(broken, person, fault, reason):
    """Without a length the answer's beginning may be out already, or not."""
    broken.phones["101"].switch(fault=fault, fault_path=PATH)
    answer = person.get(PAGE)
    assert answer.cut or answer.status == 502
    record = cut_record(broken, PATH, reason)
    assert record["status"] == (200 if answer.cut else 502)
    person.close()
    healthy(broken, person)


@pytest.mark.parametrize("fault, reason", [
    ("reset_mid_body", "phone_incomplete"), ("close_mid_body", "phone_incomplete"),
    ("length_short", "phone_incomplete"), ("stall_mid_body", "phone_stalled"),
    ("chunk_no_end", "phone_incomplete"), ("truncated_tls", "phone_incomplete")])
def test_H11_a_long_answer_that_breaks_off_is_cut(broken, sign_in, fault, reason):
    broken.phones["101"].switch(fault=fault, fault_path="/trace.pcap", fault_ms=12000,
                                pcap_bytes=200000)
    alice = sign_in(broken, "alice", timeout=60)
    answer = alice.get(LONG)
    assert answer.status == 200 and answer.cut and len(answer.body) > 16384
    assert cut_record(broken, "/trace.pcap", reason)["status"] == 200
    alice.close()
    healthy(broken, alice)


def test_H11_an_answer_and_its_end_in_one_moment_are_a_cut_answer_not_none(new_gate, new_phone, sign_in):
    """A browser that sees nothing of an answer sends the request again by itself."""
    phone = new_phone(fault="late_reset_mid_chunks", fault_path="/trace.pcap", fault_ms=1500, pcap_bytes=4000)
    gate = new_gate({"101": phone})
    with sign_in(gate, "alice", timeout=60) as alice:
        assert alice.get("/").status == 200
        alice.client.send(head("GET", LONG, headers=[alice.digest.header("GET", LONG)]))
        gate_module.wait_for(lambda: phone.counters()["in_flight"] == 1, 5, "the phone is asked")
        with gate.paused():
            gate_module.wait_for(lambda: phone.counters()["in_flight"] == 0, 5, "the answer and its end")
        answer = alice.client.read()
    assert answer.status == 200 and answer.cut
    assert cut_record(gate, "/trace.pcap", "phone_incomplete")["status"] == 200


@pytest.mark.parametrize("fault", ["close_mid_body", "chunk_no_end", "truncated_tls"])
def test_H11_who_speaks_HTTP_1_0_sees_it_too(broken, sign_in, fault):
    """A body up to the end of the connection: no orderly end, not even without close_notify."""
    broken.phones["101"].switch(fault=fault, fault_path="/trace.pcap", pcap_bytes=200000)
    alice = sign_in(broken, "alice")
    assert alice.get("/").status == 200
    line = alice.digest.header("GET", LONG)
    with Client(broken.port) as c:
        c.sock.suppress_ragged_eofs = False     # a reset and a missing close_notify are errors
        c.send(head("GET", LONG, headers=[line], version="HTTP/1.0"))
        answer = c.read()
        assert answer.status == 200 and answer.cut
    assert cut_record(broken, "/trace.pcap", "phone_incomplete")


def test_a_short_answer_that_breaks_off_behind_100_continue_is_a_page(broken, sign_in):
    broken.phones["101"].switch(fault="close_mid_body")
    alice = sign_in(broken, "alice")
    assert alice.get("/").status == 200
    body = "language=English&Settings=Apply"
    answer = alice.post("/phone/101/prefs.htm", body, [
        ("Origin", "https://gate.localhost"), ("Expect", "100-continue")])
    assert answer.status == 502 and answer.interim == [100]
    is_clear(answer, "phone_incomplete")


# --- more than was asked for ---------------------------------------------------------------------

@pytest.mark.parametrize("fault", ["twice", "unasked", "length_long"])
def test_H13_octets_nobody_asked_for_never_answer_another_request(new_gate, new_phone, sign_in, fault):
    """The operator is told once, and from then on each connection to this phone is good for one
    answer: when the surplus comes late, it meets no other request."""
    phone = new_phone()
    gate = new_gate({"101": phone}, status=gate_module.status_listener())
    rest = leaks.Rest(gate)
    s = sign_in(gate, "bob")
    assert s.get(PAGE).status == 200
    phone.switch(fault=fault, fault_path=PATH)
    answer = s.get(PAGE)
    assert (answer.status, answer.cut) == (200, False)
    record = gate.record(path=PATH)
    assert (record["outcome"], record["reason"]) == ("allowed", "ok")
    gate_module.wait_for(lambda: "phone.unasked_octets phone=101" in gate.stderr(), 3, "a warning")
    before = phone.counters()["connections"]
    for _ in range(3):          # at once, one after the other
        assert s.get(PAGE).status == 200
        other = s.get("/phone/101/css/main.css", [("Cache-Control", "no-cache")])
        assert other.status == 200 and other.body.startswith(b"/* /css/main.css")
    counters = phone.counters()
    # The first of them asks for a challenge, which is answered on the same connection.
    assert counters["connections"] == before + 6 and counters["failed_logins"] == 0
    assert gate.stderr().count("phone.unasked_octets") == 1
    s.close()
    rest.check()


@pytest.mark.parametrize("fault, status", [("octets_after_204", 204),
                                           ("not_modified_with_body", 304)])
def test_H27_a_body_that_may_not_be_is_left_behind(broken, person, fault, status):
    """Announced in the head, so nothing is in doubt; the connection is closed."""
    broken.phones["101"].switch(fault=fault, fault_path=PATH, fault_count=1)
    answer = person.get(PAGE)
    assert (answer.status, answer.body, answer.cut) == (status, b"", False)
    assert broken.record(path=PATH, status=status)["reason"] == "ok"
    assert "phone.unasked_octets" not in broken.stderr()
    healthy(broken, person)


# --- odd, and allowed ----------------------------------------------------------------------------

@pytest.mark.parametrize("fault", ["chunk_trailer", "chunk_odd_end", "continue_100", "space_colon"])
def test_oddities_that_are_allowed(broken, person, fault):
    broken.phones["101"].switch(fault=fault, fault_path=PATH, fault_count=1)
    answer = person.get(PAGE)
    assert answer.status == 200 and answer.body.endswith(b"</html>\n")
    assert not answer.all("x-trailer") and not answer.all("set-cookie")
    healthy(broken, person)


def test_drip_is_slow_but_whole(new_gate, new_phone, sign_in):
    """Longer than phone_stall_s: an octet now and then is enough, once the head is there."""
    phone = new_phone(fault="drip", fault_path=PATH, drip_ms=4, fault_count=1)
    gate = new_gate({"101": phone}, limits={"phone_stall_s": 1})
    start = time.monotonic()
    answer = sign_in(gate, "bob", timeout=60).get(PAGE)
    assert answer.status == 200 and b"Mac:" in answer.body and not answer.cut
    assert time.monotonic() - start > 1
    assert gate.record(path=PATH)["reason"] == "ok"


def test_a_person_who_leaves_a_dripping_phone_frees_it(broken, person, sign_in):
    """The answer is read for nobody no longer than PHONE_ORPHAN_MS, or it would drip for ever."""
    phone = broken.phones["101"]
    phone.switch(fault="drip", fault_path=PATH, drip_ms=5, fault_count=1)
    person.client.send(head("GET", PAGE, headers=[person.digest.header("GET", PAGE)]))
    gate_module.wait_for(lambda: broken.metrics()["phone_requests_in_flight"] == 1, 3, "asked")
    person.client.reset()
    assert broken.record(path=PATH, outcome="failed")["reason"] == "client_gone"
    healthy(broken, sign_in(broken, "bob", timeout=60))


def test_two_hundreds_of_raw_answers(broken, person):
    """Heads that no phone should send: each is an answer of ours, none a crash."""
    phone = broken.phones["101"]
    answers = ["HTTP/1.1 200\r\n", "HTTP/1.1 2000 Ok\r\n\r\n", "HTTP/1.1 0 Ok\r\n\r\n",
               "HTTP/1.1 -1 Ok\r\n\r\n", "HTTP/2.0 200 Ok\r\n\r\n", "HTTP/1.1 200 Ok\r\n: x\r\n\r\n",
               "HTTP/1.1 200 Ok\r\nContent-Length: -1\r\n\r\n", "\r\n\r\n\r\n", "\0" * 64,
               "HTTP/1.1 200 Ok\r\nContent-Length: 99999999999999999999\r\n\r\n",
               "HTTP/1.1 200 Ok\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
               "HTTP/1.1 200 Ok\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
               "HTTP/1.1 200 Ok\r\nA\r\n\r\n", "HTTP/1.1 200 Ok\r\nA: \0\r\n\r\n", "ICY 200 OK\r\n\r\n",
               "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 Ok\r\nConnection: upgrade\r\n"
               "Upgrade: x\r\nContent-Length: 5\r\n\r\nab"]
    for raw in answers:
        phone.switch(fault="raw", raw=raw, fault_path=PATH, fault_count=1)
        answer = person.get(PAGE)
        assert answer.status == 502 or answer.cut, raw
        person.close()
    healthy(broken, person)


# --- no connection -------------------------------------------------------------------------------

def test_refused_connection_is_502(broken, person):
    phone = broken.phones["101"]
    phone.switch(refuse=True)
    answer = person.get(PAGE)
    assert answer.status == 502
    is_clear(answer, "phone_refused")
    assert broken.record(status=502)["reason"] == "phone_refused"
    phone.switch(refuse=False)
    healthy(broken, person)


def test_handshake_that_never_ends_is_504(broken, person):
    phone = broken.phones["101"]
    phone.switch(handshake_ms=8000)
    phone.close_connections()
    time.sleep(0.1)
    answer = person.get(PAGE)
    assert answer.status == 504
    is_clear(answer, "phone_connect_timeout")
    assert broken.record(status=504)["reason"] == "phone_connect_timeout"
    phone.switch(handshake_ms=0)
    time.sleep(0.1)
    healthy(broken, person)


def test_phone_in_the_middle_of_a_reboot(broken, person):
    phone = broken.phones["101"]
    phone.switch(reboot_ms=1500)
    phone.reboot()
    answer = person.get(PAGE)
    assert answer.status == 502
    record = broken.record(status=502)
    assert record["reason"] in ("phone_closed", "phone_reset", "phone_tls_failed")
    is_clear(answer, record["reason"])
    gate_module.wait_for(lambda: not phone.state()["booting"], 5, "the phone is back")
    healthy(broken, person)


def test_a_page_that_restarts_the_phone_says_so(new_gate, new_phone, sign_in):
    """It closes without an answer: once asked, never again, and the page tells what that means."""
    phone = new_phone(settings={"use_hidden_tags": "off", "restrict_uri_queries": "off"})
    gate = new_gate({"101": phone}, status=gate_module.status_listener())
    rest = leaks.Rest(gate)
    s = sign_in(gate, "alice")
    assert s.get(PAGE).status == 200
    answer = s.get("/phone/101/confirm.htm?REBOOT=yes")
    assert answer.status == 502 and phone.counters()["reboots"] == 1
    is_clear(answer, "phone_closed")
    assert b"restart" in answer.body
    assert gate.record(path="/confirm.htm")["reason"] == "phone_closed"
    s.close()
    rest.check()


# --- many people at a broken phone ---------------------------------------------------------------

@pytest.mark.parametrize("fault, status", [("nothing", 502), ("stall_before_head", 504)])
def test_a_queue_at_a_broken_phone_ends_for_everybody(broken, sign_in, fault, status):
    people = [sign_in(broken, "bob", timeout=60) for _ in range(4)]
    assert [p.get("/").status for p in people] == [200] * 4
    broken.phones["101"].switch(fault=fault, fault_path=PATH, fault_ms=12000)
    answers = []
    threads = [threading.Thread(target=lambda p=p: answers.append(p.get(PAGE).status)) for p in people]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert answers == [status] * 4
    healthy(broken, people[0])


# --- another phone than the one we know ----------------------------------------------------------

def start_phone(directory, port=0, words=(), **options):
    return gate_module.Phone(directory, "--port", str(port), *words, service=SERVICE, **options)


@pytest.fixture
def house(tmp_path, new_gate, sign_in):
    """Phones that can be put at another place, with their keys and their passwords."""
    class House:
        def __init__(self):
            self.phones = {}

        def put(self, name, port=0, words=(), **options):
            directory = tmp_path / name
            if directory.exists():      # the phone that was there before, with its own key
                cert = next(directory.glob("*.crt"))
                words = ("--cert", str(cert), "--key", str(cert.with_suffix(".key")))
            directory.mkdir(exist_ok=True)
            # A port that is taken again: nobody else gets it in between.
            self.phones[name] = start_phone(directory, port or gate_module.free_port(), words, **options)
            return self.phones[name]

        def take(self, name):
            phone = self.phones.pop(name)
            phone.stop()
            return phone

        def gate(self, phones):
            self.gate = new_gate(phones, status=gate_module.status_listener())
            self.rest = leaks.Rest(self.gate)
            return self.gate
    h = House()
    yield h
    for phone in h.phones.values():
        phone.stop()


def nothing_told(phone):
    """The phone got no request, so no password either."""
    counters = phone.counters()
    return counters["requests"] == 0 and counters["failed_logins"] == 0


def test_R18_T13_two_phones_swapped(house, sign_in):
    """The address of A answers with B's key and the other way round: neither is opened, neither is
    told anything; put back, both work at once."""
    a, b = house.put("a"), house.put("b")
    gate = house.gate({"101": a, "102": b})
    s = sign_in(gate, "bob")
    pages = {"101": PAGE, "102": "/phone/102/info.htm"}
    assert [s.get(p).status for p in pages.values()] == [200, 200]
    a, b = house.take("a"), house.take("b")
    new_a = house.put("a", b.port, login=("gate", a.password))
    new_b = house.put("b", a.port, login=("gate", b.password))
    assert (new_a.pin, new_b.pin) == (a.pin, b.pin)
    for phone_id, page in pages.items():
        answer = s.get(page)
        assert answer.status == 502
        is_clear(answer, "phone_pin_mismatch")
        assert gate.record(phone_id=phone_id)["reason"] == "phone_pin_mismatch"
    assert nothing_told(new_a) and nothing_told(new_b)
    house.take("a"), house.take("b")
    house.put("a", a.port, login=("gate", a.password))
    house.put("b", b.port, login=("gate", b.password))
    assert [s.get(p).status for p in pages.values()] == [200, 200]
    s.close()
    house.rest.check()


def test_T13_two_phones_swapped_that_are_known_by_name(house, sign_in, tmp_path):
    """One CA for both: the name in the certificate tells them apart."""
    ca = gate_module.make_ca(tmp_path / "ca", ["a.example.com"])
    other = tmp_path / "other"
    shutil.copytree(ca, other)
    gate_module.make_ca(other, ["b.example.com"])
    words = [("--cert", str(d / "gate.crt"), "--key", str(d / "gate.key")) for d in (ca, other)]
    a = house.put("a", words=words[0])
    a.entry = {"tls": {"ca": str(ca / "ca.crt"), "name": "a.example.com"}}
    gate = house.gate({"101": a})
    s = sign_in(gate, "bob")
    assert s.get(PAGE).status == 200
    house.take("a")
    b = house.put("b", a.port, words=words[1], login=("gate", a.password))
    answer = s.get(PAGE)
    assert answer.status == 502
    is_clear(answer, "phone_name_mismatch")
    assert gate.record(status=502)["reason"] == "phone_name_mismatch" and nothing_told(b)
    s.close()
    house.rest.check()


@pytest.mark.parametrize("verify, reason", [("pin", "phone_pin_mismatch"),
                                            ("none", "phone_credentials_rejected")])
def test_another_model_in_its_place(house, sign_in, verify, reason):
    """With a pin it is not spoken to. Where its entry says that no certificate is checked, it sees
    one answer to its challenge, which tells it nothing of the password, and the breaker opens."""
    a = house.put("a")
    a.entry = {"tls": {"verify": "none"}} if verify == "none" else {}
    gate = house.gate({"101": a})
    s = sign_in(gate, "bob")
    assert s.get(PAGE).status == 200
    house.take("a")
    other = house.put("other", a.port, vendor="cisco-mpp")
    for _ in range(3):
        answer = s.get(PAGE)
        assert answer.status == 502
        is_clear(answer, reason)
    assert gate.record(status=502)["reason"] == reason
    assert nothing_told(other) if verify == "pin" else other.counters()["failed_logins"] == 1
    s.close()
    house.rest.check()


# --- the tables of answers, sent by a phone ------------------------------------------------------

def raw_answer(broken, person, vector):
    """What the person gets when the phone sends these octets and closes."""
    broken.phones["101"].switch(fault="raw", raw=vector.octets.decode("latin-1"), fault_path=PATH,
                                fault_count=1)
    return person.request(vector.keys.get("request", "GET"), PAGE)


@pytest.mark.parametrize("vector", vectors.read("http_response_reject"), ids=lambda v: v.name)
def test_answers_that_are_refused(broken, person, vector):
    answer = raw_answer(broken, person, vector)
    assert answer.status == vector.status or answer.cut
    record = broken.record(path=PATH, outcome="failed")
    assert record["reason"] not in ("ok", "phone_credentials_rejected")
    person.close()
    healthy(broken, person)


# A 401 would open the breaker: test_C13_a_401_of_the_phone_is_a_page_of_ours has a gate for it.
TAKEN = [v for v in vectors.read("http_response_accept") if v.keys["code"] != "401"]


@pytest.mark.parametrize("vector", TAKEN, ids=lambda v: v.name)
def test_answers_that_are_taken(broken, person, vector):
    code = int(vector.keys["code"])
    code = 200 if code < 200 else code      # what follows the interim answer
    answer = raw_answer(broken, person, vector)
    if vector.keys.get("complete") == "no":
        assert answer.cut or answer.status == 502
    else:
        assert answer.status == code and not answer.cut
        if "decoded" in vector.keys:
            assert answer.body == vectors.unescape(vector.keys["decoded"].encode())
    person.close()
    healthy(broken, person)
