"""The gate logs in to a phone's form: once for many, with a session of its own that nobody sees, and
never twice where it was refused (R19)."""

import threading
import time

import pytest

import formphones
from digestclient import Session
from gate import wait_for
from formphones import CHANGE, KINDS, OWN, PAGE, FormPhone

ORIGIN = [("Origin", "https://gate.localhost"), ("Referer", "https://gate.localhost/phone/101/")]
LIMITS = {"phone_connect_s": 2, "phone_first_byte_s": 1, "phone_stall_s": 1}


@pytest.fixture
def form_site(tmp_path, tmp_path_factory, new_gate):
    """form_site(kind) -> (gate, phone); the profile may be changed."""
    phones = []

    def make(kind, admin=None, text=None, limits=None, start=True, **switches):
        phone = FormPhone(tmp_path_factory.mktemp("phone"), kind, admin, **switches)
        phones.append(phone)
        directory = formphones.profiles(tmp_path / "profiles", **({kind: text} if text else {}))
        return new_gate({"101": phone}, start=start, profiles_dir=directory,
                        limits=limits or LIMITS), phone
    yield make
    for phone in phones:
        phone.stop()


def at(path):
    return "/phone/101" + path


def ask_many(gate, user, path, count):
    answers, lock = [], threading.Lock()

    def run():
        with Session(gate, user, timeout=30) as s:
            answer = s.get(at(path))
        with lock:
            answers.append(answer.status)
    threads = [threading.Thread(target=run) for _ in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return answers


def change(session, kind, body="a=1"):
    return session.post(at(CHANGE[kind]), body, ORIGIN)


# --- once for many -------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", KINDS)
def test_one_login_for_many_requests_of_many_people(form_site, kind):
    gate, phone = form_site(kind)
    assert ask_many(gate, "bob", PAGE[kind], 12) == [200] * 12
    assert ask_many(gate, "alice", PAGE[kind], 12) == [200] * 12
    counters = phone.counters()
    assert counters["logins"] == 1 and counters["failed_logins"] == 0
    assert counters["peak_in_flight"] == 1
    record = gate.record(status=200, path=PAGE[kind])
    assert record["upstream_account"] == "gate" and record["outcome"] == "allowed"


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_is_the_one_behind_the_login(form_site, sign_in, kind):
    gate, phone = form_site(kind)
    answer = sign_in(gate, "bob").get(at(PAGE[kind]))
    assert answer.status == 200 and PAGE[kind].encode() in answer.body
    assert not [v for r in phone.requests() for v in r["violations"]]


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_pages_are_whole_however_they_are_framed(form_site, sign_in, framing):
    gate, phone = form_site("fanvil", framing=framing)
    s = sign_in(gate, "bob")
    for _ in range(3):
        answer = s.get(at(PAGE["fanvil"]))
        assert answer.status == 200 and answer.body.endswith(b"</html>\n") and not answer.cut
    assert phone.counters()["logins"] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_phone_that_closes_after_each_answer(form_site, sign_in, kind):
    gate, phone = form_site(kind, keep_alive=False)
    s = sign_in(gate, "bob")
    for _ in range(4):
        assert s.get(at(PAGE[kind])).status == 200
    assert phone.counters()["logins"] == 1


def test_the_nonce_may_come_as_a_cookie(form_site, sign_in):
    gate, phone = form_site("fanvil", odd="cookie")
    assert sign_in(gate, "bob").get(at(PAGE["fanvil"])).status == 200
    assert phone.counters()["logins"] == 1


def test_gigaset_advice_is_a_login_too(form_site, sign_in):
    gate, phone = form_site("gigaset", odd="advice")
    assert sign_in(gate, "bob").get(at(PAGE["gigaset"])).status == 200


@pytest.mark.parametrize("kind", KINDS)
def test_the_shipped_profile_logs_in(tmp_path_factory, new_gate, sign_in, kind):
    phone = FormPhone(tmp_path_factory.mktemp("phone"), kind)
    try:
        gate = new_gate({"101": phone})
        s = sign_in(gate, "alice")
        for _ in range(3):
            assert s.get(at(PAGE[kind])).status == 200
        assert change(s, kind).status == 200
        for method, path in OWN[kind]:
            assert s.request(method, at(path), ORIGIN, b"a=1").status == 403
        counters = phone.counters()
        assert counters["logins"] == 1 and counters["failed_logins"] == 0
    finally:
        phone.stop()


# --- two accounts, two sessions ------------------------------------------------------------------

def test_admin_and_user_have_a_session_each(form_site, sign_in):
    gate, phone = form_site("fanvil", admin=("root", "root-5f2a9c"))
    bob, alice = sign_in(gate, "bob"), sign_in(gate, "alice")
    for _ in range(3):
        assert b"for gate" in bob.get(at(PAGE["fanvil"])).body
        assert b"for root" in alice.get(at(PAGE["fanvil"])).body
    assert phone.counters()["logins"] == 2 and phone.state()["sessions"] == ["gate", "root"]
    assert gate.record(user="alice")["upstream_account"] == "root"


# --- the session is the gate's alone -------------------------------------------------------------

@pytest.mark.parametrize("kind", KINDS)
def test_no_cookie_of_the_phone_reaches_the_browser(form_site, sign_in, kind):
    gate, phone = form_site(kind, new_cookie=True, extra_cookie="x=1; Path=/")
    s = sign_in(gate, "bob")
    for _ in range(3):
        answer = s.get(at(PAGE[kind]))
        assert answer.status == 200
        assert not [c for c in answer.all("set-cookie") if not c.startswith("__")], answer.head
        for token in phone.state()["tokens"]:
            assert token.encode() not in answer.octets if hasattr(answer, "octets") else True
            assert token not in gate.stderr() and token not in gate.log_text()


@pytest.mark.parametrize("kind", KINDS)
def test_no_cookie_of_the_browser_reaches_the_phone(form_site, sign_in, kind):
    gate, phone = form_site(kind)
    s = sign_in(gate, "bob")
    mine = "auth=evil; session-identity=evil; SessionID=evil; other=1"
    for _ in range(3):
        assert s.get(at(PAGE[kind]), [("Cookie", mine)]).status == 200
    assert phone.counters()["logins"] == 1
    assert phone.cookies() and not [c for c in phone.cookies() if "evil" in c or "other" in c]


@pytest.mark.parametrize("kind", KINDS)
def test_people_neither_log_in_nor_out(form_site, sign_in, kind):
    gate, phone = form_site(kind)
    s = sign_in(gate, "alice")
    assert s.get(at(PAGE[kind])).status == 200
    for method, path in OWN[kind]:
        body = b"password=x&encoded=y" if method == "POST" else None
        assert s.request(method, at(path), ORIGIN, body).status == 403
    assert s.get(at(PAGE[kind])).status == 200
    counters = phone.counters()
    assert counters["logins"] == 1 and counters["logouts"] == 0 and counters["failed_logins"] == 0


def test_a_script_that_speaks_of_the_login_is_no_login_page(form_site, sign_in):
    gate, phone = form_site("grandstream")
    s = sign_in(gate, "bob")
    assert b"session-expired" in s.get(at("/main.js")).body
    assert s.get(at(PAGE["grandstream"])).status == 200
    assert phone.counters()["logins"] == 1


# --- sessions that end ---------------------------------------------------------------------------

@pytest.mark.parametrize("kind", KINDS)
def test_a_session_that_is_over_is_renewed_once(form_site, sign_in, kind):
    gate, phone = form_site(kind)
    s = sign_in(gate, "bob")
    assert s.get(at(PAGE[kind])).status == 200
    phone.switch(forget=True)
    answer = s.get(at(PAGE[kind]))
    assert answer.status == 200 and PAGE[kind].encode() in answer.body
    assert phone.counters()["logins"] == 2


def test_many_requests_find_the_session_over_and_one_renews_it(form_site):
    gate, phone = form_site("fanvil", text=formphones.profile("fanvil", concurrent_requests=4))
    phone.switch(ms=20, parallel=True)
    assert ask_many(gate, "bob", PAGE["fanvil"], 8) == [200] * 8
    for rounds in range(2, 5):
        phone.switch(forget=True)
        assert ask_many(gate, "bob", PAGE["fanvil"], 12) == [200] * 12
        assert phone.counters()["logins"] == rounds
    assert phone.counters()["failed_logins"] == 0


def test_a_phone_that_restarts(form_site, sign_in):
    gate, phone = form_site("fanvil")
    s = sign_in(gate, "bob")
    assert s.get(at(PAGE["fanvil"])).status == 200
    phone.reboot()
    time.sleep(0.4)
    assert s.get(at(PAGE["fanvil"])).status == 200
    assert phone.counters()["logins"] == 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_is_never_sent_twice(form_site, sign_in, kind):
    gate, phone = form_site(kind)
    s = sign_in(gate, "alice")
    assert s.get(at(PAGE[kind])).status == 200
    phone.switch(forget=True)
    answer = change(s, kind)
    assert answer.status == 502 and gate.record(status=502)["reason"] == "phone_session_lost"
    assert len([r for r in phone.requests(CHANGE[kind]) if r["method"] == "POST"]) == 1
    assert change(s, kind).status == 200
    counters = phone.counters()
    assert counters["logins"] == 2
    assert len([n for n in counters["notes"] if n["kind"] == "change"]) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_first_change_follows_a_page_that_proves_the_session(form_site, sign_in, kind):
    gate, phone = form_site(kind)
    assert change(sign_in(gate, "alice"), kind, "long=" + "x" * 200_000).status == 200
    counters = phone.counters()
    assert counters["logins"] == 1
    posts = phone.requests(CHANGE[kind])
    assert len(posts) == 1 and posts[0]["body_len"] == 200_005 and posts[0]["login"] == "ok"


def test_a_get_with_parameters_counts_as_a_change(form_site, sign_in):
    gate, phone = form_site("gigaset")
    s = sign_in(gate, "alice")
    assert s.get(at(PAGE["gigaset"])).status == 200
    phone.switch(forget=True)
    assert s.get(at("/status_device.html?do=1")).status == 502
    assert s.get(at("/status_device.html?do=1")).status == 200
    assert len(phone.requests("/status_device.html?do=1")) == 2


# --- R19: one rejected password and no more ------------------------------------------------------

@pytest.mark.parametrize("kind", KINDS)
def test_R19_one_wrong_password_whoever_waits(form_site, kind):
    gate, phone = form_site(kind, start=False)
    (gate.dir / "secrets" / "101").write_text("not-the-password-81\n")
    gate.start()
    statuses = ask_many(gate, "bob", PAGE[kind], 50)
    assert set(statuses) == {502}
    assert phone.counters()["failed_logins"] == 1 and phone.counters()["logins"] == 0
    assert gate.record(status=502)["reason"] == "phone_credentials_rejected"
    assert ask_many(gate, "alice", PAGE[kind], 3) == [502] * 3
    assert phone.counters()["failed_logins"] == 1
    assert gate.stderr().count("phone.credentials_rejected") == 1


def test_R19_one_account_is_stopped_and_the_other_is_not(form_site, sign_in):
    gate, phone = form_site("fanvil", admin=("root", "root-5f2a9c"), start=False)
    (gate.dir / "secrets" / "101").write_text("not-the-password-81\n")
    gate.start()
    assert sign_in(gate, "bob").get(at(PAGE["fanvil"])).status == 502
    assert sign_in(gate, "alice").get(at(PAGE["fanvil"])).status == 200
    assert sign_in(gate, "bob").get(at(PAGE["fanvil"])).status == 502
    assert phone.counters()["failed_logins"] == 1


@pytest.mark.parametrize("kind", ["fanvil", "gigaset", "grandstream"])
def test_a_login_that_leads_nowhere_counts_as_rejected(form_site, kind):
    """The password was taken, it seems, and the form is shown all the same."""
    gate, phone = form_site(kind, refuse_sessions=True)
    assert set(ask_many(gate, "bob", PAGE[kind], 10)) == {502}
    assert phone.counters()["logins"] == 1
    assert "why=login_form" in gate.stderr()


def test_a_form_again_and_again_is_given_up(form_site, sign_in):
    """A page that shows the form to everybody: the session is proven by others."""
    text = formphones.profile("gigaset")
    gate, phone = form_site("gigaset", text=text)
    s = sign_in(gate, "bob")
    assert s.get(at(PAGE["gigaset"])).status == 200
    phone.switch(fault="raw", fault_path="/odd.html", raw="HTTP/1.1 302 Found\r\nLocation: "
                 "/login.html\r\nContent-Length: 0\r\n\r\n")
    assert s.get(at("/odd.html")).status == 502
    record = gate.record(path="/odd.html")
    assert record["reason"] in ("phone_login_form", "phone_credentials_rejected")
    assert phone.counters()["logins"] <= 2


# --- faults: a page of ours, and the next request works ------------------------------------------

def login_fault(gate, phone, kind, path, fault, **more):
    phone.switch(fault=fault, fault_path=path, fault_count=1, **more)
    with Session(gate, "bob", timeout=20) as s:
        answer = s.get(at(PAGE[kind]))
    assert answer.status in (502, 504), answer.status
    assert b"<html" in answer.body and b"phone-" not in answer.body
    phone.switch(fault="")
    return gate.record(status=answer.status)["reason"]


@pytest.mark.parametrize("fault", ["nothing", "reset", "garbage", "huge_head", "stall_before_head",
                                   "stall_mid_body", "close_mid_body", "length_and_chunked"])
def test_faults_of_the_login_page(form_site, sign_in, fault):
    gate, phone = form_site("fanvil")
    login_fault(gate, phone, "fanvil", "/", fault, fault_ms=3000)
    assert sign_in(gate, "bob").get(at(PAGE["fanvil"])).status == 200
    counters = phone.counters()
    assert counters["logins"] == 1 and counters["failed_logins"] == 0 and counters["in_flight"] == 0


@pytest.mark.parametrize("fault", ["nothing", "reset", "garbage", "stall_before_head",
                                   "close_mid_body"])
def test_a_password_that_nobody_answers_is_sent_once_more_at_most(form_site, sign_in, fault):
    gate, phone = form_site("gigaset")
    phone.switch(fault=fault, fault_path="/login.html", fault_ms=3000)
    s = sign_in(gate, "bob", timeout=20)
    for _ in range(4):
        assert s.get(at(PAGE["gigaset"])).status in (502, 504)
    posts = [r for r in phone.requests("/login.html") if r["method"] == "POST"]
    assert len(posts) == 2
    assert gate.record(status=502)["reason"] == "phone_credentials_rejected"
    assert "why=no_answer" in gate.stderr()


def test_one_unanswered_password_is_forgiven(form_site, sign_in):
    gate, phone = form_site("gigaset")
    login_fault(gate, phone, "gigaset", "/login.html", "nothing")
    for _ in range(3):
        assert sign_in(gate, "bob").get(at(PAGE["gigaset"])).status == 200


@pytest.mark.parametrize("odd, why", [
    ("twice", "values_differ"), ("no_sid", "no_value"), ("no_cookie", "no_cookie"),
    ("cookies", "cookie_limits"), ("large", "page_too_large"), ("loop", "status"),
])
def test_strange_answers_to_the_password_count_as_rejected(form_site, sign_in, odd, why):
    gate, phone = form_site("grandstream", odd=odd)
    for _ in range(3):
        assert sign_in(gate, "bob").get(at(PAGE["grandstream"])).status == 502
    assert len(phone.requests("/cgi-bin/dologin")) == 1
    assert "why=" + why in gate.stderr()
    assert phone.counters()["in_flight"] == 0


def test_a_page_without_the_nonce_sends_no_password(form_site, sign_in):
    gate, phone = form_site("fanvil", fault="raw", fault_path="/",
                            raw="HTTP/1.1 200 Ok\r\nContent-Length: 7\r\n\r\n<html/>")
    for _ in range(2):
        assert sign_in(gate, "bob").get(at(PAGE["fanvil"])).status == 502
    assert not [r for r in phone.requests() if r["method"] == "POST"]
    assert gate.record(status=502)["reason"] == "phone_login_not_understood"
    phone.switch(fault="")
    assert sign_in(gate, "bob").get(at(PAGE["fanvil"])).status == 200


def test_who_leaves_during_the_login_does_not_spoil_it(form_site, sign_in):
    gate, phone = form_site("fanvil", ms=150)
    for _ in range(4):
        s = Session(gate, "bob", timeout=0.1)
        try:
            s.get(at(PAGE["fanvil"]))
        except OSError:
            pass
        s.close()
    phone.switch(ms=0)
    assert sign_in(gate, "bob").get(at(PAGE["fanvil"])).status == 200
    counters = phone.counters()
    assert counters["logins"] == 1 and counters["failed_logins"] == 0


# --- reloads -------------------------------------------------------------------------------------

def test_a_reload_that_changes_nothing_keeps_the_session(form_site, sign_in):
    gate, phone = form_site("grandstream")
    s = sign_in(gate, "bob")
    assert s.get(at(PAGE["grandstream"])).status == 200
    gate.rewrite(realm=gate.config["realm"])
    gate.reload("config.reloaded")
    assert s.get(at(PAGE["grandstream"])).status == 200
    assert phone.counters()["logins"] == 1


def test_a_changed_recipe_is_another_phone(form_site, sign_in, tmp_path):
    gate, phone = form_site("grandstream")
    s = sign_in(gate, "bob")
    assert s.get(at(PAGE["grandstream"])).status == 200
    recipe = dict(formphones.RECIPES["grandstream"], probe="/cgi-bin/other")
    formphones.profiles(tmp_path / "profiles",
                        grandstream=formphones.profile("grandstream", form=recipe))
    gate.reload("config.reloaded")

    def logged_in_anew():       # a worker may still finish its round with the old configuration
        assert s.get(at(PAGE["grandstream"])).status == 200
        return phone.counters()["logins"] == 2
    wait_for(logged_in_anew, 2, "another login")
