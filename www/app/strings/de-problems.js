// The engine's messages in German. The engine writes English; each message that a visitor can meet is recognized by its
// form, and its values go into the German sentence.

const number = (value) => Number(value).toLocaleString("de");
const list = (names) => names.replace(/ or /g, " oder ").replace(/ and /g, " und ");

/** Of an image: forms of the message without the file's name. @type {[RegExp, (...values: string[]) => string][]} */
const IMAGE = [
  [
    /^this is not an image of a supported kind \((.*)\)$/i,
    (kinds) => `Das ist kein Bild einer unterstützten Art (${list(kinds)}).`,
  ],
  [/^video \(.*\) is not supported/, () => "Das ist ein Video und kein Bild."],
  [
    /^([^:]+) is not supported; convert it to JPEG or PNG$/,
    (kind) => `${kind} wird nicht unterstützt. Bitte als JPEG oder PNG speichern.`,
  ],
  [
    /^([^:]+) with ([^:]+) is not supported(?:; convert it to PNG)?$/,
    (kind, what) => `Diese Art von ${kind} („${what}“) wird nicht unterstützt. Bitte als PNG speichern.`,
  ],
  [
    /^(\d+)x(\d+) pixels are ([\d.]+) megapixels, over the limit of ([\d.]+)$/,
    (width, height, size, most) =>
      `Das Bild ist mit ${width} × ${height} Pixeln (${number(size)} Megapixel) zu groß; höchstens ${number(most)} Megapixel sind möglich. Bitte verkleinern.`,
  ],
  [
    /^(\d+)x(\d+) pixels of .* take (\d+) MB of memory, more than there is/,
    (width, height, size) =>
      `Für die ${width} × ${height} Pixel werden ${number(size)} MB Arbeitsspeicher gebraucht, mehr als da sind. Bitte verkleinern.`,
  ],
  [
    /^(\d+) x (\d+) pixels are more than this browser's canvas can hold$/,
    (width, height) => `Das Bild ist mit ${width} × ${height} Pixeln zu groß für diesen Browser. Bitte verkleinern.`,
  ],
  [
    /^damaged (\w+): the file ends early/i,
    (kind) => `Die ${kind}-Datei ist unvollständig: Sie endet zu früh. Bitte noch einmal kopieren oder herunterladen.`,
  ],
  [/^damaged ([\w ]+): /i, (kind) => `Die ${kind}-Datei ist beschädigt.`],
  [
    /^the engine stopped at this image, perhaps for want of memory/i,
    () => "Bei diesem Bild hat der Speicher nicht gereicht. Die Berechnung wurde neu gestartet. Bitte verkleinern.",
  ],
  [
    /^the file could not be read; was it moved or changed meanwhile\?$/i,
    () => "Die Datei lässt sich nicht lesen. Wurde sie inzwischen verschoben oder geändert?",
  ],
];

/** Of a model, after the name of the file or model. @type {[RegExp, (...values: string[]) => string][]} */
const MODEL = [
  [
    /^the server answered 404\b/,
    () => "Das gibt es auf dem Server nicht (404). Bitte den Namen oder die Adresse prüfen.",
  ],
  [
    /^the server answered (401|403)\b/,
    (status) => `Der Server gibt es nicht frei (${status}). Vielleicht ist eine Anmeldung nötig.`,
  ],
  [
    /^the server answered (\d+)/,
    (status) => `Der Server antwortete mit dem Fehler ${status}. Bitte später noch einmal versuchen.`,
  ],
  [
    /^the server answered with a web page, not with the file/,
    () =>
      "Der Server schickte eine Webseite statt der Datei. Bitte die Adresse prüfen, und ob dieses Netz eine Anmeldung verlangt.",
  ],
  [
    /^it stopped arriving/,
    () => "Das Herunterladen ist stecken geblieben. Bitte die Verbindung prüfen und noch einmal versuchen.",
  ],
  [/^could not be fetched/, () => "Es konnte nicht geholt werden. Bitte die Adresse und die Verbindung prüfen."],
  [
    /^the files? on the server ha(?:s|ve) changed/,
    () => "Die Datei auf dem Server hat sich geändert. Bitte noch einmal laden.",
  ],
  [/^it is no longer on this device$/, () => "Es ist nicht mehr auf diesem Gerät."],
  [
    /^it could not be read; (?:is another tab busy with it|was it moved or changed meanwhile)\?$/,
    () => "Es lässt sich nicht lesen. Ist ein anderer Tab damit beschäftigt, oder wurde die Datei verschoben?",
  ],
  [/not a GGUF file/, () => "Das ist keine Modelldatei: GGUF wird erwartet."],
  [/GGUF version (\d+)/, (version) => `Diese Version des Dateiformats (GGUF ${version}) wird nicht unterstützt.`],
  [/^the repository has no config\.json/, () => "Das ist kein CLIP, wie Hugging Face es ablegt: config.json fehlt."],
  [/^the repository has none of (.*); name a revision/, (files) => `Dort liegt keine Datei mit Gewichten (${files}).`],
  [
    /holds weights only: choose it together with (.*) of its folder$/,
    (files) => `Das sind nur Gewichte. Bitte zusammen mit ${list(files)} aus demselben Ordner auswählen.`,
  ],
  [
    /choose a \.gguf, or weights \(/,
    () =>
      "Das ist keine Modelldatei. Bitte eine .gguf wählen, oder Gewichte (.safetensors, .bin) mit den kleinen Dateien daneben.",
  ],
  [/^choose (.*) too, which it lists$/, (files) => `Bitte auch ${files} auswählen.`],
];

/** Whole messages, whatever they are about. @type {[RegExp, (...values: string[]) => string][]} */
const ANY = [
  [
    /^(.+) names no model: write owner\/name of the Hugging Face Hub, as in (\S+),/,
    (name, example) =>
      `${name} ist kein Name eines Modells. Bitte Besitzer und Name vom Hugging Face Hub angeben, etwa ${example}.`,
  ],
  [
    /^(.+) is no Hub id: write/,
    (name) =>
      `${name.replace(/^hf:/, "")} ist kein Name auf dem Hugging Face Hub. Bitte Besitzer und Name angeben, etwa openai/clip-vit-base-patch32.`,
  ],
  [/^(.+) is no page of a model: write/, (address) => `${address} ist nicht die Seite eines Modells.`],
  [/^(.+) is no address of a model: write/, (address) => `${address} ist keine Adresse eines Modells.`],
  [
    /^this browser has no WebAssembly SIMD/,
    () => "Diesem Browser fehlt WebAssembly SIMD. Bitte aktualisieren oder einen anderen verwenden.",
  ],
  [
    /^the engine stopped and could not be started again/,
    () => "Die Berechnung wurde abgebrochen und ließ sich nicht neu starten. Bitte die Seite neu laden.",
  ],
  [
    /^the engine stopped: its worker could not start/,
    () => "Die Berechnung ließ sich nicht starten. Bitte die Seite neu laden.",
  ],
  [/^the engine stopped: /, () => "Die Berechnung wurde abgebrochen und neu gestartet. Bitte noch einmal versuchen."],
  [
    /^this model is no longer cached on this device/,
    () => "Dieses Modell ist nicht mehr auf diesem Gerät. Bitte noch einmal von dort laden, woher es kam.",
  ],
];

/** Sentences for messages of no known form, by the error's code; the English message follows in parentheses. */
const KINDS = {
  network: "Das Herunterladen ist fehlgeschlagen.",
  changed: "Die Datei auf dem Server hat sich geändert.",
  image: "Das Bild lässt sich nicht lesen.",
  model: "Die Modelldatei ist nicht in Ordnung.",
  tokenizer: "Die Modelldatei ist nicht in Ordnung.",
  unsupported: "Das wird nicht unterstützt.",
  engine: "Die Berechnung wurde abgebrochen und neu gestartet.",
  compute: "Die Berechnung ist fehlgeschlagen.",
  input: "Das lässt sich nicht verwenden.",
  io: "Die Datei lässt sich nicht lesen.",
};

/**
 * The first form that a message has, in German.
 * @param {[RegExp, (...values: string[]) => string][]} forms
 * @param {string} message
 */
function translated(forms, message) {
  for (const [form, write] of forms) {
    const found = form.exec(message);
    if (found) return write(...found.slice(1));
  }
  return undefined;
}

/**
 * A problem of the engine in German.
 * @param {{ code?: string, message: string }} problem
 * @returns {string}
 */
export function problem({ code, message }) {
  const whole = translated(ANY, message) ?? translated(IMAGE, message);
  if (whole) return whole;
  const [, name, rest] = /^(\S.*?): (.*)$/s.exec(message) ?? [];
  const named = rest && (translated(MODEL, rest) ?? translated(IMAGE, rest.replace(/^image: /, "")));
  if (named) return `${name}: ${named}`;
  const bare = translated(MODEL, message);
  if (bare) return bare;
  const kind = KINDS[code];
  return kind ? `${kind} (${message})` : message;
}
