"""The running gate and explain give the same verdict, by the same rule, on random requests.
tests/unit/test_explain.c asks decide() 10,000 of them; here they go over the wire."""

import os
import pathlib
import random
import subprocess

import pytest

import gate as gate_module
from digestclient import Digest
from rawhttp import Client, head

COUNT = int(os.environ.get("E2E_COUNT", "2000" if gate_module.SLOWER == 1 else "300"))
SEED = int(os.environ.get("E2E_SEED", "20231123"))
FORM = "application/x-www-form-urlencoded"

PATHS = """/ /index.htm /prefs.htm /info.htm /adr.htm /settings.htm /dummy.htm /command.htm
/confirm.htm /advanced.htm /advanced_update.htm /line_login.htm /minibrowser.htm /set_base_en.htm
/snomControl.swf /screen.bmp /css/main.css /img/a.png /trace.pcap /unknown /unknown.htm/x
/update.htm /contacts.htm""".split()
NAMES = """settings Settings l reset RESET swload firmware url number NUMBER key dialeddel REBOOT
confirm_reset x language""".split()
PIECES = ["%2e", "%2E%2E", "..", ".", "//", ";x", "%3b", "%00", "%25", "%41", "%zz", "%", "\\", "%5c",
          "%2f", "A", "~", "%7e", "%c3%a4", "%ff", "'", "(", "+", ":", "@", "!", "|", "^", "[", "%0a"]


def mutate(rng, text):
    at = rng.randrange(len(text) + 1)
    kind = rng.randrange(4)
    if kind == 0:
        return text[:at] + rng.choice(PIECES) + text[at:]
    if kind == 1:
        return text.upper() if rng.random() < .5 else text.swapcase()
    if kind == 2 and at < len(text):
        return text[:at] + "%%%02x" % ord(text[at]) + text[at + 1:]
    return text[:at] + text[at + 1:]


def parameters(rng):
    pieces = []
    for _ in range(rng.randrange(1, 4)):
        name = rng.choice(NAMES)
        if rng.random() < .2:
            name = mutate(rng, name) or "x"
        pieces.append(rng.choice([name, name + "=", name + "=1", name + "=a%20b", "=" + name]))
    return rng.choice(["&", "&", ";", "&&"]).join(pieces)


def one(rng):
    """(user, phone, method, target, (content type, body) or None)"""
    path = rng.choice(PATHS)
    while rng.random() < .3 and len(path) > 1:
        path = mutate(rng, path)
    target = "/" + path.lstrip("/") if rng.random() < .98 else "//" + path
    if rng.random() < .4:
        target += "?" + parameters(rng)
    target = target.replace(" ", "").replace("\n", "")
    method = rng.choice(["GET"] * 5 + ["HEAD", "POST", "POST", "POST", "PUT", "DELETE"])
    body = None
    if method == "POST" and rng.random() < .9:
        body = rng.choice([
            (FORM, parameters(rng)), (FORM, ""), ("text/plain", "a:b\r\nSettings:Apply\r\n"),
            ("application/octet-stream", "x" * rng.randrange(90)),
            ("multipart/form-data; boundary=b", '--b\r\nContent-Disposition: form-data; '
             'name="%s"\r\n\r\n1\r\n--b--\r\n' % rng.choice(NAMES))])
    return (rng.choice(["bob"] * 3 + ["alice"] * 2 + ["carol"]),
            rng.choice(["101"] * 4 + ["102", "102", "103", "999"]), method, target, body)


class Explainer:
    def __init__(self, gate):
        flavour = pathlib.Path(gate_module.program()).resolve().parent.name
        name = "build/%s/explain_many" % flavour
        subprocess.run(["make", "-s", "FLAVOUR=" + flavour, name], cwd=gate_module.ROOT, check=True)
        self.gate = gate
        self.process = subprocess.Popen([gate_module.ROOT / name], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, cwd=gate.dir)

    def ask(self, user, phone, method, target, body):
        words = ["-c", str(self.gate.file), "--user", user, "--phone", phone]
        if body is not None:
            (self.gate.dir / "body").write_bytes(body[1].encode())
            words += ["--body", "body", "--content-type", body[0]]
        self.process.stdin.write("\t".join([*words, "--", method, target]).encode() + b"\n")
        self.process.stdin.flush()
        found = {}
        for line in self.process.stdout:
            if line == b".\n":
                return found
            name, _, value = line.decode().rstrip("\n").partition(" ")
            found[name] = value.strip()
        raise AssertionError("explain ended")

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(20) == 0
        self.process.stdout.close()


class Person:
    """Sends what it is told on one connection while that lasts."""

    def __init__(self, gate, user):
        self.gate = gate
        self.digest = Digest(user, gate.passwords[user])
        self.client = None

    def ask(self, host, method, target, body):
        if self.client is None:
            self.client = Client(self.gate.port, sni=host)
            self.client.send(head("GET", "/", host))
            self.digest.take(self.client.read())
        lines = [self.digest.header(method, target)]
        octets = b""
        if body is not None:
            octets = body[1].encode()
            lines += [("Content-Type", body[0]), ("Content-Length", str(len(octets)))]
        self.client.send(head(method, target, host, lines) + octets)
        answer = self.client.read(method)
        if answer.one("connection") == "close":
            self.close()
        return answer.status

    def close(self):
        if self.client:
            self.client.close()
            self.client = None


@pytest.fixture
def gate(new_gate):
    """Nobody is behind it: an allowed request is one that ends in phone_refused."""
    port = gate_module.free_port()
    entry = {"url": "https://127.0.0.1:%d" % port, "profile": "snom", "tls": {"verify": "none"},
             "login": {"user": "gate", "password_file": "password"}}
    g = new_gate({"101": dict(entry, host="101.phones.localhost"), "102": dict(entry),
                  "103": dict(entry, host="103.phones.localhost")}, start=False)
    g._secret("password", "something-long-enough\n")
    return g.start()


def test_random_requests(gate):
    rng = random.Random(SEED)
    questions = [one(rng) for _ in range(COUNT)]
    explainer = Explainer(gate)
    answers = [explainer.ask(*q) for q in questions]
    explainer.close()
    people = {user: Person(gate, user) for user in ("alice", "bob", "carol")}
    allowed = 0
    for question, said in zip(questions, answers):
        user, phone, method, target, body = question
        by_host = phone in ("101", "103")
        host = phone + ".phones.localhost" if by_host else "gate.localhost"
        status = people[user].ask(host, method, target if by_host else "/phone/" + phone + target, body)
        expected = 502 if said["verdict"] == "allowed" else int(said["status"])
        assert status == expected, (question, said)
        allowed += status == 502
    for person in people.values():
        person.close()
    assert COUNT / 20 < allowed < COUNT / 1.5       # the requests are worth asking
    compare_records(gate, answers)


def compare_records(gate, answers):
    """The same reasons and rules, in the same order."""
    def finished():
        found = [r for r in gate.records() if r.get("reason") != "no_credentials" and r.get("status")]
        return found if len(found) >= len(answers) else None
    records = gate_module.wait_for(finished, 10, "all records")
    assert len(records) == len(answers)
    for r, said in zip(records, answers):
        reason = "phone_refused" if said["verdict"] == "allowed" else said["reason"]
        rule = said.get("rule", "")
        rule = "" if rule == "none matches" else rule.rpartition(" (")[0]
        assert (r["reason"], r.get("rule_id", "")) == (reason, rule), (r, said)
        if "path" in said:
            assert r["path"] == said["path"], (r, said)
