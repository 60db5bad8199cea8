/**
 * `portolan probe` in one file, with all its modules but the native ones: it starts in half the time, since a process that reads a file has no
 * time to spend on finding sixty. The launcher makes it, and does without where there is no vite.
 *
 *   vite build --config runtime/probe.vite.config.ts
 */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));

export default defineConfig({
  root,
  logLevel: "warn",
  publicDir: false,
  ssr: { noExternal: true, external: ["koffi"] },
  build: {
    ssr: "src/cli/probe-main.ts",
    target: "node24",
    outDir: "node_modules/.cache/portolan",
    emptyOutDir: false,
    minify: false,
    // As CommonJS: Node spends less on it, and on its own modules.
    rolldownOptions: { output: { format: "cjs", entryFileNames: "probe.cjs", codeSplitting: false } },
  },
});
