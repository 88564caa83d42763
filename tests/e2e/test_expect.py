"""phonegate check --expect: tables of what a policy is expected to say."""

import pathlib
import subprocess

import pytest

import gate as gate_module
from cfgdir import ConfigDir

ROOT = gate_module.ROOT
PROFILES = ROOT / "policy" / "profiles"
TABLES = sorted([ROOT / "tests" / "vectors" / "snom.txt",
                 *(ROOT / "tests" / "vectors" / "policy").glob("*.txt")])
OWN = """phone 101 model
phone x-2 model
user  ann admin
user  eve user
user  rex admin factory-reset
user  nil
"""


@pytest.fixture
def cfg(tmp_path):
    return ConfigDir(tmp_path)


def expect(cfg, text, *words):
    (cfg.path / "table.txt").write_text(text, encoding="utf-8")
    return cfg.run("check", "--expect", "table.txt", *words)


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.stem)
def test_the_profiles_say_what_their_tables_expect(table):
    done = subprocess.run([gate_module.program(), "check", "--profiles", str(PROFILES),
                           "--expect", str(table)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert int(done.stdout.split()[0]) >= 20


def test_every_profile_has_a_table():
    with_table = {path.stem for path in TABLES}
    assert {path.stem for path in PROFILES.glob("*.cfg")} <= with_table


def test_users_and_phones_of_the_configuration(cfg):
    done = expect(cfg, "# what bob may\n\n"
                  "bob   101 GET  /index.htm             -> allow pages\n"
                  "bob   101 GET  /index.htm?l=1         -> allow\n"
                  "bob   101 GET  /index.htm?reset=1     -> deny  no reset\n"
                  "bob   101 GET  /none                  -> deny  -\n"
                  "bob   102 GET  /index.htm             -> 421   -\n"
                  "bob   102 GET  /index.htm             -> 404\n"
                  "bob   101 POST /dial.htm form:number=1 -> allow dialling\n"
                  "\"bob\" 101 GET  /a/../b                -> 400   -\n"
                  "alice\t102\tGET\t/a\t->\tallow\n".replace("\t->\t", " -> "), "-c", "phonegate.cfg")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "phonegate.cfg: ok\n9 rows hold, 0 do not\n"


def test_what_does_not_hold_is_shown(cfg):
    done = expect(cfg, "bob 101 GET /index.htm -> deny\n"
                  "bob 101 GET /index.htm -> allow administrators\n"
                  "bob 101 GET /none -> 404 -\n"
                  "bob 101 GET /%zz -> allow\n"
                  "bob 101 GET / -> allow\n", "-c", "phonegate.cfg")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "phonegate.cfg: ok",
        "table.txt:1: bob 101 GET /index.htm",
        "  expected  deny",
        "  seen      allow  pages (profiles/model.cfg:4)",
        "table.txt:2: bob 101 GET /index.htm",
        "  expected  allow  administrators",
        "  seen      allow  pages (profiles/model.cfg:4)",
        "table.txt:3: bob 101 GET /none",
        "  expected  404  -",
        "  seen      deny  -  (no_rule)",
        "table.txt:4: bob 101 GET /%zz",
        "  expected  allow",
        "  seen      400  -  (bad_escape)",
        "1 row holds, 4 do not"]


def test_no_configuration_where_the_table_names_phones_and_users(cfg):
    done = expect(cfg, OWN + "ann 101 GET /x -> allow administrators\n"
                  "ann x-2 GET /x?reset=1 -> deny no reset\n"
                  "rex x-2 GET /x?reset=1 -> allow administrators\n"
                  "eve 101 GET /x -> deny -\n"
                  "nil 101 GET /x -> 404 -\n", "--profiles", "profiles")
    assert (done.returncode, done.stdout, done.stderr) == (0, "5 rows hold, 0 do not\n", "")


def test_profiles_beside_the_table_or_of_the_configuration(cfg):
    (cfg.path / "tests").mkdir()
    (cfg.path / "tests" / "model.txt").write_text(OWN + "ann 101 GET /x -> allow\n")
    done = cfg.run("check", "--expect", "tests/model.txt")
    assert (done.returncode, done.stdout) == (0, "1 row holds, 0 do not\n"), done.stderr
    done = expect(cfg, OWN + "ann 101 GET /x -> allow\n", "-c", "phonegate.cfg")
    assert (done.returncode, done.stdout) == (0, "phonegate.cfg: ok\n1 row holds, 0 do not\n")


def test_who_made_it_ask_and_from_where_and_when(cfg):
    cfg.change('role = "user"; phones = [ "101" ]; }',
               'role = "user"; phones = [ "101" ]; from = [ "192.0.2.0/24" ]; until = "2026-12-31"; }')
    here = "from=192.0.2.9 at=2026-12-31T23:59:59Z"
    done = expect(cfg, "bob 101 GET / %s -> allow\n"
                  "bob 101 GET / at=2026-12-31 -> 404\n"
                  "bob 101 GET / from=192.0.2.9 at=2027-01-01 -> 404\n"
                  "bob 101 GET / @cross-site %s -> allow\n"
                  "bob 101 GET /?l=1 @page %s -> allow\n"
                  "bob 101 GET /?l=1 %s @cross-site -> deny -\n"
                  "bob 101 POST /dial.htm form:number=1 @script %s -> deny -\n"
                  "bob 101 POST /dial.htm form:number=1 %s -> allow\n" % ((here,) * 6),
                  "-c", "phonegate.cfg")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_scripts_that_may(cfg):
    done = expect(cfg, "phone 101 model\nuser ann admin scripts\nuser eve admin\n"
                  "ann 101 POST /x form:a=b @script -> allow\n"
                  "eve 101 POST /x form:a=b @script -> deny\n", "--profiles", "profiles")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_several_tables_are_added_up(cfg):
    (cfg.path / "more.txt").write_text("bob 101 GET /none -> allow\n")
    done = expect(cfg, OWN + "ann 101 GET /x -> allow\n", "--expect=more.txt", "-c", "phonegate.cfg")
    assert done.returncode == 1
    assert done.stdout.endswith("1 row holds, 1 does not\n")


@pytest.mark.parametrize("row, verdict", [
    ("POST /dial.htm form:number=1", "allow"), ("POST /dial.htm form:number=1&reset=1", "deny"),
    ("POST /dial.htm multi:number=1", "allow"), ("POST /dial.htm multi:number,reset", "deny"),
    ("POST /dial.htm lines:number:1\\r\\n", "allow"), ("POST /dial.htm lines:reset:1\\n", "deny"),
    ("POST /dial.htm xml:<a/>", "deny"), ("POST /dial.htm raw:number=1", "deny"),
    ("POST /dial.htm long:number=1", "deny"), ("POST /dial.htm form:n\\x75mber=1", "allow")])
def test_bodies(cfg, row, verdict):
    done = expect(cfg, OWN + "eve 101 %s -> %s\n" % (row, verdict), "--profiles", "profiles")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.mark.parametrize("line, problem", [
    ("bob 101 GET", "neither a row"), ("bob 101 GET -> allow", "a row is: user"),
    ("bob 101 GET index.htm -> allow", "a target begins with /"),
    ("bob 101 GET / -> maybe", "the verdict is"), ("bob 101 GET / -> 99 -", "the verdict is"),
    ("bob 101 GET / -> 1000 -", "the verdict is"),
    ("bob 101 GET / foo -> allow", "KIND:TEXT"), ("bob 101 GET / foo:bar -> allow", "KIND:TEXT"),
    ("bob 101 POST / form:a form:b -> allow", "second body"),
    ("bob 101 POST / form:\\q -> allow", "backslash"), ("bob 101 POST / form:\\ -> allow", "backslash"),
    ("bob 101 POST / form:\\x4 -> allow", "backslash"),
    ("bob 101 GET / @nobody -> allow", "@page, @cross-site or @script"),
    ("bob 101 GET / from=here -> allow", "from= is"), ("bob 101 GET / at=noon -> allow", "at= is"),
    ("\"bob 101 GET / -> allow", "a quote without its end"),
    ("bobby 101 GET / -> allow", "there is no user \"bobby\"")])
def test_a_line_that_is_no_row(cfg, line, problem):
    done = expect(cfg, "bob 101 GET / -> allow\n%s\n" % line, "-c", "phonegate.cfg")
    assert done.returncode == 2
    assert done.stderr.startswith("table.txt:2: error: ") and problem in done.stderr


@pytest.mark.parametrize("head, line, problem", [
    ("phone 101 nowhere\nuser ann admin\n", 1, "unknown profile"),
    ("phone 101\nuser ann admin\n", 1, "a phone is: phone ID PROFILE"),
    ("phone 1/2 model\nuser ann admin\n", 1, "is no phone id"),
    ("\nuser ann admin\n", 2, "phones stand before users"),
    ("phone 101 model\nuser ann admin\nphone 102 model\n", 3, "phones stand before users"),
    ("phone 101 model\n\nuser ann boss\n", 3, "role \"boss\" is neither"),
    ("phone 101 model\nuser ann admin everything\n", 2, "is no exception"),
    ("phone 101 model\nuser ann admin\nuser\n", 3, "a user is"),
    ("phone 101 mo\\del\nuser ann admin\n", 1, "an odd character")])
def test_wrong_phones_and_users(cfg, head, line, problem):
    done = expect(cfg, head + "ann 101 GET / -> allow\n", "--profiles", "profiles")
    assert done.returncode == 2
    assert done.stderr.startswith("table.txt:%d: error: " % line) and problem in done.stderr


def test_wrong_usage_is_2(cfg):
    for words in (["--profiles", "profiles"], ["--expect"], ["--expect", "nowhere.txt"],
                  ["--expect", "nowhere.txt", "-c", "phonegate.cfg"]):
        assert cfg.run("check", *words).returncode == 2


def test_a_wrong_configuration_is_1(cfg):
    cfg.change("realm =", "relm =")
    done = expect(cfg, "bob 101 GET / -> allow\n", "-c", "phonegate.cfg")
    assert done.returncode == 1 and "rows" not in done.stdout


def test_installed_tables_find_the_installed_profiles(tmp_path):
    subprocess.run(["make", "-s", "-C", str(ROOT), "install", "DESTDIR=%s" % tmp_path],
                   check=True, capture_output=True)
    share = pathlib.Path(tmp_path) / "usr/local/share/phonegate"
    words = [word for table in sorted((share / "tests").iterdir()) for word in ("--expect", table)]
    done = subprocess.run([gate_module.program(), "check", *words], capture_output=True, text=True,
                          check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
