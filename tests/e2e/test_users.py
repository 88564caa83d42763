"""phonegate user add|passwd|remove|list, and that serve takes what they write."""

import stat
import subprocess

import gate as gate_module


def user(gate, *words, password=None):
    return subprocess.run([gate_module.program(), "user", words[0], "-c", str(gate.file), *words[1:]],
                          input=None if password is None else password + "\n", text=True,
                          stdin=subprocess.DEVNULL if password is None else None,
                          capture_output=True, timeout=10)


def test_add_list_passwd_remove(new_gate, new_phone, sign_in):
    gate = new_gate({"101": new_phone()}, start=False, grants=(
        {"users": ["dora"], "role": "user", "phones": ["*"]},))
    done = user(gate, "add", "dora", password="first-long-password")
    assert done.returncode == 0, done.stderr
    assert "dora" in user(gate, "list").stdout
    assert user(gate, "add", "dora", password="other").returncode == 1
    done = user(gate, "passwd", "dora", password="second-long-password")
    assert done.returncode == 0, done.stderr
    path = gate.dir / "users"
    text = path.read_text()
    assert text.count("dora:") == 1 and "password" not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    gate.start()
    gate.passwords["dora"] = "second-long-password"
    assert sign_in(gate, "dora").get("/phone/101/info.htm").status == 200
    assert user(gate, "remove", "dora").returncode == 0
    assert "dora:" not in path.read_text() and "bob:" in path.read_text()
    assert user(gate, "remove", "dora").returncode == 1


def test_names_that_cannot_be(new_gate, new_phone):
    gate = new_gate({"101": new_phone()}, start=False)
    before = (gate.dir / "users").read_text()
    for name in ("", "a:b", "a\nb", "x" * 300):
        assert user(gate, "add", name, password="long-password-123").returncode != 0
    assert user(gate, "add", "empty", password="").returncode != 0
    assert user(gate, "add").returncode == 2
    assert (gate.dir / "users").read_text() == before


def test_utf8_names_and_passwords(new_gate, new_phone, sign_in):
    gate = new_gate({"101": new_phone()}, start=False, grants=(
        {"users": ["Zoë"], "role": "user", "phones": ["*"]},))
    assert user(gate, "add", "Zoë", password="pässwörd-ünlocked").returncode == 0
    gate.start()
    gate.passwords["Zoë"] = "pässwörd-ünlocked"
    assert sign_in(gate, "Zoë").get("/phone/101/info.htm").status == 200
