"""phonegate user: the users file changes in one step, and nothing else in it changes."""

import hashlib
import os
import pty
import select
import stat
import subprocess
import time

import pytest

import gate as gate_module
from cfgdir import ConfigDir, ha1, line

PASSWORD = "seventeen Zebras"


@pytest.fixture
def cfg(tmp_path):
    return ConfigDir(tmp_path)


def user(cfg, *words, text=None):
    return cfg.run("user", *words, "-c", "phonegate.cfg", text=text)


def test_add_writes_a_line_of_each_algorithm(cfg):
    done = user(cfg, "add", "carol", text=PASSWORD + "\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "added carol\n", "")
    assert cfg.users() == (line("alice") + line("bob") + line("carol", PASSWORD) +
                           line("carol", PASSWORD, "md5"))


@pytest.mark.parametrize("text", [PASSWORD, PASSWORD + "\n", PASSWORD + "\r\n"])
def test_line_end_of_the_password_is_removed(cfg, text):
    assert user(cfg, "add", "carol", text=text).returncode == 0
    assert ha1("carol", PASSWORD) in cfg.users()


def test_blanks_of_the_password_are_kept(cfg):
    assert user(cfg, "add", "carol", text=" " + PASSWORD + " \n").returncode == 0
    assert ha1("carol", " " + PASSWORD + " ") in cfg.users()


def test_every_other_line_stays_byte_for_byte(cfg):
    before = "# people\n\n" + line("alice") + "odd line, no colons\r\n" + line("bob") + \
        "# bob's second\n" + line("bob", "old", "md5") + "zed:other realm:00\n# no end"
    cfg.secret("users", before)
    assert user(cfg, "passwd", "bob", text=PASSWORD + "\n").returncode == 0
    assert cfg.users() == before.replace(line("bob"), line("bob", PASSWORD) +
                                         line("bob", PASSWORD, "md5")).replace(
                                             line("bob", "old", "md5"), "")
    assert user(cfg, "remove", "bob").returncode == 0
    assert cfg.users() == before.replace(line("bob"), "").replace(line("bob", "old", "md5"), "")
    assert user(cfg, "add", "bob", text=PASSWORD + "\n").returncode == 0
    assert "# no end\nbob:" in cfg.users()


def test_old_password_leaves_with_the_algorithm_that_is_off(cfg):
    cfg.secret("users", line("bob", "old", "md5") + line("bob", "old"))
    cfg.change(', "MD5"', "")
    assert user(cfg, "passwd", "bob", text=PASSWORD + "\n").returncode == 0
    assert cfg.users() == line("bob", PASSWORD)


def test_V16_a_line_of_SHA_512_256_names_its_algorithm(cfg):
    cfg.change(', "MD5"', ', "SHA-512-256"')
    assert user(cfg, "add", "carol", text=PASSWORD + "\n").returncode == 0
    digest = hashlib.new("sha512_256", b"carol:phones.example.com:" + PASSWORD.encode())
    own = "carol:phones.example.com:SHA-512-256:%s\n" % digest.hexdigest()
    assert cfg.users() == line("alice") + line("bob") + line("carol", PASSWORD) + own
    assert user(cfg, "list").stdout.endswith("carol\tSHA-512-256, SHA-256\n")
    assert cfg.run("check", "-c", "phonegate.cfg").returncode == 0
    assert user(cfg, "passwd", "carol", text="eighteen Zebras\n").returncode == 0
    assert own not in cfg.users() and cfg.users().count("carol:") == 2
    assert user(cfg, "remove", "carol").returncode == 0
    assert cfg.users() == line("alice") + line("bob")


def test_first_user_makes_the_file(cfg):
    (cfg.path / "users").unlink()
    umask = os.umask(0)
    try:
        assert user(cfg, "add", "alice", text=PASSWORD + "\n").returncode == 0
    finally:
        os.umask(umask)
    assert stat.S_IMODE((cfg.path / "users").stat().st_mode) == 0o600
    assert cfg.run("check", "-c", "phonegate.cfg").returncode == 0


def test_rest_of_the_configuration_may_still_be_wrong(cfg):
    cfg.write('realm = "phones.example.com"; users_file = "users"; bogus = 1;\n')
    assert user(cfg, "add", "carol", text=PASSWORD + "\n").returncode == 0
    assert ha1("carol", PASSWORD) in cfg.users()


@pytest.mark.parametrize("old, new", [
    ('realm = "phones.example.com"', "realm = 1"), ('users_file = "users"', "users_file = 1"),
    ('"MD5"', '"MD4"'), ('host = "gate.example.com";', "host = ;")])
def test_errors_that_matter_here_are_reported(cfg, old, new):
    cfg.change(old, new)
    before = cfg.users()
    done = user(cfg, "add", "carol", text=PASSWORD + "\n")
    assert done.returncode == 1 and "phonegate.cfg:" in done.stderr
    assert cfg.users() == before


def test_unreadable_configuration_is_2(cfg):
    assert cfg.run("user", "list", "-c", "none.cfg").returncode == 2


def test_mode_and_owner_are_kept(cfg):
    path = cfg.path / "users"
    path.chmod(0o640)
    if os.getuid() == 0:
        os.chown(path, 12345, os.getgid())
    before = path.stat()
    assert user(cfg, "remove", "bob").returncode == 0
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid,
                                                           before.st_gid)
    assert sorted(p.name for p in cfg.path.iterdir() if p.name.startswith(".")) == []


def test_a_link_stays_a_link(cfg):
    (cfg.path / "users").rename(cfg.path / "real")
    (cfg.path / "users").symlink_to("real")
    assert user(cfg, "remove", "bob").returncode == 0
    assert (cfg.path / "users").is_symlink()
    assert cfg.users() == line("alice")


def test_known_and_unknown_names(cfg):
    before = cfg.users()
    assert user(cfg, "add", "bob", text=PASSWORD + "\n").returncode == 1
    assert user(cfg, "passwd", "carol", text=PASSWORD + "\n").returncode == 1
    assert user(cfg, "remove", "carol").returncode == 1
    assert user(cfg, "remove", "BOB").returncode == 1
    assert cfg.users() == before


@pytest.mark.parametrize("name", ["a:b", "", "a\nb", "a\x7fb", "a\u0085b", "#a", b"caf\xe9", "x" * 256])
def test_names_that_are_refused(cfg, name):
    before = cfg.users()
    assert user(cfg, "add", name, text=PASSWORD + "\n").returncode == 1
    assert cfg.users() == before


@pytest.mark.parametrize("name", ["Zoë", "a b", "x" * 255, "a@example.com"])
def test_names_that_are_fine(cfg, name):
    assert user(cfg, "add", name, text=PASSWORD + "\n").returncode == 0
    assert line(name, PASSWORD) in cfg.users()
    assert cfg.run("check", "-c", "phonegate.cfg").returncode == 0


def test_V17_one_form_for_names_and_passwords(cfg):
    """Whatever keyboard and copy buffer give, NFC and ordinary width are kept (RFC 8265)."""
    assert user(cfg, "add", "Zoe\u0308", text="pa\u0308ss wo\u00a0rd 42\n").stdout == "added Zo\u00eb\n"
    assert line("Zo\u00eb", "p\u00e4ss wo rd 42") in cfg.users()
    assert user(cfg, "add", "\uff44ora", text=PASSWORD).stdout == "added dora\n"
    assert user(cfg, "passwd", "Zoe\u0308", text=PASSWORD).stdout == "changed Zo\u00eb\n"
    assert line("Zo\u00eb", PASSWORD) in cfg.users()
    assert user(cfg, "remove", "\uff44ora").stdout == "removed dora\n"
    assert cfg.run("check", "-c", "phonegate.cfg").stdout == "phonegate.cfg: ok\n"


@pytest.mark.parametrize("there, new", [("Zo\u00eb", "Zoe\u0308"), ("Zoe\u0308", "Zo\u00eb"),
                                        ("Zoe\u0308", "Zoe\u0308"), ("alice", "\uff41lice"),
                                        ("\uff41lice", "alice")])
def test_V17_no_two_users_that_differ_by_form_only(cfg, there, new):
    (cfg.path / "users.d").mkdir()
    cfg.change('users_file = "users";', 'users_file = "users"; users_dir = "users.d";')
    for name in ("users", "users.d/10"):
        cfg.secret("users", line("bob"))
        cfg.secret("users.d/10", "# none\n")
        cfg.secret(name, line(there))
        done = user(cfg, "add", new, text=PASSWORD)
        assert done.returncode == 1 and "is in %s already" % name in done.stderr
        assert (cfg.path / name).read_text() == line(there)


def test_V17_accounts_of_other_programs_can_be_changed_as_they_stand(cfg):
    cfg.secret("users", line("alice") + line("bob") + line("Zoe\u0308") + line("a\u20ac"))
    done = cfg.run("check", "-c", "phonegate.cfg")
    assert done.returncode == 0 and done.stdout.count("not in the form that clients send") == 1
    for name in ("Zoe\u0308", "a\u20ac"):
        assert user(cfg, "passwd", name, text=PASSWORD).returncode == 0
        assert line(name, PASSWORD) in cfg.users()
        assert user(cfg, "remove", name).returncode == 0
    assert cfg.users() == line("alice") + line("bob")


@pytest.mark.parametrize("name, code", [("a\u20ac", "U+20AC"), ("a\u0378", "U+0378"),
                                        ("a\u202eb", "U+202E"), ("\u0627\u200c", "U+200C")])
def test_V17_characters_that_no_name_holds(cfg, name, code):
    done = user(cfg, "add", name, text=PASSWORD)
    assert done.returncode == 1 and code in done.stderr
    assert cfg.users() == line("alice") + line("bob")


def test_V17_a_password_with_an_unassigned_character_is_refused_unseen(cfg):
    done = user(cfg, "add", "carol", text="secret\u0378secret\n")
    assert done.returncode == 1 and "not assigned" in done.stderr
    assert "0378" not in done.stderr and "\u0378" not in done.stderr


@pytest.mark.parametrize("text", ["", "\n", "a\tbcdefgh\n", "first line\nsecond line\n",
                                  "x" * 5000 + "\n"])
def test_passwords_that_are_refused(cfg, text):
    before = cfg.users()
    assert user(cfg, "add", "carol", text=text).returncode == 1
    assert cfg.users() == before


@pytest.mark.parametrize("words", [("add", "carol"), ("passwd", "bob")])
@pytest.mark.parametrize("password", ["carol", "short-0ne", "Password123!", "phones.example.com",
                                      "gate-example", "qwertyuiop12"])
def test_weak_password_is_refused(cfg, words, password):
    before = cfg.users()
    done = user(cfg, *words, text=password + "\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("phonegate user: the password is weak: ")
    assert cfg.users() == before


def test_weak_password_by_request(cfg):
    done = user(cfg, "add", "--allow-weak", "carol", text="carol\n")
    assert done.returncode == 0
    assert done.stderr.startswith("warning: the password is weak: ")
    assert ha1("carol", "carol") in cfg.users()
    done = cfg.run("user", "add", "-c", "phonegate.cfg", "--", "--allow-weak", text="carol\n")
    assert done.returncode == 1         # a name, and a weak password
    assert user(cfg, "remove", "--allow-weak", "carol").returncode == 2


def test_weak_password_on_a_terminal(cfg):
    before = cfg.users()
    terminal = Terminal(cfg, "add", "carol")
    terminal.expect("New password: ")
    terminal.type("carolcarol1\n")
    terminal.expect("The same again: ")
    terminal.type("carolcarol1\n")
    assert terminal.end() == 1
    assert "the password is weak: " in terminal.seen and cfg.users() == before


def test_no_password_in_argv(cfg):
    before = cfg.users()
    assert user(cfg, "add", "carol", PASSWORD).returncode == 2
    assert cfg.users() == before


def test_list_shows_nothing_secret(cfg):
    user(cfg, "add", "carol", text=PASSWORD + "\n")
    done = user(cfg, "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "alice\tSHA-256\nbob\tSHA-256\ncarol\tSHA-256, MD5\n"


def test_list_shows_limits(cfg):
    cfg.secret("users", "".join(line(n) + line(n, algorithm="md5") for n in ("a", "b", "c", "d")))
    cfg.change("grants = (", """users = ( { name = "a"; disabled = true; md5 = false; },
        { name = "b"; expires = "2199-01-31"; }, { name = "c"; expires = "2020-02-29"; },
        { name = "nobody"; disabled = true; } );\ngrants = (""")
    done = user(cfg, "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("a\tSHA-256\tdisabled, no MD5\nb\tSHA-256, MD5\texpires 2199-01-31\n"
                           "c\tSHA-256, MD5\texpired 2020-02-29\nd\tSHA-256, MD5\n")


def test_list_md5(cfg):
    def record(user, time, alg="MD5"):
        return '{"ts":"%s","user":"%s","digest_alg":"%s"}\n' % (time, user, alg)
    log = cfg.path / "access.log"
    log.write_text(record("MD5", "2026-01-01", "SHA-256") + '{"user_claimed":"MD5"}\n')
    done = user(cfg, "list", "--md5", "access.log")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    log.write_text(record("bob", "2026-02-02") + record("Zo\\u00eb", "2026-01-01") +
                   record("bob", "2026-01-01") + record("alice", "2026-01-01", "SHA-256"))
    done = user(cfg, "list", "--md5", "access.log")
    assert (done.returncode, done.stdout) == (1, "bob\t2\t2026-02-02\nZoë\t1\t2026-01-01\n")
    done = user(cfg, "list", "--md5", "-", text=log.read_text())
    assert (done.returncode, done.stdout.count("\n")) == (1, 2)
    log.write_text('{"digest_alg":"MD5"')
    done = user(cfg, "list", "--md5", "access.log")
    assert done.returncode == 1 and "1 line(s) with MD5 are no records" in done.stderr
    assert user(cfg, "list", "--md5", "none.log").returncode == 2
    assert user(cfg, "remove", "--md5", "access.log", "bob").returncode == 2


def test_import(cfg):
    name = hashlib.sha256(b"fritz:phones.example.com").hexdigest()
    odd = hashlib.new("sha512_256", b"gerd:phones.example.com").hexdigest()
    before = "# ours\n" + line("alice") + line("bob").rstrip("\n")
    cfg.secret("users", before)
    (cfg.path / "old").write_text(
        "# theirs\r\n\n" + line("dora", algorithm="md5") + line("dora").replace("\n", "\r\n") +
        line("fritz").rstrip("\n") + ":" + name + "\n" + line("gerd").rstrip("\n") + ":" + odd)
    done = user(cfg, "import", "old")
    assert (done.returncode, done.stdout, done.stderr) == (
        0, "imported 3 person(s), refused 0 line(s)\n", "")
    assert cfg.users() == (before + "\n" + line("dora", algorithm="md5") + line("dora") +
                           line("fritz") + "gerd:phones.example.com:SHA-512-256:%s\n" % ha1("gerd"))
    assert user(cfg, "list").returncode == 0


def test_import_refuses_line_by_line(cfg):
    before = cfg.users()
    bad = [line("bob", algorithm="md5"), "nonsense\n", line("x").replace("phones", "other"),
           "y:phones.example.com:1234\n", line("z").rstrip("\n") + ":" + "0" * 64 + "\n",
           line("Zoe\u0308")]
    (cfg.path / "old").write_text("".join(bad[:3]) + line("dora") + "".join(bad[3:]) + line("dora"))
    done = user(cfg, "import", "old")
    assert (done.returncode, done.stdout) == (1, "imported 1 person(s), refused 7 line(s)\n")
    assert [int(l.split(":")[1]) for l in done.stderr.splitlines()] == [1, 2, 3, 5, 6, 7, 8]
    assert all(l.startswith("old:") and ": refused: " in l for l in done.stderr.splitlines())
    assert cfg.users() == before + line("dora")
    assert ha1("bob", algorithm="md5") not in done.stderr + done.stdout
    done = user(cfg, "import", "old")            # once more: everybody is there
    assert (done.returncode, done.stdout) == (1, "imported 0 person(s), refused 8 line(s)\n")
    assert user(cfg, "import", "none").returncode == 1
    assert user(cfg, "import").returncode == 2


def test_list_tells_wrong_lines(cfg):
    cfg.secret("users", line("alice") + "bob:other:00\n")
    done = user(cfg, "list")
    assert done.returncode == 1
    assert done.stdout == "alice\tSHA-256\n"
    assert done.stderr.startswith("users:2: error: ")


def test_users_directory(cfg):
    (cfg.path / "users.d").mkdir()
    cfg.change('users_file = "users";', 'users_file = "users"; users_dir = "users.d";')
    cfg.secret("users.d/10", line("dora"))
    assert user(cfg, "list").stdout == "alice\tSHA-256\nbob\tSHA-256\ndora\tSHA-256\n"
    for words, text in ((("add", "dora"), PASSWORD), (("passwd", "dora"), PASSWORD),
                        (("remove", "dora"), None)):
        done = user(cfg, *words, text=text)
        assert done.returncode == 1 and "users.d/10" in done.stderr
    cfg.change('users_file = "users"; ', "")
    assert user(cfg, "list").stdout == "dora\tSHA-256\n"
    assert user(cfg, "add", "carol", text=PASSWORD).returncode == 1


def test_users_file_that_others_can_read_is_refused(cfg):
    (cfg.path / "users").chmod(0o644)
    before = cfg.users()
    for words, text in ((("add", "carol"), PASSWORD), (("remove", "bob"), None), (("list",), None)):
        assert user(cfg, *words, text=text).returncode == 1
    assert cfg.users() == before


@pytest.mark.parametrize("words", [(), ("add",), ("list", "x"), ("rename", "a"), ("add", "a", "b")])
def test_wrong_usage(cfg, words):
    assert user(cfg, *words).returncode == 2


def test_writers_at_the_same_time(cfg):
    """Thirty of them, and no line is lost."""
    words = [gate_module.program(), "user", "add", "-c", "phonegate.cfg"]
    running = []
    for i in range(30):
        process = subprocess.Popen(words + ["p%d" % i], cwd=cfg.path, stdin=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, text=True)
        process.stdin.write(PASSWORD + "\n")
        process.stdin.close()
        running.append(process)
    assert [p.wait(30) for p in running] == [0] * 30
    assert {l.split(":")[0] for l in cfg.users().splitlines()} == {
        "alice", "bob", *("p%d" % i for i in range(30))}
    assert cfg.users().count("\n") == 2 + 60


class Terminal:
    """The program on a terminal of its own."""

    def __init__(self, cfg, *words):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [gate_module.program(), "user", *words, "-c", "phonegate.cfg"], cwd=cfg.path,
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=self._own)
        self.slave = slave
        self.seen = ""

    @staticmethod
    def _own():
        import fcntl
        import signal
        import termios
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        # A suite that runs in the background passes an ignored SIGINT on; a person's shell does not.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def expect(self, text):
        end = time.monotonic() + 10
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            if select.select([self.master], [], [], 0.2)[0]:
                self.seen += os.read(self.master, 4096).decode()

    def type(self, text):
        os.write(self.master, text.encode())

    def echo_is_on(self):
        import termios
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def end(self):
        status = self.process.wait(10)
        while select.select([self.master], [], [], 0.1)[0]:
            self.seen += os.read(self.master, 4096).decode()
        return status


def test_prompt_twice_without_echo(cfg):
    terminal = Terminal(cfg, "add", "carol")
    terminal.expect("New password: ")
    assert not terminal.echo_is_on()
    terminal.type(PASSWORD + "\n")
    terminal.expect("The same again: ")
    terminal.type(PASSWORD + "\n")
    assert terminal.end() == 0
    assert PASSWORD not in terminal.seen
    assert terminal.echo_is_on()
    assert ha1("carol", PASSWORD) in cfg.users()


def test_prompt_with_two_different_passwords(cfg):
    before = cfg.users()
    terminal = Terminal(cfg, "passwd", "bob")
    terminal.expect("New password: ")
    terminal.type(PASSWORD + "\n")
    terminal.expect("The same again: ")
    terminal.type(PASSWORD + "x\n")
    assert terminal.end() == 1
    assert "not the same" in terminal.seen
    assert cfg.users() == before


def test_interrupt_at_the_prompt_gives_the_echo_back(cfg):
    before = cfg.users()
    terminal = Terminal(cfg, "passwd", "bob")
    terminal.expect("New password: ")
    terminal.type("\x03")
    assert terminal.end() == -2
    assert terminal.echo_is_on()
    assert cfg.users() == before


def test_unknown_name_is_told_before_the_prompt(cfg):
    terminal = Terminal(cfg, "passwd", "nobody")
    assert terminal.end() == 1
    assert "New password" not in terminal.seen


