import "cliplet/element";

const classifier = document.querySelector("cliplet-classifier");

classifier.addEventListener("cliplet-result", async () => {
  const { variant, threads } = (await classifier.load()).info;
  document.querySelector("#speed").textContent = `${variant}, ${threads} threads`;
});
