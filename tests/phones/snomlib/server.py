"""The phone: listeners, one thread a connection, one exchange after the other."""

import hmac
import os
import secrets
import signal
import socket
import threading
import time

from . import (actions, auth, certificate, counters, faults, provisioning, settings, switches,
               wire)


class Phone:
    def __init__(self, directory, model="D785", mac="000413A1B2C3", firmware=(10, 1, 175, 16),
                 initial=(), cert=None, newest_tls="1.2", rsa=False):
        self.directory, self.model, self.mac, self.firmware = directory, model, mac, firmware
        self.settings = settings.Settings(firmware, dict(initial))
        self.switches = switches.Switches()
        self.auth = auth.Authenticator(self.settings, self.switches)
        self.site = actions.Site(self)
        self.counters = counters.Counters()
        self._manners_of_model()
        self.draw_names()
        self.calls = {"dialed": ["030123456", "101"], "missed": ["0171555"], "received": ["102"]}
        self.book = [("Reception", "101"), ("Storage", "102"), ("Laboratory", "103")]
        self.newest_tls, self.rsa = newest_tls, rsa
        self.cert_number = 0
        if cert is None and certificate.is_shared(model):
            cert = certificate.shared()
        self.cert, self.key = cert or certificate.make(directory, mac, 0, rsa)
        self.tls = self._context()
        self.lock = threading.Lock()
        self.links = set()
        self.listeners = {}
        self.closed_at = {}
        self.born = time.monotonic()
        self.booting_until = 0.0
        self.service_until = 0.0
        self.next_link = 0
        self.fault_left = self.skip_left = self.forms_left = 0
        self.kill_left = 0

    def _context(self):
        return certificate.context(self.cert, self.key, self.newest_tls)

    # --- state ---------------------------------------------------------------------------------

    def pin(self):
        return certificate.pin(self.cert)

    def uptime_s(self):
        return int(time.monotonic() - self.born)

    def firmware_text(self):
        return "snom%s-SIP %s" % (self.model, ".".join(str(n) for n in self.firmware))

    def state(self):
        return {"lock_failures": self.auth.lock.failures, "locked": self.auth.lock.locked(),
                "service_mode": time.monotonic() < self.service_until,
                "boot": self.settings.boot, "calls": self.calls,
                "booting": time.monotonic() < self.booting_until,
                "hidden_tag": self.hidden_tag("/prefs.htm"), "security_path": self.security_path,
                "perms": self.settings.perms, "stored": self.settings.stored,
                "model": self.model, "firmware": self.firmware_text()}

    def _manners_of_model(self):
        if certificate.is_shared(self.model):
            self.switches["plain_answer"] = "403"

    def draw_names(self):
        """What no client can know beforehand: hidden tags, and where the security page is."""
        self.tag_secret = secrets.token_bytes(16)
        self.security_path = "/advanced_%s.htm" % secrets.token_hex(3)

    def hidden_tag(self, path):
        """(name, value) of the tag that this page's form must bring back."""
        path = "/index.htm" if path == "/" else path
        digest = hmac.new(self.tag_secret, path.encode(), "sha256").hexdigest()
        return "t" + digest[:8], digest[8:40]

    def note(self, kind, text):
        self.counters.note(kind, text)

    def dial(self, number):
        self.calls["dialed"].insert(0, number)
        self.note("dial", number)

    @staticmethod
    def pcap(size):
        head = b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00" + b"\0" * 8 + b"\xff\xff\0\0\x01\0\0\0"
        pattern = bytes(range(256)) * 4096
        return (head + pattern * (size // len(pattern) + 1))[:size]

    def location(self, path):
        if self.switches["location"] == "path":
            return path
        return "https://%s%s" % (self.authority(), path)

    def authority(self):
        address, port = self.listeners["https"].getsockname()[:2]
        return "%s:%d" % ("[%s]" % address if ":" in address else address, port)

    def is_admin(self, login):
        if login.service and login.outcome == "ok":
            # Documented as putting the phone, not the session, into administrator mode.
            minutes = int(self.settings["web_logout_timer"] or 0) or 10
            self.service_until = time.monotonic() + 60 * minutes
        return self.settings.is_on("admin_mode") or time.monotonic() < self.service_until

    def turn(self, values):
        self.switches.turn(values)
        if "fault" in values or "fault_count" in values:
            if self.switches["fault"] and self.switches["fault"] not in faults.FAULTS:
                raise ValueError("no such fault: " + self.switches["fault"])
            self.fault_left = self.switches["fault_count"] or -1
            self.skip_left = self.switches["fault_skip"]
            self.forms_left = self.switches["fault_after_forms"]
        if "kill_at" in values:
            self.kill_left = self.switches["kill_at"]
        self._open_what_is_served()

    def _open_what_is_served(self):
        """Which listeners are there at all: switches, and what the last boot found."""
        served = self.settings.boot["webserver_type"]
        closed = self.switches["plain_answer"] == "closed"
        off = closed and served == "off"
        if "https" in self.listeners:
            self._open_or_close("https", not self.switches["refuse"] and not off and
                                not (closed and served == "http"))
        if "http" in self.listeners:
            self._open_or_close("http", not (closed and served in ("https", "off")))

    def reset(self):
        self.switches.reset()
        self._manners_of_model()
        self._open_what_is_served()
        self.auth.lock = auth.Lock(self.switches)
        self.auth.nonces = auth.Nonces(self.switches)
        self.service_until = self.booting_until = 0.0
        self.counters.clear()

    def reboot(self, pull=True):
        self.counters.add("reboots")
        self.booting_until = time.monotonic() + self.switches["reboot_ms"] / 1000
        self.settings.boot_up()
        self.auth.nonces = auth.Nonces(self.switches)
        self.auth.lock = auth.Lock(self.switches)
        self.service_until = 0.0
        self.draw_names()
        self.born = time.monotonic()
        self.close_connections()
        self._open_what_is_served()
        if pull and self.switches["pull_at_boot"]:
            provisioning.pull(self)

    def factory_reset(self):
        self.settings.factory_reset()
        self.note("reset", "factory")
        self.reboot()

    def change_certificate(self):
        self.cert_number += 1
        self.cert, self.key = certificate.make(self.directory, self.mac, self.cert_number, self.rsa)
        self.tls = certificate.context(self.cert, self.key, self.newest_tls)
        return self.pin()

    def close_connections(self):
        with self.lock:
            links = list(self.links)
        for link in links:
            try:
                link.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    # --- listeners -----------------------------------------------------------------------------

    def listen(self, kind, address, port):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.listen(128)
        self.listeners[kind] = sock
        threading.Thread(target=self._accept, args=(kind, sock), daemon=True).start()
        return sock.getsockname()[1]

    def _open_or_close(self, kind, is_open):
        sock = self.listeners[kind]
        if not is_open and sock.fileno() >= 0:
            self.closed_at[kind] = sock.getsockname()[:2]
            sock.shutdown(socket.SHUT_RDWR)
            sock.close()
            self.close_connections()
        elif is_open and sock.fileno() < 0:
            self.listen(kind, *self.closed_at[kind])

    def _accept(self, kind, sock):
        while True:
            try:
                peer, _ = sock.accept()
            except OSError:
                return
            threading.Thread(target=self._connection, args=(kind, peer), daemon=True).start()

    def _connection(self, kind, sock):
        if kind == "remote":        # port 1800 of old firmware: open, and that is all that is known
            self.counters.add("remote")
            sock.close()
            return
        self.counters.opened()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self.next_link += 1
            link = wire.Link(sock, self.next_link)
            self.links.add(link)
        try:
            if self._admit(kind, link):
                self._serve(kind, link)
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.links.discard(link)
            self.auth.nonces.forget_connection(link.number)
            link.close(self.switches["close_notify"])
            self.counters.closed()

    def _admit(self, kind, link):
        most = self.switches["max_connections"]
        booting_s = self.booting_until - time.monotonic()
        if booting_s > 0 or (most and len(self.links) > most):
            self.counters.add("refused_connections")
            if booting_s > 0 and self.switches["boot_answer"] == "hang":
                time.sleep(booting_s)
            return False
        served = self.settings.boot["webserver_type"]
        if served == "off" or (kind == "https" and served == "http"):
            self.counters.add("refused_connections")
            return False
        link.sock.settimeout(self.switches["idle_ms"] / 1000)
        if kind == "https":
            time.sleep(self.switches["handshake_ms"] / 1000)
            return self._handshake(link)
        return True

    def _handshake(self, link):
        try:
            link.sock = self.tls.wrap_socket(link.sock, server_side=True)
        except (OSError, ValueError):
            self.counters.add("handshakes_failed")
            return False
        reused = link.sock.session_reused
        self.counters.add("handshakes_resumed" if reused else "handshakes_full")
        return True

    # --- requests ------------------------------------------------------------------------------

    def _serve(self, kind, link):
        while True:
            try:
                head = wire.read_head(link, self.switches["max_head"])
                if head is None:
                    return
                req = wire.parse_head(head)
            except wire.BadRequest as error:
                self._bad(link, str(error))
                return
            if not self._exchange(kind, link, req):
                return

    def _bad(self, link, text):
        self.counters.add("bad_requests")
        self.note("bad request", text)
        body = self.site.pages.error(400, text)
        link.send(wire.head_octets("HTTP/1.1", 400, "Bad Request", [
            ("Content-Type", "text/html"), ("Content-Length", str(len(body))),
            ("Connection", "close")]) + body)

    def _exchange(self, kind, link, req):
        ticket = counters.Ticket()
        self.counters.enter(ticket)
        entry = dict(conn=link.number, at=time.time(), user="", status=0, kind=kind)
        self.counters.remember(entry)
        try:
            wire.read_body(link, req)
            entry.update(req.record())
            if self.switches["one_segment"] and not req.one_record:
                return False
            time.sleep(self.switches["ms"] / 1000)
            self._strike(req, "before")
            answer = self._answer(kind, link, req, entry)
            self._strike(req, "after")
            entry["status"] = answer.status
            self.forms_left -= req.method == "POST"
            return self._respond(kind, link, req, answer, ticket)
        except wire.BadRequest as error:
            entry["violations"] = [str(error)]
            return False
        finally:
            self.counters.leave(ticket)
            entry["garbled"] = ticket["garbled"]
            if ticket["garbled"]:
                self.counters.add("garbled")

    def _strike(self, req, when):
        """The other side dies at this moment, wherever it is."""
        method = self.switches["kill_method"]
        if not self.switches["kill_pid"] or self.switches["kill_when"] != when or \
                (method and method != req.method):
            return
        self.kill_left -= 1
        if self.kill_left == 0:
            os.kill(self.switches["kill_pid"], signal.SIGKILL)
            time.sleep(0.05)

    def _answer(self, kind, link, req, entry):
        if kind == "http" and self.settings.boot["webserver_type"] == "https":
            return self._https_only(req)
        if req.header("transfer-encoding"):
            return actions.Answer(411)
        if req.method not in ("GET", "POST", "HEAD"):
            return actions.Answer(501, self.site.pages.error(501, "Not Implemented"))
        if self.auth.lock.locked():
            self.counters.add("locked_out")
            return actions.Answer(403, self.site.pages.error(403, "Too many failed logins"),
                                  silent=self.switches["lock_answer"] == "close")
        if not self.auth.required():
            return self.site.answer(req, self.is_admin(auth.Login("none")))
        login = self.auth.check(req.method, req.target, req.header("authorization"), link.number)
        entry["user"], entry["login"] = login.user, login.outcome
        if login.outcome != "ok":
            return self._unauthorized(login, link)
        self.auth.lock.succeeded()
        answer = self.site.answer(req, self.is_admin(login))
        answer.headers += login.headers
        answer.headers += [tuple(h.split(": ", 1)) for h in self.switches["header"]]
        return answer

    def _unauthorized(self, login, link):
        self.counters.add("unauthorized")
        if login.outcome == "failed":
            self.counters.add("failed_logins")
            self.auth.lock.failed()
        if login.outcome == "stale":
            self.counters.add("stale")
        return actions.Answer(401, b"<h1>Unauthorized</h1>\n", "text/plain",
                              self.auth.challenges(link.number, login.outcome == "stale"))

    def _https_only(self, req):
        self.counters.add("plain_requests")
        if self.switches["plain_answer"] == "403":
            return actions.Answer(403, self.site.pages.error(403, "Forbidden"))
        if self.switches["plain_answer"] == "refuse":
            return actions.Answer(silent=True)
        return actions.Answer(307, b"", headers=[
            ("Location", "https://%s%s" % (self.authority(), req.target))])

    # --- answers -------------------------------------------------------------------------------

    def _manners(self, kind, req, answer):
        """How the connection goes on: (keep, framing)."""
        wants = (req.header("connection") or "").lower()
        framing = self.switches["framing"]
        keep = self.switches["keep_alive"] and wants != "close"
        if req.target.lower().startswith("/minibrowser.htm"):
            answer.idle_ms = self.switches["minibrowser_ms"] if "keep-alive" in wants else 0
            return False, "close"
        if kind == "https" and self.switches["needs_keep_alive"] and "keep-alive" not in wants:
            answer.silent = True
        if framing == "close" or self.switches["version"] == "HTTP/1.0":
            keep = False
        return keep, framing

    def _head(self, answer, keep, framing):
        headers = [("Content-Type", answer.headers[0][1]), ("Server", "snom embedded"),
                   ("Cache-Control", "no-cache"), ("Cache-Control", "no-store")]
        headers += answer.headers[1:]
        if framing == "chunked":
            headers.append(("Transfer-Encoding", "chunked"))
        elif framing == "length":
            headers.append(("Content-Length", str(len(answer.body))))
        if not self.switches["silent_close"] and framing != "close":
            headers.append(("Connection", "keep-alive" if keep else "close"))
        return wire.head_octets(self.switches["version"], answer.status, answer.reason, headers)

    def _fault(self, req, status):
        """Challenges stay healthy, unless fault_path is "401": then they alone are broken."""
        name, path = self.switches["fault"], self.switches["fault_path"]
        if not name or (status == 401) != (path == "401"):
            return None
        if path not in ("", "401") and req.target.partition("?")[0] != path:
            return None
        with self.lock:
            if self.fault_left == 0 or self.forms_left > 0:
                return None
            if self.skip_left > 0:
                self.skip_left -= 1
                return None
            self.fault_left -= 1
        return faults.FAULTS[name]

    def _respond(self, kind, link, req, answer, ticket):
        keep, framing = self._manners(kind, req, answer)
        if answer.silent:
            self.counters.leave(ticket)
            if answer.after:
                answer.after()
            return False
        head = self._head(answer, keep, framing)
        if ticket["garbled"]:
            head = wire.garble(head)
        body = b"" if req.method == "HEAD" or answer.status in (204, 304) else answer.body
        fault = self._fault(req, answer.status)
        if fault:
            link.before_reset = lambda: self.counters.leave(ticket)

            def alive(seconds):
                return not link.peer_gone(seconds)
            return fault(link, head, body, self.switches, alive) and keep
        self._send(link, head, wire.chunked(body) if framing == "chunked" and
                   req.method != "HEAD" else body, ticket)
        if answer.after:
            answer.after()
        if answer.idle_ms:
            link.peer_gone(answer.idle_ms / 1000)
        return keep and not self.switches["silent_close"]

    def _send(self, link, head, body, ticket):
        """The request counts as over just before its last octets leave: whoever has read them may
        send the next one."""
        octets = head + body[:16384]
        rest = body[16384:]
        while rest:
            link.send(octets)
            octets, rest = rest[:65536], rest[65536:]
        self.counters.leave(ticket)
        link.send(octets)

