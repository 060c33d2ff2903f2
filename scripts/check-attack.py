"""Attacks a `cliplet serve` that it starts on loopback, and kills `cliplet batch`: nothing that is sent may take the
service down, hold it up, or make it lose a row. Prints a table of figures; exits with 1 where one is over its bound.

    check-attack.py CLIPLET [NAME]      the command, and a part of an attack's name to run it alone
"""

import base64
import concurrent.futures
import contextlib
import filecmp
import json
import multiprocessing
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from queue import Empty

import attack_inputs as inputs
from server_process import Server

ROOT = pathlib.Path(__file__).resolve().parents[1]
TEXT = json.dumps({"input": "a cat"}).encode()
RED = inputs.bitmap(225, 20, 20)
HEAD = "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
# A probe answers within this, in milliseconds. The attacks keep every core busy, and so does this script.
PROBE_BOUND = float(os.environ.get("PROBE_MS", "100"))

rows: list[tuple[str, str, str, bool]] = []


def figure(attack: str, name: str, value: float, bound: float, unit: str = ""):
    """Notes a figure, which must not be over its bound."""
    passed = value <= bound
    rows.append((attack, name, f"{value:.0f} of {bound:.0f} {unit}".strip(), passed))
    print(f"  {'ok  ' if passed else 'FAIL'} {attack}: {name} {rows[-1][2]}", flush=True)


def holds(attack: str, name: str, value, wanted):
    """Notes something that must be so."""
    rows.append((attack, name, f"{value}", value == wanted))
    print(f"  {'ok  ' if value == wanted else 'FAIL'} {attack}: {name}: {value}", flush=True)


def probe_until(done, times, server: Server):
    """Probes the server ten times a second until the event `done`, then puts the milliseconds into the queue `times`."""
    measured = []
    while not done.wait(0.1):
        measured.append(server.probe())
    times.put(measured)


@contextlib.contextmanager
def probing(server: Server, times: list[float]):
    """Probes the server ten times a second meanwhile, from a process of its own: attacks keep this one busy."""
    fork = multiprocessing.get_context("fork")
    done, queue = fork.Event(), fork.Queue()
    process = fork.Process(target=probe_until, args=(done, queue, server), daemon=True)
    process.start()
    try:
        yield
    finally:
        done.set()
        try:
            times += queue.get(timeout=60)
        except Empty:
            times.append(float("inf"))
        process.join()


def percentile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(share * len(times)))] if times else float("inf")


def image_bombs(cliplet: str):
    """Headers and chunks that claim what the file does not hold."""
    for name, image in [
        ("WebP, EXIF of 4 GB", inputs.webp_with_exif_claim()),
        ("WebP, 16383 x 3051", inputs.webp_header(16383, 3051)),
        ("PNG, 50000 x 1000", inputs.png_header(50000, 1000)),
        ("GIF, 7000 x 7000", inputs.gif(7000, 7000, 400)),
        ("GIF, 12000 x 12000", inputs.gif(12000, 12000, 400)),
    ]:
        with Server(cliplet) as server:
            server.post("/score", inputs.frame(RED))
            before = server.memory()
            status, _ = server.post("/score", inputs.frame(image))
            figure("image bombs", f"{name}: status {status}; memory", server.memory("VmHWM") - before, 420, "MB")
            holds("image bombs", f"{name}: an image afterwards", server.post("/score", inputs.frame(RED))[0], 200)


def scan_bombs(cliplet: str):
    """A JPEG with hundreds of scans: its work is bounded, and ends when its client leaves."""
    bomb = inputs.frame(inputs.scan_bomb(6000, 6000, 1400))
    with Server(cliplet, "--timeout", "5") as server:
        before = server.processor_seconds()
        times: list[float] = []
        with probing(server, times):
            status, _ = server.post("/score", bomb)
        holds("scan bombs", "refused or timed out", status in (422, 504), True)
        time.sleep(1)
        figure("scan bombs", "processor time", server.processor_seconds() - before, 8, "s")
        figure("scan bombs", "slowest probe", max(times, default=0), PROBE_BOUND, "ms")
    for name, options in [("timeout", ("--timeout", "1")), ("disconnect", ())]:
        with Server(cliplet, *options) as server:
            connections = [server.connect() for _ in range(4)]
            for connection in connections:
                connection.request("POST", "/score", bomb, {"Content-Type": "application/json"})
            time.sleep(0.3 if name == "disconnect" else 1.5)
            for connection in connections:
                connection.close()
            time.sleep(1)
            before = server.processor_seconds()
            time.sleep(1)
            figure("scan bombs", f"processor time in the second after a {name}", 1e3 * (server.processor_seconds() - before), 200, "ms")


def labels(cliplet: str):
    """Bodies of 15 MB of labels, which no thread that answers probes may parse."""
    many = inputs.frame(RED, ",".join(["a"] * 7_000_000))
    texts = json.dumps({"input": ["a"] * 3_000_000}).encode()
    with Server(cliplet) as server, concurrent.futures.ThreadPoolExecutor(8) as pool:
        times: list[float] = []
        with probing(server, times):
            asked = [pool.submit(server.post, path, body) for path, body in
                     [("/score", many), ("/v1/embeddings", texts)] * 4]
            statuses = {asked.result()[0] for asked in asked}
        holds("labels", "refused", statuses, {422})
        figure("labels", "slowest probe", max(times, default=0), PROBE_BOUND, "ms")


def no_bodies(cliplet: str):
    """Requests whose bodies do not come: they take no place of others, and are ended."""
    with Server(cliplet) as server:
        waiting = [server.socket("127.0.0.2") for _ in range(300)]
        for stream in waiting:
            stream.sendall(HEAD.encode() + b"{")
        time.sleep(0.5)
        statuses = [server.post("/v1/embeddings", TEXT)[0] for _ in range(20)]
        holds("no bodies", "polite requests of 20 that are answered", statuses.count(200), 20)
        start = time.monotonic()
        first = waiting[0].recv(12)
        holds("no bodies", "their answer", first, b"HTTP/1.1 408")
        figure("no bodies", "ended after", time.monotonic() - start, 12, "s")
        for stream in waiting:
            stream.close()


def idle_connections(cliplet: str):
    """More connections than there may be, all idle."""
    with Server(cliplet) as server:
        idle = [server.socket(source) for source in ["127.0.0.2", "127.0.0.1"] for _ in range(700)]
        times = [server.probe() for _ in range(50)]
        figure("idle connections", "slowest probe of 50", max(times), PROBE_BOUND, "ms")
        holds("idle connections", "a polite request", server.post("/v1/embeddings", TEXT, source="127.0.0.3")[0], 200)
        for stream in idle:
            stream.close()
        idle = [server.socket("127.0.0.2") for _ in range(1100)]
        for stream in idle:
            stream.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Half")
        times = [server.probe() for _ in range(50)]
        figure("idle connections", "slowest probe of 50, half headers", max(times), PROBE_BOUND, "ms")
        start = time.monotonic()
        closed = idle[-1].recv(1)
        holds("idle connections", "a half header ends", closed, b"")
        figure("idle connections", "after", time.monotonic() - start, 12, "s")
        for stream in idle:
            stream.close()


def flood(cliplet: str):
    """Twenty connections that send images without a pause, beside one polite client."""
    images = [[base64.b64encode(inputs.bitmap(i, 20, 20, 300)).decode(), ""] for i in range(24)]
    body = json.dumps({"input_data": {"columns": ["image", "text"], "data": images}}).encode()
    with Server(cliplet) as server:
        stop = threading.Event()

        def attack():
            connection = server.connect("127.0.0.2")
            while not stop.is_set():
                connection.request("POST", "/score", body, {"Content-Type": "application/json"})
                connection.getresponse().read()
            connection.close()

        attackers = [threading.Thread(target=attack) for _ in range(20)]
        for attacker in attackers:
            attacker.start()
        time.sleep(1)
        times: list[float] = []
        answers = []
        with probing(server, times):
            for _ in range(20):
                start = time.monotonic()
                status, _ = server.post("/score", inputs.frame(RED))
                answers.append((status, 1e3 * (time.monotonic() - start)))
        stop.set()
        for attacker in attackers:
            attacker.join()
        holds("flood", "polite requests of 20 that are answered", [status for status, _ in answers].count(200), 20)
        figure("flood", "slowest polite request", max(took for _, took in answers), 5000, "ms")
        figure("flood", "probes, 99 of 100", percentile(times, 0.99), PROBE_BOUND, "ms")


def pages(cliplet: str):
    """Requests that a web page can make without asking, and names that resolve here."""
    with Server(cliplet) as server:
        infer = "/v2/models/cliplet-everyday/infer"
        for path in ["/score", "/v1/embeddings", infer]:
            holds("pages", f"{path} without a content type", server.ask("POST", path, b"{}")[0], 415)
            holds("pages", f"{path} as text", server.ask("POST", path, b"{}", Content_Type="text/plain")[0], 415)
            holds("pages", f"{path} of another origin",
                  server.ask("POST", path, b"{}", Content_Type="application/json", Origin="https://evil.example")[0], 403)
        for path in ["/", "/score", "/healthz", "/metrics", "/openapi.json"]:
            holds("pages", f"{path} by another host", server.ask("GET", path, Host="evil.example")[0], 421)
        headers = server.connect()
        headers.request("GET", "/")
        holds("pages", "may be framed by", headers.getresponse().getheader("content-security-policy"), "frame-ancestors 'self'")


def log(cliplet: str):
    """A log on a full disk, and one that nobody reads."""
    with open("/dev/full", "w") as full, Server(cliplet, log=full) as server:
        statuses = [server.post("/v1/embeddings", TEXT)[0] for _ in range(20)]
        holds("log", "answers of 20 with a full disk", statuses.count(200), 20)
        holds("log", "exit code with a full disk", server.stop(), 0)
    with Server(cliplet, log=subprocess.PIPE, env={"RUST_LOG": "debug"}) as server:
        slowest = max(server.probe() for _ in range(2000))
        figure("log", "slowest of 2,000 probes with a pipe that nobody reads", slowest, 1000, "ms")
        holds("log", "exit code with that pipe", server.stop(), 0)


def descriptors(cliplet: str):
    """Fewer file descriptors than connections."""

    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    with Server(cliplet, before=few) as server:
        flood = [server.socket() for _ in range(200)]
        time.sleep(1)
        times = [server.probe() for _ in range(5)]
        figure("descriptors", "slowest probe of 5 while they are out", max(times), 15_000, "ms")
        for stream in flood:
            stream.close()
        holds("descriptors", "a request afterwards", server.post("/v1/embeddings", TEXT)[0], 200)


def slow_answers(cliplet: str):
    """Clients that do not take their answers."""
    body = json.dumps({"input": ["a cat"] * 256}).encode()
    with Server(cliplet) as server:
        before = server.memory()
        head = HEAD.replace("100", str(len(body))).encode()
        lazy = [server.socket("127.0.0.2") for _ in range(64)]
        for stream in lazy:
            stream.sendall(head + body)
        time.sleep(3)
        holds("slow answers", "a polite request", server.post("/v1/embeddings", TEXT)[0], 200)
        figure("slow answers", "memory", server.memory("VmHWM") - before, 900, "MB")
        for stream in lazy:
            stream.close()


def batch_job(folder: pathlib.Path) -> list[str]:
    """Options of a `cliplet batch` over a few hundred rows, its output left out."""
    for i in range(8):
        (folder / f"{i}.bmp").write_bytes(inputs.bitmap(25 * i, 20, 225 - 25 * i, 200))
    table = "".join(f"{i},{i % 9}.bmp\n" for i in range(600))
    (folder / "rows.csv").write_text("id,image\n" + table)
    return ["batch", str(folder / "rows.csv"), "--root", str(folder), "--batch-size", "4"]


def kill_and_resume(cliplet: str):
    """A batch that is killed at twenty random points gives the same output."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        job = batch_job(folder)
        start = time.monotonic()
        subprocess.run([cliplet, *job, "-o", folder / "whole.jsonl"], stderr=subprocess.DEVNULL, check=False)
        took = time.monotonic() - start
        kills = 0
        for seed in range(20):
            output = folder / f"killed{seed}.jsonl"
            chance = random.Random(seed)
            while not output.exists():
                running = subprocess.Popen([cliplet, *job, "-o", output], stderr=subprocess.DEVNULL)
                # The first time at any point of the run, then to its end.
                wait = chance.uniform(0, took) if not output.with_name(output.name + ".partial").exists() else None
                try:
                    running.wait(wait)
                except subprocess.TimeoutExpired:
                    running.kill()
                    running.wait()
                    kills += 1
            same = filecmp.cmp(folder / "whole.jsonl", output, shallow=False)
            if not same:
                holds("kill and resume", f"output of seed {seed} as of a whole run", same, True)
        holds("kill and resume", "outputs that differ after kills", sum(1 for row in rows if row[0] == "kill and resume" and not row[3]), 0)
        holds("kill and resume", f"{kills} kills; some", kills > 0, True)


def disk_full(cliplet: str):
    """A batch whose disk is full fails, keeps what it has, and goes on when there is space."""

    def little():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        job = batch_job(folder)
        subprocess.run([cliplet, *job, "-o", folder / "whole.jsonl"], stderr=subprocess.DEVNULL, check=False)
        output = folder / "short.jsonl"
        full = subprocess.run([cliplet, *job, "-o", output], preexec_fn=little, capture_output=True, text=True, check=False)
        holds("disk full", "exit code", full.returncode, 1)
        holds("disk full", "panics", "panicked" in full.stderr, False)
        holds("disk full", "an output that is not whole", output.exists(), False)
        subprocess.run([cliplet, *job, "-o", output], stderr=subprocess.DEVNULL, check=False)
        holds("disk full", "output as of a whole run", filecmp.cmp(folder / "whole.jsonl", output, shallow=False), True)


ATTACKS = [image_bombs, scan_bombs, labels, no_bodies, idle_connections, flood, pages, log, descriptors, slow_answers,
           kill_and_resume, disk_full]


def main(cliplet: str, part: str = "") -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else max(soft, 8192), hard))
    for attack in ATTACKS:
        if part not in attack.__name__:
            continue
        print(f"{attack.__name__}: {attack.__doc__}", flush=True)
        try:
            attack(cliplet)
        except Exception as error:  # An attack that worked often shows as a request that failed.
            holds(attack.__name__, f"failed: {type(error).__name__}: {error}", False, True)
    print("\n| attack | figure | value of bound | |\n|---|---|---|---|")
    for attack, name, value, passed in rows:
        print(f"| {attack} | {name} | {value} | {'ok' if passed else '**FAIL**'} |")
    failed = sum(1 for row in rows if not row[3])
    print(f"\n{len(rows) - failed} of {len(rows)} hold")
    return 1 if failed or not rows else 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main(os.path.abspath(sys.argv[1]), *sys.argv[2:3]))
