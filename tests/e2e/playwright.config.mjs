import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

const first = (...paths) => paths.find(existsSync);

const chromium = {
  name: "chromium",
  use: {
    permissions: ["camera", "clipboard-read", "clipboard-write"],
    launchOptions: {
      executablePath:
        process.env.CHROMIUM ??
        first("/usr/bin/chromium", "/usr/bin/chromium-browser", "/snap/bin/chromium", "/usr/bin/google-chrome"),
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // A camera that every machine has: a green picture with a ball in it.
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
      ],
    },
  },
};

/**
 * Firefox as its distribution ships it, spoken to by WebDriver BiDi. What the protocol cannot set for one
 * test (colours, motion, contrast) is a preference of the whole browser, so each has a project of its own.
 */
const firefox = (name, preferences, tests) => ({
  name,
  // The protocol's driver is young and now and then loses an answer; what is wrong is so every time.
  retries: 2,
  ...tests,
  use: {
    browserName: "firefox",
    channel: "moz-firefox",
    launchOptions: {
      executablePath: process.env.FIREFOX ?? first("/usr/bin/firefox-esr", "/usr/bin/firefox"),
      firefoxUserPrefs: {
        "app.update.enabled": false,
        "dom.events.testing.asyncClipboard": true,
        // One thread: see what is beyond the protocol in page.mjs.
        "dom.maxHardwareConcurrency": 1,
        "media.navigator.permission.disabled": true,
        "media.navigator.streams.fake": true,
        "ui.prefersReducedMotion": 1,
        ...preferences,
      },
    },
  },
});

/** Preferences of the tests with these tags. */
const MOODS = {
  dark: { "layout.css.prefers-color-scheme.content-override": 0 },
  contrast: { "browser.display.document_color_use": 1, "ui.useAccessibilityTheme": 1 },
  // Without a desktop, what is chosen would be white on a light blue.
  forced: { "browser.display.document_color_use": 2, "ui.highlight": "#1a0dab", "ui.highlighttext": "#ffffff" },
};

export default defineConfig({
  testMatch: "*.spec.mjs",
  timeout: 60_000,
  expect: { timeout: 20_000 },
  forbidOnly: true,
  workers: 1,
  reporter: [["line"], ["./skipped.mjs"]],
  projects: [
    chromium,
    firefox("firefox", {}, { grepInvert: new RegExp(`@(${Object.keys(MOODS).join("|")})`) }),
    ...Object.entries(MOODS).map(([mood, preferences]) =>
      firefox(`firefox-${mood}`, preferences, { grep: new RegExp(`@${mood}`) }),
    ),
  ],
});
