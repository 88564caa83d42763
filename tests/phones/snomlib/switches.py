"""What a test may turn on and off; everything here is a property of one phone, or a fault in it."""

DEFAULTS = {
    # login
    "scheme": "",               # "digest" or "basic" instead of what http_scheme says
    "no_login": False,          # asks for no login although an account is set
    "algorithm": "MD5",         # "MD5", "SHA-256" or "SHA-256,MD5": one challenge each
    "algorithm_named": True,
    "qop": "auth",              # "" is the RFC 2069 form; "auth-int" a phone we cannot serve
    "realm": "snom",
    "opaque": "",
    "challenge": "",            # the raw values of WWW-Authenticate, one a line, instead of ours
    "nonce_ms": 3_600_000,      # life of a nonce; afterwards stale=true
    "nonce_uses": 0,            # 0: any number
    "nonce_bound": False,       # a nonce is worth something on its own connection only
    "strict_nc": False,         # nc must rise by exactly one
    "auth_info": "",            # "on", "wrong" or "nextnonce"
    "lock_failures": 3,
    "lock_s": 60,
    "lock_answer": "403",       # or "close"
    # manners
    "needs_keep_alive": True,   # empty reply without an explicit Connection: keep-alive
    "minibrowser_ms": 8000,     # how long minibrowser.htm idles when that header is there
    "one_segment": False,       # hangs up unless head and body come in one TLS record
    "max_head": 8192,           # longer request heads are answered 400
    "max_connections": 0,       # further ones are closed at once; 0: no limit
    "idle_ms": 60000,
    "keep_alive": True,         # False: closes after each answer, and says so
    "silent_close": False,      # closes after each answer without saying so
    "framing": "length",        # "length", "close" or "chunked"
    "close_notify": True,
    "version": "HTTP/1.1",
    "location": "path",         # or "absolute": how a Location is written
    "header": [],               # extra lines "Name: value" on every answer that needs a login
    "plain_answer": "307",      # an https-only phone on its http port: "307", "403", "refuse"
                                # (hangs up) or "closed" (nobody listens)
    "ms": 0,                    # per request
    "handshake_ms": 0,          # per TLS handshake
    "reboot_ms": 200,           # silence while the phone starts
    "reboot_after_ms": 0,       # it says 302 and goes so much later; 0: it hangs up and is gone
    "boot_answer": "close",     # what connections get meanwhile: "close" or "hang"
    "pull_at_boot": False,      # the phone fetches its settings at each start
    "server_ca": "",            # file: what the phone checks its setting server with
    "pcap_bytes": 4096,         # length of /trace.pcap
    # faults: see faults.py
    "fault": "",
    "fault_path": "",           # only for this path; "401": only for challenges
    "fault_count": 0,           # so many times, then healthy; 0: always
    "fault_skip": 0,            # so many answers that it would have met stay healthy first
    "fault_after_forms": 0,     # it begins with the answer to the so-many-th form from now on
    "fault_ms": 30000,          # how long a stall lasts
    "drip_ms": 20,
    "raw": "",                  # with fault=raw: the octets of the answer, Latin-1
    "refuse": False,            # the TLS port is closed
    "page_without": "",         # settings that no page shows, separated by blanks
    "save_after_apply": False,  # forms can be applied only; the page that answers saves
    "save_button": True,        # ... where False: it does not, and no other page does
    "forgets": False,           # Save saves nothing
    "form_status": 0,           # a form is answered with this status, and nothing else is done
    "keeps": "",                # settings that a form does not change, whatever it is sent
    "moved": "",                # "setting=/page.htm ...": on another page than its own
    "buttons": "Apply Save",    # of each form
    "restart_button": True,     # False: no page has one
    "restart_again": False,     # its question is followed by the same question
    "restart_status": 0,        # it answers with this status instead of restarting
    "kill_pid": 0,              # a process that gets SIGKILL from the phone ...
    "kill_at": 0,               # ... at the so-many-th request from now on; of these paths' methods:
    "kill_method": "",          # "POST"; "": every one
    "kill_when": "after",       # "before" the phone has done anything, or "after"
}


def parse(name, text):
    """A value from the command line in the type of its default."""
    if name not in DEFAULTS:
        raise ValueError("no such switch: %s" % name)
    default = DEFAULTS[name]
    if isinstance(default, bool):
        return text in ("", "on", "true", "1")
    if isinstance(default, int):
        return int(text)
    if isinstance(default, list):
        return [text]
    return text


class Switches(dict):
    def __init__(self):
        super().__init__({k: list(v) if isinstance(v, list) else v for k, v in DEFAULTS.items()})

    def turn(self, values):
        for name, value in values.items():
            if name not in DEFAULTS:
                raise ValueError("no such switch: %s" % name)
            if type(value) is not type(DEFAULTS[name]):
                raise ValueError("%s takes a %s" % (name, type(DEFAULTS[name]).__name__))
            self[name] = value

    def reset(self):
        self.clear()
        self.update(Switches())
