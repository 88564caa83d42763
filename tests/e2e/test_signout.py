"""Signing out, sessions that end, and the page that says who I am."""

import os
import re
import shutil
import socket
import stat
import subprocess
import time

import pytest

import browser as browser_module
import rawhttp
from digestclient import Session, challenges
from gate import program as gate_program, wait_for

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


# --- the administrator, a restart ----------------------------------------------------------------

def command(gate, *words):
    return subprocess.run([gate_program(), *words, "-c", str(gate.file)], capture_output=True,
                          text=True, timeout=20)


def test_an_administrator_ends_a_persons_sessions(new_gate, sign_in):
    gate = new_gate(state_dir="state")
    bob, alice = sign_in(gate, "bob"), sign_in(gate, "alice")
    assert bob.get("/").status == alice.get("/").status == 200
    done = command(gate, "user", "signout", "bob")
    assert (done.returncode, done.stdout, done.stderr) == (0, "signed out bob\n", "")
    assert is_asked_anew(ask(gate, bob.digest.header("GET", "/")))
    assert alice.get("/").status == 200
    done = command(gate, "user", "signout", "nobody")
    assert done.returncode == 1 and "there is no user nobody" in done.stderr
    assert command(gate, "user", "signout", "a\nb").returncode == 1
    assert command(gate, "user", "signout").returncode == 2


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_who_signed_out_stays_so_over_a_restart(new_gate, sign_in, end):
    gate = new_gate(state_dir="state")
    bob, alice = sign_in(gate, "bob"), sign_in(gate, "alice")
    assert bob.get("/").status == alice.get("/").status == 200
    assert bob.request("POST", "/signout", body=b"").status == 200
    people = gate.dir / "state" / "people"
    if end == "kill":
        wait_for(lambda: people.exists() and people.read_text().count("session ") == 2, 5, "people")
        gate.process.kill()
        gate.process.wait()
        gate.stderr_file.close()
    else:
        gate.close()
    assert stat.S_IMODE(people.stat().st_mode) == 0o600
    gate.start()
    assert is_asked_anew(ask(gate, bob.digest.header("GET", "/")))
    answer = ask(gate, alice.digest.header("GET", "/"))
    assert answer.status == 401 and all(c.stale for c in challenges(answer))


def test_a_lost_file_of_people_asks_everybody_once(new_gate, sign_in):
    gate = new_gate(state_dir="state")
    alice = sign_in(gate, "alice")
    assert alice.get("/").status == 200
    gate.close()
    (gate.dir / "state" / "people").write_text("nonsense\n")
    time.sleep(0.01)
    gate.start()
    assert "state.people_lost" in gate.stderr()
    answer = ask(gate, alice.digest.header("GET", "/"))
    assert is_asked_anew(answer)
    alice.digest.take(answer)
    alice.close()
    assert alice.get("/").status == 200


def test_reload_and_status(new_gate):
    gate = new_gate(state_dir="state")
    socket_file = gate.dir / "state" / "control.sock"
    assert stat.S_IMODE(socket_file.stat().st_mode) == 0o600
    status = command(gate, "status")
    assert status.returncode == 0 and "version " in status.stdout and "phones 1\n" in status.stdout
    assert command(gate, "reload").stdout == "reloaded\n"
    text = gate.file.read_text()
    gate.file.write_text(text.replace("workers = 2;", "workers = 1000;"))
    refused = command(gate, "reload")
    assert refused.returncode == 1      # the command itself reads what it needs, and the gate refuses
    gate.file.write_text(text)
    assert command(gate, "reload").returncode == 0
    # Two gates do not share a directory.
    second = subprocess.run([gate_program(), "serve", "-c", str(gate.file)], capture_output=True,
                            text=True, timeout=20)
    assert second.returncode == 1 and "another gate uses this state directory" in second.stderr
    gate.close()
    assert not socket_file.exists()
    gone = command(gate, "status")
    assert gone.returncode == 1 and "no gate answers" in gone.stderr
    socket_file.parent.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as left_over:    # as after a kill
        left_over.bind(str(socket_file))
    gate.start()
    assert command(gate, "status").returncode == 0


def test_control_socket_bears_with_anything(new_gate):
    gate = new_gate(state_dir="state")
    path = str(gate.dir / "state" / "control.sock")

    def talk(octets):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(path)
            s.sendall(octets)
            answer = b""
            while True:
                piece = s.recv(4096)
                if not piece:
                    return answer
                answer += piece
    assert talk(b"nonsense\n") == b"no such command\n"
    assert talk(b"x" * 321) == b"no such command\n"
    assert talk(b"\0\xff\n") == b"no such command\n"
    assert talk(b"status\nreload\n").startswith(b"ok version")
    waiting = [socket.socket(socket.AF_UNIX) for _ in range(8)]
    for s in waiting:
        s.connect(path)
    with socket.socket(socket.AF_UNIX) as one_more:
        one_more.settimeout(10)
        one_more.connect(path)
        assert one_more.recv(1) == b""      # turned away at once
    for s in waiting:
        s.close()

    def answers():
        try:
            return talk(b"status\n").startswith(b"ok ")
        except OSError:     # turned away
            return False
    wait_for(answers, 5, "an answer")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be somebody else")
def test_control_socket_is_for_its_owner_and_root(new_gate):
    gate = new_gate(state_dir="state")
    path = gate.dir / "state" / "control.sock"
    for directory in [path, *path.parents][:5]:     # even where the modes were opened by mistake
        if str(directory).startswith("/tmp/"):
            directory.chmod(directory.stat().st_mode | 0o777 if directory == path else 0o755)
    script = ("import os, socket, sys; os.setuid(65534); s = socket.socket(socket.AF_UNIX); "
              "s.connect(sys.argv[1]); s.sendall(b'status\\n'); print(len(s.recv(100)))")
    done = subprocess.run(["/usr/bin/python3", "-c", script, str(path)], capture_output=True,
                          text=True, timeout=20)
    assert done.stdout.strip() in ("0", "") and "version" not in done.stdout
    assert "PermissionError" not in done.stderr, "the test opened the way"
