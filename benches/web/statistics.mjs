// Figures of several times of the same work, as the tables of benchmarks give them.

const sorted = (times) => [...times].sort((a, b) => a - b);

/** The median of times. */
export const median = (times) => sorted(times)[times.length >> 1];

/** The lower and the upper quartile of times, which are far apart where something else has run. */
export const quartiles = (times) => [0.25, 0.75].map((q) => sorted(times)[Math.floor(q * (times.length - 1))]);
