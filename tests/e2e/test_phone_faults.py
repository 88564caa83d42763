"""Broken phones: the person gets 502 or 504 with a page of ours, the next request works, and what a
phone sends never turns into an answer to somebody else."""

import time

import pytest

import vectors

PAGE = "/phone/101/info.htm"
PATH = "/info.htm"
LIMITS = {"phone_connect_s": 1, "phone_first_byte_s": 1, "phone_stall_s": 1}


@pytest.fixture(scope="module")
def broken(tmp_path_factory, ca):
    """One gate with short limits and one phone for the whole module."""
    import gate as gate_module
    phone = gate_module.Phone(tmp_path_factory.mktemp("phone"),
                              service=("service", "svc-0f9e8d7c6b5a4321"))
    gate = gate_module.Gate(tmp_path_factory.mktemp("gate"), ca, {"101": phone}, limits=LIMITS)
    gate.start()
    yield gate
    try:
        gate.close()
    finally:
        phone.stop()


@pytest.fixture
def person(broken, sign_in):
    broken.phones["101"].reset()
    broken.mark = len(broken.records())
    s = sign_in(broken, "bob", timeout=20)
    assert s.get(PAGE).status == 200
    return s


def fails(broken, person, status):
    """One request fails as said; the one after it is healthy."""
    answer = person.get(PAGE)
    assert answer.status == status, answer.status
    assert answer.one("content-type").startswith("text/html") and b"Mac:" not in answer.body
    assert broken.record(status=status, path=PATH)["outcome"] == "failed"
    healthy(broken, person)


def healthy(broken, person):
    broken.phones["101"].switch(fault="")
    answer = person.get(PAGE)
    assert answer.status == 200 and answer.body.count(b"Mac:") == 1
    counters = broken.phones["101"].counters()
    assert counters["failed_logins"] == 0 and counters["garbled"] == 0


@pytest.mark.parametrize("fault", [
    "nothing", "reset", "garbage", "no_status_line", "switching_101", "folded", "lf_lines",
    "bare_cr", "huge_head", "many_headers", "length_twice_differ", "length_and_chunked",
    "gzip_coding",
])
def test_answers_that_are_502(broken, person, fault):
    broken.phones["101"].switch(fault=fault, fault_path=PATH)
    fails(broken, person, 502)


@pytest.mark.parametrize("fault", ["stall_before_head", "stall_mid_head"])
def test_silence_is_504(broken, person, fault):
    broken.phones["101"].switch(fault=fault, fault_path=PATH, fault_ms=5000)
    start = time.monotonic()
    fails(broken, person, 504)
    assert time.monotonic() - start < 4


@pytest.mark.parametrize("fault", ["stall_mid_body", "close_mid_body", "reset_mid_body",
                                   "half_chunk", "chunk_no_end", "length_short", "chunk_bad_size"])
def test_H11_what_breaks_off_is_visibly_broken(broken, person, fault):
    broken.phones["101"].switch(fault=fault, fault_path=PATH, fault_ms=5000)
    answer = person.get(PAGE)
    assert answer.cut or answer.status in (502, 504)
    assert broken.record(outcome="failed", path=PATH)
    person.close()
    healthy(broken, person)


@pytest.mark.parametrize("fault", ["twice", "unasked", "length_long"])
def test_H13_octets_nobody_asked_for_never_answer_another_request(broken, person, fault):
    phone = broken.phones["101"]
    phone.switch(fault=fault, fault_path=PATH, fault_count=1)
    first = person.get(PAGE)
    assert first.status in (200, 502)
    time.sleep(0.15)
    other = person.get("/phone/101/css/main.css")
    assert other.status == 200 and other.body.startswith(b"/* /css/main.css")
    healthy(broken, person)


@pytest.mark.parametrize("fault", ["chunk_trailer", "chunk_odd_end", "continue_100", "space_colon"])
def test_oddities_that_are_allowed(broken, person, fault):
    broken.phones["101"].switch(fault=fault, fault_path=PATH, fault_count=1)
    answer = person.get(PAGE)
    assert answer.status == 200 and answer.body.endswith(b"</html>\n")
    assert not answer.all("x-trailer") and not answer.all("set-cookie")
    healthy(broken, person)


@pytest.mark.parametrize("fault", ["chunk_space", "length_twice_same", "endless_1xx"])
def test_oddities_that_may_be_either(broken, person, fault):
    broken.phones["101"].switch(fault=fault, fault_path=PATH, fault_count=1)
    answer = person.get(PAGE)
    assert answer.status in (200, 502) or answer.cut
    person.close()
    healthy(broken, person)


def test_drip_is_slow_but_whole(broken, person):
    broken.phones["101"].switch(fault="drip", fault_path=PATH, drip_ms=1, fault_count=1)
    answer = person.get(PAGE)
    assert answer.status == 200 and b"Mac:" in answer.body


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


def test_refused_connection_is_502(broken, person):
    phone = broken.phones["101"]
    phone.switch(refuse=True)
    assert person.get(PAGE).status == 502
    assert broken.record(reason="phone_refused")["outcome"] == "failed"
    phone.switch(refuse=False)
    healthy(broken, person)


def test_handshake_that_never_ends_is_504(broken, person):
    phone = broken.phones["101"]
    phone.switch(handshake_ms=3000)
    phone.close_connections()
    time.sleep(0.1)
    assert person.get(PAGE).status == 504
    phone.switch(handshake_ms=0)
    time.sleep(0.1)
    healthy(broken, person)


def test_phone_in_the_middle_of_a_reboot(broken, person):
    phone = broken.phones["101"]
    phone.switch(reboot_ms=600)
    phone.reboot()
    assert person.get(PAGE).status == 502
    time.sleep(0.7)
    healthy(broken, person)


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
