"""`phonegate harden` through the phones' own pages: from the factory state to all four steps, what
stops it, and what is left when it is killed anywhere."""

import concurrent.futures
import fcntl
import json
import os
import signal
import subprocess
import threading

import pytest
import requests
from requests.auth import HTTPDigestAuth

from gate import program, wait_for

pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS")
ACCOUNTS = {"login": {"user": "gate", "from_vault": True},
            "admin_login": {"user": "service", "from_vault": True}}
ALL_HOLD = {"1": "holds", "2": "holds", "3": "holds", "4": "holds"}


def steps(report):
    return {n: report[n] for n in "1234"} if report else None


class Site:
    """A configuration with phones and a vault, and the command run on it."""

    def __init__(self, gate):
        self.gate = gate

    def init(self):
        (self.gate.dir / "vault").unlink(missing_ok=True)
        assert self.run("secret", "init").returncode == 0

    def vault(self):
        """(phone, setting) -> {"current": value, "candidate": value}"""
        found = {}
        for phone in self.gate.phones:
            for line in self.run("secret", "show", phone).stdout.splitlines():
                setting, which, value = line.split("\t")
                found.setdefault((phone, setting), {})[which] = value
        return found

    def command(self, *words):
        return [program(), *words, "-c", str(self.gate.file)]

    def run(self, *words, timeout=90, env=None):
        done = subprocess.run(self.command(*words), stdin=subprocess.DEVNULL, timeout=timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=dict(os.environ, **(env or {})), check=False)
        assert done.returncode in (0, 1), done
        return done

    def harden(self, *words, **options):
        """(exit status, what is said of each phone)"""
        done = self.run("harden", "--format", "json", *words, **options)
        assert done.stdout, done.stderr
        return done.returncode, {p["phone"]: p for p in json.loads(done.stdout)}

    def records(self, **want):
        return [r for r in self.gate.records() if all(r.get(k) == v for k, v in want.items())]


@pytest.fixture
def new_site(new_gate, tmp_path):
    """A site in front of these phones, whose passwords are in a vault."""
    def make(phones, entry=None, **config):
        for phone in phones.values():
            http_port = phone.info.get("http_port", 1)
            phone.entry = {"audit": {"http_port": http_port, "remote_port": 1}, **ACCOUNTS,
                           **(entry or {})}
            phone.entry = {k: v for k, v in phone.entry.items() if v is not None}
        gate = new_gate(phones, start=False, vault={"file": "vault", "key_file": "vault.key"},
                        **config)
        gate._secret("vault.key", os.urandom(32).hex() + "\n")
        site = Site(gate)
        site.init()
        return site
    return make


@pytest.fixture
def factory(new_phone):
    def make(*words, **options):
        return new_phone("--http-port", "0", *words, login=("", None), service=None,
                         hardened=False, plain_answer="closed", **options)
    return make



def checked(site, phone, i="101"):
    """The phone is as the vault says, and takes what the vault has in force."""
    vault, settings = site.vault(), phone.settings()
    for setting in ("http_pass", "service_mode_password", "admin_mode_password",
                    "keyboard_lock_pw"):
        assert vault[i, setting] == {"current": settings[setting]}, setting
    assert phone.settings() == dict(phone.settings(), **phone.state()["stored"])
    for user, setting in (("gate", "http_pass"), ("service", "service_mode_password")):
        auth = HTTPDigestAuth(user, vault[i, setting]["current"])
        assert requests.get(phone.url + "/", auth=auth, verify=False, timeout=5).status_code == 200
    assert phone.counters()["garbled"] == 0
    return vault


@pytest.mark.parametrize("words", [
    ("--firmware", "10.1.184.15"), ("--firmware", "10.1.190.3"), ("--firmware", "8.7.5.35"),
    ("--firmware", "8.7.5.35", "--model", "320")], ids=lambda words: "-".join(words[1::2]))
def test_from_the_factory_state_to_all_four_steps(factory, new_site, words):
    phone = factory(*words)
    site = new_site({"101": phone}, entry={"mac": phone.info["mac"]})
    status, said = site.harden("--plan")
    assert status == 1 and said["101"]["outcome"] == "to be changed"
    assert [c["setting"] for c in said["101"]["changes"]][-2:] == ["webserver_type", "admin_mode"]
    assert phone.settings()["http_user"] == "" and site.vault() == {}
    assert all(r["method"] == "GET" for r in phone.counters()["last"])
    status, said = site.harden("--apply", "101")
    assert (status, said["101"]["reason"]) == (0, None)
    assert said["101"]["before"]["1"] == "fails" and steps(said["101"]["after"]) == ALL_HOLD
    assert all(c["changed"] for c in said["101"]["changes"]) and said["101"]["restarted"]
    settings = phone.settings()
    assert {n: settings[n] for n in ("http_user", "http_scheme", "use_hidden_tags", "admin_mode",
                                     "webserver_type", "service_mode_login")} == {
        "http_user": "gate", "http_scheme": "on", "use_hidden_tags": "on", "admin_mode": "off",
        "webserver_type": "https", "service_mode_login": "service"}
    vault = checked(site, phone)
    passwords = {v["current"] for v in vault.values()}
    assert len(passwords) == 4 and phone.counters()["failed_logins"] == 0
    for text in (site.gate.log_text(), json.dumps(said)):
        assert not any(p in text for p in passwords)
    assert site.harden("--plan")[0] == 0
    before = phone.counters()["requests"]
    assert site.harden("--apply", "--all")[0] == 0        # nothing is left to do
    assert not any(r["method"] == "POST" for r in phone.counters()["last"][before:])


def test_what_is_said_in_words(factory, new_site):
    site = new_site({"101": factory()})
    plan = site.run("harden", "--plan")
    assert "  would change http_scheme: off -> on\n" in plan.stdout
    assert "  would change http_pass: " in plan.stdout and plan.stdout.endswith(
        "1 phone, 0 without a change\n")
    done = site.run("harden", "--apply", "101")
    assert done.stdout.startswith("101: done\n") and "  restarted\n" in done.stdout
    assert "  after: step 1 holds, step 2 holds, step 3 holds, step 4 holds\n" in done.stdout
    assert done.stdout.endswith("1 phone, 1 as they should be\n")


def test_records_name_settings_and_no_values(factory, new_site):
    site = new_site({"101": factory()})
    assert site.harden("--apply", "101")[0] == 0
    changed = site.records(event="phone_changed")
    assert {r["outcome"] for r in changed} == {"allowed"} and len(changed) >= 4
    assert len(site.records(event="phone_change_begun")) == len(changed)
    first = changed[0]
    assert first["phone_id"] == "101" and first["action"] == "apply"
    assert {"http_user", "http_pass", "http_scheme", "use_hidden_tags"} <= \
        set(first["settings"].split())
    assert changed[-1]["settings"] == "admin_mode"
    assert len(site.records(event="phone_restarted")) == 1
    assert len(site.records(event="phone_hardened")) == 1


def test_no_password_meets_basic_and_credentials_go_in_one_form(factory, new_site):
    phone = factory()
    site = new_site({"101": phone})
    assert site.harden("--apply", "101")[0] == 0
    posts = [r for r in phone.counters()["last"] if r["method"] == "POST"]
    first = posts[0]["body_head"]
    for name in ("http_user=gate", "http_pass=", "http_scheme=on", "use_hidden_tags=on",
                 "admin_mode_password_confirm="):
        assert name in first
    for r in phone.counters()["last"]:
        sent = dict((n.lower(), v) for n, v in r["headers"]).get("authorization", "")
        assert not sent.startswith("Basic")
    assert not any(r["violations"] for r in phone.counters()["last"])


def test_what_is_hardened_already_is_left_alone(new_phone, new_site):
    """With passwords in files: nothing of them is changed, and no vault is needed."""
    phone = new_phone("--http-port", "0", settings={"admin_mode_password": "Adm1n",
                                                    "keyboard_lock_pw": "471100"})
    site = new_site({"101": phone}, entry={"login": {"user": "gate", "password_file": "pw"},
                                           "admin_login": {"user": "service",
                                                           "password_file": "svc"}})
    site.gate._secret("pw", phone.password + "\n")
    site.gate._secret("svc", phone.service[1] + "\n")
    before = phone.settings()
    assert site.harden("--apply", "101")[0] == 0 and phone.settings() == before
    status, said = site.harden("--rotate", "101")     # the one password that has a place to be
    assert status == 0 and [c["setting"] for c in said["101"]["changes"]] == ["admin_mode_password"]


def test_through_the_service_account(new_phone, new_site):
    """In user mode the login sees no page of administrators, the service account does."""
    phone = new_phone("--http-port", "0", settings={"admin_mode_password": "Adm1n",
                                                    "webserver_type": "http_https"})
    site = new_site({"101": phone}, entry={"login": {"user": "gate", "password_file": "pw"},
                                           "admin_login": {"user": "service",
                                                           "password_file": "svc"}})
    site.gate._secret("pw", phone.password + "\n")
    site.gate._secret("svc", phone.service[1] + "\n")
    status, said = site.harden("--apply", "101")
    assert (status, said["101"]["reason"]) == (0, None)
    assert {c["setting"] for c in said["101"]["changes"]} == {"keyboard_lock_pw", "webserver_type"}
    assert phone.settings()["admin_mode"] == "off"
    assert phone.settings()["keyboard_lock_pw"] == site.vault()["101", "keyboard_lock_pw"]["current"]


def test_a_phone_that_was_reset_gets_its_passwords_back(factory, new_site):
    phone = factory()
    site = new_site({"101": phone})
    assert site.harden("--apply", "101")[0] == 0
    before = checked(site, phone)
    phone.factory_reset()
    phone.reset()
    assert site.harden("--apply", "101")[0] == 0
    assert checked(site, phone) == before


@pytest.mark.parametrize("answer", ["close", "hang"])
def test_a_restart_that_takes_its_time(factory, new_site, answer):
    phone = factory(reboot_ms=2500, boot_answer=answer)
    site = new_site({"101": phone})
    status, said = site.harden("--apply", "101")
    assert (status, said["101"]["reason"]) == (0, None)


def test_what_was_applied_and_not_saved_is_saved_by_the_next_button(factory, new_site):
    """A page with "Apply" alone: the page that answers has the button that saves."""
    phone = factory(save_after_apply=True)
    site = new_site({"101": phone})
    status, said = site.harden("--apply", "101")
    assert (status, said["101"]["reason"]) == (0, None)
    checked(site, phone)


def test_some_phones_at_a_time_and_one_that_stops(factory, new_site):
    phones = {str(i): factory() for i in range(101, 105)}
    site = new_site(phones)
    phones["103"].change_certificate()
    status, said = site.harden("--apply", "--all", "--parallel", "3")
    assert status == 1 and said["103"]["reason"] == "phone_pin_mismatch"
    for i in ("101", "102", "104"):
        assert steps(said[i]["after"]) == ALL_HOLD
        checked(site, phones[i], i)
    passwords = [v["current"] for v in site.vault().values()]
    assert len(passwords) == len(set(passwords)) == 12
    phones["103"].pin = None


def test_beyond_the_guide(factory, new_site):
    phone = factory()
    site = new_site({"101": phone})
    status, said = site.harden("--apply", "--beyond", "101")
    assert (status, said["101"]["reason"]) == (0, None)
    settings = phone.settings()
    assert (settings["challenge_reboot"], settings["pnp_config"]) == ("on", "off")
    left = [c["setting"] for c in said["101"]["changes"] if not c["changed"]]
    assert "lid_core_dump" in left or "uboot_lock" in left     # no page has it: provision it


def test_what_the_site_expects(factory, new_site):
    phone = factory()
    url = "https://gate.example.com:8444/{mac}.xml"
    site = new_site({"101": phone}, hardening={"expect": {"setting_server": url}})
    before = phone.settings()
    assert before["setting_server"] != url
    status, said = site.harden("--apply", "101")
    assert (status, said["101"]["reason"]) == (0, None)
    assert phone.settings()["setting_server"] == before["setting_server"]    # not of the guide
    status, said = site.harden("--apply", "--beyond", "101")
    assert (status, said["101"]["reason"]) == (0, None)
    assert phone.settings()["setting_server"] == url
    assert phone.settings()["update_policy"] == before["update_policy"]      # nobody said


# --- what stops it -----------------------------------------------------------------------------

def stopped(site, reason, phone, *words, changed=False):
    before = phone.settings()
    status, said = site.harden(*(words or ("--apply", "101")))
    assert (status, said["101"]["reason"]) == (1, reason)
    assert said["101"]["outcome"] == "stopped"
    assert changed or phone.settings() == before
    assert phone.counters()["failed_logins"] <= 2 and not phone.state()["locked"]
    return said["101"]


def test_a_phone_without_a_pin_is_not_touched(factory, new_site):
    phone = factory()
    site = new_site({"101": phone}, entry={"tls": {"verify": "none"}})
    stopped(site, "not_pinned", phone)
    assert phone.counters()["requests"] == 0


def test_another_certificate_than_the_pinned_one(factory, new_site):
    phone = factory()
    site = new_site({"101": phone})
    phone.change_certificate()
    stopped(site, "phone_pin_mismatch", phone)
    assert phone.counters()["requests"] == 0 and site.vault() == {}


def test_another_model(factory, new_site):
    phone = factory()
    site = new_site({"101": phone}, entry={"model": "D315"})
    stopped(site, "wrong_model", phone)
    assert not any(r["method"] == "POST" for r in phone.counters()["last"])


@pytest.mark.parametrize("entry", [{}, {"mac": "0004.1300.0001"}, {"model": "320"}],
                         ids=["no-mac", "another-mac", "model-configured"])
def test_an_open_phone_whose_key_is_its_models_gets_no_password(factory, new_site, entry):
    """Old phones of one model all show one key: the pin cannot tell this one from another."""
    phone = factory("--firmware", "8.7.5.35", "--model", "320")
    site = new_site({"101": phone}, entry=entry)
    reason = "wrong_model" if "mac" in entry else "key_is_shared"
    for mode in ("--plan", "--apply"):
        stopped(site, reason, phone, mode, "101")
    assert site.vault() == {}
    assert all(r["method"] == "GET" for r in phone.counters()["last"])


def test_a_shared_key_and_a_phone_that_does_not_say_which_one_it_is(factory, new_site):
    """Its page of system information is gone: the configured MAC alone proves nothing."""
    phone = factory("--firmware", "8.7.5.35", "--model", "320", fault="raw", fault_path="/info.htm",
                    raw="HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    site = new_site({"101": phone}, entry={"mac": phone.info["mac"]})
    stopped(site, "key_is_shared", phone)


def test_basic_only_gets_no_password(factory, new_site):
    phone = factory(settings={"http_user": "gate", "http_pass": "x"})
    site = new_site({"101": phone})
    stopped(site, "no_password_known", phone)
    site = new_site({"101": phone}, entry={"login": {"user": "gate", "password_file": "pw"}})
    site.gate._secret("pw", "x\n")
    stopped(site, "basic_only", phone)
    assert not any(n.lower() == "authorization" for r in phone.counters()["last"]
                   for n, _ in r["headers"])


def test_a_wrong_password_is_tried_once(new_phone, new_site):
    phone = new_phone("--http-port", "0", login=("gate", "right"), service=None)
    site = new_site({"101": phone}, entry={"login": {"user": "gate", "password_file": "pw"},
                                           "admin_login": None})
    site.gate._secret("pw", "wrong\n")
    stopped(site, "credentials_rejected", phone)
    assert phone.counters()["failed_logins"] == 1


def test_a_locked_phone_is_left_alone(new_phone, new_site):
    phone = new_phone("--http-port", "0", login=("gate", "right"), service=None)
    for _ in range(3):
        requests.get(phone.url, auth=HTTPDigestAuth("gate", "no"), verify=False, timeout=5)
    assert phone.state()["locked"]
    site = new_site({"101": phone}, entry={"login": {"user": "gate", "password_file": "pw"},
                                           "admin_login": None})
    site.gate._secret("pw", "right\n")
    before = phone.counters()["failed_logins"]
    status, said = site.harden("--apply", "101")
    assert (status, said["101"]["reason"]) == (1, "locked_out")
    assert phone.counters()["failed_logins"] == before


def test_neither_password_is_taken(new_phone, new_site):
    """The one in force, then the candidate, and that is all: the phone locks at the third."""
    phone = new_phone("--http-port", "0", login=("gate", "right"), service=None)
    site = new_site({"101": phone}, entry={"admin_login": None})
    for words in ((), ("--candidate",)):
        done = subprocess.run(site.command("secret", "set", "101", "http_pass", *words),
                              input="wrong-%d-wrong\n" % len(words), text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert done.returncode == 0, done.stderr
    before = site.vault()
    stopped(site, "credentials_rejected", phone)
    assert phone.counters()["failed_logins"] == 2 and site.vault() == before


def test_a_phone_that_forgets_what_was_saved(factory, new_site):
    """It is open again after its restart: administrator mode stays on, or nobody could mend it."""
    phone = factory(forgets=True)
    site = new_site({"101": phone})
    stopped(site, "forgotten_at_restart", phone)
    assert phone.counters()["reboots"] == 1 and phone.settings()["admin_mode"] == "on"
    phone.switch(forgets=False)
    assert site.harden("--apply", "101")[0] == 0
    checked(site, phone)


def test_user_mode_without_a_service_account(new_phone, new_site):
    phone = new_phone("--http-port", "0", login=("gate", "right"), service=None,
                      settings={"keyboard_lock_pw": ""})
    site = new_site({"101": phone}, entry={"login": {"user": "gate", "password_file": "pw"},
                                           "admin_login": None})
    site.gate._secret("pw", "right\n")
    assert stopped(site, "service_account_needed", phone)["about"]


@pytest.mark.parametrize("lost, reason", [
    ("http_scheme", "form_not_found"), ("admin_mode_password_confirm", "form_not_found"),
    ("webserver_type", "form_not_found"), ("admin_mode", "form_not_found")])
def test_a_setting_that_no_page_has(factory, new_site, lost, reason):
    """Nothing is sent where one of the forms is not found; no candidate is left over."""
    phone = factory(page_without=lost)
    site = new_site({"101": phone})
    said = stopped(site, reason, phone)
    assert said["about"] == lost and site.vault() == {}


@pytest.mark.parametrize("moved", [
    "http_user", "http_pass", "admin_mode_password_confirm", "admin_mode_password",
    "service_mode_login", "service_mode_password"])
def test_what_goes_together_is_not_sent_in_two_forms(factory, new_site, moved):
    """A run that is cut between the two would leave half a login."""
    phone = factory(moved=moved + "=/advanced_sip.htm")
    site = new_site({"101": phone})
    stopped(site, "form_split", phone)
    assert site.vault() == {}
    assert all(r["method"] == "GET" for r in phone.counters()["last"])


def test_half_a_page_changes_nothing(factory, new_site):
    phone = factory(fault="half_page")
    site = new_site({"101": phone})
    status, said = site.harden("--apply", "101")
    assert status == 1 and said["101"]["reason"] is not None
    assert phone.settings()["http_user"] == ""
    assert not any(r["method"] == "POST" for r in phone.counters()["last"])


def test_a_provisioned_setting_is_not_sent(factory, new_site):
    """Its control on the page is read-only: the file of the setting server has to change."""
    phone = factory()
    site = new_site({"101": phone})
    phone.provisioned(http_scheme="R")
    said = stopped(site, "setting_cannot_be_set", phone)
    assert said["about"] == "http_scheme"


def test_without_a_record_nothing_is_sent(factory, new_site):
    phone = factory()
    site = new_site({"101": phone})
    text = site.gate.file.read_text(encoding="utf-8")
    assert text.count('"access.log"') == 1
    site.gate.file.write_text(text.replace('"access.log"', '"/dev/full"'), encoding="utf-8")
    stopped(site, "record_not_written", phone)
    assert all(r["method"] == "GET" for r in phone.counters()["last"])


def test_a_damaged_record_of_the_vault_is_not_written_over(factory, new_site):
    """It may be what the phone has: nothing is sent, and the record stays as it was found."""
    phone = factory()
    site = new_site({"101": phone})
    assert site.harden("--apply", "101")[0] == 0
    vault, posts = site.gate.dir / "vault", phone.counters()["requests"]
    lines = vault.read_text().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if line.startswith("101 admin_mode_password "))
    lines[at] = lines[at][:40] + ("A" if lines[at][40] != "A" else "B") + lines[at][41:]
    vault.write_text("".join(lines))
    said = stopped(site, "vault_damaged", phone, "--rotate", "101")
    assert said["about"] == "admin_mode_password"
    assert not any(r["method"] == "POST" for r in phone.counters()["last"][posts:])
    assert vault.read_text() == "".join(lines)


@pytest.mark.parametrize("forgets", [True, False])
def test_a_phone_that_goes_a_while_after_it_said_so(factory, new_site, forgets):
    """It still answers when it is asked whether it is back: that is no restart yet."""
    phone = factory(forgets=forgets, reboot_after_ms=1500, reboot_ms=1500)
    site = new_site({"101": phone})
    if forgets:
        stopped(site, "forgotten_at_restart", phone)
        assert phone.settings()["admin_mode"] == "on"
    else:
        assert site.harden("--apply", "101")[0] == 0
        checked(site, phone)
    assert phone.counters()["reboots"] == 1


# --- rotation, and no web interface ------------------------------------------------------------

def test_new_passwords(factory, new_site):
    phone = factory()
    site = new_site({"101": phone})
    assert stopped(site, "asks_for_no_login", phone, "--rotate", "101")
    assert site.harden("--apply", "101")[0] == 0
    first = checked(site, phone)
    status, said = site.harden("--rotate", "--all")
    assert (status, said["101"]["reason"]) == (0, None)
    second = checked(site, phone)
    for (_, setting), values in second.items():
        assert (values == first["101", setting]) == (setting == "keyboard_lock_pw")
    assert site.harden("--rotate", "--pins", "101")[0] == 0
    assert checked(site, phone)["101", "keyboard_lock_pw"] != first["101", "keyboard_lock_pw"]
    assert site.harden("--plan")[0] == 0 and phone.counters()["failed_logins"] == 0


def test_the_web_interface_off(factory, new_site):
    phone = factory()
    site = new_site({"101": phone}, entry={"wui": False})
    assert site.harden("--apply", "101")[0] in (0, 1)
    assert phone.settings()["webserver_type"] == "https"
    status, said = site.harden("--wui-off", "--all")
    assert (status, said["101"]["reason"]) == (0, None)
    assert phone.state()["boot"]["webserver_type"] == "off"
    assert said["101"]["after"]["3"] == "holds"
    assert site.harden("--wui-off", "101")[0] == 0         # it is off already


def test_a_web_interface_that_is_wanted_stays(factory, new_site):
    phone = factory()
    site = new_site({"101": phone})
    stopped(site, "wui_is_wanted", phone, "--wui-off", "101")
    assert site.harden("--wui-off", "--all") == (0, {})


def test_rotation_while_a_gate_serves(factory, new_site, sign_in):
    phone = factory()
    site = new_site({"101": phone}, state_dir="state")
    assert site.harden("--apply", "101")[0] == 0
    gate = site.gate.start()
    alice = sign_in(gate, "alice", "101.phones.localhost")
    assert alice.get("/info.htm").status == 200
    for _ in range(2):
        assert site.harden("--rotate", "101")[0] == 0
        assert alice.get("/info.htm").status == 200
    assert phone.counters()["failed_logins"] == 0 and phone.counters()["garbled"] == 0
    assert gate.stderr().count("config.reload") >= 2


def test_a_running_gate_serves_what_was_hardened(factory, new_site, sign_in):
    """Before, the phone asks for no login and is refused; afterwards the gate has its password."""
    phone = factory()
    site = new_site({"101": phone}, state_dir="state")
    gate = site.gate.start()
    alice = sign_in(gate, "alice", "101.phones.localhost")
    assert alice.get("/info.htm").status == 502
    assert site.harden("--apply", "101")[0] == 0
    assert alice.get("/info.htm").status == 200
    assert phone.counters()["failed_logins"] == 0


def test_one_run_at_a_time(factory, new_site):
    site = new_site({"101": factory()})
    with open(site.gate.dir / "vault.harden", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = site.run("harden", "--apply", "101")
    assert done.returncode == 1 and "another phonegate harden is at work" in done.stderr


@pytest.mark.parametrize("sent", [False, True])
def test_recover_says_which_password_is_in_force(factory, new_site, sent):
    phones = {"101": factory(), "102": factory()}
    site, phone = new_site(phones), phones["101"]
    assert site.harden("--apply", "--all")[0] == 0
    if sent:
        assert Killed(site, phone, "--rotate", "101").at(1, "after", "POST")
    else:
        assert site.run("secret", "set", "101", "http_pass", "--candidate",
                        "--generate").returncode == 0
    both = site.vault()["101", "http_pass"]
    assert set(both) == {"current", "candidate"}
    before = phones["102"].counters()["requests"]
    status, said = site.harden("--recover", "--all")
    assert status == 0 and list(said) == ["101"]
    assert phones["102"].counters()["requests"] == before
    now = site.vault()["101", "http_pass"]
    assert now["current"] == both["candidate" if sent else "current"]
    assert now["current"] == phone.settings()["http_pass"]
    assert bool(site.records(event="phone_password_recovered")) == sent


# --- killed anywhere ---------------------------------------------------------------------------

class Killed:
    """A run of the command that the phone kills at its n-th request."""

    def __init__(self, site, phone, *words):
        self.site, self.phone, self.words = site, phone, words

    def at(self, number, when, method=""):
        """True where it came so far."""
        script = 'read go; exec "$@"'
        process = subprocess.Popen(["/bin/sh", "-c", script, "sh",
                                    *self.site.command("harden", *self.words)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.phone.switch(kill_pid=process.pid, kill_at=number, kill_when=when,
                          kill_method=method)
        process.communicate("go\n", timeout=60)
        self.phone.switch(kill_pid=0)
        assert process.returncode in (0, 1, -signal.SIGKILL)
        return process.returncode == -signal.SIGKILL

    def at_sync(self, number):
        """Killed when it begins its n-th fsync."""
        command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e",
                   "inject=fsync,fdatasync:signal=KILL:when=%d" % number,
                   *self.site.command("harden", *self.words)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, check=False,
                              env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
        assert done.returncode in (0, 1, -signal.SIGKILL), done
        return done.returncode == -signal.SIGKILL


def test_a_phone_that_proves_another_password_does_not_have_the_candidate(factory, new_site):
    phone = factory()
    site = new_site({"101": phone})
    assert site.harden("--apply", "101")[0] == 0
    assert Killed(site, phone, "--rotate", "101").at(1, "after", "POST")
    before = site.vault()
    assert set(before["101", "http_pass"]) == {"current", "candidate"}
    phone.switch(auth_info="wrong")
    status, said = site.harden("--recover", "101")
    assert (status, said["101"]["reason"]) == (1, "phone_rspauth_wrong")
    assert site.vault() == before
    phone.switch(auth_info="on")
    assert site.harden("--recover", "101")[0] == 0
    assert site.vault()["101", "http_pass"] == {"current": before["101", "http_pass"]["candidate"]}


def test_rotation_cut_between_apply_and_save(factory, new_site):
    """What was only applied is gone after a power cut: the old password is still known then."""
    phone = factory(save_after_apply=True)
    site = new_site({"101": phone})
    assert site.harden("--apply", "101")[0] == 0
    old = checked(site, phone)
    phone.switch(forgets=True)      # what it has read when it kills is no Save, either
    assert Killed(site, phone, "--rotate", "101").at(2, "before", "POST")
    wait_for(lambda: phone.counters()["in_flight"] == 0, 10, "the phone is done with it")
    now = site.vault()
    for setting in ("http_pass", "service_mode_password", "admin_mode_password"):
        assert now["101", setting]["current"] == old["101", setting]["current"]
        assert now["101", setting]["candidate"] == phone.settings()[setting]
    phone.switch(forgets=False)
    phone.reboot()
    assert phone.settings()["http_pass"] == old["101", "http_pass"]["current"]
    wait_for(lambda: not phone.state()["booting"], 10, "the phone is back")
    assert site.harden("--rotate", "101")[0] == 0
    checked(site, phone)


def known_to_the_vault(site, phone, i="101"):
    """Whatever the phone has by now is in the vault, as one of two values."""
    vault, settings = site.vault(), phone.settings()
    for setting in ("http_pass", "service_mode_password", "admin_mode_password",
                    "keyboard_lock_pw"):
        if settings[setting] not in ("", "0000"):
            assert settings[setting] in vault.get((i, setting), {}).values(), setting
    return vault


def finished(site, phone, *words):
    known_to_the_vault(site, phone)
    failed = phone.counters()["failed_logins"]
    for _ in range(2):          # the phone may be restarting just now
        status, said = site.harden("--apply", "101")
        if status == 0:
            break
        assert said["101"]["reason"] in ("phone_closed", "phone_refused", "phone_reset",
                                         "phone_tls_failed"), said
    assert steps(said["101"]["after"]) == ALL_HOLD
    checked(site, phone)
    assert phone.counters()["failed_logins"] - failed <= 2 and not phone.state()["locked"]


@pytest.fixture
def killed_everywhere(factory, new_site):
    """killed_everywhere(prepare, words, ways, least): for each way and n = 1, 2, ... a phone of its
    own, the command killed at the n-th event, and then run to its end; some at a time. At least so
    many times it must have been killed."""
    def one(prepare, words, way, number):
        with making:
            phone = factory()
            site = new_site({"101": phone})
        if prepare:
            assert site.harden("--apply", "101")[0] == 0
        if not way(Killed(site, phone, *words), number):
            return False
        finished(site, phone)
        return True

    def every(prepare, words, ways, least):
        def each(job):
            return one(prepare, words, *job)
        jobs = [(way, n) for way, most in ways for n in range(1, most + 1)]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            done = list(pool.map(each, jobs))
        assert sum(done) >= least, done
        # Each way ended by itself: the last number was one too many.
        last = 0
        for way, most in ways:
            last += most
            assert not done[last - 1], "not all of it was seen"
    making = threading.Lock()
    return every


def at_form(when):
    return lambda killed, number: killed.at(number, when, "POST")


def test_killed_at_each_form(killed_everywhere):
    killed_everywhere(False, ("--apply", "101"), [(at_form("before"), 8), (at_form("after"), 8)],
                      12)


@pytest.mark.parametrize("number", [1, 20, 30])
def test_killed_at_any_request(factory, new_site, number):
    phone = factory()
    site = new_site({"101": phone})
    assert Killed(site, phone, "--apply", "101").at(number, "after")
    finished(site, phone)


def test_killed_at_each_sync(killed_everywhere):
    """Before the sync the candidate may be lost: then the phone was not told yet."""
    killed_everywhere(False, ("--apply", "101"), [(Killed.at_sync, 12)], 6)


def test_rotation_killed_at_each_form(killed_everywhere):
    killed_everywhere(True, ("--rotate", "--pins", "101"),
                      [(at_form("before"), 3), (at_form("after"), 3)], 4)


def test_rotation_killed_at_each_sync(killed_everywhere):
    killed_everywhere(True, ("--rotate", "--pins", "101"), [(Killed.at_sync, 12)], 6)
