"""What a browser does with a page, for make bench-page: the page first, then what it names over at most six kept
connections; Digest answered beforehand once a challenge is known; what may be kept is kept and asked about again."""
import hashlib
import queue
import re
import secrets
import socket
import ssl
import threading
import time

CONNECTIONS = 6


class Wrong(Exception):
    """An answer that is not what the phone has there."""


class Browser:
    def __init__(self, port, host, user, password, content):
        self.port, self.host, self.user, self.password, self.content = port, host, user, password, content
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        self.lock = threading.Lock()
        self.challenge, self.uses = None, 0
        self.kept = {}          # path: (tag, body)
        self.links = [None] * CONNECTIONS
        self.confirmed = 0      # answers 304

    def close(self):
        for link in self.links:
            if link is not None:
                link.close()

    def load(self, page, assets):
        """Seconds until the last octet of the last asset."""
        begun = time.monotonic()
        self.get(0, page)
        todo, errors = queue.SimpleQueue(), []
        for asset in assets:
            todo.put(asset)

        def fetch(number):
            try:
                while True:
                    self.get(number, todo.get_nowait())
            except queue.Empty:
                pass
            except (Wrong, OSError) as error:
                errors.append(error)
        threads = [threading.Thread(target=fetch, args=(n,)) for n in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        if errors:
            raise Wrong(str(errors[0]))
        return time.monotonic() - begun

    def get(self, number, path):
        for _ in range(2):
            status, fields, body = self.ask(number, path)
            if status != 401:
                break
            self.take_challenge(fields)
        if status == 304 and path in self.kept:
            self.confirmed += 1
            body = self.kept[path][1]
        elif status != 200:
            raise Wrong(f"{path}: status {status}")
        if body != self.content(path):
            raise Wrong(f"{path}: {len(body)} octets that are not the phone's")
        control = ", ".join(fields.get("cache-control", []))
        if status == 200 and "etag" in fields and "no-store" not in control:
            self.kept[path] = (fields["etag"][0], body)

    def ask(self, number, path):
        link = self.links[number] = self.links[number] or Link(self.port, self.host, self.context)
        lines = [f"GET {path} HTTP/1.1", f"Host: {self.host}", "User-Agent: bench", "Accept: */*",
                 "Sec-Fetch-Site: same-origin", "Connection: keep-alive"]
        if path in self.kept:
            lines.append("If-None-Match: " + self.kept[path][0])
        if self.challenge:
            lines.append("Authorization: " + self.credentials(path))
        link.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return link.answer()

    def take_challenge(self, fields):
        with self.lock:
            found = [dict((name.lower(), value.strip('"')) for name, value in
                          re.findall(r'([\w-]+)=("[^"]*"|[^\s,]+)', text)) for text in fields["www-authenticate"]]
            self.challenge, self.uses = found[0], 0

    def credentials(self, path):
        with self.lock:
            self.uses += 1
            c, count = self.challenge, f"{self.uses:08x}"
        algorithm = c.get("algorithm", "MD5")
        name = {"MD5": "md5", "SHA-256": "sha256"}[algorithm]

        def h(text):
            return hashlib.new(name, text.encode()).hexdigest()
        mine = secrets.token_hex(8)
        ha1, ha2 = h(f"{self.user}:{c['realm']}:{self.password}"), h(f"GET:{path}")
        response = h(":".join([ha1, c["nonce"], count, mine, "auth", ha2]))
        opaque = f', opaque="{c["opaque"]}"' if "opaque" in c else ""
        return (f'Digest username="{self.user}", realm="{c["realm"]}", nonce="{c["nonce"]}", uri="{path}", '
                f'algorithm={algorithm}, qop=auth, nc={count}, cnonce="{mine}", response="{response}"{opaque}')


class Link:
    """One kept connection."""

    def __init__(self, port, host, context):
        raw = socket.create_connection(("127.0.0.1", port), 60)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = context.wrap_socket(raw, server_hostname=host)
        self.text = b""

    def close(self):
        self.sock.close()

    def more(self):
        piece = self.sock.recv(65536)
        if not piece:
            raise Wrong("the connection was closed")
        self.text += piece

    def answer(self):
        """Status, {field: [values]}, body."""
        while b"\r\n\r\n" not in self.text:
            self.more()
        head, self.text = self.text.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = {}
        for line in lines:
            name, _, value = line.partition(":")
            fields.setdefault(name.lower(), []).append(value.strip())
        status = int(first.split(" ")[1])
        length = 0 if status == 304 else int(fields["content-length"][0])
        while len(self.text) < length:
            self.more()
        body, self.text = self.text[:length], self.text[length:]
        return status, fields, body
