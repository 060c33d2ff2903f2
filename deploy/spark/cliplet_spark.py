"""CLIP over the rows of a Spark table, by `cliplet batch` as a filter in every task.

    spark-submit --master spark://host:7077 deploy/spark/cliplet_spark.py \\
        --how pandas rows.parquet answers.parquet -- --labels "cat, dog, red circle"

The table has the columns id and image (a path that every worker sees, a data URI or base64), text, or
both; what follows `--` goes to `cliplet batch`. Spark does what a cluster is for: a task whose worker
is lost runs again elsewhere, and nothing it answered is kept twice. So nothing is resumed here, and a
row's own error is data in its column, not a failure of the task.
"""

import argparse
import json
import shlex
import subprocess
import threading

# Columns of the answers; see docs/batch.md.
SCHEMA = (
    "id string, image string, probs array<float>, labels array<string>, "
    "image_features array<float>, text_features array<float>, error string"
)
COLUMNS = ("id", "image", "text")


def with_pipe(frame, command):
    """Answers by `RDD.pipe`: rows go through one filter a partition as lines of JSON."""
    from pyspark.sql import functions

    columns = [functions.col(name) for name in COLUMNS if name in frame.columns]
    lines = frame.select(functions.to_json(functions.struct(*columns))).rdd.map(lambda row: row[0])
    answers = lines.pipe(shlex.join(command), checkCode=True)
    return frame.sparkSession.read.json(answers, schema=SCHEMA)


def with_pandas(frame, command):
    """Answers by `mapInPandas`: each Arrow batch goes through the partition's filter."""
    columns = [name for name in COLUMNS if name in frame.columns]

    def run(batches):
        import pandas

        fields = [field.split()[0] for field in SCHEMA.split(", ")]
        for answers in filtered(batches, command):
            yield pandas.DataFrame([{name: answer.get(name) for name in fields} for answer in answers])

    return frame.select(*columns).mapInPandas(run, SCHEMA)


def filtered(batches, command):
    """Lists of answers, one for each pandas batch of rows, by one process.

    A thread writes while this generator reads, so that neither waits for a full pipe.
    """
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    sizes, failure = [], []
    grown = threading.Condition()

    def write():
        try:
            for batch in batches:
                with grown:
                    sizes.append(len(batch))
                    grown.notify()
                for row in batch.to_dict("records"):
                    # A value that is not equal to itself is pandas' mark for a missing one.
                    row = {name: value for name, value in row.items() if value is not None and value == value}
                    process.stdin.write(json.dumps(row) + "\n")
                process.stdin.flush()
        except BaseException as error:  # the reader reports it, whatever it is
            failure.append(error)
        finally:
            try:
                process.stdin.close()
            except BrokenPipeError:
                pass
            with grown:
                sizes.append(None)
                grown.notify()

    threading.Thread(target=write, daemon=True).start()
    try:
        count = 0
        while True:
            with grown:
                grown.wait_for(lambda: len(sizes) > count)
                size = sizes[count]
            if size is None:
                break
            count += 1
            lines = [process.stdout.readline() for _ in range(size)]
            if not all(lines):
                raise RuntimeError(f"{command[0]} ended early with exit code {process.wait()}")
            yield [json.loads(line) for line in lines]
        if failure:
            raise failure[0]
        if process.wait() != 0:
            raise RuntimeError(f"{command[0]} ended with exit code {process.returncode}")
    finally:
        process.kill()
        process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--how", choices=["pipe", "pandas"], default="pandas")
    parser.add_argument("--cliplet", default="cliplet", help="the command, on every worker")
    parser.add_argument("--partitions", type=int, help="tasks to split the rows into")
    parser.add_argument("input", help="Parquet with the columns id and image, text or both")
    parser.add_argument("output", help="Parquet to write")
    parser.add_argument("options", nargs="*", help="after --: options of cliplet batch")
    arguments = parser.parse_args()

    from pyspark.sql import SparkSession

    spark = SparkSession.builder.appName("cliplet").getOrCreate()
    frame = spark.read.parquet(arguments.input)
    if arguments.partitions:
        frame = frame.repartition(arguments.partitions)
    how = with_pipe if arguments.how == "pipe" else with_pandas
    how(frame, [arguments.cliplet, "batch", *arguments.options]).write.parquet(arguments.output)


if __name__ == "__main__":
    main()
