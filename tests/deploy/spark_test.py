"""The Spark example on a cluster of three workers, each a process, one of which is killed midway.

CLIPLET names the binary. Every row must be answered once, with the figures that the binary gives alone.
"""

import base64
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy" / "spark"))

import pyspark
from pyspark.sql import SparkSession

import cliplet_spark

CLIPLET = os.environ["CLIPLET"]
ROWS, PARTITIONS = 144, 12
OPTIONS = ["--labels", "red square, blue square, cat"]
COMMAND = [CLIPLET, "batch", *OPTIONS]


def png(colour, side=48):
    """A picture of one colour, as base64."""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = (b"\0" + bytes(colour) * side) * side
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return base64.b64encode(file).decode()


def rows():
    """Rows of which every twentieth is no picture."""
    for i in range(ROWS):
        yield f"row {i}", png((i * 53 % 256, i * 97 % 256, i * 29 % 256)) if i % 20 else "no/such/file.png"


def executors():
    """Process ids of the executors: the Java children that Spark started for its workers."""
    found = []
    for process in pathlib.Path("/proc").iterdir():
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if b"CoarseGrainedExecutorBackend" in command and MARK.encode() in command:
            found.append(int(process.name))
    return found


MARK = f"-Dcliplet.test={os.getpid()}"


class SparkTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.environ["SPARK_HOME"] = str(pathlib.Path(pyspark.__file__).parent)
        os.environ["PYSPARK_PYTHON"] = sys.executable
        # Workers find the example where this test found it.
        os.environ["PYTHONPATH"] = str(ROOT / "deploy" / "spark")
        os.environ["RAYON_NUM_THREADS"] = "1"
        cls.spark = (
            SparkSession.builder.master("local-cluster[3,1,512]")
            .config("spark.executor.memory", "512m")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.executor.extraJavaOptions", MARK)
            .config("spark.sql.execution.arrow.maxRecordsPerBatch", "7")
            .getOrCreate()
        )
        cls.spark.sparkContext.setLogLevel("ERROR")
        lines = "".join(json.dumps({"id": id, "image": image}) + "\n" for id, image in rows())
        alone = subprocess.run(COMMAND, input=lines, capture_output=True, text=True, check=True)
        cls.expected = {answer["id"]: answer for answer in map(json.loads, alone.stdout.splitlines())}

    @classmethod
    def tearDownClass(cls):
        cls.spark.stop()

    def run_and_kill(self, how):
        """Runs the example and kills a worker once some tasks are done but most are not."""
        frame = self.spark.createDataFrame(rows(), "id string, image string").repartition(PARTITIONS)
        answers = how(frame, COMMAND)
        outcome = {}

        def collect():
            try:
                outcome["rows"] = answers.collect()
            except Exception as error:
                outcome["error"] = error

        before = set(executors())
        self.assertEqual(len(before), 3, "three workers, each a process")
        job = threading.Thread(target=collect)
        job.start()
        tracker = self.spark.sparkContext.statusTracker()
        done = 0
        while not 1 <= done < PARTITIONS - 3:
            self.assertTrue(job.is_alive(), f"it ended before a worker could be killed: {outcome.get('error')}")
            stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
            # The stage that answers, not the one that deals the rows out.
            done = max((s.numCompletedTasks for s in stages if s and s.numTasks == PARTITIONS), default=0)
            time.sleep(0.01)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        job.join()
        if "error" in outcome:
            raise outcome["error"]
        deadline = time.monotonic() + 60
        while len(set(executors()) - {victim}) < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertNotIn(victim, executors())
        return outcome["rows"]

    def check(self, answered):
        self.assertEqual(len(answered), ROWS, "nothing is lost and nothing comes twice")
        self.assertEqual({row["id"] for row in answered}, set(self.expected))
        for row in answered:
            expected = self.expected[row["id"]]
            self.assertEqual(row["error"], expected.get("error"))
            self.assertEqual(row["labels"], expected.get("labels"))
            if row["error"] is None:
                for got, wanted in zip(row["probs"], expected["probs"], strict=True):
                    self.assertAlmostEqual(got, wanted, places=5)

    def test_pipe(self):
        self.check(self.run_and_kill(cliplet_spark.with_pipe))

    def test_map_in_pandas(self):
        self.check(self.run_and_kill(cliplet_spark.with_pandas))

    def test_a_command_that_fails_fails_the_job(self):
        frame = self.spark.createDataFrame([("a", "none.png"), ("b", "none.png")], "id string, image string")
        command = [*COMMAND, "--max-errors", "0"]
        for how in (cliplet_spark.with_pipe, cliplet_spark.with_pandas):
            with self.assertRaises(Exception):
                how(frame.coalesce(1), command).collect()

    def test_the_script_as_it_is_submitted(self):
        with tempfile.TemporaryDirectory() as folder:
            source, target = f"{folder}/rows.parquet", f"{folder}/answers.parquet"
            self.spark.createDataFrame(list(rows())[:20], "id string, image string").write.parquet(source)
            script = ROOT / "deploy" / "spark" / "cliplet_spark.py"
            call = [sys.executable, script, "--cliplet", CLIPLET, "--partitions", "2", source, target, "--", *OPTIONS]
            environment = {**os.environ, "PYSPARK_SUBMIT_ARGS": "--master local[2] pyspark-shell"}
            subprocess.run(call, check=True, stdout=subprocess.DEVNULL, env=environment)
            self.assertEqual(self.spark.read.parquet(target).count(), 20)


if __name__ == "__main__":
    unittest.main(verbosity=2)
