"""curl and Python requests as independent Digest clients."""

import hashlib
import subprocess

import pytest
import requests
from requests.auth import HTTPDigestAuth

GATE = {"digest": {"algorithms": ["SHA-256", "MD5"]}}


def curl(gate, *words, user="bob", host="gate.localhost"):
    command = ["curl", "-sS", "--cacert", str(gate.ca), "--noproxy", "*", "--max-time", "20",
               "--resolve", "%s:%d:127.0.0.1" % (host, gate.port)]
    if user:
        command += ["--digest", "-u", "%s:%s" % (user, gate.passwords[user])]
    done = subprocess.run(command + list(words), capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


def status(gate, path, *words, **options):
    url = "https://%s:%d%s" % (options.get("host", "gate.localhost"), gate.port, path)
    return int(curl(gate, "-o", "/dev/null", "-w", "%{http_code}", *words, url, **options))


@pytest.fixture
def session(site):
    with requests.Session() as s:
        s.trust_env = False
        s.verify = str(site.ca)
        yield s


def test_curl_reads_a_page(site):
    url = "https://101.phones.localhost:%d/info.htm" % site.port
    page = curl(site, url, host="101.phones.localhost")
    assert "Mac: 000413A1B2C3" in page
    assert site.record(path="/info.htm", outcome="allowed")["digest_alg"] == "SHA-256"


def test_V16_V18_curl_sends_the_hash_of_the_name_and_gets_a_proof(site):
    url = "https://gate.localhost:%d/phone/101/info.htm" % site.port
    done = subprocess.run(["curl", "-sS", "-v", "-o", "/dev/null", "--cacert", str(site.ca),
                           "--noproxy", "*", "--max-time", "20", "--resolve",
                           "gate.localhost:%d:127.0.0.1" % site.port, "--digest", "-u",
                           "alice:" + site.passwords["alice"], url],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    sent = [line for line in done.stderr.splitlines() if line.startswith("> Authorization: ")]
    name = hashlib.sha256(b"alice:gate.localhost").hexdigest()
    assert any('username="%s"' % name in line and "userhash=true" in line for line in sent)
    assert '< Authentication-Info: rspauth="' in done.stderr
    assert site.record(path="/info.htm", outcome="allowed", user="alice")


def test_curl_without_login_wrong_login_and_by_path(site):
    assert status(site, "/phone/101/info.htm", user=None) == 401
    assert status(site, "/phone/101/info.htm", "-u", "bob:wrong") == 401
    assert status(site, "/phone/101/info.htm") == 200
    assert status(site, "/phone/103/info.htm") == 404
    assert status(site, "/phone/101/settings.htm") == 403
    assert status(site, "/phone/101/settings.htm", user="alice") == 200


def test_curl_head(site):
    assert status(site, "/phone/101/info.htm", "--head") == 200


def test_curl_posts_a_form_with_its_tag(site):
    phone = site.phones["101"]
    name, value = phone.state()["hidden_tag"]
    assert status(site, "/phone/101/prefs.htm", "-H", "Origin: https://gate.localhost:%d" % site.port,
                  "-d", "language=Dansk&Settings=Save&%s=%s" % (name, value), user="alice") == 200
    assert phone.settings()["language"] == "Dansk"


def test_curl_http10(site):
    assert status(site, "/phone/101/info.htm", "--http1.0", "--no-alpn") == 200


def test_requests_reads_many_pages_with_one_login(site, session):
    session.auth = HTTPDigestAuth("bob", site.passwords["bob"])
    before = [r.get("status") for r in site.records()].count(401)
    base = "https://localhost:%d/phone/101" % site.port
    statuses = [session.get(base + path, timeout=10).status_code
                for path in ["/", "/info.htm", "/css/main.css", "/img/logo.png"] * 5]
    assert statuses == [200] * 20
    site.record(path="/img/logo.png", outcome="allowed")
    assert [r.get("status") for r in site.records()].count(401) == before + 1
    assert site.phones["101"].counters()["unauthorized"] <= 1


def test_requests_wrong_password(site, session):
    session.auth = HTTPDigestAuth("bob", "wrong")
    answer = session.get("https://localhost:%d/phone/101/" % site.port, timeout=10)
    assert answer.status_code == 401


def test_R34_bodies_cross_byte_for_byte(site, session):
    session.auth = HTTPDigestAuth("alice", site.passwords["alice"])
    site.phones["101"].switch(pcap_bytes=300000)
    via_gate = session.get("https://localhost:%d/phone/101/trace.pcap" % site.port, timeout=10)
    assert len(via_gate.content) == 300000
    head = b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00" + b"\0" * 8 + b"\xff\xff\0\0\x01\0\0\0"
    assert via_gate.content == (head + bytes(range(256)) * 1200)[:300000]
