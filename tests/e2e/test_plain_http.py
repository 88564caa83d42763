"""The plain HTTP listener: refuses or redirects, never proxies, never challenges (T17)."""

import pytest

from rawhttp import Client, head

NAMES = ["gate.localhost", "101.phones.localhost", "999.phones.localhost", "localhost"]


def ask(gate, method="GET", target="/", host="gate.localhost", headers=()):
    with Client(gate.http_port, plain=True) as c:
        c.send(head(method, target, host, headers))
        return c.read(method)


@pytest.fixture(scope="module")
def redirecting(tmp_path_factory, ca, module_phones):
    import gate as gate_module
    g = gate_module.Gate(tmp_path_factory.mktemp("gate"), ca, module_phones, http_answer="redirect")
    g.start()
    yield g
    g.close()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
@pytest.mark.parametrize("host", NAMES + ["elsewhere.example.com"])
def test_T17_refuse(site, method, host):
    headers = [("Content-Length", "0")] if method in ("POST", "PUT") else []
    answer = ask(site, method, "/phone/101/info.htm", host, headers)
    assert answer.status == 403
    assert not answer.all("www-authenticate") and not answer.all("set-cookie")
    assert site.phones["101"].counters()["requests"] == 0
    assert site.record(event="plain_http")["status"] == 403


def test_refusal_says_why(site):
    assert b"https" in ask(site).body.lower()


def test_credentials_over_plain_http_are_not_looked_at(site):
    answer = ask(site, headers=[("Authorization", 'Digest username="bob", nonce="x"')])
    assert answer.status == 403
    assert not site.record(event="plain_http").get("user")


@pytest.mark.parametrize("host", NAMES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_redirect_to_names_of_the_certificate(redirecting, method, host):
    answer = ask(redirecting, method, "/a/b.htm?x=%20y", host)
    assert answer.status == 308
    assert answer.one("location") == "https://%s:%d/a/b.htm?x=%%20y" % (host, redirecting.port)
    assert not answer.all("set-cookie") and not answer.all("www-authenticate")


@pytest.mark.parametrize("host", ["elsewhere.example.com", "gate.localhost.example.com",
                                  "a.b.phones.localhost", "192.0.2.1"])
def test_redirect_nowhere_else(redirecting, host):
    assert ask(redirecting, "GET", "/", host).status == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_redirect_only_reads(redirecting, method):
    headers = [("Content-Length", "0")] if method in ("POST", "PUT") else []
    assert ask(redirecting, method, "/", "gate.localhost", headers).status == 403


def test_redirect_with_an_odd_port_in_host(redirecting):
    answer = ask(redirecting, "GET", "/", "gate.localhost:8080")
    assert answer.one("location") == "https://gate.localhost:%d/" % redirecting.port


@pytest.mark.parametrize("octets", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\xa5\x01\x00", b"GET\n\n",
                                    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"],
                         ids=["no host", "TLS", "LF", "two hosts"])
def test_malformed_on_the_plain_port(site, octets):
    with Client(site.http_port, plain=True) as c:
        c.send(octets + b"\r\n\r\n")
        assert c.read().status in (400, 403) and c.at_end()


def test_a_target_too_long_for_a_redirect_is_refused(new_gate, new_phone):
    """Not answered by one that leads nowhere."""
    gate = new_gate({"101": new_phone()}, http_answer="redirect",
                    limits={"target_bytes": 65536, "header_bytes": 131072})
    assert ask(gate, "GET", "/" + 8000 * "a", "gate.localhost").one("location").endswith(8000 * "a")
    answer = ask(gate, "GET", "/" + 20000 * "a", "gate.localhost")
    assert answer.status == 403 and not answer.all("location")
