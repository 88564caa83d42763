"""The simulated phone keeps its promises: tests of the gate are worth what this phone is worth."""

import re
import threading

import pytest
import requests
from requests.auth import HTTPBasicAuth, HTTPDigestAuth

import rawhttp

pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS")
SERVICE_AUTH = HTTPDigestAuth("service", "svc-0f9e8d7c6b5a4321")


def ask(phone, path, auth=None, **options):
    with requests.Session() as s:
        s.trust_env = False
        return s.get(phone.url + path, auth=auth, verify=False, timeout=30, allow_redirects=False,
                     **options)


def send(phone, path, form, auth):
    with requests.Session() as s:
        s.trust_env = False
        return s.post(phone.url + path, data=form, auth=auth, verify=False, timeout=30,
                      allow_redirects=False)


@pytest.fixture
def phone(new_phone):
    return new_phone()


@pytest.fixture
def login(phone):
    return HTTPDigestAuth("gate", phone.password)


def test_digest_login_and_odd_manners(phone, login):
    answer = ask(phone, "/info.htm", login)
    assert answer.status_code == 200 and answer.reason == "Ok"
    assert "Mac: 000413A1B2C3" in answer.text and "Hardware: D785" in answer.text
    assert answer.headers["Server"] == "snom embedded"
    assert answer.headers["Cache-Control"] == "no-cache, no-store"
    counters = phone.counters()
    assert counters["unauthorized"] == 1 and counters["requests"] == 2
    assert counters["failed_logins"] == 0 and counters["handshakes_full"] == 1


def test_factory_state_asks_for_nothing(new_phone):
    phone = new_phone(login=("", None), service=None, hardened=False)
    page = ask(phone, "/")
    assert page.status_code == 200 and "HTTP password not set" in page.text
    assert ask(phone, "/settings.htm").status_code == 200


def test_basic_where_http_scheme_is_off(new_phone):
    phone = new_phone(settings={"http_scheme": "off"})
    challenge = ask(phone, "/").headers["Www-Authenticate"]
    assert challenge == 'Basic REALM="snom"'
    assert ask(phone, "/", HTTPBasicAuth("gate", phone.password)).status_code == 200


def test_administrators_pages_need_the_mode_or_the_service_account(phone, login):
    assert ask(phone, "/settings.htm", login).status_code == 403
    assert ask(phone, "/settings.htm", SERVICE_AUTH).status_code == 200
    # The mode belongs to the phone: now everybody has it.
    assert ask(phone, "/settings.htm", login).status_code == 200
    phone.reboot()
    phone.reset()
    assert ask(phone, "/settings.htm", login).status_code == 403


def test_settings_change_by_get_only_where_queries_are_open(phone):
    ask(phone, "/dummy.htm?settings=save&keyboard_lock=on", SERVICE_AUTH)
    assert phone.settings()["keyboard_lock"] == "off"
    phone.set(use_hidden_tags="off", restrict_uri_queries="off")
    ask(phone, "/dummy.htm?Settings=save;KEYBOARD_LOCK=on", SERVICE_AUTH)
    assert phone.settings()["keyboard_lock"] == "on"


def test_forms_need_their_tag(phone, login):
    form = {"language": "Deutsch", "Settings": "Save"}
    assert send(phone, "/prefs.htm", form, login).status_code == 403
    name, value = phone.state()["hidden_tag"]
    assert '<input type="hidden" name="%s" value="%s">' % (name, value) in \
        ask(phone, "/prefs.htm", login).text
    assert send(phone, "/prefs.htm", dict(form, **{name: value}), login).status_code == 200
    assert phone.settings()["language"] == "Deutsch"


def test_webserver_type_waits_for_a_reboot(phone):
    phone.set(use_hidden_tags="off", restrict_uri_queries="off")
    send(phone, "/advanced_network.htm", {"webserver_type": "http", "Settings": "Save"},
         SERVICE_AUTH)
    assert phone.settings()["webserver_type"] == "http"
    assert phone.state()["boot"]["webserver_type"] == "https"
    with pytest.raises(requests.ConnectionError):
        ask(phone, "/confirm.htm?REBOOT=yes", SERVICE_AUTH)     # no status line, as the phone does
    assert phone.counters()["reboots"] == 1
    assert phone.state()["boot"]["webserver_type"] == "http"


def test_lockout_after_three_failures(phone, login):
    for _ in range(3):
        assert ask(phone, "/", HTTPDigestAuth("gate", "wrong")).status_code == 401
    assert ask(phone, "/", login).status_code == 403
    assert phone.counters()["failed_logins"] == 3 and phone.state()["locked"]


def test_two_requests_at_once_are_garbled(phone, login):
    phone.switch(ms=150)
    errors = []

    def one():
        try:
            ask(phone, "/", login)
        except requests.RequestException as error:
            errors.append(error)
    threads = [threading.Thread(target=one) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    counters = phone.counters()
    assert counters["peak_in_flight"] == 2 and counters["garbled"] >= 2 and errors


def test_one_after_the_other_is_never_garbled(phone, login):
    with requests.Session() as s:
        s.trust_env = False
        s.auth, s.verify = login, False
        for _ in range(30):
            assert s.get(phone.url + "/", timeout=30).status_code == 200
    counters = phone.counters()
    assert counters["peak_in_flight"] == 1 and counters["garbled"] == 0
    assert counters["connections"] == 1


def test_empty_reply_without_keep_alive(phone):
    with rawhttp.Client(phone.port) as c:
        c.send(rawhttp.head("GET", "/", "phone"))
        assert c.at_end()


def test_home_page_has_twelve_assets(phone, login):
    page = ask(phone, "/", login).text
    names = re.findall(r'(?:src|href)="((?:css|js|img)/[^"]+)"', page)
    assert len(set(names)) == 12
    for name in names:
        assert ask(phone, "/" + name, login).status_code == 200


def test_violations_are_noted(phone):
    with rawhttp.Client(phone.port) as c:
        c.send(rawhttp.head("GET", "/", "phone", [("Connection", "keep-alive"), ("Expect", "x"),
                                                  ("X-Forwarded-For", "a")]))
        c.read()
    assert phone.counters()["last"][-1]["violations"] == ["expect", "x-forwarded-for"]


def test_certificate_changes_and_pin_with_it(phone):
    assert phone.change_certificate() != phone.pin


def test_plain_port_of_an_https_only_phone(new_phone):
    phone = new_phone("--http-port", "0")
    url = "http://127.0.0.1:%d/" % phone.info["http_port"]
    answer = requests.get(url, allow_redirects=False, timeout=30)
    assert answer.status_code == 307 and answer.headers["Location"] == phone.url + "/"
    phone.switch(plain_answer="403")
    assert requests.get(url, timeout=30).status_code == 403
