"""Connections that are only held, from many addresses: a process of its own, so that who measures is not disturbed.

holder.py PORT COUNT ADDRESSES [silent]: opens COUNT connections from that many addresses below 127.1.0.0, says
"held N" and holds them until its standard input ends; then says how many the gate had closed."""

import resource
import socket
import ssl
import sys


def address(number):
    return "127.1.%d.%d" % (number // 250, number % 250 + 1)


def connect(port, source, ctx, session):
    sock = socket.socket()
    sock.settimeout(20)
    sock.bind((source, 0))
    sock.connect(("127.0.0.1", port))
    if ctx is None:
        return sock
    return ctx.wrap_socket(sock, server_hostname="gate.localhost", session=session)


def first_session(port, ctx):
    """A ticket makes the other handshakes cheap for both sides."""
    with connect(port, address(0), ctx, None) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: gate.localhost\r\nConnection: close\r\n\r\n")
        while sock.recv(65536):
            pass
        return sock.session


def main():
    port, count, addresses = (int(word) for word in sys.argv[1:4])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ctx = session = None
    if "silent" not in sys.argv:
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
        session = first_session(port, ctx)
    held = []
    for i in range(count):
        try:
            held.append(connect(port, address(i % addresses), ctx, session))
        except OSError:
            pass
    print("held %d" % len(held), flush=True)
    sys.stdin.read()
    closed = 0
    for sock in held:
        sock.setblocking(False)
        try:
            while True:
                if not sock.recv(4096):
                    closed += 1
                    break
        except (ssl.SSLWantReadError, BlockingIOError):
            pass
        except OSError:
            closed += 1
    print("closed %d" % closed, flush=True)


if __name__ == "__main__":
    main()
