"""`harden --provision DIR` killed (SIGKILL) at each call that writes: what stands there is whole, no
password is lost, none is in a file that the vault does not have, and the next run finishes."""

import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import xml.etree.ElementTree

import pytest

from gate import program

MACS = {"101": "000413A1B2C3", "102": "000413A1B2C4"}
SECRETS = ("http_pass", "service_mode_password", "admin_mode_password", "keyboard_lock_pw")
NEW = ".phonegate-new"
CALLS = ("write", "fsync", "rename", "mkdir", "chmod", "fchmod")


class Place:
    """A directory with a configuration, a vault and what was provisioned."""

    def __init__(self, directory):
        self.dir = directory
        self.files = directory / "provisioning"

    def copy(self, to):
        shutil.copytree(self.dir, to)
        return Place(to)

    def command(self, *words):
        return [program(), *words, "-c", str(self.dir / "phonegate.cfg")]

    def run(self, *command):
        env = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")   # not while it is traced
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=env,
                              stderr=subprocess.PIPE, text=True, timeout=30, check=False)

    def provision(self, *phones):
        return self.command("harden", "--provision", str(self.files), *phones)

    def traced(self, *options):
        return self.run("strace", "-f", "-qq", *options, *self.provision())

    def vault(self):
        """(phone, setting, which) -> value; the whole vault can be read."""
        found = {}
        for phone in MACS:
            done = self.run(*self.command("secret", "show", phone))
            assert done.returncode in (0, 1) and "damaged" not in done.stderr, done.stderr
            for line in done.stdout.splitlines():
                setting, which, value = line.split("\t")
                found[phone, setting, which] = value
        return found

    def shown(self):
        """phone -> settings of its file; each file that can be seen is whole and private."""
        found = {}
        for path in self.files.iterdir() if self.files.exists() else ():
            if path.name == NEW:        # not to be seen under a phone's name
                assert path.stat().st_mode & 0o077 == 0
                continue
            phone = {m: i for i, m in MACS.items()}[path.stem]
            assert path.suffix == ".xml" and path.stat().st_mode & 0o077 == 0
            rows = xml.etree.ElementTree.parse(path).getroot().find("phone-settings")
            found[phone] = {e.tag: e.text for e in rows}
        return found


@pytest.fixture
def place(new_gate):
    entries = {i: {"name": "Phone", "url": "https://192.0.2." + i, "profile": "snom",
                   "host": i + ".phones.localhost", "mac": mac, "tls": {"pin_sha256": ["0" * 64]},
                   "login": {"user": "gate", "from_vault": True},
                   "admin_login": {"user": "service", "from_vault": True}}
               for i, mac in MACS.items()}
    gate = new_gate(entries, start=False, vault={"file": "vault", "key_file": "vault.key"})
    gate._secret("vault.key", os.urandom(32).hex() + "\n")
    place = Place(gate.dir)
    assert place.run(*place.command("secret", "init")).returncode == 0
    return place


def events(place, scratch):
    """How often each call is made by a run that nobody kills."""
    copy = place.copy(scratch / "whole")
    trace = scratch / "trace"
    done = copy.traced("-o", str(trace), "-e", "trace=" + ",".join(CALLS))
    assert done.returncode == 0, done.stderr
    names = re.findall(r"^\d+ +(\w+)\(", trace.read_text(errors="replace"), re.M)
    return [(name, n) for name in CALLS for n in range(1, names.count(name) + 1)]


def check_one(place, before, old, scratch, name, number):
    where = "%s-%d" % (name, number)
    copy = place.copy(scratch / where)
    done = copy.traced("-o", "/dev/null", "-e", "trace=" + name, "-e",
                       "inject=%s:signal=KILL:when=%d" % (name, number))
    assert done.returncode == -signal.SIGKILL, (where, done)
    vault, shown = copy.vault(), copy.shown()
    assert before.items() <= vault.items(), where               # nothing is lost
    for phone, settings in shown.items():
        if settings == old.get(phone):
            continue
        for setting in SECRETS:
            assert settings[setting] == vault[phone, setting, "candidate"], where
        assert settings["http_user"] == "gate", where
    assert old.keys() <= shown.keys(), where                    # and no file
    done = copy.run(*copy.provision())
    assert (done.returncode, "wrote 2 file(s)" in done.stdout) == (0, True), (where, done)
    after, files = copy.vault(), copy.shown()
    assert not list(copy.dir.rglob(NEW)), where                 # nothing is left lying about
    assert vault.items() <= after.items(), where                # what was made is kept
    assert len(after) == len({v for v in after.values()}) >= 8, where
    for phone in MACS:
        assert {s: files[phone][s] for s in SECRETS} == {
            s: after[phone, s, "candidate"] for s in SECRETS}, where
    for text in (done.stdout, done.stderr, (copy.dir / "access.log").read_text()):
        assert not any(value in text for value in after.values()), where
    shutil.rmtree(copy.dir)


def killed_everywhere(place, scratch):
    before, old = place.vault(), place.shown()
    jobs = events(place, scratch)
    assert {name for name, _ in jobs} >= {"write", "fsync", "rename"} and 10 < len(jobs) < 80
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda job: check_one(place, before, old, scratch, *job), jobs))


def test_the_first_files_killed_at_each_write(place, tmp_path):
    killed_everywhere(place, tmp_path)


def test_newer_files_killed_at_each_write(place, tmp_path):
    """101 has its file, and gets another password; 102 has none yet."""
    assert place.run(*place.provision("101")).returncode == 0
    done = place.run(*place.command("secret", "set", "101", "http_pass", "--candidate",
                                    "--generate"))
    assert done.returncode == 0, done.stderr
    assert place.shown()["101"]["http_pass"] != place.vault()["101", "http_pass", "candidate"]
    killed_everywhere(place, tmp_path)
