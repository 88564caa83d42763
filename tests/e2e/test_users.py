"""phonegate user add|passwd|remove|list|import, and that serve takes what they write."""

import hashlib
import stat
import subprocess

import gate as gate_module


def user(gate, *words, password=None):
    return subprocess.run([gate_module.program(), "user", words[0], "-c", str(gate.file), *words[1:]],
                          input=None if password is None else password + "\n", text=True,
                          stdin=subprocess.DEVNULL if password is None else None,
                          capture_output=True, timeout=10)


def test_V20_add_list_passwd_remove_and_only_hashes_are_kept(new_gate, new_phone, sign_in):
    gate = new_gate({"101": new_phone()}, start=False, grants=(
        {"users": ["dora"], "role": "user", "phones": ["*"]},))
    done = user(gate, "add", "dora", password="velvet quarry nineteen")
    assert done.returncode == 0, done.stderr
    assert "dora" in user(gate, "list").stdout
    assert user(gate, "add", "dora", password="marble lantern sixty").returncode == 1
    done = user(gate, "passwd", "dora", password="marble lantern sixty")
    assert done.returncode == 0, done.stderr
    path = gate.dir / "users"
    text = path.read_text()
    assert text.count("dora:") == 1 and "velvet" not in text and "marble" not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    gate.start()
    gate.passwords["dora"] = "marble lantern sixty"
    assert sign_in(gate, "dora").get("/phone/101/info.htm").status == 200
    assert user(gate, "remove", "dora").returncode == 0
    assert "dora:" not in path.read_text() and "bob:" in path.read_text()
    assert user(gate, "remove", "dora").returncode == 1


def test_names_that_cannot_be(new_gate, new_phone):
    gate = new_gate({"101": new_phone()}, start=False)
    before = (gate.dir / "users").read_text()
    for name in ("", "a:b", "a\nb", "x" * 300):
        assert user(gate, "add", name, password="velvet quarry nineteen").returncode != 0
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


def test_files_of_lighttpd_and_apache_are_read_as_they_are(new_gate, new_phone, sign_in):
    """Side by side in users_dir: name:realm:HA1:userhash and name:realm:HA1."""
    gate = new_gate({"101": new_phone()}, start=False, users_dir="users.d", grants=(
        {"users": ["dora", "emil"], "role": "user", "phones": ["*"]},))
    gate.passwords.update(dora="x-dora", emil="x-emil")
    dora = gate_module.htdigest("dora", gate_module.REALM, "x-dora", "SHA-256").strip()
    userhash = hashlib.sha256(("dora:" + gate_module.REALM).encode()).hexdigest()
    gate._secret("users.d/lighttpd.user", "# lighttpd\n%s:%s\n" % (dora, userhash))
    gate._secret("users.d/apache.digest",
                 gate_module.htdigest("emil", gate_module.REALM, "x-emil", "SHA-256"))
    gate.start()
    for name in ("dora", "emil"):
        assert sign_in(gate, name).get("/phone/101/info.htm").status == 200


def test_import_then_sign_in(new_gate, new_phone, sign_in):
    gate = new_gate({"101": new_phone()}, start=False, grants=(
        {"users": ["dora"], "role": "user", "phones": ["*"]},))
    gate.passwords["dora"] = "x-dora"
    (gate.dir / "old").write_text(gate_module.htdigest("dora", gate_module.REALM, "x-dora",
                                                       "SHA-256"))
    assert user(gate, "import", str(gate.dir / "old")).returncode == 0
    gate.start()
    assert sign_in(gate, "dora").get("/phone/101/info.htm").status == 200


def test_who_still_signs_in_with_md5(new_gate, new_phone, sign_in):
    gate = new_gate({"101": new_phone()}, digest={"algorithms": ["SHA-256", "MD5"]})
    log = str(gate.dir / "access.log")
    assert sign_in(gate, "alice").get("/phone/101/info.htm").status == 200
    gate.record(outcome="allowed", user="alice")
    done = user(gate, "list", "--md5", log)
    assert (done.returncode, done.stdout) == (0, "")
    s = sign_in(gate, "bob", algorithm="MD5")
    assert [s.get("/phone/101/info.htm").status for _ in range(3)] == [200] * 3
    gate_module.wait_for(lambda: len([r for r in gate.records() if r.get("user") == "bob"]) == 3, 3,
                         "three records")
    done = user(gate, "list", "--md5", log)
    last = [r for r in gate.records() if r.get("user") == "bob"][-1]["ts"]
    assert (done.returncode, done.stdout) == (1, "bob\t3\t%s\n" % last)
