//! Share links carry the whole state; one that is not whole changes nothing.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { deflateRawSync } from 'node:zlib';

import { ADDRESS, close, exported, importText, launch, link, load, open, text, trace } from './page.mjs';

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

/** The fragment with its checksum, so that a test can say what it carries. */
function plain(data, version = 1, pack = null) {
  const bytes = Buffer.from(typeof data === 'string' ? data : JSON.stringify(data));
  const payload = (pack === null ? bytes : pack(bytes)).toString('base64url');
  let hash = 0x811c9dc5;
  for (const character of payload) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  return `backstop=${version}.${pack === null ? 'j' : 'd'}.${(hash >>> 0).toString(16).padStart(8, '0')}.${payload}`;
}

/** A whole state, small. */
const STATE = {
  case: {
    name: 'shared', why: 'a test', rules: ['SEL-1'],
    given: { backends: [{ name: 'one' }, { name: 'two' }], default: 'one', fallbacks: ['two'] },
    steps: [{ do: 'observe', at: 5_000, backend: 'one', outcome: 'server' }],
  },
  batches: [[1, 1_000]], cursor: 1, clock: 6_000, size: 1_024, copies: ['two'], by: 'organization', draft: null,
};
const changed = (change) => { const state = structuredClone(STATE); change(state); return state; };
const but = (change) => plain(changed(change));
const whole = plain(STATE);

/** Each damaged link: its code, and what the message must name. */
const DAMAGED = {
  'something else': ['chapter-2', 'link-foreign', /begins with `#backstop=`/],
  'another page’s state': ['state=eyJhIjoxfQ', 'link-foreign', /not from this page/],
  'a newer format': [plain(STATE, 2), 'link-too-new', /has format 2, and this page reads 1/],
  'no format': ['backstop=', 'link-damaged', /version of its format is ``/],
  'a format that is no number': ['backstop=one.j.0.x', 'link-damaged', /`one`, which is not a number/],
  'a link that was cut off': [whole.slice(0, -9), 'link-damaged', /missing or was changed/],
  'a link with a letter changed': [`${whole.slice(0, -4)}AAAA`, 'link-damaged', /missing or was changed/],
  'a link with something behind it': [`${whole}.`, 'link-damaged', /missing or was changed/],
  'no JSON': [plain('{'), 'link-damaged', /cannot be unpacked/],
  'bytes that are no text': [plain('\u0000').replace(/\.j\..*/, '.j.811c9dc5.'), 'link-damaged', /cannot be unpacked/],
  'an unknown packing': [whole.replace('.j.', '.z.'), 'link-damaged', /packed in a way that is not known/],
  'a list': [plain([]), 'link-invalid', /expected an object/],
  'a missing field': [but((s) => delete s.case.given.backends[1].name), 'link-invalid', /`case\.given\.backends\[1\]\.name` is missing, expected a text/],
  'a misspelled field': [but((s) => { s.case.steps[0].bakend = 'one'; delete s.case.steps[0].backend; }), 'link-invalid', /`case\.steps\[0\]\.bakend` is not a field that is known here; did you mean `backend`\?/],
  'a number that is no integer': [but((s) => { s.clock = 1.5; }), 'link-invalid', /`clock` is `1\.5`, expected a whole number/],
  'a number out of range': [but((s) => { s.case.given.backends[0].generation = 2 ** 60; }), 'link-invalid', /`case\.given\.backends\[0\]\.generation` is `1152921504606847000`, expected a whole number from 0 to 9007199254740991/],
  'an unknown step': [but((s) => { s.case.steps[0].do = 'explode'; }), 'link-invalid', /`case\.steps\[0\]\.do` is `"explode"`, expected one of/],
  'an unknown draft': [but((s) => { s.draft = { type: 'magic' }; }), 'link-invalid', /`draft\.type` is `"magic"`/],
  'a cursor past the end': [but((s) => { s.cursor = 2; }), 'link-invalid', /`cursor` is `2`, but there are 1 steps/],
  'batches that do not add up': [but((s) => { s.batches = []; }), 'link-invalid', /`batches` has 0 steps, but there are 1/],
  'text that is ill-formed': [plain(JSON.stringify(STATE).replace('a test', '\\ud800')), 'link-invalid', /`case\.why` is ill-formed Unicode text/],
};

for (const [name, [fragment, code, problem]] of Object.entries(DAMAGED)) {
  test(`names the problem of ${name}, and keeps its own state`, async () => {
    const page = await open(browser);
    await load(page, 'demotion');
    const before_ = await trace(page);
    await page.evaluate((hash) => { location.hash = hash; }, fragment);
    const notice = page.locator('.notice.error');
    await notice.waitFor();
    assert.equal(await notice.getAttribute('data-code'), code);
    assert.equal(await notice.getAttribute('role'), 'alert');
    assert.match(await text(page, '.notice.error'), problem);
    assert.deepEqual(await trace(page), before_);
    assert.equal(await text(page, '#position'), '1 of 1 done');
    // The page goes on working.
    await page.locator('#undo').click();
    assert.equal((await trace(page))[0], 'default primary selected');
    await close(page);
  });
}

/** The page writes its own state into the address a moment after each change. */
test('a link is opened even if the page writes its address before it hears of it', async () => {
  const page = await open(browser);
  const over = (fragment) => page.evaluate((hash) => {
    const own = location.hash;
    location.hash = hash;
    history.replaceState(null, '', own);
  }, fragment);
  await page.waitForFunction(() => location.hash.length > 20);
  await over('backstop=9.d.0.x');
  await page.locator('.notice.error').waitFor();
  assert.equal(await page.locator('.notice.error').getAttribute('data-code'), 'link-too-new');
  await over(whole);
  await page.locator('.notice.done').waitFor();
  assert.match(await text(page, '#write'), /uses two/);
  await close(page);
});

/** Begins to open a link that is not unpacked before `unpacked` is called. */
async function unpacking(page) {
  const slow = plain(changed((state) => { state.size = 2_048; }), 1, deflateRawSync);
  await page.evaluate(async (fragment) => {
    const { arrayBuffer } = Blob.prototype;
    const gate = new Promise((resolve) => { window.unpack = resolve; });
    const begun = new Promise((resolve) => {
      Blob.prototype.arrayBuffer = async function slow() {
        resolve();
        await gate;
        return arrayBuffer.call(this);
      };
    });
    location.hash = fragment;
    await begun;
  }, slow);
}

/** Lets it be unpacked; the page packs a link of its own meanwhile, which takes longer. */
async function unpacked(page) {
  await page.evaluate(() => unpack());
  await link(page);
}

const LATER = {
  link: (page) => page.evaluate((fragment) => { location.hash = fragment; }, whole),
  scenario: (page) => load(page, 'demotion'),
  import: async (page) => importText(page, JSON.stringify(await exported(page))),
};

for (const [what, begin] of Object.entries(LATER)) {
  test(`of a link and a later ${what} that are opened at once the later one stays`, async () => {
    const page = await open(browser);
    await unpacking(page);
    await begin(page);
    await page.locator('.notice.done').waitFor();
    const shown = await link(page);
    await unpacked(page);
    assert.equal(await link(page), shown);
    await close(page);
  });
}

test('what is done while a link is unpacked is there when one goes back', async () => {
  const page = await open(browser);
  await unpacking(page);
  await page.locator('#size').fill('3 KiB');
  await page.evaluate(() => unpack());
  await page.locator('#notice-back').click();
  assert.equal(await page.locator('#size').inputValue(), '3 KiB');
  await close(page);
});

test('a link that cannot be opened does not stay in the address, where a reload would find it', async () => {
  const page = await open(browser);
  await load(page, 'demotion');
  const shared = await link(page);
  await page.waitForFunction((want) => location.href === want, shared);
  await page.evaluate(() => { location.hash = 'backstop=9.d.0.x'; });
  await page.locator('.notice.error').waitFor();
  await page.waitForFunction((want) => location.href === want, shared);
  await close(page);
});

test('a damaged link at the start leaves a page that works', async () => {
  const page = await open(browser, { hash: '#backstop=1.d.00000000.AAAA' });
  assert.equal(await page.locator('.notice.error').getAttribute('data-code'), 'link-damaged');
  assert.match(await text(page, '#write'), /uses primary/);
  await close(page);
});

test('a small link that unfolds to a large one is refused', async () => {
  const page = await open(browser);
  const fragment = await page.evaluate(async () => {
    const stream = new Blob([' '.repeat(8_000_000)]).stream().pipeThrough(new CompressionStream('deflate-raw'));
    let binary = '';
    for (const byte of new Uint8Array(await new Response(stream).arrayBuffer())) binary += String.fromCharCode(byte);
    const payload = btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
    let hash = 0x811c9dc5;
    for (const character of payload) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
    return `backstop=1.d.${(hash >>> 0).toString(16).padStart(8, '0')}.${payload}`;
  });
  await page.evaluate((hash) => { location.hash = hash; }, fragment);
  await page.locator('.notice.error').waitFor();
  assert.equal(await page.locator('.notice.error').getAttribute('data-code'), 'link-too-large');
  await close(page);
});

test('carries everything: backends, policy, clock, size, copies, timeline and the next change', async () => {
  const page = await open(browser);
  await load(page, 'too-large');
  await page.locator('#policy-holdDown').fill('10 min');
  await page.locator('#policy-apply').click();
  await page.locator('#row-primary-break').click();
  await page.locator('#apply').click();
  await page.locator('#undo').click();
  await page.locator('#size').fill('250 MiB');
  await page.locator('#clock').fill('2026-01-01 13:00:00.250');
  await page.locator('[data-copy="spare"]').check();
  await page.locator('#by').selectOption('platform');
  await page.locator('#row-spare-mode').selectOption('drain');
  const shared = await link(page);
  const same = async (other) => ({
    trace: await trace(other),
    write: await text(other, '#write'),
    read: await text(other, '#tries'),
    timeline: await text(other, '#timeline'),
    change: await text(other, '#change'),
    policy: await other.locator('#policy-holdDown').inputValue(),
    clock: await other.locator('#clock').inputValue(),
    size: await other.locator('#size').inputValue(),
    by: await other.locator('#by').inputValue(),
  });
  const expected = await same(page);
  assert.equal(expected.clock, '2026-01-01 13:00:00.250');
  assert.match(expected.timeline, /3 of 4 done/);
  assert.match(expected.change, /Change spare/);
  const other = await open(browser, { hash: `#${shared.split('#')[1]}` });
  assert.deepEqual(await same(other), expected);
  assert.equal(await link(other), shared);
  await close(other);
  await close(page);
});

test('reads the plain packing too, and writes it where the browser cannot compress', async () => {
  const page = await open(browser, { hash: `#${whole}` });
  assert.deepEqual(await trace(page), ['default one invalid:server', 'fallback-1 two selected']);
  await close(page);
  const context = await browser.newContext();
  await context.addInitScript(() => { delete window.CompressionStream; });
  const old = await context.newPage();
  await old.goto(ADDRESS);
  const shared = await link(old);
  assert.match(shared, /#backstop=1\.j\./);
  await old.goto('about:blank');
  await old.goto(shared);
  assert.match(await text(old, '.notice'), /The link was opened/);
  await context.close();
});

test('survives a reload', async () => {
  const page = await open(browser);
  await page.locator('#row-primary-break').click();
  await page.locator('#apply').click();
  await page.waitForFunction(() => location.hash.length > 20);
  const before_ = { trace: await trace(page), case: await exported(page) };
  const shared = await link(page);
  await page.waitForFunction((want) => location.href === want, shared);
  await page.reload();
  await page.locator('#version').waitFor();
  assert.deepEqual({ trace: await trace(page), case: await exported(page) }, before_);
  await page.context().close();
});

test('a link that is typed in is opened, and a wrong one is named there', async () => {
  const page = await open(browser);
  await page.locator('#share').click();
  for (const [typed, code] of [['', 'link-foreign'], ['https://elsewhere.example/#top', 'link-foreign']]) {
    await page.locator('#open-link').fill(typed);
    await page.locator('#open-link-button').click();
    await page.locator('#dialog .notice.error').waitFor();
    assert.equal(await page.locator('#dialog .notice.error').getAttribute('data-code'), code);
  }
  await page.locator('#open-link').fill(`https://elsewhere.example/preview.html#${whole}`);
  await page.locator('#open-link-button').click();
  await page.locator('.notice.done').waitFor();
  assert.deepEqual(await trace(page), ['default one invalid:server', 'fallback-1 two selected']);
  await page.locator('#notice-back').click();
  assert.deepEqual(await trace(page), ['default primary selected', 'fallback-1 spare not-reached']);
  await close(page);
});

test('text of a link is shown as text', async () => {
  const evil = '<img src=x onerror=alert(1)>';
  const page = await open(browser, { hash: `#${but((s) => { s.case.name = evil; s.case.given.backends[0].description = evil; })}` });
  assert.ok((await text(page, '#timeline')).includes(evil));
  assert.equal(await page.locator('#app img').count(), 0);
  await close(page);
});
