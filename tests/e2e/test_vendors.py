"""The real gate in front of simulated phones of other vendors, with the profiles as they are shipped:
each person comes with their own login and leaves with the phone's, and what a profile denies never
reaches the phone. Where each behaviour of a phone is written stands in tests/phones/vendorlib/."""

import base64
import subprocess

import pytest

import gate as gate_module
from rawhttp import Client, head

ADMIN = ("admin", "svc-0f9e8d7c6b5a4321")
PERSONS_PAGE = {"yealink-t2x": "/cgi-bin/ConfigManApp.com?Id=1", "mitel": "/",
                "cisco-spa": "/advanced", "cisco-mpp": "/",
                "poly-vvx": "/index.htm"}
ADMINS_PAGE = {"yealink-t2x": "/cgi-bin/ConfigManApp.com?Id=26", "mitel": "/configurationServer.html",
               "cisco-spa": "/admin/cfg.xml", "cisco-mpp": "/admin/advanced",
               "poly-vvx": "/provConf.htm"}
# (who, method, target, body): bob is a user, alice an administrator.
DENIED = {
    "yealink-t2x": [("bob", "GET", "/cgi-bin/ConfigManApp.com?key=Reboot", None),
                    ("bob", "GET", "/cgi-bin/ConfigManApp.com?Id=26", None),
                    ("bob", "GET", "/cgi-bin/ConfigManApp.com?Id=1&Id=26", None),
                    ("bob", "GET", "/cgi-bin/ConfigManApp.com?Id=1;key=Reboot", None),
                    ("bob", "POST", "/cgi-bin/ConfigManApp.com", "PAGEID=16&CONFIG_DATA=x"),
                    ("alice", "GET", "/cgi-bin/cgiServer.exx?download=/etc/passwd", None),
                    ("alice", "POST", "/cgi-bin/cgiServer.exx", "command=reboot")],
    "mitel": [("bob", "GET", "/logout.html", None), ("bob", "GET", "/sysinfo.html", None),
              ("bob", "POST", "/configurationServer.html", "tftp=192.0.2.9"),
              ("bob", "POST", "/reset.html", "resetOption=0"),
              ("alice", "POST", "/reset.html", "resetOption=2"),
              ("alice", "POST", "/reset.html", "resetOption=0&resetOption=2"),
              ("alice", "GET", "/8021xsupport.html", None),
              ("alice", "POST", "/8021xsupport.html", "hostname=x")],
    "cisco-spa": [("bob", "GET", "/admin/reboot", None), ("bob", "GET", "/ADMIN/cfg.xml", None),
                  ("bob", "POST", "/advanced", "a=b"),
                  ("alice", "GET", "/admin/upgrade?tftp://192.0.2.9/fw.bin", None),
                  ("alice", "GET", "/admin/resync?http://192.0.2.9/x.cfg", None),
                  ("alice", "POST", "/CGI/Execute", "XML=x")],
    "poly-vvx": [("bob", "POST", "/form-submit/Reboot", "a=b"),
                 ("bob", "GET", "/provConf.htm", None),
                 ("alice", "POST", "/form-submit/Utilities/restorePhoneToFactory", None),
                 ("alice", "GET", "/api/v1/mgmt/device/info", None)],
}
DENIED["cisco-mpp"] = DENIED["cisco-spa"]
VENDORS = sorted(DENIED)
OWN = [("Origin", "https://gate.localhost"), ("Sec-Fetch-Site", "same-origin")]


def vendor_phone(new_phone, vendor, **options):
    return new_phone(vendor=vendor, login=("user", None), service=ADMIN, hardened=False, **options)


@pytest.fixture
def behind(new_gate, new_phone):
    """behind(vendor) -> (gate, phone)"""
    def make(vendor, **config):
        phone = vendor_phone(new_phone, vendor)
        return new_gate({"101": phone}, **config), phone
    return make


def send(session, method, target, body, headers=()):
    more = list(headers) + (OWN if method == "POST" else [])
    if method == "POST":
        return session.post("/phone/101" + target, body or "", more)
    return session.request(method, "/phone/101" + target, more)


def of_kind(phone, kind):
    return [n["text"] for n in phone.counters()["notes"] if n["kind"] == kind]


def directly(phone, *pieces, pause=0.0, timeout=20.0):
    with Client(phone.port, timeout=timeout) as c:
        c.send(*pieces, pause=pause)
        return c.read()


def basic(user, password):
    return "Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode()


# --- every one -----------------------------------------------------------------------------------

@pytest.mark.parametrize("vendor", VENDORS)
def test_a_person_reads_with_the_phones_own_account(behind, sign_in, vendor):
    gate, phone = behind(vendor)
    page = "/phone/101" + PERSONS_PAGE[vendor]
    answer = sign_in(gate, "bob").get(page)
    assert answer.status == 200 and answer.body
    assert answer.one("www-authenticate") is None
    assert [r["user"] for r in phone.seen()] == ["user"]
    admin = sign_in(gate, "alice")
    assert admin.get("/phone/101" + ADMINS_PAGE[vendor]).status == 200
    assert phone.seen()[-1]["user"] == "admin"
    for request in phone.counters()["last"]:
        assert request["violations"] == []
    counters = phone.counters()
    assert counters["failed_logins"] == 0 and counters["peak_in_flight"] == 1


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_the_profile_denies_the_phone_never_sees(behind, sign_in, vendor):
    gate, phone = behind(vendor)
    people = {user: sign_in(gate, user) for user in ("alice", "bob")}
    for user, method, target, body in DENIED[vendor]:
        answer = send(people[user], method, target, body)
        assert answer.status == 403, (user, method, target)
        assert gate.record(status=403, user=user)["reason"] == "rule_denied", target
    counters = phone.counters()
    assert counters["requests"] == 0 and counters["connections"] == 0 and counters["notes"] == []


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_phone_without_a_password_is_not_served(new_gate, new_phone, sign_in, vendor):
    """Factory state of most of them: open to anybody on the network, and to nobody through the gate."""
    phone = vendor_phone(new_phone, vendor, no_login=True)
    gate = new_gate({"101": phone})
    assert sign_in(gate, "bob").get("/phone/101" + PERSONS_PAGE[vendor]).status == 502
    assert gate.record(status=502)["reason"] == "phone_not_hardened"
    for request in phone.counters()["last"]:
        assert "authorization" not in [name.lower() for name, _ in request["headers"]]


# --- Basic: B01 to B04 ---------------------------------------------------------------------------

@pytest.mark.parametrize("vendor", ["mitel", "poly-vvx", "yealink-t2x"])
def test_C01_basic_goes_only_where_the_profile_says_so(new_gate, new_phone, sign_in, vendor):
    """The same phone with a profile that wants Digest gets no password at all."""
    phone = vendor_phone(new_phone, vendor)
    phone.entry = {"profile": "cisco-spa"}
    gate = new_gate({"101": phone})
    assert sign_in(gate, "bob").get("/phone/101/").status == 502
    assert gate.record(status=502)["reason"] == "phone_not_hardened"
    for request in phone.counters()["last"]:
        assert "authorization" not in [name.lower() for name, _ in request["headers"]]


def test_C01_digest_where_a_phone_offers_it_though_basic_would_do(new_gate, new_phone, sign_in):
    phone = new_phone()
    phone.entry = {"profile": "mitel"}
    gate = new_gate({"101": phone})
    sign_in(gate, "bob").get("/phone/101/")
    sent = [v for r in phone.counters()["last"] for n, v in r["headers"]
            if n.lower() == "authorization"]
    assert all(v.startswith("Digest ") for v in sent)


@pytest.mark.parametrize("vendor", ["mitel", "poly-vvx", "yealink-t2x"])
def test_B01_no_basic_without_tls(new_gate, new_phone, vendor):
    phone = vendor_phone(new_phone, vendor)
    phone.entry = {"profile": vendor, "url": "http://127.0.0.1:%d" % phone.port,
                   "allow_plain_http": True}
    gate = new_gate({"101": phone}, start=False)
    gate.config["phones"][0].pop("tls")
    gate.file.write_text(gate_module.libconfig_file(gate.config), encoding="utf-8")
    for command in ("check", "serve"):
        ran = subprocess.run([gate_module.program(), command, "-c", str(gate.file)], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False)
        assert ran.returncode == 1, ran.stdout
        assert "sends the password itself, so the url has to be https://" in ran.stdout
    assert phone.counters()["connections"] == 0


def test_B03_B04_each_phone_gets_its_own_password_and_no_other(new_gate, new_phone, sign_in):
    phones = {i: vendor_phone(new_phone, "mitel") for i in ("101", "102")}
    gate = new_gate(phones)
    person = sign_in(gate, "bob")
    for _ in range(2):
        for i in phones:
            assert person.get("/phone/%s/" % i).status == 200
    for phone in phones.values():
        sent = {v for r in phone.counters()["last"] for n, v in r["headers"]
                if n.lower() == "authorization"}
        assert sent == {basic("user", phone.password)}
    assert phones["101"].password != phones["102"].password


def test_C08_one_wrong_password_and_no_second(new_gate, new_phone, sign_in):
    phone = vendor_phone(new_phone, "mitel")
    right, phone.password = phone.password, "wrong"
    gate = new_gate({"101": phone})
    gate.secrets.append(right)
    person = sign_in(gate, "bob")
    for _ in range(3):
        assert person.get("/phone/101/").status == 502
    assert phone.counters()["failed_logins"] == 1


# --- Yealink, old --------------------------------------------------------------------------------

def test_yealink_answers_of_http_1_0_without_a_length(behind, sign_in):
    gate, phone = behind("yealink-t2x")
    person = sign_in(gate, "alice")
    for _ in range(3):
        answer = person.get("/phone/101/cgi-bin/ConfigManApp.com?Id=1")
        assert answer.status == 200 and b"status of the phone" in answer.body and not answer.cut
    assert phone.counters()["failed_logins"] == 0


def test_yealink_forms_keep_their_order(behind, sign_in):
    gate, phone = behind("yealink-t2x")
    form = "PAGEID=16&CONFIG_DATA=%C3%BE1%C3%BEtftp%3A%2F%2F192.0.2.9"
    answer = send(sign_in(gate, "alice"), "POST", "/cgi-bin/ConfigManApp.com", form)
    assert answer.status == 200 and of_kind(phone, "form") == [form]


def test_yealink_reboots_for_administrators(behind, sign_in):
    gate, phone = behind("yealink-t2x")
    answer = send(sign_in(gate, "alice"), "GET", "/cgi-bin/ConfigManApp.com?key=Reboot", None, OWN)
    assert answer.status == 200 and phone.counters()["reboots"] == 1


# --- Mitel ---------------------------------------------------------------------------------------

def test_mitel_forms_count_only_after_sysinfo(behind, sign_in):
    gate, phone = behind("mitel")
    person = sign_in(gate, "alice")
    form = "protocol=TFTP&tftp=192.0.2.9"
    answer = send(person, "POST", "/configurationServer.html", form)
    assert answer.status == 200 and of_kind(phone, "form") == []
    assert send(person, "GET", "/sysinfo.html", None).status == 200
    answer = send(person, "POST", "/configurationServer.html", form)
    assert b"Provisioning complete" in answer.body
    assert of_kind(phone, "form") == ["/configurationServer.html " + form]


def test_mitel_restarts_for_administrators(behind, sign_in):
    gate, phone = behind("mitel")
    assert send(sign_in(gate, "alice"), "POST", "/reset.html", "resetOption=0").status == 200
    assert of_kind(phone, "reset") == ["resetOption=0"] and phone.counters()["reboots"] == 1


def test_mitel_hangs_when_head_and_body_come_apart(behind):
    _, phone = behind("mitel")
    headers = [("Authorization", basic(*ADMIN)), ("Content-Length", "3")]
    with pytest.raises(TimeoutError):
        directly(phone, head("POST", "/sysinfo.html", headers=headers), b"a=b", pause=0.1, timeout=0.7)
    assert directly(phone, head("POST", "/sysinfo.html", headers=headers) + b"a=b").status == 200


@pytest.mark.parametrize("size", [1, 1000, 15000, 16384, 30000])
def test_mitel_gets_head_and_the_bodys_begin_in_one_segment(behind, sign_in, size):
    gate, phone = behind("mitel", limits={"phone_first_byte_s": 3})
    person = sign_in(gate, "alice")
    send(person, "GET", "/sysinfo.html", None)
    answer = send(person, "POST", "/globalSIPsettings.html", "a=" + "b" * (size - 2) if size > 1 else "a")
    assert answer.status == 200 and len(of_kind(phone, "form")) == 1


# --- Cisco ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("vendor", ["cisco-spa", "cisco-mpp"])
def test_cisco_challenge_with_two_blanks_and_a_domain(behind, sign_in, vendor):
    gate, phone = behind(vendor)
    challenge = directly(phone, head("GET", "/")).one("www-authenticate")
    assert challenge.startswith('Digest  realm="spa user",domain="/"')
    person = sign_in(gate, "bob")
    for _ in range(4):
        assert person.get("/phone/101/").status == 200
    counters = phone.counters()
    assert counters["unauthorized"] == 2 and counters["failed_logins"] == 0


def test_cisco_404_without_a_length(behind, sign_in):
    gate, phone = behind("cisco-spa")
    person = sign_in(gate, "alice")
    for _ in range(2):
        answer = person.get("/phone/101/nothing.here")
        assert answer.status == 404 and b"not found" in answer.body and not answer.cut
        assert person.get("/phone/101/").status == 200
    assert phone.counters()["failed_logins"] == 0


def test_cisco_urls_that_act_need_their_exception(behind, sign_in):
    grants = ({"users": ["alice"], "role": "admin", "phones": ["*"], "allow": ["firmware-url"]},
              {"users": ["carol"], "role": "admin", "phones": ["*"]},
              {"users": ["bob"], "role": "user", "phones": ["*"], "allow": ["firmware-url"]})
    gate, phone = behind("cisco-mpp", grants=grants)
    target = "/admin/upgrade?http://192.0.2.9/fw.loads"
    for user in ("carol", "bob"):
        assert send(sign_in(gate, user), "GET", target, None, OWN).status == 403
    assert of_kind(phone, "upgrade") == []
    assert send(sign_in(gate, "alice"), "GET", target, None, OWN).status == 200
    assert of_kind(phone, "upgrade") == ["http://192.0.2.9/fw.loads"]
    assert send(sign_in(gate, "carol"), "GET", "/admin/resync", None, OWN).status == 200
    assert of_kind(phone, "resync") == [""]


def test_cisco_execute_is_open_at_the_phone_and_closed_at_the_gate(behind, sign_in):
    gate, phone = behind("cisco-spa")
    assert send(sign_in(gate, "alice"), "POST", "/CGI/Execute", "XML=x").status == 403
    assert of_kind(phone, "execute") == []
    direct = directly(phone, head("POST", "/CGI/Execute", headers=[("Content-Length", "5")]) + b"XML=x")
    assert direct.status == 200 and of_kind(phone, "execute") == ["XML=x"]


# --- Poly ----------------------------------------------------------------------------------------

def poly_login(person):
    """What the pages' scripts do: (headers of the session, token)."""
    answer = send(person, "POST", "/form-submit/auth.htm", None)
    assert answer.status == 200 and answer.body == b"lockparams|SUCCESS|0"
    cookie = answer.one("set-cookie").split(";")[0]
    page = person.get("/phone/101/index.htm", [("Cookie", cookie)])
    token = page.text().partition('content="')[2].partition('"')[0]
    return [("Cookie", cookie), ("Referer", "https://gate.localhost/phone/101/index.htm")], token


def test_poly_session_referer_and_token_pass(behind, sign_in):
    gate, phone = behind("poly-vvx")
    person = sign_in(gate, "alice")
    session, token = poly_login(person)
    complete = session + [("anti-csrf-token", token)]
    for missing in complete:
        left = [h for h in complete if h != missing]
        assert send(person, "POST", "/form-submit", "444=x", left).status == 400, missing
    assert send(person, "POST", "/form-submit", "444=x", complete).status == 200
    assert of_kind(phone, "form") == ["/form-submit 444=x"]
    assert send(person, "POST", "/form-submit/Reboot", None, complete).status == 200
    assert phone.counters()["reboots"] == 1


def test_poly_has_one_session_and_users_submit_nothing(behind, sign_in):
    gate, phone = behind("poly-vvx")
    session, token = poly_login(sign_in(gate, "alice"))
    user = sign_in(gate, "bob")
    assert send(user, "POST", "/form-submit/auth.htm", None).status == 412
    before = phone.counters()["requests"]
    stolen = session + [("anti-csrf-token", token)]
    assert send(user, "POST", "/form-submit/Reboot", None, stolen).status == 403
    assert phone.counters()["requests"] == before


# --- Yealink, new: the phone's own form, and its cookie -------------------------------------------

LOGIN_PAGE = "/servlet?m=mod_listener&p=login&q=loginForm"
LOGIN = "/servlet?m=mod_listener&p=login&q=login"
STATUS = "/servlet?m=mod_data&p=status&q=load"
RESTART = "/servlet?m=mod_data&p=settings-upgrade&q=reboot"


def yealink_login(person, user, password):
    """What the page's script does; (cookie of the session, token of the status page)."""
    page = send(person, "GET", LOGIN_PAGE, None)
    assert page.status == 200 and b"g_rsa_n" in page.body
    cookie = [("Cookie", page.one("set-cookie").split(";")[0])]
    form = "username=%s&pwd=%s&rsakey=1f&rsaiv=2e" % (user, password)
    answer = send(person, "POST", LOGIN, form, cookie)
    assert answer.status == 200 and answer.body == b'{"authstatus": "done"}'
    status = send(person, "GET", STATUS, None, cookie)
    return cookie, status.text().partition('g_strToken = "')[2].partition('"')[0]


def test_yealink_form_and_cookie_pass(behind, sign_in):
    gate, phone = behind("yealink")
    person = sign_in(gate, "bob")
    page = send(person, "GET", LOGIN_PAGE, None)
    assert "Path=/phone/101/" in page.one("set-cookie") and "Secure" in page.one("set-cookie")
    assert b"g_strToken" not in send(person, "GET", STATUS, None).body      # not signed in there yet
    cookie, token = yealink_login(person, "user", phone.password)
    assert token
    assert b"g_strToken" in send(person, "GET", STATUS, None, cookie).body
    for request in phone.counters()["last"]:
        assert "authorization" not in [name.lower() for name, _ in request["headers"]]
        assert request["violations"] == []


def test_yealink_the_phones_administrator_is_still_a_user_at_the_gate(behind, sign_in):
    gate, phone = behind("yealink")
    person = sign_in(gate, "bob")
    cookie, token = yealink_login(person, *ADMIN)
    before = phone.counters()["requests"]
    for method, target, body in [
            ("GET", "/servlet?m=mod_configfile&q=exportcfgconfig&type=all", None),
            ("GET", STATUS + "&p=settings-autop", None), ("GET", STATUS + ";q=reboot", None),
            ("GET", RESTART, None), ("POST", RESTART, "token=" + token),
            ("POST", LOGIN, "username=a&pwd=b&p=settings-upgrade&q=reboot&token=" + token),
            ("POST", STATUS, "token=" + token), ("GET", "/servlet?key=Reboot", None)]:
        assert send(person, method, target, body, cookie).status == 403, (method, target, body)
    assert phone.counters()["requests"] == before and phone.counters()["notes"] == []


def test_yealink_administrators_restart_and_press_no_keys_by_url(behind, sign_in):
    gate, phone = behind("yealink")
    person = sign_in(gate, "alice")
    cookie, token = yealink_login(person, *ADMIN)
    for method, target, body in [
            ("GET", "/servlet?key=Reboot", None),
            ("POST", "/servlet?m=mod_data&p=settings-upgrade&q=reset", "token=" + token)]:
        assert send(person, method, target, body, cookie + OWN).status == 403, target
    target = "/servlet?m=mod_data&p=account-register&q=write"
    assert send(person, "POST", target, "token=" + token, cookie).status == 200
    assert send(person, "POST", RESTART, "token=" + token, cookie).status == 200
    counters = phone.counters()
    assert of_kind(phone, "key") == [] and of_kind(phone, "form") == ["account-register write"]
    assert counters["reboots"] == 1
