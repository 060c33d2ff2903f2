"""Mixed load on a `cliplet serve` for minutes, with clients that disconnect. Every answer is compared with the one that
was given before the load; afterwards memory and descriptors must be what they were once the caches were full.

    soak.py CLIPLET MINUTES
"""

import json
import os
import random
import sys
import threading
import time

import attack_inputs as inputs
from server_process import Server

WORKERS = 12
# Labels for sets that are new each time: their cache must not grow without end.
WORDS = [f"word {i}" for i in range(500)]
# As many as the first fifth of a run asks for: the cache of label sets takes 256 MB before it lets old ones go.
LABEL_SETS = [random.Random(seed).sample(WORDS, 20) for seed in range(300)]


def requests() -> list[tuple[str, bytes]]:
    """Requests of every kind whose answers are known, good ones and bad ones."""
    images = [inputs.bitmap(40 * i, 20, 225 - 40 * i, 64) for i in range(5)]
    scores = [inputs.frame(image, "red circle, blue square, a cat") for image in images]
    embeds = [inputs.frame(image) for image in images]
    texts = [json.dumps({"input": [f"a {word}", "a cat"]}).encode() for word in ("dog", "bird", "house")]
    tensor = {"name": "text", "datatype": "BYTES", "shape": [2], "data": ["a red circle", "a cat"]}
    infer = json.dumps({"inputs": [tensor]}).encode()
    bad = [inputs.frame(inputs.webp_with_exif_claim()), inputs.frame(b"Dear sir or madam"), b"{", inputs.frame(inputs.png_header(9000, 9000))]
    return ([("/score", body) for body in scores + embeds + bad] + [("/v1/embeddings", body) for body in texts] +
            [("/v2/models/cliplet-everyday/infer", infer)])


def close(got, wanted) -> bool:
    """Compares two answers; numbers may differ by the rounding that another batch brings."""
    if isinstance(wanted, float) and isinstance(got, (int, float)):
        return abs(got - wanted) <= 1e-3 + 1e-3 * abs(wanted)
    if isinstance(wanted, list):
        return isinstance(got, list) and len(got) == len(wanted) and all(map(close, got, wanted))
    if isinstance(wanted, dict):
        return isinstance(got, dict) and got.keys() == wanted.keys() and all(close(got[key], wanted[key]) for key in wanted)
    return got == wanted or (isinstance(wanted, int) and isinstance(got, float) and abs(got - wanted) < 1e-3)


class Load:
    """The load of several threads, and its counts."""

    def __init__(self, server: Server):
        self.server = server
        self.expected = [(path, body, self.answer(path, body)) for path, body in requests()]
        self.lock = threading.Lock()
        self.answered = self.wrong = self.left = self.busy = 0

    def answer(self, path: str, body: bytes):
        status, text = self.server.post(path, body)
        return status, json.loads(text)

    def run(self, seconds: float):
        end = time.monotonic() + seconds
        threads = [threading.Thread(target=self.work, args=(i, end)) for i in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def work(self, seed: int, end: float):
        chance = random.Random(seed + time.monotonic_ns())
        while time.monotonic() < end:
            path, body, wanted = chance.choice(self.expected)
            if chance.random() < 0.1:
                self.leave(path, body, chance)
                continue
            if chance.random() < 0.1:
                labels = ", ".join(chance.choice(LABEL_SETS))
                body, wanted = inputs.frame(inputs.bitmap(9, 9, 9), labels), None
                path = "/score"
            status, answer = self.answer(path, body)
            with self.lock:
                self.answered += 1
                if status == 429:
                    self.busy += 1
                elif (status != 200) if wanted is None else not (status == wanted[0] and close(answer, wanted[1])):
                    self.wrong += 1
                    print(f"wrong: {path} {body[:80]} gives {status} {str(answer)[:200]}", flush=True)

    def leave(self, path: str, body: bytes, chance: random.Random):
        """Sends a request, whole or not, and goes away."""
        stream = self.server.socket()
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        whole = head.encode() + body
        stream.sendall(whole[: chance.randrange(1, len(whole) + 1)])
        time.sleep(chance.uniform(0, 0.05))
        stream.close()
        with self.lock:
            self.left += 1


def settled(server: Server) -> tuple[float, int]:
    """Memory in MB and descriptors once the load has ended."""
    time.sleep(12)
    return server.memory(), server.descriptors()


def main(cliplet: str, minutes: float) -> int:
    with Server(cliplet) as server:
        load = Load(server)
        # The caches fill in the first fifth.
        load.run(12 * minutes)
        memory, descriptors = settled(server)
        print(f"warm: {memory:.0f} MB, {descriptors} descriptors", flush=True)
        load.run(48 * minutes)
        memory_after, descriptors_after = settled(server)
        print(f"after: {memory_after:.0f} MB, {descriptors_after} descriptors")
        print(f"{load.answered} answers, {load.wrong} wrong, {load.busy} told to come back, {load.left} disconnects")
        code = server.stop()
        grown = memory_after > 1.1 * memory + 32
        failed = [name for name, is_so in [
            ("answers were wrong", load.wrong > 0), ("there was no load", load.answered == 0),
            ("memory grew", grown), ("descriptors were left open", descriptors_after > descriptors),
            (f"it exited with {code}", code != 0)] if is_so]
        print("failed: " + ", ".join(failed) if failed else "flat, and every answer right")
        return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1]), float(sys.argv[2])))
