// The camera, classified live: as many frames as the engine manages, counted. Stops, light and all, when
// the page is hidden. Frames never leave this page.

import { $, make, setText } from "../dom.js";
import { unit } from "../scores.js";
import { text } from "../strings.js";
import { bars, fullOf } from "../view/bars.js";

/** Frames are made this small before the engine sees them; its models see at most 336 pixels. */
const SHORT_SIDE = 336;
/** Frames a second are counted over so many milliseconds. */
const COUNT_OVER = 2000;

export class Camera {
  #context;
  #clip = null;
  #stream = null;
  /** Counts starts and stops: a camera that is granted after another is not wanted any more. */
  #turn = 0;
  #times = [];

  /** @param {object} context `judge`, `question`, `notify`, `announce` and `onPicture({ blob, name })` */
  constructor(context) {
    this.#context = context;
    $("camera-open").addEventListener("click", () => this.start());
    $("camera-stop").addEventListener("click", () => (this.stop(), $("camera-open").focus()));
    $("camera-take").addEventListener("click", () => this.#take());
    $("camera-choice").addEventListener("change", ({ target }) => this.start(target.value));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden || !this.#stream) return;
      this.stop();
      context.notify(text.cameraHidden);
    });
    $("camera-open").hidden = !navigator.mediaDevices?.getUserMedia;
  }

  use(clip) {
    this.#clip = clip;
  }

  async start(deviceId) {
    this.stop();
    const turn = this.#turn;
    const wanted = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "environment" };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { ...wanted, width: { ideal: 640 } }, audio: false });
    } catch (error) {
      if (turn === this.#turn) this.#context.notify(text.cameraProblem(error.name));
      return;
    }
    if (turn !== this.#turn || document.hidden) {
      end(stream);
      if (document.hidden) this.#context.notify(text.cameraHidden);
      return;
    }
    this.#stream = stream;
    stream.getVideoTracks()[0].addEventListener("ended", () => stream === this.#stream && this.stop());
    $("camera").hidden = false;
    $("camera-video").srcObject = stream;
    $("camera-stop").focus();
    await $("camera-video").play().catch(() => {});
    this.#context.announce(text.cameraOn);
    await this.#choices(stream);
    this.#watch(stream);
  }

  stop() {
    this.#turn += 1;
    if (this.#stream) end(this.#stream);
    this.#stream = null;
    this.#times = [];
    $("camera").hidden = true;
    $("camera-video").srcObject = null;
  }

  async #choices(stream) {
    const devices = await navigator.mediaDevices.enumerateDevices();
    const cameras = devices.filter(({ kind }) => kind === "videoinput");
    const { deviceId } = stream.getVideoTracks()[0].getSettings();
    const option = (camera, i) =>
      make("option", { value: camera.deviceId, selected: camera.deviceId === deviceId }, camera.label || text.cameraNumber(i + 1));
    $("camera-choice").replaceChildren(...cameras.map(option));
    $("camera-choice-field").hidden = cameras.length < 2;
  }

  /** Looks at frame after frame until the camera is stopped. */
  async #watch(stream) {
    const canvas = new OffscreenCanvas(1, 1);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    while (stream === this.#stream) {
      await nextFrame();
      const { videoWidth, videoHeight } = $("camera-video");
      if (!this.#clip || !videoWidth || stream !== this.#stream) continue;
      const scale = Math.min(1, SHORT_SIDE / Math.min(videoWidth, videoHeight));
      canvas.width = Math.round(videoWidth * scale);
      canvas.height = Math.round(videoHeight * scale);
      context.drawImage($("camera-video"), 0, 0, canvas.width, canvas.height);
      const clip = this.#clip;
      try {
        const embedding = unit(await clip.embedImage(context.getImageData(0, 0, canvas.width, canvas.height)));
        if (stream === this.#stream) this.#show(embedding);
      } catch (error) {
        if (stream !== this.#stream) return;
        // The next frame is the new model's.
        if (clip !== this.#clip) continue;
        this.stop();
        this.#context.notify(text.problem(error));
      }
    }
  }

  #show(embedding) {
    const now = performance.now();
    this.#times = [...this.#times.filter((time) => time > now - COUNT_OVER), now];
    const span = now - this.#times[0];
    if (span > 0) setText($("camera-rate"), text.framesASecond((1000 * (this.#times.length - 1)) / span));
    const { judge, question } = this.#context;
    const { score, top } = question.asked;
    const places = judge.places({ embedding }, top);
    const rejected = places.length > 0 && question.verdict({ ranks: places }) === null;
    $("camera-bars").replaceChildren(...bars(places, judge.labels, score, rejected, fullOf(places, score)).slice(0, top));
    setText($("camera-state"), judge.labels.length ? "" : text.noLabels);
  }

  /** Adds the present frame to the pictures. */
  async #take() {
    const video = $("camera-video");
    if (!video.videoWidth) return;
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    canvas.getContext("2d").drawImage(video, 0, 0);
    const name = text.snapshotName(new Date().toISOString().slice(0, 19).replace("T", " ").replaceAll(":", "."));
    this.#context.onPicture({ blob: await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 }), name });
  }
}

const end = (stream) => stream.getTracks().forEach((track) => track.stop());

/** The next frame to be painted; a hidden page has none, so it waits. */
const nextFrame = () => new Promise((resume) => requestAnimationFrame(resume));
