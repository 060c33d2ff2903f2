// Every feature of the page where Playwright cannot go: labels, templates, scores, search, map, overview, export, links.

import assert from "node:assert/strict";
import { serve } from "../../www/tools/serve.mjs";
import { DIST } from "./copies.mjs";
import { journeys, Key } from "./page-driver.mjs";

const NAMES = "figcaption";

journeys((journey) => {
  journey("labels: chips by keyboard alone, a file of them, sets and presets", async (person) => {
    await person.click("#labels-clear");
    await person.press("cat", Key.ENTER, "dog,");
    await person.says(".chip-body", ["cat", "dog"]);
    await person.press(Key.BACK_SPACE, Key.ENTER);
    await person.press("red dog", Key.ENTER);
    await person.says(".chip-body", ["cat", "red dog"]);
    await person.press(Key.HOME, Key.DELETE);
    await person.says(".chip-body", ["red dog"]);
    await person.give("#labels-file", { "labels.csv": 'id;label\r\n1;"a ""big"" cat"\r\n2;gnu\r\n' });
    await person.says(".chip-body", ["red dog", 'a "big" cat', "gnu"]);
    await person.click("#set-save");
    await person.write("#set-name", "Zoo");
    await person.press(Key.ENTER);
    await person.choose("#label-set", "CIFAR-10 classes");
    await person.counts(".chip-body", 10);
    await person.browser.navigate().refresh();
    await person.ready();
    await person.counts(".chip-body", 10);
    await person.choose("#label-set", "Zoo");
    await person.says(".chip-body", ["red dog", 'a "big" cat', "gnu"]);
    await person.click("#labels-undo");
    await person.counts(".chip-body", 10);
  });

  journey("templates and scores: several of one's own, an ensemble, similarity, none of these", async (person) => {
    await person.setLabels("red circle, cat");
    await person.drop("circle.png");
    await person.best("circle.png");
    const score = async () => (await person.words(".card .score"))[0];
    const changed = async (before, act) => {
      await act();
      return person.until(score, (now) => now && now !== before, "another score");
    };
    let last = await changed(await score(), () => person.click("label[for=score-cosine]"));
    assert.ok(Number(last) > 0 && Number(last) < 1);
    await person.choose("#template-kind", "Several of your own");
    last = await changed(last, () => person.write("#templates-own", `a {}${Key.ENTER}not a single {}`));
    await person.says("#template-help", "CLIP reads: “a red circle” and 1 more, averaged");
    await changed(last, () => person.choose("#template-kind", "CLIP’s 7 best"));
    await person.says("#template-help", "and 6 more");
    await person.click("label[for=score-share]");
    await person.run(
      `const range = document.querySelector("#threshold"); range.value = "1"; range.dispatchEvent(new Event("input"));`,
    );
    await person.says(".card .no-match", "No good match");
    await person.choose("#template-kind", "One template");
    await person.write("#template", "a photo");
    await person.says("#template-help", "{}");
    assert.equal(await (await person.find("#template")).getAttribute("aria-invalid"), "true");
  });

  journey("many pictures: filtered, sorted, counted, and in the histogram of certainty", async (person) => {
    await person.setTemplate("a {}");
    await person.setLabels("red circle,blue square,cat");
    await person.dropMany(12);
    await person.choose("#filter", "blue square (6)");
    await person.says("#filter-count", "6 of 12 shown");
    await person.says(NAMES, "square-1.png");
    await person.choose("#filter", "All (12)");
    await person.choose("#sort", "By name");
    await person.until(
      () => person.words(NAMES),
      (words) => words?.[1] === "circle-2.png",
      "the order of names",
    );
    await person.click("#tab-overview");
    await person.says("#counts .score", ["6 · 50 %", "6 · 50 %"]);
    const bins = await person.run(
      `return [...document.querySelectorAll("#histogram button")].map((bar) => Number(/(\\d+) pictures?$/.exec(bar.title)[1]));`,
    );
    assert.equal(bins.length, 10);
    assert.equal(
      bins.reduce((a, b) => a + b),
      12,
    );
    assert.equal(
      (await person.words("#matrix button")).map(Number).reduce((a, b) => a + b),
      12,
    );
    await person.click("#counts button");
    await person.says("#filter-count", "6 of 12 shown");
    await person.press(Key.ENTER);
    await person.counts("#filter-count", 0);
  });

  journey("search: by a sentence, by a picture, and back", async (person) => {
    await person.dropMany(8);
    await person.write("#search", "a blue square");
    await person.press(Key.ENTER);
    await person.says("#reference-text", "Most similar to “a blue square” first");
    const first = (kind) =>
      person.until(
        () => person.words(NAMES),
        (words) => words?.slice(0, 4).every((one) => one.startsWith(kind)),
        `${kind}s first`,
      );
    await first("square");
    await person.click('[aria-label="Similar pictures: circle-2.png"]');
    await person.says("#reference-text", "Most similar to circle-2.png first");
    await first("circle");
    await person.says(".similarity", "Similarity 1.000");
    await person.click("#reference-clear");
    await person.until(
      () => person.words(NAMES),
      (words) => words?.[0] === "circle-0.png" && words[1] === "square-1.png",
      "the usual order",
    );
  });

  journey("the map: similar pictures near each other, arrow keys, zoom", async (person) => {
    await person.dropMany(12);
    await person.click("#tab-map");
    await person.counts(".point", 12);
    const places = await person.run(
      `return [...document.querySelectorAll(".point")].map((point) => [point.title, point.getBoundingClientRect().x]);`,
    );
    const [circles, squares] = ["circle", "square"].map((kind) =>
      places.filter(([title]) => title.startsWith(kind)).map(([, x]) => x),
    );
    assert.ok(Math.max(...circles) < Math.min(...squares) || Math.max(...squares) < Math.min(...circles));
    await person.run(
      `[...document.querySelectorAll(".point")].sort((a, b) => a.getBoundingClientRect().x - b.getBoundingClientRect().x)[0].focus();`,
    );
    const title = () => person.run("return document.activeElement.title;");
    const from = await title();
    await person.press(Key.ARROW_RIGHT);
    assert.notEqual(await title(), from);
    await person.click("#map-in");
    await person.run(`document.querySelector('.point[tabindex="0"]').focus();`);
    await person.press(Key.ENTER);
    await person.counts("#detail-name", 1);
  });

  journey(
    "export: a table, Azure ML's shape, NumPy's, a script; and a link with the settings",
    async (person, server) => {
      await person.setTemplate("a {}");
      await person.setLabels('"red, round circle",blue square');
      // Each engine draws the images a little differently: the threshold has a test of its own.
      await person.run(`document.querySelector("#no-match").click();`);
      await person.drop("circle-0.png", "square-1.png");
      await person.says("#status", ["2 pictures done"]);
      await person.click("#export-open");
      const taken = async (kind) => person.downloaded(`[data-download=${kind}]`);
      const csv = await taken("csv");
      assert.equal(csv.name, "cliplet.csv");
      const lines = csv.bytes.toString().trimEnd().split("\r\n");
      assert.equal(lines[0], 'file,label,"red, round circle",blue square');
      assert.match(lines[1], /^circle-0\.png,"red, round circle",[\d.e-]+,[\d.e-]+$/);
      const [circle, square] = JSON.parse((await taken("json")).bytes.toString());
      assert.deepEqual(circle.labels, ["red, round circle", "blue square"]);
      assert.ok(circle.probs[0] > circle.probs[1] && square.probs[1] > square.probs[0]);
      const npy = (await taken("npy")).bytes;
      const header = npy.subarray(10, 10 + npy.readUInt16LE(8)).toString();
      const [, width] = /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(2, (\d+)\), \} *\n$/.exec(header);
      assert.equal(npy.length, 10 + header.length + 8 * width);
      assert.ok((await taken("script")).bytes.toString().includes("'blue square - square-1.png'"));
      const link = await (await person.find("#share-link")).getAttribute("value");
      const elsewhere = await serve(DIST);
      await person.open(link.replace(server.url, elsewhere.url));
      await person.says(".chip-body", ["red, round circle", "blue square"]);
      assert.equal(await (await person.find("#template")).getAttribute("value"), "a {}");
      await elsewhere.close();
    },
  );
});
