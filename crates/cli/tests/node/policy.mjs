// What a browser makes of a site under a policy that is learnt.
import { setTimeout as pause } from 'node:timers/promises';

const marks = (page) => page.evaluate(() => ({ ...document.documentElement.dataset }));

/** Two looks at the site, as a visitor's: what ran of it, and what the other origin was asked for. */
export async function learnt({ visit }, origin) {
  let ran;
  let said = [];
  for (const path of ['/', '/basket']) {
    const page = await visit(`${origin}${path}`);
    await pause(500);
    ran = await marks(page);
    said = said.concat(page.said);
    // Reports go out at the latest when the page is left.
    await page.goto('about:blank');
    await page.close();
  }
  await pause(1500);
  const page = await visit(`${origin}/taken`);
  const taken = JSON.parse(await page.textContent('body'));
  return { ran, taken, said };
}

/** Scripts that somebody has put into the page: in itself, by a handler, and from elsewhere. */
export async function injected({ visit }, origin, evil) {
  const parts = [
    "<script>document.documentElement.dataset.injected = 'ran';</script>",
    `<img src="/none" onerror="document.documentElement.dataset.handler = 'ran'">`,
    `<script src="${evil}/evil.js"></script>`,
    "<script nonce=\"PANOPLY_NONCE\">document.documentElement.dataset.guessed = 'ran';</script>",
  ];
  const page = await visit(`${origin}/?inject=${encodeURIComponent(parts.join(''))}`);
  await pause(500);
  return { ran: await marks(page), said: page.said };
}
