// The one Trusted Types policy: this page's own scripts may become workers, nothing may become HTML or
// code. Where the browser does not know Trusted Types, the page keeps to the same without being held to it.

globalThis.trustedTypes?.createPolicy("default", {
  createScriptURL(address) {
    const { origin } = new URL(address, document.baseURI);
    return origin === location.origin ? address : null;
  },
});
