"""Phones that are broken in ways that touch their login, or that answer before they are asked: what
the person gets, how often a password was sent, and that the next request works."""

import contextlib
import hashlib
import json
import os
import signal
import socket
import ssl
import subprocess
import time

import pytest

import gate as gate_module
import leaks
import oddphone
from digestclient import Digest
from oddphone import answer
from rawhttp import Client, head

LIMITS = {"phone_connect_s": 1, "phone_first_byte_s": 1, "phone_stall_s": 1,
          "body_bytes": 256 << 20}
COLLECT_TOTAL = 128 << 20       # EXCHANGE_COLLECT_TOTAL
ODD, WELL = "/phone/101/odd", "/phone/101/well"
ORIGIN = ("Origin", "https://gate.localhost")


@pytest.fixture
def odd_phone(ca):
    phone = oddphone.OddPhone(ca)
    yield phone
    phone.stop()


@pytest.fixture
def odd_gate(odd_phone, new_gate, tmp_path):
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "snom.cfg").write_text(oddphone.PROFILE)
    gate = new_gate({"101": odd_phone}, limits=LIMITS, profiles_dir=str(profiles), workers=1,
                    status=gate_module.status_listener())
    gate.rest = leaks.Rest(gate)
    yield gate
    assert odd_phone.password not in gate.stderr() + gate.log_text()


def fails(gate, session, reason, status=502, target=ODD):
    page = session.get(target)
    assert page.status == status and reason.encode() in page.body
    assert gate.record(status=status, path=target[10:])["reason"] == reason


def is_well(session):
    page = session.get(WELL)
    assert (page.status, page.body) == (200, b"well /well")


# --- a password that was never seen to work ------------------------------------------------------

SILENT = {
    "hangs_up": (lambda link, *_: link.hang_up(), 502),
    "resets": (lambda link, *_: link.reset(), 502),
    "says_nothing": (lambda link, *_: link.wait_for_end(3), 504),
    "talks_nonsense": (lambda link, *_: (link.send(b"nonsense\r\n\r\n"), link.hang_up()), 502),
    "breaks_off": (lambda link, *_: (link.send(b"HTTP/1.1 40"), link.hang_up()), 502),
    "asks_as_proxy": (lambda link, *_: link.send(answer(status=b"407 Proxy")), 502),
}


@pytest.mark.parametrize("kind", SILENT)
def test_R19_a_password_that_nobody_answers_is_sent_three_times_at_most(odd_gate, odd_phone, sign_in, kind):
    """Some phones shut the connection on whoever is wrong: to them each time is a failed login, and
    more than three lock the page for everybody."""
    odd_phone.odd, status = SILENT[kind]
    s = sign_in(odd_gate, "alice", timeout=20)
    for _ in range(3):
        assert s.get(ODD).status == status
        if odd_phone.logins == 3:
            break
    for _ in range(2):
        fails(odd_gate, s, "phone_credentials_rejected")
        assert s.post(ODD, "a=b", [ORIGIN]).status == 502
    assert odd_phone.logins == 3
    assert "why=no_answer" in odd_gate.stderr()
    s.close()
    odd_gate.rest.check()


@pytest.mark.parametrize("kind", SILENT)
def test_a_phone_that_is_well_again_after_one_unanswered_login_is_served(odd_gate, odd_phone, sign_in, kind):
    """A GET may send the password twice: a phone that was not well is no phone that refuses."""
    odd_phone.odd, status = SILENT[kind]
    with sign_in(odd_gate, "alice", timeout=20) as s:
        assert s.get(ODD).status == status
        is_well(s)


def test_R19_stale_of_a_password_that_never_worked_is_believed_once(odd_gate, odd_phone, sign_in):
    def stale(link, *_):
        link.nonce = "n%d" % time.monotonic_ns()
        link.send(answer(b"no", b"401 No", odd_phone.challenge(link, ", stale=true")))
    odd_phone.odd = stale
    s = sign_in(odd_gate, "bob")
    fails(odd_gate, s, "phone_always_stale")
    for _ in range(3):
        fails(odd_gate, s, "phone_credentials_rejected")
    assert odd_phone.logins == 2


def test_R19_a_phone_that_dies_during_a_login_and_comes_back_is_served(odd_gate, odd_phone, sign_in):
    """The first answer is lost with the connection, and then there is nobody for a while: no password
    was sent meanwhile, so the breaker stays closed."""
    def die(link, *_):
        odd_phone.stop()
        link.reset()
    odd_phone.odd = die
    s = sign_in(odd_gate, "bob")
    fails(odd_gate, s, "phone_refused")
    fails(odd_gate, s, "phone_refused")
    assert odd_phone.logins == 1 and "credentials_rejected" not in odd_gate.stderr()


@pytest.mark.parametrize("kind", ["hangs_up", "resets", "says_nothing", "talks_nonsense"])
def test_R19_a_password_that_works_is_not_doubted(odd_gate, odd_phone, sign_in, kind):
    odd_phone.odd, status = SILENT[kind]
    s = sign_in(odd_gate, "alice", timeout=20)
    is_well(s)
    for _ in range(3):
        assert s.get(ODD).status == status
    is_well(s)
    s.close()
    odd_gate.rest.check()


# --- nonces that die with their connection -------------------------------------------------------

def test_R21_a_nonce_of_another_connection_is_tried_once(odd_gate, odd_phone, sign_in):
    """To this phone it is a failed login each time. One is the price of finding that out."""
    odd_phone.odd = lambda link, *_: (link.send(answer(fields=b"Connection: close\r\n")),
                                      link.hang_up())
    s = sign_in(odd_gate, "bob")
    for _ in range(5):
        assert s.get(ODD).status == 200
        is_well(s)
    assert odd_phone.failed == 1
    assert "credentials_rejected" not in odd_gate.stderr()


def test_R21_H13_a_phone_with_surplus_octets_can_still_be_logged_in_to(odd_gate, odd_phone, sign_in):
    """One answer a connection, from when it sent more than it was asked for: not for its challenge,
    which holds on its own connection only."""
    odd_phone.odd = lambda link, *_: link.send(answer() * 2)
    s = sign_in(odd_gate, "bob")
    assert s.get(ODD).status == 200
    gate_module.wait_for(lambda: "phone.unasked_octets" in odd_gate.stderr(), 3, "a warning")
    before = odd_phone.connections
    for _ in range(4):
        is_well(s)
    assert odd_phone.connections == before + 4 and odd_phone.failed <= 1
    assert "credentials_rejected" not in odd_gate.stderr()


# --- answers that nobody may see -----------------------------------------------------------------

def test_C13_a_challenge_for_a_proxy_is_a_page_of_ours(odd_gate, odd_phone, sign_in):
    odd_phone.odd = lambda link, *_: link.send(
        answer(status=b"407 Proxy", fields=b'Proxy-Authenticate: Basic realm="x"\r\n'))
    s = sign_in(odd_gate, "bob")
    is_well(s)
    fails(odd_gate, s, "phone_proxy_challenge")
    assert not s.get(ODD).all("proxy-authenticate")
    is_well(s)


def test_broken_records_are_a_fault_of_TLS(odd_gate, odd_phone, sign_in):
    def break_record(link, *_):
        raw = os.dup(link.sock.fileno())
        os.write(raw, b"\x17\x03\x03\x00\x20" + b"x" * 32)
        os.close(raw)
        link.wait_for_end(2)
    odd_phone.odd = break_record
    s = sign_in(odd_gate, "bob")
    is_well(s)
    fails(odd_gate, s, "phone_tls_failed")
    is_well(s)


# --- answers to a request without credentials ----------------------------------------------------

@pytest.mark.parametrize("status, reason, ours", [
    ("403 Forbidden", "phone_locked", 503), ("423 Locked", "phone_locked", 503),
    ("429 Too Many", "phone_locked", 503), ("503 Starting", "phone_busy", 503),
    ("500 Oops", "phone_error", 502), ("302 Found", "phone_not_hardened", 502)])
def test_C01_a_phone_that_refuses_everybody_is_not_one_without_a_login(odd_gate, odd_phone, sign_in,
                                                                       status, reason, ours):
    """It is locked, or starting: no password is sent, and nobody is alarmed about its settings."""
    odd_phone.bare = lambda link, head: (
        link.read_body(head), link.send(answer(b"their page", status.encode(), b"Location: /login\r\n")))
    s = sign_in(odd_gate, "bob")
    fails(odd_gate, s, reason, ours)
    page = s.get(ODD)
    assert b"their page" not in page.body and page.one("location") is None
    assert odd_phone.logins == 0
    assert ("phone.not_hardened" in odd_gate.stderr()) == (reason == "phone_not_hardened")
    odd_phone.bare = None
    is_well(s)
    s.close()
    odd_gate.rest.check()


def test_the_page_of_a_challenge_that_drips_has_an_end(odd_gate, odd_phone, sign_in):
    """The person sees nothing of it, and all the others wait for the phone."""
    def drip(link, head):
        link.send(b"HTTP/1.1 401 No\r\nContent-Length: 9999\r\n" + odd_phone.challenge(link) + b"\r\n")
        for _ in range(100):
            link.send(b"x")
            time.sleep(0.1)
    odd_phone.bare = drip
    s = sign_in(odd_gate, "bob", timeout=20)
    start = time.monotonic()
    fails(odd_gate, s, "phone_stalled", 504)
    assert time.monotonic() - start < 9     # of the ten seconds that it would take
    odd_phone.bare = None
    is_well(s)
    s.close()
    odd_gate.rest.check()


def test_T11_a_key_too_short_is_named_as_that(odd_phone, new_gate, sign_in, tmp_path):
    """The pinned certificate is the right one, so nobody has to look for another authority."""
    key, cert = tmp_path / "weak.key", tmp_path / "weak.crt"
    subprocess.run(["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:1024", "-subj", "/CN=phone",
                    "-keyout", key, "-out", cert], check=True, stderr=subprocess.DEVNULL)
    odd_phone.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    odd_phone.context.set_ciphers("ALL:@SECLEVEL=0")
    odd_phone.context.load_cert_chain(cert, key)
    public = subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-outform", "DER"], check=True,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    odd_phone.entry = {"tls": {"pin_sha256": [hashlib.sha256(public).hexdigest()]}}
    gate = new_gate({"101": odd_phone})
    fails(gate, sign_in(gate, "alice"), "phone_certificate_weak")
    assert odd_phone.logins == 0
    seen = subprocess.run([gate_module.program(), "audit", "-c", str(gate.file), "--format", "json"],
                          stdout=subprocess.PIPE, timeout=60, check=False)
    assert json.loads(seen.stdout)["phones"][0]["trouble"] == "certificate_weak"


# --- answers before the request is through -------------------------------------------------------

def early(then, after=100_000):
    """Read a little of the upload, refuse it, and read no further."""
    def odd(link, *_):
        link.read_some(after)
        link.send(answer(b"too large", b"413 Too Large"))
        then(link)
    return odd


@pytest.mark.parametrize("then", ["reset", "hang_up"])
def test_an_early_answer_is_read_though_the_phone_hangs_up_on_the_rest(odd_gate, odd_phone, sign_in,
                                                                       then):
    """Closing with octets unread is a reset: it must not overtake the answer before it."""
    odd_phone.odd = early(lambda link: getattr(link, then)())
    s = sign_in(odd_gate, "alice", timeout=20)
    is_well(s)
    for _ in range(5):
        page = s.request("POST", ODD, [ORIGIN, ("Content-Type", "application/octet-stream")],
                         b"x" * 4_000_000)
        assert (page.status, page.body) == (413, b"too large")
        s.close()
    is_well(s)
    s.close()
    odd_gate.rest.check()


def test_H14_a_connection_on_which_a_body_is_stuck_is_not_used_again(odd_gate, odd_phone, sign_in):
    """The phone refused the upload and reads no more; the next person does not wait behind it."""
    odd_phone.odd = early(lambda link: time.sleep(10))
    s = sign_in(odd_gate, "alice", timeout=20)
    is_well(s)
    page = s.request("POST", ODD, [ORIGIN, ("Content-Type", "application/octet-stream")],
                     b"x" * 1_000_000)
    assert page.status == 413
    start = time.monotonic()
    is_well(s)
    assert time.monotonic() - start < 5


# --- bodies that have to be whole before a phone sees them ---------------------------------------

def chunk(octets):
    return b"%x\r\n%s\r\n" % (len(octets), octets)


def test_what_a_worker_holds_of_chunked_bodies_is_bounded(odd_gate, odd_phone, sign_in):
    """A phone wants a length, so a chunked body is collected: all of a worker's in 128 MiB. One that
    would take more is refused, and there is room when the others have gone."""
    s = sign_in(odd_gate, "alice", timeout=30)
    is_well(s)

    def upload(client):
        client.send(head("POST", WELL, headers=[s.digest.header("POST", WELL), ORIGIN,
                                                ("Transfer-Encoding", "chunked")]))
    piece = chunk(b"x" * (1 << 20))
    with Client(odd_gate.port, timeout=30) as first, Client(odd_gate.port, timeout=30) as second:
        upload(first)
        # More than half, beside what the kernel may still hold of it: memory grows by doubling.
        for _ in range((COLLECT_TOTAL >> 21) + 1 + (gate_module.kernel_buffers() >> 20)):
            first.send(piece)
        upload(second)
        second.send(chunk(b"x"))
        page = second.read()
        assert page.status == 503 and b"bodies_too_large" in page.body
        assert odd_gate.record(status=503)["reason"] == "bodies_too_large"
    gate_module.wait_for(lambda: odd_gate.metrics()["connections"] == 2, 5, "both have gone")
    with Client(odd_gate.port, timeout=30) as third:
        upload(third)
        third.send(chunk(b"x") + b"0\r\n\r\n")
        assert third.read().body == b"well /well"
    s.close()
    odd_gate.rest.check()


def test_who_resets_behind_a_further_request_frees_the_phone(new_gate, tmp_path):
    """The gate finds the reset when it writes; what is left to be read it cannot use yet, so it never
    reads as far as the end. In clear, because then a read is as long as what a writer may keep."""
    listener = socket.create_server(("127.0.0.1", 0))
    phone = {"url": "http://127.0.0.1:%d" % listener.getsockname()[1], "profile": "snom",
             "login_required": False, "allow_plain_http": True}
    (tmp_path / "snom.cfg").write_text(oddphone.PROFILE.replace("digest", "none"))
    gate = new_gate({"101": phone}, profiles_dir=tmp_path, workers=1, limits=LIMITS,
                    status=gate_module.status_listener())
    rest = leaks.Rest(gate)
    digest = Digest("bob", gate.passwords["bob"])
    with listener, Client(gate.port) as c:
        c.send(head("GET", "/"))
        digest.take(c.read())
        request = head("GET", ODD, headers=[digest.header("GET", ODD)])
        c.send(request)
        link = oddphone.Link(listener.accept()[0])
        with link.sock:
            link.read_head()
            link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n" + b"x" * 100)
            assert c.read(body=False).status == 200
            gate.process.send_signal(signal.SIGSTOP)
            link.sock.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                link.send(b"x" * 3_999_900)
            c.send(request)
            c.reset()
            gate.process.send_signal(signal.SIGCONT)
            assert gate.record(path="/odd", outcome="failed")["reason"] == "client_gone"
    rest.check()
