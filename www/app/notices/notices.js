// Messages: notices stay until they are dismissed, and none pushes another one out; toasts offer to undo for a while.

import { html, nothing, View } from "../core/view.js";
import { text } from "../strings/index.js";

/** Milliseconds that a toast stays. */
const TOAST_FOR = 12_000;
/** Number of different messages that stay at once: the latest ones; where they are many, their list scrolls. */
const MOST = 50;

/** @typedef {{message: string, tone?: "problem" | "offer", actions: {label: string, run: () => void}[]}} Notice */

export class Notices {
  /** @type {Notice[]} */
  list = [];
  /** @type {(Notice & {removed?: import("../core/session.js").Item[]}) | null} */
  undo = null;
  #app;
  #timer;

  constructor(app) {
    this.#app = app;
  }

  /** Shows a problem until it is dismissed. */
  add(message, ...actions) {
    this.#show({ message, actions, tone: "problem" });
  }

  /** Shows something that is no problem, with what can be done about it, until it is dismissed. */
  offer(message, ...actions) {
    this.#show({ message, actions, tone: "offer" });
  }

  #show(notice) {
    this.list = [...this.list.filter(({ message }) => message !== notice.message), notice].slice(-MOST);
    this.#app.redraw();
  }

  dismiss(notice) {
    this.list = this.list.filter((one) => one !== notice);
    this.#app.redraw();
  }

  /**
   * Shows a message for a while, with something that can be done about it.
   * @param {string} message
   * @param {{label: string, run: () => void}} [action]
   * @param {object} [about] what the action is about, for whoever shows the next one
   */
  toast(message, action, about) {
    this.undo = { ...about, message, actions: action ? [action] : [] };
    this.holdToast(false);
    this.#app.redraw();
  }

  /** Has the toast stay while somebody reads it or is about to press its button. */
  holdToast(held) {
    clearTimeout(this.#timer);
    if (!held && this.undo) this.#timer = setTimeout(() => this.endToast(), TOAST_FOR);
  }

  endToast() {
    clearTimeout(this.#timer);
    this.undo = null;
    this.#app.redraw();
  }
}

class NoticeList extends View {
  render() {
    const { list, undo } = this.app.notices;
    const hold = (held) => () => this.app.notices.holdToast(held);
    return html`
      ${list.length ? html`<div class="notices" role="alert">${list.map((notice) => this.#notice(notice))}</div>` : nothing}
      <div class="toast" aria-live="polite" ?hidden=${!undo} @pointerenter=${hold(true)} @pointerleave=${hold(false)} @focusin=${hold(true)} @focusout=${hold(false)}>
        ${
          undo
            ? html`<p>${undo.message}</p>
              ${undo.actions.map(({ label, run }) => html`<button type="button" class="toast-action" @click=${() => this.#do(run)}>${label}</button>`)}
              <button type="button" class="plain close" aria-label=${text.dismiss} @click=${() => this.app.notices.endToast()}>×</button>`
            : nothing
        }
      </div>`;
  }

  /** Ends the toast first: what is done may show the next one. */
  #do(run) {
    this.app.notices.endToast();
    run();
  }

  #notice(notice) {
    const { notices } = this.app;
    const act = ({ run }) => {
      notices.dismiss(notice);
      run();
    };
    return html`<div class="notice ${notice.tone}">
      <p dir="auto">${notice.message}</p>
      ${notice.actions.map((action) => html`<button type="button" class="small notice-action" @click=${() => act(action)}>${action.label}</button>`)}
      <button type="button" class="plain small" @click=${() => notices.dismiss(notice)}>${text.dismiss}</button>
    </div>`;
  }
}
customElements.define("cl-notices", NoticeList);
