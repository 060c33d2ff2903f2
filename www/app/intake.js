// The ways pictures come in: drop, pick, paste.

const PICTURE = /^image\//;
/** Some systems give no type for these. */
const NAMED = /\.(jpe?g|png|webp|gif|bmp|avif|hei[cf]|svg)$/i;

const looksLikePicture = (file) => PICTURE.test(file.type) || NAMED.test(file.name ?? "");

/** Files of a drop, folders walked through. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  return (await Promise.all(entries.map(walk))).flat();
}

async function walk(entry) {
  if (entry.isFile) return new Promise((resolve, reject) => entry.file((file) => resolve([file]), reject));
  const reader = entry.createReader();
  const found = [];
  // A directory is read in batches until one comes empty.
  for (;;) {
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) break;
    for (const child of batch) found.push(...(await walk(child)));
  }
  return found.filter(looksLikePicture);
}

/**
 * Listens for pictures on the whole page.
 * @param {{overlay: HTMLElement, input: HTMLInputElement, openers: HTMLElement[], onFiles: (files: File[]) => void}} parts
 */
export function listen({ overlay, input, openers, onFiles }) {
  let depth = 0;
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  const show = (visible) => (overlay.hidden = !visible);

  addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth += 1;
    show(true);
  });
  addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (depth === 0) show(false);
  });
  addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  addEventListener("drop", async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    show(false);
    onFiles(await dropped(event.dataTransfer));
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    onFiles(files);
  });
  for (const opener of openers) opener.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    onFiles([...input.files]);
    input.value = "";
  });
}
