"""Writes jpeg/*.jpg, small files of every kind of JPEG, and jpeg.json: what Pillow makes of each.

    python tests/golden/make_jpegs.py

Wants Pillow 13 and libjpeg-turbo's `cjpeg` and `jpegtran` (3.0 or later, on the PATH), since Pillow cannot
write arithmetic coding, unusual sampling factors or scans of its own.
"""

import io
import json
import struct
import subprocess
import warnings
from pathlib import Path

from PIL import Image, ImageOps

from pictures import saved, scene

HERE = Path(__file__).parent
SOI, EOI = b"\xff\xd8", b"\xff\xd9"


def run(program, data, *options):
    return subprocess.run([program, *options], input=data, stdout=subprocess.PIPE, check=True).stdout


def cjpeg(width, height, *options, mode="RGB", seed=1):
    picture = Image.fromarray(scene(width, height, seed, grain=6)).convert(mode)
    return run("cjpeg", saved(picture, "PPM"), *options)


def scans(text, *options):
    """A progressive or non-interleaved file whose scans are as in `text`."""
    script = HERE / "jpeg" / "scans.txt"
    script.write_text(text)
    try:
        return cjpeg(45, 37, "-quality", "80", "-scans", str(script), *options)
    finally:
        script.unlink()


def markers(data):
    """Positions and codes of all markers."""
    return [(i, data[i + 1]) for i in range(len(data) - 1) if data[i] == 0xFF and data[i + 1] not in (0, 0xFF)]


def positions(data, *codes):
    return [at for at, code in markers(data) if code in codes]


def without(data, *codes):
    """The file without the segments of these markers."""
    for at in reversed(positions(data, *codes)):
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        data = data[:at] + data[at + 2 + length :]
    return data


def patched(data, at, new):
    return data[:at] + bytes(new) + data[at + len(new) :]


def cut_before_scan(data, number):
    return data[: positions(data, 0xDA)[number]] + EOI


def entropy_start(data, number=0):
    at = positions(data, 0xDA)[number]
    return at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")


def sixteen_bit_steps(data):
    """The quantization tables, which must be of 8 bits, rewritten with 16."""
    for at in reversed(positions(data, 0xDB)):
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        body, out = data[at + 4 : at + 2 + length], b""
        while body:
            out += bytes([0x10 | body[0]]) + b"".join(bytes([0, step]) for step in body[1:65])
            body = body[65:]
        data = data[:at] + b"\xff\xdb" + struct.pack(">H", len(out) + 2) + out + data[at + 2 + length :]
    return data


def renumbered_huffman_tables(data):
    """Tables 0 and 1 as 2 and 3, which baseline files must not have and decoders read."""
    data = bytearray(data)
    for at in positions(data, 0xC4):
        end, at = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
        while at < end:
            data[at] += 2
            at += 17 + sum(data[at + 1 : at + 17])
    at = positions(data, 0xDA)[0] + 5
    for component in range(data[at - 1]):
        data[at + 2 * component + 1] += 0x22
    return bytes(data)


def cmyk(transform, **options):
    """Four components with this transform in Adobe's marker, or without the marker."""
    data = saved(Image.fromarray(scene(30, 22, 5)).convert("CMYK"), "JPEG", quality=85, **options)
    if transform is None:
        return without(data, 0xEE)
    return patched(data, data.index(b"Adobe") + 11, [transform])


def intact():
    for sampling in ["1x1", "2x1", "1x2", "2x2", "4x1", "1x4", "4x2", "3x1"]:
        yield f"sampled-{sampling}", cjpeg(45, 37, "-quality", "75", "-sample", f"{sampling},1x1,1x1")
    yield "sampled-unequal", cjpeg(45, 37, "-sample", "2x2,2x1,1x2")
    yield "sampled-chroma-larger", cjpeg(45, 37, "-sample", "1x1,2x1,1x2")
    yield "sampled-4-2-1", cjpeg(45, 37, "-sample", "4x1,2x1,1x1", "-quality", "40")
    yield "narrow-2x2", cjpeg(4, 21, "-sample", "2x2")
    yield "narrow-2x1", cjpeg(3, 9, "-sample", "2x1")
    yield "one-pixel", cjpeg(1, 1)
    yield "quality-1", cjpeg(45, 37, "-quality", "1")
    yield "quality-100", cjpeg(29, 19, "-quality", "100", "-sample", "1x1")
    yield "steps-of-16-bits", sixteen_bit_steps(cjpeg(45, 37))
    yield "grey", cjpeg(45, 37, mode="L")
    yield "grey-sampled-2x2", cjpeg(45, 37, "-sample", "2x2", mode="L")
    yield "rgb", cjpeg(45, 37, "-rgb")
    yield "rgb-sampled", cjpeg(45, 37, "-rgb", "-sample", "2x2,1x1,1x1")
    yield "rgb-by-numbers", without(cjpeg(45, 37, "-rgb"), 0xEE)
    for transform in [None, 0, 1, 2]:
        yield f"cmyk-{transform}", cmyk(transform)
    yield "cmyk-progressive", cmyk(2, progressive=True)
    yield "optimized", cjpeg(45, 37, "-optimize")
    yield "restarts", cjpeg(45, 37, "-restart", "2B")
    yield "progressive", cjpeg(45, 37, "-progressive")
    yield "progressive-restarts", cjpeg(45, 37, "-progressive", "-restart", "3B", "-sample", "1x2")
    yield "scans-of-one-component", scans("0;1;2;")
    yield "scans-of-one-and-two", scans("1,2;0;", "-sample", "1x1")
    yield "arithmetic", cjpeg(45, 37, "-arithmetic")
    yield "arithmetic-grey-restarts", cjpeg(45, 37, "-arithmetic", "-restart", "1", mode="L")
    yield "arithmetic-progressive", cjpeg(45, 37, "-arithmetic", "-progressive")
    yield "arithmetic-cmyk", run("jpegtran", cmyk(0), "-arithmetic", "-copy", "all")
    data = cjpeg(45, 37)
    tables = b"".join(data[at : at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")] for at in positions(data, 0xDB))
    yield "tables-before-the-image", SOI + tables + EOI + without(data, 0xDB)


def damaged():
    baseline, progressive = cjpeg(45, 37, "-sample", "1x1"), cjpeg(45, 37, "-progressive")
    start = entropy_start(baseline)
    for number in [1, 2, 4, 7]:
        yield f"progressive-{number}-scans", cut_before_scan(progressive, number)
    for number in [0, 3, 5]:
        yield f"progressive-cut-in-scan-{number}", progressive[: entropy_start(progressive, number) + 12] + EOI
    yield "progressive-rest-of-dc", scans("0,1,2: 0 0 0 3;0: 1 63 0 2;")
    yield "progressive-one-component", scans("0: 0 0 0 0;1,2: 0 0 0 0;")[: -2] + EOI
    yield "cut-and-ended", baseline[: len(baseline) // 2] + EOI
    yield "without-huffman-tables", without(cjpeg(45, 37, "-baseline"), 0xC4)
    yield "huffman-tables-2-and-3", renumbered_huffman_tables(baseline)
    quant = positions(baseline, 0xDB)[0]
    yield "steps-of-zero", patched(baseline, quant + 5 + 8, [0, 0, 0])
    yield "zeros-for-an-end", baseline[:-2] + bytes(64)
    yield "wrong-bits", patched(baseline, start + 60, b"\x5a\xa5\x13\x77")
    yield "no-codes", patched(baseline, start + 200, b"\xfe\xff\x00\xff\x00\xff\x00\xff\x00\xff\x00")
    yield "bytes-lost", baseline[: start + 90] + baseline[start + 117 :]
    yield "zeros-inside", patched(baseline, start + 100, bytes(40))
    yield "marker-inside", patched(baseline, start + 150, b"\xff\xd3")
    arithmetic = cjpeg(45, 37, "-arithmetic")
    at = entropy_start(arithmetic)
    yield "arithmetic-wrong-bits", patched(arithmetic, at + 50, b"\x13\x13\x13")
    yield "arithmetic-cut-and-ended", arithmetic[: at + 80] + EOI
    restarts = cjpeg(45, 37, "-restart", "1B", "-sample", "2x2")
    third, fourth = positions(restarts, *range(0xD0, 0xD8))[2:4]
    yield "restart-lost", restarts[:third] + restarts[third + 2 :]
    yield "restart-and-data-lost", restarts[:third] + restarts[fourth:]
    yield "two-restarts-and-data-lost", restarts[: third - 30] + restarts[fourth + 2 :]
    yield "restart-twice", restarts[:third] + restarts[third : third + 2] + restarts[third:]
    yield "restart-of-the-past", patched(restarts, third + 1, [0xD0])
    yield "restart-of-the-future", patched(restarts, third + 1, [0xD3])
    yield "restart-far-off", patched(restarts, third + 1, [0xD6])


def refused():
    baseline, progressive = cjpeg(45, 37), cjpeg(45, 37, "-progressive")
    yield "ends-in-header", baseline[:150], "the file ends early"
    yield "ends-in-half", baseline[: len(baseline) // 2], "the file ends early"
    yield "ends-without-mark", baseline[:-2], "the file ends early"
    yield "ends-progressive", progressive[:-2], "the file ends early"
    yield "twelve-bits", cjpeg(45, 37, "-precision", "12"), "12 bits"
    frame = positions(baseline, 0xC0)[0]
    yield "sampled-three-to-two", patched(baseline, frame + 11, [0x31, 0, 2, 0x21]), "3x1"
    yield "no-pixels", patched(baseline, frame + 5, [0, 0]), "45x0"


def as_pillow_reads(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")


def fnv(data):
    """FNV-1a of 64 bits."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def main():
    (HERE / "jpeg").mkdir(exist_ok=True)
    for old in (HERE / "jpeg").glob("*.jpg"):
        old.unlink()
    read, unread = [], []
    for name, data in [*intact(), *damaged()]:
        (HERE / "jpeg" / f"{name}.jpg").write_bytes(data)
        picture = as_pillow_reads(data)
        width, height = picture.size
        read.append({"file": name, "width": width, "height": height, "fnv1a": fnv(picture.tobytes())})
    for name, data, reason in refused():
        (HERE / "jpeg" / f"{name}.jpg").write_bytes(data)
        try:
            as_pillow_reads(data)
        except Exception:
            unread.append({"file": name, "reason": reason})
        else:
            raise SystemExit(f"Pillow reads {name}")
    import PIL

    out = {"made_with": {"pillow": PIL.__version__}, "read": read, "refused": unread}
    lines = ",\n  ".join(json.dumps(case) for case in read), ",\n  ".join(json.dumps(case) for case in unread)
    text = f'{{"made_with": {json.dumps(out["made_with"])},\n "read": [\n  {lines[0]}],\n "refused": [\n  {lines[1]}]}}\n'
    (HERE / "jpeg.json").write_text(text)
    names = sorted(path.stem for path in (HERE / "jpeg").glob("*.jpg"))
    list_of_files = "".join(f'    ("{name}", include_bytes!("jpeg/{name}.jpg")),\n' for name in names)
    (HERE / "jpeg_files.rs").write_text(
        f"// Written by make_jpegs.py.\npub const JPEGS: &[(&str, &[u8])] = &[\n{list_of_files}];\n"
    )


if __name__ == "__main__":
    main()
