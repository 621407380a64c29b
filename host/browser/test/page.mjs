//! Opens the built page in a real browser, and finds its way around as a person does.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { chromium } from 'playwright-core';

export const FILE = fileURLToPath(new URL('../dist/index.html', import.meta.url));
export const ADDRESS = pathToFileURL(FILE).href;
const SCREENSHOTS = fileURLToPath(new URL('../screenshots/', import.meta.url));
const CHROMIUM = '/usr/bin/chromium';

/** Starts the browser; the tests of a file share one, and each has a context of its own. */
export async function launch() {
  if (!existsSync(CHROMIUM)) {
    throw new Error(`no browser at \`${CHROMIUM}\`: \`cargo xtask setup\` installs Debian's Chromium`);
  }
  if (!existsSync(FILE)) {
    throw new Error('the page is not built: run `npm run build` in host/browser, or `cargo xtask js`');
  }
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  });
}

/**
 * Opens the page; what it asks the network for and complains about is kept in `seen`, and has to be
 * nothing at the end.
 */
export async function open(browser, { address = ADDRESS, hash = '', ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.seen = { requests: [], complaints: [] };
  page.on('request', (request) => page.seen.requests.push(request.url()));
  page.on('pageerror', (error) => page.seen.complaints.push(String(error)));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) page.seen.complaints.push(message.text());
  });
  await page.goto(address + hash);
  await page.locator('#version').waitFor();
  return page;
}

/** Closes the page, and asserts that it asked for nothing but itself and complained about nothing. */
export async function close(page) {
  const others = page.seen.requests.filter((url) => !url.startsWith('data:') && !url.startsWith('blob:') && url.split('#')[0] !== page.url().split('#')[0]);
  assert.deepEqual(others, [], 'the page asked for something besides itself');
  assert.deepEqual(page.seen.complaints, [], 'the page complained');
  await page.context().close();
}

/** The text of an element, with blanks as a person reads them. */
export async function text(page, selector) {
  return (await page.locator(selector).innerText()).replace(/\s+/g, ' ').trim();
}

export async function load(page, scenario) {
  await page.locator('#scenario').selectOption(scenario);
  await page.locator('#load-scenario').click();
  await page.locator('.notice.done').waitFor();
}

/** The candidates of the route as the vectors write a trace. */
export async function trace(page) {
  return page.locator('.rail .stop').evaluateAll((stops) =>
    stops.map((stop) => [stop.dataset.position, stop.querySelector('strong').textContent, stop.dataset.verdict].join(' ')));
}

export async function attributes(page, selector, name) {
  return page.locator(selector).evaluateAll((all, attribute) => all.map((one) => one.getAttribute(attribute)), name);
}

/** The link of the present state, as the page itself says it. */
export async function link(page) {
  await page.locator('#share').click();
  const value = await page.locator('#dialog-text').inputValue();
  await page.locator('#dialog-close').click();
  return value;
}

export async function exported(page) {
  await page.locator('#export').click();
  const value = await page.locator('#dialog-text').inputValue();
  await page.locator('#dialog-close').click();
  return JSON.parse(value);
}

export async function importText(page, source) {
  await page.locator('#import').click();
  await page.locator('#dialog-text').fill(source);
  await page.locator('#import-button').click();
}

/** Goes with the Tab key to an element, as somebody without a mouse does. */
export async function tabTo(page, id, { back = false } = {}) {
  for (let press = 0; press < 150; press += 1) {
    if (await page.evaluate((want) => document.activeElement?.id === want, id)) return;
    await page.keyboard.press(back ? 'Shift+Tab' : 'Tab');
  }
  assert.fail(`the Tab key does not lead to \`#${id}\``);
}

export async function focused(page) {
  return page.evaluate(() => document.activeElement?.id ?? '');
}

/** A picture of the whole page, as it would be in a window of its height. */
export async function screenshot(page, name) {
  mkdirSync(SCREENSHOTS, { recursive: true });
  const { width } = page.viewportSize();
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width, height: Math.min(height, 8_000) });
  await page.screenshot({ path: `${SCREENSHOTS}${name}.png` });
}
