"""The status listener: how the gate is, in numbers, for machines."""

import pytest

from digestclient import Session
from gate import free_port, status_listener, wait_for
from leaks import Rest
from rawhttp import Client, head


@pytest.fixture
def asked(new_gate):
    port = free_port("127.0.0.1")
    gate = new_gate(status={"listen": "127.0.0.1:%d" % port})

    def ask(path, method="GET"):
        with Client(port, plain=True) as c:
            c.send(head(method, path, "localhost"))
            return c.read(method)
    return gate, ask


def test_health_and_readiness(asked):
    _, ask = asked
    assert (ask("/healthz").status, ask("/healthz").body) == (200, b"ok\n")
    assert (ask("/readyz").status, ask("/readyz").body) == (200, b"ready\n")
    assert ask("/healthz", "HEAD").body == b""


@pytest.mark.parametrize("path, method, status", [
    ("/", "GET", 404), ("/phone/101/", "GET", 404), ("/metrics", "POST", 405), ("x", "GET", 400)])
def test_nothing_else_is_there(asked, path, method, status):
    _, ask = asked
    assert ask(path, method).status == status


def test_metrics_count_requests_and_name_nobody(asked):
    gate, ask = asked
    with Session(gate, "alice") as s:
        assert s.get("/phone/101/info.htm").status == 200
    text = ask("/metrics").body.decode()
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert int(values['phonegate_requests_total{outcome="allowed"}']) == 1
    assert int(values['phonegate_requests_total{outcome="denied"}']) == 1
    assert int(values["phonegate_nonces"]) == 1 and int(values["phonegate_access_log_healthy"]) == 1
    assert "alice" not in text and "101" not in text


def test_metrics_show_what_is_under_way_at_phones(new_gate, new_phone):
    """Slots, queue and connections, and all of it given back."""
    phone = new_phone(ms=400)
    gate = new_gate({"101": phone}, status=status_listener())
    rest = Rest(gate)
    people = [Session(gate, "bob") for _ in range(3)]
    for s in people:
        assert s.get("/").status == 200
    for s in people:
        s.client.send(head("GET", "/phone/101/info.htm",
                           headers=[s.digest.header("GET", "/phone/101/info.htm")]))
    seen = wait_for(lambda: [n for n in [gate.metrics()] if n["phone_requests_waiting"] == 2], 3,
                    "one is served, two wait")[0]
    assert seen["phone_requests_in_flight"] == 1 and seen["phone_connections"] == 1
    for s in people:
        assert s.client.read().status == 200
        s.close()
    rest.check()
    assert gate.metrics()["phone_connections"] == 1     # kept for the next person
