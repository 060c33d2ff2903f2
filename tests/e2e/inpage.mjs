// Functions that tests run inside a page, whichever driver carries them there; they use nothing outside themselves.

/** Keeps the next file that the page gives out as a promise of `{ name, base64 }` in `caught`. */
export function catchDownload() {
  const { createObjectURL } = URL;
  const { click } = HTMLAnchorElement.prototype;
  globalThis.caught = new Promise((resolve) => {
    let given;
    URL.createObjectURL = (blob) => {
      given = blob;
      return createObjectURL.call(URL, blob);
    };
    HTMLAnchorElement.prototype.click = function () {
      const reader = new FileReader();
      reader.onload = () => resolve({ name: this.download, base64: reader.result.split(",")[1] });
      reader.readAsDataURL(given);
      Object.assign(URL, { createObjectURL });
      HTMLAnchorElement.prototype.click = click;
      click.call(this);
    };
  });
}

/** Lets the next file dialog not open; the input that asked for it becomes `asked`. */
export function catchDialog() {
  const caught = (event) => {
    if (event.target.type !== "file") return;
    event.preventDefault();
    globalThis.asked = event.target;
    removeEventListener("click", caught, true);
  };
  addEventListener("click", caught, true);
}

/** Gives files, `{ path: base64 }`, to an input for folders, whose dialog takes none from a driver. */
export function giveFolder(input, files) {
  const transfer = new DataTransfer();
  for (const [path, base64] of Object.entries(files)) {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const file = new File([bytes], path.split("/").at(-1));
    Object.defineProperty(file, "webkitRelativePath", { value: path });
    transfer.items.add(file);
  }
  Object.defineProperty(input, "files", { value: transfer.files, configurable: true });
  input.dispatchEvent(new Event("change"));
}

/** Pastes a text, or a file `{ name, type, base64 }`, where the focus is. */
export function paste({ words, file }) {
  const transfer = new DataTransfer();
  if (words !== undefined) transfer.setData("text/plain", words);
  if (file)
    transfer.items.add(
      new File([Uint8Array.from(atob(file.base64), (character) => character.charCodeAt(0))], file.name, {
        type: file.type,
      }),
    );
  const event = new ClipboardEvent("paste", { bubbles: true, cancelable: true });
  // Not every engine takes it from the constructor.
  Object.defineProperty(event, "clipboardData", { value: transfer });
  document.activeElement.dispatchEvent(event);
}

/** Notes in `stalls` how many milliseconds each task took that held the page up for more than 50. */
export function watchStalls() {
  globalThis.stalls = [];
  if (PerformanceObserver.supportedEntryTypes.includes("longtask")) {
    new PerformanceObserver((list) =>
      globalThis.stalls.push(...list.getEntries().map(({ duration }) => duration)),
    ).observe({ type: "longtask" });
    return;
  }
  // Elsewhere by how late a timer comes.
  const every = 10;
  let before = performance.now();
  setInterval(() => {
    const late = performance.now() - before - every;
    if (late > 50) globalThis.stalls.push(late);
    before = performance.now();
  }, every);
}
