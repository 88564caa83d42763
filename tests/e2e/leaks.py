"""What a gate holds while nobody asks anything: numbers that go back to where they were."""

import os
import time

from gate import wait_for


def descriptors(gate):
    return len(os.listdir("/proc/%d/fd" % gate.process.pid))


class Rest:
    """The gate at rest. Made when it has just started; `check` waits until it is there again."""

    def __init__(self, gate):
        self.gate = gate
        wait_for(lambda: self._connections() == 0, 5, "no connection yet")
        phones = self._phones()
        self.descriptors = self._lowest() - phones

    def _connections(self):
        # The one that asks is a connection, too.
        return self.gate.metrics()["connections"] - 1

    def _lowest(self):
        """The connection that asked last may not be closed yet."""
        seen = []
        for _ in range(5):
            time.sleep(0.02)
            seen.append(descriptors(self.gate))
        return min(seen)

    def _phones(self):
        return self.gate.metrics()["phone_connections"]

    def _busy(self):
        """What is not as it was; empty: nothing."""
        numbers = self.gate.metrics()
        held = {name: numbers[name] for name in ("phone_requests_in_flight",
                                                 "phone_requests_waiting") if numbers[name]}
        if self._connections():
            held["connections"] = self._connections()
        # An idle connection to a phone is kept for the next person, and holds one descriptor.
        phones = self._phones()
        now = descriptors(self.gate) - phones
        if now > self.descriptors:
            held["descriptors"] = now - self.descriptors
        return held

    def check(self):
        """All people have gone."""
        try:
            wait_for(lambda: not self._busy(), 5)
        except AssertionError:
            raise AssertionError("the gate still holds %r" % self._busy()) from None
