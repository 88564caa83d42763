"""Who may in: Basic and Digest as the phone does them, nonces, the lock-out, the service account."""

import base64
import hashlib
import hmac
import re
import secrets
import time

HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
PARAM = re.compile(r'([A-Za-z0-9_*-]+)\s*=\s*("((?:[^"\\]|\\.)*)"|[^\s,"]+)')


def parse_params(text):
    found = {}
    for name, bare, quoted in PARAM.findall(text):
        found[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) if bare.startswith('"') else bare
    return found


def digest_response(algorithm, ha1, method, fields):
    """RFC 7616 3.4.1, and RFC 2069 where the answer has no qop."""
    def h(text):
        return HASHES[algorithm](text.encode("latin-1", "replace")).hexdigest()
    ha2 = h("%s:%s" % (method, fields.get("uri", "")))
    middle = [fields.get("nonce", "")]
    if fields.get("qop"):
        middle += [fields.get("nc", ""), fields.get("cnonce", ""), fields["qop"]]
    return h(":".join([ha1] + middle + [ha2]))


class Nonces:
    """Nonces the phone gave out: when, on which connection, how often used, last nc."""

    def __init__(self, switches):
        self.switches = switches
        self.live = {}

    def issue(self, conn_id):
        nonce = secrets.token_hex(16)
        self.live[nonce] = {"born": time.monotonic(), "conn": conn_id, "uses": 0, "nc": 0}
        if len(self.live) > 512:
            del self.live[next(iter(self.live))]
        return nonce

    def forget_connection(self, conn_id):
        if self.switches["nonce_bound"]:
            for nonce in [n for n, v in self.live.items() if v["conn"] == conn_id]:
                del self.live[nonce]

    def usable(self, nonce, nc, conn_id):
        entry = self.live.get(nonce)
        if entry is None:
            return False
        age_ms = (time.monotonic() - entry["born"]) * 1000
        uses = self.switches["nonce_uses"]
        if age_ms > self.switches["nonce_ms"] or (uses and entry["uses"] >= uses):
            return False
        if self.switches["nonce_bound"] and entry["conn"] != conn_id:
            return False
        if nc is not None and self.switches["strict_nc"] and nc != entry["nc"] + 1:
            return False
        entry["uses"] += 1
        entry["nc"] = nc if nc is not None else entry["nc"]
        return True


class Lock:
    """More failures than allowed shut the interface for everybody, each further run twice as long."""

    def __init__(self, switches):
        self.switches = switches
        self.failures = 0
        self.length_s = 0
        self.until = 0.0

    def locked(self):
        return time.monotonic() < self.until

    def failed(self):
        self.failures += 1
        if self.failures % max(1, self.switches["lock_failures"]) == 0:
            self.length_s = self.length_s * 2 or self.switches["lock_s"]
            self.until = time.monotonic() + self.length_s

    def succeeded(self):
        self.failures = 0
        self.length_s = 0


class Login:
    """What one request's Authorization is worth."""

    def __init__(self, outcome, user="", service=False, headers=()):
        self.outcome = outcome      # "ok", "none", "stale", "failed"
        self.user = user
        self.service = service      # the account may open administrators' pages
        self.headers = list(headers)


class Authenticator:
    def __init__(self, settings, switches):
        self.settings = settings
        self.switches = switches
        self.nonces = Nonces(switches)
        self.lock = Lock(switches)

    def accounts(self):
        """name -> (password, opens administrators' pages)"""
        s = self.settings
        pairs = [("webserver_user_name", "webserver_user_password", False),
                 ("http_user", "http_pass", False),
                 ("webserver_admin_name", "webserver_admin_password", True),
                 ("service_mode_login", "service_mode_password", True)]
        return {s[name]: (s[password], strong) for name, password, strong in pairs if s[name]}

    def required(self):
        return bool(self.accounts()) and not self.switches["no_login"]

    def scheme(self):
        forced = self.switches["scheme"]
        return forced if forced else ("digest" if self.settings.is_on("http_scheme") else "basic")

    def check(self, method, target, value, conn_id):
        if value is None:
            return Login("none")
        scheme, _, rest = value.partition(" ")
        if scheme.lower() == "basic" and self.scheme() == "basic":
            return self._basic(rest)
        if scheme.lower() == "digest" and self.scheme() == "digest":
            return self._digest(method, target, parse_params(rest), conn_id)
        return Login("none")

    def _basic(self, rest):
        try:
            user, _, password = base64.b64decode(rest.strip()).decode("latin-1").partition(":")
        except ValueError:
            return Login("failed")
        known, strong = self.accounts().get(user, (None, False))
        if known is None or not hmac.compare_digest(known.encode(), password.encode()):
            return Login("failed", user)
        return Login("ok", user, strong)

    def _digest(self, method, target, fields, conn_id):
        user = fields.get("username", "")
        algorithm = fields.get("algorithm", "MD5").upper()
        known, strong = self.accounts().get(user, (None, False))
        offered = [a.upper() for a in self.switches["algorithm"].split(",")]
        if known is None or algorithm not in offered or fields.get("uri") != target \
                or fields.get("realm") != self.switches["realm"] \
                or fields.get("opaque", "") != self.switches["opaque"] \
                or bool(fields.get("qop")) != bool(self.switches["qop"]):
            return Login("failed", user)
        ha1 = HASHES[algorithm](("%s:%s:%s" % (user, fields["realm"], known)).encode()).hexdigest()
        right = digest_response(algorithm, ha1, method, fields)
        if not hmac.compare_digest(right, fields.get("response", "").lower()):
            return Login("failed", user)
        nc = int(fields["nc"], 16) if re.fullmatch("[0-9a-fA-F]{8}", fields.get("nc", "")) else None
        if not self.nonces.usable(fields.get("nonce", ""), nc, conn_id):
            return Login("stale", user)
        return Login("ok", user, strong, self._info(algorithm, ha1, fields, conn_id))

    def _info(self, algorithm, ha1, fields, conn_id):
        kind = self.switches["auth_info"]
        if not kind or not fields.get("qop"):
            return []
        rspauth = "0" * 32 if kind == "wrong" else digest_response(algorithm, ha1, "", fields)
        parts = ['qop=auth', 'rspauth="%s"' % rspauth, 'cnonce="%s"' % fields.get("cnonce", ""),
                 "nc=" + fields.get("nc", "")]
        if kind == "nextnonce":
            parts.append('nextnonce="%s"' % self.nonces.issue(conn_id))
        return [("Authentication-Info", ", ".join(parts))]

    def challenges(self, conn_id, stale):
        """The header lines of a 401."""
        if self.switches["challenge"]:
            return [("WWW-Authenticate", line) for line in self.switches["challenge"].split("\n")]
        if self.scheme() == "basic":
            return [("Www-Authenticate", 'Basic REALM="%s"' % self.switches["realm"])]
        lines = []
        for algorithm in self.switches["algorithm"].split(","):
            parts = ['realm="%s"' % self.switches["realm"],
                     'nonce="%s"' % self.nonces.issue(conn_id)]
            if self.switches["qop"]:
                parts.append('qop="%s"' % self.switches["qop"])
            if self.switches["algorithm_named"] or algorithm.upper() != "MD5":
                parts.append("algorithm=" + algorithm)
            if self.switches["opaque"]:
                parts.append('opaque="%s"' % self.switches["opaque"])
            if stale:
                parts.append("stale=true")
            lines.append(("WWW-Authenticate", "Digest " + ", ".join(parts)))
        return lines
