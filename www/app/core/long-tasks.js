// Measures how free the main thread stays while images are analyzed: tasks over 50 ms, where typing and scrolling
// begin to lag, are counted as far as the browser tells of them.

export class LongTasks {
  /** Number of long tasks of the present or last run; null where the browser does not tell. */
  count = null;
  /** Duration of the longest, in milliseconds. */
  longest = 0;
  /** Images and seconds of the present or last run. */
  images = 0;
  seconds = 0;
  #session;
  #started = null;
  #before = 0;

  /** @param {import("./session.js").Session} session */
  constructor(session) {
    this.#session = session;
    session.addEventListener("changed", () => this.#update());
    session.addEventListener("queue", () => this.#update());
    if (!PerformanceObserver.supportedEntryTypes?.includes("longtask")) return;
    this.count = 0;
    new PerformanceObserver((list) => {
      if (this.#started === null) return;
      for (const { duration, startTime } of list.getEntries()) {
        if (startTime < this.#started) continue;
        this.count += 1;
        this.longest = Math.max(this.longest, duration);
      }
    }).observe({ type: "longtask" });
  }

  #update() {
    const { open, ready, counts, paused } = this.#session;
    const working = ready && open > 0 && !paused;
    if (working && this.#started === null) {
      this.#started = performance.now();
      this.#before = counts.done;
      Object.assign(this, { longest: 0, count: this.count === null ? null : 0 });
    }
    if (this.#started === null) return;
    this.images = Math.max(0, counts.done - this.#before);
    this.seconds = (performance.now() - this.#started) / 1000;
    if (!working) this.#started = null;
  }
}
