//! Export and import, in the format of tests/vectors.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { close, exported, importText, launch, load, open, text, trace } from './page.mjs';

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const FOLDER = new URL('../../../tests/vectors/', import.meta.url);
const STEP = { do: 'select', at: 1_000, expect: {} };
const CASE = { name: 'one', why: 'a test', rules: [], given: { backends: [{ name: 'a' }], default: 'a' }, steps: [STEP] };
const file = (cases) => ({ format: 1, cases });
const step = (change) => file([{ ...CASE, steps: [STEP, { ...STEP, ...change }] }]);

/** Each bad file, and what the message must name. */
const BAD = {
  'no JSON': ['{"format": 1', /is not JSON/],
  'a list': [[], /`file` is `\[\]`, expected an object/],
  'no format': [{ cases: [CASE] }, /`format` is missing, expected `1`/],
  'an unknown format': [{ format: 2, cases: [CASE] }, /`format` is `2`, expected `1`/],
  'a format that is a text': [{ format: '1', cases: [CASE] }, /`format` is `"1"`, expected `1`/],
  'no cases': [{ format: 1 }, /`cases` is missing, expected a list/],
  'not one case': [file([]), /`cases` is empty/],
  'a case without a reason': [file([{ ...CASE, why: undefined }]), /`cases\[0\]\.why` is missing/],
  'a misspelled key': [file([{ ...CASE, given: { bakends: [] } }]), /`cases\[0\]\.given\.bakends` is not a field that is known here; did you mean `backends`\?/],
  'an unknown key of a backend': [file([{ ...CASE, given: { backends: [{ name: 'a', colour: 'red' }] } }]), /`cases\[0\]\.given\.backends\[0\]\.colour`/],
  'a count that is no integer': [file([{ ...CASE, given: { policy: { fall: 1.5 } } }]), /`cases\[0\]\.given\.policy\.fall` is `1\.5`/],
  'a negative time': [file([{ ...CASE, given: { backends: [{ name: 'a', health: { since: -1 } }] } }]), /`cases\[0\]\.given\.backends\[0\]\.health\.since` is `-1`/],
  'an unknown kind': [file([{ ...CASE, given: { backends: [{ name: 'a', kind: 'extern' }] } }]), /`cases\[0\]\.given\.backends\[0\]\.kind` is `"extern"`/],
  'a step without a time': [step({ at: undefined }), /`cases\[0\]\.steps\[1\]\.at` is missing/],
  'a step without an expectation': [step({ expect: undefined }), /`cases\[0\]\.steps\[1\]\.expect` is missing/],
  'an unknown step': [step({ do: 'selcet' }), /`cases\[0\]\.steps\[1\]\.do` is `"selcet"`, .*did you mean `select`\?/],
  'a field that the step does not have': [step({ backend: 'a' }), /`cases\[0\]\.steps\[1\]\.backend` is not a field/],
};

for (const [name, [value, problem]] of Object.entries(BAD)) {
  test(`refuses ${name}, names it, and keeps its own state`, async () => {
    const page = await open(browser);
    await load(page, 'demotion');
    const before_ = await trace(page);
    await importText(page, typeof value === 'string' ? value : JSON.stringify(value));
    const notice = page.locator('#dialog .notice.error');
    await notice.waitFor();
    assert.equal(await notice.getAttribute('data-code'), 'vector-invalid');
    assert.match(await text(page, '#dialog .notice.error'), problem);
    await page.locator('#dialog-close').click();
    assert.deepEqual(await trace(page), before_);
    assert.equal(await text(page, '#position'), '1 of 1 done');
    await close(page);
  });
}

test('one bad case of several refuses the file', async () => {
  const page = await open(browser);
  await importText(page, JSON.stringify(file([CASE, { ...CASE, steps: [{ ...STEP, at: 'noon' }] }])));
  await page.locator('#dialog .notice.error').waitFor();
  assert.match(await text(page, '#dialog .notice.error'), /`cases\[1\]\.steps\[0\]\.at` is `"noon"`/);
  await close(page);
});

test('says where an imported case comes out otherwise than it expects', async () => {
  const page = await open(browser);
  await importText(page, JSON.stringify(file([{ ...CASE, steps: [{ ...STEP, expect: { use: 'b', degraded: false } }] }])));
  await page.locator('.notice.done').waitFor();
  assert.match(await text(page, '.notice.done'), /1 of 1 steps came otherwise/);
  assert.match(await text(page, '.history'), /otherwise use expected "b", came "a"/);
  await close(page);
});

test('an expectation of an answer meets no refusal', async () => {
  const page = await open(browser);
  await importText(page, JSON.stringify(file([{ ...CASE, given: {}, steps: [STEP] }])));
  await page.locator('.notice.done').waitFor();
  assert.match(await text(page, '.history'), /otherwise refused expected nothing, came "required"/);
  await close(page);
});

test('of several cases one is chosen', async () => {
  const page = await open(browser);
  await importText(page, JSON.stringify(file([CASE, { ...CASE, name: 'two', given: { backends: [{ name: 'b' }], default: 'b' } }])));
  await page.locator('#import-case').selectOption({ label: 'two' });
  await page.locator('#import-chosen').click();
  assert.deepEqual(await trace(page), ['default b selected']);
  await close(page);
});

test('imports a file from the disk', async () => {
  const page = await open(browser);
  await page.locator('#import').click();
  await page.locator('#import-file').setInputFiles({ name: 'one.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(file([CASE]))) });
  await page.locator('.notice.done').waitFor();
  assert.deepEqual(await trace(page), ['default a selected']);
  await close(page);
});

/**
 * Imports, exports, imports that, and exports again, in the dialogs. What each import said and what each
 * export wrote comes back. The page's own clicks do it, without a hand's: other tests have those, and
 * there are hundreds of cases.
 */
function roundTrip(page, source) {
  return page.evaluate(async (given) => {
    const find = (id) => document.getElementById(id);
    const until = async (there) => {
      for (let turn = 0; turn < 2_000; turn += 1) {
        const found = there();
        if (found) return found;
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      throw new Error(`still not there: ${there}`);
    };
    const imported = async (text) => {
      find('import').click();
      find('dialog-text').value = text;
      find('dialog-text').dispatchEvent(new Event('input', { bubbles: true }));
      find('import-button').click();
      const said = await until(() => document.querySelector(find('dialog-text') === null ? '.notice.done' : '#dialog .notice.error'));
      return said.innerText.replace(/\s+/g, ' ');
    };
    const exported = async () => {
      find('export').click();
      const text = await until(() => find('dialog-text')?.value);
      find('dialog-close').click();
      return text;
    };
    const came = await imported(given);
    if (find('dialog-text') !== null) return { came };
    const first = await exported();
    const again = await imported(first);
    if (find('dialog-text') !== null) return { came, first, again };
    return { came, first, again, second: await exported() };
  }, source);
}

for (const name of readdirSync(FOLDER).filter((one) => one.endsWith('.json'))) {
  test(`plays every case of ${name} as it expects, and its export too`, async () => {
    const { cases } = JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'));
    assert.ok(cases.length > 0);
    const page = await open(browser);
    const wrong = [];
    for (const one of cases) {
      const { came, first, again, second } = await roundTrip(page, JSON.stringify(file([one])));
      if (!came.includes(`all ${one.steps.length} steps came as expected`)) {
        wrong.push(`${one.name}: ${came}`);
        break;
      }
      if (!/all \d+ steps came as expected/.test(again)) {
        wrong.push(`export of ${one.name}: ${again}`);
        break;
      }
      // What is exported again is the same.
      assert.equal(second, first);
    }
    assert.deepEqual(wrong, []);
    await close(page);
  });
}

test('exports what was done here, with what came of it', async () => {
  const page = await open(browser);
  await page.locator('#row-primary-break').click();
  await page.locator('#apply').click();
  await page.locator('#row-archive-role').selectOption('fallback');
  await page.locator('#apply').click();
  await page.locator('#size').fill('1 MiB');
  const { format, cases } = await exported(page);
  assert.equal(format, 1);
  assert.deepEqual(cases[0].given.default, 'primary');
  assert.deepEqual(cases[0].steps.map((one) => one.do), ['observe', 'update', 'select']);
  assert.deepEqual(cases[0].steps[0].expect.events, ['status-changed', 'route-changed']);
  assert.deepEqual(cases[0].steps[1].expect.roster, { revision: 3, default: 'primary', fallbacks: ['archive'] });
  assert.deepEqual(cases[0].steps[2].expect, {
    use: 'archive',
    degraded: true,
    trace: [['default', 'primary', 'invalid:timeout'], ['fallback-1', 'archive', 'selected']],
  });
  await close(page);
});

test('saves the export as a file of the name that it is given', async () => {
  const page = await open(browser);
  await page.locator('#export').click();
  await page.locator('#export-name').fill('my case');
  const [saved] = await Promise.all([page.waitForEvent('download'), page.locator('#dialog-save').click()]);
  assert.equal(saved.suggestedFilename(), 'my-case.json');
  const { cases } = JSON.parse(readFileSync(await saved.path(), 'utf8'));
  assert.equal(cases[0].name, 'my case');
  await close(page);
});
