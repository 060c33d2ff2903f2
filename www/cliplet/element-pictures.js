// The pictures that the element was given, and the one of them that it shows.

/** @typedef {import("./types.js").ImageSource} ImageSource */
/** @typedef {import("./element-parts.js").Words} Words */

export class ElementPictures {
  /** The picture that is shown. @type {ImageSource | null} */
  current = null;
  /** All that were given together. @type {ImageSource[]} */
  #all = [];
  /** Place among them of the one that is shown. */
  #place = 0;
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
    [this.#all, this.#place] = [images, 0];
    this.current = images[0];
    this.show();
  }

  /**
   * Shows the picture after or before, if there is one.
   * @param {1 | -1} by
   * @returns {boolean} true if there is one
   */
  step(by) {
    const next = this.#all[this.#place + by];
    if (!next) return false;
    this.#place += by;
    this.current = next;
    this.show();
    return true;
  }

  clear() {
    const { preview, button, hint, several } = this.#parts;
    this.hide();
    [this.current, this.#all, this.#place] = [null, [], 0];
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

  /** Shows the current picture and its place among the others. */
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
