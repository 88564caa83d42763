"""Mitel, formerly Aastra, 67xx to 69xx.

[ec2] IssabelFoundation/endpointconfig2, vendor Aastra.py: the 401 with its lines, a form that is
ignored until sysinfo.html was asked for, the 6739i that hangs unless the end of the head and the start
of the body come together.
[reset] public code that restarts phones: reset.html with resetOption=0.
[gs3] amooma/GS3: logout.html, called twice, restarts the phone.
[cve] CVE-2024-41710: 8021xsupport.html runs what it is given."""

from .basics import Page, VendorPhone, html, question

PAGES = ("/configurationServer.html", "/globalSIPsettings.html", "/SIPsettingsLine1.html")


class Mitel(VendorPhone):
    LINES = (("Server", "Aragorn"),)                                            # [ec2]
    SWITCHES = {"scheme": "basic", "realm": "Mitel 6869i"}                      # [ec2]

    def __init__(self, *words):
        super().__init__(*words)
        self.forget()

    def forget(self):
        self.ready_for_forms = False
        self.logouts = 0

    def unauthorized(self, link):
        return Page(401, "<html>%s</html>\n" % ("x" * 731), [                    # 745 octets [ec2]
            ("WWW-Authenticate", 'Basic realm="%s"' % self.switches["realm"]),
            ("Content-Type", "text/html")], keep=False)

    def page(self, req, login):
        path, _, _ = question(req)
        if not req.begun:
            answer = Page()
            answer.silent = True                                                # hangs [ec2]
            return answer
        if path == "/8021xsupport.html":
            self.note("cve", req.body.decode("latin-1"))                        # [cve]
            return html("802.1x support")
        if path == "/sysinfo.html":
            self.ready_for_forms = True                                         # [ec2]
            return html("Platform</TD> <TD>6869i Revision 0</TD>")
        if path == "/logout.html":
            return self._logout()
        if path == "/reset.html" and req.body:
            self.note("reset", req.body.decode("latin-1"))
            answer = html("restarting")
            answer.after = self.reboot                                          # [reset]
            return answer
        if req.method == "POST" and path in PAGES:
            return self._form(path, req)
        if path == "/" or path in PAGES:
            return html("page " + path)
        return html("no such page", 404)

    def _form(self, path, req):
        if not self.ready_for_forms:
            return html("please visit sysinfo.html")    # 200, and nothing happens [ec2]
        self.note("form", "%s %s" % (path, req.body.decode("latin-1")))
        return html("Provisioning complete")                                    # [ec2]

    def _logout(self):
        self.logouts += 1
        answer = html("logged out")
        if self.logouts % 2 == 0:
            answer.after = self.reboot                                          # [gs3]
        return answer
