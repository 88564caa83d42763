"""Signing out, sessions that end, and the page that says who I am."""

import re
import shutil
import subprocess
import time

import pytest

import browser as browser_module
import rawhttp
from digestclient import Session, challenges
from gate import program as gate_program

PAGE = "/phone/101/info.htm"


def ask(gate, *headers, target="/"):
    with rawhttp.Client(gate.port) as c:
        c.send(rawhttp.head("GET", target, "gate.localhost", headers))
        return c.read("GET")


def is_asked_anew(answer):
    return answer.status == 401 and not any(c.stale for c in challenges(answer))


def test_portal_links_lead_there(site, sign_in):
    session = sign_in(site, "bob")
    body = session.get("/").text()
    assert 'href="/whoami"' in body and 'href="/signout"' in body


def test_who_am_i(site, sign_in):
    session = sign_in(site, "bob")
    body = session.get("/whoami").text()
    assert "<strong>bob</strong>" in body and "<strong>127.0.0.1</strong>" in body
    assert "<strong>SHA-256</strong>" in body and "Phone 101" in body and "Phone 103" not in body
    assert re.search(r"Signed in since: <strong>20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC<", body)
    assert session.request("POST", "/whoami", body=b"").status == 405


def test_sign_out_ends_every_browser_of_the_person(new_gate, sign_in):
    gate = new_gate()
    first, second, other = sign_in(gate, "bob"), sign_in(gate, "bob"), sign_in(gate, "alice")
    for session in (first, second, other):
        assert session.get("/").status == 200
    assert b'<form method="post"' in first.get("/signout").body
    assert first.get("/").status == 200         # to look is not to sign out
    answer = first.request("POST", "/signout", body=b"")
    assert answer.status == 200 and b"signed out" in answer.body
    assert gate.record(path="/signout", method="POST")["reason"] == "sign_out"
    for session in (first, second):
        old = session.digest.header("GET", "/")
        answer = ask(gate, old)
        assert is_asked_anew(answer)
        session.digest.take(answer)             # the person types the password again
        assert session.get("/").status == 200
    assert gate.record(reason="signed_out")
    assert other.get("/").status == 200


def test_sign_out_holds_for_expired_nonces(new_gate, sign_in):
    """No stale=true: it would bring the browser back without asking."""
    gate = new_gate(digest={"nonce_lifetime_s": 5})
    session = sign_in(gate, "bob")
    assert session.get("/").status == 200
    assert session.request("POST", "/signout", body=b"").status == 200
    time.sleep(5.2)
    assert is_asked_anew(ask(gate, session.digest.header("GET", "/")))


@pytest.mark.parametrize("headers,status", [
    ([("Sec-Fetch-Site", "same-origin")], 200),
    ([("Sec-Fetch-Site", "cross-site")], 403),
    ([("Sec-Fetch-Site", "same-site")], 403),
    ([("Origin", "https://gate.localhost")], 200),
    ([("Origin", "https://101.phones.localhost")], 403),
    ([("Origin", "null")], 403),
    ([("Referer", "https://gate.localhost/phone/101/x.htm"), ("Sec-Fetch-Site", "same-origin")], 403),
    ([], 200),
])
def test_other_sites_sign_nobody_out(site, headers, status):
    with Session(site, "alice") as session:
        assert session.get("/").status == 200
        assert session.request("POST", "/signout", headers, body=b"").status == status
        answer = ask(site, session.digest.header("GET", "/"))
        assert is_asked_anew(answer) if status == 200 else answer.status == 200


def test_session_limits_are_60_seconds_or_more(new_gate):
    gate = new_gate(start=False, session_max_s=60)
    check = subprocess.run([gate_program(), "check", "-c", str(gate.file)], capture_output=True)
    assert check.returncode == 0
    gate.file.write_text(gate.file.read_text().replace("session_max_s = 60", "session_max_s = 59"))
    check = subprocess.run([gate_program(), "check", "-c", str(gate.file)], capture_output=True,
                           text=True)
    assert check.returncode == 1 and "session_max_s" in check.stderr


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
def test_curl_signs_out(new_gate):
    gate = new_gate()

    def curl(*words):
        return subprocess.run(
            ["curl", "-sS", "--cacert", str(gate.ca), "--digest", "-u",
             "bob:" + gate.passwords["bob"], "--resolve", "gate.localhost:%d:127.0.0.1" % gate.port,
             "-o", "/dev/null", "-w", "%{http_code} %{num_connects}\n", *words],
            capture_output=True, text=True, timeout=20)
    url = "https://gate.localhost:%d" % gate.port
    assert curl(url + "/").stdout.startswith("200")
    with Session(gate, "bob") as session:
        assert session.get("/").status == 200
        assert curl("-X", "POST", url + "/signout").stdout.startswith("200")
        assert is_asked_anew(ask(gate, session.digest.header("GET", "/")))
    assert curl(url + "/").stdout.startswith("200")     # it brings the password itself


@pytest.mark.skipif(not browser_module.program(), reason="no chromium")
def test_chromium_asks_again_after_signing_out(new_gate, new_phone):
    """The cached password opens neither the portal nor the phone."""
    phone = new_phone()
    gate = new_gate({"101": phone}, state_dir="state")
    b = browser_module.Browser(("bob", gate.passwords["bob"]))
    try:
        url = "https://gate.localhost:%d" % gate.port
        b.open(url + "/phone/101/")
        assert b.run("document.title") == "snom D785" and len(b.prompts) == 1
        gate.reload("config.reloaded")
        b.open(url + "/phone/101/prefs.htm")
        gate.close()
        gate.start()
        b.open(url + "/phone/101/")                     # neither reload nor restart asks
        assert b.run("document.title") == "snom D785" and len(b.prompts) == 1
        b.open(url + "/")
        b.click("a[href='/signout']")
        assert len(b.prompts) == 1
        b.click("button")
        assert "signed out" in b.run("document.body.innerText") and len(b.prompts) == 1
        b.credentials = None                            # somebody else sits down here
        before = phone.counters()["requests"]
        b.open(url + "/phone/101/")
        assert len(b.prompts) == 2 and b.run("document.title") != "snom D785"
        assert phone.counters()["requests"] == before
        b.credentials = ("bob", gate.passwords["bob"])
        b.open(url + "/phone/101/")
        assert len(b.prompts) == 3 and b.run("document.title") == "snom D785"
    finally:
        b.close()
