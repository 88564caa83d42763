"""deploy/commissioning.md from its first line to its last, with phones of the factory's state: a table,
pins, audit, files, fetching, audit."""

import json
import subprocess

import pytest

import gate as gate_module
from gate import ROOT, free_port
from test_provision import Authority

MACS = ["000413A1B2C3", "000413A1B2C4"]


@pytest.fixture
def fleet(new_gate, new_phone, tmp_path):
    """A gate without phones, its vault, and two factory phones whose certificates it can check."""
    authority = Authority(tmp_path)
    phones = []
    for mac in MACS:
        cert, key = authority.sign(mac)
        phones.append(new_phone("--mac", mac, "--cert", cert, "--key", key, "--http-port", "0",
                                hardened=False, login=(None, None), service=None))
    port = free_port()
    gate = new_gate({}, start=False, state_dir="state", pins_file="pins",
                    vault={"file": "vault", "key_file": "vault.key"},
                    provisioning={"listen": ["127.0.0.1:%d" % port], "directory": "provisioning",
                                  "client_ca": authority.crt})
    gate.pull_port = port
    (gate.dir / "state").mkdir(mode=0o700)
    return gate, phones


def run(gate, *words):
    return subprocess.run([gate_module.program(), *words, "-c", str(gate.file)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
                          cwd=gate.dir)


def steps(gate, *words):
    done = run(gate, "audit", "--format", "json", *words)
    assert done.stdout, done.stderr
    return {p["id"]: [p["steps"][s] for s in "1234"] for p in json.loads(done.stdout)["phones"]}


def test_from_a_table_to_hardened(fleet, sign_in):
    gate, phones = fleet
    assert run(gate, "secret", "init").returncode == 0
    # 1. the table
    rows = "".join("%s;127.0.0.1:%d;Phone %d;snom\n" % (mac.lower(), phone.port, i)
                   for i, (mac, phone) in enumerate(zip(MACS, phones)))
    (gate.dir / "fleet.csv").write_text("mac;address;name;profile\n" + rows)
    done = run(gate, "phone", "import", "fleet.csv", "--domain", "phones.localhost",
               "--service", "service", "--output", "fleet.cfg")
    assert (done.returncode, done.stdout) == (0, "wrote 2 phone(s) to fleet.cfg\n"), done.stderr
    # 2. who is who
    pins = "".join("%s %s\n" % (mac.lower(), phone.pin) for mac, phone in zip(MACS, phones))
    (gate.dir / "pins").write_text(pins)
    text = gate.file.read_text()
    start = text.index("phones = (") + len("phones = (")
    gate.file.write_text(text[:start] + '\n@include "fleet.cfg"\n);' + text[text.index(");", start) + 2:])
    done = run(gate, "check")
    assert done.returncode == 0, done.stderr
    # the simulated phones' plain ports are not 80
    text = (gate.dir / "fleet.cfg").read_text()
    for mac, phone in zip(MACS, phones):
        text = text.replace('mac = "%s";' % mac, 'mac = "%s"; audit: { http_port = %d; remote_port = %d; };'
                            % (mac, phone.info["http_port"], free_port()))
    (gate.dir / "fleet.cfg").write_text(text)
    # 3. how it is now; 4. what would change
    assert steps(gate) == {mac.lower(): ["fails"] * 4 for mac in MACS}
    assert run(gate, "harden", "--plan").returncode == 1
    # 5b. provisioning
    done = run(gate, "harden", "--provision", str(gate.dir / "provisioning"))
    assert done.returncode == 0, done.stderr
    gate.start()
    for phone in phones:
        phone.set(setting_server="https://localhost:%d/{mac}.xml" % gate.pull_port)
        phone.switch(server_ca=str(gate.ca))
        assert phone.pull()["ok"]
    for phone in phones:
        gate_module.wait_for(lambda: not phone.state()["booting"], 10, "the phone is back")
    done = run(gate, "harden", "--provisioned", "--all")
    assert done.returncode == 0, done.stdout + done.stderr
    # 6. how it is then
    assert steps(gate) == {mac.lower(): ["holds"] * 4 for mac in MACS}
    assert all(p.settings()["webserver_type"] == "https" and p.settings()["admin_mode"] == "off"
               for p in phones)
    page = sign_in(gate, "alice", host="000413a1b2c3.phones.localhost").get("/")
    assert page.status == 200, page.body
    for phone in phones:
        gate.secrets += [phone.settings()[k] for k in ("http_pass", "admin_mode_password")]
        assert phone.counters()["failed_logins"] == 0


def test_the_page_names_only_commands_that_there_are():
    """Each "phonegate WORD --OPTION" of the page is in the program's help."""
    program = gate_module.program()
    page = (ROOT / "deploy" / "commissioning.md").read_text()
    commands = {}
    for line in page.splitlines():
        for piece in line.replace("`", "\n").split("\n"):
            words = piece.split("#")[0].split()
            if len(words) > 1 and words[0] == "phonegate":
                commands.setdefault(words[1], set()).update(w for w in words if w.startswith("--"))
    assert {"phone", "check", "audit", "harden", "secret", "reload"} <= set(commands)
    for command, options in commands.items():
        done = subprocess.run([program, "help", command], stdout=subprocess.PIPE, text=True)
        assert done.returncode == 0, command
        for option in options:
            assert option in done.stdout, "phonegate %s %s" % (command, option)
