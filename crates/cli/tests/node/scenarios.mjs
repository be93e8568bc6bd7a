// What is done in the browser, one function a scenario; what they return is judged by the Rust tests.
import { setTimeout as pause } from 'node:timers/promises';
export * from './challenge.mjs';
export * from './desk.mjs';
export * from './policy.mjs';

/** The login example, by hand: a wrong password, the right one, the account, out again. */
export async function login({ visit }, origin) {
  const page = await visit(`${origin}/account`);
  const sentTo = new URL(page.url()).pathname;
  const attempt = async (name, password) => {
    await page.fill('[name=username]', name);
    await page.fill('[name=password]', password);
    await Promise.all([page.waitForNavigation(), page.click('button')]);
  };
  await attempt('ada', 'wrong');
  const wrong = await page.textContent('#message');
  await attempt('ada', 'lovelace');
  const user = await page.textContent('#user');
  const at = new URL(page.url()).pathname;
  const cookies = await page.context().cookies();
  await Promise.all([page.waitForNavigation(), page.click('button')]);
  await page.goto(`${origin}/account`);
  return { sentTo, wrong, user, at, cookies, afterLogout: new URL(page.url()).pathname, said: page.said };
}

/** The realtime page: its own script file, its socket and its events under the default policy. */
export async function realtime({ visit }, origin) {
  const page = await visit(`${origin}/`);
  const read = (id) => page.evaluate((selector) => document.querySelector(selector).value, id);
  await until(async () => (await read('#events')) === '5' && (await read('#socket')) !== 'connecting');
  return { socket: await read('#socket'), events: await read('#events'), said: page.said };
}

/** A page with an inline script, to make the browser send a report. */
export async function inline({ visit }, origin) {
  const page = await visit(`${origin}/inline?secret=token`);
  const title = await page.title();
  await pause(1500);
  return { title, said: page.said };
}

/** A page whose own script bears a nonce, beside one that was injected. */
export async function nonce({ visit }, origin) {
  const page = await visit(`${origin}/nonce?guess=PANOPLY_NONCE`);
  return { title: await page.title(), said: page.said };
}

/** An app with every kind of cookie: what script sees, what the browser keeps, what another site can do. */
export async function cookies({ visit, elsewhere }, origin) {
  const page = await visit(`${origin}/login`);
  const kept = async () => (await page.context().cookies()).map(
    ({ name, domain, path, httpOnly, secure, sameSite }) => ({ name, domain, path, httpOnly, secure, sameSite }),
  );
  await page.fill('[name=username]', 'ada');
  await page.fill('[name=password]', 'lovelace');
  await Promise.all([page.waitForNavigation(), page.click('button')]);
  const user = await page.textContent('#user');
  const loggedIn = await kept();
  const script = await page.evaluate(() => document.cookie);
  // Cookies that script reads and writes still are what they were.
  await page.goto(`${origin}/token`);
  await page.waitForFunction(() => document.querySelector('#said').textContent !== '');
  const token = await page.textContent('#said');
  const readable = await page.evaluate(() => document.cookie);
  await page.evaluate(() => { document.cookie = 'theme=light; path=/'; });
  const seen = await (await page.goto(`${origin}/seen`)).json();
  await page.goto(`${origin}/basket/add?item=mug`);
  const basket = await (await page.goto(`${origin}/basket/add?item=pen`)).json();
  // Another site logs the visitor out, or tries to.
  const other = await elsewhere(`<form method="post" action="${origin}/logout"><button>Win</button></form>`);
  await page.goto(other);
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.url().endsWith('/logout')),
    page.click('button'),
  ]);
  const forged = answer.status();
  const sentElsewhere = (await answer.request().allHeaders()).cookie ?? '';
  await page.goto(`${origin}/account`);
  const stillIn = await page.textContent('#user');
  const values = async () => (await page.context().cookies()).map(({ value }) => value);
  const session = (await page.context().cookies())
    .find(({ name, value }) => /^(connect\.sid|__Host-id-)/.test(name) && value.startsWith('s%3A'))?.value ?? '';
  await Promise.all([page.waitForNavigation(), page.click('button')]);
  const afterLogout = await page.textContent('#user');
  const left = session !== '' && (await values()).includes(session);
  return {
    user, loggedIn, script, token, readable, seen, basket, forged, sentElsewhere, stillIn, afterLogout, left, said: page.said,
  };
}

/** The demo's shop under attack at `origin`. */
export async function attack({ visit, elsewhere }, origin) {
  const seen = {};
  const post = async (page, text) => {
    await page.fill('#text', text);
    await Promise.all([page.waitForNavigation(), page.click('form.sign button.primary')]);
  };
  const look = async (url) => {
    const page = await visit();
    await page.goto(`${origin}/account`);
    await page.goto(url);
    await pause(300);
    return page.evaluate(() => ({
      pwned: window.pwned ?? null,
      alarm: document.querySelector('#alarm')?.dataset.state ?? null,
    }));
  };

  const attacker = await visit(`${origin}/`);
  await attacker.click('button.last');
  await attacker.waitForLoadState();
  await post(attacker, '<script>window.pwned = document.cookie; ran(document.cookie)</script>');
  seen.storedScript = await look(`${origin}/`);
  await attacker.goto(`${origin}/`);
  await attacker.click('button.last');
  await attacker.waitForLoadState();
  await post(attacker, '<img src="/none" onerror="window.pwned = document.cookie; ran(document.cookie)">');
  seen.storedHandler = await look(`${origin}/`);
  const link = encodeURIComponent('<script>window.pwned = document.cookie; ran(document.cookie)</script>');
  seen.reflected = await look(`${origin}/search?q=${link}`);

  const page = await visit(await elsewhere(`<!doctype html><title>elsewhere</title><iframe src="${origin}/account"></iframe>`));
  await pause(700);
  const frame = page.frames()[1];
  seen.framed = {
    shown: await frame.evaluate(() => document.body.innerText.includes('Close my account')).catch(() => false),
    url: frame.url(),
    said: page.said,
  };

  seen.works = await shop({ visit }, origin);
  return seen;
}

/** What an honest visitor does in the demo's shop. */
async function shop({ visit }, origin) {
  const page = await visit(`${origin}/`);
  await page.click('button.last');
  await page.waitForLoadState();
  await page.fill('#name', 'Grace');
  await page.locator('#text').pressSequentially('Nice mug.');
  const counter = await page.textContent('#count');
  await Promise.all([page.waitForNavigation(), page.click('form.sign button.primary')]);
  const comments = await page.textContent('.comments');
  await Promise.all([page.waitForNavigation(), page.click('form.buy button')]);
  const basket = (await page.textContent('.product .quiet')).trim();
  const styled = await page.evaluate(() => document.styleSheets.length);
  const image = await page.evaluate(() => document.querySelector('.product img').naturalWidth);
  await page.goto(`${origin}/login`);
  const attempt = async (password) => {
    await page.fill('#username', 'owner');
    await page.fill('#password', password);
    await Promise.all([page.waitForNavigation(), page.click('form button.primary')]);
  };
  await attempt('wrong');
  const complaint = (await page.textContent('.complaint')).trim();
  await attempt('letmein1');
  const account = await page.textContent('main');
  return {
    counter,
    commented: comments.includes('Grace') && comments.includes('Nice mug.'),
    basket,
    styled,
    image: image > 0,
    complaint,
    owner: account.includes('the owner'),
  };
}

/** Polls for up to five seconds, from outside the page, so that its policy has no say. */
async function until(condition) {
  for (let left = 50; left > 0 && !(await condition()); left -= 1) {
    await pause(100);
  }
}

/** Signs `ada` in at `path` of some app, as its own page has the form. */
export async function signIn({ visit }, origin, path, password) {
  const page = await visit(`${origin}/`);
  const title = await page.title();
  await page.goto(`${origin}${path}`);
  let sent = null;
  page.on('request', (request) => {
    if (request.method() === 'POST') {
      sent = request.allHeaders();
    }
  });
  await page.fill('[name=username]', 'ada');
  await page.fill('[name=password]', password);
  const submit = page.locator('form').filter({ has: page.locator('[name=password]') }).locator('[type=submit], button:not([type=button])');
  await Promise.all([page.waitForNavigation(), submit.first().click()]);
  const heading = await page.locator('h1').first().textContent({ timeout: 2000 }).catch(() => null);
  const cookies = (await page.context().cookies()).map(({ name }) => name);
  const { pathname } = new URL(page.url());
  return { title, at: pathname, heading, cookies, origin: (await sent)?.origin ?? null, said: page.said };
}
