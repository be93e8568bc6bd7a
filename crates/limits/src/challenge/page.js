(async () => {
  'use strict';
  const { at, task, seed, bits, form } = document.currentScript.previousElementSibling.dataset;
  // What the site's own page has in other words may stand behind the task.
  await new Promise((done) => addEventListener('DOMContentLoaded', done));
  const part = (name) => document.querySelector(`[data-panoply=${name}]`) ?? document.createElement('p');
  const [bar, again] = [part('bar'), part('again')];
  let said = part('working');
  const say = (name) => {
    said.hidden = true;
    said = part(name);
    said.hidden = false;
  };
  /** Leaves the rest to whoever sits before it. */
  const stop = (name) => {
    say(name);
    bar.hidden = true;
    again.hidden = false;
    again.addEventListener('click', () => location.reload());
  };

  /** When tasks were solved here in the last minutes, with this one where that is `solved`; frames come and go together. */
  const solvedBefore = (solved) => {
    const name = 'panoply-challenge';
    if (self !== top) return [];
    try {
      const now = Date.now();
      const before = JSON.parse(sessionStorage.getItem(name) || '[]').filter((at) => now - at < 300000);
      if (solved) sessionStorage.setItem(name, JSON.stringify([...before, now]));
      return before;
    } catch {
      return [];
    }
  };

  const K = new Int32Array(64);
  for (let found = 0, n = 2; found < 64; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) prime = prime && n % d !== 0;
    if (prime) K[found++] = Math.floor((Math.cbrt(n) % 1) * 4294967296);
  }
  const START = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

  const W = new Int32Array(64);
  for (let i = 0; i < 8; i++) W[i] = parseInt(seed.slice(i * 8, i * 8 + 8), 16);
  W[10] = 0x80000000;
  W[15] = 320;

  // SHA-256 (FIPS 180-4) of one block. The first eight words are the same for all tries, and so is the state behind them.
  const BEHIND = START.map((word) => word | 0);
  for (let i = 0; i < 8; i++) {
    const [a, b, c, d, e, f, g, h] = BEHIND;
    const t = h + (((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))) + (g ^ (e & (f ^ g))) + K[i] + W[i];
    const u = (((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))) + ((a & b) | (c & (a | b)));
    BEHIND.splice(0, 8, (t + u) | 0, a, b, c, (d + t) | 0, e, f, g);
  }
  const [A, B, C, D, E, F, G, H] = BEHIND;

  /** The first 32 bits of the hash of the task with a number. */
  const hash = (n) => {
    W[8] = n / 4294967296;
    W[9] = n;
    let a = A, b = B, c = C, d = D, e = E, f = F, g = G, h = H;
    for (let i = 8; i < 64; i++) {
      if (i > 15) {
        const x = W[i - 15];
        const y = W[i - 2];
        W[i] = W[i - 16] + W[i - 7] + (((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3))
          + (((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10));
      }
      const t = (h + (((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))) + (g ^ (e & (f ^ g))) + K[i] + W[i]) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + t) | 0;
      d = c;
      c = b;
      b = a;
      a = (t + (((b >>> 2) | (b << 30)) ^ ((b >>> 13) | (b << 19)) ^ ((b >>> 22) | (b << 10))) + ((b & c) | (d & (b | c)))) | 0;
    }
    return (a + START[0]) >>> 0;
  };

  // Unlike a timer, it is not slowed down in the background.
  const { port1, port2 } = new MessageChannel();
  const turn = () => new Promise((done) => {
    port1.onmessage = done;
    port2.postMessage(0);
  });

  /** The first number that is a solution. */
  const solve = async () => {
    const below = 2 ** (32 - bits);
    for (let n = 0; ; ) {
      const since = performance.now();
      do {
        for (const end = n + 512; n < end; n++) {
          if (hash(n) < below) return n;
        }
      } while (performance.now() - since < 30);
      bar.value = 1 - Math.exp(-n / 2 ** bits);
      await turn();
    }
  };

  if (solvedBefore(false).length >= 4) return stop('rounds');
  say('working');
  try {
    const headers = { 'Panoply-Solution': `${task} ${await solve()}` };
    const sent = await fetch(at, { method: 'POST', headers, cache: 'no-store' });
    if (sent.status === 201 && (await fetch(at, { cache: 'no-store' })).status === 403) return stop('cookies');
    if (sent.status === 201) solvedBefore(true);
    if (form) {
      stop('form');
    } else {
      bar.value = 1;
      say('done');
    }
    location.reload();
  } catch {
    stop('away');
  }
})();
