"""A real browser reads a Digest-only phone through the gate."""

import pytest

import browser as browser_module

pytestmark = pytest.mark.skipif(not browser_module.program(), reason="no chromium")
WHOLE = """[window.loaded, [...document.images].filter(i => i.complete && i.naturalWidth).length,
            document.styleSheets.length]"""
MODES = {"host": ("101.phones.localhost", ""), "path": ("gate.localhost", "/phone/101")}


@pytest.fixture
def browse(request):
    open_ones = []

    def make(gate, user):
        open_ones.append(browser_module.Browser((user, gate.passwords[user]) if user else None))
        return open_ones[-1]
    yield make
    for b in open_ones:
        b.close()


@pytest.mark.parametrize("mode", MODES)
def test_page_with_12_assets(new_gate, new_phone, browse, mode):
    """The done-when of the gate: at most one 401 of the phone in all, never two requests at once."""
    phone = new_phone(ms=5)
    gate = new_gate({"101": phone})
    host, prefix = MODES[mode]
    b = browse(gate, "bob")
    b.open("https://%s:%d%s/" % (host, gate.port, prefix))
    assert b.run("document.title") == "snom D785"
    assert b.run(WHOLE) == [3, 7, 3]        # scripts, pictures, style sheets (one twice)
    assert b.prompts == ["https://%s:%d" % (host, gate.port)]
    counters = phone.counters()
    assert counters["unauthorized"] <= 1 and counters["failed_logins"] == 0
    assert counters["peak_in_flight"] == 1 and counters["garbled"] == 0
    targets = {r["target"] for r in phone.seen()}
    assert len([t for t in targets if t.startswith(("/css/", "/js/", "/img/"))]) == 12


def test_the_phone_is_asked_once_for_what_a_page_is_made_of(new_gate, new_phone, browse):
    """The gate's copies serve the later visits. (This browser, which is told to overlook certificates,
    keeps nothing itself: the 304 stand in test_asset_cache.)"""
    phone = new_phone(ms=5)
    gate = new_gate({"101": phone})
    b = browse(gate, "bob")
    for _ in range(4):
        b.open("https://101.phones.localhost:%d/" % gate.port)
        assert b.run(WHOLE) == [3, 7, 3]
        b.open("about:blank")
    asked = [r["target"] for r in phone.seen()]
    assets = [t for t in asked if t.startswith(("/css/", "/js/", "/img/"))]
    assert len(assets) == len(set(assets)) == 12
    assert asked.count("/") == 4 and len(b.prompts) == 1
    gate.record(cache="hit", path="/css/main.css")


@pytest.mark.parametrize("mode", MODES)
def test_links_of_both_kinds(new_gate, new_phone, browse, mode):
    """Relative ones and ones that start at the root stay on their phone."""
    phone = new_phone()
    gate = new_gate({"101": phone})
    host, prefix = MODES[mode]
    b = browse(gate, "bob")
    b.open("https://%s:%d%s/" % (host, gate.port, prefix))
    for link in ("/prefs.htm", "adr.htm", "/info.htm"):
        b.click("#menu a[href='%s']" % link)
        assert b.run("location.pathname") == prefix + "/" + link.lstrip("/")
    assert "Mac: 000413A1B2C3" in b.run("document.body.innerText")
    assert len(b.prompts) == 1 and phone.counters()["unauthorized"] <= 1


@pytest.mark.parametrize("mode", MODES)
def test_administrator_saves_a_form(new_gate, new_phone, browse, mode):
    """The preferences' form sends the keyboard lock along, so the grant names step 4."""
    phone = new_phone()
    gate = new_gate({"101": phone}, grants=(
        {"users": ["alice"], "role": "admin", "phones": ["*"], "allow": ["step4"]},))
    host, prefix = MODES[mode]
    b = browse(gate, "alice")
    b.open("https://%s:%d%s/prefs.htm" % (host, gate.port, prefix))
    b.run("document.forms[0].elements['language'].value = 'Islenska'")
    b.click("input[value=Save]")
    assert phone.settings()["language"] == "Islenska"
    assert len(b.prompts) == 1


def test_frames_in_path_mode(new_gate, new_phone, browse):
    phone = new_phone()
    gate = new_gate({"101": phone})
    b = browse(gate, "alice")
    b.open("https://gate.localhost:%d/phone/101/frames.htm" % gate.port)
    assert b.run("Array.from(frames, f => f.location.pathname)") == ["/phone/101/adr.htm",
                                                                   "/phone/101/info.htm"]


def test_403_does_not_prompt(site, browse):
    b = browse(site, "bob")
    b.open("https://gate.localhost:%d/phone/101/settings.htm" % site.port)
    assert "administrator" in b.run("document.body.innerText")
    assert len(b.prompts) == 1


def test_portal_then_phone_one_prompt(site, browse):
    b = browse(site, "bob")
    b.open("https://gate.localhost:%d/" % site.port)
    b.click("a[href*='/phone/101/']")
    assert b.run("document.title") == "snom D785"
    assert len(b.prompts) == 1


def test_stranger_who_cancels_sees_a_page_of_ours(site, browse):
    b = browse(site, None)
    b.open("https://gate.localhost:%d/phone/101/" % site.port)
    assert "snom" not in b.run("document.body.innerText").lower()
    assert site.phones["101"].counters()["requests"] == 0
