"""Whose page made the client ask: requests that other sites forge, and programs that do not say.

What each header means is the table vectors/origin.txt; here the running gate answers, the phone sees
nothing of what is refused, and every answer carries the headers that keep other sites out."""

import shutil
import socket
import ssl

import pytest

from gate import ROOT, free_port
from rawhttp import Client, head

GATE = {"scripts": None}        # the program's own default: scripts may not
HOST = "101.phones.localhost"
FORM = "application/x-www-form-urlencoded"
OWN = [("Sec-Fetch-Site", "same-origin"), ("Origin", "https://" + HOST)]


def cross(mode="no-cors", dest="image", site="cross-site"):
    return [("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", mode), ("Sec-Fetch-Dest", dest),
            ("Referer", "https://evil.example/page?secret=1")]


def requests(gate):
    return gate.phones["101"].counters()["requests"]


# --- programs -----------------------------------------------------------------------------------

def test_programs_read(site, sign_in):
    alice = sign_in(site, "alice", HOST)
    for target in ("/info.htm", "/settings.htm", "/index.htm?"):
        assert alice.get(target).status == 200
    record = site.record(path="/settings.htm")
    assert (record["reason"], record["origin"]) == ("ok", "silent") and "origin_site" not in record


@pytest.mark.parametrize("method, target, body", [
    ("GET", "/advanced_update.htm?reboot=Reboot", None),
    ("GET", "/line_login.htm?l=1", None),       # an administrator's rule lists no parameters
    ("POST", "/prefs.htm", b"language=Dansk&Settings=Save"),
    ("POST", "/prefs.htm", b""),
    ("GET", "/prefs.htm", b"language=Dansk"),
])
def test_programs_change_nothing_unless_the_grant_says_so(site, sign_in, method, target, body):
    alice = sign_in(site, "alice", HOST)
    assert alice.get("/").status == 200
    before = requests(site)
    answer = alice.request(method, target, [("Content-Type", FORM)] if body else (), body)
    assert answer.status == 403 and b"Programs may only read" in answer.body
    assert requests(site) == before
    record = site.record(reason="scripts_not_allowed")
    assert record["origin"] == "silent" and record["user"] == "alice" and "rule_id" not in record
    # On the phone's own page the same goes on to the phone.
    alice.request(method, target, OWN + ([("Content-Type", FORM)] if body else []), body)
    assert requests(site) > before and site.record(origin="ours")["rule_id"] == "administrators"


def test_no_body_is_asked_for(site, sign_in):
    alice = sign_in(site, "alice", HOST)
    assert alice.get("/").status == 200
    for more in ([], cross()):
        with Client(site.port, sni=HOST) as c:
            c.send(head("POST", "/prefs.htm", HOST, [
                ("Content-Length", "20"), ("Content-Type", FORM), ("Expect", "100-continue"),
                alice.digest.header("POST", "/prefs.htm"), *more]))
            answer = c.read("POST")
            assert answer.status == 403 and answer.interim == []


def test_with_scripts_programs_change_things(new_gate, new_phone, sign_in):
    phone = new_phone(settings={"use_hidden_tags": "off"})
    gate = new_gate({"101": phone}, scripts=True)
    alice = sign_in(gate, "alice", HOST)
    assert alice.post("/prefs.htm", "language=Dansk&Settings=Save").status == 200
    assert phone.settings()["language"] == "Dansk"
    # ... and forged requests are refused all the same.
    assert alice.post("/prefs.htm", "language=Suomi&Settings=Save", cross()).status == 403
    assert phone.settings()["language"] == "Dansk"


def test_a_rule_that_refuses_says_so_first(site, sign_in):
    bob = sign_in(site, "bob", HOST)
    assert bob.post("/prefs.htm", "language=Dansk").status == 403
    assert site.record(method="POST", path="/prefs.htm", user="bob")["reason"] == "rule_denied"


# --- other sites --------------------------------------------------------------------------------

FORGED = [
    ("image", "GET", "/advanced_update.htm?reboot=Reboot", cross()),
    ("image without parameters", "GET", "/info.htm", cross()),
    ("frame", "GET", "/info.htm", cross("navigate", "iframe")),
    ("object", "GET", "/info.htm", cross("navigate", "object")),
    ("fetch", "GET", "/info.htm", cross("no-cors", "empty")),
    ("form", "POST", "/prefs.htm", cross("navigate", "document")),
    ("link with parameters", "GET", "/line_login.htm?l=1", cross("navigate", "document")),
    ("sibling", "GET", "/line_login.htm?l=1", cross(site="same-site")),
    ("two words", "GET", "/line_login.htm?l=1", [("Sec-Fetch-Site", "same-origin, cross-site")]),
    ("two fields", "GET", "/line_login.htm?l=1",
     [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")]),
    ("old browser", "GET", "/line_login.htm?l=1", [("Referer", "https://evil.example/")]),
    ("old form", "POST", "/prefs.htm", [("Origin", "https://evil.example")]),
    ("hidden origin", "POST", "/prefs.htm", [("Origin", "null")]),
    ("plain page", "POST", "/prefs.htm", [("Origin", "http://" + HOST)]),
    ("lying", "POST", "/prefs.htm", OWN + [("Referer", "https://evil.example/")]),
    ("put", "PUT", "/info.htm", cross("navigate", "document")),
]


@pytest.mark.parametrize("mode", ["host", "path"])
@pytest.mark.parametrize("_name, method, target, headers", FORGED, ids=[f[0] for f in FORGED])
def test_forged_requests_reach_no_phone(site, sign_in, mode, _name, method, target, headers):
    host, prefix = (HOST, "") if mode == "host" else ("gate.localhost", "/phone/101")
    alice = sign_in(site, "alice", host)
    assert alice.get(prefix + "/").status == 200
    before = requests(site)
    body = b"language=Dansk&Settings=Save" if method == "POST" else None
    answer = alice.request(method, prefix + target, headers, body)
    assert answer.status == 403 and b"Another page asked for this" in answer.body
    assert requests(site) == before
    record = site.record(reason="other_site")
    assert record["outcome"] == "denied" and record["origin"] in ("other_site", "null")
    assert "secret" not in record.get("origin_site", "")
    if ("Referer", "https://evil.example/page?secret=1") in headers:
        assert record["origin_site"] == "https://evil.example"


@pytest.mark.parametrize("headers", [
    cross("navigate", "document"), cross("navigate", "document", "same-site"),
    [("Referer", "https://wiki.example/")]])
def test_a_plain_link_opens_a_page(site, sign_in, headers):
    bob = sign_in(site, "bob", HOST)
    answer = bob.get("/info.htm", headers)
    assert answer.status == 200
    assert site.record(path="/info.htm", status=200)["origin"] == "navigation"


def test_by_path_one_phones_page_is_another_site_to_the_next(site, sign_in):
    alice = sign_in(site, "alice")
    page = "https://gate.localhost/phone/%s/x.htm"
    own = [("Sec-Fetch-Site", "same-origin"), ("Origin", "https://gate.localhost")]
    target = "/phone/101/line_login.htm?l=1"
    assert alice.get(target, own + [("Referer", page % "101")]).status == 200
    before = requests(site)
    assert alice.get(target, own + [("Referer", page % "102")]).status == 403
    assert requests(site) == before and site.record(reason="other_site")


def test_who_may_not_open_a_phone_learns_nothing(site, sign_in):
    carol = sign_in(site, "carol")
    answers = [carol.get("/phone/%s/?x=1" % i, cross()) for i in ("101", "nowhere")]
    assert [a.status for a in answers] == [404, 404]
    with Client(site.port) as c:
        c.send(head("GET", "/phone/101/?x=1", headers=cross()))
        assert c.read().status == 401


# --- headers of answers -------------------------------------------------------------------------

def expect_headers(answer, hsts):
    assert answer.all("x-content-type-options") == ["nosniff"], answer.headers
    assert answer.all("referrer-policy") == ["same-origin"], answer.headers
    policies = answer.all("content-security-policy")
    assert policies and "frame-ancestors 'self'" in policies[0], answer.headers
    assert answer.all("strict-transport-security") == (["max-age=31536000"] if hsts else [])


@pytest.fixture(scope="module")
def kinds():
    """One request for each kind of answer: (user, method, target, status)."""
    return [
        (None, "GET", "/", 401),
        ("bob", "GET", "/", 200),
        ("bob", "HEAD", "/", 200),
        ("bob", "GET", "/whoami", 200),
        ("bob", "GET", "/signout", 200),
        ("bob", "PUT", "/whoami", 405),
        ("bob", "GET", "/nothing", 404),
        ("bob", "GET", "/phone/103/", 404),
        ("bob", "GET", "/phone/101", 308),
        ("bob", "GET", "/phone/101/", 200),
        ("bob", "HEAD", "/phone/101/", 200),
        ("bob", "GET", "/phone/101/img/logo.png", 200),
        ("bob", "GET", "/phone/101/img/logo.png", 200),     # a kept copy
        ("bob", "GET", "/phone/101/settings.htm", 403),
        ("bob", "POST", "/phone/101/", 403),
        ("bob", "GET", "/phone/101/%zz", 400),
        ("bob", "OPTIONS", "*", 204),
        ("bob", "BREW", "/", 501),
    ]


@pytest.mark.parametrize("host", ["gate.example.com", "gate.localhost", "localhost"])
def test_every_kind_of_answer_has_them(site, sign_in, kinds, host):
    hsts = host == "gate.example.com"
    session = sign_in(site, "bob", host)
    assert session.get("/").status == 200
    for user, method, target, status in kinds:
        if user is None:
            with Client(site.port, sni=host) as c:
                c.send(head(method, target, host))
                answer = c.read(method)
        else:
            answer = session.request(method, target)
        assert answer.status == status, target
        expect_headers(answer, hsts)


@pytest.mark.parametrize("raw, status", [
    ("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", 304),
    ("HTTP/1.1 204 No Content\r\n\r\n", 204),
    ("HTTP/1.1 302 Found\r\nLocation: /info.htm\r\nContent-Length: 0\r\n\r\n", 302),
    ("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", 404),
    ("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", 500),
    ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nReferrer-Policy: unsafe-url\r\n"
     "X-Content-Type-Options: sniff\r\nStrict-Transport-Security: max-age=0\r\n"
     "Content-Security-Policy: frame-ancestors *\r\nX-Frame-Options: ALLOWALL\r\n"
     "Access-Control-Allow-Origin: *\r\n\r\nhi", 200),
    ("nonsense\r\n\r\n", 502),
])
def test_whatever_the_phone_answers(site, sign_in, raw, status):
    """A phone's own headers take none of ours away."""
    session = sign_in(site, "bob", "gate.example.com")
    assert session.get("/phone/101/info.htm").status == 200
    site.phones["101"].switch(fault="raw", raw=raw)
    answer = session.get("/phone/101/info.htm")
    assert answer.status == status
    expect_headers(answer, True)
    assert not answer.all("access-control-allow-origin")


def test_where_nothing_else_could_be_said(site):
    """Heads that cannot be read, names that are not ours."""
    with Client(site.port, sni="gate.example.com") as c:
        c.send(b"GET / HTTP/1.1\r\nHost : x\r\n\r\n")
        answer = c.read()
        assert answer.status == 400
        expect_headers(answer, True)        # of the name in the handshake


def test_plain_http_and_clear_text(site):
    for port in (site.http_port, site.port):
        with Client(port, plain=True) as c:
            c.send(head("GET", "/", "gate.example.com"))
            answer = c.read()
            assert answer.status in (400, 403)
            expect_headers(answer, False)       # over plain HTTP nobody may believe HSTS


def test_plain_http_redirect_and_status(new_gate):
    port = free_port()
    gate = new_gate(http_answer="redirect", status={"listen": "127.0.0.1:%d" % port})
    for where, path, status in ((gate.http_port, "/", 308), (port, "/healthz", 200),
                                (port, "/", 404)):
        with Client(where, plain=True) as c:
            c.send(head("GET", path, "gate.example.com"))
            answer = c.read()
            assert answer.status == status
            expect_headers(answer, False)


def test_by_address_there_is_no_hsts(site):
    """The Host decides: an address belongs to whatever else lives there."""
    context = ssl.create_default_context(cafile=site.ca)
    with socket.create_connection(("127.0.0.1", site.port)) as raw, \
            context.wrap_socket(raw, server_hostname="127.0.0.1") as tls:
        tls.sendall(head("GET", "/", "127.0.0.1:%d" % site.port))
        assert b"strict-transport-security" not in tls.recv(65536).lower()


def test_a_profiles_policy_is_on_its_phones_pages_only(new_gate, new_phone, sign_in, tmp_path):
    text = (ROOT / "policy" / "profiles" / "snom.cfg").read_text()
    for path in (ROOT / "policy" / "profiles").glob("*.cfg"):
        shutil.copy(path, tmp_path)
    (tmp_path / "strict.cfg").write_text(
        text + 'content_security_policy = "script-src \'self\'; frame-ancestors *";\n')
    strict, plain = new_phone(), new_phone()
    strict.entry = {"profile": "strict"}
    gate = new_gate({"101": strict, "102": plain}, profiles_dir=tmp_path)
    session = sign_in(gate, "bob")
    ours = "frame-ancestors 'self'"
    policies = [session.get("/phone/%s/" % i).all("content-security-policy") for i in ("101", "102")]
    # Of two equal directives the first counts.
    assert policies == [[ours + "; script-src 'self'; frame-ancestors *"], [ours]]
    for target in ("/", "/phone/101/settings.htm"):
        assert "script-src" not in session.get(target).one("content-security-policy")
