// Chromium through playwright-core. `node browser.mjs SCENARIO ORIGIN…` prints what was seen.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { chromium } from 'playwright-core';
import * as scenarios from './scenarios.mjs';

const [scenario, ...origins] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--short-reporting-delay', '--disable-component-update', '--disable-sync',
  ],
});

/** Opens a page in a fresh profile and keeps what its console says. */
const visit = async (url) => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.said = [];
  page.dialogs = [];
  page.on('console', (message) => page.said.push(message.text()));
  page.on('pageerror', (error) => page.said.push(error.message));
  page.on('dialog', async (dialog) => {
    page.dialogs.push(dialog.message());
    await dialog.dismiss();
  });
  if (url) {
    await page.goto(url);
  }
  return page;
};

/** A site of somebody else's, at another host name, that shows `html`. */
const elsewhere = async (html) => {
  const server = createServer((req, res) => {
    res.setHeader('Content-Type', 'text/html').end(html);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://localhost:${server.address().port}/`;
};

try {
  const seen = await scenarios[scenario]({ visit, elsewhere, browser }, ...origins);
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
}
process.exit(0);
