"""What strangers' test suites try: HTTP/0.9, answers to broken HEAD requests, who half-closes."""

import contextlib
import os
import socket
import ssl
import subprocess
import time

import pytest

import rawhttp
from digestclient import Digest
from gate import SLOWER, status_listener, wait_for
from rawhttp import Client, Closed, head

PAGE = "/phone/101/info.htm"
GATE = {"status": status_listener()}


@pytest.mark.parametrize("octets, status", [
    (b"GET /phone/101/info.htm\r\n", 400), (b"GET / HTTP/2.0\r\n", 505), (b"FETCH / HTTP/1.1\r\n", 501),
    (b"GET index.htm HTTP/1.1\r\n", 400), (b"CONNECT a:443 HTTP/1.1\r\n", 405),
], ids=["HTTP/0.9", "2.0", "method", "no slash", "CONNECT"])
@pytest.mark.parametrize("plain", [False, True], ids=["TLS", "clear"])
def test_H04_H05_a_request_line_is_judged_when_it_is_there(site, octets, status, plain):
    """Not at the end of the head: HTTP/0.9 has no such end, and would wait for header_s."""
    with Client(site.http_port if plain else site.port, plain=plain, timeout=5) as c:
        c.send(octets)
        assert c.read().status == status and c.at_end()


@pytest.mark.parametrize("octets", [
    b"HEAD / HTTP/1.1\r\n\r\n", b"\r\nHEAD / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"HEAD / HTTP/3.0\r\n\r\n", b"HEAD / HTTP/1.1\r\nX: \0\r\n\r\n",
], ids=["no Host", "two Hosts", "version", "NUL"])
def test_H27_no_body_for_a_broken_HEAD_either(site, octets):
    for port, plain in ((site.port, False), (site.http_port, True), (site.port, True)):
        with Client(port, plain=plain, timeout=5) as c:
            c.send(octets)
            answer = c.read("HEAD")
            assert answer.status in (400, 505) and int(answer.one("content-length")) > 0
            assert c.at_end() and c.buf == b""


def test_H20_the_answer_to_clear_text_has_a_date(site):
    with Client(site.port, plain=True) as c:
        c.send(head("GET", "/"))
        answer = c.read()
        assert answer.status == 400 and answer.one("date").endswith(" GMT")
        assert answer.one("cache-control") == "no-store"


def test_H20_the_status_listener_has_a_date(new_gate):
    gate = new_gate(status=status_listener())
    port = int(gate.config["status"]["listen"].rpartition(":")[2])
    with Client(port, plain=True) as c:
        c.send(head("HEAD", "/healthz", "localhost"))
        answer = c.read("HEAD")
        assert answer.status == 200 and answer.one("date").endswith(" GMT")
        assert c.at_end() and c.buf == b""


# --- half-closed connections ---------------------------------------------------------------------

def half_close(client):
    """FIN, and TLS goes on reading (SSLSocket.shutdown would end it, too)."""
    with socket.socket(fileno=os.dup(client.sock.fileno())) as same:
        same.shutdown(socket.SHUT_WR)


class Notifier:
    """Enough of a TLS client to send close_notify and go on reading."""

    def __init__(self, port):
        self.raw = socket.create_connection(("127.0.0.1", port), 10)
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = rawhttp.tls_context().wrap_bio(self.into, self.out, server_hostname="gate.localhost")
        self._go(self.tls.do_handshake)

    def _go(self, act):
        while True:
            try:
                done = act()
                self.raw.sendall(self.out.read())
                return done
            except ssl.SSLWantReadError:
                self.raw.sendall(self.out.read())
                octets = self.raw.recv(65536)
                if not octets:
                    raise Closed("cut") from None
                self.into.write(octets)

    def send_and_notify(self, octets):
        self.tls.write(octets)
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            self.raw.sendall(self.out.read())

    def read(self):
        octets = b""
        try:
            while piece := self._go(lambda: self.tls.read(65536)):
                octets += piece
        except ssl.SSLZeroReturnError:      # its close_notify
            pass
        self.raw.close()
        return octets


def signed_in(gate, user="bob"):
    c, digest = Client(gate.port), Digest(user, gate.passwords[user])
    c.send(head("GET", "/"))
    digest.take(c.read())
    return c, digest


@pytest.fixture
def slow(site):
    """A phone that takes its time, and is known to be one that asks for a login."""
    c, digest = signed_in(site)
    with c:
        c.send(head("GET", PAGE, headers=[digest.header("GET", PAGE)]))
        assert c.read().status == 200
    site.phones["101"].switch(ms=300)
    yield site
    site.phones["101"].switch(ms=0)


def test_a_half_closed_connection_gets_its_answers(slow):
    c, digest = signed_in(slow)
    with c:
        c.send(b"".join(head("GET", t, headers=[digest.header("GET", t)])
                        for t in ("/phone/101/css/main.css", PAGE, "/")))
        half_close(c)
        answers = [c.read() for _ in range(3)]
        assert [a.status for a in answers] == [200, 200, 200] and b"Mac:" in answers[1].body
        assert c.at_end() and c.ended == "closed"
    assert slow.record(path="/info.htm", user="bob")["outcome"] == "allowed"


def test_T15_close_notify_alone_ends_nothing_that_was_asked(slow):
    c, digest = signed_in(slow)
    with c:
        request = head("GET", PAGE, headers=[digest.header("GET", PAGE)])
    n = Notifier(slow.port)
    n.send_and_notify(request)
    answer = n.read()
    assert answer.startswith(b"HTTP/1.1 200") and b"Mac:" in answer
    assert b"\r\nConnection: close\r\n" in answer


@pytest.mark.parametrize("octets", [
    head("POST", PAGE, headers=[("Content-Length", "100")]) + b"abc", head("GET", PAGE)],
    ids=["half a body", "whole"])
def test_a_refusal_is_sent_to_who_closes_at_once(site, octets):
    n = Notifier(site.port)
    n.send_and_notify(octets)
    assert n.read().startswith(b"HTTP/1.1 401")
    assert site.record(reason="no_credentials")


def test_half_a_request_is_no_request(site):
    c, digest = signed_in(site, "alice")
    with c:
        request = head("POST", "/phone/101/command.htm", headers=[
            digest.header("POST", "/phone/101/command.htm"), ("Content-Length", "9"),
            ("Content-Type", "application/x-www-form-urlencoded")])
        c.send(request + b"key=ENT")
        half_close(c)
        assert c.at_end()
    assert site.record(path="/command.htm")["reason"] == "client_gone"
    assert site.phones["101"].counters()["requests"] == 0


def test_who_closes_before_the_phones_turn_has_left_the_line(slow):
    slow.phones["101"].switch(ms=2000)
    c, digest = signed_in(slow)
    with c, Client(slow.port) as other:
        target = "/phone/101/adr.htm"
        c.send(head("GET", PAGE, headers=[digest.header("GET", PAGE)]))
        wait_for(lambda: slow.metrics()["phone_requests_in_flight"] == 1, 5, "its turn")
        other.send(head("GET", target, headers=[digest.header("GET", target)]))
        wait_for(lambda: slow.metrics()["phone_requests_waiting"] == 1, 5, "the line")
        half_close(other)
        assert other.at_end() and slow.record(path="/adr.htm")["reason"] == "client_gone"
        assert c.read().status == 200


def test_nobody_is_waited_for_longer_than_CONN_HALF_CLOSED_MS(slow):
    slow.phones["101"].switch(ms=20000)
    c, digest = signed_in(slow)
    with c:
        c.send(head("GET", PAGE, headers=[digest.header("GET", PAGE)]))
        began = time.monotonic()
        half_close(c)
        assert c.at_end() and 4 < time.monotonic() - began < 8 * SLOWER
    assert slow.record(path="/info.htm", outcome="failed")["reason"] == "client_gone"
    slow.phones["101"].close_connections()


def test_H14_what_comes_behind_the_last_request_takes_no_answer_away(slow):
    """Records that wait while the phone thinks, and then are nobody's: no reset may come of them."""
    c, digest = signed_in(slow)
    with c:
        request = head("GET", PAGE, headers=[digest.header("GET", PAGE)])
    n = Notifier(slow.port)
    n.tls.write(request + b"NONSENSE\r\n\r\n")
    for _ in range(40):
        n.tls.write(b"x" * 16000)
    n.raw.sendall(n.out.read())
    octets = n.read()
    assert octets.startswith(b"HTTP/1.1 200") and b"HTTP/1.1 400" in octets
    assert octets.endswith(b"</html>\n")


# --- TLS that brings nothing ---------------------------------------------------------------------

KEY_UPDATES = """
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    (void)argc;
    signal(SIGPIPE, SIG_IGN);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[1]))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0), sent = 0;
    char answer[1];
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) return 1;
    SSL *ssl = SSL_new(SSL_CTX_new(TLS_client_method()));
    SSL_set_fd(ssl, fd);
    SSL_set_tlsext_host_name(ssl, "gate.localhost");
    if (SSL_connect(ssl) != 1) return 1;
    while (sent < atoi(argv[3]) && SSL_key_update(ssl, atoi(argv[2])) == 1 && SSL_do_handshake(ssl) == 1)
        sent++;
    const char *request = "GET / HTTP/1.1\\r\\nHost: gate.localhost\\r\\n\\r\\n";
    if (SSL_write(ssl, request, (int)strlen(request)) > 0 && SSL_read(ssl, answer, 1) == 1)
        printf("answered after %d\\n", sent);
    else
        printf("ended\\n");
    return 0;
}
"""


@pytest.mark.parametrize("kind", [0, 1], ids=["without reply", "with reply"])
@pytest.mark.parametrize("number,end", [(40000, "ended"), (500, "answered after 500")])
def test_key_updates_without_end_are_the_end(site, tmp_path, kind, number, end):
    source = tmp_path / "updates.c"
    source.write_text(KEY_UPDATES)
    subprocess.run(["cc", "-o", tmp_path / "updates", source, "-lssl", "-lcrypto"], check=True)
    done = subprocess.run([tmp_path / "updates", str(site.port), str(kind), str(number)],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and done.stdout.strip() == end
    with Client(site.port) as c:
        c.send(head("GET", "/"))
        assert c.read().status == 401


# --- before a request ----------------------------------------------------------------------------

def test_connections_that_end_before_a_request_have_a_limit_of_records(new_gate):
    gate = new_gate(status=status_listener(), workers=1,
                    limits={"handshake_rate_per_address": 0, "connections_per_address": 5000})
    for c in gate.at_once(["127.0.0.1"] * 400, b"\0"):
        with c, contextlib.suppress(OSError):
            c.recv(1)

    def left_out_and_told():
        return gate.metrics()["connections_unrecorded_total"], sum(
            r["event"] == "tls_refused" for r in gate.records())
    wait_for(lambda: sum(left_out_and_told()) == 400, 5, "each is counted, or has a record")
    left_out, told = left_out_and_told()
    assert left_out > 0 and told >= 100


ACCEPT = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags) {
    static _Thread_local unsigned calls;
    static const int errors[] = {ENETDOWN, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENONET};
    if (calls++ % 2 == 0) {
        errno = errors[calls / 2 % 5];
        return -1;
    }
    int (*real)(int, struct sockaddr *, socklen_t *, int) = dlsym(RTLD_NEXT, "accept4");
    return real(fd, addr, len, flags);
}
"""


def preloaded(new_gate, tmp_path, monkeypatch, text):
    """A gate to which the system says something else."""
    source, library = tmp_path / "preload.c", tmp_path / "preload.so"
    source.write_text(text)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("ASAN_OPTIONS", os.environ.get("ASAN_OPTIONS", "detect_leaks=1:exitcode=99") +
                       ":verify_asan_link_order=0")
    gate = new_gate(phones={}, workers=1)
    monkeypatch.delenv("LD_PRELOAD")
    return gate


def test_what_became_of_one_connection_does_not_stop_the_next(new_gate, tmp_path, monkeypatch):
    """accept() gives the network's errors of the connection (accept(2)); no pause for those."""
    gate = preloaded(new_gate, tmp_path, monkeypatch, ACCEPT)
    for _ in range(10):
        with Client(gate.port) as c:
            c.send(head("GET", "/"))
            assert c.read().status == 401
    assert "accept_failed" not in gate.stderr()


POLL = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* The first three times that a listener of TCP has somebody, its poll fails instead. */
static void spoil(struct epoll_event *events, int count) {
    static _Thread_local int spoilt;
    for (int i = 0; i < count && spoilt < 3; i++) {
        int listens = 0, domain = 0, fd = events[i].data.fd;
        socklen_t len = sizeof(int), also = sizeof(int);
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) != 0 || !listens) continue;
        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &also) != 0 || domain != AF_INET) continue;
        events[i].events = EPOLLERR;
        spoilt++;
    }
}

int epoll_pwait(int fd, struct epoll_event *events, int max, int timeout, const sigset_t *mask) {
    int (*real)(int, struct epoll_event *, int, int, const sigset_t *) = dlsym(RTLD_NEXT, "epoll_pwait");
    int count = real(fd, events, max, timeout, mask);
    spoil(events, count);
    return count;
}

int epoll_wait(int fd, struct epoll_event *events, int max, int timeout) {
    int (*real)(int, struct epoll_event *, int, int) = dlsym(RTLD_NEXT, "epoll_wait");
    int count = real(fd, events, max, timeout);
    spoil(events, count);
    return count;
}
"""


def test_a_listener_whose_poll_fails_is_polled_again(new_gate, tmp_path, monkeypatch):
    """libuv stops polling then: a listener that believed it would never take anybody again."""
    gate = preloaded(new_gate, tmp_path, monkeypatch, POLL)
    for _ in range(10):
        with Client(gate.port) as c:
            c.send(head("GET", "/"))
            assert c.read().status == 401
    assert "server.accept_failed error=" in gate.stderr()
