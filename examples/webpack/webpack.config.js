import { fileURLToPath } from "node:url";

// webpack finds the package's worker, modules and model by itself.
export default {
  mode: "production",
  entry: "./main.js",
  output: { path: fileURLToPath(new URL("dist", import.meta.url)), filename: "main.js", publicPath: "auto" },
  performance: { hints: false },
};
