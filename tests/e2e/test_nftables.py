"""deploy/nftables: the example loads, twice over, and closes what it says."""

import shutil
import subprocess

import pytest

from gate import ROOT

FILE = ROOT / "deploy" / "nftables" / "phonegate.nft"


def alone(command):
    """In a network of its own, so that nothing of this machine is changed."""
    return subprocess.run(["unshare", "-rn", "sh", "-c", command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=30)


@pytest.fixture(scope="module", autouse=True)
def nft():
    if shutil.which("nft") is None or alone("nft list ruleset").returncode != 0:
        pytest.skip("no nft here, or no right to a network of one's own")


def test_it_is_correct():
    done = alone("nft -c -f %s" % FILE)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_loads_twice_and_drops_what_comes_past_the_gate():
    done = alone("nft -f {0} && nft -f {0} && nft list table inet phonegate".format(FILE))
    assert done.returncode == 0, done.stdout
    rules = " ".join(done.stdout.split())
    assert rules.count("table inet phonegate") == 1
    assert "type filter hook forward priority filter; policy accept;" in rules
    for family in ("ip daddr 192.0.2.0/24", "ip6 daddr 2001:db8:10::/64"):
        assert family + " tcp dport { 80, 443, 1800 } goto to_phones" in rules
    chain = rules.split("chain to_phones {")[1].split("}")[0]
    assert chain.index("198.51.100.10 accept") < chain.index("counter name \"past_the_gate\" drop")


def test_the_rules_of_the_gates_own_machine_are_correct_too(tmp_path):
    text = FILE.read_text().replace('"phonegate" }', '"nobody" }')
    lines, inside = [], False
    for line in text.splitlines():
        inside = inside or line.strip() == "# chain output {"
        lines.append(line.replace("# ", "", 1) if inside else line)
        inside = inside and line.strip() != "# }"
    copy = tmp_path / "phonegate.nft"
    copy.write_text("\n".join(lines) + "\n")
    done = alone("nft -f %s && nft list table inet phonegate" % copy)
    assert done.returncode == 0, done.stdout
    assert "hook output" in done.stdout and "meta skuid" in done.stdout
