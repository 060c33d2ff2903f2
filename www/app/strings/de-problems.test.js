import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { problem } from "./de-problems.js";

const ROOT = new URL("../../../", import.meta.url);

/** Messages as the engine writes them, a part of each that stands so in its source, and a part of the German sentence. */
const MESSAGES = [
  [
    "image",
    "This is not an image of a supported kind (JPEG, PNG or AVIF)",
    "this is not an image of a supported kind",
    /Das ist kein Bild.*JPEG, PNG oder AVIF/,
  ],
  [
    "image",
    "a.png: image: this is not an image of a supported kind (PNG or AVIF)",
    "this is not an image of a supported kind",
    /^a\.png: Das ist kein Bild/,
  ],
  [
    "image",
    "JPEG XL is not supported; convert it to JPEG or PNG",
    "is not supported; convert it to JPEG or PNG",
    /^JPEG XL wird nicht unterstützt/,
  ],
  [
    "image",
    "TIFF with compression 7 is not supported; convert it to PNG",
    "is not supported; convert it to PNG",
    /TIFF \(„compression 7“\)/,
  ],
  [
    "image",
    "30000x20000 pixels are 600 megapixels, over the limit of 512",
    "megapixels, over the limit of",
    /30000 × 20000 Pixeln \(600 Megapixel\).*512/,
  ],
  [
    "image",
    "9000x9000 pixels of PNG take 1243 MB of memory, more than there is; make the image smaller",
    "MB of memory, more than there is",
    /1\.243 MB/,
  ],
  ["image", "Damaged JPEG: the file ends early", "the file ends early", /JPEG-Datei ist unvollständig/],
  ["image", "Damaged PNG: its header says 0x0 pixels", "its header says", /^Die PNG-Datei ist beschädigt\.$/],
  [
    "engine",
    "a.png: the engine stopped at this image, perhaps for want of memory, and was started again",
    "the engine stopped at this image, perhaps for want of memory",
    /^a\.png: Bei diesem Bild/,
  ],
  [
    "io",
    "a.png: the file could not be read; was it moved or changed meanwhile?",
    "the file could not be read; was it moved",
    /^a\.png: Die Datei/,
  ],
  [
    "network",
    "no/such: the server answered 404 Not Found",
    "the server answered",
    /^no\/such: Das gibt es auf dem Server nicht/,
  ],
  ["network", "a/b: the server answered 401", "the server answered", /nicht frei \(401\)/],
  ["network", "m.gguf: the server answered 503 Service Unavailable", "the server answered", /Fehler 503/],
  [
    "network",
    "m.gguf: the server answered with a web page, not with the file; check the address",
    "the server answered with a web page, not with the file",
    /Webseite statt der Datei/,
  ],
  [
    "network",
    "m.gguf: it stopped arriving (nothing arrived for 15 s); check the connection",
    "it stopped arriving",
    /stecken geblieben/,
  ],
  [
    "network",
    "m.gguf: could not be fetched; check the address and the connection",
    "could not be fetched",
    /konnte nicht geholt werden/,
  ],
  [
    "changed",
    "m.gguf: the file on the server has changed; load it again",
    "the file on the server has changed",
    /hat sich geändert/,
  ],
  ["model", "m.gguf: it is no longer on this device", "it is no longer on this device", /nicht mehr auf diesem Gerät/],
  ["model", 'm.gguf: not a GGUF file: it starts with "PK" (at byte 4)', "not a GGUF file", /GGUF wird erwartet/],
  ["unsupported", "m.gguf: GGUF version 9; only 3 is supported", "GGUF version", /GGUF 9/],
  ["model", "a/b: the repository has no config.json, which a CLIP has", "the repository has no ", /config\.json fehlt/],
  [
    "network",
    "a/b: the repository has none of model.safetensors; name a revision that has one",
    "the repository has none of",
    /keine Datei mit Gewichten/,
  ],
  [
    "input",
    "model.safetensors holds weights only: choose it together with config.json and tokenizer.json of its folder",
    "holds weights only: choose it together with",
    /config\.json und tokenizer\.json/,
  ],
  [
    "input",
    "a.txt: choose a .gguf, or weights (.safetensors, .bin) with the small files beside them",
    "choose a .gguf, or weights",
    /keine Modelldatei/,
  ],
  [
    "input",
    "clip names no model: write owner/name of the Hugging Face Hub, as in openai/x, or ./clip for a file",
    "names no model: write owner/name of the Hugging Face Hub, as in",
    /^clip ist kein Name.*openai\/x/,
  ],
  ["input", "hf:clip is no Hub id: write hf:owner/name", "is no Hub id: write", /^clip ist kein Name/],
  [
    "input",
    "https://huggingface.co/a is no page of a model: write its owner",
    "is no page of a model: write",
    /nicht die Seite eines Modells/,
  ],
  ["input", "http:// is no address of a model: write one", "is no address of a model: write", /keine Adresse/],
  [
    "unsupported",
    "this browser has no WebAssembly SIMD: update it, or use another",
    "this browser has no WebAssembly SIMD",
    /WebAssembly SIMD/,
  ],
  [
    "engine",
    "the engine stopped and could not be started again: x",
    "the engine stopped and could not be started again",
    /Seite neu laden/,
  ],
  ["engine", "the engine stopped: its worker could not start", "its worker could not start", /ließ sich nicht starten/],
  ["engine", "the engine stopped: unreachable", "the engine stopped: ", /abgebrochen und neu gestartet/],
  [
    "input",
    "this model is no longer cached on this device; load it from where it came",
    "this model is no longer cached on this device",
    /nicht mehr auf diesem Gerät/,
  ],
];

/** The text of all source files below a folder. */
async function sourceOf(folder, extension) {
  const entries = await readdir(new URL(folder, ROOT), { recursive: true });
  const files = entries.filter((path) => path.endsWith(extension) && !/node_modules|\.test\./.test(path));
  return (await Promise.all(files.map((path) => readFile(new URL(`${folder}${path}`, ROOT), "utf8")))).join("\n");
}

const source = (await Promise.all([sourceOf("src/", ".rs"), sourceOf("www/cliplet/", ".js")])).join("\n");

for (const [code, message, part, german] of MESSAGES) {
  test(`in German: ${message}`, () => {
    assert.ok(source.includes(part), `the engine writes no such message any more: ${part}`);
    const told = problem({ code, message });
    assert.match(told, german);
    assert.doesNotMatch(told, /\b(the|is|not|was|with)\b/);
  });
}

test("a message of no known form has its kind in German, and follows in parentheses", () => {
  assert.equal(
    problem({ code: "model", message: "m.gguf: tensor x is missing" }),
    "Die Modelldatei ist nicht in Ordnung. (m.gguf: tensor x is missing)",
  );
  assert.equal(problem({ message: "Es fehlt etwas." }), "Es fehlt etwas.");
});
