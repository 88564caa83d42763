"""How the phone pulls its settings: setting_server with {mac} in it, the phone's own certificate and
http_client_user/pass where the server asks, XML with perm flags (or a list of such files)."""

import re
import ssl
import urllib.error
import urllib.request
import xml.etree.ElementTree

MOST = 1 << 20      # octets of a file; longer ones are refused
PERMS = {"R": "R", "&": "R", " ": "R", "RW": "RW", "$": "RW", "": "RW", "!": "!"}


class Refused(Exception):
    """The file could not be fetched or is none; the text says why."""


def _opener(phone, url):
    s = phone.settings
    ctx = ssl.create_default_context() if s.is_on("tls_server_authentication") else \
        ssl._create_unverified_context()
    if phone.switches["server_ca"]:
        ctx = ssl.create_default_context(cafile=phone.switches["server_ca"])
    ctx.load_cert_chain(phone.cert, phone.key)
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, url, s["http_client_user"], s["http_client_pass"])
    handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ctx)]
    if s["http_client_user"]:
        handlers += [urllib.request.HTTPDigestAuthHandler(passwords),
                     urllib.request.HTTPBasicAuthHandler(passwords)]
    return urllib.request.build_opener(*handlers)


def _fetch(phone, url):
    agent = "Mozilla/4.0 (compatible; %s %s)" % (phone.firmware_text(), phone.mac.lower())
    request = urllib.request.Request(url, headers={"User-Agent": agent})
    try:
        with _opener(phone, url).open(request, timeout=5) as answer:
            text = answer.read(MOST + 1)
    except (OSError, ValueError) as error:
        raise Refused("%s: %s" % (url, error)) from None
    if len(text) > MOST:
        raise Refused("%s: too long" % url)
    return text


def rows_of(text):
    """(rows, urls): settings as (name, perm, value), and further files."""
    try:
        root = xml.etree.ElementTree.fromstring(text)
    except xml.etree.ElementTree.ParseError as error:
        raise Refused("no XML: %s" % error) from None
    if root.tag == "setting-files":
        return [], [f.get("url") for f in root.findall("file") if f.get("url")]
    if root.tag not in ("settings", "phone-settings"):
        raise Refused("root is <%s>" % root.tag)
    parts = [root] if root.tag == "phone-settings" else root.findall("phone-settings")
    rows = []
    for part in parts:
        for e in part:
            perm = e.get("perm", "")
            if perm not in PERMS:
                raise Refused("%s: perm %r" % (e.tag, perm))
            idx = e.get("idx")
            name = e.tag + (idx if idx and idx != "0" else "")
            rows.append((name, PERMS[perm], e.text or ""))
    return rows, []


def url_of(phone):
    """Where the settings are. Without a file name the phone asks for one of its own."""
    url = phone.settings["setting_server"]
    mac = re.sub("[^0-9A-Fa-f]", "", phone.mac)
    if not re.match("https?://", url):
        return None
    url = url.replace("{mac}", mac.upper())
    if url.endswith("/") or url.count("/") == 2:
        url = "%s/snom%s-%s.htm" % (url.rstrip("/"), phone.model, mac.upper())
    return url


def pull(phone):
    """Fetch and apply; returns what happened. Restarts where the file says so and it is needed."""
    url = url_of(phone)
    if url is None:
        return {"ok": False, "error": "no setting_server"}
    try:
        rows, urls = rows_of(_fetch(phone, url))
        for other in urls[:8]:
            rows += rows_of(_fetch(phone, other.replace("{mac}", phone.mac.upper())))[0]
    except Refused as error:
        phone.note("provisioning", "refused: %s" % error)
        return {"ok": False, "error": str(error)}
    taken = phone.settings.provision(rows)
    # Settings behind this one may make the phone restart, so it has to be read first.
    first = rows[0] if rows else ("", "", "")
    reboot = first[0] == "auto_reboot_on_setting_change" and first[2] == "on" and \
        phone.settings.waits_for_boot()
    phone.note("provisioning", "%s: %s" % (url, " ".join(taken)))
    if reboot:
        phone.reboot(pull=False)
    return {"ok": True, "taken": taken, "rebooted": reboot}
