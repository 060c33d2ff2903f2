// The page without a single element: the models that features share, and the events by which they speak to each other.
//
// Events: "draw" when anything changed; "open", "similar" and "closed" with an `item`; "pick" with `words` and `has`;
// "compare" with `items`; "camera", "export", "save-set", "add-url", "learn", "about-model" and "offer-model" (with `source`) open what they are
// called after; "camera-stop" turns the camera off; "focus-item" (with `item`) and "focus-add" move the focus; "engine-wanted" makes work in the background
// give way.

import { Classifier } from "./core/classifier.js";
import { atMostEvery } from "./core/dom.js";
import { LongTasks } from "./core/long-tasks.js";
import { Query } from "./core/query.js";
import { Session } from "./core/session.js";
import { GalleryModel } from "./gallery/gallery-model.js";
import { Thumbnails } from "./gallery/thumbnails.js";
import { embed } from "./input/decode.js";
import { Importer } from "./input/importer.js";
import { LabelEditor } from "./labels/label-editor.js";
import { LabelSets } from "./labels/label-sets.js";
import { Model } from "./model/model.js";
import { Notices } from "./notices/notices.js";
import { SavedSession } from "./saved/saved-session.js";
import { Search } from "./search/search.js";
import { Selection } from "./selection/selection.js";
import { text } from "./strings/index.js";
import { Suggestions } from "./suggestions/suggestions.js";

/** While the queue runs, the page is drawn at most so often, in milliseconds. */
const DRAW_EVERY = 250;

export class App extends EventTarget {
  notices = new Notices(this);
  query = new Query();
  classifier = new Classifier(this.query, () => this.session);
  session = new Session(embed, this.classifier.answer);
  thumbnails = new Thumbnails();
  gallery = new GalleryModel(this);
  selection = new Selection(this);
  labels = new LabelEditor(this);
  sets = new LabelSets(this);
  search = new Search(this);
  suggestions = new Suggestions(this);
  importer = new Importer(this);
  saved = new SavedSession(this);
  longTasks = new LongTasks(this.session);
  model = new Model(this);
  /** True while the camera's picture takes the place of the large drop target. */
  cameraOn = false;
  /** The last words for screen readers alone. */
  spoken = "";
  #drawSoon = atMostEvery(DRAW_EVERY, () => this.redraw());

  constructor() {
    super();
    const { session, classifier, query } = this;
    for (const type of ["added", "removed", "queue"]) session.addEventListener(type, () => this.redraw());
    session.addEventListener("changed", () => (session.open > 0 ? this.#drawSoon() : this.redraw()));
    session.addEventListener("removed", ({ items }) => {
      for (const item of items) this.thumbnails.forget(item);
    });
    for (const type of ["ranked", "progress"]) classifier.addEventListener(type, () => this.redraw());
    classifier.addEventListener("failed", ({ error }) => this.notices.add(text.problem(error)));
    for (const type of ["embed", "display"]) query.addEventListener(type, () => this.redraw());
  }

  /** Tells the features something. */
  emit(type, detail = {}) {
    this.dispatchEvent(Object.assign(new Event(type), detail));
  }

  /** Draws every view in the next frame. */
  redraw() {
    this.emit("draw");
  }

  announce(words) {
    this.spoken = words;
    this.redraw();
  }

  /** Removes images, which can be undone: together with those removed just before, as long as undoing is on offer. */
  remove(items) {
    const removed = this.session.remove(items.map(({ id }) => id));
    if (removed.length === 0) return;
    const before = this.notices.undo?.removed ?? [];
    const all = [...before, ...removed];
    this.notices.toast(
      text.removed(all.length),
      { label: text.undo, run: () => this.session.restore(all) },
      { removed: all },
    );
  }
}
