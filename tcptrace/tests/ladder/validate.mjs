// Reads Markdown files and has Mermaid itself parse every diagram in them; not part of the tests.
// In a directory with `npm install mermaid jsdom`, and this file copied there:
//   node validate.mjs PATH/tcptrace/tests/ladder/snapshots/*mermaid*
import { JSDOM } from "jsdom";
import fs from "fs";
const dom = new JSDOM("<!DOCTYPE html><body></body>");
globalThis.window = dom.window; globalThis.document = dom.window.document;
const mermaid = (await import("mermaid")).default;
mermaid.initialize({ startOnLoad: false, securityLevel: "strict" });
let bad = 0, good = 0;
for (const file of process.argv.slice(2)) {
  const text = fs.readFileSync(file, "utf8");
  for (const [, diagram] of text.matchAll(/```mermaid\n([\s\S]*?)```/g)) {
    try { const r = await mermaid.parse(diagram); good++; if (r.diagramType !== "sequence") throw new Error(r.diagramType); }
    catch (e) { bad++; console.error(`${file}: ${e.message}\n${diagram}`); }
  }
}
console.log(`${good} diagrams are valid, ${bad} are not`);
process.exit(bad ? 1 : 0);
