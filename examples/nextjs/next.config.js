/** A static site; `headers` of the host make the page cross-origin isolated, which threads need. */
export default { output: "export", distDir: "dist", images: { unoptimized: true } };
