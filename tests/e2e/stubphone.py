"""A phone that says "ok" to everything at once, without TLS or login: for tests of the gate's other
side. Prints its port; ends with its standard input."""

import asyncio
import re
import sys

LENGTH = re.compile(rb"\r\ncontent-length: ([0-9]+)\r\n", re.I)


class Stub(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.buffer = b""

    def data_received(self, data):
        self.buffer += data
        while True:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            length = LENGTH.search(head + b"\r\n")
            size = int(length[1]) if length else 0
            if not end or len(rest) < size:
                return
            self.buffer = rest[size:]
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" +
                                 (b"" if head.startswith(b"HEAD ") else b"ok"))


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Stub, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
