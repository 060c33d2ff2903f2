import { defineConfig } from "vite";

const isolated = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  // Any folder of any host.
  base: "./",
  // The package finds its modules by relative addresses, which Vite's development server must leave alone.
  optimizeDeps: { exclude: ["cliplet"] },
  worker: { format: "es" },
  build: { target: "es2022" },
  // Threads need these, in production too; without them one thread does.
  server: { headers: isolated },
  preview: { headers: isolated },
});
