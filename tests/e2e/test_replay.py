"""phonegate replay: what a new configuration would have made of recorded requests."""

import json
import random
import subprocess

import pytest

import gate as gate_module
from cfgdir import ConfigDir
from test_explain_equals_serve import (GRANTS, LIMITS, SEED, USERS, ask_explain, ask_serve,
                                       random_request, stub)  # noqa: F401

COUNT = int(1500 / gate_module.SLOWER)
RECORD = {"seq": 1, "ts": "2026-11-23T09:13:59.123Z", "event": "request", "outcome": "allowed",
          "reason": "ok", "src_ip": "192.0.2.9", "user": "bob", "role": "user", "phone_id": "101",
          "rule_id": "pages", "origin": "ours", "method": "GET", "host": "101.phones.example.com",
          "path": "/index.htm", "status": 200}


@pytest.fixture
def cfg(tmp_path):
    return ConfigDir(tmp_path)


def record(**changes):
    row = dict(RECORD, **changes)
    return json.dumps({k: v for k, v in row.items() if v is not None}) + "\n"


def replay(cfg, text, *words):
    (cfg.path / "log").write_text(text, encoding="utf-8")
    done = cfg.run("replay", "-c", "phonegate.cfg", "--format", "json", *words, "log")
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def test_nothing_changes(cfg):
    status, answer = replay(cfg, record() + record(user=None) + record(
        user="alice", role="admin", rule_id="administrators", path="/a b%c\u00e4"))
    assert status == 0 and answer["changes"] == []
    assert (answer["as_before"], answer["otherwise"], answer["not_judged"]) == (2, 0, 1)


def test_what_would_change_is_grouped(cfg):
    done = cfg.run("replay", "-c", "phonegate.cfg", "-", text=record(path="/none", rule_id="old") * 2
                   + record() + record(outcome="denied", reason="no_rule", rule_id=None)
                   + record(user="gone"))
    assert done.returncode == 1
    assert done.stdout == (
        "2  allowed (old) -> refused (no_rule)\n   -:1: bob 101 GET /none\n"
        "1  refused (no_rule) -> allowed (pages)\n   -:4: bob 101 GET /index.htm\n"
        "1  allowed (pages) -> refused (unknown_user)\n   -:5: gone 101 GET /index.htm\n"
        "1 as before, 4 otherwise, 0 cannot be told, 0 not about a phone\n")


@pytest.mark.parametrize("changes", [
    {"query_keys": ["l"]},                          # "no reset" looks at parameters
    {"method": "POST", "path": "/dial.htm", "rule_id": "dialling", "body": True},
    {"query_keys": []}, {"path": "/" + "x" * 511}, {"path": "/\ufffd"}, {"origin": "null"},
    {"outcome": "denied", "reason": "parameter_ambiguous", "rule_id": None},
    {"outcome": "failed", "reason": "client_gone", "rule_id": None},
    {"ts": "yesterday"}, {"src_ip": None}])
def test_what_nobody_can_tell_is_not_guessed(cfg, changes):
    status, answer = replay(cfg, record(**changes))
    assert (status, answer["cannot_tell"]) == (0, 1), answer


def test_somebody_who_had_no_grant_and_now_has_one(cfg):
    asked = {"user": "alice", "role": None, "rule_id": None, "outcome": "denied", "origin": None}
    status, answer = replay(cfg, record(**asked, reason="unknown_host") + record(
        **asked, reason="unknown_phone", host="gate.example.com", path="/phone/101/x") + record(
        **asked, reason="unknown_phone", host="gate.example.com", path="/phone/101"))
    # The last two could have been sent by a program as well, which may read.
    assert (status, answer["otherwise"], answer["cannot_tell"]) == (1, 2, 1)


def test_limits_are_those_of_the_record(cfg):
    cfg.change('role = "user"; phones = [ "101" ]; }',
               'role = "user"; phones = [ "101" ]; from = [ "192.0.2.0/24" ]; until = "2026-12-31"; }')
    assert replay(cfg, record())[0] == 0
    for changes in ({"src_ip": "198.51.100.1"}, {"ts": "2027-01-01T00:00:00.000Z"}):
        status, answer = replay(cfg, record(**changes))
        assert status == 1 and answer["changes"][0]["would_be"] == "refused"


def test_scripts_and_other_sites(cfg):
    changing = {"user": "alice", "role": "admin", "rule_id": "administrators", "method": "POST",
                "path": "/x"}
    assert replay(cfg, record(**changing, origin="silent"))[0] == 1
    assert replay(cfg, record(**changing, origin="other_site", outcome="denied",
                              reason="other_site"))[0] == 0


def test_wrong_input_is_2(cfg):
    assert cfg.run("replay", "-c", "phonegate.cfg").returncode == 2
    assert cfg.run("replay", "-c", "phonegate.cfg", "nowhere").returncode == 2
    assert cfg.run("replay", "-c", "nowhere", "log").returncode == 2
    for words in (["--format", "xml"], ["--why"]):
        assert replay(cfg, record(), *words)[0] == 2
    (cfg.path / "log").write_text(record() + "{\n" + record())
    done = cfg.run("replay", "-c", "phonegate.cfg", "log")
    assert done.returncode == 2 and done.stderr.startswith("log:2: error: ")
    assert "2 as before" in done.stdout and "1 no records" in done.stdout


def test_a_wrong_configuration_is_1(cfg):
    cfg.change("realm =", "relm =")
    assert replay(cfg, record())[0] == 1


def test_what_it_says_of_real_records_is_what_the_new_gate_says(new_gate, stub):  # noqa: F811
    """Every recorded request under other grants: told rightly, or not told."""
    entry = {"url": "http://127.0.0.1:%d" % stub, "profile": "snom", "login_required": False,
             "allow_plain_http": True}
    phones = {"101": dict(entry, host="101.phones.localhost"),
              "102": dict(entry, host="102.phones.localhost"), "lab-1": entry, "x-1": entry}
    gate = new_gate(phones, grants=GRANTS, limits=LIMITS, users={u: ["SHA-256"] for u in USERS})
    rng = random.Random(SEED + 1)
    requests = [random_request(rng) for _ in range(COUNT)]
    served = ask_serve(gate, requests)
    before = (dict(GRANTS[2], role="user"), *GRANTS)
    after = ({"users": ["alice"], "role": "user", "phones": ["*"]},
             {"users": ["bob"], "role": "admin", "phones": ["101"], "scripts": True},
             {"users": ["carol"], "role": "user", "phones": ["102", "x-1"]})
    seen = {"as_before": 0, "otherwise": 0, "cannot_tell": 0, "not_judged": 0}
    for grants in (before, after):
        gate.rewrite(grants=grants)
        explained = ask_explain(gate, requests)
        for r, answer, number in zip(requests, explained, range(COUNT)):
            if number % 5 and grants is after or number % 25 and grants is before:
                continue
            done = subprocess.run(
                [gate_module.program(), "replay", "-c", str(gate.file), "--format", "json", "-"],
                input=json.dumps(served[number]).encode(), stdout=subprocess.PIPE, check=False)
            said = json.loads(done.stdout)
            kind = next(kind for kind in seen if said[kind])
            seen[kind] += 1
            was = served[number]["outcome"] == "allowed"
            now = answer[0] == b"allowed"
            if kind in ("as_before", "otherwise"):
                assert (was != now) == (kind == "otherwise"), (r, served[number], answer, said)
    print(seen)
    assert all(count >= sum(seen.values()) // 50 for count in seen.values()), seen
