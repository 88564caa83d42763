"""Passwords of phones in the vault: phonegate secret, a gate that takes its passwords from there, the
candidate that is tried once, and writers that are killed."""

import json
import os
import re
import stat
import subprocess
import time

import pytest

import gate as gate_module
from gate import wait_for

PAGE = "/phone/101/info.htm"
RIGHT, OTHER = "right-7Kq_mZ.w2x*P", "other-4Tn@vR.k8s-Y"
VAULT = {"file": "state/vault", "key_file": "secrets/vault.key", "candidate_after_s": 1}
FROM_VAULT = {"login": {"user": "gate", "from_vault": True}}


@pytest.fixture
def vaulted(new_gate, new_phone):
    """A gate, not started, whose phone 101 has its password in a vault of these values."""
    def make(current=None, candidate=None, **options):
        phone = new_phone(login=("gate", RIGHT))
        phone.entry = dict(FROM_VAULT)
        gate = new_gate({"101": phone}, start=False, **dict(
            {"vault": VAULT, "state_dir": "state"}, **options))
        gate.secrets += [RIGHT, OTHER]
        (gate.dir / "state").mkdir(mode=0o700)
        assert secret(gate, "init").returncode == 0
        if current:
            assert put(gate, current).returncode == 0
        if candidate:
            assert put(gate, candidate, "--candidate").returncode == 0
        return gate, phone
    return make


def secret(gate, *words, text=None, wrap=(), env=None):
    return subprocess.run([*wrap, gate_module.program(), "secret", *words, "-c", str(gate.file)],
                          input=text, stdin=subprocess.DEVNULL if text is None else None,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
                          check=False, env=env)


def put(gate, value, *words, phone="101"):
    return secret(gate, "set", phone, "http_pass", *words, text=value + "\n")


def check(gate):
    return subprocess.run([gate_module.program(), "check", "-c", str(gate.file)], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)


def events(gate, name):
    return [r for r in gate.records() if r.get("event") == name]


# --- the command -----------------------------------------------------------------------------------

def test_init_makes_a_vault_and_a_key_for_us_alone(vaulted):
    gate, _ = vaulted()
    for name in ("state/vault", "secrets/vault.key"):
        assert stat.S_IMODE((gate.dir / name).stat().st_mode) & 0o137 == 0, name
    assert re.fullmatch(r"[0-9a-f]{64}\n", (gate.dir / "secrets/vault.key").read_text())
    before = (gate.dir / "state/vault").read_bytes()
    again = secret(gate, "init")
    assert again.returncode == 1 and "exists already" in again.stderr
    assert (gate.dir / "state/vault").read_bytes() == before


def test_what_was_set_is_shown(vaulted):
    gate, _ = vaulted(RIGHT, OTHER)
    assert secret(gate, "show", "101", "http_pass").stdout == RIGHT + "\n"
    assert secret(gate, "show", "101", "http_pass", "--candidate").stdout == OTHER + "\n"
    assert secret(gate, "show", "101").stdout == (
        "http_pass\tcurrent\t%s\nhttp_pass\tcandidate\t%s\n" % (RIGHT, OTHER))
    listed = secret(gate, "list")
    assert listed.stdout == "101\thttp_pass\tcurrent\n101\thttp_pass\tcandidate\n"
    assert "2 record(s), written 3 time(s)" in listed.stderr and listed.returncode == 0
    assert secret(gate, "drop", "101", "http_pass", "--candidate").returncode == 0
    assert secret(gate, "show", "101", "http_pass", "--candidate").returncode == 1
    assert secret(gate, "show", "102").returncode == 1


def test_a_secret_is_shown_only_after_its_record(vaulted):
    gate, _ = vaulted(RIGHT, OTHER)
    assert secret(gate, "show", "101").returncode == 0
    record = events(gate, "secret_shown")[-1]
    assert record["phone_id"] == "101" and record["os_user"]
    assert record["settings"] == "http_pass http_pass(candidate)"
    assert events(gate, "vault_made") and events(gate, "secret_set")[0]["settings"] == "http_pass"
    assert RIGHT not in gate.log_text() and OTHER not in gate.log_text()
    gate.rewrite(access_log={"file": "/dev/full"})
    refused = secret(gate, "show", "101")
    assert refused.returncode == 1 and refused.stdout == ""
    assert "nothing is done without a record" in refused.stderr
    assert put(gate, "Nn7-changed-ok").returncode == 1
    gate.rewrite(access_log={"file": "nowhere/access.log"})
    assert secret(gate, "show", "101").stdout == ""
    gate.rewrite(access_log={"file": "/dev/full", "required": False})
    shown = secret(gate, "show", "101", "http_pass")
    assert shown.stdout == RIGHT + "\n" and "no record is made" in shown.stderr


def test_a_generated_password_is_within_the_phones_rules(vaulted):
    gate, _ = vaulted()
    done = secret(gate, "set", "101", "http_pass", "--generate")
    assert done.returncode == 0
    made = secret(gate, "show", "101", "http_pass").stdout.rstrip("\n")
    assert made not in done.stdout + done.stderr and len(made) == 16
    for kind in ("[A-Z]", "[a-z]", "[0-9]", "[-_.*@]"):
        assert re.search(kind, made)
    assert secret(gate, "set", "101", "keyboard_lock_pw", "--generate").returncode == 0
    assert re.fullmatch("[0-9]{6}\n", secret(gate, "show", "101", "keyboard_lock_pw").stdout)
    assert secret(gate, "set", "101", "http_user", "--generate").returncode == 1


@pytest.mark.parametrize("words,status,says", [
    ((), 2, "show, list, set, drop or init?"),
    (("steal", "101"), 2, "show, list, set, drop or init?"),
    (("show",), 2, "PHONE is missing"),
    (("set", "101"), 2, "SETTING is missing"),
    (("set", "101", "http_pass", "value"), 2, "too many arguments"),
    (("list", "--candidate"), 2, "--candidate goes with"),
    (("show", "101", "--generate"), 2, "--generate goes with set"),
    (("set", "101", "http_passs"), 2, "keeps no http_passs"),
    (("set", "999", "http_pass"), 1, "no phone 999"),
])
def test_wrong_usage(vaulted, words, status, says):
    gate, _ = vaulted()
    done = secret(gate, *words, text="Value-8-of-it\n")
    assert (done.returncode, done.stdout) == (status, "") and says in done.stderr


def test_values_that_are_none(vaulted):
    gate, _ = vaulted()
    for text in ("\n", "", "two\nlines\n", "a\tb\n", "x" * 1025 + "\n"):
        assert secret(gate, "set", "101", "http_pass", text=text).returncode == 1, text
    assert secret(gate, "list").stdout == ""


def test_a_passphrase_opens_it_too(new_gate):
    gate = new_gate(start=False, vault={"file": "vault", "passphrase_file": "secrets/phrase"})
    gate._secret("secrets/phrase", "correct horse battery\n")
    assert secret(gate, "init").returncode == 0
    assert put(gate, RIGHT).returncode == 0
    assert secret(gate, "show", "101", "http_pass").stdout == RIGHT + "\n"
    gate._secret("secrets/phrase", "correct horse batterie\n")
    wrong = secret(gate, "show", "101", "http_pass")
    assert wrong.returncode == 1 and "the key is not the one" in wrong.stderr


def test_a_credential_of_systemd_opens_it_too(new_gate, tmp_path):
    gate = new_gate(start=False, vault={"file": "vault", "key_credential": "vault-key"})
    env = dict(os.environ, CREDENTIALS_DIRECTORY=str(tmp_path))
    (tmp_path / "vault-key").write_text("0" * 64)
    (tmp_path / "vault-key").chmod(0o440)
    assert secret(gate, "init", env=env).returncode == 0
    assert secret(gate, "list", env=env).returncode == 0
    assert "$CREDENTIALS_DIRECTORY is not set" in secret(gate, "list").stderr


# --- the gate --------------------------------------------------------------------------------------

def test_a_gate_takes_its_password_from_the_vault(vaulted, sign_in):
    gate, phone = vaulted(RIGHT)
    gate.start()
    assert sign_in(gate, "bob").get(PAGE).status == 200
    assert phone.counters()["failed_logins"] == 0


def test_a_changed_vault_is_taken_over_without_a_restart(vaulted, sign_in):
    gate, phone = vaulted(RIGHT)
    gate.start()
    session = sign_in(gate, "bob")
    assert session.get(PAGE).status == 200
    phone.set(http_pass=OTHER)
    done = put(gate, OTHER)     # it tells the gate
    assert done.returncode == 0 and "reload" in done.stdout, done.stdout + done.stderr
    assert session.get(PAGE).status == 200
    assert phone.counters()["failed_logins"] == 0


def test_without_a_password_nothing_is_sent(vaulted, sign_in):
    gate, phone = vaulted()
    seen = check(gate)
    assert seen.returncode == 0 and "the vault has no http_pass of phone \"101\"" in seen.stdout
    gate.start()
    assert sign_in(gate, "bob").get(PAGE).status == 502
    assert gate.record(status=502)["reason"] == "phone_credentials_missing"
    assert phone.counters()["requests"] == 0
    assert put(gate, RIGHT).returncode == 0
    assert sign_in(gate, "bob").get(PAGE).status == 200


def test_the_candidate_is_tried_after_a_pause(vaulted, sign_in):
    # harden was cut: the phone has the new one
    gate, phone = vaulted(OTHER, RIGHT, vault=dict(VAULT, candidate_after_s=4))
    gate.start()
    session = sign_in(gate, "bob")
    assert session.get(PAGE).status == 502
    assert session.get(PAGE).status == 502     # at once: not even asked
    assert phone.counters()["failed_logins"] == 1
    wait_for(lambda: session.get(PAGE).status == 200, 5, "the candidate")
    assert session.get(PAGE).status == 200
    assert phone.counters()["failed_logins"] == 1
    told = [(r["outcome"], r["reason"], r["phone_id"], r["account"])
            for r in events(gate, "phone_candidate")]
    assert told == [("failed", "password_rejected", "101", "login"),
                    ("allowed", "candidate_taken", "101", "login")]


def test_a_candidate_that_the_phone_had_not_saved(vaulted, sign_in):
    """It was only applied: after a restart the phone has the password in force again."""
    gate, phone = vaulted(OTHER, RIGHT)
    gate.start()
    session = sign_in(gate, "bob")
    wait_for(lambda: session.get(PAGE).status == 200, 5, "the candidate")
    for now, then in ((OTHER, "the one in force"), (RIGHT, "the candidate again")):
        failed = phone.counters()["failed_logins"]
        phone.set(http_pass=now)
        phone.reboot()
        wait_for(lambda: not phone.state()["booting"], 10, "the phone is back")
        wait_for(lambda: session.get(PAGE).status == 200, 10, then)
        assert phone.counters()["failed_logins"] - failed <= 2 and not phone.state()["locked"]
    assert [r["reason"] for r in events(gate, "phone_candidate")] == [
        "password_rejected", "candidate_taken", "candidate_lost", "password_rejected",
        "candidate_taken"]


def test_a_candidate_is_not_taken_by_what_proves_another_password(vaulted, sign_in):
    """Whoever says yes to anything is not the phone: C09."""
    gate, phone = vaulted(OTHER, RIGHT)
    gate.start()
    session = sign_in(gate, "bob")
    assert session.get(PAGE).status == 502
    phone.switch(auth_info="wrong")
    wait_for(lambda: session.get(PAGE).status and gate.records()[-1].get("reason") ==
             "phone_rspauth_wrong", 5, "the candidate")
    assert [r["reason"] for r in events(gate, "phone_candidate")] == ["password_rejected"]
    phone.switch(auth_info="on")
    assert session.get(PAGE).status == 200
    assert events(gate, "phone_candidate")[-1]["reason"] == "candidate_taken"
    assert phone.counters()["failed_logins"] == 1


def test_the_password_in_force_needs_no_candidate(vaulted, sign_in):
    gate, phone = vaulted(RIGHT, OTHER)     # harden was cut before the phone was told
    gate.start()
    assert sign_in(gate, "bob").get(PAGE).status == 200
    assert phone.counters()["failed_logins"] == 0
    assert not events(gate, "phone_candidate")


def test_a_candidate_alone_is_the_password(vaulted, sign_in):
    gate, phone = vaulted(None, RIGHT)
    gate.start()
    assert sign_in(gate, "bob").get(PAGE).status == 200
    assert phone.counters()["failed_logins"] == 0


def test_neither_is_right_and_the_phone_does_not_lock(vaulted, sign_in):
    gate, phone = vaulted(OTHER, "third-9Wd_hL.c5e*J")
    gate.start()
    session = sign_in(gate, "bob")
    end = time.monotonic() + 3
    while time.monotonic() < end:
        assert session.get(PAGE).status == 502
        time.sleep(0.1)
    assert phone.counters()["failed_logins"] == 2      # it locks at more than three
    assert [r["reason"] for r in events(gate, "phone_candidate")] == [
        "password_rejected", "candidate_rejected"]
    assert session.get(PAGE).status == 502
    assert gate.record(status=502)["reason"] == "phone_credentials_rejected"


# --- damage ----------------------------------------------------------------------------------------

def damage(gate, name):
    """Alter the record whose line begins so."""
    path = gate.dir / "state/vault"
    lines = path.read_text().splitlines()
    for i, line in enumerate(lines):
        if line.startswith(name):
            lines[i] = line[:-2] + ("AA" if line[-2:] != "AA" else "BA")
    path.write_text("\n".join(lines) + "\n")


def test_a_damaged_record_is_named_and_the_rest_is_read(vaulted, sign_in):
    gate, _ = vaulted(RIGHT)
    assert secret(gate, "set", "101", "keyboard_lock_pw", text="271950\n").returncode == 0
    gate.start()
    assert sign_in(gate, "bob").get(PAGE).status == 200
    damage(gate, "101 http_pass current")
    seen = check(gate)
    place = r"phonegate.cfg:\d+: error: .*vault: record 101 http_pass current: it was altered"
    assert seen.returncode == 1 and re.search(place, seen.stdout), seen.stdout
    assert secret(gate, "show", "101", "keyboard_lock_pw").stdout == "271950\n"
    refused = secret(gate, "show", "101", "http_pass")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "101 http_pass current: it was altered" in refused.stderr
    both = secret(gate, "show", "101")
    assert (both.returncode, both.stdout) == (1, "keyboard_lock_pw\tcurrent\t271950\n")
    listed = secret(gate, "list")
    assert listed.returncode == 1 and "damaged: it was altered" in listed.stdout
    gate.reload("config.reload")    # refused: the gate goes on with what it had
    assert sign_in(gate, "bob").get(PAGE).status == 200
    assert put(gate, RIGHT).returncode == 0
    assert check(gate).returncode == 0 and secret(gate, "list").returncode == 0


@pytest.mark.parametrize("cut", [lambda text: text[:text.index(b"#index") + 40],    # in the index
                                 lambda text: text[:text.index(b"101 ")],           # before the record
                                 lambda text: text[:len(text) - 30]])               # in the record
def test_a_vault_that_was_cut_takes_no_password_away(vaulted, sign_in, cut):
    gate, _ = vaulted(RIGHT)
    gate.start()
    assert sign_in(gate, "bob").get(PAGE).status == 200
    path = gate.dir / "state/vault"
    path.write_bytes(cut(path.read_bytes()))
    gate.reload("config.reload_refused")
    seen = check(gate)
    assert seen.returncode == 1 and "record 101 http_pass" in seen.stdout, seen.stdout
    assert sign_in(gate, "bob").get(PAGE).status == 200
    assert put(gate, RIGHT).returncode == 0 and check(gate).returncode == 0


def test_what_is_damaged_survives_a_write(vaulted):
    gate, _ = vaulted(RIGHT)
    damage(gate, "101 http_pass current")
    line = (gate.dir / "state/vault").read_text().splitlines()[2]
    assert secret(gate, "set", "101", "keyboard_lock_pw", text="271950\n").returncode == 0
    assert line in (gate.dir / "state/vault").read_text().splitlines()
    assert secret(gate, "show", "101", "http_pass").returncode == 1


def test_a_vault_put_back_as_it_was_is_noticed(vaulted, sign_in):
    gate, _ = vaulted(RIGHT)
    before = (gate.dir / "state/vault").read_bytes()
    gate.start()
    assert put(gate, RIGHT).returncode == 0
    assert not events(gate, "vault_older")
    (gate.dir / "state/vault").write_bytes(before)
    gate.reload("vault.older")
    assert gate.record(event="vault_older")["reason"] == "put_back"
    assert sign_in(gate, "bob").get(PAGE).status == 200     # this time it was still right


# --- killed ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("call,when", [("fsync", 1), ("rename", 1), ("fsync", 2), ("fchmod", 1),
                                       ("flock", 1)])
def test_a_writer_killed_at_a_step_leaves_old_or_new(vaulted, call, when):
    gate, _ = vaulted(RIGHT, OTHER)
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")   # it cannot look while it is traced
    wrap = ["strace", "-f", "-o", str(gate.dir / "trace"), "-e", "trace=" + call,
            "-e", "inject=%s:signal=KILL:when=%d" % (call, when)]
    killed = secret(gate, "set", "101", "http_pass", text="newer-2Xc_pB.y6g-D\n", wrap=wrap, env=env)
    assert "SIGKILL" in (gate.dir / "trace").read_text(), killed.stderr
    assert killed.stdout == ""
    now = secret(gate, "show", "101", "http_pass").stdout
    renamed = call == "fsync" and when == 2     # the signal comes before the call is made
    assert now == ("newer-2Xc_pB.y6g-D\n" if renamed else RIGHT + "\n")
    assert secret(gate, "show", "101", "http_pass", "--candidate").stdout == OTHER + "\n"
    assert secret(gate, "list").returncode == 0
    assert put(gate, RIGHT).returncode == 0     # the dead one's lock is gone
    assert json.dumps(gate.records()).count("newer-2Xc") == 0
