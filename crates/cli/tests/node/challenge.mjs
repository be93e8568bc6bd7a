// The task of `[challenge]` in a browser.

/** Has a browser keep no pass, and waits until it is told so. */
async function keepNone(page, origin) {
  await page.route('**/.well-known/panoply/challenge', async (route) => {
    const response = await route.fetch();
    const headers = response.headers();
    delete headers['set-cookie'];
    await page.context().clearCookies();
    await route.fulfill({ response, headers });
    await page.context().clearCookies();
  });
  await page.goto(`${origin}/`);
  await page.waitForFunction(() => document.querySelector('[data-panoply=again]')?.hidden === false);
}

/** Solves it, sends a form without a pass, and does without cookies and without script; then by the page that `own` has. */
export async function challenge({ visit, elsewhere, browser }, origin, own, shots) {
  const worked = [];
  const watch = (page) => page.on('response', (response) => {
    if (response.status() === 403 && response.request().isNavigationRequest()) worked.push(response.url());
  });
  const page = await visit();
  watch(page);
  const begun = Date.now();
  await page.goto(`${origin}/deep/page?a=b#down`);
  await page.waitForSelector('#asked');
  const took = Date.now() - begun;
  const seen = { took, title: await page.title(), at: page.url().slice(origin.length) };
  seen.asked = await page.textContent('#asked');
  seen.worked = worked.length;
  seen.script = await page.evaluate(() => document.cookie);

  // A pass that has ended while a form was filled in.
  await page.fill('textarea', 'a long letter');
  await page.context().clearCookies();
  await page.click('button');
  await page.waitForFunction(() => document.querySelector('#asked')?.textContent.includes('/sent'));
  seen.sent = await page.textContent('#asked');

  // What another site sends is not sent again, as if it were of this one: with a pass or without.
  const evil = await elsewhere(`<form method="post" action="${origin}/sent"><button name="text" value="forged">Win</button></form>`);
  seen.forged = [];
  for (const first of [false, true]) {
    const victim = await visit();
    if (first) {
      await victim.goto(`${origin}/`);
      await victim.waitForSelector('#asked');
    }
    await victim.goto(evil);
    await Promise.all([victim.waitForNavigation(), victim.click('button')]);
    await victim.waitForTimeout(1500);
    seen.forged.push(await victim.textContent('body'));
  }

  // No cookie is kept.
  const other = await visit();
  worked.length = 0;
  watch(other);
  await keepNone(other, origin);
  seen.withoutCookies = await other.innerText('[role=status]');
  if (shots) await other.screenshot({ path: `${shots}/stopped.png` });
  await other.waitForTimeout(500);
  seen.rounds = worked.length;

  const dressed = await visit();
  await keepNone(dressed, own);
  seen.dressed = await dressed.innerText('body');
  const through = await visit();
  await through.goto(`${own}/`);
  await through.waitForSelector('#asked');

  const plain = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: false });
  const bare = await plain.newPage();
  await bare.goto(`${origin}/`);
  seen.withoutScript = await bare.textContent('noscript');
  if (shots) {
    await bare.screenshot({ path: `${shots}/noscript.png` });
    for (const colorScheme of ['light', 'dark']) {
      const context = await browser.newContext({ ignoreHTTPSErrors: true, colorScheme, viewport: { width: 390, height: 700 } });
      const shown = await context.newPage();
      await shown.route('**/.well-known/panoply/challenge', () => {});
      await shown.goto(`${origin}/`);
      await shown.waitForTimeout(150);
      await shown.screenshot({ path: `${shots}/${colorScheme}.png` });
    }
  }
  seen.said = [...page.said, ...other.said, ...dressed.said, ...through.said];
  return seen;
}
