"""Every reason that stops `phonegate harden`, each with what must hold afterwards: the report, the
records and the exit status say it, the phone is still reached with what the vault says, nothing is
half recorded, no secret is printed, and the next run finishes once the fault is gone."""

import concurrent.futures
import json
import os
import signal
import subprocess

import pytest
import requests
from requests.auth import HTTPDigestAuth

from gate import ROOT, wait_for
from test_harden_apply import (Killed, checked, factory, known_to_the_vault,  # noqa: F401
                               new_site, steps)

pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS")
SECRETS = ("http_pass", "service_mode_password", "admin_mode_password", "keyboard_lock_pw")
HOLD = {"1": "holds", "2": "holds", "3": "holds", "4": "holds"}


class Seen:
    """The vault as it is now, for many looks: each costs a run of the program for each phone."""

    def __init__(self, site):
        self.values = site.vault()

    def vault(self):
        return self.values


def forms_of(phone):
    return [r for r in phone.counters()["last"] if r["method"] == "POST"]


def no_secret_in(site, *texts):
    values = {v for pair in site.vault().values() for v in pair.values()}
    for text in (site.gate.log_text(), *texts):
        assert not any(v in text for v in values)


def says(site, said, i, reason, about=None):
    """The report, the words and the record name the reason."""
    assert (said[i]["reason"], said[i]["outcome"], said[i]["good"]) == (reason, "stopped", False)
    if about is not None:
        assert said[i]["about"] == about
    stopped = site.records(event="phone_hardening_stopped", phone_id=i)
    assert (stopped[-1]["reason"], stopped[-1]["outcome"]) == (reason, "failed")
    assert not site.records(event="phone_hardened", phone_id=i)


def reachable(site, phone, i):
    """By hand, with what the vault has: one of its two values, each tried once."""
    user, values = phone.settings()["http_user"], site.vault().get((i, "http_pass"), {})
    if not user:
        return True
    return any(requests.get(phone.url + "/info.htm", auth=HTTPDigestAuth(user, v), verify=False,
                            timeout=10).status_code == 200 for v in values.values())


def heal(phones):
    """The faults are gone; what the phones have stays."""
    for phone in phones.values():
        phone.reset()


def all_finish(site, phones):
    """One more run brings all of them to all four steps, and the vault says what they have."""
    status, said = site.harden("--apply", "--all", "--parallel", "16", timeout=150)
    assert status == 0, {i: p["reason"] for i, p in said.items()}
    seen = Seen(site)
    for i, phone in phones.items():
        assert steps(said[i]["after"]) == HOLD, i
        checked(seen, phone, i)
        assert not phone.state()["locked"]


def fault(status, **more):
    raw = "HTTP/1.1 %d Odd\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status
    return dict(fault="raw", raw=raw, **more)


# --- before anything is sent -------------------------------------------------------------------

UNTOLD = {
    # phone: (switches, reason, about, are there candidates)
    "1": ({"moved": "http_pass=/advanced_sip.htm"}, "form_split", "http_pass", False),
    "2": ({"moved": "admin_mode_password_confirm=/advanced_sip.htm"}, "form_split",
          "admin_mode_password_confirm", False),
    "3": ({"restart_button": False}, "restart_not_found", "", False),
    "4": ({"buttons": "One Two Save"}, None, None, True),      # "Save" is pressed, whatever else
    "5": ({"buttons": "One Two"}, "save_not_found", None, True),
    "6": (fault(403, fault_skip=1), "page_forbidden", None, True),
    "7": (fault(404, fault_skip=1), "page_not_found", None, True),
    "8": (fault(500, fault_skip=1), "page_unexpected_status", None, True),
}


def test_what_stops_it_before_a_form_is_sent(factory, new_site):  # noqa: F811
    phones = {i: factory() for i in UNTOLD}
    site = new_site(phones)
    before = {i: phone.settings() for i, phone in phones.items()}
    for i, (switches, *_) in UNTOLD.items():
        if "fault" in switches:     # the page that is to be filled in, when it is fetched for that
            switches = dict(switches, fault_path=phones[i].state()["security_path"])
        phones[i].switch(**switches)
    status, said = site.harden("--apply", "--all", "--parallel", "16", timeout=150)
    assert status == 1
    vault = site.vault()
    for i, (_, reason, about, candidates) in UNTOLD.items():
        if reason is None:
            assert said[i]["good"] and said[i]["reason"] is None
            continue
        says(site, said, i, reason, about)
        assert phones[i].settings() == before[i] and not forms_of(phones[i]), i
        assert not any(c["changed"] for c in said[i]["changes"])
        kept = {s: v for (p, s), v in vault.items() if p == i}
        assert bool(kept) == candidates and not any("current" in v for v in kept.values()), i
        assert not site.records(event="phone_changed", phone_id=i, outcome="allowed")
    no_secret_in(site, json.dumps(said))
    text = site.run("harden", "--apply", "1", "3").stdout
    assert "1: stopped: form_split http_pass (what goes together is on two pages)\n" in text
    assert "3: stopped: restart_not_found (no page of it has a button to restart it)\n" in text
    heal(phones)
    all_finish(site, phones)


def test_what_the_configuration_does_not_allow(factory, new_site, tmp_path):  # noqa: F811
    """No phone is asked anything where its entry says that nothing can come of it."""
    phone = factory()
    site = new_site({"101": phone})
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    snom = (ROOT / "policy" / "profiles" / "snom.cfg").read_text(encoding="utf-8")
    assert snom.count('\nlogin = "digest";') == 1
    (profiles / "snom.cfg").write_text(snom, encoding="utf-8")
    (profiles / "clear.cfg").write_text(snom.replace('\nlogin = "digest";', '\nlogin = "basic";'),
                                        encoding="utf-8")
    (profiles / "bare.cfg").write_text('login = "digest";\nrules = ();\n', encoding="utf-8")
    first = site.gate.config["phones"][0]

    def other(i, **more):
        entry = dict(first, id=i, host=i + ".phones.localhost", **more)
        return {k: v for k, v in entry.items() if v is not None}
    site.gate.rewrite(profiles_dir=profiles, phones=(
        first, other("102", profile="clear"), other("103", profile="bare"),
        other("104", login=None, admin_login=None, login_required=False)))
    for words in (("--plan",), ("--apply", "--all"), ("--rotate", "102", "103", "104")):
        status, said = site.harden(*words)
        assert status == 1
        assert {i: p["reason"] for i, p in said.items() if i != "101"} == {
            "102": "profile_without_digest", "103": "profile_without_hardening",
            "104": "no_login_configured"}
        if words[0] == "--plan":
            assert phone.counters()["requests"] > 0 and not site.records(phone_id="102")
    for i in ("102", "103", "104"):
        says(site, said, i, said[i]["reason"])
    assert {p for p, _ in site.vault()} == {"101"}      # the others were the same phone, unasked
    assert site.harden("--apply", "101")[0] == 0
    checked(site, phone)
    text = site.run("harden", "--rotate", "104").stdout
    assert "104: stopped: no_login_configured (its entry in the configuration has no login)" in text


def test_rotation_needs_a_vault(new_phone, new_site):  # noqa: F811
    phone = new_phone("--http-port", "0")
    site = new_site({"101": phone}, entry={"login": {"user": "gate", "password_file": "pw"},
                                           "admin_login": None})
    site.gate._secret("pw", phone.password + "\n")
    site.gate.config.pop("vault")
    site.gate.rewrite()
    before = phone.settings()
    status, said = site.harden("--rotate", "101")
    assert status == 1
    says(site, said, "101", "not_in_the_vault")
    assert phone.settings() == before and not forms_of(phone)
    text = site.run("harden", "--rotate", "101").stdout
    assert "not_in_the_vault (its passwords are not kept in the vault)" in text


@pytest.mark.parametrize("challenge", ["Negotiate", 'Digest realm="r", nonce="n", qop="auth-int"'])
def test_a_login_that_nobody_speaks(new_phone, new_site, challenge):  # noqa: F811
    """There is a password: what is missing is a way to show it."""
    phone = new_phone("--http-port", "0", challenge=challenge)
    site = new_site({"101": phone}, entry={"login": {"user": "gate", "password_file": "pw"},
                                           "admin_login": None})
    site.gate._secret("pw", phone.password + "\n")
    status, said = site.harden("--apply", "101")
    assert status == 1
    says(site, said, "101", "login_unknown")
    assert phone.password not in json.dumps(said) + site.gate.log_text()
    for r in phone.counters()["last"]:
        assert "authorization" not in [n.lower() for n, _ in r["headers"]]


# --- when the phone has been told --------------------------------------------------------------

TOLD = {
    # phone: (switches, reason, about)
    "1": ({"form_status": 403}, "change_refused", None),
    "2": ({"form_status": 500}, "change_refused", None),
    # It takes the form, and says that it does not.
    "3": (fault(503, fault_after_forms=1, fault_count=1), "change_refused", None),
    "4": ({"keeps": "use_hidden_tags"}, "change_not_taken", "use_hidden_tags"),
    "5": ({"keeps": "webserver_type"}, "change_not_taken", "webserver_type"),
    "6": ({"save_after_apply": True, "save_button": False}, "save_not_found", None),
    "7": ({"restart_status": 403}, "restart_refused", None),
    "8": ({"restart_again": True}, "restart_refused", None),
    "9": (fault(200, fault_path="/advanced_network.htm", fault_after_forms=3, fault_skip=2),
          "restart_not_found", None),
}
UNCHANGED = ("1", "2")


def test_what_stops_it_after_a_form_was_sent(factory, new_site):  # noqa: F811
    phones = {i: factory() for i in TOLD}
    site = new_site(phones)
    before = {i: phone.settings() for i, phone in phones.items()}
    for i, (switches, *_) in TOLD.items():
        if "fault" in switches and "fault_path" not in switches:
            switches = dict(switches, fault_path=phones[i].state()["security_path"])
        phones[i].switch(**switches)
    status, said = site.harden("--apply", "--all", "--parallel", "16", timeout=150)
    assert status == 1
    seen = Seen(site)
    for i, (_, reason, about) in TOLD.items():
        says(site, said, i, reason, about)
        assert (phones[i].settings() == before[i]) == (i in UNCHANGED), i
        assert steps(said[i]["after"]) is None and not said[i]["restarted"]
        assert phones[i].settings()["admin_mode"] == "on"   # its pages can still mend it
        known_to_the_vault(seen, phones[i], i)
        begun = site.records(event="phone_change_begun", phone_id=i)
        ended = site.records(event="phone_changed", phone_id=i)
        assert len(begun) == len(ended) >= 1, i
        if not reason.startswith("restart"):
            assert (ended[-1]["outcome"], ended[-1]["reason"]) == ("failed", reason)
            assert ended[-1]["settings"] == begun[-1]["settings"]
        else:
            told = site.records(event="phone_restarted", phone_id=i)
            assert (told[-1]["outcome"], told[-1]["reason"]) == ("failed", reason)
    for i, phone in phones.items():
        assert phone.counters()["failed_logins"] == 0 and reachable(seen, phone, i), i
        phone.reset()
    no_secret_in(site, json.dumps(said))
    all_finish(site, phones)


NEW_PASSWORDS = {
    # phone: switches while its password is changed
    "1": {"keeps": "http_pass"},
    "2": {"keeps": "service_mode_password"},
    # It takes the new login, and answers with what says nothing about it, or against it.
    "3": fault(403, fault_path="/", fault_after_forms=1),
    "4": fault(500, fault_path="/", fault_after_forms=1),
    "5": fault(503, fault_path="/", fault_after_forms=1),
}


def test_a_new_password_that_is_not_taken(factory, new_site):  # noqa: F811
    """The old one stays in force in the vault until the phone has shown that it has the new one."""
    phones = {i: factory() for i in NEW_PASSWORDS}
    site = new_site(phones)
    all_finish(site, phones)
    before = site.vault()
    for i, switches in NEW_PASSWORDS.items():
        phones[i].switch(**switches)
    status, said = site.harden("--rotate", "--all", "--parallel", "16", timeout=150)
    assert status == 1
    seen = Seen(site)
    now = seen.vault()
    for i, phone in phones.items():
        assert said[i]["reason"] == "new_password_not_taken", i
        stopped = site.records(event="phone_hardening_stopped", phone_id=i)
        assert stopped[-1]["reason"] == "new_password_not_taken"
        ended = site.records(event="phone_changed", phone_id=i)[-1]
        assert (ended["outcome"], ended["reason"]) == ("failed", "new_password_not_taken")
        setting = "service_mode_password" if i == "2" else "http_pass"
        assert now[i, setting]["current"] == before[i, setting]["current"]
        assert now[i, setting]["candidate"] != now[i, setting]["current"]
        has_old = phone.settings()[setting] == before[i, setting]["current"]
        assert has_old == (i in "12"), i
        known_to_the_vault(seen, phone, i)
        assert phone.counters()["failed_logins"] <= 1
    text = site.run("harden", "--recover", "3", "4", "5", timeout=90).stdout
    for i, reason in (("3", "locked_out"), ("4", "page_not_found"), ("5", "page_not_found")):
        assert "%s: stopped: %s" % (i, reason) in text, text
    assert site.vault() == now      # nobody knows yet which of the two it is
    no_secret_in(site, json.dumps(said), text)
    for i, phone in phones.items():
        phone.reset()
        assert reachable(seen, phone, i)
        phone.reset()
    all_finish(site, phones)


# --- the vault ---------------------------------------------------------------------------------

def without_rename(site, number, *words):
    """The command, for whom the n-th rename fails: the vault is replaced by a rename."""
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=rename,renameat,renameat2", "-e",
         "inject=rename,renameat,renameat2:error=EIO:when=%d" % number, *site.command(*words)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        timeout=60, check=False, env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
    assert done.returncode in (0, 1), done
    return done


def test_a_vault_that_cannot_be_written(factory, new_site):  # noqa: F811
    """At each commit of a run: before the phone is told, and each time that it took something."""
    phones = {str(n): factory() for n in range(1, 7)}
    sites = {i: new_site({i: phone}) for i, phone in phones.items()}

    def one(i):
        return without_rename(sites[i], int(i), "harden", "--format", "json", "--apply", i)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        runs = dict(zip(sites, pool.map(one, sites)))
    assert [done.returncode for done in runs.values()] == [1] * 5 + [0], "commits of a run"
    for i, done in list(runs.items())[:5]:
        said = {p["phone"]: p for p in json.loads(done.stdout)}
        says(sites[i], said, i, "vault_not_written")
        assert "vault.not_written" in done.stderr
        told = bool(forms_of(phones[i]))
        assert told == (i != "1")
        assert phones[i].settings()["http_user"] == ("gate" if told else "")
        known_to_the_vault(sites[i], phones[i], i)
        assert not list(sites[i].gate.dir.glob(".phonegate-*"))
        no_secret_in(sites[i], done.stdout, done.stderr)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: all_finish(sites[i], {i: phones[i]}), sites))


def test_what_was_provisioned_and_a_vault_that_cannot_be_written(factory, new_site):  # noqa: F811
    phone = factory()
    site = new_site({"101": phone}, entry={"mac": phone.info["mac"]})
    assert site.run("harden", "--provision", str(site.gate.dir / "files")).returncode == 0
    before = site.vault()
    phone.set(http_user="gate", service_mode_login="service", http_scheme="on",
              **{s: before["101", s]["candidate"] for s in SECRETS})
    done = without_rename(site, 1, "harden", "--provisioned", "101")
    assert done.returncode == 1 and "101: vault_not_written\n" in done.stdout
    assert site.vault() == before
    told = site.records(event="phone_provisioning_checked")
    assert [(r["outcome"], r["reason"]) for r in told] == [("failed", "vault_not_written")]
    no_secret_in(site, done.stdout, done.stderr)
    assert site.run("harden", "--provisioned", "101").returncode == 0
    assert {s: v for (_, s), v in site.vault().items()} == {
        s: {"current": phone.settings()[s]} for s in SECRETS}


# --- restarts ----------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    """A library that puts a program's clock forward."""
    path = tmp_path_factory.mktemp("clock") / "clock_ahead.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(path),
                    str(ROOT / "tests" / "e2e" / "clock_ahead.c")], check=True)
    return path


class Ahead:
    """The command with a clock of its own."""

    def __init__(self, site, clock, *words):
        self.file = site.gate.dir / "clock"
        self.ms = 0
        self.file.write_text("0")
        env = dict(os.environ, LD_PRELOAD=str(clock), CLOCK_AHEAD=str(self.file),
                   ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0")
        self.process = subprocess.Popen(site.command("harden", "--format", "json", *words), env=env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def forward(self, ms):
        self.ms += ms
        new = self.file.with_suffix(".new")
        new.write_text("%d" % self.ms)
        new.rename(self.file)

    def over(self):
        return self.process.poll() is not None

    def end(self):
        out, err = self.process.communicate(timeout=90)
        assert self.process.returncode in (0, 1, -signal.SIGTERM), err
        return self.process.returncode, {p["phone"]: p for p in json.loads(out)}


def test_a_phone_that_does_not_come_back(factory, new_site, clock):  # noqa: F811
    phone = factory(reboot_ms=3_600_000)
    site = new_site({"101": phone})
    run = Ahead(site, clock, "--apply", "101")
    wait_for(lambda: phone.counters()["reboots"] == 1, 20, "the restart")
    assert not run.over()
    run.forward(170_000)        # not yet
    seen = phone.counters()["refused_connections"]
    wait_for(lambda: phone.counters()["refused_connections"] > seen + 1, 20, "one more look")
    assert not run.over()
    run.forward(15_000)
    status, said = run.end()
    assert status == 1
    says(site, said, "101", "restart_too_long")
    told = site.records(event="phone_restarted")
    assert [(r["outcome"], r["reason"]) for r in told] == [("failed", "restart_too_long")]
    known_to_the_vault(site, phone)
    assert site.vault()["101", "http_pass"] == {"current": phone.settings()["http_pass"]}
    assert phone.settings()["admin_mode"] == "on"
    no_secret_in(site, json.dumps(said))
    heal({"101": phone})
    phone.switch(reboot_ms=200)
    all_finish(site, {"101": phone})


def test_a_web_interface_that_stays_on(factory, new_site, clock):  # noqa: F811
    """It says that it restarts, and does not."""
    phone = factory()
    site = new_site({"101": phone}, entry={"wui": False})
    assert site.harden("--apply", "101")[1]["101"]["reason"] is None
    site.gate.file.with_name("access.log").write_text("")
    phone.switch(reboot_after_ms=3_600_000)
    forms = len(forms_of(phone))
    run = Ahead(site, clock, "--wui-off", "101")
    wait_for(lambda: len(forms_of(phone)) >= forms + 3, 20, "the setting, the button, the answer")
    for _ in range(60):         # in steps shorter than what counts as silence
        seen = phone.counters()["requests"]
        run.forward(4000)
        wait_for(lambda: phone.counters()["requests"] > seen or run.over(), 20, "one more look")
        if run.over():
            break
    status, said = run.end()
    assert status == 1
    says(site, said, "101", "still_answers")
    assert steps(said["101"]["after"]) is None
    told = site.records(event="phone_restarted")
    assert [(r["outcome"], r["reason"]) for r in told] == [("failed", "still_answers")]
    checked(site, phone)
    phone.reboot()
    wait_for(lambda: not phone.state()["booting"], 10, "the phone is back")
    status, said = site.harden("--wui-off", "101")
    assert (status, said["101"]["reason"]) == (0, None)
