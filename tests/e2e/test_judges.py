"""Digest clients that others wrote, as judges: which algorithm each takes, and that it gets in.

    offered                      curl 7.88   requests 2.28   wget 1.21   Chromium
    SHA-256                      SHA-256     SHA-256         (gets 401)  SHA-256
    SHA-256, MD5                 SHA-256     MD5 (the last)  MD5         SHA-256
    SHA-256, SHA-512-256, MD5    SHA-256     MD5 (the last)  MD5         SHA-256

curl looks at the first challenge only, requests at the last one, wget knows MD5 alone. requests
fails in itself where SHA-512-256 is the last. Chromium is in test_browser*.py.
"""

import os
import shutil
import socket
import subprocess
import threading

import pytest
import requests
from requests.auth import HTTPDigestAuth

import browser as browser_module
import rawhttp

OFFERS = (["SHA-256"], ["SHA-256", "MD5"], ["SHA-256", "SHA-512-256", "MD5"])
PATH = "/phone/101/info.htm"


@pytest.fixture(params=OFFERS, ids=lambda offer: "+".join(offer))
def gate(request, new_gate):
    return new_gate(digest={"algorithms": request.param},
                    users={"bob": ["SHA-256", "MD5"], "Jäsøn Doe": ["SHA-256", "MD5"]})


def offers_md5(gate):
    return "MD5" in gate.config["digest"]["algorithms"]


def url(gate):
    return "https://localhost:%d%s" % (gate.port, PATH)


def taken(gate, user):
    return gate.record(path="/info.htm", outcome="allowed", user=user)["digest_alg"]


def curl(target, user, password, *words):
    command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "*",
               "--max-time", "20", "--digest", "-u", "%s:%s" % (user, password), *words, target]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def wget(gate, user, password):
    env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    return subprocess.run(["wget", "-nv", "-O", "-", "--no-hsts", "--tries=1", "--timeout=20",
                           "--ca-certificate=" + str(gate.ca), "--user=" + user,
                           "--password=" + password, url(gate)],
                          capture_output=True, text=True, timeout=30, env=env)


@pytest.mark.parametrize("user", ("bob", "Jäsøn Doe"))
def test_V02_R32_curl_takes_the_first(gate, user):
    ca = ["--cacert", str(gate.ca)]
    assert curl(url(gate), user, gate.passwords[user], *ca) == 200
    assert taken(gate, user) == "SHA-256"
    assert curl(url(gate), user, "guess", *ca) == 401


def test_V02_requests_takes_the_last(gate):
    with requests.Session() as s:
        s.trust_env = False
        s.verify = str(gate.ca)
        s.auth = HTTPDigestAuth("bob", gate.passwords["bob"])
        assert [s.get(url(gate), timeout=10).status_code for _ in range(5)] == [200] * 5
        assert taken(gate, "bob") == ("MD5" if offers_md5(gate) else "SHA-256")
        s.auth = HTTPDigestAuth("bob", "guess")
        assert s.get(url(gate), timeout=10).status_code == 401


@pytest.mark.skipif(not shutil.which("wget"), reason="no wget")
def test_V02_wget_knows_MD5_alone(gate):
    done = wget(gate, "bob", gate.passwords["bob"])
    if offers_md5(gate):
        assert done.returncode == 0 and "Mac: 000413A1B2C3" in done.stdout, done.stderr
        assert taken(gate, "bob") == "MD5"
    else:
        assert done.returncode == 6, done.stderr        # authentication failed
    assert wget(gate, "bob", "guess").returncode == 6


@pytest.mark.skipif(not browser_module.program(), reason="no chromium")
def test_V02_chromium_takes_the_first(gate):
    browser = browser_module.Browser(("bob", gate.passwords["bob"]))
    try:
        browser.open(url(gate))
        assert "Mac: 000413A1B2C3" in browser.run("document.body.innerText")
        assert len(browser.prompts) == 1 and taken(gate, "bob") == "SHA-256"
    finally:
        browser.close()


class OnlyMD5:
    """Plain HTTP in front of the gate that lets no challenge through but MD5's."""

    def __init__(self, gate):
        self.gate = gate
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(10)
        self.url = "http://127.0.0.1:%d%s" % (self.listener.getsockname()[1], PATH)
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        for _ in range(2):
            person, _ = self.listener.accept()
            with person:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += person.recv(65536)
                lines = [l for l in head.decode().split("\r\n")[1:] if l.startswith("Authorization")]
                with rawhttp.Client(self.gate.port) as c:
                    c.send(rawhttp.head("GET", PATH, "gate.localhost",
                                        [tuple(l.split(": ", 1)) for l in lines]))
                    answer = c.read("GET")
                fields = [v for v in answer.all("www-authenticate") if "algorithm=MD5" in v]
                person.sendall(("HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n%s\r\n" % (
                    answer.status, "".join("WWW-Authenticate: %s\r\n" % v for v in fields))).encode())
        self.listener.close()


def test_V13_curl_computes_MD5_alike(new_gate):
    gate = new_gate(digest={"algorithms": OFFERS[1]})
    relay = OnlyMD5(gate)
    assert curl(relay.url, "bob", gate.passwords["bob"]) == 200
    relay.thread.join(20)
    assert taken(gate, "bob") == "MD5"
