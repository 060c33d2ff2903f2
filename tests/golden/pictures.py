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

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(body, 9)) + chunk(b"IEND", b"")


def chunk(kind, data):
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def exif_of(orientation, order, kind, count=1):
    """EXIF that holds an orientation alone, of one of TIFF's types: 1 byte, 3 short, 4 long, 5 fraction."""
    values = {1: "B", 3: "H", 4: "I", 5: "I"}[kind]
    value = struct.pack(order + values * count, *[orientation] * count)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IHHHI", 8, 1, 0x0112, kind, count)
    if kind == 5:
        return head + struct.pack(order + "III", 26, 0, orientation) + struct.pack(order + "I", 1)
    return head + value.ljust(4, b"\0") + bytes(4)


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
    return [*jpegs(), *pngs(), *other_lossless(), *webps(), *avifs(), *tiffs(), *icons(), *others(), *processors()]


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
    plain = scene(40, 30, 17, grain=4.0)
    for predictor in range(1, 8):
        yield f"lossless-{predictor}.jpg", "24", "jpeg", lossless_jpeg(plain, predictor)
    yield "lossless-grey-restarts.jpg", "24", "jpeg", lossless_jpeg(plain[..., :1], 7, restart_rows=3)
    for orientation in range(1, 9):
        picture = Image.fromarray(scene(88, 60, 11))
        yield f"orientation-{orientation}.jpg", "24", "jpeg", turned(picture, orientation, "JPEG", quality=85)


def lossless_jpeg(array, predictor, restart_rows=0):
    """A JPEG of lossless coding, which Pillow reads and does not write: height x width x components."""
    height, width, count = array.shape
    parts = range(1, count + 1)
    out = b"\xff\xd8\xff\xc3" + struct.pack(">HBHHB", 8 + 3 * count, 8, height, width, count)
    out += b"".join(bytes([part, 0x11, 0]) for part in parts)
    # Sizes of 0 to 16 bits, each by a code of five bits.
    out += b"\xff\xc4" + struct.pack(">HB", 36, 0) + bytes([0, 0, 0, 0, 17] + [0] * 11) + bytes(range(17))
    if restart_rows:
        out += b"\xff\xdd" + struct.pack(">HH", 4, restart_rows * width)
    out += b"\xff\xda" + struct.pack(">HB", 6 + 2 * count, count) + b"".join(bytes([part, 0]) for part in parts)
    out += bytes([predictor, 0, 0])
    values = array.astype(int)
    for top in range(0, height, restart_rows or height):
        bits = ""
        for y in range(top, min(top + (restart_rows or height), height)):
            for x in range(width):
                for part in range(count):
                    left, up = values[y, x - 1, part], values[y - 1, x, part]
                    corner = values[y - 1, x - 1, part]
                    guesses = [left, up, corner, left + up - corner, left + ((up - corner) >> 1),
                               up + ((left - corner) >> 1), (left + up) >> 1]
                    first = [128, left] if y == top else [up, guesses[predictor - 1]]
                    difference = int(values[y, x, part] - first[x > 0])
                    size = abs(difference).bit_length()
                    bits += f"{size:05b}"
                    if size:
                        bits += f"{difference if difference > 0 else difference + (1 << size) - 1:0{size}b}"
        bits += "1" * (-len(bits) % 8)
        if top:
            out += bytes([0xFF, 0xD0 + (top // restart_rows - 1) % 8])
        out += int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    return out + b"\xff\xd9"


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
    for bits in (1, 2, 4):
        levels = array[..., :1] >> (8 - bits)
        yield f"grey-{bits}-bit-transparent.png", "24", "lossless", png(levels, 0, bits, extra=chunk(b"tRNS", b"\0\0"))
        colours = chunk(b"PLTE", np.random.default_rng(bits).integers(0, 256, 3 << bits).astype(np.uint8).tobytes())
        alphas = chunk(b"tRNS", bytes(range(0, 200, 200 >> bits)))
        yield f"palette-{bits}-bit-interlaced.png", "24", "lossless", png(levels, 3, bits, True, colours + alphas)
    key = struct.pack(">HHH", *(int(value) >> 8 for value in deep[3, 3]))
    yield "rgb-16-bit-transparent.png", "24", "lossless", png(deep, 2, 16, extra=chunk(b"tRNS", key))
    yield "rgba-16-bit-interlaced.png", "24", "lossless", png(np.dstack([deep, deep[..., 1]]), 6, 16, True)
    exif = exif_of(6, "<", 4)
    digits = f"\nexif\n{len(exif):8d}\n{exif.hex()}\n".encode()
    profile = b"Raw profile type exif\0\0" + zlib.compress(digits)
    plain = png(small.astype(np.uint8), 2, 8)
    yield "exif-long.png", "24", "lossless", png(small.astype(np.uint8), 2, 8, extra=chunk(b"eXIf", exif))
    yield "exif-big-endian-two.png", "24", "lossless", png(small.astype(np.uint8), 2, 8, extra=chunk(b"eXIf", exif_of(8, ">", 3, 2)))
    yield "exif-fraction.png", "24", "lossless", png(small.astype(np.uint8), 2, 8, extra=chunk(b"eXIf", exif_of(5, "<", 5)))
    yield "exif-bytes.png", "24", "lossless", png(small.astype(np.uint8), 2, 8, extra=chunk(b"eXIf", exif_of(6, "<", 1)))
    yield "exif-in-text.png", "24", "lossless", plain[:-12] + chunk(b"zTXt", profile) + plain[-12:]
    xmp = b'<rdf:Description tiff:Orientation="8"/>'
    yield "xmp.png", "24", "lossless", png(small.astype(np.uint8), 2, 8, extra=chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp))
    yield "wrong-checksums.png", "24", "lossless", plain[:-16] + b"\1\2\3\4" + plain[-12:]
    yield "no-end.png", "24", "lossless", plain[:-12]
    yield "tall-60x200.png", "48", "lossless", saved(Image.fromarray(scene(60, 200, 14, 4.0)), "PNG")
    yield "tall-50x101.png", "24", "lossless", saved(Image.fromarray(scene(50, 101, 15, 4.0)), "PNG")
    yield "tall-50x100.png", "24", "lossless", saved(Image.fromarray(scene(50, 100, 15, 4.0)), "PNG")
    yield "tall-turned.png", "24", "lossless", turned(Image.fromarray(scene(120, 50, 16, 4.0)), 8, "PNG")
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
    turned_alpha = np.dstack([array[..., ::-1], array[..., 0]])
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    yield "alpha.bmp", "24", "lossless", bmp_v4(48, 36, turned_alpha[::-1].tobytes(), masks)
    grey = saved(photo.convert("L"), "GIF")
    yield "no-palette.gif", "24", "lossless", without_palette(grey)
    yield "top-down.bmp", "24", "lossless", bmp(48, -36, 24, 0, array[..., ::-1].tobytes())


def without_palette(gif):
    """A GIF whose indices are shades of grey, without the palette that says so."""
    flags = gif[10]
    return gif[:10] + bytes([flags & 0x78]) + gif[11:13] + gif[13 + (6 << (flags & 7)) :]


def bmp_v4(width, height, body, masks):
    """A BMP of 32 bits whose alpha counts."""
    info = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, len(body), 2835, 2835, 0, 0) + masks
    return b"BM" + struct.pack("<IHHI", 122 + len(body), 0, 0, 122) + info.ljust(108, b"\0") + body


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
    yield "offset-alpha.webp", "24", "lossless", offset_webp(rgba.resize((40, 30)), 0x12)
    yield "offset-opaque.webp", "24", "lossless", offset_webp(photo.resize((40, 30)), 0x02)
    yield "orientation-8.webp", "24", "lossless", turned(photo, 8, "WEBP", lossless=True)


def avifs():
    photo = Image.fromarray(scene(90, 66))
    other = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for chroma in ["4:2:0", "4:2:2", "4:4:4", "4:0:0"]:
        name = chroma.replace(":", "")
        yield f"{name}.avif", "24", "lossless", saved(photo, "AVIF", quality=80, subsampling=chroma)
    yield "limited-range.avif", "24", "lossless", saved(photo, "AVIF", quality=80, range="limited")
    full = saved(photo, "AVIF", quality=80, subsampling="4:4:4")
    # BT.709, BT.2020, that of SMPTE 240M, YCgCo and none, by the numbers of ITU-T H.273.
    for matrix, is_full in [(1, False), (1, True), (9, False), (9, True), (7, False), (8, True), (0, True)]:
        name = f"matrix-{matrix}-{'full' if is_full else 'limited'}.avif"
        yield name, "24", "lossless", with_color(full, matrix, is_full)
    rgba = photo.convert("RGBA")
    rgba.putalpha(Image.fromarray(ramp(90, 66)[..., 0]))
    for name, premultiplied in [("alpha.avif", False), ("premultiplied.avif", True)]:
        yield name, "24", "lossless", saved(rgba, "AVIF", quality=80, alpha_premultiplied=premultiplied)
    odd = rgba.resize((45, 33))
    yield "odd.avif", "24", "lossless", saved(odd.convert("RGB"), "AVIF", quality=80)
    yield "odd-alpha.avif", "24", "lossless", saved(odd, "AVIF", quality=80, subsampling="4:2:2")
    for orientation in range(2, 9):
        yield f"orientation-{orientation}.avif", "24", "lossless", turned(photo, orientation, "AVIF", quality=80)
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    yield "orientation-xmp.avif", "24", "lossless", saved(photo, "AVIF", quality=80, xmp=xmp)
    exif = Image.Exif()
    exif[0x0112] = 3
    only_exif = saved(photo, "AVIF", quality=80, exif=exif, xmp=xmp).replace(b"irot\2", b"irot\0")
    yield "orientation-exif.avif", "24", "lossless", only_exif
    yield "animated.avif", "24", "lossless", saved(photo, "AVIF", quality=80, save_all=True, append_images=[other])
    for bits in (10, 12):
        for chroma in ("420", "444"):
            yield f"{bits}-bit-{chroma}.avif", "24", "lossless", deep_avif(np.asarray(photo), bits, chroma)
        yield f"{bits}-bit-alpha.avif", "24", "lossless", deep_avif(np.asarray(rgba), bits, "420")
    yield "10-bit.avif", "24", "lossless", ten_bit_avif(np.asarray(photo))
    large = Image.fromarray(scene(150, 100)).convert("RGBA")
    large.putalpha(Image.fromarray(ramp(150, 100)[..., 1]))
    yield "grid.avif", "24", "lossless", grid_avif(large, 80, 64)


def with_color(data, matrix, is_full):
    """An AVIF whose container gives this matrix and range."""
    at = data.index(b"colrnclx") + 8
    return data[: at + 4] + struct.pack(">HB", matrix, is_full << 7) + data[at + 7 :]


def deep_avif(array, bits, chroma):
    """An AVIF of 10 or 12 bits, which Pillow does not write: by libavif, from `pip install imagecodecs`."""
    import imagecodecs

    deep = array.astype(np.uint16) << (bits - 8) | array >> (16 - bits)
    return bytes(imagecodecs.avif_encode(deep, level=80, bitspersample=bits, pixelformat=chroma))


def box(kind, *parts, version=None, flags=0):
    head = b"" if version is None else struct.pack(">I", version << 24 | flags)
    body = head + b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def grid_avif(picture, width, height):
    """An AVIF with an alpha channel, both put together of tiles of this size, which Pillow does not write."""
    columns, rows = -(-picture.width // width), -(-picture.height // height)
    whole = Image.new("RGBA", (columns * width, rows * height))
    whole.paste(picture)
    tiles = []
    for y in range(rows):
        for x in range(columns):
            tile = whole.crop((x * width, y * height, (x + 1) * width, (y + 1) * height))
            color = saved(tile.convert("RGB"), "AVIF", quality=80)
            alpha = saved(tile.getchannel("A"), "AVIF", quality=80)
            tiles.append((coded(color), coded(alpha)))
    grid = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *picture.size)
    count = rows * columns
    # The grid of colors and of alpha, then the tiles of either.
    datas = [grid, grid, *(color for (_, color), _ in tiles), *(alpha for _, (_, alpha) in tiles)]
    size = lambda w, h: box(b"ispe", struct.pack(">II", w, h), version=0)
    properties = [
        size(*picture.size), size(width, height), tiles[0][0][0], tiles[0][1][0],
        box(b"colr", b"nclx", struct.pack(">HHHB", 1, 13, 6, 0x80)),
        box(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0", version=0),
        box(b"pixi", bytes([3, 8, 8, 8]), version=0), box(b"pixi", bytes([1, 8]), version=0),
    ]
    of_items = [[1, 5, 7], [1, 6, 8], *[[2, 3, 5, 7]] * count, *[[2, 4, 6, 8]] * count]
    kinds = [b"grid", b"grid", *[b"av01"] * (2 * count)]
    numbers = lambda *values: struct.pack(f">{len(values)}H", *values)
    infos = [box(b"infe", numbers(i + 1, 0), kind, b"\0", version=2, flags=int(i > 1)) for i, kind in enumerate(kinds)]
    references = [
        box(b"dimg", numbers(1, count, *range(3, 3 + count))),
        box(b"dimg", numbers(2, count, *range(3 + count, 3 + 2 * count))),
        box(b"auxl", numbers(2, 1, 1)),
    ]
    associations = [numbers(i + 1) + bytes([len(of), *of]) for i, of in enumerate(of_items)]

    def meta(first):
        starts = np.cumsum([first, *(len(data) for data in datas)])
        places = [struct.pack(">HHHII", i + 1, 0, 1, starts[i], len(data)) for i, data in enumerate(datas)]
        return box(
            b"meta",
            box(b"hdlr", bytes(4), b"pict", bytes(13), version=0),
            box(b"pitm", numbers(1), version=0),
            box(b"iloc", b"\x44\0", numbers(len(places)), *places, version=0),
            box(b"iinf", numbers(len(infos)), *infos, version=0),
            box(b"iref", *references, version=0),
            box(b"iprp", box(b"ipco", *properties), box(b"ipma", struct.pack(">I", len(kinds)), *associations, version=0)),
            version=0,
        )

    head = box(b"ftyp", b"avif", bytes(4), b"avifmif1miaf")
    first = len(head) + len(meta(0)) + 8
    return head + meta(first) + box(b"mdat", *datas)


def coded(data):
    """The `av1C` box of an AVIF of one image, and its AV1 data, which are last."""
    at = data.index(b"av1C") - 4
    return data[at : at + int.from_bytes(data[at : at + 4])], data[data.index(b"mdat") + 4 :]


def ten_bit_avif(array):
    """An AVIF of 10 bits, which Pillow does not write: by FFmpeg's libraries, from `pip install av`."""
    import av

    out = io.BytesIO()
    with av.open(out, "w", format="avif") as container:
        stream = container.add_stream("libsvtav1", rate=1, options={"crf": "20", "preset": "8"})
        stream.height, stream.width, _ = array.shape
        stream.pix_fmt = "yuv420p10le"
        frame = av.VideoFrame.from_ndarray(array, format="rgb24").reformat(format=stream.pix_fmt)
        container.mux([*stream.encode(frame), *stream.encode()])
    return out.getvalue()


def tiff(array, photometric, bits=8, order="<", chunks=None, tags=()):
    """A TIFF that Pillow cannot write itself: `array` is height x width x samples, `tags` are (tag, values)."""
    height, width, samples = array.shape
    chunks = chunks or [array.astype(array.dtype.newbyteorder(order)).tobytes()]
    starts = np.cumsum([8, *(len(data) for data in chunks)])
    fields = {256: width, 257: height, 258: [bits] * samples, 262: photometric, 277: samples, 278: height} | dict(tags)
    places = (324, 325) if 322 in fields else (273, 279)
    fields |= {places[0]: starts[:-1].tolist(), places[1]: [len(data) for data in chunks]}
    entries, beyond = b"", b""
    for tag in sorted(fields):
        values = fields[tag] if isinstance(fields[tag], list | bytes) else [fields[tag]]
        kind = 7 if isinstance(values, bytes) else 4
        data = values if kind == 7 else struct.pack(f"{order}{len(values)}I", *values)
        if len(data) > 4:
            at = int(starts[-1]) + 2 + 12 * len(fields) + 4 + len(beyond)
            data, beyond = struct.pack(order + "I", at), beyond + data
        entries += struct.pack(order + "HHI", tag, kind, len(values)) + data.ljust(4, b"\0")
    magic = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(order + "H", len(fields)) + entries + bytes(4)
    return magic + struct.pack(order + "I", int(starts[-1])) + b"".join(chunks) + directory + beyond


def tiles(array, width, height):
    for y in range(0, array.shape[0], height):
        for x in range(0, array.shape[1], width):
            part = array[y : y + height, x : x + width]
            tile = np.zeros((height, width, array.shape[2]), array.dtype)
            tile[: part.shape[0], : part.shape[1]] = part
            yield tile


def differences(array):
    return np.concatenate([array[:, :1], array[:, 1:] - array[:, :-1]], 1)


def float_tiff(array):
    """A TIFF of floating-point samples, whose bytes are differences, the highest of a row first."""
    rows = np.moveaxis(array.astype(">f4").view(np.uint8).reshape(*array.shape[:2], 4), 2, 1).reshape(len(array), -1)
    packed = zlib.compress(differences(rows[..., None]).tobytes())
    return tiff(array, 1, 32, chunks=[packed], tags=[(259, 8), (317, 3), (339, 3)])


def jpeg_tiff(image, rows, across, down, tables=False):
    """A TIFF of strips in JPEG, with luma and chroma as scanners write them, chroma of fewer pixels."""
    strips = []
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        # Pillow's 1 is 4:2:2, 2 is 4:2:0.
        strips.append(saved(strip, "JPEG", quality=85, subsampling=1 if down == 1 else 2))
    tags = [(259, 7), (278, rows), (530, [across, down])]
    if tables:
        tags.append((347, b"\xff\xd8" + b"".join(segments(strips[0], b"\xdb\xc4")) + b"\xff\xd9"))
        for index, strip in enumerate(strips):
            for segment in segments(strip, b"\xdb\xc4"):
                strip = strip.replace(segment, b"", 1)
            strips[index] = strip
    return tiff(np.asarray(image), 6, chunks=strips, tags=tags)


def old_jpeg_tiff(image, across, down):
    """A TIFF of JPEG of the old kind: the file has it whole, beside the strips."""
    jpeg = saved(image, "JPEG", quality=85, subsampling=across * down // 2)
    return tiff(np.asarray(image), 6, chunks=[jpeg], tags=[(259, 6), (513, 8), (514, len(jpeg)), (530, [across, down])])


def segments(jpeg, codes):
    """The segments of a JPEG before its scan whose markers are among `codes`."""
    at = 2
    while jpeg[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if jpeg[at + 1] in codes:
            yield jpeg[at:end]
        at = end


def tiffs():
    array = scene(48, 36, 17)
    photo = Image.fromarray(array)
    y, x = np.mgrid[0:36, 0:48]
    alpha = ((x + y) * 3 % 256).astype(np.uint8)
    deep = array.astype(np.uint16) * 257 ^ (x * 37 + y * 11).astype(np.uint16)[..., None] % 251
    rgba = np.dstack([array, alpha])
    other = Image.fromarray(255 - array)
    yield "rgb.tif", "24", "lossless", saved(photo, "TIFF")
    yield "pages.tif", "24", "lossless", saved(photo, "TIFF", compression="tiff_lzw", save_all=True, append_images=[other])
    yield "packbits.tif", "24", "lossless", saved(photo.quantize(8), "TIFF", compression="packbits")
    yield "lzw-strips.tif", "24", "lossless", saved(photo, "TIFF", compression="tiff_lzw", tiffinfo={278: 7, 317: 2})
    yield "deflate.tif", "24", "lossless", saved(photo.convert("L"), "TIFF", compression="tiff_adobe_deflate")
    yield "one-bit.tif", "24", "lossless", saved(photo.convert("1"), "TIFF", compression="packbits")
    yield "fax-3.tif", "24", "lossless", saved(photo.convert("1"), "TIFF", compression="group3")
    yield "fax-4.tif", "24", "lossless", saved(photo.convert("1"), "TIFF", compression="group4")
    yield "zstd.tif", "24", "lossless", saved(photo, "TIFF", compression="zstd", tiffinfo={278: 7, 317: 2})
    yield "zstd-grey-16-bit.tif", "24", "lossless", saved(Image.fromarray(deep[..., 0] // 200), "TIFF", compression="zstd")
    yield "lzma.tif", "24", "lossless", saved(photo, "TIFF", compression="lzma", tiffinfo={278: 7})
    yield "lzma-differences.tif", "24", "lossless", saved(photo, "TIFF", compression="lzma", tiffinfo={317: 2})
    yield "lab.tif", "24", "lossless", tiff(array, 8)
    yield "ycbcr-deflate.tif", "24", "lossless", saved(photo.convert("YCbCr"), "TIFF", compression="tiff_adobe_deflate")
    floats = (x * 7.3 - 50).astype(np.float32)[..., None]
    yield "float-differences.tif", "24", "lossless", float_tiff(floats)
    for across, down in [(1, 1), (2, 1), (2, 2)]:
        yield f"jpeg-old-{across}{down}.tif", "24", "lossless", old_jpeg_tiff(photo, across, down)
    yield "jpeg-cmyk.tif", "24", "lossless", saved(photo.convert("CMYK"), "TIFF", compression="jpeg", quality=80)
    yield "jpeg-rgba.tif", "24", "lossless", saved(Image.fromarray(rgba), "TIFF", compression="jpeg", quality=80)
    grey_alpha = Image.fromarray(np.dstack([array[..., 0], alpha]), "LA")
    yield "jpeg-grey-alpha.tif", "24", "lossless", saved(grey_alpha, "TIFF", compression="jpeg", quality=80)
    unsigned = scene(90, 66)[..., :1].astype(np.uint32) * 0x1010101 // 9 * 9
    yield "32-bit.tif", "24", "lossless", tiff(unsigned, 1, 32)
    yield "fax-runs.tif", "24", "lossless", saved(photo.convert("1"), "TIFF", compression="tiff_ccitt")
    of_two = {292: 1}
    yield "fax-3-of-2.tif", "24", "lossless", saved(photo.convert("1"), "TIFF", compression="group3", tiffinfo=of_two)
    yield "ycbcr.tif", "24", "lossless", saved(photo.convert("YCbCr"), "TIFF")
    yield "cmyk.tif", "24", "lossless", saved(photo.convert("CMYK"), "TIFF", compression="tiff_lzw")
    yield "float.tif", "24", "lossless", saved(Image.fromarray((x * 7.3 - 50).astype(np.float32)), "TIFF")
    yield "orientation-6.tif", "24", "lossless", saved(photo, "TIFF", tiffinfo={274: 6})
    yield "bigtiff.tif", "24", "lossless", saved(photo, "TIFF", big_tiff=True)
    yield "jpeg-rgb.tif", "24", "lossless", saved(photo, "TIFF", compression="jpeg", quality=80)
    yield "jpeg-grey.tif", "24", "lossless", saved(photo.convert("L"), "TIFF", compression="jpeg", tiffinfo={278: 16})
    yield "jpeg-ycbcr.tif", "24", "lossless", jpeg_tiff(photo, 16, 2, 2)
    yield "jpeg-tables.tif", "24", "lossless", jpeg_tiff(photo, 16, 2, 1, tables=True)
    yield "rgba.tif", "24", "lossless", saved(Image.fromarray(rgba), "TIFF", compression="tiff_adobe_deflate")
    premultiplied = np.dstack([(array * (alpha[..., None] / 255)).astype(np.uint8), alpha])
    yield "premultiplied.tif", "24", "lossless", tiff(premultiplied, 2, tags=[(338, 1)])
    yield "rgbx.tif", "24", "lossless", tiff(rgba, 2, tags=[(338, 0)])
    yield "grey-alpha.tif", "24", "lossless", tiff(np.dstack([array[..., 0], alpha]), 1, tags=[(338, 2)])
    yield "white-is-zero.tif", "24", "lossless", tiff(array[..., :1], 0, order=">")
    yield "grey-16-bit.tif", "24", "lossless", tiff(deep[..., :1] // 200, 1, 16, ">")
    yield "rgb-16-bit.tif", "24", "lossless", tiff(deep, 2, 16, ">")
    packed = zlib.compress(differences(deep).astype(">u2").tobytes())
    yield "rgb-16-bit-differences.tif", "24", "lossless", tiff(deep, 2, 16, ">", [packed], [(259, 8), (317, 2)])
    yield "rgba-16-bit.tif", "24", "lossless", tiff(np.dstack([deep, deep[..., 1]]), 2, 16, tags=[(338, 2)])
    packed = [zlib.compress(differences(tile).tobytes()) for tile in tiles(array, 32, 16)]
    yield "tiles.tif", "24", "lossless", tiff(array, 2, chunks=packed, tags=[(259, 8), (317, 2), (322, 32), (323, 16)])
    planes = [array[..., channel].tobytes() for channel in range(3)]
    yield "planes.tif", "24", "lossless", tiff(array, 2, chunks=planes, tags=[(284, 2)])


def icons():
    scaled = Image.fromarray(scene(32, 32, 18))
    y, x = np.mgrid[0:32, 0:32]
    rgba = scaled.copy()
    rgba.putalpha(Image.fromarray(((x + y) * 4 % 256).astype(np.uint8)))
    sizes = [(16, 16), (32, 32)]
    yield "png.ico", "24", "lossless", saved(rgba, "ICO", sizes=sizes)
    yield "bitmap.ico", "24", "lossless", saved(rgba, "ICO", sizes=sizes, bitmap_format="bmp")
    # Masks that Pillow writes shorter than it reads them, and a transparent color that it passes over.
    short = {"sizes": [(24, 24)], "bitmap_format": "bmp"}
    yield "short-mask.ico", "24", "lossless", saved(scaled, "ICO", **short)
    yield "short-mask-one-bit.ico", "24", "lossless", saved(scaled.convert("1"), "ICO", **short)
    yield "palette.ico", "24", "lossless", saved(scaled.quantize(9), "ICO", sizes=sizes, transparency=3)
    small = np.asarray(scaled.resize((16, 16)))
    mask = np.packbits(np.arange(16 * 32).reshape(16, 32) % 3 == 0, axis=1).tobytes()
    body = small[::-1, :, ::-1].tobytes()
    bitmap = struct.pack("<IiiHHIIiiII", 40, 16, 32, 1, 24, 0, 0, 0, 0, 0, 0) + body + mask
    for kind, name in ((1, "masked.ico"), (2, "cursor.cur")):
        entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 24, len(bitmap), 22)
        yield name, "24", "lossless", struct.pack("<HHH", 0, kind, 1) + entry + bitmap


def tga(kind, depth, body, descriptor=0x20, size=(48, 36), map_fields=(0, 0, 0), colours=b""):
    width, height = size
    header = struct.pack("<BBBHHBHHHHBB", 0, bool(colours), kind, *map_fields, 0, 0, width, height, depth, descriptor)
    return header + colours + body


def others():
    """PNM, TGA and QOI."""
    array = scene(48, 36, 19)
    photo = Image.fromarray(array)
    grey = array[..., 0]
    rgba = np.dstack([array, grey])
    deep = array.astype(np.uint16) * 257
    text = b" ".join(b"%d" % value for value in (array >> 4).ravel())
    yield "binary.ppm", "24", "lossless", saved(photo, "PPM")
    yield "binary.pgm", "24", "lossless", saved(photo.convert("L"), "PPM")
    yield "binary.pbm", "24", "lossless", saved(photo.convert("1"), "PPM")
    floats = grey[::-1] * 1.5 - 40
    yield "floats.pfm", "24", "lossless", b"Pf\n48 36\n-1.0\n" + floats.astype("<f4").tobytes()
    yield "big-endian.pfm", "24", "lossless", b"Pf 48 36 2 " + floats.astype(">f4").tobytes()
    yield "bare.dib", "24", "lossless", saved(photo, "DIB")
    yield "bare-palette.dib", "24", "lossless", saved(photo.quantize(16), "DIB")
    yield "16-bit.ppm", "24", "lossless", b"P6 48 36 65535\n" + deep.astype(">u2").tobytes()
    yield "16-bit.pgm", "24", "lossless", b"P5\n# grey\n48 36\n65535\n" + (deep[..., 0] // 200).astype(">u2").tobytes()
    yield "seven-levels.pgm", "24", "lossless", b"P5 48 36 7\n" + (grey >> 5).tobytes()
    yield "text.ppm", "24", "lossless", b"P3\n48 36 # size\n15\n" + text
    yield "text.pbm", "24", "lossless", b"P1 48 36\n" + b"".join(b"%d" % (value > 99) for value in grey.ravel())
    yield "rgb.tga", "24", "lossless", saved(photo, "TGA")
    yield "run-length.tga", "24", "lossless", saved(Image.fromarray(rgba // 32 * 32), "TGA", compression="tga_rle")
    yield "grey.tga", "24", "lossless", saved(photo.convert("L"), "TGA", orientation=1)
    five = (array[..., 0].astype("<u2") >> 3) << 10 | (array[..., 1].astype("<u2") >> 3) << 5 | array[..., 2] >> 3
    yield "15-bit.tga", "24", "lossless", tga(2, 16, five.astype("<u2").tobytes())
    yield "from-right.tga", "24", "lossless", tga(2, 24, array[..., ::-1].tobytes(), 0x10)
    palette = photo.quantize(16)
    colours = np.asarray(palette.getpalette()[:48], np.uint8).reshape(-1, 3)[:, ::-1].tobytes()
    indices = (np.asarray(palette) + 3).astype(np.uint8).tobytes()
    yield "palette.tga", "24", "lossless", tga(1, 8, indices, map_fields=(3, 16, 24), colours=colours)
    yield "rgb.qoi", "24", "lossless", saved(photo, "QOI")
    yield "rgba.qoi", "24", "lossless", saved(Image.fromarray(rgba), "QOI")


def webp_chunks(data):
    at = 12
    while at < len(data):
        length = struct.unpack("<I", data[at + 4 : at + 8])[0]
        yield data[at : at + 4], data[at : at + 8 + length + length % 2]
        at += 8 + length + length % 2


def offset_webp(image, flags):
    """An animation whose first frame lies within a larger canvas, and blends."""
    width, height = image.size
    frame = b"".join(
        chunk for name, chunk in webp_chunks(saved(image, "WEBP", lossless=True, exact=True)) if name == b"VP8L"
    )

    def three(*values):
        return b"".join(struct.pack("<I", value)[:3] for value in values)

    def chunk(name, data):
        return name + struct.pack("<I", len(data)) + data

    frame = chunk(b"ANMF", three(5, 4, width - 1, height - 1, 100) + b"\0" + frame)
    canvas = chunk(b"VP8X", bytes([flags, 0, 0, 0]) + three(width + 19, height + 11))
    body = b"WEBP" + canvas + chunk(b"ANIM", b"\x10\x80\xf0\xff\0\0") + frame
    return chunk(b"RIFF", body)


def processors():
    """One picture through the other ways that a processor can be set."""
    data = saved(Image.fromarray(scene(75, 52, 12)), "PNG")
    for config in ("squeezed", "padded", "unscaled", "box", "hamming", "nearest"):
        yield "settings.png", config, "lossless", data
