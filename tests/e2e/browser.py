"""Chromium, driven over its debugging pipe: no driver program and no library in between."""

import json
import os
import select
import shutil
import subprocess
import tempfile
import time

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--disable-extensions", "--mute-audio",
         "--ignore-certificate-errors", "--host-resolver-rules=MAP *.localhost 127.0.0.1",
         "--remote-debugging-pipe"]


def program():
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """One browser with one page. Prompts for a password are answered with `credentials`."""

    def __init__(self, credentials=None, flags=()):
        self.credentials = credentials
        self.prompts = []           # origins that asked
        self.failures = []          # requests without an answer
        self.loads = 0
        self.loaded = set()         # documents (their loaders) that are there with all that is on them
        self.waiting = {}
        self.number = 0
        self.buffer = b""
        self.session = None
        self.profile = tempfile.mkdtemp(prefix="chromium-")
        ours_out, theirs_in = os.pipe()[::-1]
        theirs_out, ours_in = os.pipe()[::-1]
        self.out, self.inp = ours_out, ours_in
        # It reads commands from descriptor 3 and writes to 4. (dash knows only one-digit ones.)
        self.process = subprocess.Popen(
            ["bash", "-c", 'exec "$0" "$@" 3<&%d 4>&%d' % (theirs_in, theirs_out), program(), *FLAGS, *flags,
             "--user-data-dir=" + self.profile, "about:blank"],
            pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        self._attach()

    def _attach(self):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target,
                                 flatten=True)["sessionId"]
        self.call("Page.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)
        self.call("Network.enable")
        self.call("Fetch.enable", handleAuthRequests=True)

    def _send(self, method, params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        return self.number

    def call(self, method, timeout=60, **params):
        number = self._send(method, params)
        end = time.monotonic() + timeout
        while number not in self.waiting:
            self._read(end)
        answer = self.waiting.pop(number)
        assert "error" not in answer, (method, answer)
        return answer["result"]

    def _read(self, end):
        left = end - time.monotonic()
        if left <= 0 or not select.select([self.inp], [], [], left)[0]:
            raise AssertionError("the browser does not answer")
        piece = os.read(self.inp, 1 << 16)
        assert piece, "the browser is gone"
        self.buffer += piece
        while b"\0" in self.buffer:
            text, self.buffer = self.buffer.split(b"\0", 1)
            self._handle(json.loads(text))

    def _handle(self, message):
        if "id" in message:
            self.waiting[message["id"]] = message
            return
        params = message["params"]
        if message["method"] == "Fetch.requestPaused":
            self._send("Fetch.continueRequest", {"requestId": params["requestId"]})
        elif message["method"] == "Fetch.authRequired":
            self._prompt(params)
        elif message["method"] == "Page.loadEventFired":
            self.loads += 1
        elif message["method"] == "Page.lifecycleEvent" and params["name"] == "load":
            self.loaded.add(params["loaderId"])
        elif message["method"] == "Network.loadingFailed":
            self.failures.append(params.get("errorText"))

    def _prompt(self, params):
        self.prompts.append(params["authChallenge"]["origin"])
        answer = {"response": "CancelAuth"}
        if self.credentials and len(self.prompts) < 20:
            answer = {"response": "ProvideCredentials", "username": self.credentials[0],
                      "password": self.credentials[1]}
        self._send("Fetch.continueWithAuth",
                   {"requestId": params["requestId"], "authChallengeResponse": answer})

    def open(self, url, timeout=60):
        """Load a page with everything on it; what another page still loads does not count."""
        before = self.loads
        went = self.call("Page.navigate", timeout, url=url)
        if "loaderId" not in went or "errorText" in went:
            self._until_loaded(before, timeout)
            return
        end = time.monotonic() + timeout
        while went["loaderId"] not in self.loaded:
            self._read(end)

    def _until_loaded(self, before, timeout):
        end = time.monotonic() + timeout
        while self.loads == before:
            self._read(end)

    def listen(self, seconds):
        """Let the browser go on for a while, whatever it does."""
        end = time.monotonic() + seconds
        while select.select([self.inp], [], [], max(0, end - time.monotonic()))[0]:
            self._read(end + 1)

    def click(self, selector, timeout=60):
        """Follow a link as a person does."""
        before = self.loads
        self.run("document.querySelector(%s).click()" % json.dumps(selector))
        self._until_loaded(before, timeout)

    def run(self, script, **options):
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, **options)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def close(self):
        try:
            self.session = None
            self._send("Browser.close", {})
            self.process.wait(5)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.out)
        os.close(self.inp)
        shutil.rmtree(self.profile, ignore_errors=True)
