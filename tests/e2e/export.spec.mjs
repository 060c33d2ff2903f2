// Export: files in the shapes that others read, a link with the settings, a script that renames.

import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { promisify } from "node:util";
import {
  acceptAnyMatch,
  allDone,
  chips,
  downloaded,
  draw,
  drop,
  expect,
  many,
  open,
  paints,
  png,
  ready,
  setLabels,
  setTemplate,
  test,
} from "./page.mjs";

const row = (page, name) => page.getByRole("dialog").getByRole("group", { name });
const button = (page, name, what) => row(page, name).getByRole("button", { name: what });

const prepare = async (page, site) => {
  await open(page, site);
  await setTemplate(page, "a {}");
  await acceptAnyMatch(page);
  await setLabels(page, '"red, round circle", blue square, cat');
  await drop(page, [...(await many(page, 2)), png('it\'s "one", $(echo no).png', await draw(page, paints.redCircle))]);
  await allDone(page, 3);
  await page.getByRole("button", { name: "Export" }).click();
};

test("CSV: one row a picture, fields quoted as they must be", async ({ page, site }) => {
  await prepare(page, site);
  const { name, bytes } = await downloaded(page, button(page, "Table (CSV)", "Download"));
  expect(name).toBe("cliplet.csv");
  const lines = bytes.toString().trimEnd().split("\r\n");
  expect(lines[0]).toBe('file,label,"red, round circle",blue square,cat');
  expect(lines[1]).toMatch(/^circle-0\.png,"red, round circle",[\d.e-]+,[\d.e-]+,[\d.e-]+$/);
  expect(lines[3]).toContain('"it\'s ""one"", $(echo no).png"');
  const shares = lines[1].split(",").slice(-3).map(Number);
  expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 4);
});

test("JSON: the shape of Azure ML's answer, copied too", async ({ page, site }) => {
  await prepare(page, site);
  const { bytes } = await downloaded(page, button(page, "JSON", "Download"));
  const found = JSON.parse(bytes.toString());
  expect(found).toHaveLength(3);
  for (const one of found) {
    expect(Object.keys(one)).toEqual(["probs", "labels"]);
    expect(one.labels).toEqual(["red, round circle", "blue square", "cat"]);
    expect(one.probs.reduce((a, b) => a + b)).toBeCloseTo(1, 4);
  }
  expect(found[1].probs[1]).toBeGreaterThan(found[1].probs[0]);
  await button(page, "JSON", "Copy").click();
  await expect(page.getByRole("dialog")).toContainText("Copied.");
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(bytes.toString());
});

test("npy: a NumPy header and unit vectors in the pictures' order", async ({ page, site }) => {
  await prepare(page, site);
  const { bytes } = await downloaded(page, button(page, "Embeddings", "Download"));
  expect(bytes.subarray(0, 8)).toEqual(Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0]));
  const length = bytes.readUInt16LE(8);
  expect((10 + length) % 64).toBe(0);
  const header = bytes.subarray(10, 10 + length).toString();
  expect(header).toMatch(/^\{'descr': '<f4', 'fortran_order': False, 'shape': \(3, \d+\), \} *\n$/);
  const width = Number(/\(3, (\d+)\)/.exec(header)[1]);
  expect(bytes.length).toBe(10 + length + 4 * 3 * width);
  const vector = (n) => Array.from({ length: width }, (_, i) => bytes.readFloatLE(10 + length + 4 * (n * width + i)));
  const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  expect(dot(vector(0), vector(0))).toBeCloseTo(1, 4);
  expect(dot(vector(0), vector(2))).toBeGreaterThan(dot(vector(0), vector(1)));
});

for (const folders of [false, true]) {
  test(`the rename script ${folders ? "sorts into folders" : "puts the label first"}, whatever names hold`, async ({
    page,
    site,
  }) => {
    await prepare(page, site);
    if (folders) await page.getByLabel("Into one folder per label").check();
    const { name, bytes } = await downloaded(page, button(page, "Script", "Download"));
    expect(name).toBe("cliplet-rename.sh");
    const folder = await mkdtemp(`${tmpdir()}/cliplet-rename-`);
    const pictures = ["circle-0.png", "square-1.png", 'it\'s "one", $(echo no).png'];
    for (const picture of pictures) await writeFile(`${folder}/${picture}`, picture);
    await writeFile(`${folder}/run.sh`, bytes);
    const { stdout } = await promisify(execFile)("sh", ["run.sh"], { cwd: folder });
    expect(stdout).toBe("");
    const left = (await readdir(folder, { recursive: true })).filter((found) => found.endsWith(".png")).sort();
    const join = folders ? "/" : " - ";
    const wanted = [
      `blue square${join}square-1.png`,
      `red, round circle${join}circle-0.png`,
      `red, round circle${join}it's "one", $(echo no).png`,
    ];
    expect(left).toEqual(wanted.sort());
  });
}

test("a rename script skips files that are not in the folder", async ({ page, site }) => {
  await prepare(page, site);
  const { bytes } = await downloaded(page, button(page, "Script", "Download"));
  const folder = await mkdtemp(`${tmpdir()}/cliplet-rename-`);
  for (const picture of ["square-1.png", "circle-0.png"]) await writeFile(`${folder}/${picture}`, picture);
  await writeFile(`${folder}/red, round circle - circle-0.png`, "there before");
  await writeFile(`${folder}/run.sh`, bytes);
  const { stdout } = await promisify(execFile)("sh", ["run.sh"], { cwd: folder });
  expect(stdout).toBe(`not here: it's "one", $(echo no).png\n`);
  expect(await readFile(`${folder}/red, round circle - circle-0.png`, "utf8")).toBe("there before");
  expect(await readdir(folder)).toContain("blue square - square-1.png");
});

test("the Windows script quotes names for PowerShell", async ({ page, site }) => {
  await prepare(page, site);
  await page.getByLabel("For", { exact: true }).selectOption("Windows");
  const { name, bytes } = await downloaded(page, button(page, "Script", "Download"));
  expect(name).toBe("cliplet-rename.ps1");
  expect(bytes.toString()).toContain(
    `-LiteralPath 'it''s "one", $(echo no).png' -Destination 'red, round circle - it''s "one", $(echo no).png'`,
  );
});

test("only what is shown is exported", async ({ page, site }) => {
  await prepare(page, site);
  await page.keyboard.press("Escape");
  await page.getByLabel("Show", { exact: true }).selectOption({ label: "blue square (1)" });
  await page.getByRole("button", { name: "Export" }).click();
  const { bytes } = await downloaded(page, button(page, "Table (CSV)", "Download"));
  expect(bytes.toString().trimEnd().split("\r\n")).toHaveLength(2);
});

test("a link that is pasted into an open page brings its settings", async ({ page, site }) => {
  await prepare(page, site);
  await page.keyboard.press("Escape");
  await page.evaluate(() => (location.hash = "#label=green+star&label=owl&template=one+%7B%7D"));
  await page.getByRole("button", { name: "Use these labels" }).click();
  await expect(chips(page)).toHaveText(["green star", "owl"]);
  await expect(page.getByLabel("Prompt template")).toHaveValue("one {}");
  await expect.poll(() => page.evaluate(() => location.hash)).toBe("");
});

test("a link carries labels and template to another visitor, and never a picture", async ({ page, site, browser }) => {
  await prepare(page, site);
  const link = await page.getByRole("textbox", { name: "Share settings" }).inputValue();
  expect(link).toContain("#label=");
  expect(link).not.toContain("circle-0.png");
  const context = await browser.newContext();
  const other = await context.newPage();
  await other.goto(link);
  await ready(other);
  await expect(chips(other)).toHaveText(["red, round circle", "blue square", "cat"]);
  await expect(other.getByLabel("Prompt template")).toHaveValue("a {}");
  await context.close();
});

test("a link carries an ensemble, and a model that is loaded only when asked for", async ({ page, site }) => {
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(`${site}#label=yak&label=gnu&templates=best7&model=models/large.gguf`);
  await ready(page);
  await expect(chips(page)).toHaveText(["yak", "gnu"]);
  await expect(page.getByLabel("Prompt", { exact: true })).toHaveValue("best7");
  await expect(page.getByRole("alert")).toContainText("models/large.gguf");
  expect(asked.some((address) => address.includes("large.gguf"))).toBe(false);
});
