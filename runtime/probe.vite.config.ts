/**
 * `portolan probe` in one file, with all its modules but the native ones, and what starts it: it starts in half the time, since a process that reads a
 * file has no time to spend on finding sixty. The launcher makes them, and does without where there is no vite.
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
    ssr: true,
    target: "node24",
    outDir: "node_modules/.cache/portolan",
    emptyOutDir: false,
    minify: false,
    // As CommonJS: Node spends less on it, and on its own modules. An octet for each character is what V8 reads fastest.
    rolldownOptions: {
      // A module of which nothing is used does nothing: decoders are left out.
      treeshake: { moduleSideEffects: false },
      input: { "probe-start": "src/cli/probe-start.ts", "probe-main": "src/cli/probe-main.ts" },
      output: { format: "cjs", entryFileNames: "[name].cjs", comments: false, charset: "ascii" },
    },
  },
});
