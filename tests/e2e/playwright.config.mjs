import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/snap/bin/chromium", "/usr/bin/google-chrome"];

export default defineConfig({
  testMatch: "*.spec.mjs",
  timeout: 60_000,
  expect: { timeout: 20_000 },
  forbidOnly: true,
  workers: 1,
  reporter: "line",
  use: {
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? CHROMIUM.find(existsSync),
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
});
