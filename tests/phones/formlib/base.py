"""What phones with a form have in common: sessions that end, and what happened, for tests.

TLS, connections, faults and the control port are the simulated Snom's."""

import secrets
import time
import urllib.parse

from snomlib import counters, server, switches, wire
from snomlib.actions import Answer, body_pairs

switches.DEFAULTS.update({
    "session_s": 0,             # life of a session without a request; 0: for ever
    "max_sessions": 0,          # further logins are refused; 0: no limit
    "refuse_sessions": False,   # logins look well, but no session is kept: the form is shown again
    "extra_cookie": "",         # set along with the session: "NAME=VALUE; ..."
    "new_cookie": False,        # each page of a session sets the session's cookie anew
    "parallel": False,          # several requests at a time do not hurt
    "odd": "",                  # of the kind: see its file
})


class Counters(counters.Counters):
    def clear(self):
        super().clear()
        with self.lock:
            self.numbers.update(logins=0, logouts=0, forms=0)

    def enter(self, ticket):
        super().enter(ticket)
        if self.switches["parallel"]:
            for each in self.in_flight:
                each["garbled"] = False


class FormPhone(server.Phone):
    SERVER = None               # value of the Server field; None: no such field

    def __init__(self, directory, accounts):
        super().__init__(directory, mac="000000000000")
        self.accounts = accounts            # user -> password
        Counters.switches = self.switches
        self.counters = Counters()
        self.sessions = {}                  # token -> [user, end of life]
        self.switches["needs_keep_alive"] = False

    def reset(self):
        super().reset()
        self.sessions.clear()
        self.switches["needs_keep_alive"] = False

    def reboot(self):
        self.sessions.clear()
        super().reboot()

    def state(self):
        return {"sessions": sorted(user for user, _ in self.sessions.values()),
                "tokens": sorted(self.sessions)}

    def turn(self, values):
        super().turn({k: v for k, v in values.items() if k != "forget"})
        if values.get("forget"):            # all sessions are over now
            self.sessions.clear()

    # --- sessions --------------------------------------------------------------------------------

    @staticmethod
    def token():
        return secrets.token_hex(12)

    def open_session(self, user, token):
        """False where there are too many."""
        most = self.switches["max_sessions"]
        if most and len(self.sessions) >= most:
            self.note("session", "too many")
            return False
        self.counters.add("logins")
        if not self.switches["refuse_sessions"]:
            self.sessions[token] = [user, self.end_of_life()]
        return True

    def end_of_life(self):
        return time.monotonic() + (self.switches["session_s"] or 10 ** 9)

    def user_of(self, token):
        entry = self.sessions.get(token)
        if entry is None:
            return None
        if entry[1] < time.monotonic():
            del self.sessions[token]
            return None
        entry[1] = self.end_of_life()
        return entry[0]

    def failed(self, what):
        self.counters.add("failed_logins")
        self.note("login", "failed: " + what)

    # --- answers ---------------------------------------------------------------------------------

    def cookies(self, req):
        pairs = {}
        for name, value in req.headers:
            if name.lower() == "cookie":
                for piece in value.split(";"):
                    key, _, text = piece.strip().partition("=")
                    pairs.setdefault(key, text)
        return pairs

    @staticmethod
    def fields(req):
        return dict(body_pairs(req.header("content-type") or "", req.body))

    @staticmethod
    def query(req):
        return dict(urllib.parse.parse_qsl(req.target.partition("?")[2]))

    def set_cookie(self, pair):
        lines = [("Set-Cookie", pair)]
        if self.switches["extra_cookie"]:
            lines.append(("Set-Cookie", self.switches["extra_cookie"]))
        return lines

    def page(self, title, text="", headers=(), status=200):
        body = "<html><head><title>%s</title></head><body>%s</body></html>\n" % (title, text)
        return Answer(status, body.encode(), "text/html", headers)

    def _answer(self, kind, link, req, entry):
        if req.method not in ("GET", "POST", "HEAD"):
            return Answer(501)
        path = req.target.partition("?")[0]
        answer = self.serve(req, path, entry)
        answer.headers += [tuple(h.split(": ", 1)) for h in self.switches["header"]]
        return answer

    def _head(self, answer, keep, framing):
        headers = [("Content-Type", answer.headers[0][1])]
        if self.SERVER is not None:
            headers.append(("Server", self.SERVER))
        headers += answer.headers[1:]
        if framing == "chunked":
            headers.append(("Transfer-Encoding", "chunked"))
        elif framing == "length":
            headers.append(("Content-Length", str(len(answer.body))))
        if not self.switches["silent_close"] and framing != "close":
            headers.append(("Connection", "keep-alive" if keep else "close"))
        return wire.head_octets(self.switches["version"], answer.status, answer.reason, headers)
