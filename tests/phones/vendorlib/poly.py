"""Poly VVX with UC Software 6.

[boot] Kibbles/polyboot and public code like it: Basic to /form-submit/auth.htm, answers "lockparams",
cookie "session", 401 to a form without it, csrf-token of index.htm as header anti-csrf-token.
[teams] jamescussen/Poly-VVX-Teams-SIP-Gateway-Tool: Referer needed, a second session refused.
That pages ask for Basic with a challenge is inferred from the 401; phones that show a form of their own
instead are not simulated, and not served by the gate either."""

import secrets

from .basics import Page, VendorPhone, html, question

TEXT = [("Content-Type", "text/plain")]
FORMS = ("/form-submit", "/form-submit/Reboot", "/form-submit/RebootSystem",
         "/form-submit/Utilities/restorePhoneToFactory",
         "/form-submit/Utilities/configuration/importFile")                     # [boot] [teams]


class PolyVvx(VendorPhone):
    SWITCHES = {"scheme": "basic", "realm": "SPIP Configuration Utility"}       # any would do

    def __init__(self, *words):
        super().__init__(*words)
        self.forget()

    def forget(self):
        self.session = self.token = None

    def page(self, req, login):
        path, _, _ = question(req)
        if path == "/form-submit/auth.htm" and req.method == "POST":
            return self._sign_in(req)
        if path in FORMS and req.method == "POST":
            return self._form(path, req)
        if path in ("/", "/index.htm"):
            self.token = self.token or secrets.token_hex(8)
            return html('<meta name="csrf-token" content="%s">' % self.token)   # [boot]
        if path == "/provConf.htm":
            return html("provisioning")                                         # [boot]
        return html("not found", 404)

    def _has_session(self, req):
        return self.session and "session=" + self.session in (req.header("cookie") or "")

    def _sign_in(self, req):
        if self.session and not self._has_session(req):
            return Page(412, "SessionAlreadyActive", TEXT)                      # [teams]
        self.session = self.session or secrets.token_hex(8)
        return Page(200, "lockparams|SUCCESS|0",                                # [boot]
                    TEXT + [("Set-Cookie", "session=%s; Path=/" % self.session)])

    def _form(self, path, req):
        if not self._has_session(req):
            return self.refused()
        if req.header("anti-csrf-token") != self.token or not self.token:
            return self.refused()                                               # [boot]
        if not (req.header("referer") or "").startswith("https://%s/" % self.authority()):
            return self.refused()                                               # [teams]
        self.note("form", "%s %s" % (path, req.body.decode("latin-1")))
        answer = html("done")
        if "Reboot" in path or "Factory" in path:
            answer.after = self.reboot
        return answer

    def refused(self):
        """How a phone says so about the session, the token or the Referer is not known: a 400, which
        is what a second session gets [teams]."""
        return Page(400, "refused", TEXT)
