"""make demo on free ports: the five lines it prints, and that nothing is left of it."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys

import pytest

import gate as gate_module

DEMO = gate_module.ROOT / "deploy" / "demo.py"


def start(port, http_port):
    env = dict(os.environ, PORT=str(port), HTTP_PORT=str(http_port), PHONEGATE=gate_module.program())
    return subprocess.Popen([sys.executable, str(DEMO)], env=env, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, start_new_session=True)


def read_until(process, marker):
    lines = []
    for line in process.stdout:
        lines.append(line)
        if marker in line:
            return "".join(lines)
    pytest.fail("the demo ended: " + process.stderr.read())


def children(pid):
    return pathlib.Path("/proc/%d/task/%d/children" % (pid, pid)).read_text().split()


def test_the_five_lines_do_what_they_say():
    demo = start(gate_module.free_port(), gate_module.free_port())
    try:
        text = read_until(demo, "curl -sS -w '\\n%{http_code}\\n' http://")
        wanted = [int(n) for n in re.findall(r"^# .*: (\d{3})$", text, re.M)]
        lines = re.findall(r"^curl .*$", text, re.M)
        assert wanted == [401, 200, 403, 200, 403] and len(lines) == 5
        for line, status in zip(lines, wanted):
            done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=20)
            assert done.stdout.splitlines()[-1] == str(status), (line, done.stdout, done.stderr)
        directory = pathlib.Path(re.search(r"(\S+)/access\.log", text)[1])
        assert directory.is_dir()
        pids = children(demo.pid)
        assert len(pids) == 4           # three phones and the gate
        os.killpg(demo.pid, signal.SIGINT)      # Ctrl-C
        assert demo.wait(15) == 0, demo.stderr.read()
        assert not directory.exists()
        assert not [p for p in pids if pathlib.Path("/proc/" + p).exists()]
    finally:
        if demo.poll() is None:
            os.killpg(demo.pid, signal.SIGKILL)
        demo.communicate()


@pytest.mark.parametrize("which", ["PORT", "HTTP_PORT"])
def test_a_taken_port_is_said_clearly(which):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        ports = {"PORT": gate_module.free_port(), "HTTP_PORT": gate_module.free_port(), which: port}
        demo = start(ports["PORT"], ports["HTTP_PORT"])
        text = demo.communicate(timeout=60)[1]
    assert demo.returncode == 1 and "port %d" % port in text and which + "=" in text
    assert "Traceback" not in text
