"""A phone of raw sockets in this process, for answers that the simulated phones cannot give: each
connection is a thread, what it does with a request is a function of the test's. Its nonces hold on
their own connection only, and it counts every answer to a challenge that it does not understand as a
failed login, as a strict phone would."""

import hashlib
import os
import re
import secrets
import socket
import ssl
import struct
import threading

import gate as gate_module

FIELD = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')
LENGTH = re.compile(r"(?im)^content-length: *([0-9]+)")
AUTHORIZATION = re.compile(r"(?im)^authorization: *(.*)$")


def md5(text):
    return hashlib.md5(text.encode("latin-1")).hexdigest()


def answer(body=b"ok", status=b"200 Ok", fields=b""):
    return b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status, fields, len(body), body)


class Link:
    """One connection, as the phone sees it."""

    def __init__(self, sock):
        self.sock = sock
        self.buf = b""
        self.nonce = secrets.token_hex(8)
        self.over = False

    def _fill(self):
        piece = self.sock.recv(65536)
        if not piece:
            raise EOFError
        self.buf += piece

    def read_head(self):
        while b"\r\n\r\n" not in self.buf:
            self._fill()
        head, self.buf = self.buf.split(b"\r\n\r\n", 1)
        return head.decode("latin-1")

    def read_body(self, head):
        length = LENGTH.search(head)
        size = int(length[1]) if length else 0
        self.read_some(size)
        body, self.buf = self.buf[:size], self.buf[size:]
        return body

    def read_some(self, octets):
        while len(self.buf) < octets:
            self._fill()

    def send(self, octets):
        self.sock.sendall(octets)

    def hang_up(self):
        """close_notify and FIN, as far as they go."""
        try:
            self.sock.settimeout(0.2)
            if isinstance(self.sock, ssl.SSLSocket):
                self.sock.unwrap()
        except (OSError, ValueError):
            pass
        self.over = True

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.sock.detach())
        self.over = True

    def wait_for_end(self, seconds):
        """Say nothing until the gate hangs up."""
        self.sock.settimeout(seconds)
        try:
            while self.sock.recv(65536):
                pass
        except OSError:
            pass
        self.over = True


class OddPhone:
    """Asks for Digest and answers well, but for `odd`: odd(link, method, target, head) takes every
    request with credentials whose path begins with /odd. bare(link, head) takes every request without."""

    def __init__(self, ca, user="gate"):
        self.user, self.password = user, "phone-" + secrets.token_hex(8)
        self.service = None
        self.odd = self.bare = None
        self.logins = 0         # requests that came with credentials
        self.failed = 0         # of them those that prove nothing
        self.connections = 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(ca / "gate.crt", ca / "gate.key")
        self.entry = {"tls": {"ca": str(ca / "ca.crt")}}
        self.pin = ""
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        # Little room: what is not read stays with the gate's kernel.
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return "https://127.0.0.1:%d" % self.port

    def stop(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)    # wakes whoever accepts
        except OSError:
            pass
        self.listener.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(30)
        link = None
        try:
            link = Link(self.context.wrap_socket(sock, server_side=True))
            while not link.over:
                self._answer(link)
        except (OSError, EOFError):
            pass
        finally:
            (link.sock if link else sock).close()

    def challenge(self, link, more=""):
        return ('WWW-Authenticate: Digest realm="phone", nonce="%s", qop="auth"%s\r\n' % (
            link.nonce, more)).encode()

    def _answer(self, link):
        head = link.read_head()
        method, target, _ = head.split("\r\n", 1)[0].split(" ")
        login = AUTHORIZATION.search(head)
        self.logins += login is not None
        if login and self.odd and target.startswith("/odd"):
            self.odd(link, method, target, head)
            return
        if not login and self.bare:
            self.bare(link, head)
            return
        link.read_body(head)
        if login and self._proves(link, method, login[1]):
            link.send(answer(b"well " + target.encode()))
        else:
            self.failed += login is not None
            link.send(answer(b"no", b"401 Unauthorized", self.challenge(link)))

    def _proves(self, link, method, text):
        f = {name.lower(): quoted or bare for name, quoted, bare in FIELD.findall(text)}
        ha1 = md5("%s:%s:%s" % (self.user, f.get("realm"), self.password))
        middle = [f.get(name, "") for name in ("nonce", "nc", "cnonce", "qop")]
        ha2 = md5("%s:%s" % (method, f.get("uri")))
        return f.get("nonce") == link.nonce and f.get("response") == md5(":".join([ha1, *middle, ha2]))


PROFILE = gate_module.libconfig_file({
    "login": "digest", "keep_alive_header": True, "rules": (
        {"name": "all", "paths": ["*"], "parameters": ["*"], "allow": True},)})
