// The queue's progress and its buttons.

import { html, View } from "../core/view.js";
import { text } from "../strings/index.js";

export class QueueBar extends View {
  render() {
    const { session } = this.app;
    const { busy, counts, open, paused, rate, items } = session;
    const again = counts.failed + counts.stopped;
    const done = items.size - open;
    return html`<div id="queue" class="queue" role="group" aria-label=${text.queueLabel} ?hidden=${!busy && again === 0}>
      <progress id="queue-bar" aria-label=${text.queueLabel} max=${Math.max(1, items.size)} value=${done} ?hidden=${!busy}></progress>
      <span id="queue-text" class="quiet" ?hidden=${!busy}>${paused ? text.paused(done, items.size) : text.queueAt(done, items.size, rate)}</span>
      <button type="button" id="queue-pause" class="small" ?hidden=${!busy} @click=${() => session.pause(!paused)}>${paused ? text.resume : text.pause}</button>
      <button type="button" id="queue-cancel" class="small" ?hidden=${!busy} @click=${() => this.#then("cancel")}>${text.queueCancel}</button>
      <button type="button" id="queue-retry" class="small" ?hidden=${again === 0 || busy} @click=${() => this.#then("retry")}>${text.retryAll(again)}</button>
    </div>`;
  }

  /** Does something after which its button is gone. */
  #then(action) {
    this.app.session[action]();
    this.app.emit("focus-add");
  }
}
customElements.define("cl-queue-bar", QueueBar);
