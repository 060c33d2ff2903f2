"""Image files that claim more than they hold, and JSON around them, for check-attack.py and soak.py."""

import base64
import json
import struct
import zlib


def webp_with_exif_claim(claim: int = 0xFFFFFFF0) -> bytes:
    """An extended WebP of one pixel whose EXIF chunk claims `claim` bytes and has none."""
    pixel = bytes.fromhex("2f0000000710fd8ffe0722a2ff01")
    header = b"VP8X" + struct.pack("<IB3x3s3s", 10, 0x08, b"\0\0\0", b"\0\0\0")
    image = b"VP8L" + struct.pack("<I", len(pixel)) + pixel
    chunks = header + image + b"EXIF" + struct.pack("<I", claim)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def webp_header(width: int, height: int) -> bytes:
    """A lossless WebP whose header claims a size, with no data behind it."""
    bits = (width - 1) | (height - 1) << 14
    image = b"\x2f" + struct.pack("<I", bits) + b"\0" * 8
    chunks = b"VP8L" + struct.pack("<I", len(image)) + image
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def png_header(width: int, height: int) -> bytes:
    """A gray PNG whose header claims a size, with a tenth of a row behind it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(width // 10))) + chunk(b"IEND", b"")


def gif(width: int, height: int, entries: int) -> bytes:
    """A GIF that claims a size and repeats clear codes, so that its data say almost nothing."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    image = b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02"
    blocks = (b"\xff" + b"\x24" * 255) * entries
    return head + image + blocks + b"\0;"


def scan_bomb(width: int, height: int, scans: int) -> bytes:
    """A progressive gray JPEG with `scans` scans of runs of empty blocks: each costs a pass over all blocks."""

    def segment(marker: int, data: bytes) -> bytes:
        return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data

    # One code of one bit each: the longest run of ended blocks (14 more bits say how long), and a zero difference.
    run_table, zero_table = b"\x10\x01" + bytes(15) + b"\xe0", b"\x00\x01" + bytes(15) + b"\x00"
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\0"
    head = b"\xff\xd8" + segment(0xDB, b"\0" + b"\x01" * 64) + segment(0xC2, frame)
    left = ((width + 7) // 8) * ((height + 7) // 8)
    bits = ""
    while left > 0:
        run = min(max(left, 1 << 14), (1 << 15) - 1)
        bits += "0" + format(run - (1 << 14), "014b")
        left -= run
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    scan = segment(0xDA, b"\x01\x01\x00" + b"\x01\x3f\x01") + data
    return head + segment(0xC4, run_table) + segment(0xC4, zero_table) + scan * scans + b"\xff\xd9"


def bitmap(red: int, green: int, blue: int, size: int = 16) -> bytes:
    """A BMP of one color."""
    rows = bytes([blue, green, red]) * size * size
    header = struct.pack("<2sIHHI", b"BM", 54 + len(rows), 0, 0, 54)
    return header + struct.pack("<IiiHHIIiiII", 40, size, size, 1, 24, 0, len(rows), 0, 0, 0, 0) + rows


def frame(image: bytes, text: str = "") -> bytes:
    """The body of POST /score for one image."""
    row = [base64.b64encode(image).decode(), text]
    return json.dumps({"input_data": {"columns": ["image", "text"], "data": [row]}}).encode()
