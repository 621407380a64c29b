//! Everything can be done with the keyboard alone: no test in this file touches the mouse.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { attributes, close, focused, launch, open, tabTo, text, trace } from './page.mjs';

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const press = (page, ...keys) => keys.reduce((before_, key) => before_.then(() => page.keyboard.press(key)), Promise.resolve());
const said = (page) => text(page, '#live');

/** Goes to a select and chooses by the keys. */
async function choose(page, id, value) {
  await tabTo(page, id);
  const index = await page.locator(`#${id} option`).evaluateAll((all, want) => all.findIndex((one) => one.value === want), value);
  await press(page, 'Home', ...Array(index).fill('ArrowDown'));
  assert.equal(await page.locator(`#${id}`).inputValue(), value);
}

async function fill(page, id, value) {
  await tabTo(page, id);
  await press(page, 'Control+A');
  await page.keyboard.type(value);
}

async function hit(page, id) {
  await tabTo(page, id);
  await press(page, 'Enter');
}

test('the Tab key reaches every control, in the order of the page, and leaves it again', async () => {
  const page = await open(browser);
  await hit(page, 'row-primary-edit');
  await press(page, 'Escape');
  await hit(page, 'add-backend');
  const controls = await page.locator('a[href], button, input, select, textarea, [tabindex="0"]').evaluateAll((all) =>
    all.filter((one) => one.checkVisibility()).map((one) => { one.dataset.control = 'yes'; return one.id || one.className; }));
  await page.evaluate(() => document.activeElement.blur());
  await page.locator('.skip').evaluate((skip) => skip.focus());
  const reached = [];
  for (let count = 0; count < controls.length; count += 1) {
    reached.push(await page.evaluate(() => document.activeElement.id || document.activeElement.className));
    await press(page, 'Tab');
  }
  assert.deepEqual(reached, controls);
  assert.ok(controls.length > 60, `only ${controls.length} controls`);
  await close(page);
});

test('what has the focus shows it', async () => {
  const page = await open(browser);
  for (const id of ['scenario', 'share', 'clock', 'row-primary-up', 'row-primary-role', 'policy-fall', 'copy-0', 'undo']) {
    await tabTo(page, id);
    const style = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.equal(style, 'solid', `#${id} has no outline`);
  }
  await close(page);
});

test('the first stop skips to the content', async () => {
  const page = await open(browser);
  await press(page, 'Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
  await press(page, 'Enter');
  assert.equal(await focused(page), 'main');
  await close(page);
});

test('loads a scenario', async () => {
  const page = await open(browser);
  await choose(page, 'scenario', 'both-down');
  await hit(page, 'load-scenario');
  await page.locator('.notice.done').waitFor();
  assert.match(await text(page, '#write'), /refused: unavailable/);
  assert.equal(await said(page), 'A write is refused: unavailable.');
  await hit(page, 'notice-back');
  assert.match(await text(page, '#write'), /uses primary/);
  await close(page);
});

test('moves a backend by its buttons and by the shortcut, keeps the focus and says where it is', async () => {
  const page = await open(browser);
  await fill(page, 'policy-maxFallbacks', '2');
  await press(page, 'Control+Enter');
  await hit(page, 'row-archive-up');
  assert.equal(await focused(page), 'row-archive-up');
  assert.match(await said(page), /^archive: fallback 2\. 1 step, 1 events\. Apply with Control Enter\.$/);
  await press(page, 'Enter');
  assert.match(await said(page), /^archive: fallback 1\. 3 steps/);
  await press(page, 'Alt+ArrowUp');
  assert.match(await said(page), /^archive: the default\./);
  await press(page, 'Alt+ArrowDown');
  assert.match(await said(page), /^archive: fallback 1\./);
  assert.deepEqual(await trace(page), ['default primary selected', 'fallback-1 spare not-reached']);
  await press(page, 'Control+Enter');
  assert.equal(await focused(page), 'row-archive-up');
  assert.deepEqual(await trace(page), ['default primary selected', 'fallback-1 archive not-reached', 'fallback-2 spare not-reached']);
  // Up from the first place of the chain changes places with the default.
  await press(page, 'Enter', 'Control+Enter');
  assert.equal(await focused(page), 'row-archive-up');
  assert.deepEqual(await trace(page), ['default archive selected', 'fallback-1 primary not-reached', 'fallback-2 spare not-reached']);
  // Down from the default is a demotion.
  await tabTo(page, 'row-archive-down');
  await press(page, 'Enter', 'Control+Enter');
  assert.equal(await focused(page), 'row-archive-down');
  assert.deepEqual(await trace(page), ['default primary selected', 'fallback-1 archive not-reached', 'fallback-2 spare not-reached']);
  // Down from the last place is out of the chain.
  await press(page, 'Enter', 'Enter', 'Control+Enter');
  assert.deepEqual(await trace(page), ['default primary selected', 'fallback-1 spare not-reached']);
  await close(page);
});

test('gives a role by the select of the row', async () => {
  const page = await open(browser);
  await choose(page, 'row-spare-role', 'default');
  assert.equal(await focused(page), 'row-spare-role');
  assert.match(await said(page), /Next change: 1 step, 3 events/);
  await press(page, 'Control+Enter');
  assert.deepEqual(await trace(page), ['default spare selected']);
  await close(page);
});

test('adds a backend', async () => {
  const page = await open(browser);
  await hit(page, 'add-backend');
  assert.equal(await focused(page), 'change-title');
  await fill(page, 'new-name', 'fourth');
  await choose(page, 'new-kind', 'external');
  await fill(page, 'new-provider', 'GCS');
  await fill(page, 'new-location', 'gs://fourth');
  await fill(page, 'new-limit', '1 GiB');
  await choose(page, 'new-role', 'fallback');
  await choose(page, 'new-mode', 'ready');
  await fill(page, 'new-description', 'a fourth one');
  await fill(page, 'new-id', 'id-4');
  await tabTo(page, 'new-checked');
  await press(page, 'Space');
  // Enter in a field of the form is the same as the button.
  await tabTo(page, 'new-description', { back: true });
  await press(page, 'Enter');
  assert.deepEqual(await trace(page), ['default primary selected', 'fallback-1 fourth not-reached']);
  assert.match(await text(page, '[data-backend="id-4"]'), /fourth external · GCS a fourth one .*not probed yet .*1 GiB due now/);
  await close(page);
});

test('edits and deletes a backend', async () => {
  const page = await open(browser);
  await hit(page, 'row-spare-edit');
  await fill(page, 'edit-limit', '50 MiB');
  await choose(page, 'edit-mode', 'maintenance');
  await choose(page, 'edit-role', 'none');
  await fill(page, 'edit-description', 'resting');
  await tabTo(page, 'edit-rotate');
  await press(page, 'Space');
  await tabTo(page, 'edit-checked');
  await press(page, 'Space');
  await hit(page, 'apply');
  assert.match(await text(page, '[data-backend="spare"]'), /resting.*not probed yet/);
  await hit(page, 'row-spare-delete');
  await hit(page, 'apply');
  assert.equal(await page.locator('[data-backend="spare"]').count(), 0);
  await close(page);
});

test('breaks and heals a backend', async () => {
  const page = await open(browser);
  await hit(page, 'row-primary-break');
  assert.equal(await focused(page), 'change-title');
  await choose(page, 'probe-pattern', 'fail');
  await choose(page, 'probe-class', 'quota');
  await fill(page, 'probe-times', '2');
  await fill(page, 'probe-gap', '10 s');
  await fill(page, 'probe-generation', '1');
  await hit(page, 'apply');
  assert.equal((await trace(page))[0], 'default primary invalid:quota');
  await hit(page, 'row-primary-heal');
  await press(page, 'Control+Enter');
  assert.equal((await trace(page))[0], 'default primary selected');
  await close(page);
});

test('changes the mode in the row, and discards it', async () => {
  const page = await open(browser);
  await choose(page, 'row-primary-mode', 'drain');
  await hit(page, 'discard');
  assert.equal(await page.locator('#row-primary-mode').inputValue(), 'ready');
  await choose(page, 'row-primary-mode', 'drain');
  await press(page, 'Escape');
  assert.equal(await page.locator('#row-primary-mode').inputValue(), 'ready');
  await close(page);
});

test('turns every knob of the policy', async () => {
  const page = await open(browser);
  const knobs = {
    maxFallbacks: '2', fall: '3', rise: '2', holdDown: '5 min', staleAfter: '1 h', checkEvery: '10 min', checkOthersEvery: '12 h',
  };
  for (const [name, value] of Object.entries(knobs)) await fill(page, `policy-${name}`, value);
  await choose(page, 'policy-lastResort', 'least-bad');
  for (const kind of ['inline', 'managed']) {
    await tabTo(page, `policy-tail-${kind}`);
    await press(page, 'Space');
  }
  await hit(page, 'policy-tail-swap');
  assert.deepEqual(await attributes(page, '#outlook [data-event]', 'data-event'), ['policy-changed']);
  await hit(page, 'policy-apply');
  for (const [name, value] of Object.entries(knobs)) assert.equal(await page.locator(`#policy-${name}`).inputValue(), value);
  assert.equal(await page.locator('#policy-lastResort').inputValue(), 'least-bad');
  assert.match(await text(page, '.tail-kinds'), /managed, first inline, second/);
  assert.equal((await trace(page)).at(-1), 'inline default-inline not-reached');
  await fill(page, 'policy-fall', '4');
  await hit(page, 'policy-discard');
  assert.equal(await page.locator('#policy-fall').inputValue(), '3');
  await close(page);
});

test('steps and sets the clock, and sets the size', async () => {
  const page = await open(browser);
  const clock = () => page.locator('#clock').inputValue();
  await fill(page, 'step', '90 s');
  await hit(page, 'step-forward');
  assert.equal(await clock(), '2026-01-01 12:01:30');
  assert.match(await said(page), /^The clock is 2026-01-01 12:01:30\./);
  await hit(page, 'step-back');
  assert.equal(await clock(), '2026-01-01 12:00:00');
  for (const [id, time] of [['step-30000', '12:00:30'], ['step-300000', '12:05:30'], ['step-1800000', '12:35:30']]) {
    await hit(page, id);
    assert.equal(await clock(), `2026-01-01 ${time}`);
  }
  await fill(page, 'clock', '2027-03-04 05:06:07');
  await tabTo(page, 'size');
  assert.equal(await page.locator('#clock-hint').innerText(), '1804136767000 ms since 1970');
  await fill(page, 'size', '150 MiB');
  assert.match(await text(page, '#write'), /A write of 150 MiB is refused: too-large/);
  assert.equal(await said(page), 'A write is refused: too-large.');
  await hit(page, 'size-1048576');
  assert.match(await text(page, '#write'), /A write of 1 MiB uses primary/);
  await hit(page, 'size-unknown');
  assert.equal(await page.locator('#size').inputValue(), '');
  await choose(page, 'by', 'platform');
  await close(page);
});

test('chooses copies, records answers, and travels through the timeline', async () => {
  const page = await open(browser);
  await tabTo(page, 'copy-0');
  await press(page, 'Space');
  assert.deepEqual(await attributes(page, '#tries li', 'data-try'), ['primary:copy', 'spare:copy', 'archive:copy']);
  await hit(page, 'record-read');
  await hit(page, 'record-write');
  assert.equal(await text(page, '#position'), '2 of 2 done');
  await hit(page, 'undo');
  await hit(page, 'redo');
  await hit(page, 'go-1');
  assert.equal(await text(page, '#position'), '1 of 2 done');
  await press(page, 'Control+Shift+Z');
  assert.equal(await text(page, '#position'), '2 of 2 done');
  await press(page, 'Control+z', 'Control+z');
  assert.equal(await text(page, '#position'), '0 of 2 done');
  await press(page, 'Control+y');
  assert.equal(await text(page, '#position'), '1 of 2 done');
  assert.match(await said(page), /^Redone\./);
  await hit(page, 'go-0');
  assert.equal(await text(page, '#position'), '0 of 2 done');
  await close(page);
});

test('in a text field the undo of the browser is left alone', async () => {
  const page = await open(browser);
  await choose(page, 'row-primary-mode', 'drain');
  await press(page, 'Control+Enter');
  await fill(page, 'size', '5 MiB');
  await press(page, 'Control+z');
  assert.equal(await text(page, '#position'), '1 of 1 done');
  await close(page);
});

test('shares, exports and imports in dialogs that give the focus back', async () => {
  const page = await open(browser);
  await hit(page, 'share');
  const shared = await page.locator('#dialog-text').inputValue();
  await tabTo(page, 'open-link');
  await page.keyboard.insertText(shared);
  await press(page, 'Enter');
  await page.locator('.notice.done').waitFor();
  await hit(page, 'export');
  const vector = await page.locator('#dialog-text').inputValue();
  await fill(page, 'export-name', 'by-keys');
  await press(page, 'Escape');
  assert.equal(await focused(page), 'export');
  await hit(page, 'import');
  await tabTo(page, 'import-file');
  await tabTo(page, 'dialog-text');
  await page.keyboard.insertText(vector);
  await hit(page, 'import-button');
  await page.locator('.notice.done').waitFor();
  assert.match(await text(page, '.notice.done'), /Imported “a-default-and-a-fallback”: all 1 steps came as expected/);
  await hit(page, 'import');
  await press(page, 'Escape');
  assert.equal(await page.locator('#dialog').evaluate((one) => one.open), false);
  await close(page);
});

test('chooses the theme', async () => {
  const page = await open(browser);
  await choose(page, 'theme', 'dark');
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(18, 22, 27)');
  await page.reload();
  assert.equal(await page.locator('#theme').inputValue(), 'dark');
  await page.context().close();
});
