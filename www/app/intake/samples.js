// Pictures that the page draws itself, for someone who has none at hand.

import { text } from "../strings.js";

const SIDE = 320;

function polygon(context, points, radius, inner = radius) {
  context.beginPath();
  for (let i = 0; i < points; i += 1) {
    const angle = -Math.PI / 2 + (i * 2 * Math.PI) / points;
    const reach = i % 2 ? inner : radius;
    context.lineTo(SIDE / 2 + reach * Math.cos(angle), SIDE / 2 + reach * Math.sin(angle));
  }
  context.closePath();
  context.fill();
}

const drawings = {
  circle: ["#f7f4ec", "#d7263d", (c) => (c.beginPath(), c.arc(SIDE / 2, SIDE / 2, 100, 0, 7), c.fill())],
  square: ["#f7f4ec", "#2452c9", (c) => c.fillRect(70, 70, 180, 180)],
  triangle: ["#f7f4ec", "#1f9d55", (c) => polygon(c, 3, 120)],
  star: ["#28305a", "#f7c325", (c) => polygon(c, 10, 125, 52)],
  stripes: ["#ffffff", "#111111", (c) => [0, 1, 2, 3].forEach((i) => c.fillRect(0, i * 80, SIDE, 40))],
};

/** Draws one sample as a PNG file. */
async function draw(kind) {
  const [background, colour, shape] = drawings[kind];
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext("2d");
  context.fillStyle = background;
  context.fillRect(0, 0, SIDE, SIDE);
  context.fillStyle = colour;
  shape(context);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  return new File([blob], `${text.sampleNames[kind]}.png`, { type: "image/png" });
}

/** Offers the samples as buttons in `list`. */
export async function offer(list, onFile) {
  for (const kind of Object.keys(drawings)) {
    const file = await draw(kind);
    const button = document.createElement("button");
    const image = document.createElement("img");
    image.src = URL.createObjectURL(file);
    image.alt = text.sampleNames[kind];
    image.width = image.height = 48;
    button.type = "button";
    button.className = "sample";
    button.append(image);
    button.addEventListener("click", () => onFile(file));
    const item = document.createElement("li");
    item.append(button);
    list.append(item);
  }
}
