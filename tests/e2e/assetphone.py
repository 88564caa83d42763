"""A phone whose every page a test lays down: fields, body, ETag, framing, cuts. One at a time, with
Digest, saying no-store about everything as phones do.

    phone.pages["/a.css"] = Page(b"body{}", etag='"1"')

`asked` holds what came with a login: (method, target, {field: value})."""

import pathlib
import socketserver
import ssl
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "phones"))

from snomlib import certificate  # noqa: E402

NO_STORE = [("Cache-Control", "no-cache"), ("Cache-Control", "no-store")]


class Page:
    def __init__(self, body=b"", kind="text/css", etag=None, modified=None, status=200, headers=(),
                 framing="length", cut=False):
        self.body, self.kind, self.etag, self.modified = body, kind, etag, modified
        self.status, self.headers, self.framing, self.cut = status, list(headers), framing, cut

    def is_same(self, fields):
        """The conditional request names this version."""
        if "if-none-match" in fields:
            return self.etag is not None and fields["if-none-match"] == self.etag
        return self.modified is not None and fields.get("if-modified-since") == self.modified

    def octets(self, method, fields, server):
        same = self.is_same(fields)
        status = "304 Not Modified" if same else "%d Ok" % self.status
        lines = [("Server", server)] + NO_STORE + self.headers
        lines += [("ETag", self.etag)] if self.etag else []
        lines += [("Last-Modified", self.modified)] if self.modified else []
        body = b""
        if not same:
            body = self.body
            lines += [("Content-Type", self.kind)] if self.kind else []
            if self.framing == "length":
                lines += [("Content-Length", str(len(body)))]
            elif self.framing == "chunked":
                lines += [("Transfer-Encoding", "chunked")]
                body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        head = "HTTP/1.1 %s\r\n%s\r\n" % (status, "".join("%s: %s\r\n" % pair for pair in lines))
        if method == "HEAD":
            body = b""
        return head.encode("latin-1") + (body[:len(body) // 2] if self.cut else body)


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        phone = self.server.phone
        try:
            sock = phone.context.wrap_socket(self.request, server_side=True)
            with phone.lock:
                phone.open.append(sock)
            text = b""
            while True:
                while b"\r\n\r\n" not in text:
                    piece = sock.recv(65536)
                    if not piece:
                        return
                    text += piece
                head, text = text.split(b"\r\n\r\n", 1)
                octets, keep = phone.answer(head.decode("latin-1"))
                sock.sendall(octets)
                if not keep:
                    sock.close()
                    return
        except (OSError, ValueError):
            pass


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64
    allow_reuse_address = True


class AssetPhone:
    def __init__(self, directory, number=1):
        self.directory, self.number = directory, number
        self.new_identity()
        self.lock = threading.Lock()
        self.pages, self.asked, self.open = {}, [], []
        self.delay_s, self.now, self.peak = 0.0, 0, 0
        self.accepts, self.name = True, "snom embedded"
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.phone = self
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def new_identity(self):
        """Another key from the next connection on."""
        self.number += 10
        made = certificate.make(str(self.directory), "asset", self.number)
        self.context, self.pin = certificate.context(*made), certificate.pin(made[0])

    def close_connections(self):
        with self.lock:
            sockets, self.open = self.open, []
        for sock in sockets:
            try:
                sock.shutdown(2)
            except OSError:
                pass

    def answer(self, head):
        """The octets, and whether the connection stays."""
        lines = head.split("\r\n")
        method, target, _ = lines[0].split(" ")
        fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        if "authorization" not in fields or not self.accepts:
            return (b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm="asset", '
                    b'nonce="n1", qop="auth", algorithm=MD5\r\nContent-Length: 0\r\n\r\n'), True
        with self.lock:
            self.asked.append((method, target, fields))
            self.now += 1
            self.peak = max(self.peak, self.now)
        time.sleep(self.delay_s)
        page = self.pages.get(target.partition("?")[0], Page(b"nothing", "text/plain", status=404))
        octets = page.octets(method, fields, self.name)
        with self.lock:
            self.now -= 1
        return octets, not page.cut and page.framing != "close"

    def count(self, target):
        return sum(asked[1] == target for asked in self.asked)

    def entry(self, profile="asset"):
        """Its entry in the configuration."""
        return {"url": "https://127.0.0.1:%d" % self.server.server_address[1], "profile": profile,
                "login": {"user": "gate", "password_file": "secrets/asset"},
                "admin_login": {"user": "service", "password_file": "secrets/asset"},
                "tls": {"verify": "none"}}

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.close_connections()
