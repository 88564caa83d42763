"""Ways in which a phone can be broken. Each takes the healthy answer and sends something else.

A fault function gets (link, head, body, switches, alive): `head` ends in an empty line, `alive(s)`
waits s seconds and says whether to go on. It returns True when the connection stays usable."""

import os
import time

from . import wire


def _with(head, line):
    return head[:-2] + line + b"\r\n\r\n"


def _without(head, name):
    lines = [l for l in head.split(b"\r\n") if not l.lower().startswith(name + b":")]
    return b"\r\n".join(lines)


def _length(head, value):
    return _with(_without(head, b"content-length"), b"Content-Length: %d" % value)


def _chunk_head(head):
    return _with(_without(head, b"content-length"), b"Transfer-Encoding: chunked")


def nothing(link, head, body, sw, alive):
    """Reads the request and closes."""
    return False


def reset(link, head, body, sw, alive):
    """Reads the request and resets the connection."""
    link.reset()
    return False


def reset_mid_body(link, head, body, sw, alive):
    link.send(head + body[:len(body) // 2])
    alive(0.05)
    link.reset()
    return False


def close_mid_body(link, head, body, sw, alive):
    """Length announced, half sent, closed in an orderly way."""
    link.send(head + body[:len(body) // 2])
    return False


def stall_before_head(link, head, body, sw, alive):
    if alive(sw["fault_ms"] / 1000):
        link.send(head + body)
        return True
    return False


def stall_mid_head(link, head, body, sw, alive):
    link.send(head[:len(head) // 2])
    if alive(sw["fault_ms"] / 1000):
        link.send(head[len(head) // 2:] + body)
        return True
    return False


def stall_mid_body(link, head, body, sw, alive):
    link.send(head + body[:len(body) // 2])
    if alive(sw["fault_ms"] / 1000):
        link.send(body[len(body) // 2:])
        return True
    return False


def drip(link, head, body, sw, alive):
    """One octet at a time."""
    for octet in head + body:
        link.send(bytes([octet]))
        time.sleep(sw["drip_ms"] / 1000)
    return True


def garbage(link, head, body, sw, alive):
    link.send(os.urandom(400).replace(b"\n", b"x"))
    return False


def no_status_line(link, head, body, sw, alive):
    """A page without any header."""
    link.send(body)
    return False


def twice(link, head, body, sw, alive):
    link.send(head + body + head + body)
    return True


def unasked(link, head, body, sw, alive):
    """A second answer, a moment after the first, with no request pending."""
    link.send(head + body)
    alive(0.05)
    link.send(head + body)
    return True


def late_reset_mid_chunks(link, head, body, sw, alive):
    """After fault_ms a piece and the end: who reads slowly sees both at once."""
    if alive(sw["fault_ms"] / 1000):
        link.send(_chunk_head(head) + b"%x\r\n%s\r\n" % (1000, body[:1000]))
        alive(0.05)
        link.reset()
    return False


def half_chunk(link, head, body, sw, alive):
    link.send(_chunk_head(head) + b"64\r\n0123456789")
    return False


def chunk_no_end(link, head, body, sw, alive):
    """Whole chunks, but the last one never comes."""
    link.send(_chunk_head(head) + b"%x\r\n%s\r\n" % (len(body), body))
    return False


def chunk_bad_size(link, head, body, sw, alive):
    link.send(_chunk_head(head) + b"0x%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    return False


def chunk_space(link, head, body, sw, alive):
    """A blank behind the chunk size, an old habit."""
    link.send(_chunk_head(head) + b"%x \r\n%s\r\n0\r\n\r\n" % (len(body), body))
    return True


def chunk_trailer(link, head, body, sw, alive):
    link.send(_chunk_head(head) + b"%x\r\n%s\r\n0\r\nX-Trailer: 1\r\nSet-Cookie: t=1\r\n\r\n"
              % (len(body), body))
    return True


def chunk_odd_end(link, head, body, sw, alive):
    """The last chunk is written with several zeros and an extension."""
    link.send(_chunk_head(head) + b"%x;a=b\r\n%s\r\n0000;last\r\n\r\n" % (len(body), body))
    return True


def length_short(link, head, body, sw, alive):
    """Announces more than it sends."""
    link.send(_length(head, len(body) + 100) + body)
    return False


def length_long(link, head, body, sw, alive):
    """Sends more than it announces."""
    link.send(_length(head, max(0, len(body) - 10)) + body)
    return True


def length_twice_same(link, head, body, sw, alive):
    link.send(_with(head, b"Content-Length: %d" % len(body)) + body)
    return True


def length_twice_differ(link, head, body, sw, alive):
    link.send(_with(head, b"Content-Length: %d" % (len(body) + 5)) + body)
    return True


def length_and_chunked(link, head, body, sw, alive):
    link.send(_with(head, b"Transfer-Encoding: chunked") + wire.chunked(body))
    return True


def octets_after_204(link, head, body, sw, alive):
    link.send(b"HTTP/1.1 204 No Content\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    return True


def not_modified_with_body(link, head, body, sw, alive):
    link.send(b"HTTP/1.1 304 Not Modified\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    return True


def switching_101(link, head, body, sw, alive):
    link.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
              b"Connection: Upgrade\r\n\r\nraw octets")
    return False


def continue_100(link, head, body, sw, alive):
    link.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX-A: b\r\n\r\n" + head + body)
    return True


def endless_1xx(link, head, body, sw, alive):
    for _ in range(2000):
        link.send(b"HTTP/1.1 102 Processing\r\n\r\n")
    link.send(head + body)
    return True


def folded(link, head, body, sw, alive):
    link.send(_with(head, b"X-Folded: one\r\n two") + body)
    return True


def lf_lines(link, head, body, sw, alive):
    link.send(head.replace(b"\r\n", b"\n") + body)
    return True


def space_colon(link, head, body, sw, alive):
    link.send(_with(head, b"X-Space : a") + body)
    return True


def bare_cr(link, head, body, sw, alive):
    link.send(_with(head, b"X-Abc: a\rTransfer-Encoding: chunked") + body)
    return True


def huge_head(link, head, body, sw, alive):
    link.send(_with(head, b"X-Huge: " + b"a" * 1_000_000) + body)
    return True


def many_headers(link, head, body, sw, alive):
    link.send(_with(head, b"\r\n".join(b"X-%d: a" % i for i in range(5000))) + body)
    return True


def gzip_coding(link, head, body, sw, alive):
    link.send(_with(_without(head, b"content-length"), b"Transfer-Encoding: gzip") + body)
    return False


def truncated_tls(link, head, body, sw, alive):
    """Ends a body of unknown length without close_notify: an attacker could have cut it there."""
    link.send(_without(head, b"content-length") + body[:len(body) // 2])
    link.close(notify=False)
    return False


def unauthorized(link, head, body, sw, alive):
    """401 for everything, with a challenge that looks like somebody else's."""
    link.send(b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm="elsewhere", '
              b'nonce="1", qop="auth"\r\nProxy-Authenticate: Basic realm="p"\r\n'
              b'Authentication-Info: nextnonce="2"\r\nContent-Length: 0\r\n\r\n')
    return True


def raw(link, head, body, sw, alive):
    link.send(sw["raw"].encode("latin-1"))
    return False


def half_page(link, head, body, sw, alive):
    """Half of the page, as if it were whole."""
    half = body[:len(body) // 2]
    link.send(_length(head, len(half)) + half)
    return True


FAULTS = {name: value for name, value in list(globals().items())
          if callable(value) and not name.startswith("_")}
