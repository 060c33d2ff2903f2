"""Keeps the small ones of the inputs that a fuzzer found: a few kB for each target, in fuzz/inputs/TARGET.zip.

    fuzz_inputs.py pack TARGET FOLDER       the smallest inputs of a folder, which `cargo fuzz cmin` has made minimal
    fuzz_inputs.py unpack TARGET FOLDER
"""

import hashlib
import pathlib
import sys
import zipfile

ARCHIVES = pathlib.Path(__file__).resolve().parents[1] / "fuzz/inputs"
# Inputs of an archive, bytes of all of them, and of the largest.
COUNT, ALL, LARGEST = 32, 6000, 1500


def pack(archive: pathlib.Path, folder: pathlib.Path):
    found = sorted((path.stat().st_size, path) for path in folder.iterdir() if not path.name.startswith("seed-"))
    small = [path for size, path in found if size <= LARGEST]
    total, chosen = 0, {}
    # Of all lengths.
    for path in small[:: -(-len(small) // COUNT) or 1]:
        data = path.read_bytes()
        total += len(data)
        if total > ALL:
            break
        chosen[hashlib.sha256(data).hexdigest()[:16]] = data
    if not chosen:
        return
    archive.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in sorted(chosen.items()):
            # Without the time, the same inputs make the same archive.
            packed.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


def unpack(archive: pathlib.Path, folder: pathlib.Path):
    if archive.exists():
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)


if __name__ == "__main__":
    command, target, folder = sys.argv[1:]
    {"pack": pack, "unpack": unpack}[command](ARCHIVES / f"{target}.zip", pathlib.Path(folder))
