// The pictures that the element was given, and the one of them that it shows.

/** @typedef {import("./types.js").ImageSource} ImageSource */
/** @typedef {import("./element-parts.js").Words} Words */

export class ElementPictures {
  /** The picture in question. @type {ImageSource | null} */
  current = null;
  /** All that were given together. @type {ImageSource[]} */
  #all = [];
  /** Address of a file that is shown. @type {string | null} */
  #address = null;
  #parts;
  #words;

  /**
   * @param {ReturnType<typeof import("./element-parts.js").partsFor>} parts
   * @param {() => Words} words
   */
  constructor(parts, words) {
    this.#parts = parts;
    this.#words = words;
  }

  /**
   * Takes pictures and shows the first.
   * @param {ImageSource[]} images
   */
  take(images) {
    this.#all = images;
    this.current = images[0];
    this.show();
  }

  /**
   * Shows the picture after or before, if there is one.
   * @param {1 | -1} by
   * @returns {boolean} whether there is
   */
  step(by) {
    const next = this.#all[this.#place + by];
    if (!next) return false;
    this.current = next;
    this.show();
    return true;
  }

  clear() {
    const { preview, button, hint, several } = this.#parts;
    this.hide();
    [this.current, this.#all] = [null, []];
    preview.hidden = true;
    preview.removeAttribute("src");
    several.hidden = true;
    button.textContent = this.#words().choose;
    hint.hidden = false;
  }

  /** Frees the shown file's address, while the element is out of the document. */
  hide() {
    if (this.#address) URL.revokeObjectURL(this.#address);
    this.#address = null;
  }

  get #place() {
    return this.#all.indexOf(/** @type {ImageSource} */ (this.current));
  }

  /** Shows the picture in question and its place among the others. */
  show() {
    const { preview, button, hint, several, previous, place, next } = this.#parts;
    const image = this.current;
    this.hide();
    this.#address = image instanceof Blob ? URL.createObjectURL(image) : null;
    const address = this.#address ?? (typeof image === "string" || image instanceof URL ? String(image) : null);
    preview.hidden = !address;
    if (address) preview.src = address;
    several.hidden = this.#all.length < 2;
    place.textContent = this.#words().place(this.#place + 1, this.#all.length);
    previous.disabled = this.#place <= 0;
    next.disabled = this.#place >= this.#all.length - 1;
    button.textContent = this.#words().again;
    hint.hidden = true;
  }
}
