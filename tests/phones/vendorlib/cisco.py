"""Cisco SPA300/500 and Multiplatform (6800, 7800, 8800).

[guide] Cisco IP Phone Multiplatform guides: /, /advanced, /admin/, URLs that act when they are asked
for, names "user" and "admin".
[nmap] nmap-service-probes: the challenge with two blanks and a domain, 404 without a length.
[cve] CVE-2015-0670: /CGI/Execute needs no login unless CISCO_XML_EXE_Auth_Mode is set."""

from .basics import Page, VendorPhone, html, question

ACTS = ("/admin/resync", "/admin/upgrade", "/admin/updateca")                   # [guide]
FILES = {"/admin/cfg.xml": "text/xml", "/admin/status.xml": "text/xml",         # [guide]
         "/admin/screendump.bmp": "image/bmp", "/admin/log.tar": "application/x-tar"}
PAGES = ("/", "/advanced", "/admin/", "/admin/advanced")                        # [guide]


class CiscoSpa(VendorPhone):
    SWITCHES = {"scheme": "digest", "realm": "spa user"}                        # [nmap]

    def open_to_all(self, req):
        return question(req)[0] == "/CGI/Execute"                               # [cve]

    def unauthorized(self, link):
        # What else stands in the challenge is not known: as RFC 2617 has it.
        challenge = 'Digest  realm="%s",domain="/",nonce="%s",algorithm=MD5,qop="auth"' % (
            self.switches["realm"], self.auth.nonces.issue(link.number))        # [nmap]
        return Page(401, "<h1>Unauthorized</h1>\n", [("WWW-Authenticate", challenge),
                                                     ("Content-Type", "text/html")])

    def page(self, req, login):
        path, query, _ = question(req)
        if path == "/CGI/Execute":
            self.note("execute", req.body.decode("latin-1"))                    # [cve]
            return Page(200, "<CiscoIPPhoneResponse/>\n", [("Content-Type", "text/xml")])
        if path in ACTS:
            self.note(path.rpartition("/")[2], query)       # the query is the URL [guide]
            return html("phone will %s" % path.rpartition("/")[2])
        if path == "/admin/reboot":
            answer = html("phone will reboot")
            answer.after = self.reboot                                          # [guide]
            return answer
        if path in FILES:
            return Page(200, b"x" * 64, [("Content-Type", FILES[path])])
        if path not in PAGES:
            return html("not found", 404, length=False, keep=False)             # [nmap]
        if req.method == "POST":
            self.note("form", "%s %s" % (path, req.body.decode("latin-1")))
        return html("page " + path)


class CiscoMpp(CiscoSpa):
    """The same as far as anything is written about it."""
