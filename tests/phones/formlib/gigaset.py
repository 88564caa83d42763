"""Gigaset IP bases (C470, C610, N510). Sources: wazo_gigaset, common_c/common.py; nmap's service
probes.

  without a session             302 to /login.html?id=N, a padded page, an empty Server field
  POST /login.html              language, password=PIN: 302 to /home.html or /security_advice.html, and
                                a cookie; with a wrong PIN 302 to /login.html
  GET /logout.html              ends the session

odd = "advice": the login leads to /security_advice.html; "away": to another page."""

from .base import FormPhone, Answer

PADDING = "<!-- this page must have 520 bytes or more -->" * 12


class Gigaset(FormPhone):
    SERVER = ""

    def found(self, where, headers=()):
        body = "<html><body><h1>302-Found</h1><a href='%s'>here</a>%s</body></html>" % (where, PADDING)
        return Answer(302, body.encode(), "text/html",
                      [("Location", self.location(where)), *headers])

    def log_on(self, req):
        pin = self.fields(req).get("password", "")
        if pin not in self.accounts.values():
            self.failed("pin")
            return self.found("/login.html?id=7")
        token = self.token()
        if not self.open_session("pin", token):
            return self.found("/login.html?id=8")
        where = {"advice": "/security_advice.html", "away": "/elsewhere.html"}
        return self.found(where.get(self.switches["odd"], "/home.html"),
                          self.set_cookie("SessionID=%s; path=/" % token))

    def serve(self, req, path, entry):
        if path == "/login.html":
            if req.method == "POST":
                return self.log_on(req)
            self.counters.add("forms")
            return self.page("Login", '<form method="post"><input name="password"></form>')
        token = self.cookies(req).get("SessionID", "")
        user = self.user_of(token)
        entry["user"] = user or ""
        if user is None:
            self.counters.add("forms")
            return self.found("/login.html?id=1")
        entry["login"] = "ok"
        if path == "/logout.html":
            self.sessions.pop(token, None)
            self.counters.add("logouts")
            return self.page("Logged out")
        if req.method == "POST":
            self.note("change", path)
        headers = self.set_cookie("SessionID=" + token) if self.switches["new_cookie"] else []
        return self.page("Gigaset", "<p>%s</p>" % path, headers)
