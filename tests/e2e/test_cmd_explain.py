"""phonegate explain: the verdict, the rule and the grant of a request that nobody sends."""

import json
import subprocess

import pytest

import gate as gate_module
from cfgdir import ConfigDir


@pytest.fixture(scope="module")
def cfg(tmp_path_factory):
    return ConfigDir(tmp_path_factory.mktemp("explain"))


def explain(cfg, *words):
    done = cfg.run("explain", "-c", "phonegate.cfg", *words)
    return done.returncode, dict(line.split(None, 1) for line in done.stdout.splitlines())


def ask(cfg, user, phone, *words):
    return explain(cfg, "--user", user, "--phone", phone, *words)


def test_allowed(cfg):
    status, answer = ask(cfg, "bob", "101", "GET", "/index.htm?l=1")
    assert status == 0
    assert answer == {
        "verdict": "allowed", "reason": "ok", "user": "bob", "role": "user",
        "grant": "phonegate.cfg:7", "phone": "101", "profile": "model", "asked": "by name",
        "path": "/index.htm", "sender": "a browser on the phone's own page", "origin": "ours",
        "parameters": "l",
        "body": "none", "rule": "pages (profiles/model.cfg:4)", "sent": "/index.htm?l=1",
        "account": "login (gate)"}


def test_admin_uses_the_admin_account_where_there_is_one(cfg):
    assert ask(cfg, "alice", "101", "GET", "/x")[1]["account"] == "admin_login (service)"
    assert ask(cfg, "alice", "102", "GET", "/x")[1]["account"] == "login (gate)"


def test_no_rule(cfg):
    status, answer = ask(cfg, "bob", "101", "GET", "/settings")
    assert status == 1
    assert answer == {
        "verdict": "refused", "status": "403", "reason": "no_rule", "user": "bob", "role": "user",
        "grant": "phonegate.cfg:7", "phone": "101", "profile": "model", "asked": "by name",
        "path": "/settings", "sender": "a browser on the phone's own page", "origin": "ours",
        "parameters": "none",
        "body": "none", "rule": "none matches"}


def test_denied_by_a_rule_that_says_why(cfg):
    status, answer = ask(cfg, "alice", "101", "GET", "/x.htm?reset=1")
    assert status == 1
    assert answer["reason"] == "rule_denied"
    assert answer["detail"] == "No reset from here."
    assert answer["rule"] == "no reset (profiles/model.cfg:2)"


def test_canonical_path_is_what_is_judged_and_sent(cfg):
    status, answer = ask(cfg, "bob", "101", "GET", "/%69ndex.htm")
    assert status == 0
    assert answer["path"] == answer["sent"] == "/index.htm"
    status, answer = ask(cfg, "bob", "101", "GET", "/a/../index.htm")
    assert (status, answer["status"], answer["reason"]) == (1, "400", "path_ambiguous")


def test_no_grant_looks_like_no_phone(cfg):
    status, answer = ask(cfg, "bob", "102", "GET", "/index.htm")
    assert (status, answer["status"]) == (1, "421")
    assert "phone" not in answer and "rule" not in answer
    status, answer = ask(cfg, "bob", "999", "GET", "/index.htm")
    assert (status, answer["status"], answer["reason"]) == (1, "404", "unknown_phone")


def test_unknown_user(cfg):
    status, answer = ask(cfg, "eve", "101", "GET", "/")
    assert (status, answer["status"], answer["reason"]) == (1, "401", "unknown_user")


@pytest.mark.parametrize("body, status", [("number=110", 0), ("number=110&l=1", 1),
                                          ("number=1;reset=1", 1), ("", 0)])
def test_body_is_judged(cfg, body, status):
    (cfg.path / "body").write_text(body)
    got, answer = ask(cfg, "bob", "101", "POST", "/dial.htm", "--body", "body")
    assert got == status, answer
    assert answer["verdict"] == ("allowed" if status == 0 else "refused")


def test_body_of_a_type_that_nobody_reads(cfg):
    (cfg.path / "body").write_text("number=110")
    status, answer = ask(cfg, "bob", "101", "POST", "/dial.htm", "--body", "body",
                         "--content-type", "application/octet-stream")
    assert (status, answer["status"]) == (1, "403")


def test_what_the_guard_refuses(cfg):
    assert ask(cfg, "bob", "101", "BREW", "/")[1]["status"] == "501"
    assert ask(cfg, "bob", "101", "GET", "/a b")[1]["status"] == "400"
    assert ask(cfg, "bob", "101", "GET", "/" + "x" * 9000)[1]["status"] == "414"


def test_phone_without_a_host_is_asked_for_by_path(tmp_path):
    cfg = ConfigDir(tmp_path)
    cfg.change(' host = "101.phones.example.com";', "")
    status, answer = ask(cfg, "bob", "101", "GET", "/index.htm")
    assert (status, answer["sent"]) == (0, "/index.htm")


def test_parameters_under_every_reading_and_never_their_values(cfg):
    (cfg.path / "body").write_text("number=secret-1;x=secret-2")
    done = cfg.run("explain", "-c", "phonegate.cfg", "--user", "bob", "--phone", "101", "--body",
                   "body", "POST", "/dial.htm")
    assert "\nparameters number, x\n" in done.stdout and "\nbody       judged\n" in done.stdout
    assert "secret" not in done.stdout


def trace(cfg, user, *words):
    done = cfg.run("explain", "-c", "phonegate.cfg", "--user", user, "--phone", "101", "--trace",
                   *words)
    rules = done.stdout.partition("\n\n")[2].splitlines()
    assert rules.pop(0) == "rules in their order"
    return rules


def test_trace_says_why_each_rule_does_not_match(cfg):
    assert trace(cfg, "bob", "GET", "/index.htm?l=1&x=2") == [
        "  deny   no reset (profiles/model.cfg:2): none of its parameters is there",
        "  allow  pages (profiles/model.cfg:4): does not take parameter x",
        "  allow  administrators (profiles/model.cfg:6): not for role user",
        "  allow  dialling (profiles/model.cfg:8): not for GET"]
    assert trace(cfg, "alice", "POST", "/x?reset=1") == [
        "> deny   no reset (profiles/model.cfg:2): matches: parameter reset is there",
        "  3 more are not asked"]
    (cfg.path / "body").write_text("<a/>")
    assert trace(cfg, "bob", "POST", "/dial.htm", "--body", "body", "--content-type", "text/xml") == [
        "> deny   no reset (profiles/model.cfg:2): matches", "  3 more are not asked"]
    (cfg.path / "body").write_text("number=1&y=2")
    assert trace(cfg, "bob", "POST", "/dial.htm", "--body", "body")[1:] == [
        "  allow  pages (profiles/model.cfg:4): not for POST",
        "  allow  administrators (profiles/model.cfg:6): not for role user",
        "  allow  dialling (profiles/model.cfg:8): does not take parameter y"]


def test_trace_of_a_class_that_the_grant_lifts(tmp_path):
    cfg = ConfigDir(tmp_path)
    cfg.change('role = "admin"; phones = [ "*" ]; }',
               'role = "admin"; phones = [ "*" ]; allow = [ "factory-reset" ]; }')
    assert trace(cfg, "alice", "GET", "/x?reset=1")[0] == (
        "  deny   no reset (profiles/model.cfg:2): the grant allows factory-reset")


def test_json(cfg):
    done = cfg.run("explain", "-c", "phonegate.cfg", "--user", "bob", "--phone", "101", "--trace",
                   "--format", "json", "GET", "/index.htm?l=1")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["verdict"], answer["sent"]) == (0, "allowed", "/index.htm?l=1")
    assert answer["grant"] == {"file": "phonegate.cfg", "line": 7}
    assert answer["rule"] == {"name": "pages", "file": "profiles/model.cfg", "line": 4}
    assert answer["parameters"] == ["l"] and answer["rules_not_asked"] == 2
    assert [(r["name"], r["result"]) for r in answer["trace"]] == [
        ("no reset", "no_parameter"), ("pages", "matches")]
    done = cfg.run("explain", "-c", "phonegate.cfg", "--user", "bob", "--phone", "101",
                   "--format=json", "GET", "/none")
    assert done.returncode == 1 and json.loads(done.stdout)["rule"] is None
    done = cfg.run("explain", "-c", "phonegate.cfg", "--user", "eve", "--phone", "101",
                   "--format=json", "GET", "/none")
    assert json.loads(done.stdout) == {"verdict": "refused", "status": 401, "reason": "unknown_user"}


def test_forged_requests(cfg):
    cross = ("--header", "Sec-Fetch-Site: cross-site")
    status, answer = ask(cfg, "bob", "101", "GET", "/index.htm?l=1", *cross)
    assert (status, answer["reason"], answer["origin"]) == (1, "other_site", "other_site")
    assert ask(cfg, "bob", "101", "GET", "/index.htm", *cross)[1]["origin"] == "navigation"
    (cfg.path / "body").write_text("number=1")
    status, answer = ask(cfg, "bob", "101", "POST", "/dial.htm", "--body", "body", "--script")
    assert (status, answer["reason"], answer["origin"]) == (1, "scripts_not_allowed", "silent")
    assert "rule" not in answer


def test_limits_of_grants(tmp_path):
    cfg = ConfigDir(tmp_path)
    cfg.change('role = "user"; phones = [ "101" ]; }',
               'role = "user"; phones = [ "101" ]; from = [ "192.0.2.0/24", "2001:db8::/32" ];'
               ' until = "2026-12-31"; }')
    at = ("--at", "2026-12-31T23:59:59Z")
    for words, lapsed in [((), "from"), (("--from", "198.51.100.1"), "from"),
                          (("--from", "192.0.2.9"), None), (("--from", "2001:db8::9"), None),
                          (("--from", "192.0.2.9", "--at", "2027-01-01"), "until")]:
        status, answer = ask(cfg, "bob", "101", "GET", "/", *(at if "--at" not in words else ()), *words)
        assert status == (1 if lapsed else 0), answer
        assert answer.get("lapsed") == (lapsed and lapsed + " (phonegate.cfg:7)")


def test_header_fields_are_part_of_the_request(cfg):
    status, answer = ask(cfg, "bob", "101", "GET", "/", "--header", "Host: other.example.com")
    assert (status, answer["status"]) == (1, "400")     # two of them
    status, answer = ask(cfg, "bob", "101", "GET", "/", "--header", "X-One: 1", "--header=X-Two:2")
    assert status == 0 and answer["sender"].endswith("unless --header says otherwise")
    assert ask(cfg, "bob", "101", "GET", "/", "--script")[1]["sender"] == (
        "a program that is no browser")


@pytest.mark.parametrize("words", [
    ("GET", "/"), ("--user", "bob", "GET", "/"), ("--phone", "101", "GET", "/"),
    ("--user", "bob", "--phone", "101", "GET"), ("--user", "bob", "--phone", "101", "GET", "x"),
    ("--user", "bob", "--phone", "101", "GET", "/", "/"),
    ("--user", "bob", "--phone", "101", "GET", "/\r\nX: y\r\n\r\n"),
    ("--user", "bob", "--phone", "101", "GET", "/", "--body", "nowhere"),
    ("--user", "bob", "--phone", "101", "GET", "/", "--content-type", "x/y"),
    ("--user", "bob", "--phone", "101", "--header", "nothing", "GET", "/"),
    ("--user", "bob", "--phone", "101", "--header", "X: 1\r\nY: 2\r\n\r\n", "GET", "/"),
    ("--user", "bob", "--phone", "101", "--format", "xml", "GET", "/"),
    ("--user", "bob", "--phone", "101", "--from", "here", "GET", "/"),
    ("--user", "bob", "--phone", "101", "--at", "noon", "GET", "/"),
    ("--requests", "-", "--at", "2027-01-01"), ("--requests", "-", "--trace"), ("--requests", "-", "--header", "X: 1"),
    ("--user", "bob", "--phone", "101", "--why", "GET", "/")])
def test_wrong_usage_is_2(cfg, words):
    done = cfg.run("explain", "-c", "phonegate.cfg", *words)
    assert done.returncode == 2 and done.stdout == "" and done.stderr


def test_wrong_configuration(tmp_path):
    cfg = ConfigDir(tmp_path)
    cfg.change('id = "102"', 'id = "101"')
    done = cfg.run("explain", "-c", "phonegate.cfg", "--user", "bob", "--phone", "101", "GET", "/")
    assert done.returncode == 1 and "phonegate.cfg:13: error" in done.stderr
    assert cfg.run("explain", "-c", "none.cfg", "--user", "b", "--phone", "1", "GET",
                   "/").returncode == 2


REQUESTS = [(method, path) for path in (
    "/", "/index.htm?l=1", "/INDEX.HTM", "/settings.htm", "/line_sip.htm", "/confirm.htm?reset=1",
    "/dummy.htm?firmware=x", "/%69nfo.htm", "/a//b", "/%2e%2e/x", "/index.htm;x", "/command.htm?key=F1",
    "/minibrowser.htm?url=http://x/", "/unknown.htm", "/css/main.css", "/x?%zz=1")
    for method in ("GET", "POST", "DELETE")]


def answered(site):
    """Without those that were only asked for a login."""
    return [r for r in site.records() if r["reason"] != "no_credentials"]


def test_serve_says_the_same(site, sign_in):
    """The record of a real request holds what explain says of it."""
    for user in ("alice", "bob"):
        session = sign_in(site, user)
        for method, path in REQUESTS:
            headers = [("Origin", "https://gate.localhost")]
            before = len(answered(site))
            session.request(method, "/phone/101" + path, headers)
            gate_module.wait_for(lambda: len(answered(site)) > before, 3, "a record")
            record = answered(site)[-1]
            done = subprocess.run([gate_module.program(), "explain", "-c", str(site.file), "--user",
                                   user, "--phone", "101", method, path],
                                  capture_output=True, text=True, timeout=30)
            answer = dict(line.split(None, 1) for line in done.stdout.splitlines())
            said = (answer["reason"], answer.get("rule", "none matches").rsplit(" (", 1)[0],
                    done.returncode)
            held = (record["reason"], record.get("rule_id") or "none matches",
                    0 if record["reason"] == "ok" else 1)
            assert said == held, (user, method, path, record)


def requests(cfg, *lines, words=()):
    (cfg.path / "requests").write_bytes(b"".join(line + b"\n" for line in lines))
    return cfg.run("explain", "-c", "phonegate.cfg", "--requests", "requests", *words)


def test_many_requests(cfg):
    done = requests(cfg, b"bob\t101\tGET\t/%69ndex.htm?l=1", b"bob\t101\tGET\t/settings",
                    b"bob\t101\tPOST\t/dial.htm\tapplication/x-www-form-urlencoded\tnumber%3d1",
                    b"bob\t101\tPOST\t/dial.htm\t\tnumber=1", b"eve\t101\tGET\t/",
                    b"bob\t101\tGET\t/a b")
    assert (done.returncode, done.stderr) == (1, "")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert rows[0] == ["allowed", "-", "ok", "pages", "/index.htm"]
    assert rows[1] == ["refused", "403", "no_rule", "-", "/settings"]
    assert rows[2][:3] == ["allowed", "-", "ok"]
    assert rows[3][:2] == ["refused", "403"]   # nobody can say what the body holds
    assert rows[4] == ["refused", "401", "unknown_user", "-", "-"]
    assert rows[5][:2] == ["refused", "400"] and rows[5][3:] == ["-", "-"]
    assert len(rows) == 6


def test_many_requests_all_allowed(cfg):
    assert requests(cfg, b"bob\t101\tGET\t/index.htm", b"alice\t101\tGET\t/x").returncode == 0
    assert requests(cfg).returncode == 0


@pytest.mark.parametrize("line", [b"", b"bob\t101\tGET", b"bob\t101\tGET\tx",
                                  b"bob\t101\tPOST\t/\tx/y", b"bob\t101\tPOST\t/\tx/y\ta\tb",
                                  b"bob\t101\tPOST\t/\tx/y\t%4", b"bob\t101\tPOST\t/\tx/y\t%zz"])
def test_many_requests_with_a_bad_line(cfg, line):
    done = requests(cfg, b"bob\t101\tGET\t/index.htm", line)
    assert done.returncode == 2 and "request 2: " in done.stderr
    assert len(done.stdout.splitlines()) == 1


def test_many_requests_goes_with_nothing_else(cfg):
    assert requests(cfg, words=("--user", "bob")).returncode == 2
    assert requests(cfg, words=("GET", "/")).returncode == 2
    assert cfg.run("explain", "-c", "phonegate.cfg", "--requests", "nowhere").returncode == 2
