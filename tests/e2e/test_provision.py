"""Phones fetch their settings from the gate: each its own, and nobody else anything."""

import http.client
import json
import socket
import ssl
import subprocess

import pytest
import requests
from requests.auth import HTTPDigestAuth

import gate as gate_module
from gate import free_port

MACS = {"101": "000413A1B2C3", "102": "000413A1B2C4", "103": "000413A1B2C5"}
PASSWORD = "pull-7c1d9e55aa20"
FILE = """<?xml version="1.0" encoding="utf-8"?>
<settings>
  <phone-settings e="2">
    <language perm="RW">%s</language>
    <http_pass perm="R">file-secret-0a1b2c</http_pass>
  </phone-settings>
</settings>
"""


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


class Authority:
    """Signs phones' certificates."""

    def __init__(self, directory, name="Phones"):
        self.dir = directory
        self.crt, self.key = str(directory / "ca.crt"), str(directory / "ca.key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", "30", "-subj", "/CN=" + name, "-keyout", self.key, "-out", self.crt)

    def sign(self, name, days=30):
        path = str(self.dir / ("phone-" + name))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                "/O=snom/CN=" + name, "-keyout", path + ".key", "-out", path + ".csr")
        openssl("x509", "-req", "-in", path + ".csr", "-CA", self.crt, "-CAkey", self.key,
                "-CAcreateserial", "-days", str(days), "-out", path + ".crt")
        return path + ".crt", path + ".key"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("phones-ca"))


def entry(number, **more):
    return dict({"name": "Phone " + number, "url": "https://192.0.2." + number, "profile": "snom",
                 "host": number + ".phones.localhost", "mac": MACS[number],
                 "login": {"user": "gate", "password_file": "phone.pw"},
                 "tls": {"pin_sha256": ["0" * 64]}}, **more)


def make_gate(new_gate, start=True, **more):
    """101 and 102 have passwords to fetch with, 103 has none; 101 and 103 have files."""
    port = free_port()
    provisioning = dict({"listen": ["127.0.0.1:%d" % port], "directory": "provisioning"}, **more)
    gate = new_gate({"101": entry("101", provisioning={"password_file": "101.pull"}),
                     "102": entry("102", provisioning={"password_file": "102.pull"}),
                     "103": entry("103")}, start=False, provisioning=provisioning)
    gate._secret("phone.pw", "a long enough password\n")
    gate._secret("101.pull", PASSWORD + "\n")
    gate._secret("102.pull", "other-" + PASSWORD + "\n")
    for number in ("101", "103"):
        gate._secret("provisioning/%s.xml" % MACS[number], FILE % number)
    gate.secrets += [PASSWORD, "other-" + PASSWORD, "file-secret-0a1b2c"]
    gate.pull_port = port
    return gate.start() if start else gate


@pytest.fixture
def gate(new_gate, authority):
    return make_gate(new_gate, client_ca=authority.crt)


def fetch(gate, path, method="GET", auth=None, cert=None):
    """`path` as it is, whatever a client would make of it."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(gate.ca)
        session.cert = cert
        session.auth = auth and HTTPDigestAuth(*auth)
        request = session.prepare_request(requests.Request(
            method, "https://localhost:%d/" % gate.pull_port))
        request.url = "https://localhost:%d%s" % (gate.pull_port, path)
        return session.send(request, timeout=30)


def digest(mac, password=PASSWORD):
    return mac, password


# --- who gets what -----------------------------------------------------------------------------

def test_by_password(gate):
    answer = fetch(gate, "/000413A1B2C3.xml", auth=digest("000413A1B2C3"))
    assert (answer.status_code, answer.text) == (200, FILE % "101")
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers and "Last-Modified" not in answer.headers
    record = gate.record(event="provisioning", status=200)
    assert record["outcome"] == "allowed" and record["reason"] == "by_password"
    assert record["phone_id"] == "101" and record["user"] == "000413A1B2C3"
    assert record["path"] == "/000413A1B2C3.xml" and record["tls_version"] == "TLSv1.3"
    challenge = gate.record(event="provisioning", status=401)
    assert challenge["reason"] == "no_credentials" and "phone_id" not in challenge


def test_by_certificate(gate, authority):
    answer = fetch(gate, "/snomD785-000413A1B2C5.htm", cert=authority.sign("000413A1B2C5"))
    assert (answer.status_code, answer.text) == (200, FILE % "103")
    record = gate.record(event="provisioning", status=200)
    assert record["reason"] == "by_certificate" and record["phone_id"] == "103"
    assert "user" not in record


def test_a_phone_gets_no_other_file(gate, authority):
    cert = authority.sign("000413A1B2C3")
    for path in ("/000413A1B2C5.xml", "/0004130000FF.xml", "/", "/../users", "/%2e%2e/users",
                 "/000413A1B2C3.xml/../000413A1B2C5.xml", "/000413A1B2C3.xml?x", "//etc/passwd",
                 "/provisioning/000413A1B2C3.xml", "/phonegate.cfg", "/101.pull"):
        assert fetch(gate, path, cert=cert).text == "Not Found", path
        if "%" not in path:     # requests spells it otherwise in its answer
            assert fetch(gate, path, auth=digest("000413A1B2C3")).text == "Not Found", path
        assert gate.record(event="provisioning", status=404)["phone_id"] == "101"
    answer = fetch(gate, "/000413A1B2C4.xml", auth=digest("000413A1B2C4", "other-" + PASSWORD))
    assert answer.status_code == 404
    assert gate.record(event="provisioning", reason="no_file")["phone_id"] == "102"
    assert "provisioning.no_file phone=102" in gate.stderr()


def test_strangers_learn_nothing(gate, authority, tmp_path):
    other = Authority(tmp_path)       # the same name, another key
    persons = ("alice", gate.passwords["alice"])
    for how in ({}, {"auth": digest("000413A1B2C3", "wrong")}, {"auth": persons},
                {"auth": digest("000413A1B2C5", "")}, {"cert": other.sign("000413A1B2C3")},
                {"cert": authority.sign("0004130000FF")}, {"cert": authority.sign("phone")}):
        for path in ("/000413A1B2C3.xml", "/0004130000FF.xml", "/", "/vault"):
            answer = fetch(gate, path, **how)
            assert answer.status_code == 401, (how, path)
            assert answer.text == "Unauthorized"
            assert answer.headers["WWW-Authenticate"].startswith('Digest realm="phonegate provisioning"')
    assert not [r for r in gate.records() if r["outcome"] == "allowed"]


def test_a_phone_is_nobody_where_people_sign_in(gate):
    answer = requests.get("https://localhost:%d/" % gate.port, verify=str(gate.ca),
                          auth=HTTPDigestAuth(*digest("000413A1B2C3")), timeout=30)
    assert answer.status_code == 401
    # nor are people's pages on the phones' port
    answer = fetch(gate, "/whoami", auth=("alice", gate.passwords["alice"]))
    assert answer.status_code == 401


def test_only_reading(gate, authority):
    cert = authority.sign("000413A1B2C3")
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        answer = fetch(gate, "/000413A1B2C3.xml", method, cert=cert)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    answer = fetch(gate, "/000413A1B2C3.xml", "HEAD", cert=cert)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["Content-Length"]) == len(FILE % "101")


def test_an_expired_certificate_proves_nothing(gate, authority):
    cert = authority.sign("000413A1B2C5", days=-1)
    assert fetch(gate, "/000413A1B2C5.xml", cert=cert).status_code == 401


def test_without_client_ca_no_certificate_counts(new_gate, authority):
    gate = make_gate(new_gate)
    assert fetch(gate, "/000413A1B2C3.xml", cert=authority.sign("000413A1B2C3")).status_code == 401
    assert fetch(gate, "/000413A1B2C3.xml", auth=digest("000413A1B2C3")).status_code == 200


def test_wrong_passwords_lock_and_count_for_this_phone_only(new_gate):
    gate = make_gate(new_gate, start=False)
    gate.rewrite(lockout={"failures": 3, "window_s": 60, "block_s": 60})
    gate.start()
    for _ in range(3):
        assert fetch(gate, "/000413A1B2C3.xml", auth=digest("000413A1B2C3", "no")).status_code == 401
    answer = fetch(gate, "/000413A1B2C3.xml", auth=digest("000413A1B2C3"))
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) > 0
    assert gate.record(event="lockout_started")
    other = fetch(gate, "/000413A1B2C4.xml", auth=digest("000413A1B2C4", "other-" + PASSWORD))
    assert other.status_code == 404     # it has no file


def test_a_file_that_others_may_read_is_not_served(gate, authority):
    path = gate.dir / "provisioning" / "000413A1B2C3.xml"
    path.chmod(0o644)
    cert = authority.sign("000413A1B2C3")
    assert fetch(gate, "/000413A1B2C3.xml", cert=cert).status_code == 404
    path.chmod(0o600)
    assert fetch(gate, "/000413A1B2C3.xml", cert=cert).status_code == 200
    path.unlink()
    path.mkdir()
    assert fetch(gate, "/000413A1B2C3.xml", cert=cert).status_code == 404


def test_one_request_a_connection_and_clear_text(gate, authority):
    context = ssl.create_default_context(cafile=str(gate.ca))
    context.load_cert_chain(*authority.sign("000413A1B2C3"))
    connection = http.client.HTTPSConnection("localhost", gate.pull_port, context=context, timeout=30)
    connection.request("GET", "/000413A1B2C3.xml")
    answer = connection.getresponse()
    assert answer.getheader("Connection") == "close" and answer.status == 200
    assert answer.read().decode() == FILE % "101"
    connection.close()
    plain = requests.get("http://127.0.0.1:%d/000413A1B2C3.xml" % gate.pull_port, timeout=30)
    assert plain.status_code == 400 and "HTTPS" in plain.text


def test_a_reload_takes_it_away_and_brings_it_back(gate, authority):
    cert = authority.sign("000413A1B2C3")
    kept = gate.config["provisioning"]
    del gate.config["provisioning"]
    gate.rewrite()
    gate.reload()
    def is_served():
        try:
            return fetch(gate, "/000413A1B2C3.xml", cert=cert).status_code == 200
        except requests.ConnectionError:
            return False
    gate_module.wait_for(lambda: not is_served(), 5, "both workers know")
    assert gate.record(event="tls_refused", reason="provisioning_is_off")
    gate.rewrite(provisioning=kept)
    gate.reload()
    gate_module.wait_for(is_served, 5, "it is back")


def test_a_certificate_checked_before_a_reload_proves_nothing_after_it(new_gate, authority,
                                                                       tmp_path):
    """The handshake was made under the old client_ca, the request comes under the new one."""
    gate = make_gate(new_gate, client_ca=authority.crt)
    context = ssl._create_unverified_context()
    cert = authority.sign("000413A1B2C5")
    context.load_cert_chain(*cert)
    request = b"GET /000413A1B2C5.xml HTTP/1.1\r\nHost: x\r\n\r\n"
    def connect():
        return context.wrap_socket(socket.create_connection(("127.0.0.1", gate.pull_port), 5))
    with connect() as kept:
        kept.sendall(request)
        assert kept.recv(64).startswith(b"HTTP/1.1 200 ")
    other = Authority(tmp_path, "Others")
    with connect() as kept:
        gate.rewrite(provisioning=dict(gate.config["provisioning"], client_ca=other.crt))
        gate.reload()
        gate_module.wait_for(lambda: {fetch(gate, "/000413A1B2C5.xml", cert=cert).status_code
                                      for _ in range(4)} == {401}, 5, "both workers know")
        kept.sendall(request)
        assert kept.recv(64).startswith(b"HTTP/1.1 401 ")


def test_a_phone_that_lost_its_password_is_out_after_a_reload(gate):
    gate._secret("101.pull", "another-" + PASSWORD + "\n")
    gate.reload()
    gate_module.wait_for(lambda: fetch(gate, "/000413A1B2C3.xml", auth=digest("000413A1B2C3")
                                       ).status_code == 401, 5, "the workers know")
    answer = fetch(gate, "/000413A1B2C3.xml", auth=digest("000413A1B2C3", "another-" + PASSWORD))
    assert answer.status_code == 200


# --- the simulated phone -----------------------------------------------------------------------

def point_at(phone, gate, name="{mac}.xml", **login):
    phone.set(setting_server="https://localhost:%d/%s" % (gate.pull_port, name), **login)
    phone.switch(server_ca=str(gate.ca))


@pytest.mark.parametrize("name", ["{mac}.xml", ""])
def test_a_simulated_phone_fetches_its_file_by_password(gate, new_phone, name):
    phone = new_phone("--mac", "000413A1B2C3")
    point_at(phone, gate, name, http_client_user="000413A1B2C3", http_client_pass=PASSWORD)
    assert phone.pull()["ok"]
    assert phone.settings()["language"] == "101"
    assert gate.record(event="provisioning", status=200)["reason"] == "by_password"


def test_a_simulated_phone_fetches_its_file_by_certificate(gate, new_phone, authority):
    cert, key = authority.sign("000413A1B2C5")
    phone = new_phone("--mac", "000413A1B2C5", "--cert", cert, "--key", key)
    point_at(phone, gate)
    assert phone.pull()["ok"]
    assert phone.settings()["language"] == "103"
    assert gate.record(event="provisioning", status=200)["reason"] == "by_certificate"


def test_a_simulated_phone_with_another_phones_password_gets_nothing(gate, new_phone):
    phone = new_phone("--mac", "000413A1B2C4")
    point_at(phone, gate, http_client_user="000413A1B2C3", http_client_pass=PASSWORD)
    assert not phone.pull()["ok"]
    assert gate.record(event="provisioning", status=404)["reason"] == "other_phone"


# --- from the factory to hardened --------------------------------------------------------------

def fleet(new_gate, new_phone, authority, *words, **more):
    """A gate with a vault in front of a phone in the factory's state that has a certificate."""
    cert, key = authority.sign("000413A1B2C3")
    phone = new_phone("--mac", "000413A1B2C3", "--cert", cert, "--key", key, "--http-port", "0", *words,
                      hardened=False, login=(None, None),
                      service=None)
    port = free_port()
    gate = new_gate({"101": {"name": "Reception", "url": phone.url, "profile": "snom",
                             "host": "101.phones.localhost", "mac": "00:04:13:a1:b2:c3",
                             "login": {"user": "gate", "from_vault": True},
                             "admin_login": {"user": "service", "from_vault": True},
                             "tls": {"pin_sha256": [phone.pin]},
                             "audit": {"http_port": phone.info["http_port"],
                                       "remote_port": free_port()}, **more}},
                    start=False, state_dir="state", vault={"file": "vault", "key_file": "vault.key"},
                    provisioning={"listen": ["127.0.0.1:%d" % port], "directory": "provisioning",
                                  "client_ca": authority.crt})
    gate.pull_port = port
    (gate.dir / "state").mkdir(mode=0o700)
    return gate, phone


def run(gate, *words):
    return subprocess.run([gate_module.program(), words[0], "-c", str(gate.file), *words[1:]],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)


def provision(gate, *words):
    return run(gate, "harden", "--provision", str(gate.dir / "provisioning"), *words)


def steps(gate):
    """What an audit says of phone 101's four steps."""
    done = run(gate, "audit", "--format", "json", "101")
    assert done.stdout, done.stderr
    phone = json.loads(done.stdout)["phones"][0]
    return done.returncode, phone["steps"], [f for f in phone["findings"] if f["step"] != "beyond"]


STEPS = {"http_user": "gate", "http_scheme": "on", "use_hidden_tags": "on", "admin_mode": "off",
         "webserver_type": "https", "enable_keyboard_lock": "on"}


def test_from_the_factory_to_all_four_steps(new_gate, new_phone, authority, sign_in):
    gate, phone = fleet(new_gate, new_phone, authority)
    assert run(gate, "secret", "init").returncode == 0
    done = provision(gate)
    assert done.returncode == 0, done.stderr
    path = gate.dir / "provisioning" / "000413A1B2C3.xml"
    assert done.stdout.startswith("wrote 1 file(s) to ")
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    gate.start()
    status, said, _ = steps(gate)
    assert status == 1 and [said[s] for s in "1234"] == ["fails"] * 4
    done = run(gate, "harden", "--provisioned", "--all")
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "101: asks_for_no_login")
    point_at(phone, gate)
    answer = phone.pull()
    assert answer["ok"] and answer["rebooted"], answer
    gate_module.wait_for(lambda: not phone.state()["booting"], 10, "the phone is back")
    after = phone.settings()
    assert {k: after[k] for k in STEPS} == STEPS
    passwords = [after[k] for k in ("http_pass", "service_mode_password", "admin_mode_password",
                                    "keyboard_lock_pw")]
    assert len(set(passwords)) == 4 and [len(p) for p in passwords] == [16, 16, 16, 6]
    gate.secrets += passwords
    # the gate logs in with what it made
    page = sign_in(gate, "alice", host="101.phones.localhost").get("/")
    assert page.status == 200, page.body
    status, said, findings = steps(gate)
    assert [said[s] for s in "1234"] == ["holds"] * 4, findings
    # what the phone proved is in force, and nothing is left to do
    assert run(gate, "secret", "list").stdout.count("\tcandidate") == 4
    done = run(gate, "harden", "--provisioned", "--all")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout == "101: has its settings\n1 phone(s), 1 without anything left to prove\n"
    assert run(gate, "secret", "list").stdout.count("\tcurrent") == 4
    done = run(gate, "harden", "--provisioned", "--all")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "101: nothing new was to be proven")
    done = run(gate, "harden", "--plan")
    assert done.returncode == 0 and "101: nothing to change" in done.stdout
    page = sign_in(gate, "alice", host="101.phones.localhost").get("/")
    assert page.status == 200, page.body
    assert phone.counters()["failed_logins"] == 0
    assert gate.record(event="phone_provisioned", phone_id="101")["outcome"] == "allowed"
    assert gate.record(event="phone_provisioning_checked", phone_id="101", outcome="allowed")


def test_a_phone_that_did_not_fetch_keeps_its_passwords(new_gate, new_phone, authority):
    """Provisioned once; then new passwords are made, and the phone has not heard of them."""
    gate, phone = fleet(new_gate, new_phone, authority)
    assert run(gate, "secret", "init").returncode == 0 and provision(gate).returncode == 0
    gate.start()
    point_at(phone, gate)
    assert phone.pull()["ok"]
    assert run(gate, "harden", "--provisioned", "101").returncode == 0
    old = run(gate, "secret", "show", "101", "http_pass").stdout.strip()
    assert old == phone.settings()["http_pass"]
    gate.secrets.append(old)
    done = subprocess.run([gate_module.program(), "secret", "set", "-c", str(gate.file), "101",
                           "http_pass", "--candidate", "--generate"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    assert provision(gate).returncode == 0
    done = run(gate, "harden", "--provisioned", "101")
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "101: old_password_still")
    assert run(gate, "secret", "show", "101", "http_pass").stdout.strip() == old
    assert phone.pull()["ok"]
    assert run(gate, "harden", "--provisioned", "101").returncode == 0
    new = run(gate, "secret", "show", "101", "http_pass").stdout.strip()
    assert new != old and new == phone.settings()["http_pass"]
    gate.secrets.append(new)


def candidate(gate, setting):
    done = subprocess.run([gate_module.program(), "secret", "set", "-c", str(gate.file), "101",
                           setting, "--candidate", "--generate"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout


def fetched(new_gate, new_phone, authority):
    gate, phone = fleet(new_gate, new_phone, authority)
    assert run(gate, "secret", "init").returncode == 0
    assert provision(gate).returncode == 0
    gate.start()
    point_at(phone, gate)
    assert phone.pull()["ok"]
    return gate


def test_a_login_that_was_in_force_before_proves_nothing(new_gate, new_phone, authority):
    """The PIN is new, the logins are not: whether the phone has fetched it nobody can tell."""
    gate = fetched(new_gate, new_phone, authority)
    assert run(gate, "harden", "--provisioned", "101").returncode == 0
    assert run(gate, "secret", "drop", "101", "keyboard_lock_pw").returncode == 0
    candidate(gate, "keyboard_lock_pw")
    done = run(gate, "harden", "--provisioned", "101")
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "101: not_proven")
    assert "keyboard_lock_pw\tcandidate" in run(gate, "secret", "list", "101").stdout


def test_a_service_password_that_is_refused_is_not_promoted(new_gate, new_phone, authority):
    """The phone has fetched its file, and the service account was made anew after that."""
    gate = fetched(new_gate, new_phone, authority)
    drop = ("secret", "drop", "101", "service_mode_password", "--candidate")
    assert run(gate, *drop).returncode == 0
    candidate(gate, "service_mode_password")
    done = run(gate, "harden", "--provisioned", "101")
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "101: service_password_not_taken")
    kept = run(gate, "secret", "list", "101").stdout
    assert "http_pass\tcurrent" in kept and "http_pass\tcandidate" not in kept   # that is proven
    for setting in ("service_mode_password", "admin_mode_password", "keyboard_lock_pw"):
        assert setting + "\tcandidate" in kept and setting + "\tcurrent" not in kept


def test_the_same_file_a_second_time(new_gate, new_phone, authority):
    gate, _ = fleet(new_gate, new_phone, authority)
    assert run(gate, "secret", "init").returncode == 0
    assert provision(gate, "101").returncode == 0
    path = gate.dir / "provisioning" / "000413A1B2C3.xml"
    first, vault = path.read_text(), (gate.dir / "vault").read_bytes()
    assert provision(gate).returncode == 0
    assert path.read_text() == first and (gate.dir / "vault").read_bytes() == vault


def test_a_web_interface_that_nobody_wants(new_gate, new_phone, authority):
    gate, phone = fleet(new_gate, new_phone, authority, wui=False)
    assert run(gate, "secret", "init").returncode == 0
    assert provision(gate).returncode == 0
    gate.start()
    point_at(phone, gate)
    assert phone.pull()["ok"]
    assert phone.settings()["webserver_type"] == "off"


@pytest.fixture
def closed(new_gate, new_phone, authority):
    """A phone that fetched its file and shut its web interface for good."""
    gate, phone = fleet(new_gate, new_phone, authority, wui=False)
    phone.switch(plain_answer="closed")
    assert run(gate, "secret", "init").returncode == 0
    assert provision(gate).returncode == 0
    gate.start()
    point_at(phone, gate)
    assert phone.pull()["rebooted"]
    gate_module.wait_for(lambda: not phone.state()["booting"], 10, "the phone is back")
    gate.secrets += [phone.settings()[k] for k in ("http_pass", "admin_mode_password",
                                                   "service_mode_password", "keyboard_lock_pw")]
    return gate, phone


def test_a_closed_phone_rests_on_its_file(closed):
    """Nobody can ask it any more: that is a word of its own, and no reason to fall short for ever."""
    gate, _ = closed
    status, said, findings = steps(gate)
    assert (status, said) == (0, {"1": "closed", "2": "closed", "3": "holds", "4": "closed",
                                  "beyond": "unknown"})
    assert {f["state"] for f in findings} == {"holds", "closed"}
    assert not any(f["short"] for f in findings)
    report = json.loads(run(gate, "audit", "--format", "json").stdout)
    assert report["summary"]["closed"] == 1 and report["summary"]["short"] == 0
    assert report["summary"]["steps"]["2"] == {"holds": 0, "fails": 0, "unknown": 0, "closed": 1}
    text, page = (run(gate, "audit", "--format", f).stdout for f in ("text", "html"))
    assert "1 closed: the web interface is off, what it is provisioned with counts." in text
    assert "The web interface of 1 is off: what they are provisioned with counts." in page
    assert page.count('<span class="s closed">closed</span>') >= 3
    assert 'Reception <span class="s closed">closed</span></summary>' in page
    assert gate.record(event="phone_audited", phone_id="101")["steps"] == \
        "1=closed 2=closed 3=holds 4=closed beyond=unknown"


def test_a_closed_phone_falls_short_without_a_file_that_would_do(closed, tmp_path):
    gate, phone = closed
    path = gate.dir / "provisioning" / "000413A1B2C3.xml"
    good = path.read_text()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path.rename(elsewhere / path.name)
    unknown = {"1": "unknown", "2": "unknown", "3": "holds", "4": "unknown", "beyond": "unknown"}
    status, said, findings = steps(gate)
    assert (status, said) == (1, unknown)
    assert all("harden --provision" in f["mend"] for f in findings if f["state"] == "unknown")
    # the directory of another server
    done = run(gate, "audit", "--format", "json", "--provisioning", str(elsewhere))
    assert done.returncode == 0 and '"2": "closed"' in done.stdout
    for text in (good.replace(">off</admin_mode>", ">on</admin_mode>"),
                 good.replace(">off</webserver_type>", ">https</webserver_type>"),
                 good.replace("</settings>", ""), ""):
        assert text != good
        path.write_text(text)
        path.chmod(0o600)
        assert steps(gate)[:2] == (1, unknown)
    path.write_text(good)
    path.chmod(0o644)       # others can write down what stands there
    assert steps(gate)[:2] == (1, unknown)
    path.chmod(0o600)
    assert steps(gate)[0] == 0
    phone.set(webserver_type="https")
    phone.reboot()          # its web interface is back, with what the file said
    gate_module.wait_for(lambda: not phone.state()["booting"], 10, "the phone is back")
    status, said, _ = steps(gate)
    assert status == 1 and said["3"] == "fails" and "closed" not in said.values()


def test_a_closed_phone_proves_nothing_and_loses_nothing(closed):
    gate, _ = closed
    vault = run(gate, "secret", "show", "101").stdout
    done = run(gate, "harden", "--provisioned", "--all")
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0, "101: its web interface is off, so nothing can be proven")
    assert run(gate, "secret", "show", "101").stdout == vault


def test_what_the_site_expects_is_in_the_file_and_on_the_phone(new_gate, new_phone, authority):
    gate, phone = fleet(new_gate, new_phone, authority, expect={"update_policy": "settings_only"})
    url = "https://localhost:%d/{mac}.xml?a&b" % gate.pull_port
    gate.rewrite(hardening={"check_every_s": 0, "expect": {"setting_server": url,
                                                           "update_policy": "auto_update"}})
    path = gate.dir / "provisioning" / "000413A1B2C3.xml"
    assert run(gate, "secret", "init").returncode == 0
    assert provision(gate).returncode == 0
    assert "setting_server" not in path.read_text()     # not of the guide
    done = provision(gate, "--beyond")
    assert done.returncode == 0, done.stderr
    text = path.read_text()
    assert '<setting_server perm="R">%s</setting_server>' % url.replace("&", "&amp;") in text
    assert '<update_policy perm="R">settings_only</update_policy>' in text
    assert "provisioning_order" not in text             # nobody said
    gate.start()
    point_at(phone, gate)
    assert phone.pull()["ok"]
    gate_module.wait_for(lambda: not phone.state()["booting"], 10, "the phone is back")
    after = phone.settings()
    gate.secrets += [after[k] for k in ("http_pass", "service_mode_password",
                                        "admin_mode_password", "keyboard_lock_pw")]
    assert (after["setting_server"], after["update_policy"]) == (url, "settings_only")
    done = run(gate, "audit", "--format", "json", "101")
    said = {f["name"]: f["state"] for f in json.loads(done.stdout)["phones"][0]["findings"]}
    assert said["setting_server"] == said["update_policy"] == "holds", done.stdout


def test_the_password_to_fetch_with_is_in_the_file(new_gate, new_phone, authority):
    gate, phone = fleet(new_gate, new_phone, authority, provisioning={"from_vault": True})
    assert run(gate, "secret", "init").returncode == 0
    gate.start()
    done = provision(gate)
    assert (done.returncode, done.stderr) == (0, "")     # the running gate was told
    text = (gate.dir / "provisioning" / "000413A1B2C3.xml").read_text()
    assert '<http_client_user perm="R">000413A1B2C3</http_client_user>' in text
    password = text.split('<http_client_pass perm="R">')[1].split("<")[0]
    gate.secrets.append(password)
    assert fetch(gate, "/000413A1B2C3.xml", auth=digest("000413A1B2C3", password)).text == text


def test_passwords_are_kept_before_a_file_is_written(new_gate, new_phone, authority):
    """Interrupted between the vault and the files: the next run writes what the vault has."""
    gate, _ = fleet(new_gate, new_phone, authority)
    assert run(gate, "secret", "init").returncode == 0
    (gate.dir / "in-the-way").write_text("")
    done = run(gate, "harden", "--provision", str(gate.dir / "in-the-way"))
    assert done.returncode == 1 and "not a directory" in done.stderr
    kept = run(gate, "secret", "show", "101").stdout
    assert kept.count("candidate") == 4
    assert provision(gate).returncode == 0
    assert run(gate, "secret", "show", "101").stdout == kept
    text = (gate.dir / "provisioning" / "000413A1B2C3.xml").read_text()
    for line in kept.splitlines():
        assert ">%s<" % line.split("\t")[2] in text


def test_what_cannot_be_provisioned_is_named(new_gate, new_phone, authority):
    gate, phone = fleet(new_gate, new_phone, authority)
    done = provision(gate)
    assert done.returncode != 0
    assert run(gate, "secret", "init").returncode == 0
    entries = gate.config["phones"]
    gate.rewrite(phones=entries + (dict(entries[0], id="102", host="102.phones.localhost",
                                        mac="000413A1B2C4", profile="mitel"),
                                   {k: v for k, v in dict(entries[0], id="103", host="103.phones.localhost"
                                                          ).items() if k != "mac"}))
    done = provision(gate)
    assert done.returncode == 1
    assert done.stderr.splitlines()[:2] == [
        "phonegate harden: 102: its profile says nothing about hardening",
        "phonegate harden: 103: the configuration does not say its MAC"]
    assert done.stdout.startswith("wrote 1 file(s) to ") and done.stdout.endswith(", failed: 2\n")
    assert [p.name for p in (gate.dir / "provisioning").iterdir()] == ["000413A1B2C3.xml"]


def test_each_reason_why_a_file_is_not_written(new_gate, new_phone, authority, tmp_path):
    """Named in the record and to the person, with the setting that it is about."""
    gate, _ = fleet(new_gate, new_phone, authority)
    assert run(gate, "secret", "init").returncode == 0
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    snom = (gate_module.ROOT / "policy" / "profiles" / "snom.cfg").read_text(encoding="utf-8")
    (profiles / "snom.cfg").write_text(snom, encoding="utf-8")
    start = "harden = ("
    assert snom.count(start) == 1
    (profiles / "more.cfg").write_text(snom.replace(
        start, start + '{ step = 4; setting = "other_pw"; want = "set"; secret = true; '
        'why = "test"; },'), encoding="utf-8")
    gate._secret("blank", " begins-with-a-blank\n")
    first = gate.config["phones"][0]

    def other(i, **more):
        entry = dict(first, id=i, host=i + ".phones.localhost", mac="000413A1B" + i, **more)
        return {k: v for k, v in entry.items() if v is not None}
    gate.rewrite(profiles_dir=profiles, phones=(
        first, other("201", login=None, admin_login=None, login_required=False),
        other("202", login={"user": "gate", "password_file": "blank"}), other("203"), other("204"),
        other("205", profile="more")))
    done = subprocess.run([gate_module.program(), "secret", "set", "203", "admin_mode_password", "-c",
                           str(gate.file)], input="0000\n", text=True, capture_output=True, check=False,
                          timeout=20)
    assert done.returncode == 0, done.stderr
    (gate.dir / "provisioning").mkdir(mode=0o700, exist_ok=True)
    (gate.dir / "provisioning" / "000413A1B204.xml").mkdir()
    done = provision(gate)
    assert done.returncode == 1 and done.stdout.endswith(", failed: 5\n"), done.stderr
    for phone, reason, setting, words in (
            ("201", "no_account", "http_user", "the configuration names no such account"),
            ("202", "value_not_taken", "http_pass", "its value cannot stand in such a file"),
            ("203", "step_falls_short", "admin_mode_password",
             "with this value the step would not hold"),
            ("204", "not_written", None, ""), ("205", "unknown_setting", "other_pw", "unknown_setting")):
        record = gate.record(event="phone_provisioned", phone_id=phone)
        assert (record["outcome"], record["reason"], record.get("setting")) == (
            "failed", reason, setting)
        line = next(t for t in done.stderr.splitlines() if t.startswith("phonegate harden: %s: " % phone))
        assert words in line and (setting or "000413A1B204.xml") in line
    assert sorted(p.name for p in (gate.dir / "provisioning").iterdir() if p.is_file()) == [
        "000413A1B2C3.xml"]


def test_a_directory_that_others_can_enter_and_a_strange_file(new_gate, new_phone, authority):
    gate, phone = fleet(new_gate, new_phone, authority)
    assert run(gate, "secret", "init").returncode == 0
    directory = gate.dir / "elsewhere"
    directory.mkdir(mode=0o755)
    directory.chmod(0o755)
    done = run(gate, "harden", "--provision", str(directory))
    assert done.returncode == 1 and "others" in done.stderr
    assert not list(directory.iterdir())
    directory.chmod(0o700)
    (directory / "000413A1B2C3.xml").symlink_to(gate.dir / "users")
    done = run(gate, "harden", "--provision", str(directory))
    assert done.returncode == 1 and "not a regular file" in done.stderr
    (directory / "000413A1B2C3.xml").unlink()
    (directory / "000413A1B2C3.xml").write_text("old")
    (directory / "000413A1B2C3.xml").chmod(0o644)
    assert run(gate, "harden", "--provision", str(directory)).returncode == 0
    assert (directory / "000413A1B2C3.xml").stat().st_mode & 0o777 == 0o600
