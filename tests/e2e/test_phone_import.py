"""phonegate phone import: a table of phones becomes configuration, or every mistake is named."""

import re

import pytest

from cfgdir import ConfigDir

HEAD = "mac,address,name,profile,password_file,ca\n"
ROW = "00:04:13:%02x:00:01,192.0.2.%d,Phone %d,model,pw,ca.crt\n"


@pytest.fixture
def cfg(tmp_path):
    return ConfigDir(tmp_path)


def table(cfg, text, head=HEAD):
    (cfg.path / "fleet.csv").write_bytes((head + text).encode() if isinstance(text, str) else text)


def run(cfg, *words):
    return cfg.run("phone", "import", "fleet.csv", "-c", "phonegate.cfg", *words)


def problems(done):
    assert done.returncode == 1 and done.stdout == ""
    lines = done.stderr.splitlines()
    assert re.match(r"phonegate phone: fleet.csv: \d+ problem\(s\), nothing written$", lines[-1])
    return lines[:-1]


def include(cfg, name="more.cfg"):
    """The phones of the configuration, and those of the written file."""
    cfg.change('login: { user = "gate"; password_file = "pw"; }; tls: { ca = "ca.crt"; }; }\n);',
               'login: { user = "gate"; password_file = "pw"; }; tls: { ca = "ca.crt"; }; },\n'
               '@include "%s"\n);' % name)


def test_the_output_passes_check(cfg):
    table(cfg, "".join(ROW % (i, i, i) for i in range(1, 100)))
    done = run(cfg, "--output", "more.cfg", "--domain", "phones.example.com")
    assert (done.returncode, done.stdout, done.stderr) == (0, "wrote 99 phone(s) to more.cfg\n", "")
    assert (cfg.path / "more.cfg").stat().st_mode & 0o777 == 0o600
    include(cfg)
    done = cfg.run("check", "-c", "phonegate.cfg")
    assert (done.returncode, done.stdout, done.stderr) == (0, "phonegate.cfg: ok\n", "")
    done = cfg.run("explain", "-c", "phonegate.cfg", "--user", "alice", "--phone", "000413010001",
                   "GET", "/")
    assert done.returncode == 0, done.stderr


def test_what_is_written(cfg):
    cfg.secret('p"w', "correct horse\n")
    table(cfg, b"PIN,Name, address ,profile,mac,id,host,password_file,wui,user\r\n"
               b'' + b"0" * 64 + b',"Reception ""A"" \\ 1, J\xc3\xa4s\xc3\xb8n",phone1.example.com:8443,model,'
               b'0004.13A1.b2c3,front-1,Front.phones.example.com,"p""w",no,web\r\n'
               b'' + b"1" * 64 + b',,2001:db8::5,model,00-04-13-A1-B2-C4,,,pw,,\r\n', "")
    done = run(cfg)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        '{ id = "front-1"; name = "Reception \\"A\\" \\\\ 1, Jäsøn"; mac = "000413A1B2C3";\n'
        '  url = "https://phone1.example.com:8443"; profile = "model"; host = "front.phones.example.com";\n'
        '  login: { user = "web"; password_file = "p\\"w"; };\n'
        '  tls: { pin_sha256 = "%s"; };\n'
        '  wui = false;\n'
        '},\n'
        '{ id = "000413a1b2c4"; mac = "000413A1B2C4";\n'
        '  url = "https://[2001:db8::5]"; profile = "model";\n'
        '  login: { user = "gate"; password_file = "pw"; };\n'
        '  tls: { pin_sha256 = "%s"; };\n'
        '}\n' % ("0" * 64, "1" * 64))


def test_every_problem_of_every_row_in_one_run(cfg):
    cfg.change('id = "102";', 'id = "102"; mac = "000413000102";')
    table(cfg, "\n".join([
        "000413A1B2C3,192.0.2.1,ok,model,pw,ca.crt",
        "00:04:13:a1:b2:c3,192.0.2.2,MAC twice,model,pw,ca.crt",
        "000413A1B2C5,192.0.2.1:443,address twice,model,pw,ca.crt",
        "000413A1B2C6,192.0.2.102,address of 102,model,pw,ca.crt",
        "00-04-13-00-01-02,192.0.2.6,MAC of 102,model,pw,ca.crt",
        "FFFFFFFFFFFF,http://192.0.2.7,two things,modell,pw,ca.crt",
        '000413A1B2C8,192.0.2.8,"a" quote,model,pw,ca.crt',
        '000413A1B2C9,192.0.2.9,"two\nlines",model,pw,ca.crt',
        ",,,,,",
        "000413A1B2CA,192.0.2.10,one too many,model,pw,ca.crt,x",
        "000413A1B2CB,127.0.0.1:8443,the gate itself,model,pw,ca.crt",
        "000413A1B2CC,192.0.2.12,%s,model,pw,ca.crt" % ("x" * 129),
        "000413A1B2CD,192.0.2.13,,../model,pw,ca.crt",
    ]) + "\n")
    done = run(cfg, "--output", "more.cfg")
    assert problems(done) == ["fleet.csv:" + line for line in [
        '3: MAC 000413A1B2C3 stands already in line 2',
        '3: id 000413a1b2c3 stands already in line 2',
        '4: address 192.0.2.1:443 stands already in line 2',
        '5: address 192.0.2.102:443 is that of phone "102" of the configuration',
        '6: MAC 000413000102 is that of phone "102" of the configuration',
        '7: "FFFFFFFFFFFF" is no MAC of a phone: 12 hexadecimal digits',
        '7: "http://192.0.2.7" is no address of a phone: an IP address or a name, and perhaps :PORT',
        '7: unknown profile "modell": there is no such file in profiles_dir',
        '8: a quote stands inside: the whole field goes in quotes, each quote twice',
        '9: name is not UTF-8, longer than 128, or holds a control character',
        '11: the MAC is missing', '11: the address is missing', '11: the profile is missing',
        '11: there is no password: name a password_file, or a vault in the configuration',
        '11: the phone proves itself by nothing: name a pin or a ca, or a pins_file in the configuration',
        '12: 7 fields, but the first line has 6',
        '13: the address 127.0.0.1:8443 is the gate\'s own',
        '14: name is not UTF-8, longer than 128, or holds a control character',
        '15: unknown profile "../model": there is no such file in profiles_dir',
    ]]
    assert not (cfg.path / "more.cfg").exists()


@pytest.mark.parametrize("head, want", [
    ("mac,address,name\n", ['1: column "profile" is missing in the first line']),
    ("mac,mac,address,name,profile,colour\n", ['1: column "mac" stands there twice',
                                               '1: unknown column "colour"']),
    ("", ["1: the table is empty"]),
    (HEAD, ["1: there is no phone in the table"]),
])
def test_the_first_line(cfg, head, want):
    table(cfg, "x,y,z\n" * ("address" in head and "pass" not in head), head)
    found = problems(run(cfg))
    assert [re.sub(r"^fleet.csv:\d+", "fleet.csv:1", p) for p in found] == \
        ["fleet.csv:" + w for w in want]


def test_ids_hosts_and_the_portal_belong_to_one(cfg):
    table(cfg, "000413A1B2C3,192.0.2.1,,model,ca.crt,pw,101,gate.example.com\n"
               "000413A1B2C4,192.0.2.2,,model,ca.crt,pw,x,102.phones.example.com.\n"
               "000413A1B2C5,192.0.2.3,,model,ca.crt,pw,x,y.example.com\n"
               "000413A1B2C6,192.0.2.4,,model,ca.crt,pw,.,Y.EXAMPLE.com\n"
               "000413A1B2C7,192.0.2.5,,model,ca.crt,pw,a/b,x y\n",
          "mac,address,name,profile,ca,password_file,id,host\n")
    assert problems(run(cfg)) == ["fleet.csv:" + line for line in [
        '2: id 101 is that of phone "101" of the configuration',
        "2: host gate.example.com is the gate's own",
        '3: host 102.phones.example.com is that of phone "102" of the configuration',
        "4: id x stands already in line 3",
        '5: "." is no id: letters, digits, . _ -, no dot first, at most 64',
        "5: host y.example.com stands already in line 4",
        '6: "a/b" is no id: letters, digits, . _ -, no dot first, at most 64',
        '6: "x y" is no host name',
    ]]


def test_service_accounts_by_row_and_for_all(cfg):
    cfg.change('state_dir = "state";', 'state_dir = "state"; pins_file = "pins";\n'
               'vault: { file = "vault"; key_file = "vault.key"; };')
    assert cfg.run("secret", "init", "-c", "phonegate.cfg").returncode == 0
    rows = "000413000001,192.0.2.1,one,model,%s\n000413000002,192.0.2.2,two,model,\n"
    head = "mac,address,name,profile,service\n"
    table(cfg, rows % "tech", head)
    done = run(cfg)
    assert done.stdout.count("admin_login") == done.stdout.count(
        'admin_login: { user = "tech"; from_vault = true; };') == 1
    assert done.stderr.startswith("note: 1 phone(s) without a service account")
    done = run(cfg, "--service", "svc")
    assert [line.strip() for line in done.stdout.splitlines() if "admin_login" in line] == [
        'admin_login: { user = "%s"; from_vault = true; };' % name for name in ("tech", "svc")]
    assert (done.returncode, done.stderr) == (0, "")
    table(cfg, rows % "a:b", head)
    assert problems(run(cfg)) == ['fleet.csv:2: "service" holds a colon']
    assert run(cfg, "--service", "a:b").returncode == 2


def test_service_accounts_need_a_vault(cfg):
    table(cfg, ROW % (1, 1, 1))
    done = run(cfg, "--service", "svc")
    assert (done.returncode, done.stdout, done.stderr) == (
        1, "", "phonegate phone: --service needs a vault in the configuration\n")
    table(cfg, "000413000001,192.0.2.1,one,model,pw,ca.crt,svc\n", HEAD.strip() + ",service\n")
    assert problems(run(cfg)) == ["fleet.csv:2: the password of a service account is in the vault, "
                                  "and the configuration has none"]


def test_vault_and_pins_file_take_the_place_of_columns(cfg):
    cfg.change('state_dir = "state";', 'state_dir = "state"; pins_file = "pins";\n'
               'vault: { file = "vault"; key_file = "vault.key"; };')
    assert cfg.run("secret", "init", "-c", "phonegate.cfg").returncode == 0
    table(cfg, "00:04:13:a1:b2:c3;192.0.2.1;Reception;model\n", "mac;address;name;profile\n")
    done = run(cfg, "--output", "more.cfg", "--domain", "phones.example.com", "--user", "web")
    assert done.returncode == 0, done.stderr
    assert (cfg.path / "more.cfg").read_text() == (
        '{ id = "000413a1b2c3"; name = "Reception"; mac = "000413A1B2C3";\n'
        '  url = "https://192.0.2.1"; profile = "model"; host = "000413a1b2c3.phones.example.com";\n'
        '  login: { user = "web"; from_vault = true; };\n'
        '  tls: { from_pins_file = true; };\n'
        '}\n')
    include(cfg)
    done = cfg.run("check", "-c", "phonegate.cfg")
    assert done.returncode == 0 and done.stdout == "phonegate.cfg: ok, 2 warnings\n", done.stderr


def test_nothing_is_overwritten(cfg):
    table(cfg, ROW % (1, 1, 1))
    (cfg.path / "more.cfg").write_text("precious")
    done = run(cfg, "--output", "more.cfg")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "phonegate phone: more.cfg is there already: nothing is overwritten\n"
    assert (cfg.path / "more.cfg").read_text() == "precious"


def test_usage(cfg):
    assert cfg.run("phone").returncode == 2
    assert cfg.run("phone", "export", "x", "-c", "phonegate.cfg").returncode == 2
    done = cfg.run("phone", "import", "missing.csv", "-c", "phonegate.cfg")
    assert (done.returncode, done.stderr) == (1, "phonegate phone: missing.csv: No such file or directory\n")
    table(cfg, ROW % (1, 1, 1))
    assert run(cfg, "--domain", "-x-").returncode == 2
    assert cfg.run("phone", "import", "fleet.csv", "-c", "none.cfg").returncode == 2
