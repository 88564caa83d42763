"""A phone that takes many requests at a time: Digest with MD5, a page for everybody.

Switches are attributes: `accepts` (the password is right), `password` (it is right only if it is this
one; None: any), `delay_s` before each answer to a login, `let_in` (an event that such an answer waits
for, set), `hang_up` (requests without a login are answered, and then the connection is closed after so many
seconds of silence; 0: never)."""

import hashlib
import pathlib
import re
import socketserver
import ssl
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "phones"))

from snomlib import certificate  # noqa: E402


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        phone = self.server.phone
        try:
            sock = phone.context.wrap_socket(self.request, server_side=True)
            text = b""
            while True:
                sock.settimeout(phone.hang_up or 60)
                while b"\r\n\r\n" not in text:
                    piece = sock.recv(65536)
                    if not piece:
                        return
                    text += piece
                head, text = text.split(b"\r\n\r\n", 1)
                sock.settimeout(60)
                sock.sendall(phone.answer(head.decode("latin-1")))
        except (OSError, ValueError):
            pass


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True


class ManyPhone:
    def __init__(self, directory):
        self.context = certificate.context(*certificate.make(str(directory), "many", 1))
        self.lock = threading.Lock()
        self.asked = self.logins = self.failed = self.now = self.peak = 0
        self.let_in = threading.Event()
        self.let_in.set()
        self.accepts, self.password, self.delay_s, self.hang_up = True, None, 0.0, 0
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.phone = self
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def is_right(self, head, login):
        def md5(*parts):
            return hashlib.md5(":".join(parts).encode()).hexdigest()
        if not self.accepts or self.password is None:
            return self.accepts
        given = dict(re.findall(r'(\w+)="?([^",]*)', login.group(1)))
        ha1 = md5(given["username"], "many", self.password)
        return given["response"] == md5(ha1, given["nonce"], given["nc"], given["cnonce"], "auth",
                                        md5(head.split(" ")[0], given["uri"]))

    def answer(self, head):
        login = re.search(r"^authorization: digest (.*)", head, re.I | re.M)
        right = login is not None and self.is_right(head, login)
        with self.lock:
            self.asked += 1
            self.logins += login is not None
            self.failed += login is not None and not right
            self.now += 1
            self.peak = max(self.peak, self.now)
        if login:
            time.sleep(self.delay_s)
            self.let_in.wait(60)
        with self.lock:
            self.now -= 1
        if right:
            return b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\npage"
        return (b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm="many", nonce="n1", '
                b'qop="auth", algorithm=MD5\r\nContent-Length: 0\r\n\r\n')

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def entry(phone):
    """Its entry in the configuration, with the profile "many"."""
    return {"url": "https://127.0.0.1:%d" % phone.server.server_address[1], "profile": "many",
            "login": {"user": "gate", "password_file": "secrets/many"}, "tls": {"verify": "none"}}
