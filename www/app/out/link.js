// A question as a link: labels, templates and model in the part of the address that no server sees.
// Pictures are never in it.

import { ENSEMBLES } from "../question.js";

/**
 * An address of this page that asks the same.
 * @param {import("../question.js").Asked} asked
 * @param {string | null} model address or Hub id of a model that others can load; null for the included one
 */
export function link({ labels, kind, template, own }, model) {
  const words = new URLSearchParams();
  for (const label of labels) words.append("label", label);
  if (kind in ENSEMBLES) words.append("templates", kind);
  else for (const one of kind === "own" ? own : [template]) words.append("template", one);
  if (model) words.append("model", model);
  const address = new URL(location.href);
  address.search = "";
  address.hash = words.toString();
  return address.href;
}

/**
 * What a link asks.
 * @param {string} hash of the address, with its #
 * @returns {{asked: Partial<import("../question.js").Asked>, model: string | null} | null} null where it asks nothing
 */
export function read(hash) {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const labels = words.getAll("label");
  const templates = words.getAll("template").filter((template) => template.includes("{}"));
  const model = words.get("model");
  const asked = {};
  if (labels.length) asked.labels = labels;
  if (Object.hasOwn(ENSEMBLES, words.get("templates") ?? "")) asked.kind = words.get("templates");
  else if (templates.length === 1) Object.assign(asked, { kind: "one", template: templates[0] });
  else if (templates.length > 1) Object.assign(asked, { kind: "own", own: templates });
  return model || Object.keys(asked).length ? { asked, model } : null;
}
