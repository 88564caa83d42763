"""The phone's settings: a store that really changes, with what takes effect only after a reboot.

Names, defaults and meanings follow the vendor's pages and published provisioning templates. Where
nothing is known the choice is named in tests/phones/README.md."""

import re

ADMIN_ONLY = """screen.bmp settings.cfg settings.xml settings_wo_default.xml tbook.xml tbook.csv
param_map param_map_structs state_of_gui.htm state_of_identity.htm dirty_hosts.htm dialplan.xml
trace.pcap dummy.htm strings.csv log.htm certificates_unknown_certs.htm subscriptions.htm trace.htm
http_trace.htm memstat.htm support.htm line_login.htm action.htm pcap.htm dnscache.htm update.htm
settings.htm line_sip.htm line_nat.htm line_rtp.htm line_features.htm changed_settings.htm
contacts.htm debug.htm modules.htm media.htm xml_entities.htm"""

ACTION_EVENTS = """setup incoming outgoing offhook onhook missed connected disconnected dnd_on dnd_off
redirection_on redirection_off log_on log_off longpress blacklist received_subscr_notify""".split()

DEFAULTS = {
    # The four steps of the hardening guide.
    "http_user": "", "http_pass": "", "http_scheme": "off", "use_hidden_tags": "off",
    "admin_mode": "on", "admin_mode_password": "", "admin_mode_password_confirm": "",
    "webserver_type": "http_https",
    "keyboard_lock_pw": "", "keyboard_lock": "off", "enable_keyboard_lock": "on",
    "keyboard_lock_timeout": "", "keyboard_lock_emergency": "911 112 110 999",
    "keyboard_lock_accepted_keys": "F_HOLD MUTE VOLUME_UP VOLUME_DOWN",
    "server_enforced_kb_lock": "", "min_pin_length": "", "max_pin_retry": "",
    # Other accounts.
    "service_mode_login": "", "service_mode_password": "",
    "webserver_user_name": "", "webserver_user_password": "",
    "webserver_admin_name": "", "webserver_admin_password": "",
    # What an audit reads.
    "restrict_uri_queries": "on", "web_logout_timer": "10",
    "wui_admin_only": " ".join(ADMIN_ONLY.split()),
    "webserver_cert": "", "http_port": "80", "https_port": "443",
    "allow_sip_settings": "off", "allow_sip_xml_action": "off",
    "challenge_reboot": "off", "challenge_checksync": "off",
    "filter_registrar": "on", "network_id_port": "",
    "tr69_use_acs": "off", "tr69_acs_url": "", "tr69_acs_passwd": "", "tr69_cnr_pass": "",
    "pnp_config": "on", "pnp_server": "",
    "provisioning_order": "redirection:stop pnp:stop dhcp:stop tr069:stop",
    "setting_server": "https://secure-provisioning.snom.com", "update_policy": "auto_update",
    "csta_control": "on", "xml_notify": "on", "dial_from_wui": "on",
    "snmp_trusted_addresses": "", "snmp_port": "", "mb_trusted_hosts": "",
    "encrypt_secrets": "on", "ignore_security_warning": "off",
    "tls_server_authentication": "off", "check_fqdn_against_server_cert": "off",
    "host_name_validation_flags": "0", "uboot_lock": "off", "lid_core_dump": "off",
    "tftp_secret": "", "http_client_user": "", "http_client_pass": "",
    "webserver_max_data_size": "524288", "max_cookies": "50", "dirty_host_ttl": "0",
    # Daily use.
    "phone_name": "", "language": "English", "tone_scheme": "GER", "timezone": "GER+1",
    "ntp_server": "ntp.snom.com", "vol_ringer": "8", "dnd_mode": "off", "redirect_target": "",
    "user_active": "on", "user_name": "", "user_realname": "", "user_host": "", "user_pass": "",
    "user_outbound": "", "user_srtp": "on", "user_ringer": "Ringer1", "user_mailbox": "",
    "codec_priority_list": "g722,pcmu,pcma", "vlan_id": "", "dhcp": "on", "dns_domain": "",
    "ip_adr": "", "netmask": "", "gateway": "", "sip_port": "", "tos_sip": "160", "tos_rtp": "160",
    "auto_reboot_on_setting_change": "off",
    "log_level": "5", "syslog_server": "", "pcap_on_bootup": "off",
}
DEFAULTS.update({"action_%s_url" % event: "" for event in ACTION_EVENTS})

SECRETS = frozenset(name for name in DEFAULTS if re.search(
    r"pass(word|wd)?(_confirm)?$|_pw$|secret$|webserver_cert$", name))

# Names that firmware below this one does not have.
SINCE = {"webserver_user_name": (10,), "webserver_user_password": (10,),
         "webserver_admin_name": (10,), "webserver_admin_password": (10,),
         "encrypt_secrets": (8, 7, 5), "allow_sip_settings": (8, 7, 3),
         "allow_sip_xml_action": (8, 7, 4, 7)}

MASK = "********"       # shown instead of a secret; posted back it changes nothing

# These are read once at boot; a change waits for the next one.
AT_BOOT = ("webserver_type", "http_port", "https_port", "webserver_cert")

# What step 1 to 4 of the guide leave behind; passwords are given on the command line.
HARDENED = {"http_scheme": "on", "use_hidden_tags": "on", "admin_mode": "off",
            "webserver_type": "https", "keyboard_lock_timeout": "300"}


class Settings:
    """`running` is what the phone does, `stored` what survives a restart."""

    def __init__(self, firmware, initial):
        self.factory = {name: value for name, value in DEFAULTS.items()
                        if firmware >= SINCE.get(name, ())}
        if firmware < (10, 1, 185, 0):
            self.factory["admin_mode_password"] = "0000"
        self.stored = dict(self.factory)
        for name, value in initial.items():
            self.stored[name] = value
        self.perms = {}             # name -> flag of the last provisioning
        self.stored_perms = {}
        self.by_user = set()        # changed by a person since the last provisioning
        self.running = dict(self.stored)
        self.boot = {}
        self.boot_up()

    def boot_up(self):
        self.running = dict(self.stored)
        self.perms = dict(self.stored_perms)
        self.boot = {name: self.running.get(name, "") for name in AT_BOOT}

    def waits_for_boot(self):
        return any(self.running.get(name, "") != value for name, value in self.boot.items())

    def put(self, values):
        """What a test sets: it holds at once and after a restart."""
        self.running.update(values)
        self.stored.update(values)
        self.boot.update({k: v for k, v in values.items() if k in self.boot})

    def factory_reset(self):
        self.stored = dict(self.factory)
        self.stored_perms = {}
        self.by_user = set()
        self.boot_up()

    def has(self, name):
        """Does this firmware have the setting?"""
        base = name if name in DEFAULTS else re.sub(r"[0-9]+$", "", name)
        return self.known(name) and (base in self.factory or base in self.running)

    def perm(self, name):
        """"R", "RW" or "!"; settings that nobody provisioned are the user's."""
        return self.perms.get(name, "!")

    def __getitem__(self, name):
        return self.running.get(name, "")

    def is_on(self, name):
        return self.running.get(name) == "on"

    @staticmethod
    def known(name):
        """Settings of an identity or a key carry a number behind their name."""
        return name in DEFAULTS or re.sub(r"[0-9]+$", "", name) in DEFAULTS

    def change(self, values):
        """Apply name/value pairs as a form or the query interface does; returns the names taken.
        What was provisioned read-only stays; a password of administrators needs its confirmation;
        the stars that stand for a secret change nothing."""
        lower = {name.lower(): value for name, value in values}
        taken = []
        for name, value in lower.items():
            if not self.has(name) or name == "admin_mode_password_confirm":
                continue
            if self.perm(name) == "R" or (name in SECRETS and value == MASK):
                continue
            if name == "admin_mode_password" and \
                    lower.get("admin_mode_password_confirm") != value:
                continue
            if self.running.get(name) != value:
                self.by_user.add(name)
            self.running[name] = value
            taken.append(name)
        return taken

    def provision(self, rows):
        """(name, perm, value) of a settings file; saved at once. "!" leaves alone what a person
        changed. Returns the names taken."""
        taken = []
        for name, perm, value in rows:
            if not self.has(name):
                continue
            if perm == "!" and name in self.by_user:
                continue
            self.by_user.discard(name)
            self.perms[name] = self.stored_perms[name] = perm
            if name != "admin_mode_password_confirm":
                self.running[name] = self.stored[name] = value
            taken.append(name)
        return taken

    def save(self):
        self.stored = dict(self.running)

    def shown(self, name):
        if name in SECRETS and self.running.get(name) and self.is_on("encrypt_secrets"):
            return MASK
        return self.running.get(name, "")

    def text_dump(self, only_changed=False):
        lines = []
        for name in sorted(self.running):
            if only_changed and self.running[name] == self.factory.get(name, ""):
                continue
            flag = {"R": "&"}.get(self.perm(name), "!")    # RW is shown as "!" as well
            lines.append("%s%s: %s" % (name, flag, self.shown(name)))
        return lines
