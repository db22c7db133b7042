import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Where `npm run dev` and `npm run preview` find a server; the built client is served by the server itself.
const target = process.env.CHATBOOK_URL ?? "http://127.0.0.1:8008";
const proxy = {
  "/_matrix": { target, ws: true, changeOrigin: false },
  "/_chatbook": { target, ws: true, changeOrigin: false },
  "/.well-known": { target, changeOrigin: false },
};

export default defineConfig({
  plugins: [react()],
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
