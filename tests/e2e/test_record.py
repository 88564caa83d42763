"""The access record: one line of JSON whatever happened, the fields of an audit, never a secret."""

import re
import stat
import time

from digestclient import Digest
from gate import wait_for
from rawhttp import Client, Closed, head

PAGE = "/phone/101/info.htm"
REQUEST = """ts seq event outcome reason user role src_ip src_port tls_version tls_cipher digest_alg
phone_id phone_addr phone_model upstream_account method path rule_id policy_version status
upstream_status bytes_in bytes_out dur_ms queue_ms connect_ms first_byte_ms req_id""".split()


def test_fields_of_a_request_that_was_served(site, sign_in):
    assert sign_in(site, "bob").get(PAGE).status == 200
    r = site.record(outcome="allowed", path="/info.htm")
    missing = [name for name in REQUEST if name not in r]
    assert not missing
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", r["ts"])
    assert (r["event"], r["user"], r["role"], r["status"]) == ("request", "bob", "user", 200)
    assert (r["phone_id"], r["phone_model"], r["upstream_account"]) == ("101", "snom", "gate")
    assert r["phone_addr"] in site.phones["101"].url and r["upstream_status"] == 200
    assert (r["method"], r["path"], r["digest_alg"]) == ("GET", "/info.htm", "SHA-256")
    assert r["src_ip"] == "127.0.0.1" and r["tls_version"] == "TLSv1.3"
    assert r["bytes_out"] > 300 and r["bytes_in"] > 100 and r["dur_ms"] >= r["first_byte_ms"] >= 0
    assert r["rule_id"] == "pages for users" and "user_claimed" not in r


def test_admin_and_account(site, sign_in):
    assert sign_in(site, "alice").get("/phone/101/settings.htm").status == 200
    r = site.record(outcome="allowed", path="/settings.htm")
    assert (r["user"], r["role"], r["upstream_account"]) == ("alice", "admin", "service")
    assert r["rule_id"] == "administrators"


def test_seq_rises_by_one(site, sign_in):
    s = sign_in(site, "bob")
    for _ in range(5):
        s.get(PAGE)
    time.sleep(0.2)
    numbers = [r["seq"] for r in site.records()]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_one_record_a_request(site, sign_in):
    s = sign_in(site, "bob")
    s.get("/")
    site.record(path="/", status=200)
    before = len(site.records())
    for path in (PAGE, "/phone/101/settings.htm", "/phone/999/", "/nothing"):
        s.get(path)
    site.record(path="/nothing")
    time.sleep(0.1)
    assert len(site.records()) == before + 4


def test_names_of_parameters_never_values(site, sign_in):
    alice = sign_in(site, "alice")
    alice.get("/phone/101/prefs.htm?http_pass=GEHEIM1&language=GEHEIM2;x=GEHEIM3&key=1;GEHEIM4")
    r = site.record(path="/prefs.htm")
    assert set(r["query_keys"]) >= {"http_pass", "language"}
    alice.post("/phone/101/prefs.htm", "http_pass=GEHEIM5", [("Origin", "https://gate.localhost")])
    site.record(path="/prefs.htm", method="POST")
    assert "GEHEIM" not in site.log_text() + site.stderr()


def test_claimed_name_that_is_a_password_is_not_written(site):
    secret = "My-Password-in-the-wrong-box"
    with Client(site.port) as c:
        digest = Digest(secret, "x")
        c.send(head("GET", PAGE))
        digest.take(c.read())
        c.send(head("GET", PAGE, headers=[digest.header("GET", PAGE)]))
        assert c.read().status == 401
    r = site.record(reason="unknown_user")
    assert r["user_claimed"] and not r.get("user") and secret not in site.log_text()
    with Client(site.port) as c:
        c.send(head("GET", PAGE, headers=[("Authorization", "Basic " + secret)]))
        assert c.read().status == 401
    time.sleep(0.1)
    assert secret not in site.log_text() + site.stderr()


def test_nonces_and_responses_are_not_written(site, sign_in):
    s = sign_in(site, "bob")
    fields = s.digest
    assert s.get(PAGE).status == 200
    site.record(path="/info.htm", outcome="allowed")
    text = site.log_text()
    assert fields.challenge.fields["nonce"] not in text and "response=" not in text


def test_octets_of_strangers_cannot_forge_a_line(site):
    with Client(site.port) as c:
        c.send(b'GET /x%22,%22user%22:%22alice HTTP/1.1\r\nHost: gate.localhost\r\n'
               b'Authorization: Digest username="\\"}\xff{\\"user\\":\\"alice"\r\n\r\n')
        assert c.read().status in (400, 401)
    time.sleep(0.1)
    assert all("user" not in r or r["user"] in ("alice", "bob", "carol") for r in site.records())
    with Client(site.port) as c:
        c.send(head("GET", "/y", headers=[("User-Agent", "a\x7f")]))
        c.read()
    site.records()      # every line still parses


def test_refusals_have_their_reason(site, sign_in):
    bob = sign_in(site, "bob")
    expected = {"/phone/101/settings.htm": "rule_denied", "/phone/101/unknown.htm": "no_rule",
                "/phone/999/": "unknown_phone", "/nothing": "not_found",
                "/phone/101//x": "path_ambiguous"}
    for target, reason in expected.items():
        assert bob.get(target).status >= 400
        r = site.record(reason=reason)
        assert r["outcome"] == "denied" and r["user"] == "bob", target


def test_a_phone_without_grant_is_not_named_as_reached(site, sign_in):
    sign_in(site, "bob").get("/phone/103/info.htm")
    r = site.record(reason="unknown_phone")
    assert not r.get("upstream_account") and r["status"] == 404


def test_file_is_not_for_others(site):
    mode = stat.S_IMODE((site.dir / "access.log").stat().st_mode)
    assert mode & 0o007 == 0 and mode & 0o020 == 0


def test_client_that_leaves_is_recorded(site, sign_in):
    site.phones["101"].switch(ms=300)
    s = sign_in(site, "bob")
    s.get("/")
    s.client.send(head("GET", "/phone/101/adr.htm",
                       headers=[s.digest.header("GET", "/phone/101/adr.htm")]))
    time.sleep(0.1)
    s.close()
    assert site.record(path="/adr.htm")["user"] == "bob"


def test_records_that_cannot_be_written_stop_access(new_gate, new_phone, sign_in):
    phone = new_phone()
    gate = new_gate({"101": phone}, start=False, access_log={"file": "/dev/full"})
    gate.start()
    s = sign_in(gate, "bob")

    def is_refused():
        try:
            return s.get(PAGE).status == 503
        except (OSError, Closed):       # closed: as good as refused
            s.close()
            return True
    wait_for(is_refused, 5, "nobody is served any more")
    assert all(is_refused() for _ in range(3))
    assert len(phone.seen()) <= 1


def test_a_change_is_named_and_its_values_are_not(site, sign_in):
    sign_in(site, "alice").get("/phone/101/dummy.htm?settings=save&fkey3=hunter2&l=1")
    r = site.record(path="/dummy.htm")
    assert r["outcome"] == "allowed" and r["changed"] == ["settings", "fkey3", "l"]
    assert r["changed_values"] == ["l=1"] and "hunter2" not in str(r)
    assert not {"changed_more", "changed_unseen", "class", "exception"} & set(r)


def test_a_refusal_says_which_step(site, sign_in):
    sign_in(site, "alice").get("/phone/101/dummy.htm?settings=save&admin_mode=on")
    r = site.record(status=403)
    assert r["class"] == "step2" and r["reason"] == "rule_denied" and "changed" not in r


def test_an_exception_that_was_used_is_told(new_gate, sign_in):
    gate = new_gate(grants=({"users": ["alice"], "role": "admin", "phones": ["*"],
                             "allow": ["step4"]},))
    sign_in(gate, "alice").get("/phone/101/dummy.htm?settings=save&keyboard_lock=off")
    r = gate.record(path="/dummy.htm")
    assert r["exception"] == "step4" and "keyboard_lock" in r["changed"]
