"""The pictures of make_golden.py: one of each kind of file that people drop, drawn by formula."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def scene(width, height, seed=0, grain=0.0):
    """A photo's mixture: soft light, hard edges, fine stripes, some grain. uint8, height x width x 3."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(float)
    u, v = x / width, y / height
    out = np.stack([90 + 120 * u, 140 - 70 * v + 30 * np.sin(6 * u), 60 + 150 * v * (1 - u)], -1)
    for _ in range(7):
        centre, radius = rng.uniform(0, 1, 2), rng.uniform(0.05, 0.25)
        colour = rng.uniform(0, 255, 3)
        inside = (u - centre[0]) ** 2 + ((v - centre[1]) * height / width) ** 2 < radius**2
        out[inside] = 0.35 * out[inside] + 0.65 * colour
    stripes = (v > 0.75) & (((x // 3) % 2) == 0)
    out[stripes] = 245 - out[stripes] / 2
    out += rng.normal(0, 1, (height, width, 1)) * grain
    return np.clip(out, 0, 255).round().astype(np.uint8)


def ramp(width, height):
    """The large picture, by integers so that any language draws the same."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    red = x * 255 // (width - 1)
    green = y * 255 // (height - 1)
    blue = ((x // 250) + (y // 250)) % 2 * 200 + (x + y) // 256
    return np.stack([red, green, np.minimum(blue, 255)], -1).astype(np.uint8)


def saved(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def png(array, colour, depth, interlaced=False, extra=b""):
    """A PNG of `array` (height x width x channels, samples up to 2**depth - 1) that Pillow cannot write itself."""
    height, width, _ = array.shape

    def scanlines(part):
        if depth == 16:
            rows = part.astype(">u2").tobytes()
        elif depth == 8:
            rows = part.astype(np.uint8).tobytes()
        else:
            bits = np.unpackbits(part.astype(np.uint8)[..., None], axis=-1)[..., -depth:]
            packed = np.packbits(bits.reshape(part.shape[0], -1), axis=1)
            return b"".join(b"\0" + row.tobytes() for row in packed)
        stride = len(rows) // part.shape[0]
        return b"".join(b"\0" + rows[i : i + stride] for i in range(0, len(rows), stride))

    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    if interlaced:
        parts = [array[y::dy, x::dx] for x, y, dx, dy in passes]
        body = b"".join(scanlines(part) for part in parts if part.size)
    else:
        body = scanlines(array)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(body, 9)) + chunk(b"IEND", b"")


def bmp(width, height, bits, compression, body, masks=b"", palette=b""):
    """A BMP of a kind that Pillow cannot write itself."""
    offset = 14 + 40 + len(masks) + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(body), 2835, 2835, len(palette) // 4, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset) + info + masks + palette + body


def run_length_bmp(indices, palette):
    """8-bit run-length encoding, rows bottom up."""
    body = b""
    for row in indices[::-1]:
        x = 0
        while x < len(row):
            run = 1
            while x + run < len(row) and row[x + run] == row[x] and run < 255:
                run += 1
            body += bytes([run, row[x]])
            x += run
        body += b"\0\0"
    height, width = indices.shape
    return bmp(width, height, 8, 1, body + b"\0\1", palette=palette)


def turned(picture, orientation, kind, **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(picture, kind, exif=exif, **options)


def adobe(data, transform):
    """A CMYK JPEG with its Adobe marker's colour transform set, or the marker taken out (None)."""
    at = data.index(b"\xff\xee\x00\x0eAdobe")
    if transform is None:
        return data[:at] + data[at + 16 :]
    return data[: at + 15] + bytes([transform]) + data[at + 16 :]


def numbered(data):
    """An RGB JPEG whose components are called 1, 2, 3 instead of R, G, B."""
    frame = data.index(b"\xff\xc0")
    scan = data.index(b"\xff\xda")
    out = bytearray(data)
    for i in range(3):
        out[frame + 10 + 3 * i] = i + 1
        out[scan + 5 + 2 * i] = i + 1
    return bytes(out)


def cases():
    """Yields (file name, configuration, "jpeg", "lossy" or "lossless", bytes)."""
    return [*jpegs(), *pngs(), *other_lossless(), *webps(), *processors()]


def jpegs():
    photo = Image.fromarray(scene(160, 120, grain=2.0))
    cmyk = saved(Image.fromarray(scene(96, 72, 3)).convert("CMYK"), "JPEG", quality=85)
    yield "photo-224.jpg", "224", "jpeg", saved(Image.fromarray(scene(480, 360, 5)), "JPEG", quality=85)
    yield "420.jpg", "48", "jpeg", saved(photo, "JPEG", quality=85, subsampling="4:2:0")
    yield "422.jpg", "48", "jpeg", saved(photo, "JPEG", quality=85, subsampling="4:2:2")
    yield "444.jpg", "48", "jpeg", saved(photo, "JPEG", quality=92, subsampling="4:4:4")
    yield "progressive.jpg", "48", "jpeg", saved(photo, "JPEG", quality=85, progressive=True)
    yield "restarts.jpg", "48", "jpeg", saved(photo, "JPEG", quality=85, restart_marker_rows=1)
    yield "grey.jpg", "48", "jpeg", saved(photo.convert("L"), "JPEG", quality=85)
    yield "odd-157x93.jpg", "48", "jpeg", saved(Image.fromarray(scene(157, 93, 7)), "JPEG", quality=90)
    yield "cmyk.jpg", "48", "jpeg", cmyk
    yield "cmyk-unmarked.jpg", "48", "jpeg", adobe(cmyk, None)
    yield "ycck.jpg", "48", "jpeg", adobe(cmyk, 2)
    rgb = saved(Image.fromarray(scene(80, 60, 13)), "JPEG", quality=90, keep_rgb=True)
    yield "adobe-rgb.jpg", "48", "jpeg", rgb
    yield "adobe-rgb-numbered.jpg", "48", "jpeg", numbered(rgb)
    yield "enlarged-40x30.jpg", "48", "jpeg", saved(photo.resize((40, 30)), "JPEG", quality=90)
    yield "1x1.jpg", "24", "jpeg", saved(Image.new("RGB", (1, 1), (200, 30, 90)), "JPEG")
    for orientation in range(1, 9):
        picture = Image.fromarray(scene(88, 60, 11))
        yield f"orientation-{orientation}.jpg", "24", "jpeg", turned(picture, orientation, "JPEG", quality=85)


def pngs():
    array = scene(80, 60, 2)
    photo = Image.fromarray(array)
    y, x = np.mgrid[0:60, 0:80]
    alpha = ((x * 3 + y * 2) % 256).astype(np.uint8)
    small = scene(40, 30, 2).astype(np.uint16)
    deep = small * 257 ^ (x * 37 + y * 11).astype(np.uint16)[:30, :40, None] % 251
    faint = (x * 4 + y).astype(np.uint16)[..., None]
    palette = photo.quantize(32)
    rgba = np.dstack([array, alpha])
    yield "rgb.png", "48", "lossless", saved(photo, "PNG")
    yield "rgba.png", "48", "lossless", saved(Image.fromarray(rgba), "PNG")
    yield "grey.png", "48", "lossless", saved(photo.convert("L"), "PNG")
    yield "grey-alpha.png", "48", "lossless", saved(Image.fromarray(np.dstack([array[..., 0], alpha]), "LA"), "PNG")
    yield "grey-transparent.png", "48", "lossless", saved(photo.convert("L"), "PNG", transparency=120)
    yield "rgb-transparent.png", "48", "lossless", saved(photo, "PNG", transparency=tuple(int(v) for v in array[5, 5]))
    yield "palette.png", "48", "lossless", saved(palette, "PNG")
    yield "palette-transparent.png", "48", "lossless", saved(palette, "PNG", transparency=bytes(range(0, 256, 8)))
    yield "palette-2-bit.png", "24", "lossless", saved(photo.quantize(4), "PNG", bits=2)
    yield "one-bit.png", "24", "lossless", saved(photo.convert("1"), "PNG")
    yield "grey-2-bit.png", "24", "lossless", png(array[..., :1] // 64, 0, 2)
    yield "grey-4-bit.png", "24", "lossless", png(array[..., :1] // 16, 0, 4)
    yield "grey-16-bit.png", "48", "lossless", png(faint, 0, 16)
    transparent = struct.pack(">I", 2) + b"tRNS" + b"\0\x64" + struct.pack(">I", zlib.crc32(b"tRNS\0\x64"))
    yield "grey-16-bit-transparent.png", "24", "lossless", png(faint, 0, 16, extra=transparent)
    yield "grey-alpha-16-bit.png", "24", "lossless", png(np.dstack([deep[..., 0], deep[..., 1]]), 4, 16)
    yield "rgb-16-bit.png", "48", "lossless", png(deep, 2, 16)
    yield "rgba-16-bit.png", "24", "lossless", png(np.dstack([deep, deep[..., 0]]), 6, 16)
    yield "interlaced.png", "24", "lossless", png(small.astype(np.uint8), 2, 8, interlaced=True)
    yield "orientation-6.png", "24", "lossless", turned(photo, 6, "PNG")
    yield "1x1.png", "48", "lossless", saved(Image.new("RGB", (1, 1), (10, 200, 90)), "PNG")
    long = np.repeat(scene(4000, 1, 9).reshape(1000, 4, 3)[:, :1] // 16 * 16, 4, axis=1).reshape(4000, 1, 3)
    yield "1x4000.png", "48", "lossless", saved(Image.fromarray(long), "PNG", optimize=True)
    yield "4000x1.png", "48", "lossless", saved(Image.fromarray(long.reshape(1, 4000, 3)), "PNG", optimize=True)


def other_lossless():
    array = scene(48, 36, 6)
    photo = Image.fromarray(array)
    palette = photo.quantize(24)
    other = Image.fromarray(255 - array).quantize(16)
    indices = np.asarray(palette)
    yield "still.gif", "48", "lossless", saved(palette, "GIF")
    yield "transparent.gif", "48", "lossless", saved(palette, "GIF", transparency=3)
    yield "animated.gif", "48", "lossless", saved(palette, "GIF", save_all=True, append_images=[other], duration=80)
    yield "interlaced.gif", "24", "lossless", saved(palette, "GIF", interlace=1)
    yield "offset.gif", "24", "lossless", offset_gif(saved(palette, "GIF"), 12)
    yield "offset-transparent.gif", "24", "lossless", offset_gif(saved(palette, "GIF", transparency=3), 12)
    yield "sticking-out.gif", "24", "lossless", offset_gif(saved(palette, "GIF"), 2)
    yield "rgb.bmp", "48", "lossless", saved(photo, "BMP")
    yield "palette.bmp", "24", "lossless", saved(palette, "BMP")
    yield "grey.bmp", "24", "lossless", saved(photo.convert("L"), "BMP")
    yield "one-bit.bmp", "24", "lossless", saved(photo.convert("1"), "BMP")
    yield "rgba.bmp", "24", "lossless", saved(Image.fromarray(np.dstack([array, array[..., 0]])), "BMP")
    colours = np.zeros((256, 4), np.uint8)
    table = np.asarray(palette.getpalette()[: 3 * 24], np.uint8).reshape(-1, 3)
    colours[: len(table), :3] = table[:, ::-1]
    yield "run-length.bmp", "24", "lossless", run_length_bmp(indices, colours.tobytes())
    wide = array.astype(np.uint16)
    five = (wide[..., 0] >> 3 << 10 | wide[..., 1] >> 3 << 5 | wide[..., 2] >> 3).astype("<u2")
    yield "555.bmp", "24", "lossless", bmp(48, 36, 16, 0, five[::-1].tobytes())
    six = (wide[..., 0] >> 3 << 11 | wide[..., 1] >> 2 << 5 | wide[..., 2] >> 3).astype("<u2")
    yield "565.bmp", "24", "lossless", bmp(48, 36, 16, 3, six[::-1].tobytes(), struct.pack("<III", 0xF800, 0x7E0, 0x1F))
    yield "top-down.bmp", "24", "lossless", bmp(48, -36, 24, 0, array[..., ::-1].tobytes())


def offset_gif(data, more):
    """The same frame on a canvas `more` pixels larger each way, placed eight from the left and five down."""
    width, height = struct.unpack("<HH", data[6:10])
    data = data[:6] + struct.pack("<HH", width + more, height + more) + data[10:]
    frame = data.index(b"\x2c\0\0\0\0" + struct.pack("<HH", width, height))
    return data[: frame + 1] + struct.pack("<HH", 8, 5) + data[frame + 5 :]


def webps():
    array = scene(96, 72, 8)
    photo = Image.fromarray(array)
    y, x = np.mgrid[0:72, 0:96]
    rgba = Image.fromarray(np.dstack([array, ((x + y) * 2 % 256).astype(np.uint8)]))
    other = Image.fromarray(255 - array)
    yield "lossy.webp", "48", "lossy", saved(photo, "WEBP", quality=80)
    yield "lossy-alpha.webp", "48", "lossy", saved(rgba, "WEBP", quality=80, exact=True)
    yield "lossless.webp", "48", "lossless", saved(photo, "WEBP", lossless=True)
    yield "lossless-alpha.webp", "24", "lossless", saved(rgba, "WEBP", lossless=True, exact=True)
    yield "animated.webp", "24", "lossless", saved(photo, "WEBP", lossless=True, save_all=True, append_images=[other])
    yield "orientation-8.webp", "24", "lossless", turned(photo, 8, "WEBP", lossless=True)


def processors():
    """One picture through the other ways that a processor can be set."""
    data = saved(Image.fromarray(scene(75, 52, 12)), "PNG")
    for config in ("squeezed", "padded", "unscaled", "box", "hamming", "nearest"):
        yield "settings.png", config, "lossless", data
