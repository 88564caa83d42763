"""The simulated phone can be hardened as a real one: factory state, permission flags, hidden tags,
provisioning, restarts, firmware before and after 10.1.185.0."""

import http.server
import re
import socket
import ssl
import threading
import time

import pytest
import requests
from requests.auth import HTTPDigestAuth

from gate import SLOWER, Fleet, wait_for

pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS")
NEW, OLD, V8 = "10.1.190.3", "10.1.184.15", "8.7.5.35"
SERVICE_AUTH = HTTPDigestAuth("service", "svc-0f9e8d7c6b5a4321")


def session(auth=None):
    s = requests.Session()
    s.trust_env, s.verify, s.auth = False, False, auth
    return s


def get(phone, path, auth=None, **options):
    with session(auth) as s:
        return s.get(phone.url + path, timeout=5, allow_redirects=False, **options)


def post(phone, path, form, auth=None):
    with session(auth) as s:
        return s.post(phone.url + path, data=form, timeout=5, allow_redirects=False)


@pytest.fixture
def factory(new_phone):
    def build(*words, **options):
        return new_phone(*words, login=("", None), service=None, hardened=False, **options)
    return build


def security_page(phone, auth=None):
    """Where a person would find it."""
    page = get(phone, "/advanced.htm", auth).text
    return "/" + re.search(r'<a href="(advanced_\w+\.htm)">QoS/Security</a>', page)[1]


def tag_of(page):
    return re.search(r'type="hidden" name="(\w+)" value="(\w+)"', page).groups()


# --- the factory state -------------------------------------------------------------------------

@pytest.mark.parametrize("firmware, password", [(OLD, "0000"), (NEW, ""), (V8, "0000")])
def test_the_factory_password_depends_on_the_firmware(factory, firmware, password):
    settings = factory("--firmware", firmware).settings()
    assert settings["admin_mode_password"] == password
    assert (settings["admin_mode"], settings["webserver_type"]) == ("on", "http_https")
    assert (settings["http_user"], settings["http_scheme"], settings["use_hidden_tags"]) == \
        ("", "off", "off")


@pytest.mark.parametrize("firmware, opens, stays", [
    (OLD, ["0000"], ["web"]), (NEW, ["web"], ["0000", ""]), (V8, ["0000"], ["web"])])
def test_an_empty_administrator_password(new_phone, firmware, opens, stays):
    phone = new_phone("--firmware", firmware, login=("gate", "web"),
                      settings={"admin_mode_password": "", "use_hidden_tags": "off"})
    auth = HTTPDigestAuth("gate", "web")
    for password in stays:
        post(phone, "/advanced.htm", {"ADMIN_PASSWORD": password}, auth)
        assert phone.settings()["admin_mode"] == "off"
    for password in opens:
        post(phone, "/advanced.htm", {"ADMIN_PASSWORD": password}, auth)
        assert phone.settings()["admin_mode"] == "on"      # for everybody


def test_firmware_8_has_fewer_settings_and_shows_its_secrets(factory):
    phone = factory("--firmware", "8.4.35.1", settings={"http_pass": "in-the-clear"})
    names = phone.settings()
    assert "webserver_admin_password" not in names and "allow_sip_settings" not in names
    phone.set(http_user="")
    assert "http_pass!: in-the-clear" in get(phone, "/settings.htm").text


def test_a_300_shows_everybodys_certificate_and_old_tls(factory):
    phones = [factory("--model", "snom320", "--firmware", V8, "--tls", "1.0", "--http-port", "0",
                      settings={"webserver_type": "https"}) for _ in range(2)]
    assert phones[0].pin == phones[1].pin
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.raises(ssl.SSLError), socket.create_connection(("127.0.0.1", phones[0].port)) as s:
        context.wrap_socket(s)
    with pytest.warns(DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", phones[0].port)) as s:
        with context.wrap_socket(s) as tls:
            assert tls.version() == "TLSv1"
    plain = requests.get("http://127.0.0.1:%d/" % phones[0].info["http_port"], timeout=5)
    assert plain.status_code == 403
    assert phones[0].change_certificate() != phones[1].pin


# --- pages and their tags ----------------------------------------------------------------------

def test_the_security_page_has_another_name_at_each_start(factory):
    paths = {security_page(factory()) for _ in range(2)}
    assert len(paths) == 2
    phone = factory()
    before = security_page(phone)
    phone.reboot()
    phone.reset()
    assert security_page(phone) != before
    assert get(phone, before).status_code == 404


def test_each_page_has_its_own_tag_and_a_restart_changes_it(new_phone):
    phone = new_phone(settings={"admin_mode": "on"})
    auth = HTTPDigestAuth("gate", phone.password)
    tags = [tag_of(get(phone, path, auth).text) for path in
            ("/prefs.htm", "/advanced_network.htm", security_page(phone, auth))]
    assert len({name for name, _ in tags}) == len({value for _, value in tags}) == 3
    form = {"language": "Suomi", "Settings": "Save"}
    assert post(phone, "/prefs.htm", dict(form, **dict([tags[1]])), auth).status_code == 403
    assert post(phone, "/prefs.htm", dict(form, **dict([tags[0]])), auth).status_code == 200
    phone.reboot()
    phone.reset()
    assert post(phone, "/prefs.htm", dict(form, **dict([tags[0]])), auth).status_code == 403
    assert phone.settings()["language"] == "Suomi"


def test_step_1_through_the_form_and_then_nothing_by_get(factory):
    phone = factory("--firmware", NEW)
    phone.set(restrict_uri_queries="off")
    get(phone, "/dummy.htm?settings=save&language=Deutsch")
    assert phone.settings()["language"] == "Deutsch"
    path = security_page(phone)
    form = {"http_user": "gate", "http_pass": "Secret-1", "http_scheme": "on",
            "use_hidden_tags": "on", "admin_mode_password": "Admin-1",
            "admin_mode_password_confirm": "Admin-1", "Settings": "Save"}
    assert post(phone, path, form).status_code == 200
    assert get(phone, "/").status_code == 401
    auth = HTTPDigestAuth("gate", "Secret-1")
    get(phone, "/dummy.htm?settings=save&language=Dansk", auth)
    assert post(phone, path, {"language": "Dansk", "Settings": "Save"}, auth).status_code == 403
    assert phone.settings()["language"] == "Deutsch"


def test_a_password_of_administrators_needs_its_confirmation(factory):
    phone = factory("--firmware", NEW)
    path = security_page(phone)
    for form in ({"admin_mode_password": "a"},
                 {"admin_mode_password": "a", "admin_mode_password_confirm": "b"}):
        post(phone, path, dict(form, Settings="Save"))
        assert phone.settings()["admin_mode_password"] == ""
    post(phone, path, {"admin_mode_password": "a", "admin_mode_password_confirm": "a",
                       "Settings": "Save"})
    assert phone.settings()["admin_mode_password"] == "a"


def test_stars_that_come_back_change_no_password(factory):
    phone = factory(settings={"service_mode_password": "kept"})
    path = security_page(phone)
    assert 'name="service_mode_password" value="********"' in get(phone, path).text
    post(phone, path, {"service_mode_password": "********", "Settings": "Save"})
    assert phone.settings()["service_mode_password"] == "kept"


def test_applied_is_lost_at_a_restart_and_saved_is_not(factory):
    phone = factory()
    for value, button, after in (("off", "Apply", "http_https"), ("https", "Save", "https")):
        post(phone, "/advanced_network.htm", {"webserver_type": value, "Settings": button})
        assert phone.settings()["webserver_type"] == value
        assert phone.state()["boot"]["webserver_type"] == "http_https"
        phone.reboot()
        phone.reset()
        assert phone.settings()["webserver_type"] == after


# --- dumps and flags ---------------------------------------------------------------------------

def test_dumps_carry_the_flags_of_provisioning(factory, setting_server):
    phone = factory()
    setting_server.rows = [("http_scheme", "R", "on"), ("admin_mode", "RW", "on"),
                           ("language", "!", "Svenska")]
    assert setting_server.pull(phone)["ok"]
    text = get(phone, "/settings.htm").text
    assert "http_scheme&amp;: on" in text and "admin_mode!: on" in text
    assert "language!: Svenska" in text
    xml = get(phone, "/settings.xml").text
    assert '<http_scheme perm="R">on</http_scheme>' in xml
    assert '<admin_mode perm="RW">on</admin_mode>' in xml
    # Read-only is read-only, in the form as well.
    path = security_page(phone)
    assert re.search('<select name="http_scheme" disabled>', get(phone, path).text)
    post(phone, path, {"http_scheme": "off", "admin_mode": "off", "Settings": "Save"})
    settings = phone.settings()
    assert (settings["http_scheme"], settings["admin_mode"]) == ("on", "off")


def test_what_a_person_changed_stays_or_not(factory, setting_server):
    phone = factory()
    setting_server.rows = [("language", "!", "Svenska"), ("tone_scheme", "RW", "SWE")]
    setting_server.pull(phone)
    post(phone, "/prefs.htm", {"language": "Suomi", "tone_scheme": "FIN", "Settings": "Save"})
    setting_server.pull(phone)
    settings = phone.settings()
    assert (settings["language"], settings["tone_scheme"]) == ("Suomi", "SWE")


# --- provisioning ------------------------------------------------------------------------------

class SettingServer:
    """A file for each phone that asks; plain HTTP, which is the phone's own business here."""

    def __init__(self):
        self.rows, self.body, self.seen, self.login = [], None, [], None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_GET(self):
                outer.seen.append((self.path, dict(self.headers)))
                if outer.login and self.headers.get("Authorization") != outer.login:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="settings"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                body = outer.body if outer.body is not None else outer.file()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = "http://127.0.0.1:%d/" % self.server.server_address[1]

    def file(self):
        rows = "".join('<%s perm="%s">%s</%s>' % (n, p, v, n) for n, p, v in self.rows)
        return ('<?xml version="1.0" encoding="utf-8"?>\n<settings><phone-settings e="2">%s'
                '</phone-settings></settings>' % rows).encode()

    def pull(self, phone, name="{mac}.xml"):
        phone.set(setting_server=self.url + name)
        return phone.pull()


@pytest.fixture
def setting_server():
    server = SettingServer()
    yield server
    server.server.shutdown()
    server.server.server_close()


def test_the_phone_asks_for_its_own_file_and_logs_in(factory, setting_server):
    phone = factory("--mac", "00041312AB34")
    setting_server.login = "Basic cGhvbmU6cHc="
    assert not setting_server.pull(phone)["ok"]
    phone.set(http_client_user="phone", http_client_pass="pw")
    assert setting_server.pull(phone, "")["ok"]
    path, headers = setting_server.seen[-1]
    assert path == "/snomD785-00041312AB34.htm"
    assert "snomD785-SIP" in headers["User-Agent"] and "00041312ab34" in headers["User-Agent"]
    setting_server.pull(phone)
    assert setting_server.seen[-1][0] == "/00041312AB34.xml"


@pytest.mark.parametrize("first, reboots", [(True, 1), (False, 0)])
def test_hardened_by_provisioning_alone(factory, setting_server, first, reboots):
    phone = factory("--http-port", "0", plain_answer="closed")
    rows = [("http_user", "R", "gate"), ("http_pass", "R", "Secret-1"), ("http_scheme", "R", "on"),
            ("use_hidden_tags", "R", "on"), ("admin_mode_password", "R", "Admin-1"),
            ("admin_mode_password_confirm", "R", "Admin-1"), ("admin_mode", "RW", "off"),
            ("keyboard_lock_pw", "R", "4711"), ("webserver_type", "R", "https")]
    auto = ("auto_reboot_on_setting_change", "R", "on")
    setting_server.rows = [auto] + rows if first else rows + [auto]
    plain = ("127.0.0.1", phone.info["http_port"])
    socket.create_connection(plain, 2).close()
    assert setting_server.pull(phone)["ok"]
    assert phone.counters()["reboots"] == reboots
    if not reboots:         # read too late: it waits for the next start
        assert phone.state()["boot"]["webserver_type"] == "http_https"
        return
    with pytest.raises(OSError):
        socket.create_connection(plain, 2)
    phone.reset()
    phone.switch(plain_answer="closed")
    assert get(phone, "/settings.htm", HTTPDigestAuth("gate", "Secret-1")).status_code == 403
    assert phone.state()["perms"]["http_pass"] == "R"


@pytest.mark.parametrize("body", [
    b"", b"<settings>", b"<tbook/>", b" " * (1 << 20) + b"<settings/>",
    b'<settings><phone-settings><a perm="Q">1</a></phone-settings></settings>'],
    ids=["empty", "cut", "another-root", "too-long", "odd-flag"])
def test_a_file_that_is_none_changes_nothing(factory, setting_server, body):
    phone = factory()
    before = phone.settings()
    setting_server.body = body
    assert not setting_server.pull(phone)["ok"]
    after = phone.settings()
    assert dict(after, setting_server="") == dict(before, setting_server="")


def test_the_phone_shows_its_certificate_where_it_is_asked(factory, ca, setting_server):
    """Over TLS: the server wants the phone's own certificate, and the phone checks the server's."""
    phone = factory()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(ca) + "/gate.crt", str(ca) + "/gate.key")
    context.load_verify_locations(phone.info["cert"])
    context.verify_mode = ssl.CERT_REQUIRED
    setting_server.server.socket = context.wrap_socket(setting_server.server.socket,
                                                       server_side=True)
    setting_server.url = setting_server.url.replace("http://127.0.0.1", "https://localhost")
    setting_server.rows = [("language", "RW", "Norsk")]
    stranger = factory()
    assert not setting_server.pull(stranger)["ok"]
    phone.set(tls_server_authentication="on")
    assert not setting_server.pull(phone)["ok"]     # an authority it does not know
    phone.switch(server_ca=str(ca) + "/ca.crt")
    assert setting_server.pull(phone)["ok"] and phone.settings()["language"] == "Norsk"


def test_the_phone_pulls_at_each_start(factory, setting_server):
    phone = factory(pull_at_boot=True)
    phone.set(setting_server=setting_server.url + "{mac}.xml")
    setting_server.rows = [("language", "RW", "Norsk")]
    phone.reboot()
    assert phone.settings()["language"] == "Norsk"


# --- restarts, ports, the lock -----------------------------------------------------------------

@pytest.mark.parametrize("answer", ["close", "hang"])
def test_silence_while_it_starts(factory, answer):
    phone = factory(reboot_ms=400, boot_answer=answer)
    with pytest.raises(requests.ConnectionError):
        post(phone, "/confirm.htm", {"REBOOT": "Yes"})      # no status line
    begun = time.monotonic()
    with pytest.raises(requests.RequestException):
        get(phone, "/")
    assert answer == "close" or time.monotonic() - begun > 0.2

    def is_up():
        try:
            return get(phone, "/").status_code == 200
        except requests.RequestException:
            return False
    wait_for(is_up, 3, "the phone is up again")
    assert phone.counters()["reboots"] == 1


def test_a_restart_is_asked_for_by_the_form(factory):
    phone = factory()
    page = get(phone, "/advanced_network.htm").text
    assert 'name="CONFIRM_REBOOT" value="Reboot"' in page
    question = post(phone, "/advanced_network.htm", {"CONFIRM_REBOOT": "Reboot"})
    assert 'action="confirm.htm"' in question.text and phone.counters()["reboots"] == 0


def test_no_web_interface_at_all(factory):
    phone = factory("--http-port", "0", settings={"webserver_type": "off"}, plain_answer="closed")
    for port in (phone.port, phone.info["http_port"]):
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", port), 2)
    phone.set(webserver_type="http_https")
    phone.reboot()
    phone.reset()
    assert get(phone, "/").status_code == 200


def test_port_1800_of_old_firmware(factory):
    phone = factory("--remote-port", "0")
    socket.create_connection(("127.0.0.1", phone.info["remote_port"]), 2).close()
    wait_for(lambda: phone.counters()["remote"] == 1, 2, "a connection to port 1800")


def test_the_lock_doubles(new_phone):
    phone = new_phone(lock_s=1)
    wrong = HTTPDigestAuth("gate", "wrong")
    for _ in range(3):
        get(phone, "/", wrong)
    assert phone.state()["locked"]
    wait_for(lambda: not phone.state()["locked"], 2, "the lock opens")
    begun = time.monotonic()
    for _ in range(3):
        get(phone, "/", wrong)
    wait_for(lambda: not phone.state()["locked"], 4, "the lock opens again")
    assert time.monotonic() - begun > 1.5


def test_the_service_account_reads_settings_in_user_mode(new_phone):
    phone = new_phone()
    auth = HTTPDigestAuth("gate", phone.password)
    assert get(phone, "/settings.xml", auth).status_code == 403
    answer = get(phone, "/settings.xml", SERVICE_AUTH)
    assert answer.status_code == 200 and phone.password not in answer.text


# --- many of them ------------------------------------------------------------------------------

@pytest.fixture
def fleet(tmp_path):
    made = []

    def build(*words):
        made.append(Fleet(tmp_path, *words))
        return made[-1]
    yield build
    for one in made:
        one.stop()


def test_many_phones_are_whole_phones(fleet):
    phones = fleet(6, "--http-port", "0", "--states", "hardened,factory,basic",
                   "--set", "http_pass=pw-{n}")
    seen = []
    for n in range(6):
        with session() as s:
            answer = s.get(phones.url(n) + "/settings.xml", timeout=5)
            plain = s.get(phones.url(n, "http") + "/", timeout=5, allow_redirects=False)
        seen.append((answer.status_code, answer.headers.get("WWW-Authenticate", "")[:6],
                     plain.status_code))
    assert seen == 2 * [(401, "Digest", 307), (200, "", 200), (401, "Basic ", 401)]
    for n, status in ((3, 200), (0, 401)):
        with session(HTTPDigestAuth("gate", "pw-3")) as s:
            assert s.get(phones.url(n) + "/info.htm", timeout=5).status_code == status
    with session() as s:
        assert "Mac: 000413000004" in s.get(phones.url(4, "http") + "/info.htm", timeout=5).text
    counters = phones.counters()
    assert counters["failed_logins"] == counters["most_failed_logins"] == 1
    phones.set(1, http_user="gate", http_pass="new")
    assert phones.settings(1)["http_pass"] == "new"
    with session() as s:
        assert s.get(phones.url(1) + "/", timeout=5).status_code == 401


def test_a_phone_of_many_restarts_and_is_silent(fleet):
    phones = fleet(2, "--states", "factory")
    post_url = phones.url(0) + "/confirm.htm"
    with session() as s, pytest.raises(requests.ConnectionError):
        s.post(post_url, data={"REBOOT": "Yes"}, timeout=5)
    with session() as s:
        assert s.get(phones.url(1) + "/", timeout=5).status_code == 200
    assert phones.counters()["reboots"] == 1


def test_a_thousand_phones_are_cheap(fleet):
    phones = fleet(1000)
    begun = time.monotonic()
    for n in range(0, 1000, 50):
        with session() as s:
            assert s.get(phones.url(n) + "/", timeout=5).status_code == 401
    assert time.monotonic() - begun < 10 * SLOWER
    assert phones.counters()["handshakes"] == 20
