"""What happened at the phone, for tests to assert on."""

import threading
import time


class Counters:
    KEEP = 400

    def __init__(self):
        self.lock = threading.Lock()
        self.clear()

    def clear(self):
        with self.lock:
            self.open_now = getattr(self, "open_now", 0)
            self.numbers = dict.fromkeys((
                "requests", "unauthorized", "failed_logins", "stale", "locked_out", "garbled",
                "handshakes_full", "handshakes_resumed", "handshakes_failed", "connections",
                "plain_requests", "bad_requests", "reboots", "refused_connections", "remote"), 0)
            self.peak_open = self.open_now
            self.in_flight = set()
            self.peak_in_flight = 0
            self.last = []
            self.notes = []

    def add(self, name, by=1):
        with self.lock:
            self.numbers[name] += by

    def opened(self):
        with self.lock:
            self.numbers["connections"] += 1
            self.open_now += 1
            self.peak_open = max(self.peak_open, self.open_now)

    def closed(self):
        with self.lock:
            self.open_now -= 1

    def enter(self, ticket):
        """A request begins. Others in flight are garbled with it: the phone's own fault."""
        with self.lock:
            self.numbers["requests"] += 1
            if self.in_flight:
                ticket["garbled"] = True
                for other in self.in_flight:
                    other.fields["garbled"] = True
            self.in_flight.add(ticket)
            self.peak_in_flight = max(self.peak_in_flight, len(self.in_flight))

    def leave(self, ticket):
        with self.lock:
            self.in_flight.discard(ticket)

    def remember(self, entry):
        with self.lock:
            self.last.append(entry)
            del self.last[:-self.KEEP]

    def note(self, kind, text):
        with self.lock:
            self.notes.append({"at": time.time(), "kind": kind, "text": text})

    def snapshot(self):
        with self.lock:
            return dict(self.numbers, open_now=self.open_now, peak_open=self.peak_open,
                        in_flight=len(self.in_flight), peak_in_flight=self.peak_in_flight,
                        last=[dict(e) for e in self.last], notes=list(self.notes))


class Ticket:
    """One request in flight; hashable by identity."""

    def __init__(self):
        self.fields = {"garbled": False}

    def __setitem__(self, name, value):
        self.fields[name] = value

    def __getitem__(self, name):
        return self.fields[name]
