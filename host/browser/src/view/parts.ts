//! What several parts of the page are made of.

import type { Child, Props, View } from '../dom';
import { h } from '../dom';

/** A button that says what it does. */
export function button(label: Child, act: () => void, props: Props = {}): View {
  return h('button', { type: 'button', ...props, onclick: act }, label);
}

/** A label, its control, and what is wrong with what it says. */
export function field(
  id: string,
  label: string,
  control: (props: Props) => View,
  options: { hint?: string | undefined; error?: string | undefined; wide?: boolean; double?: boolean } = {},
): View {
  const { hint, error, wide, double } = options;
  const about = [hint === undefined ? '' : `${id}-hint`, error === undefined ? '' : `${id}-error`];
  const described = about.filter((one) => one !== '').join(' ');
  return h(
    'div',
    { key: id, class: `field${wide ? ' wide' : ''}${double ? ' double' : ''}` },
    h('label', { for: id }, label),
    control({
      id,
      'aria-describedby': described === '' ? undefined : described,
      'aria-invalid': error === undefined ? undefined : 'true',
    }),
    hint === undefined ? null : h('p', { id: `${id}-hint`, class: 'hint' }, hint),
    error === undefined ? null : h('p', { id: `${id}-error`, class: 'field-error', role: 'alert' }, error),
  );
}

export function input(value: string, change: (value: string) => void, more: Props = {}): (props: Props) => View {
  return (props) =>
    h('input', {
      type: 'text',
      autocomplete: 'off',
      spellcheck: 'false',
      ...more,
      ...props,
      value,
      oninput: (event: Event) => change((event.target as HTMLInputElement).value),
    });
}

/** A choice; options are values with what they are called. */
export function choice<T extends string>(
  value: T,
  options: readonly (readonly [T, string])[],
  change: (value: T) => void,
  more: Props = {},
): (props: Props) => View {
  return (props) =>
    h(
      'select',
      { ...more, ...props, value, onchange: (event: Event) => change((event.target as HTMLSelectElement).value as T) },
      options.map(([name, label]) => h('option', { key: name, value: name }, label)),
    );
}

export function check(id: string, label: Child, checked: boolean, change: () => void, more: Props = {}): View {
  return h(
    'div',
    { key: id, class: 'check' },
    h('input', { type: 'checkbox', id, ...more, checked, onchange: change }),
    h('label', { for: id }, label),
  );
}

export type Tone = 'good' | 'bad' | 'warn' | 'calm' | 'none';

export function badge(text: Child, tone: Tone = 'none', props: Props = {}): View {
  return h('span', { ...props, class: `badge ${tone}` }, text);
}

/** A part of the page with its own heading. */
export function section(id: string, title: Child, props: Props, ...children: Child[]): View {
  return h(
    'section',
    { ...props, id, 'aria-labelledby': `${id}-title` },
    h('h2', { id: `${id}-title`, tabindex: '-1' }, title),
    ...children,
  );
}

/** Text that only a screen reader says. */
export function unseen(text: string): View {
  return h('span', { class: 'unseen' }, text);
}

const MARKS: Record<string, string> = {
  check: 'M4 8.5l2.8 2.8L12 5.5',
  cross: 'M5 5l6 6M11 5l-6 6',
  pause: 'M6 5v6M10 5v6',
  clock: 'M8 4.5V8l2.5 1.8',
  ring: '',
  bang: 'M8 4.5v4.2M8 11v.4',
  drop: 'M8 4v7M5 8l3 3 3-3',
};

/** A mark in a circle, 16 by 16; the words beside it say the same. */
export function mark(name: keyof typeof MARKS, tone: Tone): View {
  return h(
    'svg',
    { class: `mark ${tone}`, viewBox: '0 0 16 16', width: '22', height: '22', 'aria-hidden': 'true', focusable: 'false' },
    h('circle', { cx: '8', cy: '8', r: '7' }),
    MARKS[name] ? h('path', { d: MARKS[name] }) : null,
  );
}
