"""A TLS client that sends exactly the octets a test gives it, and reads answers strictly."""

import re
import socket
import ssl
import struct
import time

from gate import SLOWER

TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
STATUS = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) ([\t\x20-\x7e]*)\Z")


class BadAnswer(Exception):
    """The gate broke a rule of RFC 9112; the text says which."""


class Closed(Exception):
    """The connection ended before an answer began."""


def unless_turned_away(condition):
    """For wait_for: who gets no connection asks again."""
    def asked():
        try:
            return condition()
        except (OSError, Closed):
            return None
    return asked


class Answer:
    def __init__(self, status, reason, headers, body=b"", interim=()):
        self.status = status
        self.reason = reason
        self.headers = headers          # list of (lower-case name, value)
        self.body = body
        self.interim = list(interim)    # status codes of 1xx answers before it
        self.cut = False                # the body ended before its end
        self.framing = "none"

    def all(self, name):
        return [v for n, v in self.headers if n == name.lower()]

    def one(self, name):
        """The value of a header that occurs once; None where it is absent."""
        values = self.all(name)
        assert len(values) < 2, "%s occurs %d times" % (name, len(values))
        return values[0] if values else None

    def text(self):
        return self.body.decode("utf-8", "replace")


def tls_context(ca=None, minimum=None, maximum=None, alpn=None):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca:
        ctx.load_verify_locations(ca)
    else:
        ctx.check_hostname = False
        ctx.verify_mode = ssl.CERT_NONE
    if minimum:
        ctx.minimum_version = minimum
    if maximum:
        ctx.maximum_version = maximum
    if alpn:
        ctx.set_alpn_protocols(alpn)
    return ctx


class Client:
    """One connection. `sni` None sends none; `tls` None speaks clear text; `sock` is one that is there already."""

    def __init__(self, port, sni="gate.localhost", tls=None, address="127.0.0.1", first=b"",
                 timeout=20.0 * SLOWER, plain=False, receive_buffer=0, sock=None):
        raw = sock
        if not raw:
            raw = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
            raw.settimeout(timeout)
            if receive_buffer:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            raw.connect((address, port))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if first:
            raw.sendall(first)
        self.buf = b""
        self.ended = False
        self.sock = raw
        if not plain:
            ctx = tls or tls_context()
            try:
                self.sock = ctx.wrap_socket(raw, server_hostname=sni)
            except BaseException:
                raw.close()
                raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Gone for good; after a FIN it could still read."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, *pieces, pause=0.0):
        """Each piece is a write (and a TLS record) of its own."""
        for i, piece in enumerate(pieces):
            if i and pause:
                time.sleep(pause)
            self.sock.sendall(piece.encode("latin-1") if isinstance(piece, str) else piece)

    def _fill(self):
        if self.ended:
            return False
        try:
            piece = self.sock.recv(65536)
        except (ssl.SSLEOFError, ConnectionResetError, BrokenPipeError):
            piece = b""
            self.ended = "cut"
        if not piece:
            self.ended = self.ended or "closed"
            return False
        self.buf += piece
        return True

    def _until(self, marker):
        while marker not in self.buf:
            if not self._fill():
                return None
        part, self.buf = self.buf.split(marker, 1)
        return part

    def _exactly(self, count):
        pieces, have = [], 0
        while have < count:
            if not self.buf and not self._fill():
                break
            piece, self.buf = self.buf[:count - have], self.buf[count - have:]
            pieces.append(piece)
            have += len(piece)
        return b"".join(pieces)

    def at_end(self, timeout=10.0 * SLOWER):
        """True when the gate closes without sending anything more."""
        self.sock.settimeout(timeout)
        try:
            return not self.buf and not self._fill()
        except (TimeoutError, socket.timeout):
            return False

    def read_head(self):
        head = self._until(b"\r\n\r\n")
        if head is None:
            if self.buf:
                raise BadAnswer("cut head: %r" % self.buf[:200])
            raise Closed(self.ended)
        lines = head.split(b"\r\n")
        match = STATUS.match(lines[0])
        if not match:
            raise BadAnswer("status line: %r" % lines[0])
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not colon or not TOKEN.match(name):
                raise BadAnswer("header line: %r" % line)
            if re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", value):
                raise BadAnswer("control octet in: %r" % line)
            headers.append((name.decode().lower(), value.strip(b" \t").decode("latin-1")))
        return Answer(int(match[1]), match[2].decode(), headers)

    def read(self, method="GET", body=True):
        """The next answer, interim ones noted."""
        interim = []
        while True:
            answer = self.read_head()
            if answer.status >= 200:
                break
            interim.append(answer.status)
        answer.interim = interim
        if body:
            self._read_body(answer, method)
        return answer

    def _read_body(self, answer, method):
        lengths, codings = answer.all("content-length"), answer.all("transfer-encoding")
        if len(lengths) > 1 or len(codings) > 1 or (lengths and codings):
            raise BadAnswer("framing: %s %s" % (lengths, codings))
        if method == "HEAD" or answer.status in (204, 304):
            if codings and answer.status == 204:
                raise BadAnswer("Transfer-Encoding on 204")
            return
        if codings:
            if codings[0] != "chunked":
                raise BadAnswer("coding %r" % codings[0])
            answer.framing = "chunked"
            self._read_chunks(answer)
        elif lengths:
            if not lengths[0].isdigit():
                raise BadAnswer("length %r" % lengths[0])
            answer.framing = "length"
            answer.body = self._exactly(int(lengths[0]))
            answer.cut = len(answer.body) < int(lengths[0])
        else:
            answer.framing = "close"
            while self._fill():
                pass
            answer.body, self.buf = self.buf, b""
            answer.cut = self.ended == "cut"

    def _read_chunks(self, answer):
        pieces = []
        while True:
            line = self._until(b"\r\n")
            if line is None:
                answer.cut = True
                break
            if not re.fullmatch(rb"[0-9a-fA-F]{1,16}", line):
                raise BadAnswer("chunk size %r" % line)
            size = int(line, 16)
            if size == 0:
                if self._until(b"\r\n") != b"":
                    raise BadAnswer("trailer")
                break
            piece = self._exactly(size)
            pieces.append(piece)
            if len(piece) < size:
                answer.cut = True
                break
            end = self._exactly(2)
            if end != b"\r\n":
                if end:
                    raise BadAnswer("octets behind a chunk")
                answer.cut = True
                break
        answer.body = b"".join(pieces)


def head(method, target, host="gate.localhost", headers=(), version="HTTP/1.1"):
    lines = ["%s %s %s" % (method, target, version)]
    if host is not None:
        lines.append("Host: " + host)
    lines += ["%s: %s" % pair for pair in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
