"""Accounts that are disabled, over, or without MD5, in a running gate."""

import datetime

import pytest

import rawhttp
from digestclient import Digest, challenges
from gate import shown, wait_for

PAGE = "/phone/101/info.htm"
DIGEST = {"algorithms": ["SHA-256", "MD5"]}


def ask(gate, *headers):
    with rawhttp.Client(gate.port) as c:
        c.send(rawhttp.head("GET", PAGE, "gate.localhost", headers))
        return c.read("GET")


def answer_of(gate, user, algorithm="SHA-256", password=None):
    digest = Digest(user, password or gate.passwords[user], algorithm)
    digest.take(ask(gate))
    return ask(gate, digest.header("GET", PAGE))


def spelling(answer):
    """Everything in a 401 but the nonce, the date and the number of the request."""
    lines = [(n, v) for n, v in answer.headers if n.lower() not in ("date", "www-authenticate")]
    lines += [{**c.fields, "nonce": ""} for c in challenges(answer)]
    return answer.status, lines, shown(answer)


def day(offset):
    return str((datetime.datetime.now(datetime.timezone.utc) +
                datetime.timedelta(days=offset)).date())


def limited(new_gate, **limits):
    gate = new_gate(start=False, digest=DIGEST)
    gate.rewrite(users=({"name": "bob", **limits},))
    return gate.start()


@pytest.mark.parametrize("limits, reason", [
    ({"disabled": True}, "user_disabled"), ({"expires": day(-1)}, "user_expired")])
def test_right_password_of_an_account_that_is_over_looks_wrong(new_gate, limits, reason):
    gate = limited(new_gate, **limits)
    right = answer_of(gate, "bob")
    assert right.status == 401
    assert gate.record(reason=reason, status=401)["user_claimed"] == "bob"
    assert "user" not in gate.record(reason=reason)
    wrong = answer_of(gate, "bob", password="guess")
    assert gate.record(reason="wrong_response")
    assert spelling(right) == spelling(wrong) == spelling(answer_of(gate, "nobody", password="x"))
    assert answer_of(gate, "alice").status == 200


def test_V25_the_right_password_of_a_disabled_account_is_locked_out_alike(new_gate):
    """Were it not counted, the block that never comes would tell that it is right."""
    gate = new_gate(start=False, lockout={"failures": 3, "failures_per_address": 0})
    gate.rewrite(users=({"name": "bob", "disabled": True}, {"name": "alice", "disabled": True}))
    gate.start()
    for user, password in (("bob", None), ("alice", "guess")):
        answers = [answer_of(gate, user, password=password).status for _ in range(5)]
        assert answers == [401] * 3 + [429] * 2, user


def test_last_day_counts(new_gate):
    gate = limited(new_gate, expires=day(1))     # midnight may pass meanwhile
    assert answer_of(gate, "bob").status == 200


def test_reload_disables_somebody_who_is_signed_in(new_gate, sign_in):
    gate = new_gate()
    s = sign_in(gate, "bob")
    assert s.get(PAGE).status == 200
    gate.rewrite(users=({"name": "bob", "disabled": True},))
    gate.reload("config.reloaded")
    wait_for(lambda: s.get(PAGE).status == 401, 5, "401")     # workers take it one after the other
    gate.rewrite(users=())
    gate.reload("config.reloaded")
    wait_for(lambda: s.get(PAGE).status == 200, 5, "200")


def test_md5_is_off_for_one_person(new_gate):
    gate = limited(new_gate, md5=False)
    assert answer_of(gate, "bob", "MD5").status == 401
    gate.record(reason="algorithm_switched_off", status=401)
    assert answer_of(gate, "bob").status == 200
    assert answer_of(gate, "alice", "MD5").status == 200


@pytest.mark.parametrize("mode, text", [
    (0o644, None), (0o602, None), (0o600, "bob:gate.localhos:%s\n"),
    (0o600, "bob:gate.localhost2:%s\n"), (0o600, "bob::%s\n")])
def test_V22_a_users_file_that_others_read_or_of_another_realm_stops_the_start(new_gate, mode, text):
    """Whoever reads HA1 can sign in with it; and it is of use in its own realm only."""
    gate = new_gate(start=False)
    path = gate.dir / "users"
    if text is not None:
        path.write_text(text % ("0123456789abcdef" * 4))
    path.chmod(mode)
    with pytest.raises(AssertionError, match="serve ended with 1"):
        gate.start()
    gate.process = None
