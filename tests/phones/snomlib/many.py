"""Many phones in one process: the same pages, accounts and settings as one phone of its own, served
by one event loop. Each phone has a loopback address (127.x.y.z), the ports are the same for all, and
so is the certificate unless asked otherwise. No faults and no slow manners here: what is measured
with it is the other side."""

import asyncio
import resource
import socket
import ssl
import time

from . import certificate, server, wire

FIRST = (127, 20, 0, 1)     # the address of the first phone


class LightPhone(server.Phone):
    """A phone without threads; `reply` is its whole life."""

    def __init__(self, number, directory, shared, model, firmware, initial):
        self.number = number
        super().__init__(directory, model, "000413%06X" % number, firmware, initial, shared)
        self.address = address_of(number)
        self.ports = {}
        self.open_now = self.peak = 0   # connections at one time

    def _context(self):
        return None             # the fleet has one for all

    def authority(self):
        return "%s:%d" % (self.address, self.ports["https"])

    def _open_or_close(self, kind, is_open):
        pass                    # connections are refused by closing them

    def serves(self, kind):
        if time.monotonic() < self.booting_until:
            return False
        served = self.settings.boot["webserver_type"]
        if kind == "https":
            return served in ("https", "http_https")
        return served in ("http", "http_https") or (
            served == "https" and self.switches["plain_answer"] in ("307", "403"))

    def reply(self, kind, req, conn):
        """(octets, goes on, what to do once they are out)"""
        self.counters.add("requests")
        entry = {}
        answer = self._answer(kind, conn, req, entry)
        keep, framing = self._manners(kind, req, answer)
        if answer.silent:
            return b"", False, answer.after
        head = self._head(answer, keep, framing)
        body = b"" if req.method == "HEAD" else answer.body
        return head + (wire.chunked(body) if framing == "chunked" and body else body), keep, \
            answer.after


class Conn:
    """What authentication wants to know of a connection."""

    def __init__(self, number):
        self.number = number


def address_of(number):
    value = (FIRST[1] << 16 | FIRST[2] << 8 | FIRST[3]) + number
    return "127.%d.%d.%d" % (value >> 16 & 255, value >> 8 & 255, value & 255)


async def _request(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    req = wire.parse_head(head[:-4])
    length = req.header("content-length")
    if length is not None:
        if not length.isdigit() or int(length) > 1 << 20:
            raise wire.BadRequest("content-length")
        req.body = await reader.readexactly(int(length))
        req.body_len = len(req.body)
    return req


class Fleet:
    """So many phones; `shape(number)` says what settings each one begins with."""

    def __init__(self, count, directory, shape=None, model="D785", firmware=(10, 1, 175, 16)):
        self.cert, self.key = certificate.make(directory, "fleet", 0)
        self.tls = certificate.context(self.cert, self.key)
        self.tls.options |= ssl.OP_NO_RENEGOTIATION
        shape = shape or (lambda number: {})
        self.phones = [LightPhone(n, directory, (self.cert, self.key), model, firmware, shape(n))
                       for n in range(count)]
        self.servers = []
        self.next_conn = 0
        self.handshakes = 0

    async def _serve(self, phone, kind, reader, writer):
        self.next_conn += 1
        conn = Conn(self.next_conn)
        self.handshakes += kind == "https"
        phone.open_now += 1
        phone.peak = max(phone.peak, phone.open_now)
        try:
            goes_on = phone.serves(kind)
            while goes_on:
                req = await asyncio.wait_for(_request(reader), 60)
                octets, goes_on, after = phone.reply(kind, req, conn)
                writer.write(octets)
                await writer.drain()
                if after:
                    after()
        except (OSError, ValueError, wire.BadRequest, asyncio.IncompleteReadError,
                asyncio.LimitOverrunError, asyncio.TimeoutError):
            pass
        finally:
            phone.open_now -= 1
            writer.close()

    def _socket(self, phone, port):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((phone.address, port))
        return sock

    async def _listen(self, phone, kind, port):
        def handler(reader, writer):
            return self._serve(phone, kind, reader, writer)
        sock = self._socket(phone, port)
        phone.ports[kind] = sock.getsockname()[1]
        self.servers.append(await asyncio.start_server(
            handler, sock=sock, ssl=self.tls if kind == "https" else None, backlog=32))
        return phone.ports[kind]

    async def start(self, https_port=0, http_port=None):
        """The same ports for all; 0 takes one that is free at the first address."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 8 * len(self.phones) + 1024
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
        for phone in self.phones:
            https_port = await self._listen(phone, "https", https_port)
            if http_port is not None and phone.settings["webserver_type"] != "off":
                http_port = await self._listen(phone, "http", http_port)
        return {"port": https_port, "http_port": http_port}

    def describe(self, ports):
        return dict(ports, count=len(self.phones), first=self.phones[0].address,
                    last=self.phones[-1].address, pin=certificate.pin(self.cert), cert=self.cert)

    def counters(self):
        """Sums over all phones, and the most that one phone had of what may lock it."""
        all_of_them = [phone.counters.numbers for phone in self.phones]
        sums = {name: sum(numbers[name] for numbers in all_of_them) for name in all_of_them[0]}
        sums["most_failed_logins"] = max(numbers["failed_logins"] for numbers in all_of_them)
        sums["peak_connections"] = max(phone.peak for phone in self.phones)
        sums["handshakes"] = self.handshakes
        return sums
