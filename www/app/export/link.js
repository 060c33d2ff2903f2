// Settings as a link: labels, templates and model in the part of the address that no server sees. Images are never in
// it.

import { ENSEMBLES } from "../core/query.js";

/**
 * An address of this page with these settings.
 * @param {import("../core/query.js").Settings} settings
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
 * Reads the settings of a link.
 * @param {string} hash of the address, with its #
 * @returns {{settings: Partial<import("../core/query.js").Settings>, model: string | null} | null} null where it has none
 */
export function read(hash) {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const labels = words.getAll("label");
  const templates = words.getAll("template").filter((template) => template.includes("{}"));
  const model = words.get("model");
  const settings = {};
  if (labels.length) settings.labels = [...new Set(labels.map((label) => label.trim()).filter(Boolean))];
  if (Object.hasOwn(ENSEMBLES, words.get("templates") ?? "")) settings.kind = words.get("templates");
  else if (templates.length === 1) Object.assign(settings, { kind: "one", template: templates[0] });
  else if (templates.length > 1) Object.assign(settings, { kind: "own", own: templates });
  return model || Object.keys(settings).length ? { settings, model } : null;
}
