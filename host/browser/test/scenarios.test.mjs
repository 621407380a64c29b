//! Each scenario, and what a person then reads.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { attributes, close, launch, load, open, text, trace } from './page.mjs';

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const NOON = Date.UTC(2026, 0, 1, 12);

/** By scenario: the trace, what a write uses, what a read uses, the events of the last entry. */
const OUTCOMES = {
  'a-default-and-a-fallback': {
    trace: ['default primary selected', 'fallback-1 spare not-reached'],
    write: /uses primary not degraded Place default, credentials 1, revision 1/,
    read: ['spare:copy', 'archive:copy', 'primary:write-target'],
    done: '0 of 0 done',
  },
  'both-down': {
    trace: ['default primary invalid:timeout', 'fallback-1 spare invalid:auth'],
    write: /is refused: unavailable Backends are configured, but none is usable now\. The first may be probed again at 12:00:35 \(in 4 s\)/,
    read: ['primary:copy'],
    done: '3 of 3 done',
  },
  flapping: {
    trace: ['default primary invalid:timeout', 'fallback-1 spare selected'],
    write: /uses spare degraded Place fallback-1/,
    read: ['spare:write-target'],
    done: '7 of 7 done',
    events: ['status-changed', 'route-changed'],
  },
  'recovery-with-hold-down': {
    trace: [`default primary recovering:${NOON + 12 * 60_000}`, 'fallback-1 spare selected'],
    write: /uses spare degraded/,
    read: ['spare:write-target'],
    done: '3 of 3 done',
  },
  demotion: {
    trace: ['default spare selected', 'fallback-1 primary not-reached'],
    write: /uses spare not degraded/,
    read: ['spare:write-target'],
    done: '1 of 1 done',
    events: ['default-changed:promoted', 'fallbacks-changed', 'route-changed'],
  },
  promotion: {
    trace: ['default archive selected', 'fallback-1 spare invalid:network'],
    write: /uses archive not degraded/,
    read: ['archive:copy', 'primary:unlisted'],
    done: '1 of 1 done',
    events: ['backend-deleted', 'default-changed:promoted', 'fallbacks-changed', 'route-changed'],
  },
  'too-large': {
    trace: ['default primary too-large:104857600', 'fallback-1 spare too-large:314572800', 'inline default-inline too-large:512000'],
    write: /A write of 400 MiB is refused: too-large 400 MiB is above every limit; the largest is 300 MiB\. Waiting will not help\./,
    read: ['primary:write-target'],
    done: '2 of 2 done',
  },
};

for (const [scenario, expected] of Object.entries(OUTCOMES)) {
  test(`shows ${scenario}`, async () => {
    const page = await open(browser);
    await load(page, scenario);
    assert.deepEqual(await trace(page), expected.trace);
    assert.match(await text(page, '#write'), expected.write);
    assert.deepEqual(await attributes(page, '#tries li', 'data-try'), expected.read);
    assert.equal(await text(page, '#position'), expected.done);
    if (expected.events !== undefined) {
      const chips = page.locator('.history li.current .chips code');
      assert.deepEqual(await chips.allInnerTexts(), expected.events);
    }
    await close(page);
  });
}

test('says why each candidate was passed over, in plain words', async () => {
  const page = await open(browser);
  await load(page, 'both-down');
  assert.deepEqual(await page.locator('.stop-why').allInnerTexts(), [
    'Not usable since 12:00:30: the probe did not end by its deadline.',
    'Not usable since 12:00:00: the credentials are wrong.',
  ]);
  await load(page, 'recovery-with-hold-down');
  assert.equal(await page.locator('.stop-why').first().innerText(),
    'Works again, but for too short a time to be preferred: held down until 12:12:00 (in 9 min).');
  await close(page);
});

test('the end of a hold-down comes with the clock', async () => {
  const page = await open(browser);
  await load(page, 'recovery-with-hold-down');
  await page.locator('#clock').fill('2026-01-01 12:11:59.999');
  assert.match(await text(page, '#write'), /uses spare/);
  await page.locator('#clock').fill('2026-01-01 12:12:00');
  assert.match(await text(page, '#write'), /uses primary not degraded/);
  await close(page);
});

test('single failures move no write before the third in a row', async () => {
  const page = await open(browser);
  await load(page, 'flapping');
  await page.locator('#go-6').click();
  assert.match(await text(page, '#write'), /uses primary/);
  assert.match(await text(page, '[data-backend="primary"] .health'), /^valid 2 failed/);
  await close(page);
});

test('a new organization begins with one inline backend', async () => {
  const page = await open(browser);
  await load(page, 'a-new-organization');
  assert.match(await text(page, '#route'), /There is no organization yet/);
  await page.locator('#create-organization').click();
  assert.deepEqual(await attributes(page, '#outlook [data-event]', 'data-event'),
    ['organization-created', 'backend-created', 'default-changed:requested', 'route-changed']);
  await page.locator('#apply').click();
  assert.deepEqual(await trace(page), ['default default-inline selected']);
  await close(page);
});

test('what was there before a scenario comes back', async () => {
  const page = await open(browser);
  await load(page, 'demotion');
  await load(page, 'too-large');
  await page.locator('#notice-back').click();
  assert.deepEqual(await trace(page), ['default spare selected', 'fallback-1 primary not-reached']);
  await close(page);
});
