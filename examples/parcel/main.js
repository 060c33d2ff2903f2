import { Cliplet } from "cliplet";
import "cliplet/element";

// The bundler does not copy the package's worker, modules and model; the build does, into this folder.
Cliplet.configure({ baseUrl: "cliplet/" });

const classifier = document.querySelector("cliplet-classifier");

classifier.addEventListener("cliplet-result", async () => {
  const { variant, threads } = (await classifier.load()).info;
  document.querySelector("#speed").textContent = `${variant}, ${threads} threads`;
});
