//! The page: draws what there is, and says what a key does.

import { App } from './app';
import type { Theme } from './app';
import build from './build.json';
import type { View } from './dom';
import { h, patch } from './dom';
import { SCENARIOS } from './scenarios';
import './style.css';
import { backends } from './view/backends';
import { change, policy } from './view/change';
import { dialog, notice } from './view/dialogs';
import { button, choice, field } from './view/parts';
import { read, route, verdict } from './view/route';
import { scene } from './view/scene';
import { timeline } from './view/timeline';

const root = document.getElementById('app') as HTMLElement;
const app = new App(draw);

function draw(): void {
  if (app.session === undefined) return;
  document.documentElement.dataset['theme'] = app.theme;
  patch(root, page());
  const box = document.getElementById('dialog') as HTMLDialogElement | null;
  if (box !== null && app.dialog !== null && !box.open) box.showModal();
  if (box !== null && app.dialog === null && box.open) box.close();
}

function page(): View[] {
  return [
    h('a', { key: 'skip', class: 'skip', href: '#main', onclick: (event: Event) => { event.preventDefault(); document.getElementById('main')?.focus(); } }, 'Skip to the content'),
    head(),
    h('main', { key: 'main', id: 'main', tabindex: '-1' },
      app.notice === null ? null : notice(app.notice, h('div', { class: 'actions' },
        app.notice.back === null ? null : button('Back to what was here', () => app.back(), { id: 'notice-back' }),
        button('Dismiss', () => app.dismiss(), { id: 'notice-dismiss' }))),
      scene(app),
      h('div', { class: 'columns' },
        h('div', { class: 'column' }, backends(app), change(app), policy(app)),
        h('div', { class: 'column' }, route(app), read(app), timeline(app))),
      verdict(app)),
    h('footer', { key: 'foot' },
      h('p', {}, 'Backstop ', h('span', { id: 'version' }, build.version), ' · component SHA-256 ', h('code', { id: 'component' }, build.component)),
      h('p', { class: 'hint' }, 'Every answer is the policy’s own, computed in this page. It loads nothing and sends nothing.')),
    h('div', { key: 'live', id: 'live', class: 'unseen', role: 'status', 'aria-live': 'polite' }, app.announcement),
    dialog(app),
  ];
}

function head(): View {
  return h('header', { key: 'head', class: 'top' },
    h('div', { class: 'brand' },
      h('h1', {}, 'Backstop preview'),
      h('p', { class: 'hint' }, 'Which backend a write would use, and why')),
    h('div', { class: 'tools' },
      h('div', { class: 'scenario' },
        field('scenario', 'Scenario', choice(app.scenario, SCENARIOS.map((one) => [one.id, one.label] as const), (id) => { app.scenario = id; app.draw(); })),
        button('Load', () => void app.loadScenario(), { id: 'load-scenario' })),
      h('div', { class: 'actions' },
        button('Share', () => void app.share(), { id: 'share' }),
        button('Export', () => void app.exportCase(), { id: 'export' }),
        button('Import', () => app.openImport(), { id: 'import' })),
      field('theme', 'Theme', choice<Theme>(app.theme, [['auto', 'system'], ['light', 'light'], ['dark', 'dark']], (theme) => app.setTheme(theme)))));
}

/** Whether the key belongs to a text that is being typed. */
function typing(event: KeyboardEvent): boolean {
  const { target } = event;
  return target instanceof HTMLTextAreaElement
    || (target instanceof HTMLInputElement && target.type === 'text');
}

document.addEventListener('keydown', (event) => {
  if (app.session === undefined || app.dialog !== null) return;
  const command = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (command && key === 'enter') {
    event.preventDefault();
    app.apply();
  } else if (event.key === 'Escape' && app.session.draft !== null) {
    app.plan(null);
  } else if (command && !event.altKey && !typing(event) && (key === 'z' || key === 'y')) {
    event.preventDefault();
    if (key === 'y' || event.shiftKey) app.redo();
    else app.undo();
  }
});

addEventListener('hashchange', (event) => {
  // A page that starts opens its address anyway.
  if (app.session !== undefined) void app.hashChanged(event.newURL);
});

app.start().catch((error: Error) => {
  patch(root, [h('main', {}, h('h1', {}, 'Backstop preview'), h('p', { role: 'alert' }, `The page cannot start: ${error.message}`))]);
});

