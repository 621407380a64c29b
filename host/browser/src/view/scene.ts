//! What the page asks the policy with: the clock, the size of the blob, and on whose behalf.

import type { App } from '../app';
import type { View } from '../dom';
import { h } from '../dom';
import { duration, size } from '../format';
import { button, choice, field, input, section, unseen } from './parts';

const SIZES = [null, 2 ** 20, 100 * 2 ** 20, 400 * 2 ** 20];

export function scene(app: App): View {
  const { session } = app;
  const done = (name: 'clock' | 'size') => ({ onchange: () => app.typed(name), onblur: () => app.typed(name) });
  const next = app.nextProbe();
  return section('scene', 'Clock and blob', { class: 'panel scene' },
    h('div', { class: 'scene-fields' },
      h('div', { class: 'scene-group' },
        field('clock', 'Clock (UTC)', input(app.shown('clock'), (text) => app.type('clock', text), done('clock')), { error: app.errors['clock'], hint: `${session.clock} ms since 1970` }),
        h('div', { class: 'scene-step' },
          field('step', 'Step', input(app.step, (text) => app.setStep(text), { onkeydown: (event: KeyboardEvent) => { if (event.key === 'Enter') app.stepClock(1); } }), { error: app.errors['step'] }),
          h('div', { class: 'actions' },
            button([h('span', { 'aria-hidden': 'true' }, '−'), unseen('Step the clock back')], () => app.stepClock(-1), { id: 'step-back', class: 'icon' }),
            button([h('span', { 'aria-hidden': 'true' }, '+'), unseen('Step the clock forward')], () => app.stepClock(1), { id: 'step-forward', class: 'icon' }),
            [30_000, 300_000, 1_800_000].map((ms) => button(`+${duration(ms)}`, () => app.moveClock(ms), { key: ms, id: `step-${ms}` })),
            next === null ? null : button([h('span', { 'aria-hidden': 'true' }, 'Next probe'), unseen('To the next probe')], () => app.moveClock(next - session.clock), { key: 'next', id: 'step-next' })))),
      h('div', { class: 'scene-group' },
        field('size', 'Blob size', input(app.shown('size'), (text) => app.type('size', text), { ...done('size'), placeholder: 'unknown' }), { error: app.errors['size'], hint: session.size === null ? 'Empty: not known yet' : `${session.size} bytes` }),
        h('div', { class: 'actions' }, SIZES.map((one) => button(one === null ? 'unknown' : size(one), () => app.setSize(one), { key: String(one), id: `size-${one ?? 'unknown'}`, 'aria-pressed': session.size === one ? 'true' : 'false' })))),
      h('div', { class: 'scene-group narrow' },
        field('by', 'Changes are asked for by', choice(session.by, [['organization', 'the organization'], ['platform', 'the platform']], (by) => app.setBy(by)), { hint: 'Some are the platform’s alone' }))));
}
