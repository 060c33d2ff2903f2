// What is being asked and of which pictures: keeps pictures, their embeddings and their answers, and
// computes only what a change made stale. Knows no elements; announces changes as events.

/**
 * @typedef {object} Picture
 * @property {number} id
 * @property {string} name
 * @property {Blob} blob
 * @property {"queued" | "working" | "done" | "failed"} state
 * @property {string} [problem] why it failed
 * @property {Float32Array} [embedding]
 * @property {{label: string, score: number, logit: number}[]} [ranks]
 */

export class Session extends EventTarget {
  /** @type {Map<number, Picture>} */
  pictures = new Map();
  #clip = null;
  #labels = [];
  #template = "";
  #next = 1;
  #running = false;
  #stale = false;

  get labels() {
    return this.#labels;
  }

  get ready() {
    return this.#clip !== null;
  }

  /** Adds pictures; they are answered in this order once a model is there. */
  add(blobs) {
    for (const blob of blobs) {
      const picture = { id: this.#next++, name: blob.name || "pasted picture", blob, state: "queued" };
      this.pictures.set(picture.id, picture);
      this.#announce("added", picture);
    }
    this.#run();
  }

  remove(id) {
    const picture = this.pictures.get(id);
    if (!picture) return;
    this.pictures.delete(id);
    this.#announce("removed", picture);
  }

  clear() {
    for (const id of [...this.pictures.keys()]) this.remove(id);
  }

  /** Asks other labels; embeddings of pictures stay. */
  ask(labels, template) {
    this.#labels = labels;
    this.#template = template;
    this.#stale = true;
    this.#run();
  }

  /** Takes a model: with another one every picture is looked at again. */
  use(clip) {
    this.#clip = clip;
    for (const picture of this.pictures.values()) {
      picture.embedding = undefined;
      picture.state = "queued";
      this.#announce("changed", picture);
    }
    this.#run();
  }

  #announce(type, picture) {
    this.dispatchEvent(Object.assign(new Event(type), { picture }));
  }

  /** Works until nothing is queued or stale; one loop at a time. */
  async #run() {
    if (this.#running || !this.#clip) return;
    this.#running = true;
    try {
      for (let work = this.#pick(); work; work = this.#pick()) await work();
    } finally {
      this.#running = false;
      this.dispatchEvent(new Event("idle"));
    }
  }

  /** The next thing to do: new answers for pictures already seen come before new pictures. */
  #pick() {
    const pictures = [...this.pictures.values()];
    if (this.#stale) {
      this.#stale = false;
      return () => this.#rankAll(pictures.filter((picture) => picture.embedding));
    }
    const queued = pictures.find((picture) => picture.state === "queued");
    return queued && (() => this.#look(queued));
  }

  async #rankAll(pictures) {
    for (const picture of pictures) {
      if (this.#stale) return;
      await this.#rank(picture).catch((error) => this.#fail(picture, error));
      this.#announce("changed", picture);
    }
  }

  async #look(picture) {
    picture.state = "working";
    this.#announce("changed", picture);
    const clip = this.#clip;
    try {
      picture.embedding = await clip.embedImage(picture.blob);
      await this.#rank(picture);
    } catch (error) {
      this.#fail(picture, error);
    }
    // A model that came meanwhile wants to see the picture itself.
    if (clip !== this.#clip) Object.assign(picture, { state: "queued", embedding: undefined });
    this.#announce("changed", picture);
  }

  async #rank(picture) {
    const [labels, template] = [this.#labels, this.#template];
    picture.ranks = labels.length
      ? await this.#clip.classify(picture.embedding, labels, { template, topK: labels.length })
      : [];
    picture.state = "done";
  }

  #fail(picture, error) {
    picture.state = "failed";
    picture.problem = error.message;
  }
}
