// Frames of a video file, sampled evenly, as images.

import { text } from "../strings/index.js";

/** Frames taken of one video at most, and fewest seconds between two. */
const MOST = 24;
const LEAST_APART = 0.5;
/** Frames are made at most this large; models see at most 336 pixels. */
const SIDE = 960;

const once = (target, type) =>
  new Promise((resolve, reject) => {
    target.addEventListener(type, resolve, { once: true });
    target.addEventListener("error", reject, { once: true });
  });

/** The length of a video in seconds; files from recorders do not state it, and tell it when asked for the far end. */
async function lengthOf(video) {
  if (Number.isFinite(video.duration)) return video.duration;
  video.currentTime = Number.MAX_SAFE_INTEGER;
  await once(video, "seeked");
  return Number.isFinite(video.duration) ? video.duration : video.currentTime;
}

/**
 * Samples a video file.
 * @param {File} file
 * @returns {Promise<{blob: Blob, name: string, path: string}[]>} rejects where the browser cannot play it
 */
export async function frames(file) {
  const video = Object.assign(document.createElement("video"), {
    muted: true,
    preload: "auto",
    src: URL.createObjectURL(file),
  });
  try {
    await once(video, "loadeddata");
    const length = await lengthOf(video);
    const count = Math.max(1, Math.min(MOST, Math.floor(length / LEAST_APART)));
    const scale = Math.min(1, SIDE / Math.max(video.videoWidth, video.videoHeight));
    const canvas = new OffscreenCanvas(
      Math.max(1, Math.round(video.videoWidth * scale)),
      Math.max(1, Math.round(video.videoHeight * scale)),
    );
    const context = canvas.getContext("2d");
    const taken = [];
    for (let i = 0; i < count; i += 1) {
      const time = ((i + 0.5) * length) / count;
      video.currentTime = time;
      await once(video, "seeked");
      context.drawImage(video, 0, 0, canvas.width, canvas.height);
      const name = text.frameName(file.name, time);
      taken.push({
        blob: await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 }),
        name,
        path: `${file.name}/${name}`,
      });
    }
    return taken;
  } finally {
    URL.revokeObjectURL(video.src);
  }
}
