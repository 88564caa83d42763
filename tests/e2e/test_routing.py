"""By host name and by path; links that start at the root; what may be known about other phones."""

import re

import pytest

from gate import shown
from rawhttp import Client, head

HOST = "101.phones.localhost"


def test_by_host_and_by_path_the_same_page(site, sign_in):
    by_path = sign_in(site, "bob").get("/phone/101/info.htm")
    by_host = sign_in(site, "bob", HOST).get("/info.htm")
    assert by_path.status == by_host.status == 200
    seen = [r["target"] for r in site.phones["101"].seen()]
    assert seen == ["/info.htm", "/info.htm"]


@pytest.mark.parametrize("host", [HOST, HOST.upper(), HOST + ".", HOST + ":1", HOST + ":65535"])
def test_H03_hosts_without_case_port_and_dot(site, sign_in, host):
    s = sign_in(site, "bob", HOST)
    s.host = host
    assert s.get("/info.htm").status == 200


def test_phone_without_grant_looks_like_no_phone(site, sign_in):
    s = sign_in(site, "bob")
    first, second = s.get("/phone/103/info.htm"), s.get("/phone/999/info.htm")
    assert first.status == second.status == 404 and shown(first) == shown(second)
    first = sign_in(site, "bob", "103.phones.localhost").get("/info.htm")
    second = sign_in(site, "bob", "999.phones.localhost").get("/info.htm")
    assert first.status == second.status == 421
    assert shown(first).replace(b"103", b"999") == shown(second)
    assert site.phones["103"].counters()["requests"] == 0


def test_H03_hosts_that_are_not_ours_are_421(site, sign_in):
    s = sign_in(site, "alice")
    s.host = "elsewhere.example.com"
    s.connect = lambda: setattr(s, "client", Client(site.port)) or s.client
    assert s.get("/").status == 421


def test_H02_absolute_form_routes_by_its_own_authority(site, sign_in):
    s = sign_in(site, "bob")
    assert s.get("/").status == 200
    target = "https://%s/info.htm" % HOST
    line = s.digest.header("GET", "/info.htm")
    s.client.send(head("GET", target, "gate.localhost", [line]))
    assert b"Mac:" in s.client.read().body


def test_portal_lists_only_own_phones(site, sign_in):
    bob = sign_in(site, "bob").get("/")
    assert bob.status == 200 and bob.one("content-type").startswith("text/html")
    assert b"https://101.phones.localhost" in bob.body and b"Phone 102" in bob.body
    assert b"103" not in bob.body and b"<script" not in bob.body.lower()
    alice = sign_in(site, "alice").get("/")
    assert b"103" in alice.body
    carol = sign_in(site, "carol").get("/")
    assert carol.status == 200 and not re.search(rb"10[123]", carol.body)


def test_portal_answers_to_all_its_names(site, sign_in):
    assert sign_in(site, "bob", "localhost").get("/").status == 200


def test_path_without_slash_is_redirected(site, sign_in):
    answer = sign_in(site, "bob").get("/phone/101")
    assert answer.status == 308 and answer.one("location").endswith("/phone/101/")


# --- Location, cookies ---------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["path", "absolute"])
def test_location_is_rewritten(site, sign_in, kind):
    site.phones["101"].switch(location=kind)
    s = sign_in(site, "alice")
    answer = s.get("/phone/101/command.htm?number=102")
    assert answer.status == 302
    assert answer.one("location") in ("/phone/101/index.htm",
                                      "https://gate.localhost/phone/101/index.htm",
                                      "https://gate.localhost:%d/phone/101/index.htm" % site.port)
    s = sign_in(site, "alice", "%s:%d" % (HOST, site.port))
    answer = s.get("/command.htm?number=102")
    assert answer.one("location") in ("/index.htm", "https://%s:%d/index.htm" % (HOST, site.port))


def test_content_location_and_refresh_are_rewritten(site, sign_in):
    phone = site.phones["101"]
    phone.switch(header=["Content-Location: %s/x.htm" % phone.url, "Refresh: 5; url=/index.htm"])
    answer = sign_in(site, "bob").get("/phone/101/info.htm")
    assert "/phone/101/x.htm" in answer.one("content-location")
    assert "127.0.0.1" not in answer.one("content-location")
    assert "/phone/101/index.htm" in answer.one("refresh")


def test_R22_K01_K02_K04_cookies(site, sign_in):
    site.phones["101"].switch(header=["Set-Cookie: a=1; Domain=127.0.0.1; Path=/",
                                      "Set-Cookie: b=2; HttpOnly", "Set-Cookie: c=3; SameSite=Strict"])
    cookies = sign_in(site, "bob").get("/phone/101/info.htm").all("set-cookie")
    assert len(cookies) == 3
    for cookie in cookies:
        low = cookie.lower()
        assert "domain" not in low and "path=/phone/101" in low and "secure" in low
        assert "samesite=" in low
    assert "HttpOnly" in cookies[1] and "samesite=strict" in cookies[2].lower()
    cookies = sign_in(site, "bob", HOST).get("/info.htm").all("set-cookie")
    assert all("domain" not in c.lower() and "secure" in c.lower() for c in cookies)


# --- root-relative links in path mode ------------------------------------------------------------

def referer(path):
    return ("Referer", "https://gate.localhost" + path)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_link_from_the_root_is_sent_back_to_its_phone(site, sign_in, method):
    answer = sign_in(site, "bob").request(method, "/prefs.htm", [referer("/phone/101/index.htm")])
    assert answer.status == 307 and answer.one("location").endswith("/phone/101/prefs.htm")
    assert site.phones["101"].counters()["requests"] == 0


def test_link_keeps_its_query_and_is_judged_there(site, sign_in):
    s = sign_in(site, "bob")
    answer = s.get("/line_login.htm?l=1", [referer("/phone/101/")])
    assert answer.status == 307
    assert answer.one("location").endswith("/phone/101/line_login.htm?l=1")
    assert s.get("/phone/101/line_login.htm?l=1").status == 403


@pytest.mark.parametrize("value", ["https://elsewhere.example.com/phone/101/", "https://gate.localhost/",
                                   "http://gate.localhost/phone/101/",
                                   "https://gate.localhost.example.com/phone/101/", "garbage"])
def test_link_from_elsewhere_is_no_phone(site, sign_in, value):
    assert sign_in(site, "bob").get("/prefs.htm", [("Referer", value)]).status == 404


def test_link_of_a_phone_without_grant(site, sign_in):
    """Whether a phone exists is not to be seen from the redirect."""
    s = sign_in(site, "bob")
    first = s.get("/prefs.htm", [referer("/phone/103/")])
    second = s.get("/prefs.htm", [referer("/phone/999/")])
    assert first.status == second.status


def test_post_outside_is_not_redirected(site, sign_in):
    assert sign_in(site, "alice").post("/prefs.htm", "a=b", [
        referer("/phone/101/"), ("Origin", "https://gate.localhost")]).status in (404, 405)


# --- one spelling, or none -----------------------------------------------------------------------

@pytest.mark.parametrize("path", [
    "/phone/101/./info.htm", "/phone/101/../101/info.htm", "/phone/101//info.htm",
    "/phone/101/a/../settings.htm", "/phone/101/%2e%2e/settings.htm", "/phone/101/info%2fx",
    "/phone/101/info%5cx", "/phone/101/info.htm%00", "/phone/101/info.htm;x=1",
    "/phone/101/info.htm%3bx", "/phone/101/%2541", "/phone/101/%ff", "/phone/101/info.htm%0d%0a",
    "/phone/101/\\info.htm", "/phone/101/info.htm%3fx=1", "/phone/101/info.htm%23", "//phone/101/",
    "/phone%2f101/info.htm", "/phone/101/%zz", "/phone/101/%",
])
def test_U01_U03_R17_ambiguous_paths_are_400(site, sign_in, path):
    s = sign_in(site, "alice")
    s.get("/")
    assert s.get(path).status == 400
    assert site.phones["101"].counters()["requests"] == 0


def test_U02_escapes_are_judged_and_sent_in_one_spelling(site, sign_in):
    s = sign_in(site, "bob")
    assert s.get("/phone/101/%69nfo%2ehtm").status == 200
    assert site.phones["101"].seen()[-1]["target"] == "/info.htm"
    assert s.get("/phone/101/%73ettings.htm").status == 403


def test_U04_fragment_in_the_target_is_400(site, sign_in):
    s = sign_in(site, "bob")
    s.get("/")
    assert s.get("/phone/101/info.htm#x").status == 400
