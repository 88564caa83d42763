"""Yealink SIP-T2x with firmware up to v7x.

[ec2] IssabelFoundation/endpointconfig2, vendor Yealink.py: the 401 with its lines, HTTP/1.0 without a
length, Id=1 and Id=26, the order of a form's fields, cgiServer.exx of the T38 and VP530.
[uri] public code that sends key=Reboot."""

import urllib.parse

from .basics import Page, VendorPhone, html, question

PROGRAM = "/cgi-bin/ConfigManApp.com"


class YealinkT2x(VendorPhone):
    VERSION = "HTTP/1.0"                                                        # [ec2]
    LINES = (("Server", "mini_httpd/1.19 19dec2003"),                           # [ec2]
             ("Date", "Wed, 13 Feb 2013 22:54:25 GMT"), ("Cache-Control", "no-cache,no-store"))
    SWITCHES = {"scheme": "basic", "realm": "Enterprise IP phone SIP-T20P"}     # [ec2]

    def unauthorized(self, link):
        # The program's own format string stands in the Content-Type [ec2].
        return Page(401, "<h1>401 Unauthorized</h1>\n", [
            ("WWW-Authenticate", 'Basic realm="%s"' % self.switches["realm"]),
            ("Content-Type", "text/html; charset=%s")], length=False, keep=False)

    def page(self, req, login):
        answer = self._page(req)
        answer.length = answer.keep = False     # the end of the connection is the end of it [ec2]
        return answer

    def _page(self, req):
        path, _, pairs = question(req)
        if path == "/cgi-bin/cgiServer.exx":
            self.note("cgiserver", req.target)                                  # [ec2]
            return html("done")
        if path == "/":
            return html("first page")                                           # inferred
        if path != PROGRAM:
            return html("404 Not Found", 404)
        if req.method == "POST":
            return self._form(req.body.decode("latin-1"))
        names = dict(pairs)
        if "key" in names:
            self.note("key", names["key"])                                      # [uri]
            if names["key"] == "Reboot":
                answer = html("rebooting")
                answer.after = self.reboot
                return answer
        if names.get("Id") == "26":
            return Page(200, b"UserAgent = (Yealink) SIP-T20P 9.70.0.140\n",     # [ec2]
                        [("Content-Type", "application/octet-stream")])
        return html("status of the phone")                                      # Id=1 [ec2]

    def _form(self, text):
        names = [urllib.parse.unquote_plus(p.partition("=")[0]) for p in text.split("&")]
        if names[:2] == ["PAGEID", "CONFIG_DATA"]:      # in this order or not at all [ec2]
            self.note("form", text)
        return html("status of the phone")
