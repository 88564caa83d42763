"""The pages of the web interface, drawn from the phone's state each time."""

import html
import struct
import zlib

# page -> (title, settings of its form). "A": administrators' pages besides the vendor's own list.
FORMS = {
    "/prefs.htm": ("Preferences", ["language", "tone_scheme", "timezone", "vol_ringer",
                                   "keyboard_lock_pw", "keyboard_lock", "keyboard_lock_timeout",
                                   "enable_keyboard_lock"]),
    "/advanced_network.htm": ("Network", ["dhcp", "ip_adr", "netmask", "gateway", "dns_domain",
                                          "vlan_id", "webserver_type", "http_port", "https_port"]),
    "/advanced_update.htm": ("Update", ["setting_server", "update_policy", "pnp_config",
                                        "provisioning_order"]),
    "/advanced_security.htm": ("QoS/Security", [
        "http_user", "http_pass", "http_scheme", "use_hidden_tags", "restrict_uri_queries",
        "admin_mode", "admin_mode_password", "admin_mode_password_confirm", "service_mode_login",
        "service_mode_password", "webserver_admin_name", "webserver_admin_password",
        "webserver_cert", "allow_sip_settings", "filter_registrar", "web_logout_timer"]),
    "/advanced_behaviour.htm": ("Behavior", ["ignore_security_warning", "dial_from_wui",
                                             "dnd_mode", "xml_notify", "csta_control"]),
    "/advanced_audio.htm": ("Audio", ["vol_ringer", "codec_priority_list"]),
    "/advanced_sip.htm": ("SIP/RTP", ["sip_port", "network_id_port", "challenge_reboot",
                                      "challenge_checksync", "tos_sip", "tos_rtp"]),
    "/line_login.htm": ("Login", ["user_active", "user_realname", "user_name", "user_pass",
                                  "user_host", "user_outbound", "user_mailbox"]),
    "/line_sip.htm": ("SIP", ["user_outbound", "user_ringer"]),
    "/line_nat.htm": ("NAT", ["sip_port"]),
    "/line_rtp.htm": ("RTP", ["codec_priority_list", "user_srtp"]),
    "/line_features.htm": ("Features", ["user_mailbox", "redirect_target"]),
    "/action.htm": ("Action URL Settings", ["action_incoming_url", "action_outgoing_url",
                                            "action_setup_url", "action_offhook_url",
                                            "action_onhook_url", "action_missed_url"]),
    "/update.htm": ("Software Update", ["update_policy"]),
}
SECURITY = "/advanced_security.htm"     # a placeholder: the real name is drawn at each start
ADVANCED = [p for p in FORMS if p.startswith("/advanced_")]
# What is chosen from a list, and what has one button for each value.
SELECTS = {"http_scheme": [("off", "Basic"), ("on", "Digest")],
           "webserver_type": [("http", "HTTP only"), ("https", "HTTPS only"),
                              ("http_https", "HTTP and HTTPS"), ("off", "off")]}
RADIOS = ("use_hidden_tags", "restrict_uri_queries", "admin_mode", "enable_keyboard_lock",
          "keyboard_lock", "allow_sip_settings", "filter_registrar")
LINKS = [("/", "Home"), ("/adr.htm", "Directory"), ("/prefs.htm", "Preferences"),
         ("/line_login.htm?l=1", "Identity 1"), ("/advanced.htm", "Advanced"),
         ("/action.htm", "Action URLs"), ("/settings.htm", "Settings"), ("/log.htm", "SIP log"),
         ("/info.htm", "System Information"), ("/manual.htm", "Manual")]
DIAGNOSTICS = ["/state_of_gui.htm", "/state_of_identity.htm", "/memstat.htm", "/dnscache.htm",
               "/dirty_hosts.htm", "/debug.htm", "/modules.htm", "/media.htm", "/support.htm",
               "/param_map", "/param_map_structs", "/strings.csv", "/xml_entities.htm",
               "/subscriptions.htm", "/trace.htm", "/http_trace.htm", "/log.htm", "/pcap.htm",
               "/certificates_unknown_certs.htm", "/contacts.htm"]
# Twelve of them are on the home page.
ASSETS = ["css/main.css", "css/menu.css", "js/main.js", "js/menu.js", "js/lang.js",
          "img/logo.png", "img/phone.png", "img/key.png", "img/dial.gif", "img/missed.gif",
          "img/received.gif", "img/line.gif"]


def esc(text):
    return html.escape(str(text), quote=True)


def png(seed):
    """A small valid picture."""
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    row = b"\0" + bytes([seed & 255, 90, 160]) * 8
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)) + \
        chunk(b"IDAT", zlib.compress(row * 8)) + chunk(b"IEND", b"")


GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00," \
      b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
BMP = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 58, 0, 0, 54, 40, 1, 1, 1, 24, 0, 4, 2835, 2835, 0, 0) \
    + b"\x10\x20\x30\x00"


def asset(path):
    """(content type, octets) of a file that needs no state, or None."""
    if path.endswith(".png"):
        return "image/png", png(sum(path.encode()))
    if path.endswith(".gif") or path == "/favicon.ico":
        return "image/gif", GIF
    if path.endswith(".css"):
        return "text/css", b"/* %s */\nbody { font-family: sans-serif }\n" % path.encode()
    if path.endswith(".js"):
        return "application/x-javascript", b"var loaded = (window.loaded || 0) + 1;\n"
    return None


class Pages:
    def __init__(self, phone):
        self.phone = phone

    def page(self, title, body):
        name = self.phone.settings["phone_name"] or self.phone.model
        css = '<link rel="stylesheet" type="text/css" href="css/main.css">'
        return ('<html><head><title>snom %s</title>%s</head><body><h1>%s</h1>%s%s</body></html>\n'
                % (esc(name), css, esc(title), self.menu(), body)).encode("utf-8")

    @staticmethod
    def menu():
        """Half the links are relative and half start at the root, as old interfaces have it."""
        items = []
        for i, (path, text) in enumerate(LINKS):
            href = path.lstrip("/") if i % 2 and path != "/" else path
            items.append('<a href="%s">%s</a>' % (esc(href), esc(text)))
        return '<div id="menu">%s</div>' % " | ".join(items)

    def forms(self):
        """path -> (title, settings), with this start's name of the security page."""
        moved = dict(m.split("=") for m in self.phone.switches["moved"].split())
        return {self.phone.security_path if path == SECURITY else path:
                (title, [n for n in names if moved.get(n, path) == path] +
                 [n for n, to in moved.items() if to == path])
                for path, (title, names) in FORMS.items()}

    def tag(self, path):
        if not self.phone.settings.is_on("use_hidden_tags"):
            return ""
        name, value = self.phone.hidden_tag(path)
        return '<input type="hidden" name="%s" value="%s">' % (name, value)

    def control(self, name):
        """The control of one setting; what was provisioned read-only cannot be changed."""
        value, fixed = self.phone.settings.shown(name), self.phone.settings.perm(name) == "R"
        options = SELECTS.get(name)
        if options:
            rows = "".join('<option value="%s"%s>%s</option>'
                           % (esc(v), " selected" if v == value else "", esc(text))
                           for v, text in options)
            return '<select name="%s"%s>%s</select>' % (name, " disabled" if fixed else "", rows)
        if name in RADIOS and value in ("on", "off"):
            return "".join('<input type="radio" name="%s" value="%s"%s%s> %s'
                           % (name, v, " checked" if v == value else "",
                              " disabled" if fixed else "", v) for v in ("on", "off"))
        kind = "password" if name.endswith(("pass", "_pw", "password", "_confirm")) else "text"
        return '<input type="%s" name="%s" value="%s"%s>' % (
            kind, esc(name), esc(value), " readonly" if fixed else "")

    def form(self, path, names):
        rows = "".join("<tr><td>%s</td><td>%s</td></tr>" % (esc(name), self.control(name))
                       for name in names if name not in self.phone.switches["page_without"].split()
                       and (name in self.phone.settings.factory or
                            name in self.phone.settings.running))
        buttons = self.phone.switches["buttons"].split()
        if self.phone.switches["save_after_apply"]:
            buttons.remove("Save")
        return ('<form method="post" action="%s">%s<table>%s</table>%s</form>'
                % (esc(path.lstrip("/")), self.tag(path), rows, "".join(
                    '<input type="submit" name="Settings" value="%s">' % b for b in buttons))
                + self.save_form(path) + self.restart_form(path))

    def save_form(self, path):
        """Where forms are only applied: shown while something is not saved yet."""
        settings = self.phone.settings
        if not self.phone.switches["save_after_apply"] or settings.running == settings.stored or \
                not self.phone.switches["save_button"]:
            return ""
        return ('<form method="post" action="%s">%s<input type="submit" name="save" value="Save">'
                '</form>' % (esc(path.lstrip("/")), self.tag(path)))

    def restart_form(self, path):
        if path not in ("/advanced_network.htm", "/advanced_update.htm") or \
                not self.phone.switches["restart_button"]:
            return ""
        return ('<form method="post" action="%s">%s<input type="submit" name="CONFIRM_REBOOT" '
                'value="Reboot"></form>' % (path.lstrip("/"), self.tag(path)))

    def home(self):
        assets = "".join('<script src="%s"></script>' % a if a.endswith(".js") else
                         '<link rel="stylesheet" href="%s">' % a if a.endswith(".css") else
                         '<img src="%s" alt="">' % a for a in ASSETS)
        calls = []
        for kind in ("dialed", "missed", "received"):
            rows = "".join("<li>%s</li>" % esc(n) for n in self.phone.calls[kind])
            calls.append('<h2>%s calls</h2><ul id="%s">%s</ul><a href="/index.htm?%sdel=0">clear</a>'
                         % (kind.title(), kind, rows, kind))
        warning = ""
        if not self.phone.auth.required() and not self.phone.settings.is_on("ignore_security_warning"):
            warning = '<p class="warning">HTTP password not set!</p>'
        dial = ('<form method="post" action="index.htm">%s<input name="NUMBER">'
                '<input type="submit" name="DIAL" value="Dial"></form>' % self.tag("/index.htm"))
        return self.page("Welcome to Your Phone!", warning + dial + assets + "".join(calls))

    def framed(self):
        return ('<html><head><title>snom %s</title></head><frameset cols="30%%,70%%">'
                '<frame name="left" src="/adr.htm"><frame name="right" src="info.htm">'
                '</frameset></html>\n' % esc(self.phone.model)).encode()

    def info(self):
        p = self.phone
        return self.page("System Information",
                         "<pre>Phone Type: %s\nMac: %s\nHardware: %s\nFirmware-Version: %s\n"
                         "Firmware-URL: \nUptime: %d\n</pre>"
                         % (p.model, p.mac, p.model, p.firmware_text(), p.uptime_s()))

    def advanced(self, admin):
        if not admin:
            return self.page("Advanced", '<form method="post" action="advanced.htm">%s'
                             'Administrator password: <input type="password" name="ADMIN_PASSWORD">'
                             '<input type="submit" value="Enter"></form>' % self.tag("/advanced.htm"))
        forms = self.forms()
        links = "".join('<li><a href="%s">%s</a></li>' % (p.lstrip("/"), forms[p][0])
                        for p in forms if p.startswith("/advanced_"))
        return self.page("Advanced", "<ul>%s</ul>" % links + self.form(
            "/advanced.htm", ["admin_mode"]))

    def reboot_question(self):
        return self.page("Reboot", '<form method="post" action="confirm.htm">%s'
                         '<input type="submit" name="REBOOT" value="Yes"></form>' % self.tag("/confirm.htm"))

    def directory(self):
        rows = "".join("<tr><td>%s</td><td>%s</td></tr>" % (esc(n), esc(c))
                       for n, c in self.phone.book)
        return self.page("Directory", "<table>%s</table>" % rows)

    def settings_xml(self, only_changed):
        s = self.phone.settings
        rows = []
        for name in sorted(s.running):
            if only_changed and s.running[name] == s.factory.get(name, ""):
                continue
            perm = s.perm(name)
            rows.append('<%s perm="%s">%s</%s>' % (name, perm, esc(s.shown(name)), name))
        return ('<?xml version="1.0" encoding="utf-8"?>\n<settings><phone-settings e="2">\n%s\n'
                '</phone-settings></settings>\n' % "\n".join(rows)).encode()

    def error(self, status, text):
        return ('<html><head><title>snom VoIP phone: Error</title></head><body><h1>%d %s</h1>'
                '</body></html>\n' % (status, esc(text))).encode()
