//! The next change: shown before it is made, made through the policy, taken back and made again.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { attributes, close, launch, load, open, text, trace } from './page.mjs';

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const changes = (page) => attributes(page, '#outlook [data-change]', 'data-change');
const events = (page) => attributes(page, '#outlook [data-event]', 'data-event');
const codes = (page) => page.locator('#outlook .codes code').allInnerTexts();

test('refuses what the policy refuses, with every code and why, and changes nothing', async () => {
  const page = await open(browser);
  const before_ = await trace(page);
  await page.locator('#add-backend').click();
  await page.locator('#new-name').fill('Not A Name');
  await page.locator('#new-kind').selectOption('managed');
  await page.locator('#new-limit').fill('1 KiB');
  assert.deepEqual(await codes(page), ['field-empty', 'limit-too-small', 'managed-reserved', 'name-invalid']);
  assert.match(await text(page, '#outlook'), /Only the platform creates a managed backend\./);
  assert.equal(await page.locator('#apply').getAttribute('aria-disabled'), 'true');
  await page.locator('#apply').click({ force: true });
  assert.equal(await text(page, '#position'), '0 of 0 done');
  assert.deepEqual(await trace(page), before_);
  await page.locator('#record-refusal').click();
  assert.equal(await text(page, '#position'), '1 of 1 done');
  assert.match(await text(page, '.history'), /refused field-empty, limit-too-small, managed-reserved, name-invalid/);
  await close(page);
});

for (const [name, act, field, problem] of [
  ['a size', (page) => page.locator('#size').fill('many'), 'size', '`many` is not a size; write `100 MiB`, `2 GB` or a number of bytes'],
  ['a fraction of a byte', (page) => page.locator('#size').fill('0.3'), 'size', '`0.3` is not a size; write `100 MiB`, `2 GB` or a number of bytes'],
  ['a size above what is exact', (page) => page.locator('#size').fill('9007199254740993'), 'size', '`9007199254740993` is not a size; write `100 MiB`, `2 GB` or a number of bytes'],
  ['a day that there is not', (page) => page.locator('#clock').fill('2026-02-31'), 'clock', '`2026-02-31` is not a time; write `2026-01-01 12:00:00` (UTC) or milliseconds since 1970'],
  ['a time after the year 9999', (page) => page.locator('#clock').fill('253402300800000'), 'clock', '`253402300800000` is out of range; the years 1970 to 9999 are known'],
  ['a duration', (page) => page.locator('#policy-holdDown').fill('a while'), 'policy-holdDown', '`a while` is not a duration; write `30 s`, `35 min`, `1 h` or a number of ms'],
  ['a negative count', (page) => page.locator('#policy-fall').fill('-1'), 'policy-fall', '`-1` is not a whole number; write one such as `3`'],
]) {
  test(`names what is wrong with ${name}, beside it, and goes on with what was there`, async () => {
    const page = await open(browser);
    await act(page);
    assert.equal(await text(page, `#${field}-error`), problem);
    assert.equal(await page.locator(`#${field}`).getAttribute('aria-invalid'), 'true');
    assert.match(await page.locator(`#${field}`).getAttribute('aria-describedby'), new RegExp(`${field}-error`));
    assert.match(await text(page, '#write'), /A write of unknown size uses primary/);
    await close(page);
  });
}

test('a limit above what is exact is refused by the policy', async () => {
  const page = await open(browser);
  await page.locator('#row-primary-edit').click();
  await page.locator('#edit-limit').fill('9007199254740992');
  assert.deepEqual(await codes(page), ['limit-too-large']);
  await close(page);
});

test('a setting out of range is refused by the policy', async () => {
  const page = await open(browser);
  await page.locator('#policy-fall').fill('101');
  assert.deepEqual(await codes(page), ['policy-invalid']);
  await page.locator('#policy-maxFallbacks').fill('17');
  await page.locator('#policy-fall').fill('1');
  assert.deepEqual(await codes(page), ['policy-invalid']);
  await page.locator('#policy-maxFallbacks').fill('0');
  assert.deepEqual(await codes(page), ['chain-full']);
  await close(page);
});

test('shows changes and events before they are made, then makes them', async () => {
  const page = await open(browser);
  await page.locator('#add-backend').click();
  await page.locator('#new-name').fill('second');
  await page.locator('#new-location').fill('registry.example/second');
  await page.locator('#new-role').selectOption('default');
  assert.deepEqual(await changes(page), ['create-backend', 'set-roles', 'set-route']);
  assert.deepEqual(await events(page), ['backend-created', 'default-changed:requested', 'route-changed']);
  assert.match(await text(page, '#after'), /uses now primary \(default\), then second \(default\)/);
  assert.equal(await text(page, '#position'), '0 of 0 done');
  assert.match(await text(page, '#write'), /uses primary/);
  await page.locator('#apply').click();
  assert.match(await text(page, '#write'), /uses second not degraded Place default, credentials 1, revision 2/);
  assert.equal(await text(page, '[data-group="Default"] .backend-name'), 'second');
  await close(page);
});

test('breaks a backend with a class, and heals it', async () => {
  const page = await open(browser);
  await page.locator('#row-primary-break').click();
  await page.locator('#probe-class').selectOption('auth');
  assert.deepEqual(await changes(page), ['update-backend', 'set-route']);
  assert.deepEqual(await events(page), ['status-changed', 'route-changed']);
  await page.locator('#apply').click();
  assert.deepEqual(await trace(page), ['default primary invalid:auth', 'fallback-1 spare selected']);
  assert.equal(await page.locator('#clock').inputValue(), '2026-01-01 12:00:01');
  await page.locator('#row-primary-heal').click();
  await page.locator('#apply').click();
  assert.match(await text(page, '#write'), /uses primary not degraded/);
  await close(page);
});

test('breaks a backend as often as it takes', async () => {
  const page = await open(browser);
  await page.locator('#policy-fall').fill('20');
  await page.locator('#policy-apply').click();
  await page.locator('#row-primary-break').click();
  await page.locator('#probe-times').fill('201');
  assert.equal(await text(page, '#probe-times-error'), '`201` is out of range; repeat 1 to 200 times');
  await page.locator('#probe-times').fill('20');
  await page.locator('#probe-gap').fill('30 s');
  assert.match(await text(page, '#after'), /then spare \(fallback-1, degraded\), 10 min later/);
  await page.locator('#apply').click();
  assert.match(await text(page, '#write'), /uses spare degraded/);
  assert.equal(await text(page, '#position'), '21 of 21 done');
  await page.locator('#undo').click();
  assert.equal(await text(page, '#position'), '1 of 21 done');
  assert.equal(await page.locator('#clock').inputValue(), '2026-01-01 12:00:00');
  await close(page);
});

test('alternates failures and successes', async () => {
  const page = await open(browser);
  await page.locator('#row-spare-break').click();
  await page.locator('#probe-pattern').selectOption('alternate');
  await page.locator('#probe-times').fill('3');
  await page.locator('#apply').click();
  assert.deepEqual(await page.locator('.history li .link').allInnerTexts(), ['probe of spare: timeout', 'probe of spare: ok', 'probe of spare: timeout']);
  await close(page);
});

test('says that an observation with old credentials is dropped', async () => {
  const page = await open(browser);
  await page.locator('#row-primary-break').click();
  await page.locator('#probe-generation').fill('7');
  assert.match(await text(page, '#outlook'), /probe of primary: timeout dropped/);
  await page.locator('#apply').click();
  assert.match(await text(page, '.history'), /dropped/);
  await close(page);
});

test('edits what can be changed, and says what cannot', async () => {
  const page = await open(browser);
  await page.locator('#row-primary-edit').click();
  assert.match(await text(page, '#change-form'), /Fixed since it was created: name primary, id primary, kind external, provider OCI/);
  await page.locator('#edit-limit').fill('20 MiB');
  await page.locator('#edit-description').fill('the first');
  await page.locator('#edit-rotate').check();
  await page.locator('#row-primary-mode').selectOption('drain');
  assert.deepEqual(await events(page), ['backend-updated', 'credentials-rotated', 'route-changed']);
  await page.locator('#apply').click();
  assert.deepEqual(await trace(page), ['default primary drained', 'fallback-1 spare selected']);
  assert.match(await text(page, '[data-backend="primary"]'), /the first.*20 MiB/);
  await close(page);
});

test('deletes, and promotes who is next', async () => {
  const page = await open(browser);
  await page.locator('#row-primary-delete').click();
  assert.deepEqual(await events(page), ['backend-deleted', 'default-changed:promoted', 'fallbacks-changed', 'route-changed']);
  await page.locator('#apply').click();
  assert.deepEqual(await trace(page), ['default spare selected']);
  assert.equal(await page.locator('[data-backend="primary"]').count(), 0);
  await close(page);
});

test('never proposes an id that was used before', async () => {
  const page = await open(browser);
  await page.locator('#row-spare-delete').click();
  await page.locator('#apply').click();
  await page.locator('#add-backend').click();
  await page.locator('#new-name').fill('spare');
  assert.equal(await page.locator('#new-id').getAttribute('placeholder'), 'spare-2');
  await close(page);
});

test('what a managed backend allows depends on who asks', async () => {
  const page = await open(browser);
  await page.locator('#by').selectOption('platform');
  await page.locator('#add-backend').click();
  await page.locator('#new-name').fill('shared');
  await page.locator('#new-kind').selectOption('managed');
  await page.locator('#new-location').fill('gs://shared');
  await page.locator('#apply').click();
  await page.locator('#by').selectOption('organization');
  await page.locator('#row-shared-mode').selectOption('drain');
  assert.deepEqual(await codes(page), ['managed-immutable']);
  await page.locator('#by').selectOption('platform');
  assert.deepEqual(await events(page), ['backend-updated']);
  await page.locator('#discard').click();
  await page.locator('#policy-tail-managed').check();
  await page.locator('#policy-apply').click();
  assert.equal((await trace(page)).at(-1), 'managed shared not-reached');
  await close(page);
});

test('the last resort uses what failed last', async () => {
  const page = await open(browser);
  await load(page, 'both-down');
  await page.locator('#policy-lastResort').selectOption('least-bad');
  await page.locator('#policy-apply').click();
  assert.deepEqual(await trace(page), ['default primary last-resort', 'fallback-1 spare invalid:auth']);
  assert.match(await text(page, '#write'), /uses primary degraded/);
  await close(page);
});

test('resolves as a control plane does: probes once more before it refuses', async () => {
  const page = await open(browser);
  await load(page, 'both-down');
  await page.locator('#step-30000').click();
  await page.locator('#resolve').click();
  assert.match(await text(page, '#outlook'), /answered uses primary; probed: primary; due: spare/);
  await page.locator('#outcome-0').selectOption('timeout');
  assert.match(await text(page, '#outlook'), /refused: unavailable; retry at 2026-01-01 12:01:06; probed: primary, spare|probed: primary, spare/);
  await page.locator('#outcome-0').selectOption('ok');
  await page.locator('#apply').click();
  assert.match(await text(page, '#write'), /uses primary not degraded/);
  await close(page);
});

test('a read is routed by the copies that are chosen', async () => {
  const page = await open(browser);
  const tries = () => attributes(page, '#tries li', 'data-try');
  assert.deepEqual(await tries(), ['spare:copy', 'archive:copy', 'primary:write-target']);
  await page.locator('[data-copy="spare"]').uncheck();
  await page.locator('[data-copy="primary"]').check();
  assert.deepEqual(await tries(), ['primary:copy', 'archive:copy']);
  await page.locator('#record-read').click();
  assert.match(await text(page, '.history'), /read of copies in archive, primary .* try primary \(copy\), archive \(copy\)/);
  await close(page);
});

test('undo and redo go through what was done, and a new change ends what could be redone', async () => {
  const page = await open(browser);
  const drain = async (id) => {
    await page.locator(`#row-${id}-mode`).selectOption('drain');
    await page.locator('#apply').click();
  };
  await drain('primary');
  await page.locator('#step-30000').click();
  await drain('spare');
  assert.match(await text(page, '#write'), /refused: unavailable/);
  await page.locator('#undo').click();
  assert.match(await text(page, '#write'), /uses spare/);
  assert.equal(await page.locator('#clock').inputValue(), '2026-01-01 12:00:30');
  await page.locator('#undo').click();
  assert.match(await text(page, '#write'), /uses primary/);
  assert.equal(await page.locator('#undo').getAttribute('aria-disabled'), 'true');
  await page.locator('#undo').click({ force: true });
  assert.equal(await text(page, '#position'), '0 of 2 done');
  await page.locator('#redo').click();
  await page.locator('#redo').click();
  assert.match(await text(page, '#write'), /refused: unavailable/);
  await page.locator('#go-1').click();
  assert.equal(await text(page, '#position'), '1 of 2 done');
  await drain('archive');
  assert.equal(await text(page, '#position'), '2 of 2 done');
  assert.equal(await page.locator('#redo').getAttribute('aria-disabled'), 'true');
  await page.locator('#go-0').click();
  assert.equal(await text(page, '#position'), '0 of 2 done');
  await close(page);
});

test('the clock goes to the next probe', async () => {
  const page = await open(browser);
  await page.locator('#step-next').click();
  assert.equal(await page.locator('.roster .badge.warn').first().innerText(), 'due now');
  await close(page);
});
