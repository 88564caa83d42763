"""HTTP messages at the gate: rows H01-H28, limits each with its status, order, deadlines."""

import time

import pytest

import rawhttp
from digestclient import Digest
from gate import SLOWER, status_listener, wait_for
from rawhttp import Client, head

PAGE = "/phone/101/info.htm"


@pytest.fixture
def client(site):
    with Client(site.port) as c:
        yield c


def login(gate, client, user="bob"):
    digest = Digest(user, gate.passwords[user])
    client.send(head("GET", "/"))
    digest.take(client.read())
    return digest


def wire(digest, method, target, *headers, **options):
    return head(method, target, headers=[digest.header(method, target), *headers], **options)


# --- order and reuse -----------------------------------------------------------------------------

def test_H12_pipelined_requests_are_answered_in_order(site, client):
    digest = login(site, client)
    targets = ["/phone/101/img/logo.png", "/phone/101/info.htm", "/phone/101/css/main.css",
               "/phone/101/settings.htm", "/phone/999/x", "/phone/101/js/main.js", "/"]
    client.send(b"".join(wire(digest, "GET", t) for t in targets))
    answers = [client.read() for _ in targets]
    assert [a.status for a in answers] == [200, 200, 200, 403, 404, 200, 200]
    assert answers[0].body.startswith(b"\x89PNG") and b"Mac:" in answers[1].body
    assert b"css/main.css" in answers[2].body and answers[5].body.startswith(b"var loaded")


def test_H12_pipelining_cut_anywhere(site, client):
    digest = login(site, client)
    octets = wire(digest, "GET", PAGE) + wire(digest, "GET", "/phone/101/css/main.css")
    for i in range(0, len(octets), 5):
        client.send(octets[i:i + 5])
    assert [client.read().status for _ in range(2)] == [200, 200]


def test_keep_alive_carries_hundred_requests(site, client):
    digest = login(site, client)
    for _ in range(100):
        client.send(wire(digest, "GET", PAGE))
        assert client.read().status == 200
    counters = site.phones["101"].counters()
    assert counters["requests"] <= 101 and counters["connections"] <= 1
    assert counters["unauthorized"] <= 1


def test_H14_connection_close_is_obeyed(site, client):
    digest = login(site, client)
    client.send(wire(digest, "GET", PAGE, ("Connection", "close")) + wire(digest, "GET", PAGE))
    answer = client.read()
    assert answer.status == 200 and answer.one("connection") == "close"
    assert client.at_end()


def test_http10_gets_its_answer_and_the_end(site, client):
    digest = login(site, client)
    client.send(wire(digest, "GET", PAGE, version="HTTP/1.0"))
    answer = client.read()
    assert answer.status == 200 and answer.framing in ("length", "close")
    assert client.at_end()


# --- bodiless answers ----------------------------------------------------------------------------

def test_H27_head_has_no_body(site, client):
    digest = login(site, client)
    client.send(wire(digest, "HEAD", PAGE) + wire(digest, "GET", PAGE))
    first = client.read("HEAD")
    assert first.status == 200 and first.body == b""
    assert b"Mac:" in client.read().body


@pytest.mark.parametrize("fault, status", [("octets_after_204", 204),
                                           ("not_modified_with_body", 304)])
def test_H27_no_body_behind_204_and_304(site, client, fault, status):
    phone = site.phones["101"]
    digest = login(site, client)
    client.send(wire(digest, "GET", PAGE))
    assert client.read().status == 200
    phone.switch(fault=fault, fault_count=1)
    client.send(wire(digest, "GET", PAGE))
    answer = client.read()
    assert answer.status == status and answer.body == b""
    client.send(wire(digest, "GET", PAGE))      # the phone's connection was not reused as it was
    answer = client.read()
    assert answer.status == 200 and b"Mac:" in answer.body


def test_H27_1xx_from_the_phone(site, client):
    digest = login(site, client)
    client.send(wire(digest, "GET", PAGE))
    client.read()
    site.phones["101"].switch(fault="continue_100", fault_count=1)
    client.send(wire(digest, "GET", PAGE))
    assert client.read().status == 200


def test_H20_H24_own_pages_have_date_and_no_store(site, client):
    digest = login(site, client)
    client.send(wire(digest, "GET", "/"))
    portal = client.read()
    assert portal.one("cache-control") == "no-store" and portal.one("date")
    client.send(wire(digest, "GET", PAGE))
    page = client.read()
    assert page.one("date") and not page.all("server") or page.one("server") != "snom embedded"


# --- limits --------------------------------------------------------------------------------------

def test_limit_of_the_head_is_431(site, client):
    client.send(head("GET", "/", headers=[("X-Long", "a" * 20000)]))
    assert client.read().status == 431 and client.at_end()


def test_limit_of_headers_is_431(site, client):
    client.send(head("GET", "/", headers=[("X-%d" % i, "a") for i in range(101)]))
    assert client.read().status == 431 and client.at_end()


def test_limit_of_the_target_is_414(site, client):
    client.send(head("GET", "/" + "a" * 9000))
    assert client.read().status == 414 and client.at_end()


def test_limit_of_the_body_is_413(site, client):
    digest = login(site, client, "alice")
    client.send(wire(digest, "POST", "/phone/101/contacts.htm", ("Content-Length", "16777217"),
                     ("Content-Type", "application/octet-stream")))
    assert client.read().status == 413 and client.at_end()
    assert site.record(status=413)
    assert all(r["method"] != "POST" for r in site.phones["101"].counters()["last"] if "method" in r)


def test_limit_of_a_chunked_body_is_413(new_gate):
    steps = ["step1", "step2", "step3", "step4"]  # what would have to be looked for in the body
    gate = new_gate(limits={"body_bytes": 100000}, grants=(
        {"users": ["alice"], "role": "admin", "phones": ["*"], "allow": steps},))
    with Client(gate.port) as c:
        digest = login(gate, c, "alice")
        c.send(wire(digest, "POST", "/phone/101/contacts.htm", ("Transfer-Encoding", "chunked"),
                    ("Content-Type", "application/octet-stream")))
        try:
            for _ in range(30):
                c.send(b"2000\r\n" + b"a" * 0x2000 + b"\r\n")
        except OSError:
            pass
        assert c.read().status == 413
    assert gate.record(status=413)


def test_limit_of_the_header_time_is_408(new_gate):
    gate = new_gate(limits={"header_s": 1})
    with Client(gate.port) as c:
        start = time.monotonic()
        octets = head("GET", "/", headers=[("X-Slow", "a" * 400)])
        answer = None
        for octet in octets:                # an octet now and then does not extend the deadline
            try:
                c.send(bytes([octet]))
            except OSError:
                break
            time.sleep(0.05)
            if time.monotonic() - start > 2.5:
                break
        answer = c.read()
        assert answer.status == 408 and c.at_end()
    assert gate.record(status=408)


def test_limit_of_idle_time_closes_without_an_answer(new_gate):
    gate = new_gate(limits={"idle_s": 1})
    with Client(gate.port) as c:
        c.send(head("GET", "/"))
        assert c.read().status == 401
        start = time.monotonic()
        assert c.at_end()
        assert time.monotonic() - start < 5 * SLOWER


def test_limit_of_a_stalled_body_is_408(new_gate):
    gate = new_gate(limits={"body_stall_s": 1})
    with Client(gate.port) as c:
        digest = login(gate, c, "alice")
        c.send(wire(digest, "POST", "/phone/101/prefs.htm", ("Content-Length", "100"),
                    ("Content-Type", "application/x-www-form-urlencoded")) + b"a=b")
        assert c.read().status == 408 and c.at_end()
    assert gate.record(status=408)


def test_limit_of_connections_per_address(new_gate):
    gate = new_gate(limits={"connections_per_address": 4}, workers=1, status=status_listener())
    gate.rests()

    def status(c):
        c.send(head("GET", "/"))
        return c.read().status
    clients = [Client(gate.port, sock=sock) for sock in gate.at_once(["127.0.0.1"] * 5)]
    assert [status(c) for c in clients] == [401] * 4 + [503]
    assert gate.record(reason="address_connections_full")
    for c in clients:
        c.close()

    def is_let_in():
        with Client(gate.port) as c:
            return status(c) == 401
    wait_for(is_let_in, 5, "room again")


# --- Expect, bodies nobody reads -----------------------------------------------------------------

def test_H18_continue_only_after_authorisation(site, client):
    expect = ("Expect", "100-continue")
    form = ("Content-Type", "application/x-www-form-urlencoded")
    client.send(head("POST", PAGE, headers=[("Content-Length", "5"), expect]))
    answer = client.read()
    assert answer.status == 401 and answer.interim == []
    with Client(site.port) as c:
        digest = login(site, c)
        c.send(wire(digest, "POST", "/phone/101/settings.htm", ("Content-Length", "5"), expect, form))
        answer = c.read()
        assert answer.status == 403 and answer.interim == []
    with Client(site.port) as c:
        digest = login(site, c, "alice")
        c.send(wire(digest, "POST", "/phone/101/command.htm", ("Content-Length", "9"), expect, form))
        assert c.read_head().status == 100
        c.send(b"key=ENTER")
        assert c.read().status == 200


def test_H18_other_expectations_are_417(site, client):
    client.send(head("GET", "/", headers=[("Expect", "200-maybe")]))
    assert client.read().status == 417


@pytest.mark.parametrize("length", [10, 5000, 2_000_000])
def test_body_behind_a_401_is_never_a_request(site, length):
    """Drained, or the connection closed: what is in the body is not read as a request."""
    with Client(site.port) as c:
        inner = head("GET", "/inner")
        body = (inner * (length // len(inner) + 1))[:length]
        try:
            c.send(head("POST", PAGE, headers=[("Content-Length", str(length))]), body)
        except OSError:
            pass
        assert c.read().status == 401
        try:
            c.send(head("GET", "/after"))
            answer = c.read()
            assert answer.status == 401
        except (rawhttp.Closed, OSError):
            pass
    assert not any(r.get("path") == "/inner" for r in site.records())


def test_H10_H15_trailers_and_extensions_do_not_cross(site, client):
    digest = login(site, client, "alice")
    client.send(wire(digest, "POST", "/phone/101/command.htm", ("Transfer-Encoding", "chunked"),
                     ("Content-Type", "application/x-www-form-urlencoded")),
                b"4;a=b\r\nkey=\r\n5\r\nENTER\r\n0\r\nX-Evil: 1\r\nHost: x\r\n\r\n")
    assert client.read().status == 200
    seen = site.phones["101"].seen()[-1]
    assert seen["body_head"] == "key=ENTER" and seen["violations"] == []
    assert dict((n.lower(), v) for n, v in seen["headers"])["content-length"] == "9"
    assert "x-evil" not in [n.lower() for n, _ in seen["headers"]]


def test_H15_hop_by_hop_and_dangerous_headers_do_not_cross(site, client):
    digest = login(site, client)
    client.send(wire(digest, "GET", PAGE, ("Connection", "keep-alive, X-Mine"), ("X-Mine", "1"),
                     ("Keep-Alive", "5"), ("TE", "trailers"), ("Upgrade", "websocket"),
                     ("Proxy-Authorization", "Basic eA=="), ("X-Forwarded-For", "1.2.3.4"),
                     ("Forwarded", "for=1.2.3.4"), ("X-Original-URL", "/settings.htm"),
                     ("X-Rewrite-URL", "/settings.htm"), ("Sec-Fetch-Site", "same-origin"),
                     ("HTTP2-Settings", "x"), ("Accept-Encoding", "gzip"), ("X-Real-IP", "1.2.3.4"),
                     ("Cookie", "a=b"), ("Accept-Language", "de")))
    assert client.read().status == 200
    seen = site.phones["101"].seen()[-1]
    names = [n.lower() for n, _ in seen["headers"]]
    for name in ("x-mine", "keep-alive", "te", "upgrade", "proxy-authorization", "x-forwarded-for",
                 "forwarded", "x-original-url", "x-rewrite-url", "sec-fetch-site",
                 "http2-settings", "accept-encoding", "x-real-ip"):
        assert name not in names, name
    headers = {n.lower(): v for n, v in seen["headers"]}
    assert headers["host"] == site.phones["101"].url[len("https://"):]
    assert headers["connection"] == "keep-alive" and 'username="gate"' in headers["authorization"]
    assert headers["accept-language"] == "de"
    assert seen["violations"] == []


def test_H17_trace_and_connect_are_405(site, client):
    digest = login(site, client)
    client.send(wire(digest, "TRACE", PAGE))
    answer = client.read()
    assert answer.status == 405 and answer.one("allow")
    with Client(site.port) as c:
        c.send(b"CONNECT gate.localhost:443 HTTP/1.1\r\nHost: gate.localhost:443\r\n\r\n")
        assert c.read().status in (400, 405)


def test_R27_http09_by_a_bare_lf(site, client):
    client.send(b"GET /phone/101/settings.htm\nHost: gate.localhost\r\n\r\n")
    assert client.read().status == 400 and client.at_end()
    assert site.phones["101"].counters()["requests"] == 0


def test_one_record_for_a_malformed_request(site, client):
    port = client.sock.getsockname()[1]
    client.send(b"GET / HTTP/1.1\r\nHost : gate.localhost\r\n\r\n")
    assert client.read().status == 400 and client.at_end()
    site.record(status=400)
    time.sleep(0.1)
    assert len([r for r in site.records()[site.mark:] if r["src_port"] == port]) == 1
