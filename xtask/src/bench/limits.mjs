import { RateLimiterMemory } from "rate-limiter-flexible";

const run = async (limiter, keys, calls) => {
  const names = Array.from({ length: keys }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
  const start = process.hrtime.bigint();
  for (let i = 0; i < calls; i++) await limiter.consume(names[i % keys], 1);
  return calls / (Number(process.hrtime.bigint() - start) / 1e9);
};
const limiter = () => new RateLimiterMemory({ points: 1e12, duration: 3600 });
await run(limiter(), 10000, 200000);
const rate = await run(limiter(), 10000, 1000000);
global.gc();
const before = process.memoryUsage().rss;
const kept = limiter();
const heap = process.memoryUsage().heapUsed;
await run(kept, 200000, 200000);
global.gc();
const bytes = (process.memoryUsage().heapUsed - heap) / 200000;
console.log(JSON.stringify({ rate, bytes, rss: before }));
process.exit(0);
