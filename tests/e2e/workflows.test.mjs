// Workflows where Playwright cannot go: files good and bad, models, a new version, the keyboard alone, a narrow window, a
// long queue.

import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { serve } from "../../www/tools/serve.mjs";
import { change, copied, DIST, stamped, titled } from "./copies.mjs";
import { startHub } from "./hub.mjs";
import { giveFolder } from "./inpage.mjs";
import { journeys, Key } from "./page-driver.mjs";

const MODEL = await readFile(`${DIST}/cliplet/models/cliplet-everyday.gguf`);
const TINY = await readFile(new URL("../parity/tiny-q8.gguf", import.meta.url));

journeys((journey) => {
  journey("pictures from a dialog; a damaged one is named and the others are classified", async (person) => {
    const icon = await readFile(`${DIST}/icons/180.png`);
    await person.give("#files", {
      "whole.png": icon,
      "cut.png": icon.subarray(0, icon.length / 2),
      "letter.jpg": "Dear sir or madam",
    });
    await person.says("#status", ["1 picture done, 2 could not be read"]);
    await person.best("whole.png");
    for (const state of await person.words('.card[data-state="failed"] .state')) assert.ok(state.length > 10);
    await person.click('[aria-label="Remove cut.png"]');
    await person.counts(".card", 2);
  });

  journey("a folder: each picture has its path, and the overview compares folders with labels", async (person) => {
    await person.setLabels("icon");
    await person.run(`document.querySelector("#no-match").click();`);
    const base64 = (name) => readFile(`${DIST}/icons/${name}.png`, "base64");
    const [small, large] = await Promise.all([base64("180"), base64("512")]);
    await person.do(giveFolder, await person.find("#folder"), {
      "set/round/a.png": small,
      "set/round/b.png": large,
      "set/angular/c.png": small,
      "set/notes.txt": "",
    });
    await person.says("#status", ["3 pictures done"]);
    await person.click("#tab-overview");
    await person.click('[aria-label="round / icon: 2"]');
    await person.says("figcaption", ["a.png", "b.png"]);
  });

  journey("models: a file is loaded and cached, a damaged one refused, both reported; and deleted", async (person) => {
    const give = async (files) => {
      await person.click("#model-button");
      await person.give("#model-file", files);
    };
    await person.drop("circle.png");
    await person.best("circle.png");
    await give({ "cut.gguf": MODEL.subarray(0, MODEL.length / 2) });
    await person.says(".notice p", "cut.gguf");
    await person.says(".notice p", "You can go on with the current model.");
    await person.press(Key.ESCAPE);
    await give({ "mine.gguf": TINY });
    await person.until(
      () => person.words("#model-name"),
      (words) => words?.[0] && words[0] !== "Included model",
      "another model is in use",
    );
    await person.best("circle.png");
    await person.click("#model-button");
    await person.counts("#stored .choices > .quiet", 1);
    await person.click("#model-default");
    await person.says("#model-name", "Included model");
    await person.click("#model-button");
    // The list is drawn anew when it has been read; a click before that could fall between the two.
    await person.says("#stored li:has(.choices > .quiet) strong", "cliplet-everyday");
    await person.click('#stored [aria-label^="Delete "]');
    await person.counts('#stored [aria-label^="Delete "]', 0);
    await person.write("#model-url", "models/none.gguf");
    await person.press(Key.ENTER);
    await person.says(".notice p", "404");
  });

  journey("a model of the Hub is offered with its size and loaded on request", async (person) => {
    const [folder, hub] = await Promise.all([copied(), startHub()]);
    await change(folder, "index.html", (page) =>
      page.replace('content="https://huggingface.co"', `content="${hub.url}"`),
    );
    const server = await serve(folder, { hub: hub.url });
    try {
      await person.open(server.url);
      await person.click("#model-button");
      await person.write("#model-hub", "some/tiny");
      await person.press(Key.ENTER);
      await person.says("#model-offer-text", "some/tiny: 179 kB to download");
      assert.equal((await person.words("#model-name"))[0], "Included model");
      await person.click("#model-offer-load");
      await person.says("#model-name", "some/tiny");
    } finally {
      await server.close();
      await hub.close();
      await rm(folder, { recursive: true });
    }
  });

  journey("a new version is offered, and installed when the visitor agrees", async (person) => {
    const folder = await copied();
    const server = await serve(folder);
    try {
      await person.open(server.url);
      await person.controlled();
      const before = await person.browser.getTitle();
      await titled(folder, "the next version");
      await stamped(folder);
      await person.wait("await (await navigator.serviceWorker.ready).update();");
      await person.says(".notice p", "A new version is ready.");
      assert.equal(await person.browser.getTitle(), before);
      await person.click(".notice-action");
      await person.until(
        () => person.browser.getTitle(),
        (title) => title === "the next version",
        "the new version is there",
      );
      await person.ready();
    } finally {
      await server.close();
      await rm(folder, { recursive: true });
    }
  });

  journey("the keyboard alone: a sample is added, opened, closed and removed", async (person) => {
    const reached = [];
    const to = async (fits, back) => {
      for (let steps = 0; steps < 50; steps += 1) {
        await (back
          ? person.browser.actions().keyDown(Key.SHIFT).sendKeys(Key.TAB).keyUp(Key.SHIFT).perform()
          : person.press(Key.TAB));
        const { id, className, words } = await person.focused();
        reached.push(id || className);
        if (fits({ id, className, words })) return;
      }
      assert.fail(`not reached by the keyboard; ${reached.join(", ")} were`);
    };
    await to(({ className }) => className === "sample");
    for (const id of ["skip", "model-button", "add", "camera-open"]) assert.ok(reached.includes(id), id);
    await person.press(Key.ENTER);
    await person.best("cat.jpg");
    await to(({ className }) => className === "open");
    for (const id of ["label-input", "chip-body", "label-set", "template"]) assert.ok(reached.includes(id), id);
    await person.press(Key.ENTER);
    await person.says("#detail-name", "cat.jpg");
    await person.press(Key.ESCAPE);
    await person.until(person.focused, (at) => at?.className === "open", "the focus is back");
    await person.press(Key.DELETE);
    await person.counts(".card", 0);
    await person.until(person.focused, (at) => at?.id === "add", "the focus is on what comes next");
  });

  journey("320 pixels wide nothing sticks out, and axe finds nothing serious", async (person, server) => {
    await person.browser.get(`${server.url}example.html`);
    await person.run(
      `const frame = Object.assign(document.createElement("iframe"), { src: "index.html", title: "narrow" });
       Object.assign(frame.style, { width: "320px", height: "640px", border: "0" });
       document.body.replaceChildren(frame);`,
    );
    await person.browser.switchTo().frame(0);
    await person.ready();
    const fits = async () => assert.ok((await person.run("return document.documentElement.scrollWidth;")) <= 320);
    await fits();
    await person.setLabels(
      "a label that is so long that no chip and no bar could ever show the whole of it at once,cat,كلب,犬",
    );
    await person.dropMany(8);
    for (const view of ["overview", "map", "gallery"]) {
      await person.click(`#tab-${view}`);
      await fits();
    }
    assert.deepEqual(await person.serious(), []);
    await person.browser.switchTo().defaultContent();
  });

  journey("a click is not lost when the page moves between press and release", async (person) => {
    await person.drop("circle.png", "square.png");
    await person.says("#status", ["2 pictures done"]);
    const button = await person.find('[aria-label="Remove circle.png"]');
    await person.run('arguments[0].scrollIntoView({ block: "center", behavior: "instant" });', button);
    await person.browser.actions().move({ origin: button }).press().perform();
    // A message above would push the button away.
    await person.wait(
      `const transfer = new DataTransfer();
       transfer.items.add(new File(["%PDF"], "report.pdf", { type: "application/pdf" }));
       document.querySelector("main").dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: transfer }));
       await new Promise((resume) => setTimeout(resume, 300));`,
    );
    await person.browser.actions().release().perform();
    await person.says("figcaption", ["square.png"]);
    await person.says(".notice p", "report.pdf is not a picture");
  });

  journey("a long queue: only cards in sight are drawn; it can be paused, cancelled and resumed", async (person) => {
    await person.drop(...Array.from({ length: 300 }, (_, i) => `circle-${i}.png`));
    await person.click("#queue-pause");
    await person.says("#queue-text", "Paused at");
    assert.ok((await person.words(".card")).length < 60);
    await person.click("#queue-cancel");
    await person.says("#status", "skipped");
    await person.click("#queue-retry");
    await person.says("#status", ["300 pictures done"]);
  });
});
