// Puts the page together: what the person does goes to the session, what the session says is drawn.

import { Gallery } from "./gallery.js";
import { listen } from "./intake.js";
import { Model } from "./model.js";
import { register } from "./offline.js";
import { offer } from "./samples.js";
import { Session } from "./session.js";
import { fill, percent, text } from "./strings.js";
import { DEFAULT_TEMPLATE } from "../cliplet/index.js";

const $ = (id) => document.getElementById(id);
const REMEMBERED = "cliplet-asked";
/** Pause after a keystroke before labels are asked, in milliseconds. */
const SETTLE = 250;
/** With more pictures than this, nobody needs the samples. */
const SAMPLES_UNTIL = 5;

fill(document);
const session = new Session();
const gallery = new Gallery($("gallery"), $("card"), (id) => session.remove(id));

function notify(message, action) {
  $("notice-text").textContent = message;
  $("notice-action").hidden = !action;
  if (action) {
    $("notice-action").textContent = action.label;
    $("notice-action").onclick = action.run;
  }
  $("notice").hidden = false;
}
$("notice-close").addEventListener("click", () => ($("notice").hidden = true));

// ---- pictures ----

const draw = (picture) => gallery.update(picture, { ready: session.ready, asked: session.labels.length > 0 });

function summarise() {
  const all = [...session.pictures.values()];
  const count = (...states) => all.filter(({ state }) => states.includes(state)).length;
  const failed = count("failed");
  const open = count("queued", "working");
  $("empty").hidden = all.length > 0;
  $("clear").hidden = all.length === 0;
  $("samples-box").hidden = all.length > SAMPLES_UNTIL;
  if (all.length === 0) $("status").textContent = "";
  else if (open > 0) $("status").textContent = text.progress(all.length - open, all.length);
  else $("status").textContent = all.length === 1 ? spoken(all[0]) : text.finished(all.length - failed, failed);
}

/** The one answer in words, for screen readers above all. */
function spoken(picture) {
  const best = picture.ranks?.[0];
  return best ? text.best(picture.name, best.label, percent(best.score)) : text.finished(picture.state === "done" ? 1 : 0, picture.state === "failed" ? 1 : 0);
}

session.addEventListener("added", ({ picture }) => (gallery.add(picture), draw(picture), summarise()));
session.addEventListener("changed", ({ picture }) => (draw(picture), summarise()));
session.addEventListener("removed", ({ picture }) => {
  gallery.remove(picture.id);
  summarise();
  if (session.pictures.size === 0) $("add").focus();
});
session.addEventListener("idle", summarise);

listen({
  overlay: $("drop"),
  input: $("files"),
  openers: [$("add"), $("empty-add")],
  onFiles: (files) => session.add(files),
});
$("clear").addEventListener("click", () => session.clear());
offer($("samples"), (file) => session.add([file]));

// ---- labels ----

const parse = (value) => [...new Set(value.split(/[,\r\n]/).map((label) => label.trim()).filter(Boolean))];

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(REMEMBERED)) ?? {};
  } catch {
    return {};
  }
}

function ask() {
  const labels = parse($("labels").value);
  const template = $("template").value.trim() || DEFAULT_TEMPLATE;
  const fits = template.includes("{}");
  $("template").setAttribute("aria-invalid", String(!fits));
  $("template-help").textContent = fits
    ? text.templatePreview(template.replaceAll("{}", labels[0] ?? "…"))
    : text.templateWrong;
  if (!fits) return;
  try {
    localStorage.setItem(REMEMBERED, JSON.stringify({ labels: $("labels").value, template: $("template").value }));
  } catch {
    // Without storage the labels are simply not remembered.
  }
  session.ask(labels, template);
}

let settling;
function settle() {
  clearTimeout(settling);
  settling = setTimeout(ask, SETTLE);
}
const before = remembered();
$("labels").value = before.labels ?? text.defaultLabels;
$("template").value = before.template ?? DEFAULT_TEMPLATE;
$("labels").addEventListener("input", settle);
$("template").addEventListener("input", settle);
ask();

// ---- model and offline ----

const model = new Model((clip) => session.use(clip), (message) => notify(message));
model.load();
register((apply) => notify(text.updateReady, { label: text.reload, run: apply }));
