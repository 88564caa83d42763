"""A password that a phone has refused is not sent again by whoever comes next: another object of the
phone after a reload, another process after a restart. Phones lock their page for everybody after a few."""

import signal

import pytest

import gate as gate_module
from gate import SLOWER, wait_for

PAGE = "/phone/101/info.htm"


@pytest.fixture
def refused(new_gate, new_phone, sign_in):
    """A gate whose password the phone has refused once, and the phone."""
    phone = new_phone()
    gate = new_gate({"101": phone}, state_dir="state")
    phone.set(http_pass="changed-since")
    asks(gate, sign_in, 502)
    assert gate.record(status=502)["reason"] == "phone_credentials_rejected"
    assert phone.counters()["failed_logins"] == 1
    return gate, phone


def asks(gate, sign_in, status):
    with sign_in(gate, "bob") as s:
        assert s.get(PAGE).status == status


def lines(gate):
    path = gate.dir / "state" / "breakers"
    return path.read_text().splitlines()[1:] if path.exists() else []


def restart(gate, number=signal.SIGTERM):
    gate.process.send_signal(number)
    assert gate.process.wait(15 * SLOWER) == (0 if number == signal.SIGTERM else -number)
    gate.stderr_file.close()
    gate.start()


def password(gate, text):
    gate._secret("secrets/101", text + "\n")


def changed_entry(gate):
    """The same phone with one more pin."""
    entry = dict(gate.config["phones"][0])
    entry["tls"] = {"pin_sha256": [*entry["tls"]["pin_sha256"], "%064x" % len(gate.records())]}
    gate.rewrite(phones=(entry,))
    gate.reload("config.reloaded")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_R19_restarts_send_a_refused_password_no_more(refused, sign_in, number):
    gate, phone = refused
    for _ in range(4):
        wait_for(lambda: len(lines(gate)) == 1, 5, "it is written down")
        restart(gate, number)
        asks(gate, sign_in, 502)
        assert gate.record(status=502)["reason"] == "phone_credentials_rejected"
    assert phone.counters()["failed_logins"] == 1 and not phone.state()["locked"]


def test_R19_reloads_that_change_something_else_send_it_no_more(refused, sign_in):
    gate, phone = refused
    for _ in range(4):
        changed_entry(gate)
        asks(gate, sign_in, 502)
    assert phone.counters()["failed_logins"] == 1


@pytest.mark.parametrize("way", [restart, gate_module.Gate.reload])
def test_another_password_is_tried_at_once_and_what_was_taken_is_forgotten(refused, sign_in, way):
    gate, _ = refused
    wait_for(lambda: len(lines(gate)) == 1, 5, "it is written down")
    password(gate, "changed-since")
    way(gate)
    wait_for(lambda: sign_in(gate, "bob").get(PAGE).status == 200, 5, "the reload")
    wait_for(lambda: not lines(gate), 5, "nothing to remember")


def test_the_file_says_no_names_and_is_ours_alone(refused):
    gate, phone = refused
    wait_for(lambda: len(lines(gate)) == 1, 5, "it is written down")
    path = gate.dir / "state" / "breakers"
    text = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    for word in ("101", phone.password, phone.user, str(phone.port)):
        assert word not in text.split()


@pytest.mark.parametrize("text", ["", "x\n", "phonegate-breakers 1 00\n",
                                  "phonegate-breakers 1 %s\n1 2 3\n" % ("0" * 32),
                                  "phonegate-breakers 1 %s\n%s 0000 9 1 0 5\n" % ("0" * 32, "0" * 16)])
def test_a_file_that_is_none_is_said_and_forgotten(refused, sign_in, text):
    gate, _ = refused
    wait_for(lambda: len(lines(gate)) == 1, 5, "it is written down")
    gate.process.kill()
    gate.process.wait()
    gate.stderr_file.close()
    (gate.dir / "state" / "breakers").write_text(text)
    gate.start()
    assert "state.breakers_lost" in gate.stderr()
    asks(gate, sign_in, 502)
    wait_for(lambda: len(lines(gate)) == 1, 5, "a good one takes its place")
