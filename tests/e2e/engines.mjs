// The three engines as their distributions ship them, driven by WebDriver: Chromium, Firefox and
// WebKitGTK. Each driver is started on a free port and stopped with its browser.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { Builder, Capabilities } from "selenium-webdriver";

const first = (...paths) => paths.find(existsSync);
const TOOLS = `${process.env.XDG_CACHE_HOME ?? `${homedir()}/.cache`}/cliplet/bin`;
const QUIET = [
  "--headless=new",
  "--window-size=1280,1024",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * The driver of each engine, and the features that can be switched off: "relaxed SIMD", "service workers",
 * "Cache storage"; "persistence" asks for a private window.
 */
export const ENGINES = {
  chromium: {
    driver: (port) => [first("/usr/bin/chromedriver", "/usr/lib/chromium-browser/chromedriver"), `--port=${port}`],
    lacks: ["persistence"],
    capabilities(lacking) {
      const args = [...QUIET];
      if (lacking === "persistence") args.push("--incognito");
      return {
        browserName: "chrome",
        "goog:chromeOptions": { binary: first("/usr/bin/chromium", "/usr/bin/google-chrome"), args },
      };
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
      return {
        browserName: "firefox",
        "moz:firefoxOptions": {
          binary: first("/usr/bin/firefox-esr", "/usr/bin/firefox"),
          args: ["-headless", "--width=1280", "--height=1024"],
          prefs,
        },
      };
    },
  },
  webkit: {
    driver: (port) => ["/usr/bin/WebKitWebDriver", `--port=${port}`],
    // It has no relaxed SIMD at all, and every driven window of it is private.
    lacks: ["service workers", "Cache storage"],
    /** Settings of the desktop it draws on, and the media queries that then hold. */
    looks: {
      usual: {
        settings: "gtk-theme-name=Adwaita",
        media: ["(prefers-color-scheme: light)", "(prefers-reduced-motion: no-preference)"],
      },
      dark: {
        settings: "gtk-theme-name=Adwaita-dark\ngtk-enable-animations=0",
        media: ["(prefers-color-scheme: dark)", "(prefers-reduced-motion: reduce)"],
      },
      contrast: {
        settings: "gtk-theme-name=HighContrast\ngtk-enable-animations=0",
        media: ["(prefers-contrast: more)", "(prefers-reduced-motion: reduce)"],
      },
    },
    capabilities(lacking) {
      const off = { "service workers": "ServiceWorkers", "Cache storage": "CacheAPI" }[lacking];
      const binary = first(
        "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
        "/usr/lib/aarch64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
      );
      return {
        browserName: "MiniBrowser",
        "webkitgtk:browserOptions": { binary, args: ["--automation", ...(off ? [`--features=-${off}`] : [])] },
      };
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

/** Starts a driver and waits until it answers. */
async function driver([command, ...args], port, env) {
  const program = spawn(command, args, { stdio: "ignore", env: { ...process.env, ...env } });
  const answers = () =>
    fetch(`http://127.0.0.1:${port}/status`).then(
      ({ ok }) => ok,
      () => false,
    );
  for (let tries = 0; !(await answers()); tries += 1) {
    if (tries > 100 || program.exitCode !== null) throw new Error(`${command} did not start`);
    await new Promise((resume) => setTimeout(resume, 100));
  }
  return program;
}

/** A display for the engine that draws on one even in tests, with settings of its desktop. */
async function display({ settings }) {
  const config = await mkdtemp(join(tmpdir(), "cliplet-desktop-"));
  await mkdir(join(config, "gtk-3.0"));
  await writeFile(join(config, "gtk-3.0", "settings.ini"), `[Settings]\n${settings}\n`);
  // The server chooses a free number and tells it when it is ready.
  const server = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const [number] = await Promise.race([
    once(server.stdio[3], "data"),
    once(server, "exit").then(() => Promise.reject(new Error("Xvfb did not start"))),
  ]);
  const env = {
    XDG_CONFIG_HOME: config,
    DISPLAY: `:${String(number).trim()}`,
    WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1",
    WEBKIT_DISABLE_COMPOSITING_MODE: "1",
    LIBGL_ALWAYS_SOFTWARE: "1",
  };
  const close = () => {
    server.kill();
    return rm(config, { recursive: true, force: true });
  };
  return { env, close };
}

/**
 * Starts an engine; `quit()` ends it with all that was started for it.
 * @param {string} name
 * @param {{lacking?: string, look?: string}} settings what is switched off, and how the desktop looks
 */
export async function start(name, { lacking, look = "usual" } = {}) {
  const engine = ENGINES[name];
  const screen = engine.looks ? await display(engine.looks[look]) : null;
  const port = await freePort();
  const program = await driver(engine.driver(port), port, screen?.env);
  const quit = async () => {
    await browser?.quit().catch(() => {});
    program.kill();
    await screen?.close();
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
