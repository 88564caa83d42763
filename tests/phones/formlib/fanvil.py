"""Fanvil, and Atcom, which shares its base. Source: IssabelFoundation/endpointconfig2, vendors
Atcom.py and Fanvil.py.

  GET / without a session       a page with <input type="hidden" name="nonce" value="...">
  POST /                        encoded=USER:md5(USER:PASSWORD:NONCE), nonce, goto=Logon, URL, and the
                                nonce as cookie `auth`; 200 either way
  afterwards                    the cookie auth=NONCE is the session
  POST /LogOut.htm              DefaultLogout=Logout ends it; there are few sessions
  every request                 needs "Connection: keep-alive", or the output is cut

odd = "cookie": the nonce comes as cookie `auth` instead of in the page."""

import hashlib

from .base import FormPhone, Answer

PAGES = ("/", "/title.htm", "/information.htm", "/currentstat.htm", "/config.htm")


class Fanvil(FormPhone):
    def __init__(self, directory, accounts):
        super().__init__(directory, accounts)
        self.switches["needs_keep_alive"] = True
        self.nonces = set()

    def reset(self):
        super().reset()
        self.switches["needs_keep_alive"] = True

    def form(self):
        nonce = self.token()
        self.nonces.add(nonce)
        self.counters.add("forms")
        hidden = '<input type="hidden" name="nonce" value="%s">' % nonce
        headers = []
        if self.switches["odd"] == "cookie":
            hidden, headers = "<p>nonce in a cookie</p>", [("Set-Cookie", "auth=" + nonce)]
        return self.page("Login", '<form method="post" action="/">%s'
                         '<input type="text" name="username"><input type="password" name="password">'
                         '<input type="submit" value="Logon"></form>' % hidden, headers)

    def log_on(self, req):
        fields = self.fields(req)
        user, _, response = fields.get("encoded", "").partition(":")
        nonce = fields.get("nonce", "")
        text = "%s:%s:%s" % (user, self.accounts.get(user), nonce)
        right = user in self.accounts and nonce in self.nonces and \
            response == hashlib.md5(text.encode()).hexdigest() and \
            self.cookies(req).get("auth") == nonce
        self.nonces.discard(nonce)
        if not right:
            self.failed(user)
            return self.form()
        if not self.open_session(user, nonce):
            return self.form()
        return self.page("Welcome", "<p>Mac: none</p>", [("Set-Cookie", "lang=en")])

    def serve(self, req, path, entry):
        token = self.cookies(req).get("auth", "")
        if req.method == "POST" and path == "/" and "encoded" in self.fields(req):
            return self.log_on(req)
        user = self.user_of(token)
        entry["user"] = user or ""
        if user is None:
            return self.form()
        entry["login"] = "ok"
        if req.method == "POST" and path == "/LogOut.htm":
            self.sessions.pop(token, None)
            self.counters.add("logouts")
            return self.page("Logged out")
        if path not in PAGES:
            return Answer(404, b"<html>not found</html>\n")
        if req.method == "POST":
            self.note("change", "%s by %s" % (path, user))
        headers = self.set_cookie("auth=" + token) if self.switches["new_cookie"] else []
        return self.page("VoIP phone", "<p>%s for %s</p>" % (path, user), headers)
