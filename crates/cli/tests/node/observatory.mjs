// MDN Observatory's own scan of HOST:PORT. Its two lists are normally downloaded at install; empty ones do here.
import { mkdirSync, writeFileSync } from 'node:fs';

const root = new URL('node_modules/@mdn/mdn-http-observatory/', import.meta.url);
mkdirSync(new URL('conf/', root), { recursive: true });
writeFileSync(new URL('conf/hsts-preload.json', root), '{}');
writeFileSync(new URL('conf/tld-list.json', root), '[]');
const { scan } = await import(new URL('src/scanner/index.js', root));

const result = await scan(process.argv[2]);
const tests = Object.entries(result.tests).map(([name, test]) => [name, [test.scoreModifier, test.result]]);
console.log(JSON.stringify({ ...result.scan, tests: Object.fromEntries(tests) }));
process.exit(0);
