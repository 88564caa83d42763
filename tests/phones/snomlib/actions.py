"""What requests do: which page an answer is, and what it changes on the way."""

import threading
import urllib.parse

from . import pages as pages_module

TRUE_REASONS = {200: "Ok", 302: "Found", 307: "Temporary Redirect", 400: "Bad Request",
                401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 411: "Length Required",
                501: "Not Implemented"}


class Answer:
    """What the wire code is to send."""

    def __init__(self, status=200, body=b"", content_type="text/html", headers=(), silent=False):
        self.status = status
        self.reason = TRUE_REASONS.get(status, "Ok")
        self.body = body
        self.headers = [("Content-Type", content_type)] + list(headers)
        self.silent = silent        # hang up without a status line
        self.after = None           # called once the answer is out
        self.idle_ms = 0            # stay silent so long, then close, length not announced


def split_pairs(text):
    """Names and values as the phone reads them: '&' separates, ';' as well outside key=."""
    pairs = []
    for piece in text.split("&"):
        if not piece:
            continue
        name, eq, value = piece.partition("=")
        if ";" in name or (eq and ";" in value and name.lower() not in ("key", "keyevent")):
            pairs += split_pairs(piece.replace(";", "&"))
            continue
        pairs.append((urllib.parse.unquote_plus(name), urllib.parse.unquote_plus(value)))
    return pairs


def body_pairs(content_type, body):
    kind = content_type.split(";")[0].strip().lower()
    text = body.decode("latin-1")
    if kind == "multipart/form-data":
        return _multipart(content_type, text)
    first = text.split("\r\n", 1)[0]
    if "\r\n" in text and ":" in first and "=" not in first.split(":", 1)[0]:
        lines = [line.partition(":") for line in text.split("\r\n") if ":" in line]
        return [(name, value) for name, _, value in lines]
    return split_pairs(text)


def _multipart(content_type, text):
    marker = content_type.partition("boundary=")[2].strip('"')
    pairs = []
    for part in text.split("--" + marker)[1:-1]:
        head, _, value = part.partition("\r\n\r\n")
        name = head.partition('name="')[2].partition('"')[0]
        pairs.append((name, value[:-2]))
    return pairs


class Site:
    """The phone's answer to one authorised request."""

    def __init__(self, phone):
        self.phone = phone
        self.pages = pages_module.Pages(phone)

    def _found(self, path):
        return Answer(302, b"", headers=[("Location", self.phone.location(path))])

    def _error(self, status, text):
        return Answer(status, self.pages.error(status, text))

    def needs_admin(self, path):
        listed = self.phone.settings["wui_admin_only"].split()
        return path.lstrip("/") in listed or path.startswith("/advanced_")

    def answer(self, req, admin):
        path, _, query = req.target.partition("?")
        path = urllib.parse.unquote(path).lower()
        pairs = split_pairs(query)
        if self.needs_admin(path) and not admin:
            return self._error(403, "Not available in user mode")
        if req.method == "POST":
            form = body_pairs(req.header("content-type") or "", req.body)
            return self._post(path, pairs, form, admin)
        if pairs and path not in ("/line_login.htm", "/minibrowser.htm") or len(pairs) > 1:
            done = self._by_query(path, pairs, admin)
            if done:
                return done
        return self._show(path, pairs, admin)

    # --- changes -------------------------------------------------------------------------------

    def _queries_work(self):
        s = self.phone.settings
        return not (s.is_on("restrict_uri_queries") or s.is_on("use_hidden_tags"))

    def _by_query(self, path, pairs, admin):
        """The GET interface; where it is closed the page is shown and nothing happens."""
        if path == "/command.htm":
            return self._command(pairs)
        if not self._queries_work():
            return None
        return self._act(path, pairs, admin)

    def _post(self, path, pairs, form, admin):
        s = self.phone.settings
        if path == "/command.htm":
            return self._command(pairs + form)
        if s.is_on("use_hidden_tags"):
            name, value = self.phone.hidden_tag(path)
            if dict(form).get(name) != value:
                return self._error(403, "Hidden tag missing")
        if self.phone.switches["form_status"]:
            return self._error(self.phone.switches["form_status"], "Not now")
        return self._act(path, pairs + form, admin) or self._show(path, [], admin)

    def _act(self, path, pairs, admin):
        names = {name.lower(): value for name, value in pairs}
        if path in ("/", "/index.htm"):
            return self._home_action(names)
        if "reboot" in names or "confirm_reboot" in names:
            if self.phone.switches["restart_status"]:
                return self._error(self.phone.switches["restart_status"], "No restart")
            if self.phone.switches["restart_again"]:
                return Answer(200, self.pages.reboot_question())
            if path in ("/advanced_network.htm", "/advanced_update.htm") and \
                    "confirm_reboot" in names:
                return Answer(200, self.pages.reboot_question())
            return self._restart(self.phone.reboot)
        if "reset" in names and path.startswith("/advanced"):
            if self.phone.auth.accounts():
                return self._error(403, "Reset needs an open web interface")
            return self._restart(self.phone.factory_reset)
        if names.get("swload") == "load" or "firmware" in names:
            self.phone.note("firmware", names.get("firmware", ""))
            return self._restart(self.phone.reboot)
        if path == "/advanced.htm" and "admin_password" in names:
            return self._enter_admin_mode(names["admin_password"])
        if names.get("settings") or "save" in names or "store_settings" in names:
            return self._change(path, pairs, names, admin)
        return None

    def _home_action(self, names):
        for kind in self.phone.calls:
            if kind + "del" in names:
                self.phone.calls[kind].clear()
                return self._found("/index.htm")
        if names.get("number"):
            self.phone.dial(names["number"])
            return self._found("/index.htm")
        return None

    def _restart(self, what):
        late_ms = self.phone.switches["reboot_after_ms"]
        answer = self._found("/index.htm") if late_ms else Answer(silent=True)
        if late_ms:
            timer = threading.Timer(late_ms / 1000, what)
            timer.daemon = True
        answer.after = timer.start if late_ms else what
        return answer

    def _enter_admin_mode(self, password):
        s = self.phone.settings
        right = s["admin_mode_password"]
        if not right:       # what an empty one means changed with this firmware
            right = "0000" if self.phone.firmware < (10, 1, 185, 0) else \
                s["webserver_admin_password"] or s["http_pass"]
        if password == right:
            s.running["admin_mode"] = "on"      # of the whole phone, not of this person
            return self._found("/advanced.htm")
        return Answer(200, self.pages.advanced(False))

    def _change(self, path, pairs, names, admin):
        allowed = None if path in ("/dummy.htm", "/settings.htm") else \
            self.pages.forms().get(path, ("", []))[1] + (["admin_mode"] if admin else [])
        wanted = [(n, v) for n, v in pairs if allowed is None or
                  n.lower().rstrip("0123456789") in allowed or n.lower() in allowed]
        kept = self.phone.switches["keeps"].split()
        taken = self.phone.settings.change([(n, v) for n, v in wanted if n.lower() not in kept])
        if names.get("settings", "").lower() == "save" and path != "/dummy.htm" or \
                "store_settings" in names or "save" in names:
            if not self.phone.switches["forgets"]:
                self.phone.settings.save()
        self.phone.note("change", " ".join(taken))
        if path in ("/dummy.htm", "/settings.htm"):
            return Answer(200, self.pages.page("Settings", "<p>OK</p>"))
        return self._show(path, [], admin)

    def _command(self, pairs):
        for name, value in pairs:
            if name.lower() == "number":
                self.phone.dial(value)
                return self._found("/index.htm")
            self.phone.note("command", "%s=%s" % (name, value))
        return Answer(200, self.pages.page("Command", "<p>OK</p>"))

    # --- pages ---------------------------------------------------------------------------------

    def _show(self, path, pairs, admin):
        p = self.pages
        simple = {"/": p.home, "/index.htm": p.home, "/info.htm": p.info, "/adr.htm": p.directory,
                  "/frames.htm": p.framed, "/confirm.htm": p.reboot_question}
        if path in simple:
            return Answer(200, simple[path]())
        if path == "/advanced.htm":
            return Answer(200, p.advanced(admin))
        forms = self.pages.forms()
        if path in forms:
            title, names = forms[path]
            return Answer(200, p.page(title, p.form(path, names)))
        if path == "/command.htm":
            return Answer(200, p.page("Command", ""))
        if path == "/minibrowser.htm":
            return self._minibrowser(pairs)
        return self._dump(path) or self._asset(path)

    def _minibrowser(self, pairs):
        for name, value in pairs:
            if name.lower() == "url":
                self.phone.note("fetch", value)
        return Answer(200, self.pages.page("Minibrowser", ""))

    def _dump(self, path):
        p, s = self.pages, self.phone.settings
        if path in ("/settings.htm", "/settings.cfg", "/changed_settings.htm", "/dummy.htm"):
            lines = s.text_dump(path == "/changed_settings.htm")
            text = "\n".join(pages_module.esc(line) for line in lines)
            return Answer(200, ("<html><pre>\n%s\n</pre></html>\n" % text).encode())
        if path in ("/settings.xml", "/settings_wo_default.xml"):
            return Answer(200, p.settings_xml("wo_default" in path), "text/xml")
        if path == "/tbook.csv":
            rows = "".join("%s,%s\r\n" % entry for entry in self.phone.book)
            return Answer(200, rows.encode(), "text/csv")
        if path in ("/tbook.xml", "/dialplan.xml"):
            return Answer(200, b"<?xml version=\"1.0\"?>\n<tbook/>\n", "text/xml")
        if path == "/trace.pcap":
            size = self.phone.switches["pcap_bytes"]
            return Answer(200, self.phone.pcap(size), "application/octet-stream")
        if path in ("/screen.bmp", "/label_screen.bmp", "/exp_screen.bmp"):
            return Answer(200, pages_module.BMP, "image/bmp")
        if path in pages_module.DIAGNOSTICS:
            return Answer(200, p.page(path.strip("/"), "<pre>uptime %d</pre>"
                                      % self.phone.uptime_s()))
        return None

    def _asset(self, path):
        found = pages_module.asset(path)
        if found:
            return Answer(200, found[1], found[0])
        return self._error(404, "Not Found")
