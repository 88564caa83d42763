"""What the other vendors' phones share: listeners, TLS, logins, counters and control are the Snom
phone's; pages, heads and manners are their own."""

import urllib.parse

from snomlib import actions, auth, server, wire

REASONS = {200: "OK", 302: "Found", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
           405: "Method Not Allowed", 412: "Precondition Failed"}


class Page:
    """One answer. `headers` are all of its lines but Content-Length and Connection."""

    def __init__(self, status=200, body=b"", headers=(), length=True, keep=True):
        self.status = status
        self.body = body.encode() if isinstance(body, str) else body
        self.headers = list(headers)
        self.length = length    # says its Content-Length
        self.keep = keep        # the connection stays open
        self.silent = False     # never answers: the person waits until they give up
        self.after = None       # called once the answer is out


def html(text, status=200, **how):
    return Page(status, "<html><body>%s</body></html>\n" % text, [("Content-Type", "text/html")],
                **how)


def question(req):
    """(path, query as sent, [(name, value), ...])"""
    path, _, query = req.target.partition("?")
    return urllib.parse.unquote(path), query, actions.split_pairs(query)


class VendorPhone(server.Phone):
    VERSION = "HTTP/1.1"
    LINES = ()          # header lines of every answer
    SWITCHES = {}       # what differs from the Snom phone's

    def __init__(self, *words):
        super().__init__(*words)
        self.turn(self.SWITCHES)

    def reset(self):
        super().reset()
        self.turn(self.SWITCHES)
        self.forget()

    def forget(self):
        """What a reset forgets besides the common things."""

    # --- one exchange --------------------------------------------------------------------------

    def _answer(self, kind, link, req, entry):
        if self.switches["no_login"] or self.open_to_all(req):
            return self.page(req, auth.Login("none"))
        login = self.auth.check(req.method, req.target, req.header("authorization"), link.number)
        entry["user"], entry["login"] = login.user, login.outcome
        if login.outcome != "ok":
            self.counters.add("unauthorized")
            if login.outcome == "failed":
                self.counters.add("failed_logins")
            return self.unauthorized(link)
        return self.page(req, login)

    def open_to_all(self, req):
        """Answered without a login?"""
        return False

    def unauthorized(self, link):
        return Page(401, "<h1>Unauthorized</h1>\n", [
            ("WWW-Authenticate", 'Basic realm="%s"' % self.switches["realm"]),
            ("Content-Type", "text/html")])

    def page(self, req, login):
        raise NotImplementedError

    def _respond(self, kind, link, req, answer, ticket):
        if answer.silent:
            link.peer_gone(self.switches["fault_ms"] / 1000)
            return False
        lines = list(self.LINES) + answer.headers
        if answer.length:
            lines.append(("Content-Length", str(len(answer.body))))
        keep = answer.keep and (req.header("connection") or "").lower() != "close"
        if not keep:
            lines.append(("Connection", "close"))
        head = wire.head_octets(self.VERSION, answer.status, REASONS[answer.status], lines)
        self._send(link, head, b"" if req.method == "HEAD" else answer.body, ticket)
        if answer.after:
            answer.after()
        return keep
