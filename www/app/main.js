// Puts the page together: what the person does goes to the session and the question, what they say is drawn.

import { $, atMostEvery, onceAFrame, setText } from "./dom.js";
import { pictureAt } from "./intake/address.js";
import { Camera } from "./intake/camera.js";
import { see } from "./intake/decode.js";
import { listen } from "./intake/files.js";
import { offer } from "./intake/samples.js";
import { Judge } from "./judge.js";
import { Chips } from "./labels/chips.js";
import { parse } from "./labels/parse.js";
import { Scores } from "./labels/scoring.js";
import { Sets } from "./labels/sets.js";
import { Templates } from "./labels/templates.js";
import { Model } from "./model.js";
import { register } from "./offline.js";
import { Out } from "./out/dialog.js";
import { read } from "./out/link.js";
import { Pulse } from "./pulse.js";
import { Question } from "./question.js";
import { Session } from "./session.js";
import { fill, number, text } from "./strings.js";
import { Thumbs } from "./thumbs.js";
import { Detail } from "./view/detail.js";
import { Gallery } from "./view/gallery.js";
import { PictureMap } from "./view/map.js";
import { Overview } from "./view/overview.js";
import { Search } from "./view/search.js";
import { Shelf } from "./view/shelf.js";
import { QueueBar, Toolbar } from "./view/toolbar.js";

/** With more pictures than this, nobody needs the samples. */
const SAMPLES_UNTIL = 5;
/** Least time between two words to screen readers while the queue runs, and between two drawings of the tools. */
const SAY_EVERY = 2500;
const DRAW_EVERY = 250;

Object.assign(document.documentElement, { lang: text.language, dir: text.direction });
document.title = text.title;
fill(document);

/** The offer that was made last, which comes back when a message in its place is closed. */
let offered = null;

function notify(message, action) {
  setText($("notice-text"), message);
  $("notice-action").hidden = !action;
  if (action) {
    offered = { message, action };
    setText($("notice-action"), action.label);
    $("notice-action").onclick = () => {
      offered = null;
      action.run();
    };
  }
  $("notice").hidden = false;
}
$("notice-close").addEventListener("click", () => {
  const back = $("notice-action").hidden ? offered : null;
  if (!back) offered = null;
  $("notice").hidden = true;
  if (back) notify(back.message, back.action);
});

// ---- what there is ----

const question = new Question(parse(text.defaultLabels));
const judge = new Judge(question, () => session);
const session = new Session(see, judge.answer);
const thumbs = new Thumbs();
const shelf = new Shelf(session, question);
/** Tells screen readers, and everyone who looks at the head of the pictures. */
const tell = (words) => setText($("status"), words);
/** Tells screen readers alone, of what is seen elsewhere. */
const announce = (words) => setText($("said"), words);
const context = { question, judge, session, thumbs, shelf, notify, announce, act, pick };
const gallery = new Gallery($("gallery"), $("card"), context);
const detail = new Detail(context);
const map = new PictureMap(context);
const overview = new Overview(context);
const search = new Search(context);
const draw = onceAFrame(() => drawView());
const drawSoon = atMostEvery(DRAW_EVERY, draw);
const toolbar = new Toolbar({ ...context, onView: draw });
const queue = new QueueBar(session);
const pulse = new Pulse(session);

// ---- what is seen ----

function drawView() {
  const shown = shelf.list();
  toolbar.draw(shown.length);
  if (toolbar.view === "gallery") gallery.show(shown);
  else if (toolbar.view === "overview") overview.draw();
  else map.show(shown);
  setText($("speed"), text.speed(pulse));
}

/** What screen readers are told: the one answer, or how far the queue is, or how it ended. */
function summarise() {
  const { counts, open, pictures } = session;
  $("empty").hidden = pictures.size > 0;
  $("clear").hidden = pictures.size === 0;
  $("samples-box").hidden = pictures.size > SAMPLES_UNTIL;
  queue.draw();
  if (pictures.size === 0) return tell("");
  if (open > 0) return tell(text.progress(pictures.size - open, pictures.size));
  const [only] = pictures.values();
  const best = pictures.size === 1 && question.verdict(only);
  tell(best ? text.best(only.name, question.best(only), number(question.value(best), question.asked.score)) : text.finished(counts.done, counts.failed, counts.stopped));
}
const summariseSoon = atMostEvery(SAY_EVERY, summarise);

session.addEventListener("added", () => (summarise(), draw()));
session.addEventListener("changed", ({ picture }) => {
  detail.update(picture);
  if (session.open === 0) summarise();
  else summariseSoon();
  drawSoon();
});
session.addEventListener("queue", () => (summarise(), draw()));
session.addEventListener("removed", ({ pictures }) => {
  pictures.forEach((picture) => thumbs.forget(picture));
  if (shelf.liking?.picture && !session.pictures.has(shelf.liking.picture.id)) search.clear();
  if (session.pictures.size === 0) shelf.show({ filter: { kind: "all" } });
});
shelf.addEventListener("changed", draw);
judge.addEventListener("judged", () => (summarise(), draw(), detail.update()));
judge.addEventListener("failed", ({ error }) => notify(text.problem(error)));
judge.addEventListener("progress", () => {
  $("labels-progress").hidden = !judge.progress;
  if (judge.progress) setText($("labels-progress"), text.readingLabels(judge.progress.done, judge.progress.total));
});
question.addEventListener("shown", () => (gallery.measure(), summarise(), draw(), detail.update()));

/** What a person does to one picture. */
function act(action, picture) {
  if (action === "open") detail.open(picture);
  else if (action === "retry") session.retry([picture]);
  else if (action === "like") {
    search.like(picture);
    toolbar.show("gallery");
    $("liking-clear").focus();
  } else if (action === "closed") {
    if (toolbar.view === "gallery" && !shelf.liking) gallery.focus(picture);
  } else if (action === "remove") {
    const next = gallery.neighbour(picture);
    session.remove([picture.id]);
    if (!next) return $("add").focus();
    gallery.show(shelf.list());
    gallery.focus(next);
  }
}

/** Shows some pictures, called `words`. */
function pick(words, has) {
  shelf.show({ filter: { kind: "some", words, has } });
  toolbar.show("gallery");
  drawView();
  $("picked-clear").focus();
}

// ---- pictures in ----

const add = (entries) => session.add(entries);
listen({
  overlay: $("drop"),
  inputs: [
    { input: $("files"), openers: [$("add"), $("empty-add")] },
    { input: $("folder"), openers: [$("add-folder")] },
  ],
  onPictures: add,
  onLabels: (files) => sets.importFiles(files),
  onModel: (files) => model.load(files),
  onAddress: addAddress,
  onOthers: (count) => notify(text.notPictures(count)),
  onUnread: (paths) => notify(text.notRead(paths)),
});
$("clear").addEventListener("click", () => {
  session.remove([...session.pictures.keys()]);
  $("add").focus();
});
offer($("samples"), (file) => add([{ blob: file, name: file.name }]));

async function addAddress(address) {
  try {
    add([await pictureAt(address)]);
  } catch (error) {
    notify(error.message);
  }
}
$("address-open").addEventListener("click", () => $("address-dialog").showModal());
$("address-form").addEventListener("submit", ({ submitter }) => {
  const address = $("address").value.trim();
  $("address").value = "";
  if (submitter?.value === "add" && address) addAddress(address);
});

// ---- the question ----

// Where there is little room, what most people leave alone is folded away.
$("more").open = matchMedia("(min-width: 56rem)").matches;
new Chips(question);
new Templates(question);
new Scores(question);
const sets = new Sets(question, notify, (words) => setText($("labels-said"), words));
const camera = new Camera({ ...context, onPicture: (picture) => add([picture]) });
new Out({ ...context, model: () => model.shared });

// ---- model and offline ----

const model = new Model(
  (clip) => {
    session.use(clip);
    judge.use(clip);
    search.use(clip);
    camera.use(clip);
    map.forget();
  },
  (message) => notify(message),
);
model.load();

/** Takes over what a link carries: the one the page was opened by, or one that was pasted since. */
function follow() {
  const linked = read(location.hash);
  if (!linked) return;
  question.change(linked.asked);
  if (linked.model) notify(text.linkWantsModel(linked.model), { label: text.modelLoad, run: () => model.offer(linked.model) });
  else history.replaceState(null, "", location.pathname + location.search);
}
follow();
addEventListener("hashchange", follow);

/** Whether nobody has yet done anything here. */
let untouched = true;
for (const deed of ["pointerdown", "keydown"]) addEventListener(deed, () => (untouched = false), { capture: true, once: true });
register(
  (apply) => notify(text.updateReady, { label: text.reload, run: apply }),
  () => untouched && session.pictures.size === 0,
);
