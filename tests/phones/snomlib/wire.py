"""Reading requests and writing answers, octet by octet as the phone does it."""

import hashlib
import socket
import ssl
import struct


class BadRequest(Exception):
    """The request cannot be read; the text says why."""


class Request:
    def __init__(self, method, target, version, headers):
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers      # list of (name, value) as sent
        self.body = b""
        self.body_len = 0
        self.one_record = True      # head and body in one TLS record
        self.begun = True           # head and the body's first octet in one
        self.violations = []        # what a careful client would not have sent

    def header(self, name):
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None

    def record(self):
        return {"method": self.method, "target": self.target, "version": self.version,
                "headers": self.headers, "body_len": self.body_len,
                "body_sha256": hashlib.sha256(self.body).hexdigest(),
                "body_head": self.body[:4096].decode("latin-1"),
                "one_record": self.one_record, "violations": self.violations}


class Link:
    """One connection, TLS or not."""

    def __init__(self, sock, number):
        self.sock = sock
        self.number = number
        self.buf = b""
        self.before_reset = None

    def fill(self):
        """One more read: at most one TLS record. False at the end."""
        try:
            piece = self.sock.recv(65536)
        except ssl.SSLError:
            return False
        self.buf += piece
        return bool(piece)

    def send(self, octets):
        self.sock.sendall(octets)

    def peer_gone(self, wait_s):
        """Wait so long at most; True once the other side has closed."""
        before = self.sock.gettimeout()
        self.sock.settimeout(max(wait_s, 0.001))
        try:
            return not self.fill()
        except (TimeoutError, socket.timeout, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        finally:
            try:
                self.sock.settimeout(before)
            except OSError:
                pass

    def close(self, notify=True):
        try:
            if notify and isinstance(self.sock, ssl.SSLSocket):
                self.sock.settimeout(0)
                try:
                    self.sock.unwrap()      # sends close_notify, waits for none
                except (OSError, ValueError):
                    pass
            self.sock.close()
        except OSError:
            pass

    def reset(self):
        """RST instead of FIN."""
        if self.before_reset:
            self.before_reset()
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.sock.close()
        except OSError:
            pass


def read_head(link, longest):
    """The raw head without its empty line, or None when the client left."""
    while b"\r\n\r\n" not in link.buf:
        if len(link.buf) > longest:
            raise BadRequest("head too long")
        if not link.fill():
            if link.buf:
                raise BadRequest("cut head")
            return None
    head, link.buf = link.buf.split(b"\r\n\r\n", 1)
    if len(head) > longest:
        raise BadRequest("head too long")
    return head


def parse_head(head):
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/"):
        raise BadRequest("request line")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip() or "\n" in line or "\r" in line:
            raise BadRequest("header line")
        headers.append((name, value.strip()))
    req = Request(words[0], words[1], words[2], headers)
    judge(req)
    return req


def judge(req):
    """Things the gate promises never to send to a phone."""
    names = [name.lower() for name, _ in req.headers]
    for name in ("transfer-encoding", "expect", "upgrade", "te", "trailer", "forwarded",
                 "proxy-authorization", "x-original-url", "x-rewrite-url"):
        if name in names:
            req.violations.append(name)
    for name in set(names):
        if names.count(name) > 1 and name in ("host", "content-length", "authorization"):
            req.violations.append("two " + name)
    if names.count("host") != 1:
        req.violations.append("host missing")
    req.violations += [n for n in names if n.startswith(("x-forwarded", "sec-", "proxy-"))]


def read_body(link, req):
    text = req.header("content-length")
    if text is None:
        return
    if not text.isdigit():
        raise BadRequest("content-length")
    req.body_len = int(text)
    req.one_record = len(link.buf) >= req.body_len
    req.begun = bool(link.buf) or not req.body_len
    pieces, have = [link.buf[:req.body_len]], min(len(link.buf), req.body_len)
    link.buf = link.buf[req.body_len:]
    while have < req.body_len:
        if not link.fill():
            raise BadRequest("cut body")
        piece, link.buf = link.buf[:req.body_len - have], link.buf[req.body_len - have:]
        pieces.append(piece)
        have += len(piece)
    req.body = b"".join(pieces)
    if link.buf:
        req.violations.append("octets behind the body")


def chunked(body, size=4096):
    out = b""
    for i in range(0, len(body), size):
        piece = body[i:i + size]
        out += b"%x\r\n%s\r\n" % (len(piece), piece)
    return out + b"0\r\n\r\n"


def head_octets(version, status, reason, headers):
    lines = ["%s %d %s" % (version, status, reason)]
    lines += ["%s: %s" % pair for pair in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def garble(head):
    """What two requests at once do to a head: parts of it are missing."""
    lines = head.split(b"\r\n")
    return lines[0][:3] + b"\r\n" + b"\r\n".join(lines[len(lines) // 2:])
