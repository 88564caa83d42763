"""proxy/harden/fetch against the simulated phone: the requests that commands make by themselves."""

import pathlib
import subprocess

import pytest

from gate import ROOT, program


@pytest.fixture(scope="module")
def tool():
    flavour = pathlib.Path(program()).resolve().parent.name
    name = "build/%s/phone_fetch" % flavour
    subprocess.run(["make", "-s", "FLAVOUR=" + flavour, name], cwd=ROOT, check=True)
    return str(ROOT / name)


@pytest.fixture
def fetch(tool, new_gate, new_phone):
    """fetch(phone, word...) -> [(status, reason, nothing, length, location, first line)]"""
    def run(phone, *words):
        gate = new_gate({"101": phone}, start=False, limits={"phone_first_byte_s": 1,
                                                             "phone_stall_s": 1})
        done = subprocess.run([tool, str(gate.file), "101", *words], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, check=False, text=True)
        assert done.returncode == 0, done.stderr
        assert phone.password not in done.stderr + done.stdout
        return [line.split("\t") for line in done.stdout.split("\n")[:-1]]
    return run


def test_a_page_is_read_with_the_phones_login(fetch, new_phone):
    phone = new_phone()
    (page,) = fetch(phone, "GET", "/info.htm")
    assert page[0] == "200" and page[1] == "-" and int(page[3]) > 100
    assert phone.counters()["failed_logins"] == 0
    assert phone.seen()[-1]["user"] == phone.user


def test_the_service_account_opens_the_settings_and_one_connection_serves_all(fetch, new_phone):
    phone = new_phone()
    first, second = fetch(phone, "-a", "GET", "/settings.xml", "GET", "/settings.htm")
    assert first[0] == second[0] == "200" and first[5].startswith("<?xml")
    assert phone.counters()["connections"] == 1 and phone.counters()["garbled"] == 0


def test_a_wrong_password_is_sent_once_and_then_never_again(fetch, new_phone):
    phone = new_phone()
    phone.set(http_pass="another")
    first, second = fetch(phone, "GET", "/", "GET", "/info.htm")
    assert first[1] == second[1] == "phone_credentials_rejected"
    assert phone.counters()["failed_logins"] == 1


def test_another_certificate_gets_no_octet(fetch, new_phone):
    phone = new_phone()
    phone.change_certificate()
    (answer,) = fetch(phone, "GET", "/")
    assert answer[1] == "phone_pin_mismatch" and phone.counters()["requests"] == 0


def test_a_post_takes_its_body_along(fetch, new_phone):
    phone = new_phone()
    (answer,) = fetch(phone, "POST", "/command.htm", "key=F1")
    assert answer[0] in ("200", "302") and answer[1] == "-"
    assert phone.seen()[-1]["method"] == "POST" and phone.seen()[-1]["body_len"] == 6


def test_a_restart_is_an_answer_of_nothing(fetch, new_phone):
    phone = new_phone()
    (answer,) = fetch(phone, "-a", "POST", "/confirm.htm", "REBOOT=yes")
    assert answer[1:3] == ["phone_closed", "nothing"] or answer[0] in ("200", "302", "403"), answer


def test_a_page_that_is_too_long_is_given_up(fetch, new_phone):
    phone = new_phone()
    first, second = fetch(phone, "-a", "-m", "1000", "GET", "/settings.xml", "GET", "/info.htm")
    assert first[1] == "answer_too_long" and first[3] == "0"
    assert second[0] == "200"


@pytest.mark.parametrize("fault, reason", [("stall_before_head", "phone_first_byte_timeout"),
                                           ("stall_mid_body", "phone_stalled"),
                                           ("nothing", "phone_closed")])
def test_a_phone_that_falls_silent_is_given_up_in_time(fetch, new_phone, fault, reason):
    phone = new_phone(fault=fault, fault_path="/info.htm", fault_ms=5000)
    (answer,) = fetch(phone, "GET", "/info.htm")
    assert answer[1] == reason, answer


def test_B01_no_basic_in_clear_text_though_the_configuration_let_it_pass(fetch, new_phone):
    """The configuration refuses such a phone (test_vendors.py); what sends refuses it once more."""
    phone = new_phone("--http-port", "0", scheme="basic", settings={"webserver_type": "http_https"})
    clear = "http://127.0.0.1:%d" % phone.info["http_port"]
    phone.entry = {"url": phone.url}
    (page,) = fetch(phone, "-b", "GET", "/info.htm")        # over TLS it is a login like others
    assert page[:2] == ["200", "-"] and phone.counters()["failed_logins"] == 0
    phone.reset()
    phone.switch(scheme="basic")
    phone.entry = {"url": clear, "allow_plain_http": True, "tls": None}
    (page,) = fetch(phone, "-b", "GET", "/info.htm")
    assert page[:2] == ["0", "phone_credentials_unusable"]
    seen = phone.counters()["last"]
    assert seen and {r["kind"] for r in seen} == {"http"} and {r["status"] for r in seen} == {401}
    assert not any(n.lower() == "authorization" for r in seen for n, _ in r["headers"])


def test_a_phone_that_is_not_there(fetch, new_phone):
    phone = new_phone(refuse=True)
    (answer,) = fetch(phone, "GET", "/info.htm")
    assert answer[:3] == ["0", "phone_refused", "-"]
