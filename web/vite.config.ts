import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";
import { checkBudgets } from "./vite.budget.ts";

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
    checkBudgets(dir, bundle);
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
    // vite.budget.ts counts what a visit loads, compressed.
    chunkSizeWarningLimit: 2000,
    rolldownOptions: {
      // The SDK does not say that what nobody imports may be left out (its widgets, its own sign-in); browser tests run on the result.
      treeshake: { moduleSideEffects: (id) => !/[\\/]matrix-js-sdk[\\/]/.test(id) },
      output: {
        codeSplitting: {
          groups: [
            // These change more rarely than what we write, and stay in browsers' caches across our releases. What the SDK loads
            // by itself when it is needed (its cryptography) stays apart.
            { name: "sdk", test: /node_modules[\\/]matrix-js-sdk[\\/](?!.*rust-crypto)/, priority: 2 },
            { name: "react", test: /node_modules[\\/](react|react-dom|scheduler|i18next|react-i18next)[\\/]|vite[\\/]preload-helper/, priority: 3 },
          ],
        },
      },
    },
  },
});
