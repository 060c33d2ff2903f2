"""A `cliplet serve` on loopback, requests to it, and the figures of its process."""

import http.client
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """A running server; leaving the `with` block ends it."""

    def __init__(self, cliplet: str, *options: str, log=subprocess.DEVNULL, env=None, before=None):
        self.process = subprocess.Popen(
            [cliplet, "serve", "--port", "0", *options], stdout=subprocess.PIPE, stderr=log, text=True,
            env={**os.environ, **(env or {})}, preexec_fn=before)
        line = self.process.stdout.readline()
        found = re.search(r"http://([^/:]+):(\d+)/", line)
        assert found, f"the server said {line!r}"
        self.host, self.port = found[1], int(found[2])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self, seconds: float = 90) -> int:
        """Asks it to stop, as a service manager does; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def connect(self, source: str = "127.0.0.1", timeout: float = 60) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout, source_address=(source, 0))

    def socket(self, source: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection((self.host, self.port), 60, source_address=(source, 0))

    def ask(self, method: str, path: str, body: bytes | None = None, source: str = "127.0.0.1",
            timeout: float = 120, **headers: str) -> tuple[int, bytes]:
        """One request on a connection of its own; returns the status and the body."""
        connection = self.connect(source, timeout)
        try:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, given)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def post(self, path: str, body: bytes, **options) -> tuple[int, bytes]:
        return self.ask("POST", path, body, Content_Type="application/json", **options)

    def probe(self, path: str = "/healthz") -> float:
        """Milliseconds that a probe takes, its connection included."""
        start = time.monotonic()
        status, _ = self.ask("GET", path, timeout=30)
        assert status == 200, f"{path} answers {status}"
        return 1e3 * (time.monotonic() - start)

    def memory(self, field: str = "VmRSS") -> float:
        """MB of memory in use, or at most so far (`VmHWM`)."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{field}:\s+(\d+) kB", status)[1]) / 1024

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def processor_seconds(self) -> float:
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS
