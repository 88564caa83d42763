"""phonegate check, help and version: what is printed where, and the exit status."""

import shutil

import pytest

import gate as gate_module
from cfgdir import ConfigDir, line


@pytest.fixture
def cfg(tmp_path):
    return ConfigDir(tmp_path)


def test_ok(cfg):
    done = cfg.run("check", "-c", "phonegate.cfg")
    assert (done.returncode, done.stdout, done.stderr) == (0, "phonegate.cfg: ok\n", "")


@pytest.mark.parametrize("words", [("-c", "phonegate.cfg", "check"), ("check", "-c", "phonegate.cfg")])
def test_option_on_either_side(cfg, words):
    assert cfg.run(*words).returncode == 0


def test_all_problems_in_one_run_in_order(cfg):
    cfg.change('state_dir = "state";', 'state_dirr = "state";')
    cfg.change('realm = "phones.example.com";', 'realm = "phones.example.com"; bogus = 1;')
    cfg.change('id = "102"', 'id = "101"')
    done = cfg.run("check", "-c", "phonegate.cfg")
    assert done.returncode == 1
    assert done.stdout == "phonegate.cfg: 3 errors, 1 warning\n"
    assert done.stderr.splitlines() == [
        'phonegate.cfg:1: warning: no "state_dir" and no $STATE_DIRECTORY: state is kept in memory '
        'and lost at a restart',
        'phonegate.cfg:1: error: unknown key "bogus"',
        'phonegate.cfg:13: error: phone id "101" stands already at phonegate.cfg:9',
        'phonegate.cfg:17: error: unknown key "state_dirr": is "state_dir" meant?']


def test_warnings_keep_the_exit_status(cfg):
    cfg.secret("pw", "0000\n")
    done = cfg.run("check", "-c", "phonegate.cfg")
    assert done.returncode == 0
    assert done.stdout == "phonegate.cfg: ok, 2 warnings\n"
    assert done.stderr.count("warning: the password in pw is weak") == 2


def test_note_when_MD5_is_off_R33(cfg):
    cfg.change(', "MD5"', "")
    done = cfg.run("check", "-c", "phonegate.cfg")
    assert done.returncode == 0
    assert done.stdout.startswith("phonegate.cfg: note: MD5 is not offered: Safari")
    assert done.stderr == ""


def test_syntax_error_alone(cfg):
    cfg.change('host = "gate.example.com";', 'host = ; bogus = 1;')
    done = cfg.run("check", "-c", "phonegate.cfg")
    assert done.returncode == 1
    assert done.stderr == ("phonegate.cfg:3: error: syntax error, here or just above: a bracket, a "
                           "quote or a comma that is missing, or a unit behind a number\n")


def test_unreadable_file_is_2(cfg):
    for name in ("none.cfg", "profiles"):
        done = cfg.run("check", "-c", name)
        assert done.returncode == 2
        assert done.stderr.startswith(name + ": error: cannot be read")
        assert cfg.run("serve", "-c", name).returncode == 2


def test_unreadable_file_named_inside_is_1(cfg):
    cfg.change('users_file = "users"', 'users_file = "nowhere"')
    assert cfg.run("check", "-c", "phonegate.cfg").returncode == 1


@pytest.mark.parametrize("behind", [
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "-----BEGIN CERTIFICATE-----\nAAAA\n",
    "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"])
def test_check_refuses_a_CA_that_serve_could_not_start_with(cfg, behind):
    """One good certificate at the front is not enough: the gate reads all of them."""
    with (cfg.path / "ca.crt").open("a") as ca:
        ca.write(behind)
    done = cfg.run("check", "-c", "phonegate.cfg")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == (
        'phonegate.cfg:12: error: "ca": ca.crt: not every certificate in it can be read')


def test_check_refuses_a_key_of_nonces_that_serve_could_not_start_with(cfg):
    (cfg.path / "state").mkdir(mode=0o700)
    cfg.secret("state/nonce.key", "rubbish\n")
    done = cfg.run("check", "-c", "phonegate.cfg")
    assert done.returncode == 1
    assert done.stderr == ('phonegate.cfg:17: error: "state_dir": state/nonce.key: not one or two lines of '
                           '64 hexadecimal digits\n')


def test_serve_refuses_what_check_refuses(cfg):
    cfg.change('id = "102"', 'id = "101"')
    done = cfg.run("serve", "-c", "phonegate.cfg")
    assert done.returncode == 1
    assert 'phonegate.cfg:13: error: phone id "101"' in done.stderr


def test_paths_from_another_directory(cfg, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (cfg.path / "conf.d").mkdir()
    (cfg.path / "conf.d" / "users.cfg").write_text('users_file = "../users";\n')
    cfg.change('users_file = "users";', '@include "conf.d/users.cfg"')
    # a directive begins its line
    text = (cfg.path / "phonegate.cfg").read_text()
    assert '\n@include' in text
    done = cfg.run("check", "-c", str(cfg.path / "phonegate.cfg"), cwd=elsewhere)
    assert (done.returncode, done.stderr) == (0, "")


def test_include_names_in_messages(cfg):
    (cfg.path / "more.cfg").write_text("\n\nfailures = 1;\nlockout: { failures = 99999999999; };\n")
    with open(cfg.path / "phonegate.cfg", "a") as file:
        file.write('@include "more.cfg"\n')
    done = cfg.run("check", "-c", str(cfg.path / "phonegate.cfg"))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        '%s/more.cfg:3: error: unknown key "failures"' % cfg.path,
        '%s/more.cfg:4: error: integer 99999999999 does not fit 32 bits; write an L behind it if '
        'it is meant' % cfg.path]


def test_state_directory_of_systemd(cfg):
    cfg.change('state_dir = "state";', "")
    done = cfg.run("check", "-c", "phonegate.cfg")
    assert done.returncode == 0 and "warning: no \"state_dir\"" in done.stderr
    done = cfg.run("check", "-c", "phonegate.cfg", env={"STATE_DIRECTORY": "/var/lib/phonegate"})
    assert (done.returncode, done.stderr) == (0, "")


def test_no_colours_without_a_terminal(cfg):
    cfg.change('id = "102"', 'id = "101"')
    assert "\033" not in cfg.run("check", "-c", "phonegate.cfg").stderr


def test_no_secret_in_messages(cfg):
    cfg.secret("pw", "hunter2hunter2\nsecond\n")
    done = cfg.run("check", "-c", "phonegate.cfg")
    assert done.returncode == 1
    assert "hunter2" not in done.stdout + done.stderr


@pytest.mark.parametrize("words", [
    (), ("nonsense",), ("check", "--bogus"), ("check", "extra"), ("check", "-c"), ("version", "x"),
    ("check", "-c", "a", "-c", "b"), ("help", "nonsense"), ("audit",), ("harden",), ("review",),
    ("log", "verify", "x"), ("help", "review"), ("-x",), ("harden", "--plan", "--apply"), ("harden", "--apply"),
    ("harden", "--apply", "--all", "101"), ("harden", "--plan", "--pins"),
    ("harden", "--plan", "--parallel", "0"), ("harden", "--plan", "no-such-phone"),
    ("harden", "--plan", "-c", "no-such-file"),
])
def test_wrong_usage_is_2_and_says_so_on_stderr(cfg, words):
    done = cfg.run(*words)
    assert done.returncode == 2
    assert done.stdout == "" and done.stderr != ""


@pytest.mark.parametrize("words", [("help",), ("--help",), ("-h",), ("help", "check"),
                                   ("check", "--help"), ("user", "-h"), ("version",)])
def test_help_is_0_and_on_stdout(cfg, words):
    done = cfg.run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "phonegate" in done.stdout


def test_commands_of_later_versions_are_not_listed(cfg):
    text = cfg.run("help").stdout
    for word in ("serve", "check", "user", "explain", "version", "help"):
        assert "\n  %s " % word in text
    for word in ("review", "  log "):
        assert word not in text


def test_the_example_is_fine(cfg):
    """deploy/example/phonegate.cfg, with the files it names."""
    for name, old in (("tls/gate.crt", "gate.crt"), ("tls/gate.key", "gate.key"),
                      ("tls/phones-ca.crt", "ca.crt"), ("secrets/101", "pw"),
                      ("secrets/101.admin", "pw.admin"), ("secrets/lab-1", "pw")):
        (cfg.path / name).parent.mkdir(exist_ok=True)
        shutil.copy2(cfg.path / old, cfg.path / name)
    cfg.secret("users", line("alice") + line("bob") + line("carol"))
    cfg.write((gate_module.ROOT / "deploy" / "example" / "phonegate.cfg").read_text())
    cfg.change("/usr/share/phonegate/profiles", str(gate_module.ROOT / "policy" / "profiles"))
    cfg.change("/var/log/phonegate/", str(cfg.path) + "/log/")
    done = cfg.run("check", "-c", "phonegate.cfg")
    assert done.returncode == 1 and "there is no directory %s/log/" % cfg.path in done.stderr
    (cfg.path / "log").mkdir()
    done = cfg.run("check", "-c", "phonegate.cfg")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("phonegate.cfg: ok\n")


@pytest.mark.parametrize("page", ["phonegate.8", "phonegate.cfg.5", "phonegate-profile.5"])
@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff")
def test_manuals_render_without_a_warning(cfg, page):
    import subprocess
    path = gate_module.ROOT / "deploy" / "man" / page
    done = subprocess.run(["groff", "-mdoc", "-Tutf8", "-ww", str(path)], capture_output=True,
                          timeout=30)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_manual_has_every_key(cfg):
    """Keys of the tables in the code and in the example stand in phonegate.cfg(5) as well."""
    import re
    manual = (gate_module.ROOT / "deploy" / "man" / "phonegate.cfg.5").read_text()
    example = (gate_module.ROOT / "deploy" / "example" / "phonegate.cfg").read_text()
    keys = set()
    for name in ("load_settings.c", "load_phones.c", "load_account.c", "load_grants.c"):
        text = (gate_module.ROOT / "proxy" / "config" / name).read_text()
        keys.update(re.findall(r'\.name = "(\w+)"', text))
        keys.update(re.findall(r'\b(?:NUMBER|STRING|STRINGS|GROUP|LIST)\("(\w+)"', text))
    assert len(keys) > 55
    for key in keys:
        assert re.search(r"\b%s\b" % key, manual), key
        assert re.search(r"\b%s\b" % key, example), key
