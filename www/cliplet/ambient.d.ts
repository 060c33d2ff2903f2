// Types of what TypeScript's libraries do not know here: the WebAssembly modules' JavaScript, which the build makes, and
// synchronous files, which workers alone have.

declare module "*/cliplet.js" {
  export default function init(options: {
    module_or_path?: WebAssembly.Module;
    memory?: WebAssembly.Memory;
  }): Promise<{ memory: WebAssembly.Memory }>;
  export function initThreadPool(threads: number): Promise<void>;
  export function wbg_rayon_start_worker(receiver: number): void;
  export function compiled(): WebAssembly.Module;

  export class Pixels {
    private constructor();
  }

  export class Engine {
    private constructor();
    free(): void;
    info(): string;
    readonly embeddedPrompts: number;
    preprocess(bytes: Uint8Array): Pixels;
    preprocessRgba(width: number, height: number, rgba: Uint8ClampedArray): Pixels;
    embedImages(images: Pixels[]): Float32Array;
    embedTexts(texts: string[]): Float32Array;
    embedLabels(labels: string[], templates: string[]): Float32Array;
    rank(image: Float32Array, labels: string[], vectors: Float32Array, topK: number): string;
  }

  export class Loader {
    constructor(name: string, total?: number, cached?: boolean);
    free(): void;
    push(chunk: Uint8Array): void;
    chunkMut(): [address: number, length: number];
    advance(count: number): void;
    finish(): Engine;
  }

  export class SnapshotFiles {
    constructor();
    free(): void;
    add(name: string, bytes: Uint8Array): void;
    texts(name: string, id: string | undefined, ofOpenClip: boolean): SnapshotTexts;
  }

  export class SnapshotTexts {
    private constructor();
    fileBytes(quant: string): number;
    withImageTower(image: SnapshotTexts): SnapshotTexts;
  }

  export class WeightIndex {
    constructor(name: string, length?: number);
    wanted(): [start: number, length: number] | undefined;
    push(bytes: Uint8Array): void;
  }

  export class SnapshotLoader {
    constructor(texts: SnapshotTexts, quant: string, files: WeightIndex[], imageFiles: WeightIndex[]);
    free(): void;
    readonly done: number;
    wanted(): [file: number, position: number] | undefined;
    push(file: number, position: number, chunk: Uint8Array): void;
    takePacked(): Uint8Array<ArrayBuffer>;
    restore(part: Uint8Array): void;
    finish(): Packed;
  }

  export class Packed {
    private constructor();
    readonly header: Uint8Array<ArrayBuffer>;
    engine(): Engine;
  }
}

interface FileSystemSyncAccessHandle {
  read(view: ArrayBufferView, options?: { at?: number }): number;
  write(view: ArrayBufferView, options?: { at?: number }): number;
  getSize(): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

interface FileSystemFileHandle {
  createSyncAccessHandle(options?: { mode?: "read-only" | "readwrite" }): Promise<FileSystemSyncAccessHandle>;
}
