"""The port through which tests look at a phone and change it. Not part of the phone.

GET  /counters            the numbers, and the last requests
POST /reset               numbers to zero, switches to their defaults, lock and nonces forgotten
POST /switch  {name: value}     POST /set {setting: value}     GET /settings
POST /perm    {setting: flag}   as if a settings file had said so
POST /certificate         a new key and certificate; answers with the new pin
POST /close               drops every open connection
POST /reboot              POST /factory-reset
POST /pull                the phone fetches its settings now; answers with what came of it"""

import http.server
import json
import threading

from . import provisioning


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    phone = None

    def log_message(self, *args):
        pass

    def _answer(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/counters":
            self._answer(self.phone.counters.snapshot())
        elif self.path == "/settings":
            self._answer(self.phone.settings.running)
        elif self.path == "/state":
            self._answer(self.phone.state())
        else:
            self._answer({"error": "no such page"}, 404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            values = json.loads(body) if body else {}
            self._answer(self._do(values))
        except (ValueError, KeyError) as error:
            self._answer({"error": str(error)}, 400)

    def _do(self, values):
        phone = self.phone
        if self.path == "/switch":
            phone.turn(values)
        elif self.path == "/set":
            phone.settings.put(values)
        elif self.path == "/perm":
            phone.settings.perms.update(values)
            phone.settings.stored_perms.update(values)
        elif self.path == "/reset":
            phone.reset()
        elif self.path == "/certificate":
            return {"pin": phone.change_certificate()}
        elif self.path == "/close":
            phone.close_connections()
        elif self.path == "/reboot":
            phone.reboot()
        elif self.path == "/factory-reset":
            phone.factory_reset()
        elif self.path == "/pull":
            return provisioning.pull(phone)
        else:
            raise ValueError("no such action: " + self.path)
        return {"ok": True}


def start(phone, address, port):
    """Serve in the background; returns the port."""
    kind = type("PhoneHandler", (Handler,), {"phone": phone})
    server = http.server.ThreadingHTTPServer((address, port), kind)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server.server_address[1]
