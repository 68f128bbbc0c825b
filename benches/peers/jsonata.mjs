// Measures the reference implementation of JSONata (npm `jsonata`). Reads one JSON object from stdin and prints one. Run
// in a folder where the package is installed:
//
//   node jsonata.mjs < {"seconds":1,"cases":[{"expression":"$sum($states.input.prices)","input":{"prices":[1,2]}}]}
//
// {"version":"2.2.2","cases":[{"best_us":0.8,"result":3}]}

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.cwd(), "package.json"));
const jsonata = require("jsonata");
const { version } = require("jsonata/package.json");
const { seconds, cases } = JSON.parse(readFileSync(0, "utf8"));

async function measure({ expression, input }) {
  const parsed = jsonata(expression);
  const bindings = { states: { input } };
  const evaluate = () => parsed.evaluate(undefined, bindings);
  const result = await evaluate();
  const end = performance.now() + seconds * 1000;
  let best = Infinity;
  while (performance.now() < end) {
    // Several at a time: the clock is coarse beside the shortest.
    const started = performance.now();
    let rounds = 0;
    do {
      await evaluate();
      rounds++;
    } while (performance.now() - started < 1);
    best = Math.min(best, (performance.now() - started) / rounds);
  }
  return { best_us: best * 1000, result };
}

const measured = [];
for (const one of cases) measured.push(await measure(one));
console.log(JSON.stringify({ version, cases: measured }));
