"""Grandstream, the newer login. Sources: freesdn-docs.pages.dev, adapters/grandstream; public clients
of the GXP1625 and the WP826 (names of the fields, texts of errors, the Referer).

  POST /cgi-bin/access          access=sha256(USER): {"response":"success","body":"TOKEN"}
  POST /cgi-bin/dologin         username, password=sha256(PASSWORD TOKEN): {"body":{"sid":...}} and the
                                cookies session-identity and session-role
  POST without own Referer      403
  without a session             {"response":"error","body":"session-expired"}
  api.values.get?request=phone_model   needs no session
  POST /cgi-bin/dologout        ends it
  JSON is not strictly valid (IssabelFoundation/endpointconfig2, vendor Grandstream.py)

odd = "twice": two different sids in the answer; "no_sid"; "no_cookie"; "cookies": too many of them;
"large": an answer of 100 kB; "loop": dologin answers with a redirection to itself."""

import hashlib
import secrets

from .base import FormPhone, Answer


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def json_answer(text, headers=(), status=200):
    return Answer(status, text.encode(), "application/json", headers)


class Grandstream(FormPhone):
    def __init__(self, directory, accounts):
        super().__init__(directory, accounts)
        self.tokens = set()

    def access(self, req):
        digest = self.fields(req).get("access", "")
        token = secrets.token_hex(8)
        self.tokens.add(token)
        self.note("access", "known" if digest in map(sha256, self.accounts) else "unknown")
        return json_answer("{ 'response': 'success', \"body\" : \"%s\", }" % token)

    def log_on(self, req):
        fields = self.fields(req)
        user = fields.get("username", "")
        given = fields.get("password", "")
        used = [t for t in self.tokens if given == sha256(str(self.accounts.get(user)) + t)]
        self.tokens.clear()
        if user not in self.accounts or not used:
            self.failed(user)
            return json_answer('{"response":"error","body":"wrong3"}')
        sid = self.token()
        if not self.open_session(user, sid):
            return json_answer('{"response":"error","body":"locked"}')
        return self.welcome(sid)

    def welcome(self, sid):
        odd = self.switches["odd"]
        body = '{"response":"success", "body" :{"sid": "%s","role":"admin", defaultAuth:false,}}' % sid
        headers = [("Set-Cookie", "session-identity=%s;path=/;HttpOnly" % sid)]
        headers += self.set_cookie("session-role=admin; Path=/")
        if odd == "twice":
            body += '{"sid":"other"}'
        elif odd == "no_sid":
            body = '{"response":"success","body":{}}'
        elif odd == "no_cookie":
            headers = []
        elif odd == "cookies":
            headers += [("Set-Cookie", "c%d=%s" % (i, "x" * 200)) for i in range(12)]
        elif odd == "large":
            body += " " * 100_000
        elif odd == "loop":
            return Answer(302, b"", headers=[("Location", "/cgi-bin/dologin")])
        return json_answer(body, headers)

    def serve(self, req, path, entry):
        if req.method == "POST":
            own = "https://%s/" % self.authority()
            if not (req.header("referer") or "").startswith(own):
                return Answer(403, b"Forbidden", "text/plain")
            if path == "/cgi-bin/access":
                return self.access(req)
            if path == "/cgi-bin/dologin":
                return self.log_on(req)
        if path == "/cgi-bin/api.values.get" and self.query(req) == {"request": "phone_model"}:
            return json_answer('{"response":"success","body":{"phone_model":"GXP2170"}}')
        token = self.cookies(req).get("session-identity", "")
        user = self.user_of(token)
        entry["user"] = user or ""
        if path == "/":
            return self.page("Grandstream", "<script src=\"/main.js\"></script>")
        if path == "/main.js":
            return Answer(200, b"if (body == 'session-expired') again();", "application/javascript")
        if user is None:
            self.counters.add("forms")
            return json_answer('{"response":"error","body":"session-expired"}')
        entry["login"] = "ok"
        if path == "/cgi-bin/dologout":
            self.sessions.pop(token, None)
            self.counters.add("logouts")
            return json_answer('{"response":"success"}')
        if req.method == "POST":
            self.note("change", "%s by %s" % (path, user))
        headers = self.set_cookie("session-identity=" + token) if self.switches["new_cookie"] else []
        return json_answer('{"response":"success","body":{"path":"%s","user":"%s"}}' % (path, user),
                           headers)
