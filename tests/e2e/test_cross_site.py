"""Chromium with a password in its cache visits a page that attacks phones.

Against a phone without a gate the attack works: that is what the pages are for. Through the gate the
phone sees nothing of it, and what people do on the phone's own pages works."""

import http.server
import ssl
import threading
import urllib.parse

import pytest

import browser as browser_module
from gate import wait_for

pytestmark = pytest.mark.skipif(not browser_module.program(), reason="no chromium")
GATE = {"scripts": None}        # the program's own default
ACT = "/advanced_update.htm?reboot=Reboot"

# The attacks of a page: what it holds, for the URL of a request that reboots the phone.
ATTACKS = {
    "image": '<img src="%(url)s">',
    "form": '<form id=f method=post action="%(page)s"><input name=reboot value=Reboot></form>'
            '<script>f.submit()</script>',
    "form in a frame": '<iframe name=x></iframe><form id=f method=post action="%(page)s" target=x>'
                       '<input name=reboot value=Reboot></form><script>f.submit()</script>',
    "text form": '<form id=f method=post enctype="text/plain" action="%(page)s">'
                 '<input name=reboot value=Reboot></form><script>f.submit()</script>',
    "fetch": '<script>fetch("%(url)s", {mode: "no-cors", credentials: "include"})</script>',
    "post by fetch": '<script>fetch("%(page)s", {method: "POST", mode: "no-cors", credentials: '
                     '"include", body: new URLSearchParams({reboot: "Reboot"})})</script>',
    "beacon": '<script>navigator.sendBeacon("%(page)s", new URLSearchParams({reboot: "Reboot"}))'
              '</script>',
    "frame": '<iframe src="%(url)s"></iframe>',
    "object": '<object data="%(url)s"></object>',
    "script": '<script src="%(url)s"></script>',
    "style sheet": '<link rel="stylesheet" href="%(url)s">',
    "link": '<a id=a href="%(url)s">see</a><script>a.click()</script>',
    "link that hides its page": '<meta name="referrer" content="no-referrer">'
                                '<a id=a href="%(url)s">see</a><script>a.click()</script>',
    "form that hides its page": '<meta name="referrer" content="no-referrer"><form id=f method=post '
                                'action="%(page)s"><input name=reboot value=Reboot></form>'
                                '<script>f.submit()</script>',
    "sandbox": '<iframe sandbox="allow-forms allow-scripts" srcdoc="<form id=f method=post '
               'action=&quot;%(page)s&quot;><input name=reboot value=Reboot></form>'
               '<script>f.submit()</script>"></iframe>',
    "redirect": '<img src="/redirect?%(quoted)s">',
    "window": '<meta http-equiv="refresh" content="0; url=%(url)s">',
}
# From a foreign site Chromium 156 sends a password from its cache along only where the page itself
# goes away; within one domain, as from an intranet's wiki, with everything.
FOREIGN = ["form", "text form", "link", "link that hides its page", "form that hides its page",
           "window"]


class Evil(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path, _, query = self.path.partition("?")
        query = urllib.parse.unquote(query)
        self.send_response(302 if path == "/redirect" else 200)
        if path == "/redirect":
            self.send_header("Location", query)
        text = b"" if path == "/redirect" else self.page(query).encode()
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    @staticmethod
    def page(query):
        kind, _, base = query.partition("|")
        if not base:
            return "<title>evil</title>"
        page = base + ACT.partition("?")[0]
        urls = {"url": base + ACT, "page": page, "quoted": urllib.parse.quote(base + ACT, safe=""),
                "base": base}
        body = ATTACKS[kind] if kind in ATTACKS else '<a id=a href="%(base)s/info.htm">see</a>'
        return "<!DOCTYPE html><title>evil</title>" + body % urls

    def log_message(self, *_):
        pass


def serving(context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Place:
    """Where the attacking pages are, and which of them a browser of today lets through."""

    def __init__(self, scheme, server, name, kinds):
        self.origin = "%s://%s:%d" % (scheme, name, server.server_port)
        self.kinds = kinds

    def url(self, kind, base):
        return "%s/?%s" % (self.origin, urllib.parse.quote("%s|%s" % (kind, base)))


@pytest.fixture(scope="module")
def evil(ca):
    """evil(base) -> a Place in the same domain; evil(None) -> a foreign one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca / "gate.crt", ca / "gate.key")
    plain, tls = serving(), serving(context)

    def make(base):
        if not base:
            return Place("http", plain, "evil.localhost", FOREIGN)
        name = urllib.parse.urlsplit(base).hostname
        domain = "phones.localhost" if name.endswith(".phones.localhost") else name
        return Place("https", tls, "evil." + domain, list(ATTACKS))
    yield make
    for server in (plain, tls):
        server.shutdown()
        server.server_close()


@pytest.fixture
def browse():
    open_ones = []

    def make(user, password):
        open_ones.append(browser_module.Browser((user, password)))
        return open_ones[-1]
    yield make
    for b in open_ones:
        b.close()


def attack(browser, url):
    """Visit a page; what it makes the browser ask may answer nothing at all."""
    browser.call("Page.navigate", url=url)


def pump(browser, condition, seconds=8.0, what="condition"):
    """Wait, and let the browser go on meanwhile."""
    def look():
        browser.listen(0.02)
        return condition()
    return wait_for(look, seconds, what)


def bare_phone(new_phone):
    """Digest on, and nothing else of the four steps: GET acts."""
    return new_phone(hardened=False, settings={"http_scheme": "on",
                     "restrict_uri_queries": "off"}, service=None, reboot_ms=50)


@pytest.mark.parametrize("where", ["foreign", "same domain"])
def test_without_a_gate_the_phone_reboots(new_phone, evil, browse, where):
    phone = bare_phone(new_phone)
    base = "https://desk.phones.localhost:%d" % phone.port
    place = evil(base if where == "same domain" else None)
    b = browse(phone.user, phone.password)
    b.open(base + "/")
    assert b.run("document.title") == "snom D785" and phone.counters()["reboots"] == 0
    b.credentials = None            # from here on only what is in the cache
    for i, kind in enumerate(place.kinds):
        attack(b, place.url(kind, base))
        pump(b, lambda: phone.counters()["reboots"] > i, what="the reboot by " + kind)
        pump(b, lambda: not phone.state()["booting"], what="the phone is back")


@pytest.mark.parametrize("where", ["foreign", "same domain"])
@pytest.mark.parametrize("mode", ["host", "path"])
def test_through_the_gate_the_phone_sees_nothing(new_gate, new_phone, evil, browse, mode, where):
    phone = bare_phone(new_phone)
    gate = new_gate({"101": phone}, scripts=None)
    base = "https://%s:%d%s" % (("101.phones.localhost", gate.port, "") if mode == "host" else
                                ("gate.localhost", gate.port, "/phone/101"))
    place = evil(base if where == "same domain" else None)
    b = browse("alice", gate.passwords["alice"])
    b.open(base + "/")
    assert b.run("document.title") == "snom D785" and len(b.prompts) == 1
    b.credentials = None

    def attempts():
        return [r for r in gate.records()[gate.mark:] if r["path"].endswith("/advanced_update.htm")]
    for kind in ATTACKS:
        gate.mark = len(gate.records())
        attack(b, place.url(kind, base))
        if kind in place.kinds:
            pump(b, lambda: any(r["reason"] == "other_site" for r in attempts()), what=kind)
        for r in attempts():
            # Where the browser leaves the password away the sign-in says no.
            assert r["reason"] in ("other_site", "no_credentials"), (kind, r)
            if r["reason"] == "other_site":
                assert (r["user"], r["phone_id"], r["status"]) == ("alice", "101", 403)
                assert r["outcome"] == "denied" and r["origin"] == "other_site"
                assert r.get("origin_site", place.origin) == place.origin and "rule_id" not in r
    told = [r["target"] for r in phone.counters()["last"]]
    assert not [t for t in told if "advanced_update" in t] and phone.counters()["reboots"] == 0
    # The person goes on as before, without being asked again.
    b.listen(0.3)                   # the last attack's page is there
    b.open(base + "/info.htm")
    assert "000413A1B2C3" in b.run("document.body.innerText")


def test_a_plain_link_of_another_site_works(new_gate, new_phone, evil, browse):
    gate = new_gate({"101": new_phone()}, scripts=None)
    b = browse("alice", gate.passwords["alice"])
    for base in ("https://101.phones.localhost:%d" % gate.port,
                 "https://gate.localhost:%d/phone/101" % gate.port):
        b.open(evil(None).url("a link", base))
        assert b.run("document.title") == "evil"
        b.click("#a")
        assert "000413A1B2C3" in b.run("document.body.innerText")
        assert gate.record(path="/info.htm", status=200)["origin"] == "navigation"
        # The page has all its parts: they are asked for by the phone's own page.
        assert b.run("document.styleSheets.length") == 1


@pytest.mark.parametrize("mode", ["host", "path"])
def test_one_phones_page_cannot_use_the_next_one(new_gate, new_phone, browse, mode):
    """Siblings by name are another site, and by path the Referer tells them apart."""
    phones = {"101": bare_phone(new_phone), "102": bare_phone(new_phone)}
    gate = new_gate(phones, scripts=None)
    by = {"host": "https://%%s.phones.localhost:%d" % gate.port,
          "path": "https://gate.localhost:%d/phone/%%s" % gate.port}[mode]
    b = browse("alice", gate.passwords["alice"])
    b.open(by % "101" + "/")
    b.open(by % "102" + "/")
    before = phones["101"].counters()["requests"]
    b.run("void (new Image().src = %r)" % (by % "101" + ACT))
    pump(b, lambda: any(r["reason"] == "other_site" for r in gate.records()), what="the record")
    b.run("void fetch(%r, {method: 'POST', mode: 'no-cors', credentials: 'include', body: 'x=1'})"
          % (by % "101" + "/prefs.htm"))
    pump(b, lambda: any(r["reason"] == "other_site" and r["method"] == "POST"
                        for r in gate.records()), what="the record of the form")
    assert phones["101"].counters()["requests"] == before
    assert phones["101"].counters()["reboots"] == 0
    # Its own page may.
    b.run("void (new Image().src = %r)" % (by % "102" + ACT))
    pump(b, lambda: phones["102"].counters()["reboots"] == 1, what="the reboot")


@pytest.mark.parametrize("mode", ["host", "path"])
def test_the_phones_own_forms_work(new_gate, new_phone, browse, mode):
    """From the portal to a phone, save a form, follow a link with a parameter, sign out."""
    phone = new_phone()
    # The preferences' form always sends the keyboard lock along: its PIN, and whether it is locked now.
    gate = new_gate({"101": phone}, scripts=None, grants=(
        {"users": ["alice"], "role": "admin", "phones": ["*"], "allow": ["step4"]},))
    b = browse("alice", gate.passwords["alice"])
    start = "https://gate.localhost:%d/" % gate.port
    b.open(start)
    b.click("a[href*='101.phones']" if mode == "host" else "a[href^='/phone/101/']")
    assert b.run("document.title") == "snom D785"
    b.click("#menu a[href='/prefs.htm']")
    b.run("document.forms[0].elements['language'].value = 'Islenska'")
    b.click("input[value=Save]")
    assert phone.settings()["language"] == "Islenska"
    assert gate.record(method="POST", path="/prefs.htm")["origin"] == "ours"
    b.click("#menu a[href*='line_login.htm?l=1']")
    assert gate.record(path="/line_login.htm")["status"] == 200
    b.open(start + "signout")
    b.click("button")
    assert "signed out" in b.run("document.body.innerText")


def test_no_other_site_frames_a_phone_or_the_portal(new_gate, new_phone, evil, browse):
    """Even a page that may be opened by a link is not shown inside another site's page."""
    gate = new_gate({"101": new_phone()}, scripts=None)
    b = browse("alice", gate.passwords["alice"])
    portal = "https://gate.localhost:%d/" % gate.port
    b.open(portal)
    b.open(evil(None).url("a link", portal))
    b.run("document.body.innerHTML = '<iframe src=%s></iframe>'" % portal)
    pump(b, lambda: any("BLOCKED_BY_RESPONSE" in (f or "") for f in b.failures), what="the refusal")
