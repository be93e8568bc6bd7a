// The admin page in a browser: by eye (with a folder for screenshots), by keyboard, by an attacker.
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const VIEWS = [
  { name: 'wide-light', viewport: { width: 1280, height: 900 }, colorScheme: 'light' },
  { name: 'wide-dark', viewport: { width: 1280, height: 900 }, colorScheme: 'dark' },
  { name: 'narrow-light', viewport: { width: 360, height: 740 }, colorScheme: 'light' },
  { name: 'narrow-dark', viewport: { width: 360, height: 740 }, colorScheme: 'dark' },
  { name: 'no-script', viewport: { width: 1024, height: 900 }, javaScriptEnabled: false },
];

/** The page as it looks, whether anything sticks out of it, and whom it asks for what. */
export async function look({ browser }, admin, folder) {
  const views = {};
  for (const { name, ...options } of VIEWS) {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const said = [];
    const asked = new Set();
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(error.message));
    page.on('dialog', (dialog) => { said.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
    page.on('request', (request) => asked.add(new URL(request.url()).origin));
    await page.goto(admin);
    const text = await page.locator('main').innerText();
    views[name] = { said, asked: [...asked], text };
    if (options.javaScriptEnabled !== false) {
      Object.assign(views[name], await page.evaluate(() => ({
        overflow: document.documentElement.scrollWidth - window.innerWidth,
        headings: [...document.querySelectorAll('h2')].map((heading) => heading.textContent),
        pwned: window.pwned ?? null,
        elements: document.querySelectorAll('img, iframe, object, script:not([src]), [onerror], [style]').length,
      })));
    }
    // Last, since it leaves traces on the page.
    if (folder) {
      await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
    }
    await context.close();
  }
  return views;
}

/** Numbers that renew themselves, while nothing is loaded anew. */
export async function live({ visit }, admin, origin) {
  const page = await visit(admin);
  const read = () => page.textContent('[data-live=requests]');
  const before = await read();
  const visitor = await visit(`${origin}/`);
  await visitor.goto(`${origin}/again`);
  await page.waitForFunction(
    (old) => document.querySelector('[data-live=requests]').textContent !== old,
    before,
    { timeout: 20_000 },
  );
  return { before: Number(before), after: Number(await read()), said: page.said };
}

/** What an open page says once the gateway is gone: `process` is ended here. */
export async function stopped({ visit }, admin, id) {
  const page = await visit(admin);
  const lamps = () => page.$$eval('[data-lamp]', (all) => all.map((lamp) => `${lamp.className}: ${lamp.innerText}`));
  const before = await lamps();
  process.kill(Number(id), 'SIGKILL');
  await page.waitForFunction(() => {
    // As if somebody came back to it, which renews at once.
    document.dispatchEvent(new Event('visibilitychange'));
    return !document.getElementById('stale').hidden;
  }, null, { polling: 300 });
  return { before, after: await lamps(), said: await page.innerText('#stale') };
}

/** The first block released with the keyboard alone. */
export async function release({ visit }, admin) {
  const page = await visit(admin);
  await page.keyboard.press('Tab');
  const first = await page.evaluate(() => document.activeElement.textContent);
  let steps = 0;
  let label = '';
  while (!label.startsWith('Release') && steps < 60) {
    await page.keyboard.press('Tab');
    steps += 1;
    label = await page.evaluate(() => {
      const { tagName, textContent } = document.activeElement;
      return tagName === 'BUTTON' ? textContent : '';
    });
  }
  const outlined = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
  return {
    first, label, outlined,
    notice: await page.textContent('#blocks .notice'),
    blocks: await page.locator('#blocks').innerText(),
    said: page.said,
  };
}

/** What another site can do to the page: press its button, hold it in a frame, read it. */
export async function attacked({ visit, elsewhere }, admin, id) {
  const form = `<form method="post" action="${admin}/release"><input name="id" value="${id}">
    <input name="form" value=""><button>Win</button></form>`;
  const page = await visit(await elsewhere(form));
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.url().endsWith('/release')),
    page.click('button'),
  ]);
  const framing = await visit(await elsewhere(`<iframe src="${admin}/"></iframe>`));
  await pause(500);
  const framed = await framing.frames()[1]
    .evaluate(() => document.body.innerText.includes('Blocks')).catch(() => false);
  const reading = await visit(await elsewhere('<p>x</p>'));
  const read = await reading.evaluate(async (url) => {
    const got = [];
    for (const path of ['/', '/live.json', '/metrics']) {
      got.push(await fetch(`${url}${path}`).then((r) => r.text()).catch(() => 'refused'));
      got.push(await fetch(`${url}${path}`, { mode: 'no-cors' }).then((r) => r.type).catch(() => 'refused'));
    }
    got.push(await fetch(`${url}/release`, { method: 'POST', mode: 'no-cors', body: new URLSearchParams({ id: 'x' }) })
      .then((r) => r.type).catch(() => 'refused'));
    return got;
  }, admin);
  return { pressed: answer.status(), framed, read };
}

/** Behind a token: out, in, a release, and out again. */
export async function token({ visit }, admin, word) {
  const page = await visit(admin);
  const asked = await page.locator('label').innerText();
  const enter = async (text) => {
    await page.fill('#token', text);
    await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
  };
  await enter('not the token at all');
  const wrong = await page.textContent('[role=alert]');
  await enter(word);
  const inside = await page.locator('h2').first().innerText();
  const [cookie] = await page.context().cookies();
  const script = await page.evaluate(() => document.cookie);
  await Promise.all([page.waitForNavigation(), page.click('text=Log out')]);
  return { asked, wrong, inside, cookie, script, after: await page.locator('label').innerText(), said: page.said };
}
