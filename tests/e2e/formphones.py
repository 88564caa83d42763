"""Simulated phones whose login is a form, and the recipes to log in to them, as a test writes them.
The shipped profiles have the same recipes; here they stand beside rules that let more through."""

import json
import secrets
import subprocess

import gate as gate_module

FORMS = gate_module.ROOT / "tests" / "phones" / "forms.py"

RECIPES = {
    "fanvil": {
        "steps": (
            {"request": "GET /", "take": ({"name": "nonce", "field": "nonce", "cookie": "auth"},),
             "make_cookies": ["auth={nonce}"]},
            {"request": "POST /", "fields": ["encoded={user}:{md5(user:password:nonce)}",
                                             "nonce={nonce}", "goto=Logon", "URL=/"],
             "refused": 'name="nonce"'}),
        "cookies": ["auth"],
        "logged_out": {"texts": ['name="nonce"']},
        "log_out": {"request": "POST /LogOut.htm", "fields": ["DefaultLogout=Logout"]},
    },
    "grandstream": {
        "steps": (
            {"request": "POST /cgi-bin/access", "fields": ["access={sha256(user)}"],
             "take": ({"name": "token", "json": "body"},)},
            {"request": "POST /cgi-bin/dologin",
             "fields": ["username={user}", "password={sha256(password+token)}"],
             "take": ({"name": "sid", "json": "sid"},), "refused": '"error"'}),
        "logged_out": {"texts": ["session-expired"]},
        "probe": "/cgi-bin/api-get_phone_status",
        "log_out": {"request": "POST /cgi-bin/dologout"},
    },
    "gigaset": {
        "steps": ({"request": "POST /login.html", "fields": ["language=1", "password={password}"],
                   "locations": ["/home.html", "/security_advice.html"]},),
        "logged_out": {"locations": ["/login.html"]},
        "probe": "/home.html",
        "log_out": {"request": "GET /logout.html"},
    },
}
# A page that needs a login, a change, and what the phone's own login is.
PAGE = {"fanvil": "/information.htm", "grandstream": "/cgi-bin/config_get",
        "gigaset": "/status_device.html"}
CHANGE = {"fanvil": "/config.htm", "grandstream": "/cgi-bin/config_update",
          "gigaset": "/settings_telephony_voip.html"}
OWN = {"fanvil": [("POST", "/"), ("POST", "/LogOut.htm")],
       "grandstream": [("POST", "/cgi-bin/access"), ("POST", "/cgi-bin/dologin"),
                       ("POST", "/cgi-bin/dologout")],
       "gigaset": [("POST", "/login.html"), ("GET", "/logout.html")]}
KINDS = sorted(RECIPES)


def profile(kind, **change):
    """The text of a profile that allows everything but what logs in and out."""
    paths = sorted({path for _, path in OWN[kind]} - {"/"})
    rules = ({"name": "the login is the gate's", "paths": paths, "allow": False},
             {"name": "the first page's form", "paths": ["/"], "methods": ["POST"], "allow": False},
             {"name": "all", "paths": ["*"], "parameters": ["*"], "allow": True})
    values = {"login": "form", "form": RECIPES[kind], "keep_alive_header": True, "rules": rules}
    values.update(change)
    return gate_module.libconfig_file(values)


class FormPhone(gate_module.Phone):
    def __init__(self, directory, kind, admin=None, profile_name=None, **switches):
        self.kind = kind
        self.user, self.password = "gate", "phone-" + secrets.token_hex(8)
        self.service = admin
        self.home = switches
        accounts = ["gate:" + self.password] + (["%s:%s" % admin] if admin else [])
        command = [gate_module.PYTHON, str(FORMS), "--kind", kind, "--until-eof", "--dir",
                   str(directory)]
        for account in accounts:
            command += ["--account", account]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        line = self.process.stdout.readline()
        assert line, "the phone did not start"
        self.info = json.loads(line)
        self.port, self.pin = self.info["port"], self.info["pin"]
        self.entry = {"profile": profile_name or kind}
        if switches:
            self.switch(**switches)

    def requests(self, path=None):
        return [r for r in self.counters()["last"] if path is None or r.get("target") == path]

    def cookies(self):
        """What came as Cookie, request by request."""
        return [v for r in self.requests() for n, v in r.get("headers", []) if n.lower() == "cookie"]

    def idle(self):
        counters = self.counters()
        return counters["in_flight"] == 0


def profiles(directory, **texts):
    """A profiles_dir with one profile for each kind, and others by name."""
    directory.mkdir(exist_ok=True)
    for kind in KINDS:
        (directory / (kind + ".cfg")).write_text(profile(kind), encoding="utf-8")
    for name, text in texts.items():
        (directory / (name + ".cfg")).write_text(text, encoding="utf-8")
    return directory
