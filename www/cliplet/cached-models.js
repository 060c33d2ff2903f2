// The models cached on this device, as the page lists and deletes them.

import { CACHED, cachedKeyOf } from "./cache-keys.js";
import { deprecated } from "./deprecated.js";
import { asClipletError, ClipletError } from "./errors.js";
import { deleteLabels } from "./label-cache.js";
import { deleteModel, findModel, listRecords } from "./model-cache.js";

/** @returns {Promise<import("./types.js").CachedModel[]>} */
export async function listCached() {
  try {
    return (await listRecords()).map(({ key, owner: _owner, version: _version, ...record }) => ({
      ...record,
      id: `${CACHED}${key}`,
    }));
  } catch (error) {
    throw asClipletError(error, { code: "io" });
  }
}

/** @param {string} id */
export async function deleteCached(id) {
  const key = cachedKeyOf(id);
  if (key === undefined)
    throw new ClipletError("input", `${id} is no id of a cached model: take one from listCached`, { item: id });
  if (!id.startsWith(CACHED)) deprecated("an id that begins with kept:", `one that begins with ${CACHED}`);
  try {
    const { whole } = await findModel(key);
    if (whole?.checksum) await deleteLabels(whole.checksum);
    await deleteModel(key);
  } catch (error) {
    throw asClipletError(error, { code: "io", item: id });
  }
}
