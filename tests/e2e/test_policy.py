"""Who may do what on a Snom phone: parameters in query and body, in every spelling."""

import pytest

FORM = "application/x-www-form-urlencoded"
ORIGIN = ("Origin", "https://gate.localhost")


def post(session, target, form, content_type=FORM, headers=(ORIGIN,)):
    return session.post(target, form, headers, content_type)


def reached(gate):
    """What the phone was asked with a login."""
    return [(r["method"], r["target"]) for r in gate.phones["101"].seen()]


@pytest.mark.parametrize("path", ["/", "/index.htm", "/prefs.htm", "/info.htm", "/adr.htm",
                                  "/css/main.css", "/js/menu.js", "/img/logo.png", "/img/dial.gif"])
def test_users_read(site, sign_in, path):
    assert sign_in(site, "bob").get("/phone/101" + path).status == 200


@pytest.mark.parametrize("path", """screen.bmp settings.cfg settings.xml settings_wo_default.xml
tbook.xml tbook.csv param_map param_map_structs state_of_gui.htm state_of_identity.htm
dirty_hosts.htm dialplan.xml trace.pcap dummy.htm strings.csv log.htm
certificates_unknown_certs.htm subscriptions.htm trace.htm http_trace.htm memstat.htm support.htm
line_login.htm action.htm pcap.htm dnscache.htm update.htm settings.htm line_sip.htm line_nat.htm
line_rtp.htm line_features.htm changed_settings.htm contacts.htm debug.htm modules.htm media.htm
xml_entities.htm command.htm confirm.htm minibrowser.htm advanced.htm advanced_network.htm
advanced_update.htm label_screen.bmp exp_screen.bmp unknown_page.htm snomControl.swf""".split())
def test_U08_administrators_pages(site, sign_in, path):
    """The vendor's list, what is missing from it, and what nobody knows: never for a user."""
    bob = sign_in(site, "bob")
    for spelling in (path, path.upper(), "%%%02x" % ord(path[0]) + path[1:]):
        assert bob.get("/phone/101/" + spelling).status == 403, spelling
    assert reached(site) == []


def test_administrators_read_them(site, sign_in):
    alice = sign_in(site, "alice")
    for path in ("settings.htm", "advanced.htm", "trace.pcap", "SETTINGS.HTM", "unknown.htm"):
        assert alice.get("/phone/101/" + path).status in (200, 404), path
    assert {r["user"] for r in site.phones["101"].seen()} == {"service"}


def test_two_accounts_by_role(site, sign_in):
    sign_in(site, "bob").get("/phone/101/info.htm")
    sign_in(site, "alice").get("/phone/101/info.htm")
    assert [r["user"] for r in site.phones["101"].seen()] == ["gate", "service"]


def test_the_phones_admin_mode_is_not_trusted(site, sign_in):
    site.phones["101"].set(admin_mode="on")
    try:
        assert sign_in(site, "bob").get("/phone/101/settings.htm").status == 403
        assert reached(site) == []
    finally:
        site.phones["101"].set(admin_mode="off")


@pytest.mark.parametrize("query", [
    "settings=save&http_pass=x", "Settings=Save", "dialeddel=0", "MISSEDDEL=1", "receiveddel",
    "NUMBER=0900", "x=1", "l=1&settings=save", "l=1;settings=save", "a=ok&a=save", "a=save&a=ok",
    "%73ettings=save", "settings%3dsave", "=x", "=", "&x", ";x=1",
])
@pytest.mark.parametrize("path", ["/index.htm", "/prefs.htm", "/"])
def test_U05_R16_any_query_of_a_user_is_a_change(site, sign_in, path, query):
    assert sign_in(site, "bob").get("/phone/101%s?%s" % (path, query)).status in (400, 403)
    assert reached(site) == []


@pytest.mark.parametrize("content_type, body", [
    (FORM, "settings=save&http_pass=x"), (FORM, "NUMBER=0900"), (FORM, "a;b=c"),
    ("text/plain", "http_pass:x\r\nSettings:Apply\r\n"), ("application/octet-stream", "a=b"),
    ("multipart/form-data; boundary=b",
     '--b\r\nContent-Disposition: form-data; name="NUMBER"\r\n\r\n1\r\n--b--\r\n'),
    ("", "a=b"),
])
def test_U06_any_body_of_a_user_is_a_change(site, sign_in, content_type, body):
    bob = sign_in(site, "bob")
    for path in ("/index.htm", "/prefs.htm"):
        answer = post(bob, "/phone/101" + path, body, content_type)
        assert answer.status in (400, 403)
    assert reached(site) == []


def test_administrators_change_things(site, sign_in):
    phone = site.phones["101"]
    name, value = phone.state()["hidden_tag"]
    form = "language=Suomi&Settings=Save&%s=%s" % (name, value)
    assert post(sign_in(site, "alice"), "/phone/101/prefs.htm", form).status == 200
    assert phone.settings()["language"] == "Suomi"


@pytest.mark.parametrize("target", [
    "/dummy.htm?swload=load&firmware=http://x", "/dummy.htm?FIRMWARE=x", "/update.htm?firmware=x",
    "/index.htm?a=b&swload=load", "/index.htm?a=b;swload=load",
    "/advanced_update.htm?reset=Reset", "/advanced_network.htm?reset=Reset",
    "/advanced.htm?reset=Reset", "/advanced.htm?RESET=Reset", "/advanced.htm?x=1;reset=Reset",
    "/advanced.htm?re%73et=Reset", "/set_base_en.htm", "/minibrowser.htm?url=http://x",
    "/MINIBROWSER.htm?URL=http://x", "/minibrowser.htm?a=1&url=x",
])
def test_few_things_are_denied_to_everybody(site, sign_in, target):
    alice = sign_in(site, "alice")
    assert alice.get("/phone/101" + target).status == 403
    path, _, query = target.partition("?")
    if query:
        assert post(alice, "/phone/101" + path, query).status in (200, 403, 404)
    notes = [n["kind"] for n in site.phones["101"].counters()["notes"]]
    assert not {"firmware", "reset", "fetch"} & set(notes)


def test_a_grant_may_allow_them_by_name(new_gate, new_phone, sign_in):
    phone = new_phone()
    gate = new_gate({"101": phone}, grants=(
        {"users": ["alice"], "role": "admin", "phones": ["*"], "allow": ["minibrowser-url"]},))
    alice = sign_in(gate, "alice")
    assert alice.get("/phone/101/minibrowser.htm?url=http://x").status == 200
    assert alice.get("/phone/101/advanced.htm?reset=Reset").status == 403
    assert [n["text"] for n in phone.counters()["notes"]] == ["http://x"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "PROPFIND"])
def test_other_methods(site, sign_in, method):
    s = sign_in(site, "alice")
    s.get("/")
    assert s.request(method, "/phone/101/info.htm").status in (400, 403, 405, 501)
    assert reached(site) == []


def test_no_grant_at_all(site, sign_in):
    assert sign_in(site, "carol").get("/phone/101/info.htm").status == 404


def test_403_is_no_challenge_and_says_what_to_do(site, sign_in):
    answer = sign_in(site, "bob").get("/phone/101/settings.htm")
    assert answer.status == 403 and not answer.all("www-authenticate")
    assert b"administrator" in answer.body and answer.one("content-type").startswith("text/html")
    assert site.record(status=403)["rule_id"] == "the vendor's pages for administrators"
