"""The gate's TLS listener: rows T01-T18 of RFC 9325 and 8446, PROXY protocol, clear text."""

import socket
import ssl
import struct
import subprocess

import pytest

import rawhttp
from rawhttp import Client, head, tls_context

PAGE = "/phone/101/info.htm"


def status(client, target=PAGE):
    client.send(head("GET", target))
    return client.read().status


# --- versions, names, ALPN -----------------------------------------------------------------------

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_T01_both_versions(site, version):
    ctx = tls_context(str(site.ca), version, version)
    with Client(site.port, tls=ctx) as c:
        assert status(c) == 401
        assert c.sock.version() == version.name.replace("TLSv1_", "TLSv1.")
    record = site.record(reason="no_credentials")
    assert record["tls_version"] == c.sock.version() or record["tls_version"]


def openssl(site, *words):
    done = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % site.port, *words],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
    return done.stdout + done.stderr


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_T01_old_versions_are_refused(site, version):
    text = openssl(site, version, "-cipher", "ALL:@SECLEVEL=0")
    assert "Cipher is (NONE)" in text or "Cipher    : 0000" in text
    assert site.record(event="tls_refused")


@pytest.mark.parametrize("cipher", ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA",
                                    "ECDHE-RSA-AES128-SHA", "AES256-SHA", "NULL-SHA",
                                    "DHE-RSA-AES128-GCM-SHA256"])
def test_T10_weak_suites_are_refused(site, cipher):
    text = openssl(site, "-tls1_2", "-cipher", cipher + ":@SECLEVEL=0")
    assert "Cipher is (NONE)" in text or "Cipher    : 0000" in text


def test_min_version_13(new_gate):
    gate = new_gate(https={"min_version": "1.3"})
    with pytest.raises(ssl.SSLError):
        Client(gate.port, tls=tls_context(maximum=ssl.TLSVersion.TLSv1_2))
    with Client(gate.port) as c:
        assert status(c) == 401


def test_T08_alpn(site):
    with Client(site.port, tls=tls_context(alpn=["h2", "http/1.1"])) as c:
        assert c.sock.selected_alpn_protocol() == "http/1.1"
    with Client(site.port, tls=tls_context()) as c:
        assert c.sock.selected_alpn_protocol() is None
        assert status(c) == 401
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        Client(site.port, tls=tls_context(alpn=["h2"]))
    assert site.record(event="tls_refused")["reason"] == "alpn_no_overlap"


def test_T07_names_outside_the_certificate_are_refused(site):
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        Client(site.port, sni="elsewhere.example.com")
    assert site.record(event="tls_refused")["reason"] == "sni_unknown"
    # A phone that does not exist has a name like all others.
    with Client(site.port, sni="999.phones.localhost", tls=tls_context(str(site.ca))) as c:
        assert status(c, "/") == 401
    ctx = tls_context()
    with Client(site.port, sni=None, tls=ctx) as c:
        assert status(c) == 401


def test_the_chain_holds_for_every_name(site):
    for name in ("gate.localhost", "localhost", "101.phones.localhost"):
        with Client(site.port, sni=name, tls=tls_context(str(site.ca))) as c:
            assert status(c) == 401


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_T05_sessions_resume(site, version):
    ctx = tls_context(None, version, version)
    with Client(site.port, tls=ctx) as c:
        assert status(c) == 401
        session = c.sock.session
    raw = socket.create_connection(("127.0.0.1", site.port), 5)
    with ctx.wrap_socket(raw, server_hostname="gate.localhost", session=session) as sock:
        assert sock.session_reused


def test_T06_no_renegotiation(site):
    done = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % site.port, "-tls1_2"],
                          input="R\n", capture_output=True, text=True, timeout=10)
    text = done.stdout + done.stderr
    assert "no renegotiation" in text.lower() or "error" in text.lower()


def test_T15_close_notify_is_sent(site):
    with Client(site.port) as c:
        c.send(head("GET", PAGE, headers=[("Connection", "close")]))
        answer = c.read()
        assert answer.status == 401 and answer.one("connection") == "close"
        assert c.at_end() and c.ended == "closed"       # not "cut"


def test_T18_clear_text_on_the_tls_port(site):
    with Client(site.port, plain=True) as c:
        c.send(head("GET", "/", headers=[("Authorization", "Digest x")]))
        answer = c.read()
        assert answer.status == 400 and not answer.all("www-authenticate")
        assert len(answer.body) < 600 and c.at_end()
    record = site.record(event="clear_text")
    assert record["status"] == 400 and record["src_ip"] == "127.0.0.1"


@pytest.mark.parametrize("octets", [b"\x16\x03\x01\xff\xff" + b"\0" * 70, b"\x80\x2e\x01\x03\x01",
                                    b"\0" * 64, b"SSH-2.0-x\r\n", b"\x16\x03\x01\x00\x05hello"],
                         ids=["hello too long", "SSL 2", "zeros", "SSH", "no hello"])
def test_garbage_instead_of_a_handshake(site, octets):
    with Client(site.port, plain=True) as c:
        c.send(octets)
        try:
            while c.sock.recv(4096):
                pass
        except OSError:
            pass
    with Client(site.port) as c:
        assert status(c) == 401


def test_a_silent_handshake_is_ended(new_gate):
    gate = new_gate(limits={"header_s": 1})
    with Client(gate.port, plain=True) as c:
        c.send(b"\x16\x03\x01")
        assert c.at_end(5)
    assert gate.record(event="tls_refused")


def test_T03_K05_hsts_only_over_tls(site, sign_in):
    answer = sign_in(site, "bob", "gate.example.com").get(PAGE)
    assert "max-age=" in answer.one("strict-transport-security")
    # On localhost other programs live, too.
    assert not sign_in(site, "bob").get(PAGE).all("strict-transport-security")
    with Client(site.http_port, plain=True) as c:
        c.send(head("GET", "/"))
        assert not c.read().all("strict-transport-security")


# --- PROXY protocol ------------------------------------------------------------------------------

V2 = b"\r\n\r\n\0\r\nQUIT\n"


def v2(source="192.0.2.77", port=4711, command=1, family=0x11, extra=b""):
    body = socket.inet_aton(source) + socket.inet_aton("192.0.2.1") + struct.pack(">HH", port, 443)
    body += extra
    return V2 + bytes([0x20 | command, family]) + struct.pack(">H", len(body)) + body


@pytest.fixture(scope="module")
def behind(tmp_path_factory, ca, module_phones):
    """A gate whose balancer is 127.0.0.1."""
    import gate as gate_module
    g = gate_module.Gate(tmp_path_factory.mktemp("gate"), ca, {},
                         https={"proxy_protocol_from": ["127.0.0.1"]})
    g._ready = lambda: g.process.poll() is None and _accepts(g.port)
    g.start()
    yield g
    g.close()


def _accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


@pytest.mark.parametrize("first, address", [
    (v2(), "192.0.2.77"),
    (v2(extra=b"\x04\x00\x03abc"), "192.0.2.77"),
    (b"PROXY TCP4 192.0.2.78 192.0.2.1 4712 443\r\n", "192.0.2.78"),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 4712 443\r\n", "2001:db8::7"),
    (V2 + b"\x21\x21\x00\x24" + socket.inet_pton(socket.AF_INET6, "2001:db8::8") +
     socket.inet_pton(socket.AF_INET6, "2001:db8::1") + struct.pack(">HH", 5, 443), "2001:db8::8"),
], ids=["v2", "v2 with more", "v1", "v1 over IPv6", "v2 over IPv6"])
def test_proxy_protocol_gives_the_address(behind, first, address):
    with Client(behind.port, first=first) as c:
        assert status(c, "/") == 401
    assert behind.record(src_ip=address)["reason"] == "no_credentials"


@pytest.mark.parametrize("first", [
    b"", b"PROXY TCP4 192.0.2.78 192.0.2.1 4712\r\n", b"PROXY TCP4 x 192.0.2.1 4712 443\r\n",
    b"PROXY " + b"a" * 200, V2 + b"\x11\x11\x00\x0c" + b"\0" * 12, V2 + b"\x21\x11\x00\x02ab",
    V2[:7] + b"GET / HTTP/1.1",
], ids=["none", "no port", "no address", "too long", "version 1", "short", "cut signature"])
def test_proxy_protocol_is_required_from_a_balancer(behind, first):
    with pytest.raises((ssl.SSLError, OSError)):
        with Client(behind.port, first=first) as c:
            status(c, "/")


def test_proxy_protocol_split_into_octets(behind):
    raw = socket.create_connection(("127.0.0.1", behind.port), 5)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for octet in v2(source="192.0.2.79"):
        raw.sendall(bytes([octet]))
    with tls_context().wrap_socket(raw, server_hostname="gate.localhost") as sock:
        sock.sendall(head("GET", "/"))
        assert sock.recv(4096).startswith(b"HTTP/1.1 401")
    assert behind.record(src_ip="192.0.2.79")


@pytest.mark.parametrize("first", [v2(), b"PROXY TCP4 192.0.2.78 192.0.2.1 4712 443\r\n"],
                         ids=["v2", "v1"])
def test_proxy_protocol_is_refused_from_others(site, first):
    with pytest.raises((ssl.SSLError, OSError, rawhttp.BadAnswer)):
        with Client(site.port, first=first) as c:
            status(c)
    assert "192.0.2.7" not in site.log_text()
