#!/usr/bin/python3
"""A slow phone for make bench-page: one processor, which a new TLS handshake or a request has for itself for so many
milliseconds; Digest MD5; no-store on everything. Prints "ready"; each line on standard input is answered with the
numbers since the line before, as JSON; ends with its input."""
import argparse
import hashlib
import json
import re
import secrets
import socketserver
import ssl
import sys
import threading
import time

ASSETS = [f"/css/part{i}.css" for i in range(5)] + [f"/js/part{i}.js" for i in range(5)] + \
         [f"/img/part{i}.png" for i in range(10)]
KINDS = {"css": "text/css", "js": "application/javascript", "png": "image/png", "htm": "text/html"}


def content(path):
    """What stands at a path: the page that names all assets, or an asset with octets of its own."""
    if path == "/index.htm":
        return ("<html>" + "".join(f'<link href="{asset}">' for asset in ASSETS) + "x" * 6000 + "</html>").encode()
    if path not in ASSETS:
        return None
    seed = hashlib.sha256(path.encode()).digest()
    return seed * ((4096 if path.endswith("png") else 12288) // len(seed))


class Phone:
    def __init__(self, chosen):
        self.chosen = chosen
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(chosen.cert, chosen.key)
        self.context.options |= ssl.OP_NO_TICKET        # it remembers no session: each handshake is a full one
        self.context.maximum_version = ssl.TLSVersion.TLSv1_2
        self.processor = threading.Lock()
        self.counting = threading.Lock()
        self.nonce = secrets.token_hex(16)
        self.counts = {}

    def count(self, what):
        with self.counting:
            self.counts[what] = self.counts.get(what, 0) + 1

    def numbers(self):
        with self.counting:
            counts, self.counts = self.counts, {}
        return counts

    def work(self, milliseconds):
        with self.processor:
            time.sleep(milliseconds / 1000)

    def signed_in(self, method, fields):
        given = {name: bare.strip('"') for name, bare in
                 re.findall(r'(\w+)=("[^"]*"|[^\s,]+)', fields.get("authorization", ""))}
        if given.get("nonce") != self.nonce or given.get("username") != self.chosen.user:
            return False

        def h(text):
            return hashlib.md5(text.encode()).hexdigest()
        ha1 = h(f"{self.chosen.user}:slow phone:{self.chosen.password}")
        ha2 = h(f"{method}:{given.get('uri')}")
        wanted = h(":".join([ha1, self.nonce, given.get("nc", ""), given.get("cnonce", ""), "auth", ha2]))
        return given.get("response") == wanted

    def answer(self, head):
        self.work(self.chosen.request_ms)
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if not self.signed_in(method, fields):
            self.count("unauthorized")
            return (f'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm="slow phone", nonce="{self.nonce}", '
                    'qop="auth", algorithm=MD5\r\nContent-Length: 0\r\n\r\n').encode()
        body = content(target)
        self.count("requests")
        status, kind = ("200 Ok", KINDS[target.rpartition(".")[2]]) if body else ("404 Not Found", "text/html")
        return (f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nServer: slow phone\r\nCache-Control: no-cache\r\n"
                f"Cache-Control: no-store\r\nContent-Length: {len(body or b'')}\r\n\r\n").encode() + (body or b"")


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        phone, text = self.server.phone, b""
        try:
            phone.work(phone.chosen.handshake_ms)
            sock = phone.context.wrap_socket(self.request, server_side=True)
            phone.count("handshakes")
            while True:
                while b"\r\n\r\n" not in text:
                    piece = sock.recv(65536)
                    if not piece:
                        return
                    text += piece
                head, text = text.split(b"\r\n\r\n", 1)
                sock.sendall(phone.answer(head))
        except (OSError, ValueError):
            pass


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64
    allow_reuse_address = True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("cert", "key", "user", "password"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--handshake-ms", type=int, default=300)
    parser.add_argument("--request-ms", type=int, default=40)
    chosen = parser.parse_args()
    server = Server(("127.0.0.1", chosen.port), Handler)
    server.phone = Phone(chosen)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps(server.phone.numbers()), flush=True)


if __name__ == "__main__":
    main()
