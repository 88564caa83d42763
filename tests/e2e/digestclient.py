"""A Digest client whose every field a test can set, leave out or spell wrongly (RFC 7616)."""

import hashlib
import re
import secrets

import rawhttp

HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256,
          "SHA-512-256": lambda octets: hashlib.new("sha512_256", octets)}
PARAM = re.compile(r'([A-Za-z0-9_*-]+)=("((?:[^"\\]|\\.)*)"|[^\s,"]+)')
QUOTED = {"username", "realm", "nonce", "uri", "response", "cnonce", "opaque"}
ORDER = ["username", "realm", "nonce", "uri", "algorithm", "qop", "nc", "cnonce", "response",
         "opaque"]


class Challenge:
    def __init__(self, text):
        scheme, _, rest = text.partition(" ")
        self.text = text
        self.scheme = scheme
        self.raw = {name.lower(): value for name, value, _ in PARAM.findall(rest)}
        self.fields = {name: value.strip('"') for name, value in self.raw.items()}

    @property
    def stale(self):
        return self.fields.get("stale", "").lower() == "true"


class Info(Challenge):
    """Authentication-Info: parameters without a scheme."""

    def __init__(self, text):
        super().__init__("- " + text)


def infos(answer):
    return [Info(text) for text in answer.all("authentication-info")]


def challenges(answer):
    return [Challenge(text) for text in answer.all("www-authenticate")]


class Digest:
    """Credentials, and the nonce they are used with."""

    def __init__(self, user, password, algorithm="SHA-256"):
        self.user = user
        self.password = password
        self.algorithm = algorithm
        self.challenge = None
        self.nc = 0
        self.last = None    # the fields last sent

    def h(self, octets):
        if isinstance(octets, str):
            octets = octets.encode("utf-8")
        return HASHES[self.algorithm](octets).hexdigest()

    def take(self, answer):
        """Use the challenge of our algorithm in a 401."""
        for challenge in challenges(answer):
            if challenge.fields.get("algorithm", "MD5") == self.algorithm:
                self.challenge, self.nc = challenge, 0
                return challenge
        raise AssertionError("no %s challenge in %s" % (self.algorithm,
                                                        answer.all("www-authenticate")))

    def fields(self, method, uri, **change):
        """The fields of an answer; a change to None leaves a field out. A changed field counts in
        the response, so that only the field itself is wrong; `response` is taken as given."""
        if "nc" not in change:
            self.nc += 1
        c = self.challenge.fields
        f = {"username": self.user, "realm": c["realm"], "nonce": c["nonce"], "uri": uri,
             "algorithm": self.algorithm, "qop": "auth", "nc": "%08x" % self.nc,
             "cnonce": secrets.token_hex(8)}
        if "opaque" in c:
            f["opaque"] = c["opaque"]
        f.update(change)
        if "response" not in change:
            f["response"] = self.response(method, f)
        self.last = f
        return {name: value for name, value in f.items() if value is not None}

    def user_hash(self):
        """The name as userhash=true sends it (RFC 7616 3.4.4)."""
        return self.h("%s:%s" % (self.user, self.challenge.fields["realm"]))

    def rspauth(self, f):
        """What the gate must prove itself with (RFC 7616 3.5)."""
        return self.response("", f)

    def response(self, method, f):
        def text(name):
            return f.get(name) or ""
        # Whatever spelling of the name is sent, it is the name itself that counts.
        spelled = f.get("userhash") == "true" or "username*" in f
        user = self.user if spelled else text("username")
        ha1 = self.h("%s:%s:%s" % (user, text("realm"), self.password))
        ha2 = self.h("%s:%s" % (method, text("uri")))
        middle = [text("nonce")]
        if f.get("qop"):
            middle += [text("nc"), text("cnonce"), text("qop")]
        return self.h(":".join([ha1] + middle + [ha2]))

    @staticmethod
    def spell(fields, quote=QUOTED):
        names = [n for n in ORDER if n in fields] + [n for n in fields if n not in ORDER]
        parts = ['%s="%s"' % (n, fields[n]) if n in quote else "%s=%s" % (n, fields[n])
                 for n in names]
        # What was typed as UTF-8 goes out as those octets.
        return "Digest " + ", ".join(parts).encode("utf-8").decode("latin-1")

    def header(self, method, uri, **change):
        return ("Authorization", self.spell(self.fields(method, uri, **change)))


class Session:
    """A person with a browser's manners on one connection: asks, is challenged, answers."""

    def __init__(self, gate, user, host="gate.localhost", algorithm="SHA-256", **connection):
        self.gate = gate
        self.host = host
        self.digest = Digest(user, gate.passwords[user], algorithm)
        self.connection = connection
        self.client = None
        self.prompts = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.client:
            self.client.close()
            self.client = None

    def connect(self):
        self.close()
        sni = self.host.rpartition(":")[0] or self.host
        self.client = rawhttp.Client(self.gate.port, sni=sni, **self.connection)
        return self.client

    def _once(self, method, target, headers, body, authorize):
        if self.client is None or self.client.ended:
            self.connect()
        lines = list(headers)
        if authorize and self.digest.challenge:
            lines.append(self.digest.header(method, target))
        if body is not None:
            lines.append(("Content-Length", str(len(body))))
        self.client.send(rawhttp.head(method, target, self.host, lines) + (body or b""))
        answer = self.client.read(method)
        if answer.one("connection") == "close":
            self.client.ended = self.client.ended or "closed"
        return answer

    def request(self, method, target, headers=(), body=None):
        answer = self._once(method, target, headers, body, True)
        if answer.status == 401 and (self.digest.challenge is None or
                                     any(c.stale for c in challenges(answer))):
            self.prompts += self.digest.challenge is None
            self.digest.take(answer)
            answer = self._once(method, target, headers, body, True)
        return answer

    def get(self, target, headers=()):
        return self.request("GET", target, headers)

    def post(self, target, form, headers=(), content_type="application/x-www-form-urlencoded"):
        body = form if isinstance(form, bytes) else form.encode()
        return self.request("POST", target, [("Content-Type", content_type), *headers], body)
