"""A phone without TLS or login that offers SIZE octets to whoever asks, as fast as they are taken, and takes bodies
at RATE octets a second: bigphone.py SIZE RATE. Prints its port; ends with its standard input."""

import re
import socket
import sys
import threading
import time

PIECE = bytes(range(256)) * 256
LENGTH = re.compile(rb"\r\ncontent-length: ([0-9]+)\r\n", re.I)


def read_head(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(4096)
        if not piece:
            return None, b""
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    return head + b"\r\n", rest


def give(sock, size):
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % size)
    while size > 0:
        sock.sendall(PIECE[:min(size, len(PIECE))])
        size -= min(size, len(PIECE))


def take(sock, left, rate):
    while left > 0:
        piece = sock.recv(min(left, rate // 20))
        if not piece:
            raise OSError
        left -= len(piece)
        time.sleep(len(piece) / rate)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def serve(sock, size, rate):
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        while True:
            head, rest = read_head(sock)
            if head is None:
                break
            length = LENGTH.search(head)
            if head.startswith(b"GET /trace.pcap"):
                give(sock, size)
            else:
                take(sock, (int(length[1]) if length else 0) - len(rest), rate)
    except OSError:
        pass
    sock.close()


def main():
    size, rate = int(sys.argv[1]), int(sys.argv[2])
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    print(listener.getsockname()[1], flush=True)

    def accept():
        while True:
            sock = listener.accept()[0]
            threading.Thread(target=serve, args=(sock, size, rate), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
