"""Every message of tests/vectors/http_reject and http_accept against the real program, in one piece
and cut into small ones: the verdict does not depend on how octets arrive."""

import pytest

import vectors
from digestclient import Digest
from rawhttp import Client, Closed, head

REJECT = vectors.read("http_reject")
ACCEPT = vectors.read("http_accept")
IN_BODY = [v for v in REJECT if v.in_body]
PIECES = pytest.mark.parametrize("step", [1 << 20, 7], ids=["whole", "cut"])


def send(client, octets, step):
    if step < 100 and len(octets) > 4000:
        step = 251      # long ones would take long
    try:
        for i in range(0, len(octets), step):
            client.send(octets[i:i + step])
    except OSError:
        pass            # refused before the last octet: the answer is there


@PIECES
@pytest.mark.parametrize("vector", [v for v in REJECT if not v.in_body], ids=lambda v: v.name)
def test_refused(site, vector, step):
    with Client(site.port, timeout=5) as c:
        send(c, vector.octets, step)
        answer = c.read()
        assert answer.status == vector.status
        assert answer.one("connection") == "close" and c.at_end()
    assert site.phones["101"].counters()["requests"] == 0


@PIECES
@pytest.mark.parametrize("vector", IN_BODY, ids=lambda v: v.name)
def test_refused_in_the_body(site, vector, step):
    """The same body behind a request of somebody who may send one: the phone never hears of it."""
    top, _, body = vector.octets.partition(b"\r\n\r\n")
    kept = [line for line in top.split(b"\r\n")[1:] if not line.lower().startswith(b"host:")]
    target = "/phone/101/prefs.htm"
    with Client(site.port, timeout=5) as c:
        digest = Digest("alice", site.passwords["alice"])
        c.send(head("GET", "/"))
        digest.take(c.read())
        # Of a type that is judged: a body that nobody could read is refused before it is read.
        octets = head("POST", target, headers=[digest.header("POST", target),
                                               ("Content-Type", "application/x-www-form-urlencoded")])[:-2]
        send(c, octets + b"\r\n".join(kept) + b"\r\n\r\n" + body, step)
        answer = c.read()
        assert answer.status == vector.status and c.at_end()
    seen = site.phones["101"].counters()["last"]
    assert not any(r.get("method") == "POST" for r in seen)


@PIECES
@pytest.mark.parametrize("vector", ACCEPT, ids=lambda v: v.name)
def test_accepted(site, vector, step):
    """Read as a request: what is said then is about who and where, not about the message."""
    with Client(site.port, timeout=5) as c:
        send(c, vector.octets, step)
        try:
            answer = c.read("HEAD" if vector.octets.startswith(b"HEAD ") else "GET")
        except Closed:
            pytest.fail("closed without an answer")
        assert answer.status == 401
    assert site.phones["101"].counters()["requests"] == 0


def test_there_are_vectors():
    assert len(REJECT) > 100 and len(ACCEPT) > 30 and len(IN_BODY) > 20
