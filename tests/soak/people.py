"""People at the gate: each has a browser's manners on connections of its own, and checks what it sees."""

import random
import re
import threading
import time

import rawhttp
from digestclient import Digest, Session
from gate import SLOWER
from house import PCAP_BYTES
from rawhttp import head

# Two windows of the same person each, so that signing out in one ends the other.
NAMES = ["ada", "ben", "cleo", "dan", "eve", "finn"]
PEOPLE = 2 * len(NAMES)
ORIGIN = [("Origin", "https://gate.localhost")]
# So often a person gives the password once more after signing out somewhere: each time the chance that somebody
# signs out in between is some percent.
ASKED_AGAIN = 20
REASON = re.compile(rb"<small>[0-9]{3} ([a-z_0-9]+)")

# name: method, path at a phone, body, only for administrators
ACTIONS = {
    "page": ("GET", ["/", "/info.htm", "/prefs.htm", "/adr.htm"], None, False),
    "asset": ("GET", ["/css/main.css", "/img/logo.png"], None, False),
    "capture": ("GET", ["/trace.pcap"], None, True),
    "head": ("HEAD", ["/info.htm"], None, False),
    "form": ("POST", ["/prefs.htm"], b"language=English&Settings=Apply", True),
    "upload": ("POST", ["/nowhere.htm"], b"u" * 200_000, True),
}
OFTEN = ["page"] * 6 + ["asset"] * 8 + ["capture", "head", "form", "form", "upload"]


def is_admin(name):
    return name in NAMES[::2]


def ask(session, action, phone_id, path, headers=()):
    """One request of an action; the path is one of its paths."""
    method, _, body, _ = ACTIONS[action]
    lines = list(headers)
    if body is not None:
        kind = "application/x-www-form-urlencoded" if action == "form" else "application/octet-stream"
        lines += ORIGIN + [("Content-Type", kind)]
    return session.request(method, "/phone/%s%s" % (phone_id, path), lines, body)


def learn(gate, house):
    """What healthy phones answer: (action, path) -> status."""
    expected = {}
    with Session(gate, NAMES[0], timeout=30) as session:
        for action, (_, paths, _, _) in ACTIONS.items():
            for path in paths:
                answer = ask(session, action, "p%d" % (len(house.phones) - 1), path)
                assert answer.status < 500 and not answer.cut, (action, path, answer.status)
                assert answer.status != 401 and answer.status != 403, (action, path, answer.status)
                expected[action, path] = answer.status
    return expected


class Person(threading.Thread):
    def __init__(self, gate, house, ledger, expected, number, until, ended):
        super().__init__(name="person-%d" % number, daemon=True)
        self.gate, self.house, self.ledger, self.expected = gate, house, ledger, expected
        self.user = NAMES[number % len(NAMES)]
        self.until, self.ended = until, ended
        self.random = random.Random(number)
        self.session = None
        self.new_session()

    def new_session(self):
        if self.session:
            self.session.close()
        self.session = Session(self.gate, self.user, timeout=60 * SLOWER)
        self.proven = time.time()       # since when the gate has surely taken our password

    def run(self):
        rare = [self.portal, self.stranger, self.guess, self.leave, self.reopen, self.come_again,
                self.sign_out]
        while time.monotonic() < self.until and not self.ended.is_set():
            doing = self.at_a_phone if self.random.random() < 0.8 else self.random.choice(rare)
            try:
                doing()
            except (OSError, rawhttp.Closed, rawhttp.BadAnswer, AssertionError) as error:
                self.ledger.wrong("%s, %s: %r" % (self.user, doing.__name__, error))
                self.session.close()
            self.ended.wait(self.random.random() * 0.15)
        self.session.close()

    # -- seeing --

    def request(self, ask_once):
        """A kept connection may have been closed by the gate meanwhile: once more, as browsers do."""
        kept = self.session.client is not None and not self.session.client.ended
        begin = time.time()     # whoever signs us out while a slow phone answers, signs out this
        try:
            answer = ask_once()
        except (rawhttp.Closed, BrokenPipeError, ConnectionResetError):
            if not kept:
                raise
            self.session.close()
            answer = ask_once()
        self.ledger.seen()
        if answer.cut:
            self.session.close()
        again = 0               # the other window may sign out again before our password is there
        while answer.status == 401 and again < ASKED_AGAIN and self.ledger.signed_out(self.user, self.proven):
            self.session.digest.challenge = None        # the browser asks for the password again
            begin = time.time()
            answer = ask_once()
            again += 1
        if again > 0:
            self.ledger.asked_again(again)
        if answer.status != 401:
            self.proven = begin
        return answer

    def at_a_phone(self):
        action = self.random.choice(OFTEN)
        if ACTIONS[action][3] and not is_admin(self.user):
            action = "page"
        path = self.random.choice(ACTIONS[action][1])
        phone_id = self.random.choice(sorted(self.house.phones))
        anew = [("Cache-Control", "no-cache")] if self.random.random() < 0.3 else []
        begin = time.time()
        answer = self.request(lambda: ask(self.session, action, phone_id, path, anew))
        self.judge(action, phone_id, path, begin, answer)

    def judge(self, action, phone_id, path, begin, answer):
        what = "%s %s of %s" % (action, path, phone_id)
        excuses = self.house.excuses(phone_id, begin, time.time())
        if answer.status == self.expected[action, path] and not answer.cut:
            if action == "capture" and len(answer.body) != PCAP_BYTES and not excuses:
                self.ledger.wrong("%s: %d octets" % (what, len(answer.body)))
            return
        if answer.cut:
            good = bool(excuses)
            shown = "cut"
        else:
            found = REASON.search(answer.body)
            shown = found[1].decode() if found else "no reason"
            good = shown in excuses and answer.status in (502, 503, 504)
            good = good or (action == "head" and answer.status in (502, 503, 504) and bool(excuses))
        if not good:
            self.ledger.wrong("%s: %d %s; excuses %s" % (what, answer.status, shown, sorted(excuses)))

    def expect(self, status, answer, what):
        if answer.status != status or answer.cut:
            self.ledger.wrong("%s: %d instead of %d" % (what, answer.status, status))

    # -- what else people do --

    def portal(self):
        path = self.random.choice(["/", "/whoami"])
        self.expect(200, self.request(lambda: self.session.get(path)), path)

    def stranger(self):
        with rawhttp.Client(self.gate.port, timeout=60 * SLOWER) as c:
            c.send(head("GET", "/phone/p0/info.htm"))
            self.expect(401, c.read(), "a stranger")
        self.ledger.seen()

    def guess(self):
        with rawhttp.Client(self.gate.port, timeout=60 * SLOWER) as c:
            c.send(head("GET", "/"))
            wrong = Digest(self.user, "not-the-password")
            wrong.take(c.read())
            c.send(head("GET", "/", headers=[wrong.header("GET", "/")]))
            self.expect(401, c.read(), "a wrong password")
        self.ledger.seen()

    def leave(self):
        """Asks, and is gone."""
        self.expect(200, self.request(lambda: self.session.get("/")), "/")
        target = "/phone/%s/info.htm" % self.random.choice(sorted(self.house.phones))
        self.session.client.send(head("GET", target, headers=[self.session.digest.header("GET", target)]))
        self.ended.wait(self.random.random() * 0.01)
        self.session.close()

    def reopen(self):
        """A new connection, the same browser."""
        self.session.close()
        self.portal()

    def come_again(self):
        """Another browser: new connection, new challenge."""
        self.new_session()
        self.portal()

    def sign_out(self):
        self.ledger.signing_out(self.user)
        answer = self.request(lambda: self.session.request("POST", "/signout", ORIGIN, b""))
        self.ledger.signing_out(self.user)
        self.expect(200, answer, "sign out")
        self.session.digest.challenge = None
