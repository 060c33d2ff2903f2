// Has the engine trap for real, as running out of memory does, at every encoded image that begins with "TRAP".

/** Code that goes before that of the engine's worker. */
export const TRAP = `
  const { instantiate, instantiateStreaming } = WebAssembly;
  const unreachable = Uint8Array.of(
    0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 5, 1, 3, 0, 0, 11);
  const trap = new WebAssembly.Instance(new WebAssembly.Module(unreachable)).exports.f;
  let imported;
  const armed = ({ exports }) => ({
    exports: {
      ...exports,
      engine_preprocess(engine, address, length) {
        const start = new Uint8Array((imported ?? exports.memory).buffer, address, 4).slice();
        if (new TextDecoder().decode(start) === "TRAP") trap();
        return exports.engine_preprocess(engine, address, length);
      },
    },
  });
  const noted = (imports) => {
    for (const part of Object.values(imports)) imported ??= part.memory;
    return imports;
  };
  WebAssembly.instantiate = async (module, imports) => {
    const made = await instantiate.call(WebAssembly, module, noted(imports));
    if (made instanceof WebAssembly.Instance) return { instance: armed(made), module };
    return { module: made.module, instance: armed(made.instance) };
  };
  WebAssembly.instantiateStreaming = async (response, imports) => {
    const { instance, module } = await instantiateStreaming.call(WebAssembly, response, noted(imports));
    return { instance: armed(instance), module };
  };`;
