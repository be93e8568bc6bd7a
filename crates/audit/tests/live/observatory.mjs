// MDN Observatory's own scan of each host on standard input; one JSON array out, in the same order.
// Names below .test are this machine, and the list of preloaded hosts is the file that is given.
import dns from 'node:dns';
import fs from 'node:fs';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

const [modules, preload] = process.argv.slice(2);

const lookup = dns.lookup;
dns.lookup = (name, options, callback) => {
  if (!name.endsWith('.test') && name !== 'localhost') return lookup(name, options, callback);
  const done = callback ?? options;
  const all = typeof options === 'object' && options.all;
  process.nextTick(() => (all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4)));
};

const read = fs.readFileSync;
fs.readFileSync = (path, ...rest) => read(String(path).endsWith('hsts-preload.json') ? preload : path, ...rest);

const root = pathToFileURL(`${modules}/@mdn/mdn-http-observatory/`);
const { scan } = await import(new URL('src/scanner/index.js', root));

async function judged(host) {
  try {
    const { scan: { grade, score }, tests } = await scan(host);
    return { grade, score, tests: Object.entries(tests).map(([name, test]) => [name, test.result, test.scoreModifier]) };
  } catch (error) {
    return { error: String(error.message) };
  }
}

const hosts = JSON.parse(await text(process.stdin));
const results = [];
const next = hosts.entries();
// A few at a time: each scan counts its seconds from when it begins.
await Promise.all(
  Array.from({ length: 4 }, async () => {
    for (const [at, host] of next) results[at] = await judged(host);
  }),
);
process.stdout.write(`${JSON.stringify(results)}\n`, () => process.exit(0));
