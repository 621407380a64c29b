//! Moving a backend by its handle: with a mouse, with a pen, and with a finger on a phone.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { attributes, close, launch, link, open, text, trace } from './page.mjs';

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const DESKTOP = { viewport: { width: 1440, height: 1000 } };
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

/** What presses and moves; the browser makes the pointer events of it. */
const HANDS = {
  mouse: {
    options: DESKTOP,
    take: async (page) => ({
      press: async ({ x, y }) => { await page.mouse.move(x, y); await page.mouse.down(); },
      move: ({ x, y }) => page.mouse.move(x, y),
      release: () => page.mouse.up(),
      // A mouse is never taken away by the system, but its window is.
      cancel: () => page.evaluate(() => dispatchEvent(new Event('blur'))),
    }),
  },
  pen: {
    options: DESKTOP,
    take: async (page) => {
      const client = await page.context().newCDPSession(page);
      let last;
      const send = (type, more) => client.send('Input.dispatchMouseEvent', { type, ...last, pointerType: 'pen', force: 0.5, ...more });
      return {
        press: async (at) => { last = at; await send('mouseMoved', {}); await send('mousePressed', { button: 'left', buttons: 1, clickCount: 1 }); },
        move: async (at) => { last = at; await send('mouseMoved', { button: 'left', buttons: 1 }); },
        release: () => send('mouseReleased', { button: 'left', buttons: 0, clickCount: 1 }),
        cancel: () => page.evaluate(() => dispatchEvent(new Event('blur'))),
      };
    },
  },
  finger: {
    options: PHONE,
    take: async (page) => {
      const client = await page.context().newCDPSession(page);
      const send = (type, ...touchPoints) => client.send('Input.dispatchTouchEvent', { type, touchPoints });
      return {
        press: (at) => send('touchStart', at),
        move: (at) => send('touchMove', at),
        release: () => send('touchEnd'),
        cancel: () => send('touchCancel'),
        second: async (first, { x, y }) => {
          await send('touchStart', { ...first, id: 0 }, { x, y, id: 1 });
          for (const down of [20, 40]) await send('touchMove', { ...first, id: 0 }, { x, y: y + down, id: 1 });
        },
      };
    },
  },
};

/** Opens the page with a hand over it, and room for several fallbacks. */
async function take(hand) {
  const page = await open(browser, hand.options);
  await page.locator('#policy-maxFallbacks').fill('3');
  await page.locator('#policy-apply').click();
  return { page, hand: await hand.take(page) };
}

const grip = (id) => `[data-backend="${id}"] .grip`;
const title = (group) => `[data-group="${group}"] tr.group`;

/** A point of an element: `across` and `down` are parts of its width and height. */
async function point(page, selector, across = 0.5, down = 0.5) {
  const { x, y, width, height } = await page.locator(selector).boundingBox();
  return { x: x + width * across, y: y + height * down };
}

/** Scrolls until two elements are in the window, so that a hand can go from the one to the other. */
async function show(page, ...selectors) {
  await page.evaluate((all) => {
    const middles = all.map((one) => document.querySelector(one).getBoundingClientRect()).map((box) => box.top + box.height / 2);
    scrollBy({ top: (Math.min(...middles) + Math.max(...middles) - innerHeight) / 2, behavior: 'instant' });
  }, selectors);
}

async function travel(hand, from, to) {
  for (let part = 1; part <= 8; part += 1) {
    await hand.move({ x: from.x + (to.x - from.x) * part / 8, y: from.y + (to.y - from.y) * part / 8 });
  }
}

/** Lets the page see where the hand is, and scroll if that is near an edge. */
async function settle(page) {
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
}

/** Waits until the page scrolls no more: it may go on for a while when a finger leaves. */
async function rest(page) {
  await page.evaluate(async () => {
    for (let still = 0, last = scrollY; still < 10; last = scrollY) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
      still = scrollY === last ? still + 1 : 0;
    }
  });
}

/** Goes to an element, and after it while the page scrolls. */
async function aim(page, hand, selector, across = 0.3, down = 0.5) {
  for (let turn = 0; turn < 50; turn += 1) {
    const goal = await point(page, selector, across, down);
    await hand.move(goal);
    await settle(page);
    const now = await point(page, selector, across, down);
    if (Math.abs(now.y - goal.y) < 1) return goal;
  }
  return assert.fail(`\`${selector}\` does not come to rest`);
}

/** Drags, and holds still over where it would drop. */
async function carry(page, hand, id, to, down = 0.5) {
  await show(page, grip(id), to);
  const start = await point(page, grip(id));
  await hand.press(start);
  await travel(hand, start, await point(page, to, 0.3, down));
  return aim(page, hand, to, 0.3, down);
}

async function drag(page, hand, id, to, down = 0.5) {
  await carry(page, hand, id, to, down);
  await hand.release();
}

/** Everything that a drag shows while it lasts. */
const shown = (page) => page.locator('.drop, .dragged, .drop-before, .drop-after, .carried, .dragging').count();
const fallbacks = (page) => page.locator('[data-group="Fallbacks"] .backend-name').allInnerTexts();
const events = (page) => attributes(page, '#outlook [data-event]', 'data-event');

/** What ends without a change, though a hand was on the handle of `archive`. */
const NOTHING = {
  'Escape': async (page, hand) => {
    const end = await carry(page, hand, 'archive', title('Fallbacks'));
    assert.ok(await shown(page) > 0);
    await page.keyboard.press('Escape');
    assert.equal(await shown(page), 0);
    await hand.move({ x: end.x + 20, y: end.y });
    await hand.release();
  },
  'an end that the system makes': async (page, hand) => {
    await carry(page, hand, 'archive', title('Fallbacks'));
    assert.ok(await shown(page) > 0);
    await hand.cancel();
    assert.equal(await shown(page), 0);
    await hand.release().catch(() => {});
  },
  'a drop outside of the table': async (page, hand) => {
    await carry(page, hand, 'archive', '#roster-help');
    assert.equal(await text(page, '.carried'), 'archive: no change here');
    await hand.release();
  },
  'a drop outside of the window': async (page, hand) => {
    await show(page, grip('archive'));
    const start = await point(page, grip('archive'));
    await hand.press(start);
    await travel(hand, start, { x: -40, y: start.y });
    await hand.release();
  },
  'a drop where it was': async (page, hand) => {
    await carry(page, hand, 'archive', title('No'));
    assert.equal(await text(page, '.carried'), 'archive: no change here');
    await hand.release();
  },
  'a press that hardly moves': async (page, hand) => {
    await show(page, grip('archive'));
    const start = await point(page, grip('archive'));
    await hand.press(start);
    await hand.move({ x: start.x + 2, y: start.y - 3 });
    await settle(page);
    assert.equal(await shown(page), 0);
    await hand.release();
  },
};

for (const [name, one] of Object.entries(HANDS)) {
  for (const [what, act] of Object.entries(NOTHING)) {
    test(`with a ${name}, ${what} changes nothing, not even what is pending`, async () => {
      const { page, hand } = await take(one);
      await page.locator('#row-spare-edit').click();
      await page.locator('#edit-description').fill('half of a sentence');
      const before_ = await link(page);
      await act(page, hand);
      assert.equal(await shown(page), 0);
      assert.equal(await text(page, '#change-title'), 'Next change: Change spare');
      assert.equal(await link(page), before_);
      // The next drag is as good as the first.
      await drag(page, hand, 'archive', title('Fallbacks'));
      assert.match(await text(page, '#change-title'), /Move archive/);
      await close(page);
    });
  }

  test(`with a ${name}, a drag does what the keys do, and shows it first`, async () => {
    const { page, hand } = await take(one);
    await carry(page, hand, 'archive', title('Fallbacks'));
    assert.equal(await text(page, '.carried'), 'archive: → fallback 2');
    assert.deepEqual(await attributes(page, '.drop', 'data-group'), ['Fallbacks']);
    assert.deepEqual(await attributes(page, '.dragged', 'data-backend'), ['archive']);
    await hand.release();
    assert.equal(await shown(page), 0);
    assert.match(await text(page, '#change-title'), /Move archive/);
    assert.deepEqual(await events(page), ['fallbacks-changed']);
    await page.locator('#apply').click();
    assert.deepEqual(await fallbacks(page), ['spare', 'archive']);
    await carry(page, hand, 'archive', '[data-backend="spare"]');
    assert.deepEqual(await attributes(page, '.drop-before', 'data-backend'), ['spare']);
    await hand.release();
    await page.locator('#apply').click();
    assert.deepEqual(await fallbacks(page), ['archive', 'spare']);
    await carry(page, hand, 'archive', '[data-backend="spare"]');
    assert.deepEqual(await attributes(page, '.drop-after', 'data-backend'), ['spare']);
    await hand.release();
    await page.locator('#apply').click();
    assert.deepEqual(await fallbacks(page), ['spare', 'archive']);
    await drag(page, hand, 'archive', title('Default'));
    await page.locator('#apply').click();
    assert.deepEqual(await trace(page), ['default archive selected', 'fallback-1 primary not-reached', 'fallback-2 spare not-reached']);
    await drag(page, hand, 'primary', title('No'));
    await page.locator('#apply').click();
    assert.deepEqual(await trace(page), ['default archive selected', 'fallback-1 spare not-reached']);
    // One that joins the chain chooses a side of who is there.
    await carry(page, hand, 'primary', '[data-backend="spare"]', 0.8);
    assert.deepEqual(await attributes(page, '.drop-after', 'data-backend'), ['spare']);
    assert.equal(await text(page, '.carried'), 'primary: → fallback 2');
    await aim(page, hand, '[data-backend="spare"]', 0.3, 0.2);
    assert.deepEqual(await attributes(page, '.drop-before', 'data-backend'), ['spare']);
    await hand.release();
    await page.locator('#apply').click();
    assert.deepEqual(await fallbacks(page), ['primary', 'spare']);
    await close(page);
  });

  test(`with a ${name}, a drag outlives a page that is drawn anew and in another order`, async () => {
    const { page, hand } = await take(one);
    await drag(page, hand, 'archive', title('Default'));
    await page.locator('#apply').click();
    await show(page, grip('archive'), title('No'));
    const start = await point(page, grip('archive'));
    await hand.press(start);
    await travel(hand, start, { x: start.x - 20, y: start.y + 20 });
    await settle(page);
    // The row goes to another group, so the handle that was pressed is gone.
    await page.evaluate(() => document.getElementById('undo').click());
    assert.equal(await page.locator('[data-group="No"] [data-backend="archive"].dragged').count(), 1);
    assert.equal(await page.locator('.carried').count(), 1);
    await show(page, title('Fallbacks'));
    await aim(page, hand, title('Fallbacks'));
    assert.equal(await text(page, '.carried'), 'archive: → fallback 2');
    await hand.release();
    await page.locator('#apply').click();
    assert.deepEqual(await fallbacks(page), ['spare', 'archive']);
    await close(page);
  });

  test(`with a ${name}, the page scrolls under a drag that comes near its edge`, async () => {
    const { page, hand } = await take({ ...one, options: { ...one.options, viewport: { ...one.options.viewport, height: 480 } } });
    await page.locator(grip('primary')).evaluate((handle) => handle.scrollIntoView({ block: 'center', behavior: 'instant' }));
    const start = await point(page, grip('primary'));
    await hand.press(start);
    await travel(hand, start, { x: start.x, y: 470 });
    await page.waitForFunction((group) => document.querySelector(group).getBoundingClientRect().bottom < innerHeight - 120, title('No'));
    const end = await aim(page, hand, title('No'));
    assert.equal(await text(page, '.carried'), 'primary: → no role');
    await travel(hand, end, { x: end.x, y: 10 });
    await page.waitForFunction((group) => document.querySelector(group).getBoundingClientRect().top > 120, title('Fallbacks'));
    await aim(page, hand, title('Fallbacks'));
    assert.equal(await text(page, '.carried'), 'primary: → fallback 2');
    await hand.release();
    assert.match(await text(page, '#change-title'), /Move primary/);
    await close(page);
  });
}

test('a finger beside the handle scrolls, and one on the handle does not', async () => {
  const { page, hand } = await take(HANDS.finger);
  await show(page, grip('primary'));
  const before_ = await link(page);
  const swipe = async (selector, scrolls = false) => {
    const from = await point(page, selector, 0.2);
    const scrolled = await page.evaluate(() => scrollY);
    await hand.press(from);
    await travel(hand, from, { x: from.x, y: from.y - 160 });
    await settle(page);
    const drags = await shown(page);
    // The browser scrolls on its own time, and tells the page when it has.
    if (scrolls) await page.waitForFunction((was) => scrollY - was > 50, scrolled);
    await hand.release();
    await rest(page);
    return { drags: drags > 0, by: await page.evaluate((was) => scrollY - was, scrolled) };
  };
  const beside = await swipe('[data-backend="primary"] .name', true);
  assert.equal(beside.drags, false);
  assert.equal(await link(page), before_);
  await show(page, grip('primary'));
  assert.deepEqual(await swipe(grip('primary')), { drags: true, by: 0 });
  await close(page);
});

test('a second finger takes no second row', async () => {
  const { page, hand } = await take(HANDS.finger);
  const end = await carry(page, hand, 'archive', title('Fallbacks'));
  await hand.second(end, await point(page, grip('spare')));
  await settle(page);
  assert.deepEqual(await attributes(page, '.dragged', 'data-backend'), ['archive']);
  assert.equal(await page.locator('.carried').count(), 1);
  await hand.release();
  assert.match(await text(page, '#change-title'), /Move archive/);
  await close(page);
});

test('the other buttons of a mouse drag nothing', async () => {
  const { page } = await take(HANDS.mouse);
  await show(page, grip('archive'), title('Fallbacks'));
  const start = await point(page, grip('archive'));
  await page.mouse.move(start.x, start.y);
  await page.mouse.down({ button: 'right' });
  await travel({ move: ({ x, y }) => page.mouse.move(x, y) }, start, await point(page, title('Fallbacks')));
  assert.equal(await shown(page), 0);
  await page.mouse.up({ button: 'right' });
  assert.equal(await page.locator('[data-backend] .badge.calm').count(), 0);
  await close(page);
});
