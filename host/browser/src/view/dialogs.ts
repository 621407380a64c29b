//! Sharing, exporting and importing.

import type { App, Dialog, Notice } from '../app';
import type { Child, View } from '../dom';
import { h } from '../dom';
import { button, choice, field, input } from './parts';

export function dialog(app: App): View {
  const { dialog: shown } = app;
  return h('dialog', {
    id: 'dialog',
    'aria-labelledby': 'dialog-title',
    // The event comes late: by then the next dialog may be open in the same box.
    onclose: (event: Event) => {
      if (app.dialog !== null && !(event.target as HTMLDialogElement).open) app.closeDialog();
    },
  }, shown === null ? [] : [
    h('header', { key: 'head' },
      h('h2', { id: 'dialog-title' }, TITLE[shown.type]),
      button('Close', () => app.closeDialog(), { id: 'dialog-close' })),
    h('div', { key: shown.type, class: 'dialog-body' }, content(app, shown)),
  ]);
}

const TITLE: Record<Dialog['type'], string> = {
  share: 'Share this state',
  export: 'Export as a vector',
  import: 'Import a vector',
};

export function notice(one: Notice, more: Child = null): View {
  return h('div', { class: `notice ${one.kind}`, role: one.kind === 'error' ? 'alert' : 'status', 'data-code': one.code ?? undefined },
    h('p', {}, one.code === null ? null : [h('code', { key: 'code' }, one.code), ' '], one.text), more);
}

function area(id: string, label: string, value: string, change: ((text: string) => void) | null, rows = 10): View {
  return field(id, label, (props) => h('textarea', {
    ...props, rows, spellcheck: 'false', readonly: change === null, value,
    oninput: change === null ? undefined : (event: Event) => change((event.target as HTMLTextAreaElement).value),
  }), { wide: true });
}

function content(app: App, shown: Dialog): Child {
  switch (shown.type) {
    case 'share': {
      const open = () => {
        const typed = document.getElementById('open-link') as HTMLInputElement | null;
        void app.openTyped(typed?.value ?? '');
      };
      return [
        h('p', { key: 'say', class: 'hint' }, 'The link carries the whole state in its fragment, which browsers send to nobody: backends, policy, clock, timeline and the next change.'),
        area('dialog-text', 'Link', shown.link, null, 4),
        h('div', { key: 'copy', class: 'actions' }, button(shown.copied ? 'Copied' : 'Copy the link', () => void app.copy(shown.link), { id: 'dialog-copy', class: 'primary' })),
        h('form', { key: 'open', class: 'open', onsubmit: (event: Event) => { event.preventDefault(); open(); } },
          h('h3', {}, 'Open a link'),
          field('open-link', 'Link that somebody gave you', (props) => h('input', { type: 'text', autocomplete: 'off', spellcheck: 'false', ...props }), { wide: true, hint: 'From wherever their page was; only what follows the # counts' }),
          h('div', { class: 'actions' }, button('Open', open, { id: 'open-link-button' }))),
        shown.problem === null ? null : notice(shown.problem),
      ];
    }
    case 'export':
      return [
        h('p', { key: 'say', class: 'hint' }, 'A case that every host plays: the given roster, each step of the timeline with what came of it, and the write on the screen as the last step.'),
        h('div', { key: 'fields', class: 'fields' },
          field('export-name', 'Name', input(shown.name, (name) => void app.rename({ name }), { maxlength: '200' }), { double: true }),
          field('export-why', 'Why it matters, in a sentence', input(shown.why, (why) => void app.rename({ why })), { wide: true })),
        area('dialog-text', 'Vector', shown.text, null, 14),
        h('div', { key: 'copy', class: 'actions' },
          button('Save as a file', () => app.download(shown.text), { id: 'dialog-save', class: 'primary' }),
          button(shown.copied ? 'Copied' : 'Copy', () => void app.copy(shown.text), { id: 'dialog-copy' })),
        h('p', { key: 'play', class: 'hint' }, 'Play it with ', h('code', {}, 'cargo xtask vectors --host native FILE'), '.'),
      ];
    case 'import': {
      const read = () => {
        const typed = document.getElementById('dialog-text') as HTMLTextAreaElement | null;
        void app.readImport(typed?.value ?? '');
      };
      return [
        h('p', { key: 'say', class: 'hint' }, 'A file of vectors; its steps become the timeline, and what they expect is compared with what comes.'),
        field('import-file', 'File', (props) => h('input', {
          ...props, type: 'file', accept: '.json,application/json',
          onchange: (event: Event) => {
            const file = (event.target as HTMLInputElement).files?.[0];
            if (file !== undefined) void file.text().then((text) => app.readImport(text));
          },
        })),
        area('dialog-text', 'Or its text', shown.text, (text) => app.typeImport(text)),
        h('div', { key: 'read', class: 'actions' }, button('Import', read, { id: 'import-button', class: 'primary' })),
        shown.problem === null ? null : notice(shown.problem),
        shown.cases === null || shown.cases.length < 2 ? null : h('div', { key: 'choose', class: 'fields' },
          field('import-case', `Case, of ${shown.cases.length}`, choice(String(shown.chosen),
            shown.cases.map((one, index) => [String(index), one.name] as const), (index) => app.choose(Number(index))),
            { wide: true, hint: shown.cases[shown.chosen]?.why }),
          h('div', { class: 'actions wide' }, button('Import this case', () => void app.importChosen(), { id: 'import-chosen', class: 'primary' }))),
      ];
    }
  }
}
