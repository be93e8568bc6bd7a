// The demo's page in Chromium: `node demo.mjs START SHOTS` presses every button, and prints what each said.
import { chromium } from 'playwright-core';

const [start, shots] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
});

/** What the page says now. */
const read = (page) => page.evaluate(() => {
  const text = (place, selector) => place.querySelector(selector)?.textContent.trim() ?? null;
  const cards = [...document.querySelectorAll('.attack')].map((card) => {
    const side = (door) => {
      const place = card.querySelector(`.side.${door}`);
      const part = (name) => text(place, `.${name}`);
      return {
        verdict: place.dataset.verdict ?? null, saw: part('saw'), sent: part('sent'), answered: part('answered'),
        letter: part('letter'), points: part('points'),
      };
    };
    const trouble = card.querySelector('.trouble');
    return [card.id, {
      trouble: trouble.hidden ? null : trouble.textContent,
      why: card.querySelector('.why')?.hidden === false ? text(card, '.why') : null,
      rows: card.querySelectorAll('.rows tr').length,
      naked: side('naked'), guarded: side('guarded'),
    }];
  });
  return {
    cards: Object.fromEntries(cards),
    score: ['naked', 'guarded'].map((door) => document.getElementById(`score-${door}`).textContent),
    status: document.getElementById('status').textContent,
    trust: !document.getElementById('trust').hidden,
  };
});

/** Waits until nothing is being carried out. */
const settled = (page) => page.waitForFunction(
  () => document.getElementById('all').getAttribute('aria-disabled') === 'false'
    && document.getElementById('status').textContent.endsWith('carried out.'),
  null, { timeout: 120_000, polling: 200 },
);

const open = async (options) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.said = [];
  page.on('console', (message) => page.said.push(message.text()));
  page.on('pageerror', (error) => page.said.push(`error: ${error.message}`));
  await page.goto(start);
  await page.waitForFunction(() => document.body.dataset.ready === 'yes', null, { polling: 100 });
  return page;
};

const seen = {};
try {
  // Whoever does not trust the certificate is told so, and is told of no success that none was.
  const stranger = await open({});
  await stranger.click('#framed .run');
  await settled(stranger);
  seen.untrusted = await read(stranger);
  await stranger.context().close();

  const page = await open({ ignoreHTTPSErrors: true });
  const buttons = await page.$$eval('.attack .run', (all) => all.map((one) => one.closest('.attack').id));
  seen.single = {};
  for (const id of buttons) {
    // By keyboard, as whoever has no mouse does.
    await page.focus(`#${id} .run`);
    await page.keyboard.press('Enter');
    await page.waitForFunction((card) => document.getElementById(card).dataset.runs === '1', id, { timeout: 60_000, polling: 100 });
    await settled(page);
    seen.single[id] = (await read(page)).cards[id];
  }
  seen.focus = await page.evaluate(() => document.activeElement.closest('.attack')?.id ?? null);
  await page.context().close();

  // All of them once more, on the same shop, in a browser that knows nothing of the first time.
  const again = await open({ ignoreHTTPSErrors: true, colorScheme: 'dark' });
  await again.click('#all');
  const left = () => document.querySelectorAll('.attack:not([data-runs])').length === 0;
  await again.waitForFunction(left, null, { timeout: 120_000, polling: 100 });
  await settled(again);
  seen.all = await read(again);
  const blog = again.frames().find((frame) => new URL(frame.url()).pathname === '/blog');
  seen.alarm = await blog?.evaluate(() => document.getElementById('alarm').textContent);
  // The demo has ended, or so it seems to this browser.
  const alone = await open({ ignoreHTTPSErrors: true });
  await alone.context().setOffline(true);
  await alone.click('#headers .run');
  await settled(alone);
  const gone = await read(alone);
  seen.gone = `${gone.status} ${gone.cards.headers.trouble}`;
  await alone.context().close();
  // Of the page itself: nothing that its own policy had to refuse, and no error.
  seen.errors = again.said.filter((text) => text.startsWith('error:') || text.includes(`'${start}`));
  // The disguise: the visitor means to claim a mug, and closes the account.
  await again.check('#disguise');
  await again.locator('#framed .stage.naked').scrollIntoViewIfNeeded();
  const decoy = await again.locator('#framed .stage.naked .decoy b').boundingBox();
  await again.mouse.click(decoy.x + decoy.width / 2, decoy.y + decoy.height / 2);
  const frame = again.frameLocator('#framed .stage.naked iframe');
  seen.clicked = await frame.locator('h1').textContent();
  await frame.getByText('Account closed').waitFor({ timeout: 10_000 }).catch(() => {});
  seen.clicked = await frame.locator('h1').textContent();
  seen.wide = await again.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  await again.setViewportSize({ width: 390, height: 800 });
  seen.narrow = await again.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (shots) {
    await again.uncheck('#disguise');
    for (const [name, scheme, width] of [['light', 'light', 1280], ['dark', 'dark', 1280], ['phone', 'light', 390]]) {
      await again.emulateMedia({ colorScheme: scheme });
      await again.setViewportSize({ width, height: 900 });
      await again.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
    }
  }
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
}
process.exit(0);
