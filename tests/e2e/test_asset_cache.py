"""Copies of what the profile names static: who gets them, how long they count, what ends them."""

import re
import threading
import time

import pytest

from assetphone import AssetPhone, Page
from gate import ROOT, free_port, wait_for
from rawhttp import Client, head

CSS = "/phone/105/a.css"
BODY = b"body { color: #123456 }\n" * 40
RELOAD = [("Cache-Control", "no-cache")]
ORIGIN = [("Origin", "https://gate.localhost")]
DATE = "Mon, 02 Nov 2026 10:00:00 GMT"


@pytest.fixture
def phone(tmp_path):
    p = AssetPhone(tmp_path)
    p.pages["/a.css"] = Page(BODY)
    p.pages["/index.htm"] = Page(b"<html>home</html>", "text/html")
    yield p
    p.stop()


@pytest.fixture
def make(new_gate, phone, tmp_path):
    """A gate in front of the phone; `cache` changes the group asset_cache, `profile` the text of the
    profile, `entry` the phone's."""
    def start(cache=None, profile=lambda text: text, grants=None, entry=(), **config):
        text = (ROOT / "policy" / "profiles" / "snom.cfg").read_text()
        (tmp_path / "asset.cfg").write_text(profile(text))
        if grants is None:
            grants = ({"users": ["alice"], "role": "admin", "phones": ["*"]},
                      {"users": ["bob", "Jäsøn Doe"], "role": "user", "phones": ["105"]})
        g = new_gate({"105": dict(phone.entry(), **dict(entry))}, start=False, profiles_dir=tmp_path, grants=grants,
                     **({"asset_cache": cache} if cache else {}), **config)
        g._secret("secrets/asset", "stored-password\n")
        return g.start()
    return start


def warm(s, target=CSS):
    """Asked for once by this person: the phone's own answer."""
    answer = s.get(target)
    assert (answer.status, answer.body) == (200, BODY)
    return answer


def last(gate, **want):
    return gate.record(path="/a.css", **want)


# --- hit and miss --------------------------------------------------------------------------------

def test_the_second_time_the_phone_is_not_asked(make, phone, sign_in):
    gate = make()
    s = sign_in(gate, "bob")
    first = warm(s)
    assert first.all("cache-control") == ["no-cache", "no-store"] and not first.all("etag")
    miss = last(gate, cache="miss")
    assert miss["upstream_account"] == "gate" and miss["upstream_status"] == 200
    second = s.get(CSS)
    assert (second.status, second.body) == (200, BODY)
    assert second.one("cache-control") == "private, no-cache"
    assert second.one("content-type") == "text/css" and second.one("age") is not None
    assert second.one("etag").startswith('"pg-') and second.one("date")
    assert not second.all("server") and second.one("x-content-type-options") == "nosniff"
    assert second.all("authentication-info")                # the gate proves itself all the same
    hit = last(gate, cache="hit")
    assert hit["user"] == "bob" and hit["phone_id"] == "105" and hit["status"] == 200
    assert hit["rule_id"] == miss["rule_id"] and hit["outcome"] == "allowed"
    assert "upstream_account" not in hit and "phone_addr" not in hit and \
        "upstream_status" not in hit and "queue_ms" not in hit
    assert hit["bytes_out"] > len(BODY)
    assert phone.count("/a.css") == 1


def test_pages_are_never_kept(make, phone, sign_in):
    gate = make()
    s = sign_in(gate, "bob")
    for _ in range(3):
        answer = s.get("/phone/105/index.htm")
        assert answer.body == b"<html>home</html>" and not answer.all("etag")
    assert phone.count("/index.htm") == 3
    assert "cache" not in gate.record(path="/index.htm")


def test_a_profile_that_names_nothing_keeps_nothing(make, phone, sign_in):
    s = sign_in(make(profile=lambda t: re.sub("(?m)^static = .*$", "", t)), "bob")
    for _ in range(3):
        warm(s)
    assert phone.count("/a.css") == 3


def test_bytes_0_switches_it_off(make, phone, sign_in):
    gate = make({"bytes": 0})
    s = sign_in(gate, "bob")
    for _ in range(3):
        warm(s)
    assert phone.count("/a.css") == 3 and "cache" not in last(gate)


def test_head_is_answered_and_nothing_is_kept_of_it(make, phone, sign_in):
    gate = make()
    s = sign_in(gate, "bob")
    assert s.request("HEAD", CSS).status == 200
    assert phone.count("/a.css") == 1
    warm(s)
    assert phone.count("/a.css") == 2
    answer = s.request("HEAD", CSS)
    assert answer.status == 200 and answer.one("content-length") == str(len(BODY))
    assert answer.body == b"" and answer.one("etag")
    assert s.get(CSS).body == BODY                  # the connection is in step
    assert phone.count("/a.css") == 2


def test_bodies_in_pieces_and_until_the_end(make, phone, sign_in):
    gate = make()
    s = sign_in(gate, "bob")
    big = bytes(range(256)) * 700                   # larger than what a connection takes at once
    for framing in ("length", "chunked"):
        target = "/%s.png" % framing
        phone.pages[target] = Page(big, "image/png", framing=framing)
        for _ in range(4):
            assert s.get("/phone/105" + target).body == big
        assert phone.count(target) == 1
        assert gate.record(path=target)["cache"] == "hit"


def test_a_slow_reader_gets_all_of_it(make, phone, sign_in):
    gate = make({"object_bytes": 4194304})
    big = bytes(range(256)) * 16384                 # 4 MiB
    phone.pages["/big.png"] = Page(big, "image/png")
    s = sign_in(gate, "bob", receive_buffer=8192, timeout=30)
    assert s.get("/phone/105/big.png").body == big
    s.client.send(head("GET", "/phone/105/big.png", s.host,
                       [s.digest.header("GET", "/phone/105/big.png")]))
    time.sleep(0.5)
    assert s.client.read().body == big
    assert s.get(CSS).body == BODY
    assert phone.count("/big.png") == 1


# --- who may ------------------------------------------------------------------------------------

def test_nobody_gets_a_copy_who_may_not_ask_the_phone(make, phone, sign_in):
    gate = make()
    warm(sign_in(gate, "bob"))
    stranger = Client(gate.port)
    stranger.send(head("GET", CSS))
    answer = stranger.read()
    stranger.close()
    assert answer.status == 401 and BODY not in answer.body
    answer = sign_in(gate, "carol").get(CSS)        # no grant: as if there were no such phone
    assert answer.status == 404 and BODY not in answer.body and not answer.all("etag")
    assert sign_in(gate, "carol").get(CSS, [("If-None-Match", "*")]).status == 404
    assert phone.count("/a.css") == 1


def test_a_role_without_the_right_gets_403(make, phone, sign_in):
    gate = make(profile=lambda t: t.replace(
        'name = "style sheets, scripts and pictures"; roles = [ "user", "helpdesk", "auditor" ];',
        'name = "style sheets, scripts and pictures"; roles = [ "admin" ];'))
    warm(sign_in(gate, "alice"))
    answer = sign_in(gate, "bob").get(CSS)
    assert answer.status == 403 and BODY not in answer.body
    assert sign_in(gate, "bob").get(CSS, [("If-None-Match", "*")]).status == 403


def test_a_grant_taken_away_ends_it_at_once(make, phone, sign_in):
    gate = make()
    s = sign_in(gate, "bob")
    warm(s)
    assert s.get(CSS).all("etag")
    gate.rewrite(grants=({"users": ["alice"], "role": "admin", "phones": ["*"]},))
    gate.reload()
    answer = wait_for(lambda: (lambda a: a if a.status == 404 else None)(s.get(CSS)), 3, "404")
    assert BODY not in answer.body


def test_accounts_have_copies_of_their_own(make, phone, sign_in):
    gate = make()
    user, admin = sign_in(gate, "bob"), sign_in(gate, "alice")
    warm(user)
    warm(admin)
    assert phone.count("/a.css") == 2
    assert user.get(CSS).all("etag") and admin.get(CSS).all("etag")
    assert phone.count("/a.css") == 2


def test_people_of_one_account_share_a_copy_by_path_and_by_host(make, phone, sign_in):
    gate = make(entry={"host": "105.phones.localhost"})
    warm(sign_in(gate, "bob"))
    asked = phone.count("/a.css")
    assert sign_in(gate, "Jäsøn Doe").get(CSS).body == BODY
    other = sign_in(gate, "bob", "105.phones.localhost").get("/a.css")
    assert other.body == BODY and other.all("etag")
    assert phone.count("/a.css") == asked


# --- what is not kept -----------------------------------------------------------------------------

@pytest.mark.parametrize("page", [
    Page(BODY, headers=[("Set-Cookie", "a=b")]), Page(BODY, headers=[("Vary", "Cookie")]),
    Page(BODY, headers=[("Vary", "*")]), Page(BODY, "text/html; charset=utf-8"),
    Page(BODY, status=404), Page(BODY, status=203), Page(BODY, status=500),
    Page(BODY, headers=[("Refresh", "0; url=/login.htm")]), Page(b""),
    Page(b"", status=302, headers=[("Location", "/login.htm")]),
    Page(BODY, headers=[("Last-Modified-By", "x" * 9000), ("Content-Language", "d" * 4097)]),
], ids=["cookie", "vary-cookie", "vary-all", "html", "404", "203", "500", "refresh", "empty", "302",
        "long-fields"])
def test_answers_that_are_no_assets(make, phone, sign_in, page):
    phone.pages["/a.css"] = page
    s = sign_in(make(), "bob")
    for _ in range(2):
        answer = s.get(CSS)
        assert answer.status == page.status and answer.body == page.body
        assert not (answer.one("etag") or "").startswith('"pg-')
    assert phone.count("/a.css") == 2


def test_vary_on_what_no_phone_is_sent_does_no_harm(make, phone, sign_in):
    phone.pages["/a.css"] = Page(BODY, headers=[("Vary", "Accept-Encoding"),
                                                ("Content-Encoding", "gzip")])
    s = sign_in(make(), "bob")
    warm(s)
    answer = s.get(CSS)
    assert answer.one("content-encoding") == "gzip" and answer.one("vary") == "Accept-Encoding"
    assert phone.count("/a.css") == 1


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_cut_answer_is_not_kept(make, phone, sign_in, framing):
    gate = make()
    phone.pages["/a.css"] = Page(BODY * 100, framing=framing, cut=True)
    with pytest.raises(AssertionError):
        answer = sign_in(gate, "bob").get(CSS)
        assert answer.status == 200 and not answer.cut and len(answer.body) == 100 * len(BODY)
    phone.pages["/a.css"] = Page(BODY)
    warm(sign_in(gate, "bob"))


def test_limit_object_bytes(make, phone, sign_in):
    gate = make({"object_bytes": 1024})
    s = sign_in(gate, "bob")
    for framing in ("length", "chunked"):
        for size, kept in ((1024, True), (1025, False)):
            target = "/%s%d.png" % (framing, size)
            phone.pages[target] = Page(b"x" * size, "image/png", framing=framing)
            for _ in range(3):
                assert s.get("/phone/105" + target).body == b"x" * size
            assert phone.count(target) == (1 if kept else 3), target


def test_limit_bytes_the_oldest_goes(make, phone, sign_in):
    gate = make({"bytes": 65536})
    s = sign_in(gate, "bob")
    for i in range(4):
        phone.pages["/%d.png" % i] = Page(b"x" * 20000, "image/png")
    for i in (0, 1, 2, 0, 3):           # three have room; 1 was used longest ago when 3 comes
        assert len(s.get("/phone/105/%d.png" % i).body) == 20000
    for i, times in ((0, 1), (2, 1), (3, 1), (1, 2)):
        s.get("/phone/105/%d.png" % i)
        assert phone.count("/%d.png" % i) == times, i


def test_queries_ranges_and_conditions_go_to_the_phone(make, phone, sign_in):
    gate = make()
    s = sign_in(gate, "alice")
    warm(s)
    for headers in ([("Range", "bytes=0-3")], [("If-Match", '"x"')], [("If-Range", '"x"')],
                    [("If-Unmodified-Since", DATE)]):
        before = phone.count("/a.css")
        assert s.get(CSS, headers).body == BODY
        assert phone.count("/a.css") == before + 1, headers
    assert s.get(CSS + "?v=1").status == 200
    assert s.get(CSS + "?").status == 200
    assert phone.count("/a.css?v=1") == 1 and phone.count("/a.css?") == 1

    def served():
        return [r for r in gate.records() if r.get("path") == "/a.css" and r["status"] == 200]
    wait_for(lambda: len(served()) == 7, 3, "all records")
    assert [r.get("cache") for r in served()] == ["miss"] + [None] * 6


# --- how long -------------------------------------------------------------------------------------

def test_limit_max_age_s(make, phone, sign_in):
    gate = make({"max_age_s": 1})
    s = sign_in(gate, "bob")
    warm(s)
    assert s.get(CSS).all("etag") and phone.count("/a.css") == 1
    time.sleep(1.1)
    warm(s)
    assert phone.count("/a.css") == 2


@pytest.mark.parametrize("validators, field", [
    ({"etag": '"v1"'}, "if-none-match"), ({"modified": DATE}, "if-modified-since")])
def test_an_old_copy_is_revalidated(make, phone, sign_in, validators, field):
    gate = make({"max_age_s": 1})
    phone.pages["/a.css"] = Page(BODY, **validators)
    s = sign_in(gate, "bob")
    warm(s)
    time.sleep(1.1)
    answer = s.get(CSS, [("If-None-Match", '"of another"')])
    assert (answer.status, answer.body, answer.one("cache-control")) == (
        200, BODY, "private, no-cache")
    assert phone.count("/a.css") == 2
    assert phone.asked[-1][2][field] == (validators.get("etag") or DATE)
    record = last(gate, cache="revalidated")
    assert record["upstream_status"] == 304 and record["status"] == 200
    assert record["upstream_account"] == "gate"
    assert s.get(CSS).body == BODY and phone.count("/a.css") == 2      # young again
    phone.pages["/a.css"] = Page(b"new", etag='"v2"', modified="Tue, 03 Nov 2026 10:00:00 GMT")
    time.sleep(1.1)
    assert s.get(CSS).body == b"new"
    assert s.get(CSS).body == b"new" and phone.count("/a.css") == 3
    want = ["miss", "revalidated", "hit", "miss", "hit"]
    wait_for(lambda: [r["cache"] for r in gate.records() if "cache" in r] == want, 3, "records")


def test_an_old_copy_does_not_hide_that_the_phone_fails(make, phone, sign_in):
    gate = make({"max_age_s": 1})
    phone.pages["/a.css"] = Page(BODY, etag='"v1"')
    s = sign_in(gate, "bob")
    warm(s)
    time.sleep(1.1)
    phone.pages["/a.css"] = Page(b"gone", "text/plain", status=404)
    assert s.get(CSS).status == 404
    assert s.get(CSS).status == 404


@pytest.mark.parametrize("headers", [RELOAD, [("Pragma", "no-cache")],
                                     [("Cache-Control", "max-age=0, no-store")]])
def test_a_reload_asks_the_phone(make, phone, sign_in, headers):
    gate = make()
    s = sign_in(gate, "alice")
    warm(s)
    phone.pages["/a.css"] = Page(b"new")
    assert s.get(CSS).body == BODY
    assert s.get(CSS, [("Cache-Control", "max-age=0")]).body == BODY     # any F5
    assert s.get(CSS, headers).body == b"new"
    assert s.get(CSS).body == b"new"
    assert phone.count("/a.css") == 2


def test_a_reload_with_a_validator_is_short(make, phone, sign_in):
    phone.pages["/a.css"] = Page(BODY, etag='"v1"')
    gate = make()
    s = sign_in(gate, "alice")
    warm(s)
    assert s.get(CSS, RELOAD).body == BODY
    assert phone.asked[-1][2]["if-none-match"] == '"v1"'
    last(gate, cache="revalidated")


# --- the browser's own copy -----------------------------------------------------------------------

def test_the_browsers_copy_is_confirmed_with_304(make, phone, sign_in):
    phone.pages["/a.css"] = Page(BODY, etag='"v1"', modified=DATE)
    gate = make()
    s = sign_in(gate, "bob")
    warm(s)
    tag = s.get(CSS).one("etag")
    for value in (tag, "W/" + tag, '"x", ' + tag, "*", '"v1"'):
        answer = s.get(CSS, [("If-None-Match", value)])
        assert (answer.status, answer.body) == (304, b""), value
        assert answer.one("etag") == tag and answer.one("cache-control") == "private, no-cache"
        assert not answer.all("content-length") and not answer.all("content-type")
    assert s.request("HEAD", CSS, [("If-None-Match", tag)]).status == 304
    assert s.get(CSS, [("If-Modified-Since", DATE)]).status == 304
    for headers in ([("If-None-Match", '"y"')], [("If-None-Match", '"y"'),
                    ("If-Modified-Since", DATE)],
                    [("If-Modified-Since", "Tue, 03 Nov 2026 10:00:00 GMT")]):
        assert s.get(CSS, headers).body == BODY
    assert phone.count("/a.css") == 1
    record = last(gate, status=304)
    assert record["cache"] == "hit" and record["user"] == "bob"


def test_another_content_has_another_tag(make, phone, sign_in):
    gate = make()
    s = sign_in(gate, "alice")
    warm(s)
    tag = s.get(CSS).one("etag")
    s.get(CSS, RELOAD)
    assert s.get(CSS).one("etag") == tag                # the same octets again
    phone.pages["/a.css"] = Page(b"new")
    s.get(CSS, RELOAD)
    answer = s.get(CSS, [("If-None-Match", tag)])
    assert answer.status == 200 and answer.body == b"new" and answer.one("etag") != tag


# --- what ends a copy -----------------------------------------------------------------------------

@pytest.mark.parametrize("change", [
    lambda s: s.post("/phone/105/prefs.htm", "language=x", ORIGIN),
    lambda s: s.post("/phone/105/prefs.htm", "", ORIGIN),
    lambda s: s.get("/phone/105/index.htm?x=y", [("Sec-Fetch-Site", "same-origin"), *ORIGIN]),
], ids=["post", "empty-post", "query"])
def test_a_change_drops_all_of_that_phone(make, phone, sign_in, change):
    gate = make()
    admin, user = sign_in(gate, "alice"), sign_in(gate, "bob")
    warm(admin)
    warm(user)
    assert user.get(CSS).all("etag")
    assert change(admin).status in (200, 404)
    phone.pages["/a.css"] = Page(b"new")
    assert user.get(CSS).body == b"new" and admin.get(CSS).body == b"new"
    assert phone.count("/a.css") == 4


def test_what_was_under_way_during_a_change_is_not_kept(make, phone, sign_in):
    gate = make(profile=lambda t: t.replace("concurrent_requests = 1;", "concurrent_requests = 4;"))
    admin, user = sign_in(gate, "alice"), sign_in(gate, "bob")
    admin.get("/phone/105/index.htm")
    user.get("/phone/105/index.htm")
    phone.delay_s = 0.4
    answers = []
    thread = threading.Thread(target=lambda: answers.append(user.get(CSS)))
    thread.start()
    wait_for(lambda: phone.count("/a.css") == 1, 3, "the phone is asked")
    admin.post("/phone/105/prefs.htm", "language=x", ORIGIN)
    thread.join(10)
    assert answers[0].body == BODY
    phone.delay_s = 0.0
    warm(user)
    assert phone.count("/a.css") == 2


def test_another_key_or_name_of_the_phone_drops_them(make, phone, sign_in):
    gate = make()
    s = sign_in(gate, "bob")
    warm(s)
    phone.name = "snom embedded 2"              # other firmware: seen on the next page
    assert s.get("/phone/105/index.htm").status == 200
    warm(s)
    assert phone.count("/a.css") == 2
    phone.new_identity()                        # another phone in its place
    phone.close_connections()
    time.sleep(0.2)
    assert s.get("/phone/105/index.htm").status == 200
    warm(s)
    assert phone.count("/a.css") == 3
    phone.close_connections()                   # the same phone, on a new connection
    time.sleep(0.2)
    assert s.get("/phone/105/index.htm").status == 200
    assert s.get(CSS).body == BODY and phone.count("/a.css") == 3


def test_no_copy_stands_in_for_a_phone_that_is_another_one(make, phone, sign_in):
    gate = make(entry={"tls": {"pin_sha256": [phone.pin]}})
    s = sign_in(gate, "bob")
    warm(s)
    assert s.get(CSS).all("etag")
    phone.new_identity()
    phone.close_connections()
    time.sleep(0.2)
    assert s.get("/phone/105/index.htm").status == 502
    gate.record(reason="phone_pin_mismatch")
    assert s.get(CSS).status == 502


def test_a_rejected_password_drops_them(make, phone, sign_in):
    gate = make()
    s = sign_in(gate, "bob")
    warm(s)
    phone.accepts = False
    assert s.get("/phone/105/index.htm").status == 502
    assert s.get(CSS).status == 502             # and not a copy as if nothing were wrong


def test_a_phone_that_fails_drops_them(make, phone, sign_in):
    gate = make()
    s = sign_in(gate, "bob")
    warm(s)
    phone.pages["/index.htm"] = Page(b"<html>" * 100, "text/html", cut=True)
    assert s.get("/phone/105/index.htm").status in (200, 502)
    s.close()
    warm(s)
    assert phone.count("/a.css") == 2


def test_another_phone_of_the_same_name_begins_anew(make, phone, sign_in, tmp_path):
    gate = make()
    s = sign_in(gate, "bob")
    warm(s)
    gate.reload()                               # nothing changed: the copy stays
    assert s.get(CSS).body == BODY and phone.count("/a.css") == 1
    other = AssetPhone(tmp_path, 2)
    try:
        other.pages["/a.css"] = Page(b"of the other")
        gate.rewrite(phones=(dict(other.entry(), id="105"),))
        gate.reload()
        assert wait_for(lambda: s.get(CSS).body == b"of the other", 3, "the other phone")
    finally:
        other.stop()


def test_a_smaller_limit_counts_from_the_reload(make, phone, sign_in):
    gate = make()
    s = sign_in(gate, "bob")
    warm(s)
    gate.rewrite(asset_cache={"bytes": 0})
    gate.reload()
    wait_for(lambda: s.get(CSS).all("etag") == [], 3, "the cache is off")
    gate.rewrite(asset_cache={"bytes": 16777216})
    gate.reload()
    wait_for(lambda: s.get(CSS).all("etag") != [], 3, "the cache is on")


# --- people who leave -----------------------------------------------------------------------------

def test_who_leaves_before_the_end_leaves_no_copy(make, phone, sign_in):
    gate = make()
    s = sign_in(gate, "bob")
    assert s.get("/phone/105/index.htm").status == 200
    phone.delay_s = 0.4
    s.client.send(head("GET", CSS, s.host, [s.digest.header("GET", CSS)]))
    wait_for(lambda: phone.count("/a.css") == 1, 3, "the phone is asked")
    s.client.reset()
    last(gate, reason="client_gone", cache="miss")
    phone.delay_s = 0.0
    warm(sign_in(gate, "bob"))
    assert phone.count("/a.css") == 2


def test_who_leaves_in_the_middle_of_a_copy(make, phone, sign_in):
    gate = make({"object_bytes": 4194304})
    phone.pages["/big.png"] = Page(b"x" * 4194304, "image/png")
    s = sign_in(gate, "bob", timeout=30)
    assert len(s.get("/phone/105/big.png").body) == 4194304
    for _ in range(3):
        slow = sign_in(gate, "bob", receive_buffer=4096)
        slow.get("/phone/105/index.htm")
        target = "/phone/105/big.png"
        slow.client.send(head("GET", target, slow.host, [slow.digest.header("GET", target)]))
        time.sleep(0.1)
        slow.close()
    gate.record(path="/big.png", cache="hit", reason="client_gone", outcome="failed")
    assert len(s.get("/phone/105/big.png").body) == 4194304
    assert phone.count("/big.png") == 1


def test_the_profiles_policy_for_pages_goes_along(make, phone, sign_in):
    gate = make(profile=lambda t: "content_security_policy = \"script-src 'self'\";\n" + t)
    s = sign_in(gate, "bob")
    want = warm(s).all("content-security-policy")
    assert len(want) == 1 and "script-src 'self'" in want[0]
    assert s.get(CSS).all("content-security-policy") == want
    assert s.get(CSS, [("If-None-Match", "*")]).all("content-security-policy") == want


# --- many at once ---------------------------------------------------------------------------------

def test_no_stampede_one_fetch_serves_all_who_wait(make, phone, sign_in):
    gate = make()
    people = [sign_in(gate, "bob", timeout=30) for _ in range(12)]
    for s in people:
        assert s.get("/phone/105/index.htm").status == 200
    phone.delay_s, phone.peak = 0.3, 0
    seen = []
    threads = [threading.Thread(target=lambda s=s: seen.append(s.get(CSS))) for s in people]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    assert [a.status for a in seen] == [200] * 12 and all(a.body == BODY for a in seen)
    assert phone.count("/a.css") == 1 and phone.peak == 1

    def served():
        return [r for r in gate.records() if r.get("path") == "/a.css" and "cache" in r]
    wait_for(lambda: len(served()) == 12, 3, "all records")
    assert sorted(r["cache"] for r in served()) == ["hit"] * 11 + ["miss"]
    waited = [r for r in served() if r["cache"] == "hit"]
    assert all("upstream_account" not in r and r["queue_ms"] >= 0 for r in waited)


def test_many_people_and_changes_at_once(make, phone, sign_in):
    """Nobody ever gets another object's octets, and the gate stays in one piece (TSan, ASan)."""
    gate = make({"bytes": 65536, "max_age_s": 1})
    bodies = {"/%d.png" % i: bytes([65 + i]) * (3000 * i + 1) for i in range(8)}
    for i, (target, body) in enumerate(bodies.items()):
        phone.pages[target] = Page(body, "image/png", etag='"%d"' % i if i % 2 else None,
                                   framing="chunked" if i % 3 else "length")
    wrong = []

    def load(s, offset):
        for k in range(24):
            i = (k * 5 + offset) % 8
            answer = s.get("/phone/105/%d.png" % i, RELOAD if k % 11 == 10 else [])
            if (answer.status, answer.body) != (200, bodies["/%d.png" % i]):
                wrong.append((i, answer.status, len(answer.body)))
    def change(s):
        for _ in range(6):
            s.post("/phone/105/prefs.htm", "a=b", ORIGIN)
            time.sleep(0.05)
    threads = [threading.Thread(target=load, args=(sign_in(gate, "bob", timeout=60), n))
               for n in range(6)]
    threads.append(threading.Thread(target=change, args=(sign_in(gate, "alice", timeout=60),)))
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert wrong == []
    assert phone.peak == 1


# --- numbers --------------------------------------------------------------------------------------

def test_metrics(make, phone, sign_in):
    port = free_port("127.0.0.1")
    gate = make({"max_age_s": 1}, status={"listen": "127.0.0.1:%d" % port})
    phone.pages["/a.css"] = Page(BODY, etag='"v1"')
    s = sign_in(gate, "bob")
    warm(s)
    s.get(CSS)
    s.get(CSS)
    time.sleep(1.1)
    s.get(CSS)
    s.get("/phone/105/index.htm")
    with Client(port, plain=True) as c:
        c.send(head("GET", "/metrics", "localhost"))
        text = c.read().body.decode()
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    for result, count in (("miss", 1), ("hit", 2), ("revalidated", 1)):
        assert values['phonegate_asset_cache_requests_total{result="%s"}' % result] == str(count)
    assert values["phonegate_asset_cache_copies"] == "1"
    assert len(BODY) < int(values["phonegate_asset_cache_bytes"]) < len(BODY) + 1000
