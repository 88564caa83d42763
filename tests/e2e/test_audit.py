"""phonegate audit against simulated phones: what is seen, what is never risked, what is reported."""

import json
import re
import subprocess
import time

import pytest

import gate as gate_module
from gate import Fleet, free_port, program

SERVICE = ("service", "svc-0f9e8d7c6b5a4321")
# What the sample phone needs for everything to hold.
GOOD = {"keyboard_lock_pw": "271828", "keyboard_lock_timeout": "300", "challenge_reboot": "on",
        "challenge_checksync": "on", "pnp_config": "off", "tls_server_authentication": "on",
        "check_fqdn_against_server_cert": "on", "csta_control": "off", "xml_notify": "off",
        "dial_from_wui": "off", "webserver_user_name": "user2", "webserver_user_password": "Web-2-pass",
        "webserver_admin_name": "admin2", "webserver_admin_password": "Adm-2-pass",
        "admin_mode_password": "Adm-mode-3141"}


@pytest.fixture
def audit(new_gate):
    """audit(phones, word...) -> a Run; the phones' counters are looked at by the test."""
    def run(phones, *words, code=None, **config):
        for phone in phones.values():
            if isinstance(phone, gate_module.Phone):
                look = {"http_port": phone.info.get("http_port") or free_port(),
                        "remote_port": phone.info.get("remote_port") or free_port()}
                phone.entry = dict(getattr(phone, "entry", {}), audit=look)
        config.setdefault("limits", {"phone_connect_s": 2, "phone_first_byte_s": 2})
        gate = new_gate(phones, start=False, **config)
        return Run(gate, words, code)
    return run


class Run:
    def __init__(self, gate, words, code):
        self.gate = gate
        words = list(words)
        if "--format" not in words:
            words += ["--format", "json"]
        done = subprocess.run([program(), "audit", "-c", str(gate.file), *words],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, check=False)
        self.out, self.err, self.code = done.stdout.decode(), done.stderr.decode(), done.returncode
        assert not gate_module.SANITIZER.search(self.err), self.err
        if code is not None:
            assert self.code == code, self.err + self.out[:300]
        for secret in gate.secrets + [SERVICE[1]]:
            for where in (self.out, self.err, gate.log_text()):
                assert secret not in where, "a password in what audit wrote"
        self.report = json.loads(self.out) if self.out.startswith("{") else None

    def phone(self, name="101"):
        return next(p for p in self.report["phones"] if p["id"] == name)

    def finding(self, name, step=None, phone="101"):
        found = [f for f in self.phone(phone)["findings"]
                 if f["name"] == name and step in (None, f["step"])]
        return found[0] if found else None

    def state(self, name, step=None, phone="101"):
        finding = self.finding(name, step, phone)
        return finding and finding["state"]


@pytest.fixture
def good(new_phone):
    def make(*words, **options):
        settings = dict(GOOD, **options.pop("settings", {}))
        phone = new_phone(*words, settings=settings, **options)
        return phone
    return make


def test_a_hardened_phone_holds_and_the_exit_status_says_so(audit, good):
    phone = good("--http-port", "0")
    run = audit({"101": phone})
    short = [f for f in run.phone()["findings"] if f["short"]]
    assert not short, short
    assert run.code == 0 and run.report["summary"]["short"] == 0
    assert [run.phone()["steps"][s] for s in "1234"] == ["holds"] * 4
    assert phone.counters()["failed_logins"] == 0 and phone.counters()["garbled"] == 0
    assert run.phone()["model"] == "D785" and "10.1.175.16" in run.phone()["firmware"]
    assert run.phone()["mac"] == "000413A1B2C3" and run.phone()["pin_sha256"] == phone.pin


def test_a_factory_phone_falls_short_in_every_step_and_is_read_without_a_login(audit, new_phone):
    phone = new_phone("--http-port", "0", hardened=False, login=(None, None), service=None)
    phone.entry = {"login": {"user": "gate", "password_file": "secrets/101"}}
    phone.user, phone.password = "gate", "not-yet-on-the-phone"
    run = audit({"101": phone}, code=1)
    assert [run.phone()["steps"][s] for s in "1234"] == ["fails"] * 4
    assert run.finding("http_user")["seen"] == "empty"
    assert run.phone()["trouble"] is None and run.phone()["worst"] == "high"
    assert phone.counters()["failed_logins"] == 0
    assert not any("authorization" in str(r).lower() for r in phone.counters()["last"])


# --- the plain port ----------------------------------------------------------------------------

@pytest.mark.parametrize("answer, seen", [("closed", "refused"), ("refuse", "refused"),
                                          ("403", "403"), ("307", "HTTPS")])
def test_the_plain_port_of_an_https_only_phone(audit, good, answer, seen):
    phone = good("--http-port", "0", plain_answer=answer)
    run = audit({"101": phone})
    finding = run.finding("webserver_type", "3")
    assert finding["state"] == "holds"
    # Without the settings it is the port alone that says so.
    phone.set(service_mode_password="another")
    finding = audit({"101": phone}).finding("webserver_type", "3")
    assert finding["state"] == "holds" and seen in finding["seen"], finding
    assert phone.counters()["failed_logins"] == 1


def test_a_plain_port_that_answers_fails_step_3_whatever_the_settings_say(audit, good):
    phone = good("--http-port", "0", settings={"webserver_type": "http_https"})
    raw = "HTTP/1.1 200 Ok\r\nContent-Length: %d\r\n\r\n%s"
    dump = "webserver_type!: https\r\nhttp_scheme!: on\r\n"  # set, and the restart is still to come
    phone.switch(fault="raw", fault_path="/settings.xml", raw=raw % (len(dump), dump))
    finding = audit({"101": phone}, code=1).finding("webserver_type", "3")
    assert finding["state"] == "fails" and "plain HTTP" in finding["seen"]


def test_a_plain_port_says_nothing_about_a_phone_that_is_not_there(audit, good):
    phone = good("--http-port", "0", refuse=True, plain_answer="closed")
    run = audit({"101": phone}, code=1)
    assert run.phone()["trouble"] == "phone_refused"
    assert run.state("webserver_type", "3") == "unknown"


# --- challenges --------------------------------------------------------------------------------

@pytest.mark.parametrize("challenge, state, word", [
    ('Basic realm="snom"', "fails", "Basic"),
    ('Digest realm="snom", nonce="n", qop="auth", algorithm=MD5\nBasic realm="snom"', "fails", "beside"),
    ('Digest realm="snom", nonce="n", qop="auth-int"', "holds", "Digest"),
    ('Negotiate', "unknown", "not read"),
    ('Digest realm="unclosed', "unknown", "not read"),
])
def test_the_challenge_names_http_scheme(audit, good, challenge, state, word):
    phone = good(challenge=challenge)
    run = audit({"101": phone}, code=1)
    finding = run.finding("http_scheme")
    assert finding["state"] == state and word in finding["seen"], finding
    assert phone.counters()["failed_logins"] <= 1


def test_basic_only_is_named_and_gets_no_password(audit, good):
    phone = good(settings={"http_scheme": "off"})
    run = audit({"101": phone}, code=1)
    assert run.phone()["trouble"] == "basic_only"
    assert run.finding("http_scheme")["state"] == "fails"
    assert all(r.get("login") == "none" for r in phone.counters()["last"])


# --- certificates and versions -----------------------------------------------------------------

def test_a_changed_certificate_is_named_with_its_key_and_gets_no_request(audit, good):
    phone = good()
    new_pin = phone.change_certificate()
    run = audit({"101": phone}, code=1)
    assert run.phone()["trouble"] == "certificate_changed"
    assert run.phone()["pin_sha256"] == new_pin
    assert run.state("certificate") == "fails" and run.finding("certificate")["severity"] == "high"
    assert phone.counters()["requests"] == 0


def test_an_unchecked_certificate_is_a_finding_and_gets_no_password(audit, good):
    phone = good()
    phone.entry = {"tls": {"verify": "none"}}
    run = audit({"101": phone}, code=1)
    assert run.finding("certificate")["seen"] == "not checked"
    assert run.phone()["trouble"] == "certificate_unchecked"
    assert run.state("http_scheme") == "holds"      # the challenge needs no password
    assert all(r.get("login") == "none" for r in phone.counters()["last"])


def test_a_phone_by_authority(audit, good, tmp_path):
    phone = good()
    ca = tmp_path / "phone.crt"
    ca.write_text(open(phone.info["cert"], encoding="ascii").read())
    phone.entry = {"tls": {"ca": str(ca)}}
    run = audit({"101": phone})
    assert run.phone()["trouble"] in (None, "certificate_of_another")
    other = good()
    other.entry = {"tls": {"ca": str(ca)}}
    run = audit({"101": other}, code=1)
    assert run.phone()["trouble"].startswith("certificate_") and run.state("certificate") == "fails"
    assert other.counters()["requests"] == 0


def test_the_version_of_tls(audit, good):
    old = good("--tls", "1.0")
    run = audit({"101": old}, code=1)
    assert run.finding("TLS")["seen"] == "older than 1.2" and run.phone()["trouble"] == "tls_older"
    assert run.state("http_scheme") == "holds"
    assert all(r.get("login") == "none" for r in old.counters()["last"])
    run = audit({"101": good()})
    assert run.finding("TLS")["seen"] in ("1.2", "1.3")


# --- the rest of what is seen ------------------------------------------------------------------

def test_the_old_remote_port(audit, good):
    phone = good("--remote-port", "0")
    run = audit({"101": phone}, code=1)
    assert run.finding("port 1800")["seen"] == "open" and phone.counters()["remote"] == 1
    assert audit({"101": good()}).finding("port 1800")["seen"] == "closed"


def test_another_model_or_mac_than_configured_is_named(audit, good):
    phone = good()
    phone.entry = {"model": "D717"}
    run = audit({"101": phone}, code=1)
    assert run.phone()["trouble"] == "wrong_model" and run.state("model") == "fails"
    phone.entry = {"model": "snomD785", "mac": "00:04:13:00:00:01"}
    assert audit({"101": phone}, code=1).phone()["trouble"] == "wrong_mac"
    phone.entry = {"model": "snomD785", "mac": "00:04:13:a1:b2:c3"}
    assert audit({"101": phone}).phone()["trouble"] is None


def test_a_web_interface_that_is_wanted_off(audit, good):
    phone = good("--http-port", "0", settings={"webserver_type": "off"}, plain_answer="closed")
    phone.entry = {"wui": False}
    run = audit({"101": phone})
    assert run.phone()["steps"]["3"] == "holds" and run.phone()["trouble"] is None
    on = good("--http-port", "0")
    on.entry = {"wui": False}
    assert audit({"101": on}, code=1).state("webserver_type", "3") == "fails"


def test_what_the_site_expects(audit, good):
    phone = good("--http-port", "0")
    names = ("setting_server", "update_policy")
    here = {name: phone.settings()[name] for name in names}
    run = audit({"101": phone})
    assert run.code == 0 and [run.state(name) for name in names] == ["unknown"] * 2
    run = audit({"101": phone}, hardening={"expect": here})
    assert run.code == 0 and [run.state(name) for name in names] == ["holds"] * 2
    there = dict(here, setting_server="https://gate.example.com:8444/{mac}.xml")
    run = audit({"101": phone}, code=1, hardening={"expect": there})
    assert [run.state(name) for name in names] == ["fails", "holds"]
    finding = run.finding("setting_server")
    assert finding["short"] and finding["severity"] == "high"
    assert finding["seen"] == here["setting_server"]
    # a phone of its own kind, in both directions
    phone.entry = {"expect": {"setting_server": here["setting_server"]}}
    run = audit({"101": phone}, hardening={"expect": there})
    assert run.code == 0 and [run.state(name) for name in names] == ["holds"] * 2
    phone.entry = {"expect": {"setting_server": there["setting_server"]}}
    run = audit({"101": phone}, code=1, hardening={"expect": here})
    assert [run.state(name) for name in names] == ["fails", "holds"]


def test_what_the_configuration_allows_is_a_finding(audit, good):
    phone = good("--http-port", "0", settings={"webserver_type": "http_https"})
    run = audit({"101": {"url": "http://127.0.0.1:%d" % phone.info["http_port"], "profile": "snom",
                         "name": "clear", "allow_plain_http": True, "login_required": False}}, code=1)
    assert run.state("allow_plain_http") == "fails" and run.state("login_required") == "fails"
    assert run.finding("allow_plain_http")["about"] == "configuration"
    assert run.phone()["trouble"] == "no_tls" and run.state("http_scheme") == "holds"


# --- logins ------------------------------------------------------------------------------------

def test_a_wrong_password_is_tried_once(audit, good):
    phone = good()
    phone.set(service_mode_password="another")
    run = audit({"101": phone}, code=1)
    assert run.phone()["trouble"] == "login_refused" and run.state("login") == "unknown"
    assert phone.counters()["failed_logins"] == 1
    assert run.state("use_hidden_tags") == "unknown"        # unknown, and no pass


def test_a_locked_phone_is_named_and_left_alone(audit, good):
    phone = good("--http-port", "0", lock_failures=1)
    phone.set(service_mode_password="another")
    audit({"101": phone}, code=1)
    before = phone.counters()
    run = audit({"101": phone}, code=1)
    assert run.phone()["trouble"] == "locked_out" and run.state("lock-out") == "unknown"
    assert phone.counters()["failed_logins"] == before["failed_logins"] == 1


def posts(phone):
    return [r for r in phone.counters()["last"] if r.get("method") == "POST"]


@pytest.mark.parametrize("service", [SERVICE, None])
def test_the_factory_password_is_tried_once_and_only_when_asked_for(audit, good, service):
    phone = good(settings={"admin_mode_password": "0000"}, service=service)
    run = audit({"101": phone})
    assert not posts(phone)
    phone.reset()       # the service account has opened administrator mode for a while
    run = audit({"101": phone}, "--try-factory-passwords", code=1)
    finding = run.finding("admin_mode_password", "2")
    assert finding["state"] == "fails" and finding["seen"] == "factory", finding
    assert len(posts(phone)) == 1 and phone.counters()["failed_logins"] == 0
    other = good(service=service)       # below 10.1.185.0
    run = audit({"101": other}, "--try-factory-passwords")
    assert run.state("admin_mode_password", "2") == "holds" and len(posts(other)) == 1
    assert other.settings()["admin_mode"] == "off"


def test_no_factory_password_is_tried_where_a_login_failed(audit, good):
    phone = good(settings={"admin_mode_password": "0000"})
    phone.set(http_pass="another")
    run = audit({"101": phone}, "--try-factory-passwords", code=1)
    assert run.phone()["trouble"] == "login_refused" and not posts(phone)
    assert phone.counters()["failed_logins"] == 1


def test_the_login_of_users_where_there_is_no_service_account(audit, good):
    phone = good(service=None)
    run = audit({"101": phone}, code=1)
    assert run.phone()["trouble"] == "settings_forbidden" and run.phone()["model"] == "D785"
    assert {r.get("user") for r in phone.seen()} == {"gate"}
    record = run.gate.record(event="phone_audited")
    assert record["upstream_account"] == "gate" and record["reason"] == "settings_forbidden"


@pytest.mark.parametrize("fault, trouble", [
    ("stall_before_head", "phone_first_byte_timeout"), ("nothing", "phone_closed"),
    ("close_mid_body", "phone_incomplete"), ("garbage", None)])
def test_a_phone_that_answers_wrongly_is_named(audit, good, fault, trouble):
    phone = good(fault=fault, fault_path="/settings.xml", fault_ms=4000)
    run = audit({"101": phone}, code=1)
    assert run.phone()["trouble"] == trouble or trouble is None and run.phone()["trouble"]
    assert run.state("use_hidden_tags") == "unknown"
    asked = [r for r in phone.counters()["last"] if r.get("target") == "/settings.xml"]
    assert len(asked) <= 3      # without a login, with one, once more where the connection died


def test_settings_that_break_off_are_not_believed(audit, good):
    body = '<?xml version="1.0"?><settings><phone-settings><http_user perm="R">x</http_user>'
    raw = "HTTP/1.1 200 Ok\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    phone = good(fault="raw", fault_path="/settings.xml", raw=raw)
    run = audit({"101": phone})
    assert run.phone()["trouble"] is None and run.state("use_hidden_tags") == "holds"  # the next page


def test_nobody_there(audit):
    run = audit({"101": {"url": "https://127.0.0.1:%d" % free_port(), "profile": "snom", "name": "x",
                         "login_required": False, "tls": {"verify": "none"}}}, code=1)
    assert run.phone()["trouble"] == "phone_refused" and run.phone()["steps"]["1"] != "holds"


def test_a_profile_that_nobody_wrote_down(audit, new_phone):
    phone = new_phone(vendor="mitel")
    run = audit({"101": phone}, code=1)
    assert run.phone()["steps"]["1"] == "unknown" and run.state("TLS") == "holds"
    assert phone.counters()["failed_logins"] == 0


# --- the command -------------------------------------------------------------------------------

def test_phones_are_named_by_patterns(audit, good):
    phones = {"101": good(), "102": good(), "lab-1": good()}
    run = audit(phones, "10*")
    assert [p["id"] for p in run.report["phones"]] == ["101", "102"]
    assert audit(phones, "nobody", code=2).out == ""
    assert "no phone nobody" in audit(phones, "101", "nobody").err


@pytest.mark.parametrize("words", [("--format", "pdf"), ("--parallel", "0"), ("--parallel", "1000"),
                                   ("--baseline", "/nonexistent"), ("--colour",)])
def test_wrong_usage(audit, good, words):
    assert audit({"101": good()}, *words, code=2).out == ""


def test_an_unreadable_configuration(tmp_path):
    done = subprocess.run([program(), "audit", "-c", str(tmp_path / "none.cfg")],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2 and not done.stdout


def test_records_go_to_the_access_log_alone(audit, good):
    phones = {"101": good(), "102": good()}
    run = audit(phones)
    assert [r["event"] for r in run.gate.records()] == ["phone_audited"] * 2
    assert {r["phone_id"] for r in run.gate.records()} == {"101", "102"}
    assert all(r["upstream_account"] == "service" and r["os_user"] for r in run.gate.records())
    run = audit(phones, access_log={"file": "-", "format": "json"})
    assert run.report and "phone_audited" in run.err


def test_the_text_is_a_table_with_the_worst_first_and_no_colours_in_a_pipe(audit, good, new_phone):
    phones = {"fine": good(), "open": new_phone(hardened=False, login=(None, None), service=None)}
    phones["open"].entry = {"login_required": False}
    run = audit(phones, "--format", "text", code=1)
    rows = [line.split()[0] for line in run.out.splitlines() if re.match(r"(fine|open) ", line)]
    assert rows[:2] == ["open", "fine"] and "\033" not in run.out and not run.err
    assert re.search(r"fails +high +step 1 +http_user: empty; wanted set", run.out), run.out
    assert "2 phones, 1 fall short" in run.out


def test_the_page_is_whole_and_has_no_scripts(audit, good, new_phone):
    phone = new_phone(hardened=False, login=(None, None), service=None)
    phone.entry = {"login_required": False, "name": 'Desk <b>"1"</b> & co'}
    page = audit({"101": phone, "102": good()}, "--format", "html", code=1).out
    assert page.startswith("<!DOCTYPE html>") and page.rstrip().endswith("</html>")
    assert "<script" not in page and not re.search(r"(src|href)=.(?!#)|@import|url\(", page)
    assert "Desk &lt;b&gt;&quot;1&quot;&lt;/b&gt; &amp; co" in page and "<b>\"1\"" not in page
    assert "http_scheme" in page and "1 of 2 phones fall short" in page
    for tag in ("table", "tr", "td", "th", "details", "div", "p", "span"):
        assert len(re.findall("<%s[ >]" % tag, page)) == page.count("</%s>" % tag), tag


# --- baseline ----------------------------------------------------------------------------------

def changes(run):
    return {(p["id"], f["name"]): f["change"] for p in run.report["phones"] for f in p["findings"]}


def test_only_what_changed_since_the_baseline(audit, good, tmp_path):
    phones = {"101": good(), "102": good()}
    phones["101"].set(challenge_reboot="off")
    before = tmp_path / "before.json"
    before.write_text(audit(phones, code=1).out)
    run = audit(phones, "--baseline", str(before), code=1)
    assert run.report["phones"] == [] and run.report["summary"]["phones"] == 2
    phones["101"].set(challenge_reboot="on")
    phones["102"].set(use_hidden_tags="off")
    run = audit(phones, "--baseline", str(before), code=1)
    assert changes(run) == {("101", "challenge_reboot"): "mended", ("102", "use_hidden_tags"): "worse"}
    assert "mended" in audit(phones, "--baseline", str(before), "--format", "text").out
    assert "worse" in audit(phones, "--baseline", str(before), "--format", "html").out
    # One is new, one is configured no more, one was not asked this time.
    run = audit({"102": phones["102"], "103": good(settings={"challenge_reboot": "off"})},
                "--baseline", str(before), "103", code=1)
    assert {k: v for k, v in changes(run).items() if k[1] == "challenge_reboot"} == {
        ("103", "challenge_reboot"): "new", ("101", "challenge_reboot"): "gone"}
    assert not any(p["id"] == "102" for p in run.report["phones"])


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": "phonegate-audit/2", "phones": []}',
                                  '{"format": "phonegate-audit/1", "phones": 1}'])
def test_a_baseline_that_is_none(audit, good, tmp_path, text):
    path = tmp_path / "baseline"
    path.write_text(text)
    run = audit({"101": good()}, "--baseline", str(path), code=2)
    assert "no report" in run.err and not run.out


# --- many --------------------------------------------------------------------------------------

def fleet_entries(gate_dir, fleet):
    secrets = gate_dir / "secrets"
    secrets.mkdir(mode=0o700, exist_ok=True)
    for name, text in (("web", "pw-phones-0123456"), ("service", SERVICE[1])):
        (secrets / name).write_text(text + "\n")
        (secrets / name).chmod(0o600)
    return {"p%d" % i: {"url": fleet.url(i), "profile": "snom", "tls": {"pin_sha256": [fleet.pin]},
                        "login": {"user": "gate", "password_file": str(secrets / "web")},
                        "admin_login": {"user": "service", "password_file": str(secrets / "service")},
                        "audit": {"http_port": fleet.info["http_port"]}}
            for i in range(fleet.count)}


def test_a_thousand_phones_in_less_than_a_minute(audit, tmp_path):
    fleet = Fleet(tmp_path / "fleet", 1000, "--http-port", "0", "--states", "hardened,factory,basic,step1",
                  "--set", "http_pass=pw-phones-0123456", "--set", "service_mode_login=service",
                  "--set", "service_mode_password=" + SERVICE[1])
    try:
        begun = time.monotonic()
        run = audit(fleet_entries(tmp_path, fleet), code=1)
        took = time.monotonic() - begun
        counters = fleet.counters()
    finally:
        fleet.stop()
    summary = run.report["summary"]
    assert summary["phones"] == 1000 and summary["trouble"] == {"basic_only": 500}, summary
    assert counters["most_failed_logins"] == 0 and counters["peak_connections"] <= 3
    assert took < 60 * gate_module.SLOWER, took
