// The templates that make a prompt of a label, with a preview of what CLIP reads: one, several of one's own, or the
// ensembles published with CLIP.

import { DEFAULT_TEMPLATE } from "../../cliplet/index.js";
import { ENSEMBLES } from "../core/query.js";
import { html, View } from "../core/view.js";
import { text } from "../strings/index.js";

/** Pause after a keystroke before the new template is used, in milliseconds. */
const SETTLE = 250;
const KINDS = ["one", "own", ...Object.keys(ENSEMBLES)];

export class TemplateSettings extends View {
  /** The pause after a keystroke, while it lasts. */
  #settling = null;

  connectedCallback() {
    super.connectedCallback();
    // Whoever goes on elsewhere means what is written, however soon. Not when the field is left: what then moves,
    // between a press and its release, would lose the click.
    document.addEventListener("click", () => this.#settling !== null && this.#take(), { capture: true });
  }

  render() {
    const { kind, template, own, wrong } = this.#written();
    const used = { one: [template], own }[kind] ?? ENSEMBLES[kind];
    const label = this.app.query.labels[0] ?? "…";
    const prompt = (used[0] ?? DEFAULT_TEMPLATE).replaceAll("{}", () => label);
    const invalid = (field) => String(kind === field && Boolean(wrong));
    const ensemble = kind in ENSEMBLES;
    return html`
      <div class="field">
        <label for="template-kind">${text.templateKind}</label>
        <select id="template-kind" @change=${() => this.#take()}>
          ${KINDS.map((one) => html`<option value=${one}>${text.templateKinds[one]}</option>`)}
        </select>
      </div>
      <div class="field" ?hidden=${kind !== "one"}>
        <label for="template">${text.templateLabel}</label>
        <input id="template" type="text" dir="auto" spellcheck="false" autocomplete="off" aria-describedby="template-help" aria-invalid=${invalid("one")} @input=${() => this.#typed()} />
      </div>
      <div class="field" ?hidden=${kind !== "own"}>
        <label for="templates-own">${text.templatesOwnLabel}</label>
        <textarea id="templates-own" rows="4" dir="auto" spellcheck="false" autocomplete="off" aria-describedby="template-help" aria-invalid=${invalid("own")} @input=${() => this.#typed()}></textarea>
      </div>
      <p id="template-help" class="quiet help ${wrong ? "wrong" : ""}">${wrong ? text.templateWrong : text.templatePreview(prompt, used.length)}</p>
      <details id="templates-list" class="quiet" ?hidden=${!ensemble}>
        <summary>${text.templatesList}</summary>
        <pre id="templates-lines" tabindex="0" aria-label=${text.templatesList}>${ensemble ? used.join("\n") : ""}</pre>
      </details>`;
  }

  firstUpdated() {
    const { kind, template, own } = this.app.query.settings;
    Object.assign(this.part("#template"), { value: template });
    Object.assign(this.part("#templates-own"), { value: own.join("\n") });
    Object.assign(this.part("#template-kind"), { value: kind });
    this.requestUpdate();
  }

  updated() {
    // Settings from elsewhere, such as a link's, are taken over; a field that is just being written is not touched.
    if (this.#settling === null && !this.#written().wrong && this.#fill()) this.requestUpdate();
  }

  /** Writes the settings into the fields; true where something changed. */
  #fill() {
    const { kind, template, own } = this.app.query.settings;
    const written = this.#written();
    const changed =
      written.kind !== kind || written.template !== template || JSON.stringify(written.own) !== JSON.stringify(own);
    if (!changed) return false;
    if (written.template !== template) this.part("#template").value = template;
    if (JSON.stringify(written.own) !== JSON.stringify(own)) this.part("#templates-own").value = own.join("\n");
    this.part("#template-kind").value = kind;
    return true;
  }

  /** The fields' contents, and the first template without a place for the label. */
  #written() {
    const field = this.part("#template-kind");
    if (!field) return { ...this.app.query.settings, wrong: undefined };
    const kind = field.value;
    const template = this.part("#template").value.trim() || DEFAULT_TEMPLATE;
    const lines = this.part("#templates-own")
      .value.split("\n")
      .map((line) => line.trim());
    const own = [...new Set(lines.filter(Boolean))];
    const used = { one: [template], own }[kind];
    return { kind, template, own, wrong: used?.find((one) => !one.includes("{}")) };
  }

  #typed() {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#take(), SETTLE);
    this.requestUpdate();
  }

  #take() {
    clearTimeout(this.#settling);
    const { wrong, ...written } = this.#written();
    const usable = !wrong && (written.kind !== "own" || written.own.length > 0);
    const { settings } = this.app.query;
    const changed = Object.keys(written).some((key) => JSON.stringify(written[key]) !== JSON.stringify(settings[key]));
    // A choice that is not complete yet stays written and is not overwritten by the settings.
    this.#settling = usable ? null : 0;
    if (usable && changed) this.app.query.change(written);
    this.requestUpdate();
  }
}
customElements.define("cl-template-settings", TemplateSettings);
