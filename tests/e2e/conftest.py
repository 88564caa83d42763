"""Fixtures: a CA, phones, gates. `site` is shared by a module, `new_gate` is a test's own."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import digestclient  # noqa: E402
import gate as gate_module  # noqa: E402

SERVICE = ("service", "svc-0f9e8d7c6b5a4321")


def pytest_report_header():
    return "phonegate: " + gate_module.program()


@pytest.fixture(scope="session", autouse=True)
def built():
    if not os.access(gate_module.program(), os.X_OK):
        pytest.exit("no %s: run make first" % gate_module.program(), 2)


@pytest.fixture(scope="session")
def ca(tmp_path_factory):
    return gate_module.make_ca(tmp_path_factory.mktemp("ca"))


def _closing(things):
    """Close all, and only then say what went wrong."""
    errors = []
    for close in reversed(things):
        try:
            close()
        except AssertionError as error:
            errors.append(str(error))
    if errors:
        pytest.fail("\n".join(errors))


@pytest.fixture(scope="module")
def module_phones(tmp_path_factory):
    phones = {}
    for i in ("101", "102", "103"):
        phones[i] = gate_module.Phone(tmp_path_factory.mktemp("phone"), service=SERVICE)
    yield phones
    for phone in phones.values():
        phone.stop()


@pytest.fixture(scope="module")
def module_gate(tmp_path_factory, ca, module_phones, request):
    """A module may set GATE = {...} to change the configuration."""
    config = getattr(request.module, "GATE", {})
    g = gate_module.Gate(tmp_path_factory.mktemp("gate"), ca, module_phones, **config)
    g.secrets.append(SERVICE[1])
    closers = [g.close]
    g.start()
    yield g
    _closing(closers)


@pytest.fixture
def site(module_gate):
    """The module's gate with its phones' counters at zero: alice is admin, bob a user of 101 and
    102, carol has no grant."""
    for phone in module_gate.phones.values():
        phone.reset()
    module_gate.mark = len(module_gate.records())
    yield module_gate
    assert module_gate.process.poll() is None, "the gate died\n" + module_gate.stderr()


@pytest.fixture
def new_phone(tmp_path_factory):
    phones = []

    def make(*words, **options):
        options.setdefault("service", SERVICE)
        phones.append(gate_module.Phone(tmp_path_factory.mktemp("phone"), *words, **options))
        return phones[-1]
    yield make
    for phone in phones:
        phone.stop()


@pytest.fixture
def new_gate(tmp_path_factory, ca, new_phone):
    """Start a gate of this test's own, in front of one phone 101 unless others are given."""
    closers = []

    def make(phones=None, start=True, **config):
        phones = phones if phones is not None else {"101": new_phone()}
        g = gate_module.Gate(tmp_path_factory.mktemp("gate"), ca, phones, **config)
        g.secrets.append(SERVICE[1])
        closers.append(g.close)
        return g.start() if start else g
    yield make
    _closing(closers)


@pytest.fixture
def sign_in():
    """sign_in(gate, user, host=...) -> a Session, closed at the end."""
    sessions = []

    def make(gate, user, host="gate.localhost", **options):
        sessions.append(digestclient.Session(gate, user, host, **options))
        return sessions[-1]
    yield make
    for session in sessions:
        session.close()


