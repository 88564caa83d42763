"""A real browser with a real prompt: one for the whole life of the password, whatever the gate does."""

import pytest

import browser as browser_module

pytestmark = pytest.mark.skipif(not browser_module.program(), reason="no chromium")
WHOLE = """[window.loaded, [...document.images].filter(i => i.complete && i.naturalWidth).length,
            document.styleSheets.length]"""
ALL = [3, 7, 3]     # scripts, pictures, style sheets (one twice)
MODES = {"host": ("101.phones.localhost", ""), "path": ("gate.localhost", "/phone/101")}


@pytest.fixture
def browse():
    open_ones = []

    def make(gate, user):
        open_ones.append(browser_module.Browser((user, gate.passwords[user])))
        return open_ones[-1]
    yield make
    for b in open_ones:
        b.close()


def look(browser, gate, mode):
    """The page with its twelve assets, none of them from the browser's own store."""
    host, prefix = MODES[mode]
    browser.call("Network.clearBrowserCache")
    browser.open("https://%s:%d%s/" % (host, gate.port, prefix))
    assert browser.run("document.title") == "snom D785"
    assert browser.run(WHOLE) == ALL


@pytest.mark.parametrize("mode", MODES)
def test_V28_R07_one_prompt_over_reload_and_restart(new_gate, new_phone, browse, mode):
    gate = new_gate({"101": new_phone(ms=5)}, state_dir="state")
    browser = browse(gate, "bob")
    look(browser, gate, mode)
    assert len(browser.prompts) == 1
    gate.reload("config.reloaded")
    look(browser, gate, mode)
    assert len(browser.prompts) == 1
    for _ in range(2):
        mark = len(gate.records())
        gate.close()
        gate.start()
        look(browser, gate, mode)
        assert len(browser.prompts) == 1, "the restart asked for a password"
        stale = [r for r in gate.records()[mark:] if r.get("status") == 401]
        assert stale and {r["reason"] for r in stale} == {"nonce_other_instance"}
    assert browser.run("navigator.cookieEnabled && document.cookie") == ""  # it was not a cookie


def test_V28_without_state_the_restart_asks(new_gate, browse):
    """That the test above can fail."""
    gate = new_gate()
    browser = browse(gate, "bob")
    look(browser, gate, "host")
    gate.close()
    gate.start()
    look(browser, gate, "host")
    assert len(browser.prompts) == 2


def test_expired_nonces_ask_nobody(new_gate, browse):
    gate = new_gate(state_dir="state", digest={"nonce_lifetime_s": 5})
    browser = browse(gate, "bob")
    look(browser, gate, "host")
    browser.run("new Promise(done => setTimeout(done, 5200))", awaitPromise=True)
    look(browser, gate, "host")
    assert len(browser.prompts) == 1
    assert gate.record(reason="nonce_expired", status=401)


def test_wrong_password_asks_again(new_gate, browse):
    gate = new_gate(state_dir="state")
    browser = browse(gate, "bob")
    browser.credentials = ("bob", "guess")
    tried = []

    def second_time_right(params, prompt=browser._prompt):
        prompt(params)
        tried.append(browser.credentials[1])
        browser.credentials = ("bob", gate.passwords["bob"])
    browser._prompt = second_time_right
    look(browser, gate, "path")
    assert len(browser.prompts) == 2 and tried[0] == "guess"
    gate.close()
    gate.start()
    look(browser, gate, "path")
    assert len(browser.prompts) == 2
