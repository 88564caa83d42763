"""Grants for groups, from some networks only, for some time only: what a person without one sees,
and what the record says."""

import datetime
import subprocess
import time

import pytest

import rawhttp
from cfgdir import ConfigDir
from digestclient import Digest
from gate import ROOT, SLOWER, program, shown, wait_for

PAGE = "/phone/101/info.htm"
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def grant(users=("bob",), phones=("101",), role="user", **limits):
    return {"users": list(users), "role": role, "phones": list(phones), **limits}


def utc(seconds):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def other_day():
    """Three days from now, whatever midnight does meanwhile."""
    return DAYS[(datetime.date.today().weekday() + 3) % 7]


OFF = {
    "from": {"from": ["10.0.0.0/8", "2001:db8::/32"]},
    "until": {"until": "2026-01-31"},
    "since": {"since": "2099-01-01"},
    "hours": {"hours": [other_day() + " 00:00-24:00"]},
}
ON = {
    "from": {"from": ["10.0.0.0/8", "127.0.0.0/8"]},
    "until": {"until": "2099-12-31"},
    "since": {"since": "2026-01-01T00:00:00+02:00"},
    "hours": {"hours": ["sun 01:00-01:01", "00:00-12:00", "12:00-00:00"]},
    "all": {"from": ["127.0.0.1"], "since": "2026-01-01", "until": "2099-12-31",
            "hours": ["mon-sun 00:00-24:00"]},
}


@pytest.mark.parametrize("name", ON)
def test_a_grant_whose_limits_hold_counts(new_gate, sign_in, name):
    gate = new_gate(grants=(grant(**ON[name]),))
    bob = sign_in(gate, "bob")
    assert bob.get(PAGE).status == 200
    assert b'"/phone/101/"' in bob.get("/").body
    assert "lapsed" not in gate.record(path="/info.htm")


@pytest.mark.parametrize("name", OFF)
def test_a_grant_that_is_not_in_force_is_none(new_gate, new_phone, sign_in, name):
    """By path and by host like a phone that does not exist; only the record says more."""
    phone = new_phone()
    gate = new_gate({"101": phone, "102": new_phone()}, grants=(
        grant(phones=["10*"], **OFF[name]), grant(users=["alice"])))
    bob = sign_in(gate, "bob")
    refused, unknown = bob.get(PAGE), bob.get("/phone/999/info.htm")
    assert refused.status == unknown.status == 404
    assert shown(refused).replace(b"101", b"N") == shown(unknown).replace(b"999", b"N")
    assert b"lapsed" not in refused.body and name.encode() not in refused.body.split()
    record = gate.record(phone_id="101", status=404)
    assert record["reason"] == "unknown_phone" and record["lapsed"] == name
    line = gate.file.read_text().splitlines().index("grants = (") + 2
    assert record["lapsed_grant"] == "%s:%d" % (gate.file, line)
    assert "lapsed" not in gate.record(path="/phone/999/info.htm")
    by_host = sign_in(gate, "bob", "101.phones.localhost")
    assert by_host.get("/info.htm").status == 421
    assert gate.record(status=421)["lapsed"] == name
    page = bob.get("/").body
    assert b"/phone/101/" not in page and b"/phone/102/" not in page
    assert phone.counters()["last"] == []


def test_the_next_grant_that_is_in_force_counts(new_gate, sign_in):
    gate = new_gate(grants=(grant(role="admin", **OFF["until"]), grant(**ON["from"])))
    bob = sign_in(gate, "bob")
    assert bob.get(PAGE).status == 200
    assert "lapsed" not in gate.record(path="/info.htm")
    assert bob.get("/phone/101/settings.htm").status == 403
    record = gate.record(path="/settings.htm")
    assert record["role"] == "user" and record["lapsed"] == "until"


def test_an_elevation_begins_and_ends(new_gate, sign_in):
    """On one connection, each request by the moment at which it is asked."""
    gate = new_gate(grants=(grant(),))
    bob = sign_in(gate, "bob")
    assert bob.get("/phone/101/settings.htm").status == 403
    begins, ends = time.time() + 2, time.time() + 4 + 2 * SLOWER
    gate.rewrite(grants=(grant(role="admin", scripts=True, since=utc(2), until=utc(4 + 2 * SLOWER)),
                         grant(scripts=True)))
    gate.reload("config.reloaded")
    statuses = []
    while time.time() < ends + 1.5:
        before = time.time()
        status = bob.get("/phone/101/settings.htm").status
        statuses.append(status)
        if before > begins + 1 and time.time() < ends - 1:
            assert status == 200
        if time.time() < begins - 1 or before > ends:
            assert status == 403
        time.sleep(0.3)
    assert sorted(set(statuses)) == [200, 403] and statuses[-1] == 403
    assert gate.record(path="/settings.htm", status=403)["lapsed"] == "until"


def reload(gate, asked, **changes):
    """A changed file, until each worker has it: `asked` says so."""
    gate.rewrite(**changes)
    gate.reload("config.reloaded")
    wait_for(asked, 5, "the changed file")


def test_reload_takes_a_grant_away_while_connected(new_gate, sign_in):
    gate = new_gate(grants=(grant(), grant(users=["alice"], phones=["*"])))
    bob = sign_in(gate, "bob")
    assert bob.get(PAGE).status == 200
    reload(gate, lambda: bob.get(PAGE).status == 404,
           grants=(grant(**OFF["from"]), grant(users=["alice"], phones=["*"])))
    assert b"/phone/101/" not in bob.get("/").body
    reload(gate, lambda: bob.get(PAGE).status == 200, grants=(grant(**ON["all"]),))


# --- whose address counts -----------------------------------------------------------------------

def ask_from(gate, source, user="bob"):
    """Through a balancer that reports `source`."""
    family = b"TCP6" if ":" in source else b"TCP4"
    to = b"::1" if ":" in source else b"127.0.0.1"
    first = b"PROXY %s %s %s 4711 8443\r\n" % (family, source.encode(), to)

    def ask(*headers):
        with rawhttp.Client(gate.port, address=gate.address, first=first) as c:
            c.send(rawhttp.head("GET", PAGE, "gate.localhost", headers))
            return c.read("GET")
    digest = Digest(user, gate.passwords[user])
    digest.take(ask())
    return ask(digest.header("GET", PAGE)).status


def test_the_address_is_the_persons_and_not_the_balancers(new_gate):
    gate = new_gate(https={"proxy_protocol_from": ["127.0.0.1"]}, grants=(
        grant(**{"from": ["10.0.0.0/8", "2001:db8:1::/48"]}),
        grant(users=["alice"], **{"from": ["127.0.0.1"]})))
    for source, status in (("10.1.2.3", 200), ("11.1.2.3", 404), ("::ffff:10.1.2.3", 200),
                           ("2001:db8:1:ffff::1", 200), ("2001:db8:2::1", 404)):
        assert ask_from(gate, source) == status, source
    assert ask_from(gate, "10.1.2.3", "alice") == 404
    assert gate.record(user="alice", status=404)["lapsed"] == "from"


def test_nobody_may_say_where_they_come_from(new_gate, sign_in):
    gate = new_gate(grants=(grant(**OFF["from"]),))
    headers = [("X-Forwarded-For", "10.1.2.3"), ("Forwarded", "for=10.1.2.3"),
               ("X-Real-IP", "10.1.2.3")]
    assert sign_in(gate, "bob").get(PAGE, headers=headers).status == 404


def test_ipv6(new_gate, sign_in):
    gate = new_gate(address="::1", grants=(grant(**{"from": ["::1"]}), grant(
        users=["alice"], **{"from": ["127.0.0.0/8", "0.0.0.0/0"]})))
    assert sign_in(gate, "bob", address="::1").get(PAGE).status == 200
    assert sign_in(gate, "alice", address="::1").get(PAGE).status == 404


# --- groups -------------------------------------------------------------------------------------

def test_members_of_groups_have_the_grant(new_gate, sign_in):
    gate = new_gate(
        groups=({"name": "team", "users": ["bob", "Jäsøn Doe"]},
                {"name": "leads", "users": ["alice"]}),
        grants=({"groups": ["leads"], "role": "admin", "phones": ["*"]},
                {"groups": ["team"], "users": ["carol"], "role": "user", "phones": ["101"]}))
    assert sign_in(gate, "alice").get("/phone/101/settings.htm").status == 200
    for user in ("bob", "Jäsøn Doe", "carol"):
        session = sign_in(gate, user)
        assert session.get(PAGE).status == 200, user
        assert session.get("/phone/101/settings.htm").status == 403, user
    bob = sign_in(gate, "bob")
    reload(gate, lambda: bob.get(PAGE).status == 404,
           groups=({"name": "team", "users": ["Jäsøn Doe"]},
                   {"name": "leads", "users": ["alice"]}))
    assert sign_in(gate, "Jäsøn Doe").get(PAGE).status == 200


# --- roles and rules of the site's own ----------------------------------------------------------

ROLES = ({"name": "helpdesk"}, {"name": "auditor", "account": "admin_login"})
READ = ["GET", "HEAD"]
RULES = (
    {"profile": "snom", "name": "helpdesk and auditors look", "roles": ["helpdesk", "auditor"],
     "methods": READ, "paths": ["/", "/index.htm", "/info.htm", "*.css", "*.js", "*.png"],
     "allow": True},
    {"profile": "snom", "name": "the helpdesk restarts phones", "roles": ["helpdesk"],
     "methods": ["GET", "POST"], "paths": ["/confirm.htm"], "parameters": ["REBOOT"],
     "changes": True, "allow": True},
    {"profile": "snom", "name": "auditors read settings", "roles": ["auditor"], "methods": READ,
     "paths": ["/settings.htm", "/line_sip.htm"], "allow": True},
    {"profile": "*", "name": "auditors change nothing", "roles": ["auditor"], "paths": ["*"],
     "allow": False, "reason": "Auditors look and change nothing."},
    {"profile": "snom", "name": "all of the advanced pages", "roles": ["helpdesk"],
     "paths": ["/advanced*"], "parameters": ["*"], "allow": True},
)
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def helpdesk(new_gate, new_phone):
    """bob is helpdesk, carol auditor, alice user; phone 101, which wants no hidden tag."""
    phone = new_phone(settings={"use_hidden_tags": "off"})
    return new_gate({"101": phone}, roles=ROLES, rules=RULES, grants=(
        grant(role="helpdesk", scripts=True), grant(["carol"], role="auditor", scripts=True),
        grant(["alice"])))


def test_the_helpdesk_restarts_and_changes_no_account(helpdesk, sign_in):
    bob, phone = sign_in(helpdesk, "bob"), helpdesk.phones["101"]
    assert bob.get(PAGE).status == 200
    bob.post("/phone/101/confirm.htm", "REBOOT=Yes", (), FORM)   # it restarts without a word
    record = helpdesk.record(path="/confirm.htm")
    assert record["role"] == "helpdesk" and record["rule_id"] == "the helpdesk restarts phones"
    assert record["upstream_account"] == phone.user
    assert phone.counters()["reboots"] == 1
    for target, body in (("/line_sip.htm?l=1", None), ("/line_sip.htm", "user_pass1=x"),
                         ("/confirm.htm", "REBOOT=Yes&http_pass=x"), ("/settings.htm", None)):
        before = len(phone.seen())
        answer = (bob.post("/phone/101" + target, body, (), FORM) if body
                  else bob.get("/phone/101" + target))
        assert answer.status == 403, target
        assert len(phone.seen()) == before


def test_no_rule_of_the_sites_undoes_a_guard(helpdesk, sign_in):
    """All of /advanced* is the helpdesk's, but what has to be allowed by name."""
    bob, phone = sign_in(helpdesk, "bob"), helpdesk.phones["101"]
    assert bob.get("/phone/101/advanced.htm").status == 200
    before = len(phone.seen())
    for target in ("/advanced_update.htm?reset=Reset", "/advanced.htm?x=1;RESET=Reset",
                   "/advanced_update.htm?firmware=http://192.0.2.1/x"):
        assert bob.get("/phone/101" + target).status == 403, target
    assert bob.post("/phone/101/advanced.htm", "reset=Reset", (), FORM).status == 403
    assert helpdesk.record(status=403)["rule_id"] == "no factory reset"
    assert len(phone.seen()) == before


def test_auditors_read_settings_with_the_other_account(helpdesk, sign_in):
    carol, phone = sign_in(helpdesk, "carol"), helpdesk.phones["101"]
    assert carol.get("/phone/101/settings.htm").status == 200
    assert helpdesk.record(path="/settings.htm")["upstream_account"] == phone.service[0]
    for answer in (carol.post("/phone/101/settings.htm", "settings=save", (), FORM),
                   carol.get("/phone/101/settings.htm?settings=save"),
                   carol.post("/phone/101/confirm.htm", "REBOOT=Yes", (), FORM)):
        assert answer.status == 403
        assert b"Auditors look and change nothing." in answer.body
    assert helpdesk.record(status=403)["rule_id"] == "auditors change nothing"
    assert phone.counters()["reboots"] == 0


def test_other_roles_are_what_they_were(helpdesk, sign_in):
    alice = sign_in(helpdesk, "alice")
    assert alice.get(PAGE).status == 200
    assert helpdesk.record(path="/info.htm")["rule_id"] == "pages for users"
    for target in ("/settings.htm", "/advanced.htm", "/confirm.htm?REBOOT=Yes"):
        assert alice.get("/phone/101" + target).status == 403, target


def test_explain_and_serve_agree_on_them(helpdesk):
    command = [program(), "explain", "-c", str(helpdesk.file), "--phone", "101"]
    def explain(user, *words):
        return subprocess.run([*command, "--user", user, *words], stdout=subprocess.PIPE,
                              text=True, timeout=20, check=False).stdout
    told = explain("carol", "GET", "/settings.htm")
    assert " allowed" in told and "admin_login" in told
    assert "auditors read settings" in told and "phonegate.cfg:" in told
    assert " refused" in explain("bob", "GET", "/settings.htm")


# --- what check says ------------------------------------------------------------------------------

PROFILES = sorted(path.stem for path in (ROOT / "policy" / "profiles").glob("*.cfg"))


def warnings(path, *changes):
    """What `phonegate check` warns of, and its exit status."""
    cfg = ConfigDir(path)
    for old, new in changes:
        cfg.change(old, new)
    done = cfg.run("check", "-c", "phonegate.cfg")
    return [text for text in done.stderr.splitlines() if "warning" in text], done.returncode


@pytest.mark.parametrize("profile", PROFILES)
def test_no_rule_of_a_shipped_profile_is_useless(tmp_path, profile):
    found, _ = warnings(tmp_path, ('"profiles"', '"%s"' % (ROOT / "policy" / "profiles")),
                        ('"https://192.0.2.102"; profile = "model"',
                         '"https://192.0.2.102"; profile = "%s"' % profile),
                        ('"https://192.0.2.101"; profile = "model"',
                         '"https://192.0.2.101"; profile = "%s"' % profile))
    assert [text for text in found if "never" in text or "no path" in text] == []


def test_check_warns_and_the_exit_status_stays(tmp_path):
    found, status = warnings(
        tmp_path, ('role = "user";', 'role = "user"; until = "2020-12-31";'),
        ('phones = [ "*" ]', 'phones = [ "101" ]'),
        ('state_dir = "state";', 'state_dir = "state";\n'
         'groups = ( { name = "team"; users = [ "bob" ]; } );\n'
         'rules = ( { profile = "model"; name = "late"; roles = [ "admin" ]; paths = [ "/x" ];\n'
         '            allow = true; },\n'
         '          { profile = "model"; name = "later"; roles = [ "admin" ]; paths = [ "/x" ];\n'
         '            allow = true; } );'))
    assert status == 0
    assert [text.split(": ", 2)[2] for text in found] == [
        'this grant is over: "2020-12-31" is past',
        '1 phone(s), "102" first, that no grant covers: nobody may open them',
        'no grant names the group "team"',
        'rule "later" for model can never decide: "late" at phonegate.cfg:19 always does']
