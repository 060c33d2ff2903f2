// Ready-made label sets. Labels are English, since CLIP reads English only; the names of the sets are among the
// strings.

export const PRESETS = {
  shapes: ["red", "green", "blue", "yellow"].flatMap((color) =>
    ["circle", "square", "triangle", "star"].map((shape) => `${color} ${shape}`),
  ),
  everyday: [
    "bag", "ball", "bed", "bicycle", "bird", "boat", "book", "bottle", "bridge", "building", "bus", "cake", "car",
    "cat", "chair", "clock", "computer", "cup", "dog", "door", "flower", "food", "hat", "horse", "house", "lamp",
    "person", "phone", "plant", "road", "shoe", "table", "train", "tree", "window",
  ],
  animals: [
    "bear", "bee", "bird", "butterfly", "cat", "chicken", "cow", "deer", "dog", "duck", "elephant", "fish", "fox",
    "frog", "goat", "horse", "insect", "lion", "monkey", "owl", "penguin", "pig", "rabbit", "sheep", "snail", "snake",
    "spider", "tiger", "turtle", "zebra",
  ],
  scenes: [
    "airport", "beach", "bedroom", "bridge", "city street", "desert", "field", "forest", "garden", "harbour",
    "kitchen", "lake", "living room", "market", "mountain", "night sky", "office", "playground", "railway station",
    "river", "snow", "stadium", "sunset", "swimming pool", "waterfall",
  ],
  food: [
    "apple", "banana", "bread", "burger", "cake", "cheese", "chocolate", "coffee", "eggs", "fish", "fries", "ice cream",
    "lemon", "meat", "orange", "pancakes", "pasta", "pizza", "rice", "salad", "sandwich", "soup", "strawberry", "sushi",
    "tea",
  ],
  kinds: [
    "cartoon", "diagram", "document", "drawing", "handwriting", "icon", "logo", "map", "meme", "painting", "photograph",
    "poster", "receipt", "screenshot", "scanned page", "sketch",
  ],
  cifar: ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
};
