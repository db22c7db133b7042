import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

// Where `npm run dev` and `npm run preview` find a server; the built client is served by the server itself.
const target = process.env.CHATBOOK_URL ?? "http://127.0.0.1:8008";
const proxy = {
  "/_matrix": { target, ws: true, changeOrigin: false },
  "/_chatbook": { target, ws: true, changeOrigin: false },
  "/.well-known": { target, changeOrigin: false },
};

// Beside each large text or WebAssembly file its Brotli twin, which the server sends to browsers that take it. Level 5:
// 9 saves another 5 % in four times the time.
const compress: Plugin = {
  name: "compress",
  apply: "build",
  async writeBundle({ dir = "dist" }, bundle) {
    const params = { [constants.BROTLI_PARAM_QUALITY]: 5, [constants.BROTLI_PARAM_LGWIN]: 24 };
    const names = Object.keys(bundle).filter((name) => /\.(js|css|wasm)$/.test(name));
    const write = async (name: string) => {
      const file = join(dir, name);
      await writeFile(`${file}.br`, await promisify(brotliCompress)(await readFile(file), { params }));
    };
    await Promise.all(names.map(write));
  },
};

export default defineConfig({
  plugins: [react(), compress],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  server: { host: "127.0.0.1", proxy },
  preview: { host: "127.0.0.1", proxy },
  build: {
    target: "es2022",
    // Inlined assets would need data: in the content security policy.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1500,
  },
});
