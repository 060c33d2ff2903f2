// The three engines as their distributions ship them, driven by WebDriver: Chromium, Firefox and
// WebKitGTK. Each driver is started on a free port and stopped with its browser.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { homedir } from "node:os";
import { Builder, Capabilities } from "selenium-webdriver";

const first = (...paths) => paths.find(existsSync);
const TOOLS = `${process.env.XDG_CACHE_HOME ?? `${homedir()}/.cache`}/cliplet/bin`;
const QUIET = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/**
 * What starts each engine. `lacking` names what to switch off: "relaxed SIMD", "service workers",
 * "Cache storage"; "persistence" asks for a private window.
 */
export const ENGINES = {
  chromium: {
    driver: (port) => [first("/usr/bin/chromedriver", "/usr/lib/chromium-browser/chromedriver"), `--port=${port}`],
    lacks: ["persistence"],
    capabilities(lacking) {
      const args = [...QUIET];
      if (lacking === "persistence") args.push("--incognito");
      return { browserName: "chrome", "goog:chromeOptions": { binary: first("/usr/bin/chromium", "/usr/bin/google-chrome"), args } };
    },
  },
  firefox: {
    driver: (port) => [first(`${TOOLS}/geckodriver`, "/usr/bin/geckodriver"), `--port=${port}`],
    lacks: ["persistence", "relaxed SIMD", "service workers", "Cache storage"],
    capabilities(lacking) {
      const prefs = {
        "app.update.enabled": false,
        "browser.privatebrowsing.autostart": lacking === "persistence",
        "dom.serviceWorkers.enabled": lacking !== "service workers",
        "dom.caches.enabled": lacking !== "Cache storage",
        "javascript.options.wasm_relaxed_simd": lacking !== "relaxed SIMD",
      };
      return { browserName: "firefox", "moz:firefoxOptions": { binary: first("/usr/bin/firefox-esr", "/usr/bin/firefox"), args: ["-headless"], prefs } };
    },
  },
  webkit: {
    driver: (port) => ["/usr/bin/WebKitWebDriver", `--port=${port}`],
    // It has no relaxed SIMD at all, and every driven window of it is private.
    lacks: [],
    display: true,
    capabilities() {
      const binary = first("/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser", "/usr/lib/aarch64-linux-gnu/webkit2gtk-4.1/MiniBrowser");
      return { browserName: "MiniBrowser", "webkitgtk:browserOptions": { binary, args: ["--automation"] } };
    },
  },
};

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** Starts a program and waits until `ready()` holds. */
async function started(command, args, env, ready) {
  const program = spawn(command, args, { stdio: "ignore", env: { ...process.env, ...env } });
  for (let tries = 0; !(await ready()); tries += 1) {
    if (tries > 100 || program.exitCode !== null) throw new Error(`${command} did not start`);
    await new Promise((resume) => setTimeout(resume, 100));
  }
  return program;
}

const answers = (port) => fetch(`http://127.0.0.1:${port}/status`).then(({ ok }) => ok, () => false);

/** A display for the engine that draws on one even in tests. */
async function display() {
  for (let number = 90; ; number += 1) {
    if (existsSync(`/tmp/.X${number}-lock`)) continue;
    const socket = `/tmp/.X11-unix/X${number}`;
    const server = await started("Xvfb", [`:${number}`, "-screen", "0", "1280x1024x24", "-nolisten", "tcp"], {}, () => existsSync(socket));
    return { server, env: { DISPLAY: `:${number}`, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1", WEBKIT_DISABLE_COMPOSITING_MODE: "1", LIBGL_ALWAYS_SOFTWARE: "1" } };
  }
}

/** Starts an engine; `quit()` ends it with all that was started for it. */
export async function start(name, lacking) {
  const engine = ENGINES[name];
  const screen = engine.display ? await display() : null;
  const port = await freePort();
  const [command, ...args] = engine.driver(port);
  const program = await started(command, args, screen?.env, () => answers(port));
  const quit = async () => {
    await browser?.quit().catch(() => {});
    program.kill();
    screen?.server.kill();
  };
  let browser;
  try {
    browser = await new Builder()
      .usingServer(`http://127.0.0.1:${port}`)
      .disableEnvironmentOverrides()
      .withCapabilities(new Capabilities(engine.capabilities(lacking)))
      .build();
    await browser.manage().setTimeouts({ script: 120_000, pageLoad: 60_000 });
    return { browser, quit };
  } catch (error) {
    await quit();
    throw error;
  }
}
