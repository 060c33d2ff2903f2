// The camera, classified live: as many frames as the engine manages, counted. Stops, light and all, when the page is
// hidden. Frames never leave this page.

import { nextFrame } from "../core/dom.js";
import { unit } from "../core/scores.js";
import { html, nothing, View } from "../core/view.js";
import { bars } from "../gallery/bars.js";
import { text } from "../strings/index.js";

/** Frames are made this small before the engine sees them; its models see at most 336 pixels. */
const SHORT_SIDE = 336;
/** The rate of frames is counted over so many milliseconds. */
const COUNT_OVER = 2000;

function end(stream) {
  for (const track of stream.getTracks()) track.stop();
}

export class CameraView extends View {
  #stream = null;
  #cameras = [];
  #embedding = null;
  /** Counts starts and stops: a camera that is granted after another is not wanted any more. */
  #turn = 0;
  #times = [];

  connectedCallback() {
    super.connectedCallback();
    this.app.addEventListener("camera", () => this.#start());
    this.app.addEventListener("camera-stop", () => this.#stopped());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden || !this.#stream) return;
      this.#stop();
      this.app.notices.add(text.cameraHidden);
    });
  }

  render() {
    const { classifier, query } = this.app;
    const { top } = query.settings;
    const ranked = this.#embedding ? classifier.rank({ embedding: this.#embedding }, top) : [];
    const noMatch = ranked.length > 0 && classifier.isNoMatch({ ranked, labels: classifier.labels });
    const current = this.#stream?.getVideoTracks()[0].getSettings().deviceId;
    const span = this.#times.at(-1) - this.#times[0];
    return html`<section id="camera" class="camera" aria-labelledby="camera-heading" ?hidden=${!this.#stream}>
      <video id="camera-video" muted playsinline aria-label=${text.cameraVideo}></video>
      <div class="camera-side ${noMatch ? "unmatched" : ""}">
        <div class="field-head">
          <h3 id="camera-heading">${text.cameraHeading}</h3>
          <span id="camera-rate" class="quiet">${span > 0 ? text.framesASecond((1000 * (this.#times.length - 1)) / span) : ""}</span>
        </div>
        <p id="camera-state" class="quiet">${classifier.labels.length ? "" : text.noLabels}</p>
        ${noMatch ? html`<p class="no-match" title=${text.noMatchWhy}>${text.noMatch}</p>` : nothing}
        <ol id="camera-bars" class="ranks" aria-label=${text.cameraBars}>${bars(ranked, classifier.labels, classifier.scale)}</ol>
        <div class="field" ?hidden=${this.#cameras.length < 2}>
          <label for="camera-choice">${text.cameraChoice}</label>
          <select id="camera-choice" @change=${({ target }) => this.#start(target.value)}>
            ${this.#cameras.map(({ deviceId, label }, i) => html`<option value=${deviceId} ?selected=${deviceId === current}>${label || text.cameraNumber(i + 1)}</option>`)}
          </select>
        </div>
        <div class="tools-row">
          <button type="button" id="camera-take" @click=${() => this.#take()}>${text.cameraTake}</button>
          <button type="button" id="camera-stop" @click=${() => this.#stopped()}>${text.cameraStop}</button>
        </div>
      </div>
    </section>`;
  }

  get #video() {
    return this.part("video");
  }

  async #start(deviceId) {
    this.#stop();
    const turn = this.#turn;
    const wanted = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "environment" };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { ...wanted, width: { ideal: 640 } }, audio: false });
    } catch (error) {
      if (turn === this.#turn) this.app.notices.add(text.cameraProblem(error.name));
      return;
    }
    if (turn !== this.#turn || document.hidden) {
      end(stream);
      if (document.hidden) this.app.notices.add(text.cameraHidden);
      return;
    }
    this.#stream = stream;
    this.app.cameraOn = true;
    this.app.redraw();
    stream.getVideoTracks()[0].addEventListener("ended", () => stream === this.#stream && this.#stop());
    this.#video.srcObject = stream;
    this.focusPart("#camera-stop");
    await this.#video.play().catch(() => {});
    this.app.announce(text.cameraOn);
    const devices = await navigator.mediaDevices.enumerateDevices();
    this.#cameras = devices.filter(({ kind }) => kind === "videoinput");
    this.#watch(stream);
  }

  #stop() {
    this.#turn += 1;
    if (this.#stream) end(this.#stream);
    Object.assign(this.#video, { srcObject: null });
    this.#stream = null;
    this.#embedding = null;
    this.#times = [];
    this.app.cameraOn = false;
    this.app.redraw();
  }

  /** Stops as the person wants, and gives the focus to what comes next. */
  #stopped() {
    this.#stop();
    this.app.emit("focus-add");
  }

  /** Classifies frame after frame until the camera is stopped. */
  async #watch(stream) {
    const canvas = new OffscreenCanvas(1, 1);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    while (stream === this.#stream) {
      await nextFrame();
      const { videoWidth, videoHeight } = this.#video;
      const { clip } = this.app.model;
      if (!clip || !videoWidth || stream !== this.#stream) continue;
      const scale = Math.min(1, SHORT_SIDE / Math.min(videoWidth, videoHeight));
      canvas.width = Math.round(videoWidth * scale);
      canvas.height = Math.round(videoHeight * scale);
      context.drawImage(this.#video, 0, 0, canvas.width, canvas.height);
      this.app.emit("engine-wanted");
      try {
        const embedding = unit(await clip.embedImage(context.getImageData(0, 0, canvas.width, canvas.height)));
        if (stream === this.#stream && clip === this.app.model.clip) this.#show(embedding);
      } catch (error) {
        if (stream !== this.#stream) return;
        // The next frame is the new model's.
        if (clip !== this.app.model.clip) continue;
        this.#stop();
        this.app.notices.add(text.problem(error));
      }
    }
  }

  #show(embedding) {
    const now = performance.now();
    this.#times = [...this.#times.filter((time) => time > now - COUNT_OVER), now];
    this.#embedding = embedding;
    this.requestUpdate();
  }

  /** Adds the present frame to the pictures. */
  async #take() {
    const { videoWidth, videoHeight } = this.#video;
    if (!videoWidth) return;
    const canvas = new OffscreenCanvas(videoWidth, videoHeight);
    canvas.getContext("2d").drawImage(this.#video, 0, 0);
    const name = text.snapshotName(new Date().toISOString().slice(0, 19).replace("T", " ").replaceAll(":", "."));
    this.app.importer.images([{ blob: await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 }), name }]);
  }
}
customElements.define("cl-camera", CameraView);
