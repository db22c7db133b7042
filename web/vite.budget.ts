/** How much a visit may load, compressed: the build fails when it becomes more. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Rolldown } from "vite";

/** What somebody waits for before seeing something: the modules that are loaded, and how many KB of scripts and styles. */
interface Budget {
  name: string;
  /** Modules (by the end of their path) that are asked for; what they import statically comes along. */
  modules: string[];
  maxKb: number;
}

export const BUDGETS: Budget[] = [
  { name: "the sign-in screen", modules: ["/app/main.tsx", "/auth/AuthScreen.tsx"], maxKb: 110 },
  { name: "an open room", modules: ["/app/main.tsx", "/app/SignedIn.tsx", "/app/RoomScreen.tsx"], maxKb: 425 },
];

type Bundle = Rolldown.OutputBundle;

/** Every chunk that is loaded for these modules. Rejects a module that has no chunk of its own: the split has been lost. */
export function chunksOf(bundle: Bundle, modules: string[]): Rolldown.OutputChunk[] {
  const chunks = Object.values(bundle).filter((file) => file.type === "chunk");
  const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
  const found = new Set<Rolldown.OutputChunk>();
  const add = (chunk: Rolldown.OutputChunk | undefined): void => {
    if (!chunk || found.has(chunk)) return;
    found.add(chunk);
    chunk.imports.forEach((name) => add(byName.get(name)));
  };
  for (const module of modules) {
    const own = chunks.find((chunk) => chunk.facadeModuleId?.replaceAll("\\", "/").replace("/index.html", "/app/main.tsx").endsWith(module));
    if (!own) throw new Error(`${module} has no chunk of its own any more`);
    add(own);
  }
  return [...found];
}

/** Prints what is loaded, and throws when it is more than the budget. */
export function checkBudgets(dir: string, bundle: Bundle): void {
  const over: string[] = [];
  for (const { name, modules, maxKb } of BUDGETS) {
    const chunks = chunksOf(bundle, modules);
    const files = new Set(chunks.flatMap((chunk) => [chunk.fileName, ...(chunk.viteMetadata?.importedCss ?? [])]));
    const kb = [...files].reduce((sum, file) => sum + sizeOf(join(dir, file)), 0) / 1000;
    const line = `${name} loads ${kb.toFixed(1)} KB of scripts and styles (Brotli; budget ${maxKb} KB)`;
    console.warn(line);
    if (kb > maxKb) over.push(`${line}:\n  ${[...files].join("\n  ")}`);
  }
  if (over.length > 0) throw new Error(`over the size budget in vite.budget.ts: ${over.join("\n")}`);
}

function sizeOf(file: string): number {
  return statSync(existsSync(`${file}.br`) ? `${file}.br` : file).size;
}
