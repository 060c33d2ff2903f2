// How the page's own thread bears up while pictures are looked at: tasks over 50 ms, where typing and
// scrolling begin to lag, are counted and shown, as far as the browser tells.

export class Pulse {
  /** Long tasks of the present or last run, and the longest in milliseconds; null where the browser does not tell. */
  longTasks = null;
  longest = 0;
  /** Pictures and seconds of the present or last run. */
  pictures = 0;
  seconds = 0;
  #session;
  #started = null;
  #before = 0;

  constructor(session) {
    this.#session = session;
    session.addEventListener("changed", () => this.#look());
    session.addEventListener("queue", () => this.#look());
    if (!PerformanceObserver.supportedEntryTypes?.includes("longtask")) return;
    this.longTasks = 0;
    new PerformanceObserver((list) => {
      if (this.#started === null) return;
      for (const { duration, startTime } of list.getEntries()) {
        if (startTime < this.#started) continue;
        this.longTasks += 1;
        this.longest = Math.max(this.longest, duration);
      }
    }).observe({ type: "longtask" });
  }

  #look() {
    const { open, ready, counts, paused } = this.#session;
    const working = ready && open > 0 && !paused;
    if (working && this.#started === null) {
      this.#started = performance.now();
      this.#before = counts.done;
      Object.assign(this, { longest: 0, longTasks: this.longTasks === null ? null : 0 });
    }
    if (this.#started === null) return;
    this.pictures = Math.max(0, counts.done - this.#before);
    this.seconds = (performance.now() - this.#started) / 1000;
    if (!working) this.#started = null;
  }
}
