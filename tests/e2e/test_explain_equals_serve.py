"""`phonegate explain` and `phonegate serve` say the same of 10,000 random requests.

The requests lean towards what is easily judged wrongly: pages that rules name, in other spellings,
with listed and unlisted parameters and with bodies, asked for by pages and programs that may or may
not. EXPLAIN_SEED=N makes others of them. tests/unit/test_explain.c asks decide() the same way."""

import collections
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import threading

import pytest

import digestclient
import gate as gate_module
import rawhttp

SEED = int(os.environ.get("EXPLAIN_SEED", "20261123"))
COUNT = int(10000 / gate_module.SLOWER)
BATCH = 32                  # requests on their way at once on a connection
PROFILE = (gate_module.ROOT / "policy" / "profiles" / "snom.cfg").read_text(encoding="utf-8")
CODE = re.sub(r"#.*", "", PROFILE)
PATHS = sorted(set(re.findall(r'"([/*][^"]*)"', CODE)) - {"*"})
NAMES = sorted({name for words in re.findall(r"parameters = \[([^]]*)\]", CODE)
                for name in re.findall(r'"([^"*]+)"', words)})
USERS = ["alice", "bob", "carol", "dave"]
GRANTS = ({"users": ["alice"], "role": "admin", "phones": ["*"]},
          {"users": ["dave"], "role": "admin", "phones": ["101", "lab-1"],
           "allow": ["firmware-url", "factory-reset", "minibrowser-url"]},
          {"users": ["bob"], "role": "user", "phones": ["101", "lab-*"]})
# header_bytes: room for a target twice, since the Authorization field repeats it.
LIMITS = {"header_bytes": 40960, "judged_body_bytes": 1024, "body_bytes": 8192}
# By name, by path, without a grant for some, unknown, and no id at all.
PHONES = ["101"] * 8 + ["lab-1"] * 8 + ["102", "x-1", "999", "LAB-1", "lab-1x", ""]
METHODS = (["GET"] * 16 + ["HEAD"] * 4 + ["POST"] * 14 +
           ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW", "get"])
TYPES = (["application/x-www-form-urlencoded"] * 4 + ["text/plain"] * 2 +
         ["multipart/form-data; boundary=b"] * 2 +
         ["Application/X-WWW-Form-Urlencoded; charset=UTF-8", "multipart/form-data",
          "application/json", "application/octet-stream", "text/html", ""])
ODD = ["%zz", "%", "%4", "%00", "%0a", "%2f", "%2F", "%5c", "%25", "%2e", ";", ";x=1", "//", "/./",
       "/../", "/..", "%2e%2e/", "\\", "+", "%20", ".", "~", "'", "*", "%c3%a9", "%ff", "\xe9",
       " ", "#", '"', "|", "\x01", "/x", "\x7f", "%EF%BC%8F", "..;/", "?"]

SENDERS = ["page"] * 8 + ["script", "cross-site"]

Request = collections.namedtuple("Request", "user phone method target type body sender")


def spelled(rng, text):
    """The same for a phone that folds case and unescapes; perhaps not for the gate."""
    def octet(c):
        kind = rng.randrange(12)
        if kind == 0:
            return c.swapcase()
        if kind == 1 and c not in "/*":
            return rng.choice(("%%%02x", "%%%02X")) % ord(c)
        return c
    return "".join(octet(c) for c in text)


def insert(rng, text, what):
    at = rng.randrange(1, len(text) + 1)
    return text[:at] + what + text[at:]


def random_path(rng):
    path = rng.choice(PATHS)
    while "*" in path:
        path = path.replace("*", rng.choice(["", "x", "/y", "_network.htm", "/a.b"]), 1)
    if not path.startswith("/"):
        path = "/" + path
    if rng.random() < 0.3:
        path = spelled(rng, path)
    if rng.random() < 0.2:
        path = insert(rng, path, rng.choice(ODD))
    if rng.random() < 0.002:
        path += "x" * rng.choice([3000, 8192, 9000, 17000])
    return path


def random_form(rng):
    pieces = []
    for _ in range(rng.choice([0, 1, 1, 1, 2, 2, 3])):
        name = rng.choice(NAMES + ["l", "x", "DND", "", "settings"])
        if rng.random() < 0.3:
            name = spelled(rng, name)
        if name and rng.random() < 0.05:
            name = insert(rng, name, rng.choice(ODD))
        value = rng.choice(["", "=", "=1", "=a+b", "=%41", "=%zz", "=1;2;3", "=http://x/", "=="])
        pieces += [name + value] * rng.choice([1, 1, 1, 2])
    return rng.choice("&&&&;").join(pieces)


def random_body(rng, kind):
    form = random_form(rng)
    if rng.random() < 0.03:
        form += "&l=" + "x" * rng.choice([1010, 1024, 1025, 2000, 8192, 9000])
    if kind.startswith("multipart"):
        parts = ["--b\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n1\r\n" %
                 piece.partition("=")[0] for piece in re.split("[&;]", form)]
        form = "".join(parts) + rng.choice(["--b--\r\n", "--b--\r\n", "", "--c--\r\n"])
    elif kind.startswith("text"):
        form = form.replace("&", "\r\n")
    return form.encode("latin-1")


def random_request(rng):
    target = random_path(rng)
    if rng.random() < 0.45:
        target += "?" + random_form(rng)
    method = rng.choice(METHODS)
    kind, body = "", None
    if rng.random() < (0.8 if method == "POST" else 0.05):
        kind = rng.choice(TYPES)
        body = random_body(rng, kind)
    # The file of --requests has these between its fields.
    target = re.sub("[\t\n]", "", target)
    return Request(rng.choice(USERS[:2] + USERS), rng.choice(PHONES), method, target, kind, body,
                   rng.choice(SENDERS))


# --- explain -----------------------------------------------------------------------------------

def line_of(r):
    fields = [r.user, r.phone, r.method, r.target]
    if r.body is not None:
        fields += [r.type, "".join("%%%02x" % octet for octet in r.body)]
    fields += ["@" + r.sender] if r.sender != "page" else []
    return ("\t".join(fields) + "\n").encode("latin-1")


def ask_explain(gate, requests):
    done = subprocess.run([gate_module.program(), "explain", "-c", str(gate.file), "--requests", "-"],
                          input=b"".join(map(line_of, requests)), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, timeout=60 * gate_module.SLOWER)
    assert done.returncode == 1, done.stderr.decode()   # 1: some of them are refused
    answers = [line.split(b"\t") for line in done.stdout.splitlines()]
    assert len(answers) == len(requests)
    return answers


def as_recorded(octets):
    """A path as records spell it: cut, and what is not UTF-8 replaced."""
    octets = octets[:512]
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(chr(o) if o < 0x80 else "\ufffd" for o in octets)


def sender_fields(r, host):
    """What a browser adds to a request that this page made it send."""
    if r.sender == "script":
        return []
    own = r.sender == "page"
    lines = [("Sec-Fetch-Site", "same-origin" if own else "cross-site"),
             ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]
    if r.method not in ("GET", "HEAD"):
        lines.append(("Origin", "https://" + (host if own else "elsewhere.invalid")))
    return lines


# --- serve -------------------------------------------------------------------------------------

class Person(threading.Thread):
    """Sends one user's requests, many at once, and notes which connection carried which."""

    def __init__(self, gate, user, jobs, carried):
        super().__init__(daemon=True)
        self.gate, self.jobs = gate, collections.deque(jobs)
        self.digest = digestclient.Digest(user, gate.passwords[user])
        self.carried = carried  # source port -> numbers of the requests, in order
        self.answers = {}       # number -> status
        self.error = None
        self.client = None

    def run(self):
        try:
            while self.jobs:
                self.send_some()
        except Exception as error:  # the test's own thread reports it
            self.error = error
        finally:
            if self.client:
                self.client.close()

    def connect(self):
        if self.client:
            self.client.close()
        self.client = rawhttp.Client(self.gate.port, timeout=20 * gate_module.SLOWER)
        self.port = self.client.sock.getsockname()[1]
        if self.digest.challenge is None:
            self.client.send(rawhttp.head("GET", "/"))
            self.digest.take(self.client.read())
            self.carried[self.port].append(None)

    def octets(self, r):
        by_name = r.phone in ("101", "102")
        target = r.target if by_name else "/phone/%s%s" % (r.phone, r.target)
        f = self.digest.fields(r.method, target, response=None)
        # The uri is hashed and sent as these octets, whatever they are.
        ha1 = self.digest.h("%s:%s:%s" % (self.digest.user, f["realm"], self.digest.password))
        ha2 = self.digest.h(("%s:%s" % (r.method, target)).encode("latin-1"))
        f["response"] = self.digest.h(":".join([ha1, f["nonce"], f["nc"], f["cnonce"], "auth", ha2]))
        f["uri"] = re.sub(r'(["\\])', r"\\\1", target)
        text = "Digest " + ", ".join('%s="%s"' % (n, f[n]) if n in digestclient.QUOTED else
                                     "%s=%s" % (n, f[n]) for n in digestclient.ORDER if n in f)
        host = r.phone + ".phones.localhost" if by_name else "gate.localhost"
        lines = [("Authorization", text)] + sender_fields(r, host)
        if r.body is not None:
            lines += [("Content-Type", r.type)] if r.type else []
            lines += [("Content-Length", str(len(r.body)))]
        return rawhttp.head(r.method, target, host, lines) + (r.body or b"")

    def send_some(self):
        if self.client is None or self.client.ended:
            self.connect()
        # Where an answer closes the connection, nothing behind it may be answered or recorded.
        batch = [self.jobs.popleft() for _ in range(min(BATCH, len(self.jobs)))]
        sent = len(batch)
        try:
            self.client.send(b"".join(self.octets(r) for _, r in batch))
        except OSError:
            pass                        # closed behind an answer that is still to be read
        while batch and not self.client.ended:
            number, r = batch[0]
            try:
                answer = self.client.read(r.method)
            except rawhttp.Closed:
                break
            if answer.status == 401 and any(c.stale for c in digestclient.challenges(answer)):
                self.carried[self.port].append(None)
                self.digest.take(answer)    # those behind it get theirs, too
                self.jobs.append(batch.pop(0))
                continue
            batch.pop(0)
            self.carried[self.port].append(number)
            self.answers[number] = answer.status
            if answer.one("connection") == "close":
                self.client.ended = "closed"
        assert len(batch) < sent, "no answer at all"
        self.jobs.extendleft(reversed(batch))   # on the next connection


def ask_serve(gate, requests):
    carried = collections.defaultdict(list)     # of all people: ports come back
    people = [Person(gate, user, [(i, r) for i, r in enumerate(requests) if r.user == user],
                     carried)
              for user in USERS]
    for person in people:
        person.start()
    for person in people:
        person.join()
    for person in people:
        if person.error:
            raise person.error
    wanted = sum(map(len, carried.values()))

    def recorded():
        if gate.log_text().count("\n") < wanted:
            return None
        rows = [r for r in gate.records() if r["event"] == "request" and r["src_port"] in carried]
        return rows if len(rows) >= wanted else None
    records = {}
    for row in gate_module.wait_for(recorded, 5, "%d records" % wanted):
        waiting = carried[row["src_port"]]
        assert waiting, "a record too many: %r" % row
        number = waiting.pop(0)
        if number is not None:
            records[number] = row
    assert len(records) == len(requests)
    for person in people:
        for number, status in person.answers.items():
            assert records[number]["status"] == status
    return records


# --- the comparison ----------------------------------------------------------------------------

def difference(answer, row):
    verdict, status, reason, rule, path = answer
    expect = {"outcome": "allowed" if verdict == b"allowed" else "denied", "reason": reason.decode()}
    if status.startswith(b"5"):
        expect["outcome"] = "failed"
    if status != b"-":
        expect["status"] = int(status)
    if rule != b"-":
        expect["rule_id"] = rule.decode()
    elif "rule_id" in row:
        return "rule_id"
    if path != b"-":
        expect["path"] = as_recorded(path)
    return next((name for name, value in expect.items() if row.get(name) != value), None)


@pytest.fixture
def stub():
    process = subprocess.Popen([sys.executable, str(pathlib.Path(__file__).parent / "stubphone.py")],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield int(process.stdout.readline())
    process.stdin.close()
    process.wait(5)
    process.stdout.close()


def test_explain_and_serve_agree(new_gate, stub):
    print("EXPLAIN_SEED=%d" % SEED)
    entry = {"url": "http://127.0.0.1:%d" % stub, "profile": "snom", "login_required": False,
             "allow_plain_http": True}
    phones = {"101": dict(entry, host="101.phones.localhost"),
              "102": dict(entry, host="102.phones.localhost"), "lab-1": entry, "x-1": entry}
    phones = {i: dict(phone, name="Phone " + i) for i, phone in phones.items()}
    gate = new_gate(phones, grants=GRANTS, limits=LIMITS,
                    users={user: ["SHA-256"] for user in USERS})
    rng = random.Random(SEED)
    requests = [random_request(rng) for _ in range(COUNT)]
    explained = ask_explain(gate, requests)
    served = ask_serve(gate, requests)
    wrong = ["%s: %.600r\n    explain %s\n    serve   %s" % (name, r, b" ".join(answer), row)
             for r, answer, row in zip(requests, explained, map(served.get, range(COUNT)))
             if (name := difference(answer, row))]
    assert not wrong, "EXPLAIN_SEED=%d: %d differ\n%s" % (SEED, len(wrong), "\n".join(wrong[:10]))
    # A comparison of one verdict with itself would prove little.
    seen = collections.Counter(answer[2].decode() for answer in explained)
    print(seen)
    for reason in ("ok", "rule_denied", "no_rule", "unknown_phone", "path_ambiguous",
                   "bad_escape", "unknown_host", "method_unknown", "body_too_large"):
        assert seen[reason] >= COUNT // 2000, "%s: %d" % (reason, seen[reason])
    assert COUNT // 10 < seen["ok"] < COUNT // 2


def test_one_request_and_a_list_of_them_get_the_same_answer(new_gate):
    gate = new_gate({"101": {"url": "https://127.0.0.1:9", "profile": "snom", "login_required": False,
                             "tls": {"verify": "none"}, "host": "101.phones.localhost"}},
                    grants=GRANTS, limits=LIMITS, users={user: ["SHA-256"] for user in USERS},
                    start=False)
    rng = random.Random(SEED)
    requests = []
    while len(requests) < 60:
        r = random_request(rng)
        # What can stand in a command line, and what it can say.
        if r.sender != "cross-site" and r.phone and re.fullmatch("[!-~]+", r.target + r.method):
            requests.append(r)
    for r, answer in zip(requests, ask_explain(gate, requests)):
        words = ["--user", r.user, "--phone", r.phone]
        words += ["--script"] if r.sender == "script" else []
        if r.body is not None:
            (gate.dir / "body").write_bytes(r.body)
            words += ["--body", str(gate.dir / "body"), "--content-type", r.type]
        done = subprocess.run([gate_module.program(), "explain", "-c", str(gate.file), *words,
                               "--format", "json", "--", r.method, r.target],
                              stdout=subprocess.PIPE, check=False, timeout=20 * gate_module.SLOWER)
        said = json.loads(done.stdout)
        rule = said.get("rule") or {"name": "-"}
        assert (said["verdict"], str(said.get("status", "-")), said["reason"], rule["name"],
                said.get("path", "-")) == tuple(text.decode() for text in answer), r
