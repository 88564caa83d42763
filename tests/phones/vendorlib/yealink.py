"""Yealink with a login form of its own.

[nmap] nmap-service-probes: the Server line.
[web] public code that signs in and uses the pages: loginForm with g_rsa_n and g_rsa_e, fields username,
pwd, rsakey, rsaiv, cookie JSESSIONID, JSON with authstatus, g_strToken of a page that forms bring back as
token, status, a restart by p=settings-upgrade&q=reboot.
[uri] public code that presses keys by URL; a phone may let addresses of its list do that.
How pwd is encrypted is not simulated: it is taken as it comes, and rsakey and rsaiv have to be there."""

import json
import secrets
import urllib.parse

from .basics import Page, VendorPhone, html, question


class Yealink(VendorPhone):
    LINES = (("Server", "yealink embed httpd"),)                                # [nmap]

    def __init__(self, *words):
        super().__init__(*words)
        self.forget()

    def forget(self):
        self.sessions = {}      # JSESSIONID -> (name or None, token)

    def open_to_all(self, req):
        return True             # who may what is the session's to say [web]

    def _session(self, req):
        for pair in (req.header("cookie") or "").split(";"):
            name, _, value = pair.strip().partition("=")
            if name == "JSESSIONID" and value in self.sessions:
                return value
        return None

    def page(self, req, login):
        path, _, pairs = question(req)
        if path != "/servlet":
            return html("first page") if path == "/" else html("no such page", 404)
        ask = dict(pairs)
        form = dict(urllib.parse.parse_qsl(req.body.decode("latin-1")))
        if "key" in ask:
            self.note("key", ask["key"])                                        # [uri]
            return html("pressed")
        if ask.get("p") == "login":
            return self._login(req, ask, form)
        session = self._session(req)
        if session is None or self.sessions[session][0] is None:
            return self._login_page()                                           # inferred
        if req.method == "POST" and form.get("token") != self.sessions[session][1]:
            return html("refused")                                              # [web]
        if ask.get("p") == "settings-upgrade" and ask.get("q") == "reboot":
            answer = html("rebooting")
            answer.after = self.reboot                                          # [web]
            return answer
        if req.method == "POST":
            self.note("form", "%s %s" % (ask.get("p"), ask.get("q")))
        return html('var g_strToken = "%s";' % self.sessions[session][1])       # [web]

    def _login_page(self):
        session = secrets.token_hex(8)
        self.sessions[session] = (None, secrets.token_hex(8))
        answer = html('var g_rsa_n = "c5"; var g_rsa_e = "10001";')             # [web]
        answer.headers.append(("Set-Cookie", "JSESSIONID=%s; path=/" % session))
        return answer

    def _login(self, req, ask, form):
        session = self._session(req)
        if ask.get("q") != "login" or session is None:
            return self._login_page()
        known = self.auth.accounts().get(form.get("username"), (None,))[0]
        right = known and form.get("pwd") == known and form.get("rsakey") and form.get("rsaiv")
        if right:
            self.sessions[session] = (form["username"], self.sessions[session][1])
        text = json.dumps({"authstatus": "done" if right else "none"})          # [web]
        return Page(200, text, [("Content-Type", "application/json")])
