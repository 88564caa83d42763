"""By which key a phone is known: phonegate pin, the pins file, and a phone that shows another key."""

import datetime
import os
import pty
import re
import select
import subprocess
import time

import pytest

import gate as gate_module
from gate import status_listener, wait_for

PAGE = "/phone/101/info.htm"
FALSE = "ab" * 32


@pytest.fixture
def pinned(new_gate, new_phone):
    """A gate, not started, whose phone 101 has its pins in a file of these lines; 102 has its own."""
    def make(*lines, **config):
        phones = {"101": new_phone(), "102": new_phone()}
        phones["101"].entry = {"tls": {"from_pins_file": True}}
        gate = new_gate(phones, start=False, **dict({"pins_file": "pins", "state_dir": "state"},
                                                    **config))
        if lines:
            (gate.dir / "pins").write_text("".join(
                "101 %s\n" % line.replace("PIN", phones["101"].pin) for line in lines))
        return gate, phones["101"]
    return make


def pin(gate, *words):
    return subprocess.run([gate_module.program(), "pin", *words, "-c", str(gate.file)], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, check=False)


def typed(gate, answer, *words):
    """The same by a person at a terminal; (exit status, what they saw)."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(gate_module.program(), ["phonegate", "pin", *words, "-c", str(gate.file)])
    seen, end = b"", time.monotonic() + 20
    sent = False
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            piece = b""
        if not piece:
            break
        seen += piece
        if not sent and b"from there: " in seen:
            os.write(terminal, answer.encode() + b"\n")
            sent = True
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), seen.decode()


def stamp(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def events(gate, name):
    return [r for r in gate.records() if r.get("event") == name]


# --- the command -----------------------------------------------------------------------------------

def test_show_says_what_the_phone_shows(pinned):
    gate, phone = pinned()
    done = pin(gate, "show", "101")
    assert done.returncode == 1 and re.search(r"pinned +no\n", done.stdout)     # none is, yet
    assert "fingerprint  %s\n" % phone.pin in done.stdout
    for row in (r"subject +\S", r"issuer +\S", r"valid +\d{4}-\d\d-\d\dT.* to \d{4}-", r"key +\w+, \d+ bits",
                r"protocol +TLSv1\.[23]"):
        assert re.search(row, done.stdout), row
    done = pin(gate, "show", "102")
    assert done.returncode == 0 and re.search(r"pinned +yes\n", done.stdout)
    assert phone.counters()["requests"] == 0


def test_add_with_the_expected_fingerprint(pinned, sign_in):
    gate, phone = pinned()
    gate.start()
    session = sign_in(gate, "bob")
    assert session.get(PAGE).status == 502
    assert gate.record(status=502)["reason"] == "phone_pin_mismatch"
    assert phone.counters()["requests"] == 0
    colons = ":".join(re.findall("..", phone.pin.upper()))
    done = pin(gate, "add", "101", "--yes", colons)
    assert done.returncode == 0 and "phone 101 is known by " + phone.pin in done.stdout, done.stderr
    assert (gate.dir / "pins").read_text() == "101 %s\n" % phone.pin
    assert session.get(PAGE).status == 200      # the gate was told
    record = events(gate, "pin_added")[-1]
    assert record["phone_id"] == "101" and record["pin_sha256"] == phone.pin and record["os_user"]
    assert pin(gate, "show", "101").returncode == 0
    again = pin(gate, "add", "101", "--yes", phone.pin)
    assert again.returncode == 0 and "already" in again.stdout
    assert (gate.dir / "pins").read_text() == "101 %s\n" % phone.pin


def test_another_fingerprint_than_expected_changes_nothing(pinned):
    gate, phone = pinned("PIN")
    before = (gate.dir / "pins").read_text()
    phone.change_certificate()
    done = pin(gate, "add", "101", "--yes", phone.pin)
    assert done.returncode == 1 and "another key than the one that is expected" in done.stderr
    assert (gate.dir / "pins").read_text() == before and not events(gate, "pin_added")


def test_nobody_trusts_blindly(pinned):
    gate, phone = pinned()
    done = pin(gate, "add", "101")
    assert done.returncode == 2 and "--yes FINGERPRINT" in done.stderr
    for words in (("--yes", "yes"), ("--yes", phone.pin[:63]), ("--yes", phone.pin + "0"), ("--yes", "")):
        assert pin(gate, "add", "101", *words).returncode == 2, words
    for answer in ("", "yes", "y", phone.pin[:16], "0" * 16,
                   phone.pin[-8:], "0" * 8 + phone.pin[-8:], phone.pin[-16:] + "0"):
        status, seen = typed(gate, answer, "add", "101")
        assert status == 1 and "nothing is changed" in seen, answer
    assert not (gate.dir / "pins").exists()
    status, seen = typed(gate, phone.pin[-16:], "add", "101")
    assert status == 0 and "fingerprint  " + phone.pin in seen
    assert (gate.dir / "pins").read_text() == "101 %s\n" % phone.pin
    assert events(gate, "pin_added")[-1]["confirmed"] == "typed"


def test_other_phones_and_remarks_stay_as_they_are(pinned):
    gate, phone = pinned()
    (gate.dir / "pins").write_text("# reception\n\n103 %s\n101 %s\n" % (FALSE, FALSE))
    assert pin(gate, "add", "101", "--yes", phone.pin).returncode == 0
    text = (gate.dir / "pins").read_text()
    old = r"101 %s until (\S+)\n" % FALSE
    match = re.fullmatch(r"# reception\n\n103 %s\n%s101 %s\n" % (FALSE, old, phone.pin), text)
    assert match, text
    assert stamp(7 * 86400 - 60) < match[1] < stamp(7 * 86400 + 60)


@pytest.mark.parametrize("words,status,says", [
    ((), 2, "show or add?"),
    (("trust", "101"), 2, "show or add?"),
    (("show",), 2, "PHONE is missing"),
    (("show", "101", "--yes", FALSE), 2, "--yes goes with add"),
    (("show", "999"), 1, "no phone 999"),
    (("add", "102", "--yes", FALSE), 1, "from_pins_file = true"),
])
def test_wrong_usage(pinned, words, status, says):
    gate, _ = pinned()
    done = pin(gate, *words)
    assert (done.returncode, done.stdout) == (status, "") and says in done.stderr


def test_a_phone_that_is_not_there(pinned):
    gate, phone = pinned()
    phone.stop()
    done = pin(gate, "show", "101")
    assert done.returncode == 1 and "Connection refused" in done.stderr


def test_without_a_record_nothing_is_added(pinned):
    gate, phone = pinned(access_log={"file": "/dev/full"})
    done = pin(gate, "add", "101", "--yes", phone.pin)
    assert done.returncode == 1 and "nothing is done without a record" in done.stderr
    assert not (gate.dir / "pins").exists()


# --- the gate --------------------------------------------------------------------------------------

def test_T13_a_changed_key_stops_that_phone_alone_with_one_alert(pinned, sign_in):
    gate, phone = pinned("PIN", status=status_listener())
    gate.start()
    session = sign_in(gate, "bob")
    assert session.get(PAGE).status == 200
    old, new = phone.pin, phone.change_certificate()
    phone.close_connections()
    for _ in range(5):
        assert session.get(PAGE).status == 502
    assert gate.record(status=502)["reason"] == "phone_pin_mismatch"
    assert session.get("/phone/102/info.htm").status == 200
    told = events(gate, "phone_certificate_changed")
    assert [(r["phone_id"], r["outcome"], r["reason"], r["pin_sha256"]) for r in told] == [
        ("101", "denied", "pin_mismatch", new)]
    assert gate.metrics()["phone_keys_unknown"] == 1
    assert pin(gate, "add", "101", "--yes", new).returncode == 0
    assert session.get(PAGE).status == 200
    assert gate.metrics()["phone_keys_unknown"] == 0
    assert re.fullmatch(r"101 %s until \S+\n101 %s\n" % (old, new), (gate.dir / "pins").read_text())
    third = phone.change_certificate()      # and once more: that is news again
    phone.close_connections()
    for _ in range(3):
        assert session.get(PAGE).status == 502
    assert [r["pin_sha256"] for r in events(gate, "phone_certificate_changed")] == [new, third]


def test_T13_an_old_pin_counts_in_its_window_only(pinned, sign_in):
    gate, phone = pinned("PIN until " + stamp(4), FALSE)
    gate.start()
    session = sign_in(gate, "bob")
    assert session.get(PAGE).status == 200
    assert re.search(r"pinned +\d{4}-", pin(gate, "show", "101").stdout)

    def refused():
        phone.close_connections()
        return session.get(PAGE).status == 502
    wait_for(refused, 8, "the end of the window")
    assert gate.record(status=502)["reason"] == "phone_pin_mismatch"
    shown = pin(gate, "show", "101")
    assert shown.returncode == 1 and re.search(r"pinned +no\n", shown.stdout)


def test_a_pin_that_is_over_is_none(pinned, sign_in):
    gate, phone = pinned("PIN until 2026-01-01T00:00:00Z")
    check = subprocess.run([gate_module.program(), "check", "-c", str(gate.file)], text=True,
                           capture_output=True, timeout=60, check=False)
    assert check.returncode == 0 and "that is still in force" in check.stdout + check.stderr
    gate.start()
    assert sign_in(gate, "bob").get(PAGE).status == 502
    assert phone.counters()["requests"] == 0
