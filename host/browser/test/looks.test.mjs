//! How the page looks: contrast, widths, themes, motion, and what axe finds. The screenshots are for
//! a person's eye.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';

import { close, importText, launch, load, open, screenshot } from './page.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const WIDTHS = {
  desktop: { viewport: { width: 1440, height: 1000 } },
  tablet: { viewport: { width: 820, height: 1100 } },
  phone: { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true },
};

const LONG = 'a'.repeat(63);

/** States that show every part of the page. */
const STATES = {
  start: async () => {},
  'both-down': (page) => load(page, 'both-down'),
  'hold-down': (page) => load(page, 'recovery-with-hold-down'),
  promotion: (page) => load(page, 'promotion'),
  'too-large': (page) => load(page, 'too-large'),
  'new-organization': (page) => load(page, 'a-new-organization'),
  add: async (page) => {
    await page.locator('#add-backend').click();
    await page.locator('#new-name').fill('Not A Name');
    await page.locator('#new-limit').fill('lots');
  },
  refused: async (page) => {
    await page.locator('#add-backend').click();
    await page.locator('#new-name').fill('Not A Name');
    await page.locator('#new-kind').selectOption('managed');
  },
  break: async (page) => {
    await load(page, 'flapping');
    await page.locator('#undo').click();
    await page.locator('#row-primary-break').click();
    await page.locator('#probe-times').fill('12');
  },
  move: async (page) => {
    await page.locator('#policy-maxFallbacks').fill('3');
    await page.locator('#policy-apply').click();
    await page.locator('#row-archive-up').click();
    await page.locator('#row-archive-up').click();
  },
  dragging: async (page) => {
    await page.locator('[data-group="Fallbacks"]').evaluate((group) => group.scrollIntoView({ block: 'start', behavior: 'instant' }));
    const middle = async (selector) => {
      const { x, y, width, height } = await page.locator(selector).boundingBox();
      return [x + width / 2, y + height / 2];
    };
    await page.mouse.move(...await middle('[data-backend="archive"] .grip'));
    await page.mouse.down();
    await page.mouse.move(...await middle('[data-backend="spare"] .health'), { steps: 4 });
    await page.locator('.carried').waitFor();
  },
  resolve: async (page) => {
    await load(page, 'both-down');
    await page.locator('#step-30000').click();
    await page.locator('#resolve').click();
  },
  'last-resort': async (page) => {
    await load(page, 'both-down');
    await page.locator('#policy-lastResort').selectOption('least-bad');
    await page.locator('#policy-tail-inline').check();
    await page.locator('#policy-apply').click();
    await page.locator('#row-default-inline-mode').selectOption('maintenance');
    await page.locator('#apply').click();
  },
  broken: (page) => importText(page, JSON.stringify({
    format: 1,
    cases: [{
      name: LONG, why: 'everything is long and nothing is right '.repeat(4), rules: [],
      given: {
        backends: [{ name: LONG, description: 'd'.repeat(900), location: `registry.example/${'p'.repeat(900)}`, provider: 'P'.repeat(64) }, { name: 'x', id: LONG }],
        default: LONG, fallbacks: ['gone', LONG],
      },
      steps: [{ do: 'select', at: 253_402_300_799_999, expect: { use: 'y' } }],
    }],
  })).then(() => page.locator('.notice.done').waitFor()),
  share: (page) => page.locator('#share').click(),
  export: (page) => page.locator('#export').click(),
  import: async (page) => {
    await importText(page, '{"format":2}');
    await page.locator('#dialog .notice.error').waitFor();
  },
  damaged: async (page) => {
    await page.evaluate(() => { location.hash = 'backstop=9.d.0.x'; });
    await page.locator('.notice.error').waitFor();
  },
};

/** The texts whose contrast with what is behind them is below 4.5 to 1 (3 to 1 if large). */
function faint() {
  const parse = (color) => {
    const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const over = (top, below) => {
    const mix = (name) => top[name] * top.a + below[name] * (1 - top.a);
    return { r: mix('r'), g: mix('g'), b: mix('b'), a: 1 };
  };
  const light = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((one) => (one / 255 <= 0.03928 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) layers.unshift(parse(getComputedStyle(one).backgroundColor));
    return layers.reduce((below, top) => over(top, below), { r: 255, g: 255, b: 255, a: 1 });
  };
  const found = [];
  let count = 0;
  const measure = (element, color, text) => {
    const behind = ground(element);
    const front = over(parse(color), behind);
    const [a, b] = [light(front), light(behind)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    count += 1;
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${element.tagName}.${element.className} ${text.trim().slice(0, 30)}`);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { parentElement: element, nodeValue: text } = walker.currentNode;
    if (text.trim() === '' || !element.checkVisibility() || ['SCRIPT', 'STYLE', 'OPTION'].includes(element.tagName)) continue;
    measure(element, getComputedStyle(element).color, text);
  }
  for (const control of document.querySelectorAll('input, select, textarea')) {
    if (!control.checkVisibility()) continue;
    measure(control, getComputedStyle(control).color, control.value ?? '');
    if (control.placeholder) measure(control, getComputedStyle(control, '::placeholder').color, control.placeholder);
  }
  return { found, count };
}

/** What is cut off or sticks out, other than what scrolls on purpose. */
function overflowing() {
  const found = [];
  const { clientWidth, scrollWidth } = document.documentElement;
  if (scrollWidth > clientWidth) found.push(`the page is ${scrollWidth} wide in ${clientWidth}`);
  for (const one of document.querySelectorAll('#app *')) {
    if (!one.checkVisibility() || one.closest('.unseen, .skip, svg, dialog:not([open])') || one.tagName === 'THEAD' || one.closest('thead')) continue;
    const box = one.getBoundingClientRect();
    if (box.width === 0 || one.closest('.scroll, textarea')) continue;
    const name = `${one.tagName}#${one.id}.${one.className}`;
    const panel = one.closest('.panel')?.getBoundingClientRect();
    if (box.right > clientWidth + 1) found.push(`${name} ends at ${Math.round(box.right)}`);
    else if (panel && box.right > panel.right + 1) found.push(`${name} ends ${Math.round(box.right - panel.right)} outside of its panel`);
    if (['BUTTON', 'P', 'SPAN', 'CODE', 'TD', 'TH', 'LI'].includes(one.tagName) && one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0 && getComputedStyle(one).display !== 'inline') {
      found.push(`${name} is cut: ${one.scrollWidth} in ${one.clientWidth}`);
    }
  }
  return [...new Set(found)].slice(0, 10);
}

/** Controls that lie over each other. */
function overlapping() {
  const scope = document.querySelector('dialog[open]') ?? document;
  const boxes = [...scope.querySelectorAll('button, input, select, textarea, .grip')]
    .filter((one) => one.checkVisibility() && !one.closest('.scroll'))
    // These stick to the bottom on purpose; another test sees to it that they hide no focus.
    .filter((one) => !one.closest('.verdict, .panel.active > .actions'))
    .map((one) => ({ id: one.id || one.className, box: one.getBoundingClientRect() }));
  return boxes.flatMap((a, index) => boxes.slice(index + 1).filter((b) =>
    a.box.left < b.box.right - 1 && b.box.left < a.box.right - 1 && a.box.top < b.box.bottom - 1 && b.box.top < a.box.bottom - 1)
    .map((b) => `${a.id} over ${b.id}`));
}

for (const [width, options] of Object.entries(WIDTHS)) {
  for (const theme of ['light', 'dark']) {
    test(`is readable, whole and accessible in ${theme} on a ${width}`, async () => {
      for (const [state, reach] of Object.entries(STATES)) {
        const page = await open(browser, { ...options, colorScheme: theme });
        await reach(page);
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
        const told = violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(' ')).join(', ')}`);
        assert.deepEqual(told, [], `axe, in the state ${state}`);
        const { found, count } = await page.evaluate(faint);
        assert.ok(count > 20, 'hardly any text was measured');
        assert.deepEqual(found, [], `contrast, in the state ${state}`);
        assert.deepEqual(await page.evaluate(overflowing), [], `overflow, in the state ${state}`);
        assert.deepEqual(await page.evaluate(overlapping), [], `overlap, in the state ${state}`);
        const ids = await page.locator('[id]').evaluateAll((all) => all.map((one) => one.id));
        assert.equal(new Set(ids).size, ids.length, `an id is there twice, in the state ${state}`);
        await screenshot(page, `${width}-${theme}-${state}`);
        await close(page);
      }
    });
  }
}

test('everything has room at every width', async () => {
  const page = await open(browser);
  await load(page, 'recovery-with-hold-down');
  const found = {};
  for (let width = 320; width <= 1_800; width += 20) {
    await page.setViewportSize({ width, height: 900 });
    const problems = await page.evaluate(overflowing);
    if (problems.length > 0) found[width] = problems;
  }
  assert.deepEqual(found, {});
  await close(page);
});

test('the theme follows the system, and the switch overrules it', async () => {
  const page = await open(browser, { colorScheme: 'dark' });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(await ground(), 'rgb(18, 22, 27)');
  await page.locator('#theme').selectOption('light');
  assert.equal(await ground(), 'rgb(244, 246, 248)');
  await page.locator('#theme').selectOption('auto');
  assert.equal(await ground(), 'rgb(18, 22, 27)');
  await page.emulateMedia({ colorScheme: 'light' });
  assert.equal(await ground(), 'rgb(244, 246, 248)');
  await close(page);
});

test('nothing moves for who asked for less motion, or at all', async () => {
  const page = await open(browser, { reducedMotion: 'reduce' });
  const moving = await page.evaluate(() => [...document.querySelectorAll('*')]
    .filter((one) => { const style = getComputedStyle(one); return style.animationName !== 'none' || parseFloat(style.transitionDuration) > 0; }).length);
  assert.equal(moving, 0);
  await close(page);
});

for (const [width, options] of Object.entries(WIDTHS)) {
  test(`nothing lies over what has the focus on a ${width}`, async () => {
    const page = await open(browser, options);
    await page.locator('#add-backend').click();
    await page.locator('.skip').evaluate((skip) => skip.focus());
    const hidden = [];
    for (let press = 0; press < 90; press += 1) {
      await page.keyboard.press('Tab');
      hidden.push(await page.evaluate(() => {
        const one = document.activeElement;
        const box = one.getBoundingClientRect();
        const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
        return one === document.body || one.contains(top) || top?.contains(one) ? null : `${one.id} below ${top?.id || top?.className}`;
      }));
    }
    assert.deepEqual(hidden.filter((one) => one !== null), []);
    await close(page);
  });
}

test('every part has a name for who does not see it', async () => {
  const page = await open(browser);
  for (const role of ['banner', 'main', 'contentinfo']) assert.equal(await page.getByRole(role).count(), 1, role);
  for (const name of ['Clock and blob', 'Backends', 'Next change', 'Policy', 'Route of a write', 'What a read would use', 'Timeline']) {
    assert.equal(await page.getByRole('region', { name, exact: true }).count(), 1, name);
  }
  const table = page.getByRole('table');
  assert.equal(await table.getByRole('columnheader').count(), 8);
  assert.equal(await table.getByRole('rowheader', { name: /^primary/ }).count(), 1);
  assert.equal(await page.getByRole('button', { name: 'Move archive up' }).count(), 1);
  assert.equal(await page.getByRole('button', { name: 'Break primary' }).count(), 1);
  assert.equal(await page.getByRole('combobox', { name: 'Role of spare' }).count(), 1);
  assert.equal(await page.getByRole('list', { name: 'Candidates, in the order in which a write tries them' }).count(), 1);
  await close(page);
});

test('on a phone the table is still a table for a screen reader, and targets are large enough', async () => {
  const page = await open(browser, WIDTHS.phone);
  const table = page.getByRole('table');
  assert.equal(await table.getByRole('columnheader').count(), 8);
  assert.equal(await table.getByRole('rowheader', { name: /^primary/ }).count(), 1);
  const handles = page.locator('.grip').filter({ visible: true });
  assert.equal(await handles.count(), await page.locator('[data-backend]').count());
  const small = await page.locator('button, select, input, .grip').evaluateAll((all) => all
    .filter((one) => one.checkVisibility() && one.type !== 'checkbox')
    .filter((one) => { const { width, height } = one.getBoundingClientRect(); return width < 24 || height < 24; })
    .map((one) => one.id || one.className));
  assert.deepEqual(small, []);
  await close(page);
});
