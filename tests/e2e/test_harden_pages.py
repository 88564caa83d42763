"""The gate's readers and the simulated phone's pages: what `harden` will do, step by step, with the
transport in Python. No tag and no path is known beforehand."""

import pathlib
import subprocess

import pytest
import requests
from requests.auth import HTTPDigestAuth

from gate import ROOT, program

pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS")
STEPS = {"http_user": "gate", "http_pass": "W3b-&%+ password", "http_scheme": "on",
         "use_hidden_tags": "on", "admin_mode_password": "Adm1n=?\"<'",
         "admin_mode_password_confirm": "Adm1n=?\"<'"}


@pytest.fixture(scope="module")
def read():
    """The readers as a program: read(page, word...) -> lines, or None and the reason."""
    flavour = pathlib.Path(program()).resolve().parent.name
    name = "build/%s/harden_read" % flavour
    subprocess.run(["make", "-s", "FLAVOUR=" + flavour, name], cwd=ROOT, check=True)

    def run(page, *words):
        done = subprocess.run([str(ROOT / name), *words], input=page, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=20, check=False)
        assert done.returncode in (0, 1) and not done.stderr, done.stderr
        lines = done.stdout.decode().split("\n")[:-1]
        return lines if done.returncode == 0 else lines[0]
    return run


class Hand:
    """A person with a browser, as the gate is one."""

    def __init__(self, phone, read):
        self.phone, self.read, self.auth = phone, read, None

    def get(self, path):
        with requests.Session() as s:
            s.trust_env = False
            return s.get(self.phone.url + path, auth=self.auth, verify=False, timeout=5)

    def find(self, setting):
        """The page whose form holds the setting, looked for behind the links of two pages."""
        paths = []
        for start in ("/", "/advanced.htm"):
            links = self.read(self.get(start).content, "links")
            paths += [p for p in links if p.split("?")[0].endswith(".htm") and p not in paths]
        for path in paths:
            answer = self.get(path)
            if answer.status_code == 200 and \
                    isinstance(self.read(answer.content, "form", setting + "=", "Save"), list):
                return path, answer.content
            page = answer.content
            if self.read(page, "form", setting + "=", "Save") == "cannot be set":
                return path, page
        raise AssertionError("no page for " + setting)

    def send(self, lines):
        assert isinstance(lines, list), lines
        method, target, body = lines
        assert method == "POST"
        with requests.Session() as s:
            s.trust_env = False
            return s.post(self.phone.url + target, data=body.encode(), auth=self.auth,
                          verify=False, timeout=5,
                          headers={"Content-Type": "application/x-www-form-urlencoded"})

    def change(self, values, button="Save"):
        page = self.find(next(iter(values)))[1]
        pairs = ["%s=%s" % pair for pair in values.items()]
        return self.send(self.read(page, "form", *pairs, button))

    def settings(self, path="/settings.htm"):
        lines = self.read(self.get(path).content, "dump")
        return lines if isinstance(lines, str) else dict(l.split("\t", 1) for l in lines)


@pytest.fixture
def hand(new_phone, read):
    return lambda *words, **options: Hand(new_phone(*words, **options), read)


@pytest.mark.parametrize("firmware", ["10.1.184.15", "10.1.190.3", "8.7.5.35"])
def test_from_the_factory_state_to_all_four_steps(hand, firmware):
    h = hand("--firmware", firmware, "--http-port", "0", login=("", None), service=None,
             hardened=False)
    assert h.change(STEPS).status_code == 200
    h.auth = HTTPDigestAuth("gate", STEPS["http_pass"])
    assert h.get("/").status_code == 200
    assert h.change({"keyboard_lock_pw": "4711", "enable_keyboard_lock": "on"}).status_code == 200
    assert h.change({"webserver_type": "https"}).status_code == 200
    assert h.change({"admin_mode": "off"}).status_code == 200
    settings = h.phone.settings()
    want = dict(STEPS, keyboard_lock_pw="4711", webserver_type="https", admin_mode="off")
    del want["admin_mode_password_confirm"]
    assert {name: settings[name] for name in want} == want
    # In user mode neither the page nor the settings are to be had any more.
    assert h.get(h.phone.state()["security_path"]).status_code == 403
    assert h.settings() == "no_settings"
    # The restart is asked for by two forms.
    h.phone.set(admin_mode="on")
    question = h.send(h.read(h.get("/advanced_network.htm").content, "press", "CONFIRM_REBOOT",
                             "Reboot"))
    with pytest.raises(requests.ConnectionError):
        h.send(h.read(question.content, "press", "REBOOT", "Yes"))
    assert h.phone.counters()["reboots"] == 1
    assert h.phone.state()["boot"]["webserver_type"] == "https"
    h.phone.reset()
    assert h.get("/").status_code == 200 and h.phone.settings()["http_pass"] == STEPS["http_pass"]


def test_every_dump_says_the_same(hand):
    h = hand("--firmware", "8.4.35.1", login=("", None), service=None, hardened=False,
             settings={"phone_name": "A & B <\"'> \u00e4", "action_setup_url": "http://h/?a=1&amp=2"})
    dumps = [h.settings(path) for path in ("/settings.htm", "/settings.cfg", "/settings.xml")]
    assert dumps[0] == dumps[1] == dumps[2] == h.phone.settings()


def test_a_provisioned_setting_is_not_changed_by_its_form(hand):
    h = hand(login=("", None), service=None, hardened=False)
    page = h.find("http_scheme")[1].replace(b'<select name="http_scheme">',
                                            b'<select name="http_scheme" disabled>')
    assert h.read(page, "form", "http_scheme=on", "Save") == "cannot be set"


def test_pages_without_the_field_have_no_form(hand):
    h = hand(login=("", None), service=None, hardened=False)
    for path in ("/", "/info.htm", "/no-such-page.htm", "/prefs.htm", "/tbook.csv", "/screen.bmp"):
        assert h.read(h.get(path).content, "form", "http_user=x", "Save") == "form_not_found"


def test_a_page_that_was_cut_has_no_form(hand):
    h = hand(login=("", None), service=None, hardened=False)
    page = h.find("http_user")[1]
    assert isinstance(h.read(page, "form", "http_user=x", "Save"), list)
    end = page.index(b"</form>")
    for cut in range(0, end, 97):
        said = h.read(page[:cut], "form", "http_user=x", "Save")
        assert said in ("form_malformed", "form_not_found")
