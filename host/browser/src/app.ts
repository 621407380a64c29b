//! What the page holds besides the session, and everything that a person can do with it.

import type { Draft, DraftOf } from './draft';
import { breakDraft, editDraft, placeOf, policyDraft } from './draft';
import { FieldError, parseDuration, parseSize, parseTime, size as sizeText, time } from './format';
import { LinkError, read as readLink, write as writeLink } from './link';
import type { Played } from './play';
import { planner } from './policy';
import type { RosterData } from './policy';
import { SCENARIOS, scenarioOf } from './scenarios';
import { ShapeError } from './schema';
import type { Preview, Session } from './session';
import * as sessions from './session';
import type { Case, Step } from './vector';
import { readVectors, writeVector } from './vector';
import { naming, positionCode } from './words';

export type Theme = 'auto' | 'light' | 'dark';

/** Something that a person must read: what is wrong, or what was done. */
export interface Notice {
  kind: 'error' | 'done';
  /** The stable code of an error. */
  code: string | null;
  text: string;
  /** What was there before something else was loaded. */
  back: Session | null;
}

export type Dialog =
  | { type: 'share'; link: string; copied: boolean; problem: Notice | null }
  | { type: 'export'; text: string; name: string; why: string; copied: boolean }
  | { type: 'import'; text: string; cases: Case[] | null; chosen: number; problem: Notice | null };

/** A backend that is being dragged in the table. */
export interface Dragged {
  backend: string;
  /** What a drop would do where the pointer is; null if nothing. */
  landing: Landing | null;
}

export interface Landing {
  group: string;
  /** The row that it would stand beside; null if the group is all that is meant. */
  beside: { backend: string; side: 'before' | 'after' } | null;
  place: number | null;
}

export class App {
  session!: Session;
  preview: Preview | null = null;
  notice: Notice | null = null;
  dialog: Dialog | null = null;
  theme: Theme = 'auto';
  scenario = SCENARIOS[0]?.id ?? '';
  /** What is being typed into the fields of the scene, until it is done. */
  typing: Record<string, string> = {};
  errors: Record<string, string> = {};
  step = '1 min';
  dragged: Dragged | null = null;
  announcement = '';
  #said = '';
  #turn = 0;
  #opening = 0;
  readonly #draw: () => void;

  constructor(draw: () => void) {
    this.#draw = draw;
    try {
      const theme = localStorage.getItem('backstop-theme');
      if (theme === 'light' || theme === 'dark') this.theme = theme;
    } catch {
      // A page from a folder may have no storage: then the theme is that of the system.
    }
  }

  /** Opens the link in the address, or the first scenario. */
  async start(): Promise<void> {
    const first = SCENARIOS[0];
    if (first === undefined) throw new Error('there is no scenario');
    this.session = await sessions.start(first.read(), first.look);
    await this.openLink(location.href, false);
    this.#refresh();
  }

  get roster(): RosterData | null {
    return sessions.rosterNow(this.session);
  }

  name(id: string): string {
    return naming(...this.session.history.map((one) => one.before), this.roster)(id);
  }

  // ---- Links ----

  /**
   * Opens a link; one that cannot be opened is named, and changes nothing. Of what is opened at once,
   * links, scenarios and imports, the last one stays, whichever takes longer to unpack.
   */
  async openLink(link: string, ask: boolean, keep = ask): Promise<Notice | null> {
    const opening = (this.#opening += 1);
    try {
      const session = await readLink(link);
      if (opening !== this.#opening) return null;
      if (session === null) {
        if (!ask) return null;
        throw new LinkError('link-foreign', 'it has no `#` with a state behind it');
      }
      this.load(session, 'The link was opened.', keep);
      return null;
    } catch (error) {
      if (opening !== this.#opening) return null;
      const code = error instanceof LinkError ? error.code : 'link-invalid';
      const text = `The link cannot be opened: ${(error as Error).message}. What was here is still here.`;
      const notice: Notice = { kind: 'error', code, text, back: null };
      if (!ask) this.notice = notice;
      this.draw();
      return notice;
    }
  }

  /**
   * Opens what somebody put into the address of this page. By the time the page hears of it, it may
   * have written its own state over that address.
   */
  async hashChanged(address: string): Promise<void> {
    await this.openLink(address, false, true);
    // A reload has to find what is here, also after a link that could not be opened.
    await this.#keep(this.#turn);
  }

  // ---- Sessions ----

  load(session: Session, text: string, keep = true): void {
    const back = keep ? this.session : null;
    this.notice = { kind: 'done', code: null, text, back };
    this.dialog = null;
    this.set(session);
  }

  async loadScenario(): Promise<void> {
    const scenario = scenarioOf(this.scenario);
    if (scenario === undefined) return;
    const opening = (this.#opening += 1);
    const session = await sessions.start(scenario.read(), scenario.look);
    if (opening !== this.#opening) return;
    this.load(session, `Loaded “${scenario.label}”.`);
  }

  back(): void {
    const session = this.notice?.back;
    if (!session) return;
    this.notice = null;
    this.set(session);
  }

  dismiss(): void {
    this.notice = null;
    this.draw();
  }

  /** Takes the session for the present one, and shows it. */
  set(session: Session): void {
    this.session = session;
    this.typing = {};
    this.errors = {};
    this.#refresh();
  }

  #refresh(): void {
    const turn = (this.#turn += 1);
    this.preview = sessions.preview(this.session);
    const rest = this.preview?.rest ?? null;
    if (rest !== null) {
      const shown = this.preview as Preview;
      rest.then(
        (played) => ({ ...shown, played, rest: null }),
        (error: Error) => ({ ...shown, rest: null, failed: error.message }),
      ).then((done) => {
        if (turn !== this.#turn) return;
        this.preview = done;
        this.draw();
      });
    }
    this.#announceRoute();
    this.draw();
    void this.#keep(turn);
  }

  /** Keeps the session in the address, so that it outlives a reload. */
  async #keep(turn: number): Promise<void> {
    // Browsers bear few such changes a second: while somebody types, only the last one is made.
    await new Promise((resolve) => setTimeout(resolve, 100));
    if (turn !== this.#turn) return;
    const fragment = await writeLink(this.session);
    if (turn !== this.#turn) return;
    try {
      history.replaceState(null, '', `#${fragment}`);
    } catch {
      // Some browsers refuse this in a page from a folder, or when it happens too often: the
      // dialog for sharing still has the link.
    }
  }

  draw(): void {
    this.#draw();
  }

  #announceRoute(): void {
    const { roster } = this;
    if (roster === null) return;
    const answer = planner.select(roster, { size: this.session.size }, this.session.clock);
    const text = answer.ok
      ? `A write uses ${answer.value.backend.name}, ${positionCode(answer.value.position)}${answer.value.degraded ? ', degraded' : ''}.`
      : `A write is refused: ${answer.error.reason.type}.`;
    if (text !== this.#said) this.announcement = text;
    this.#said = text;
  }

  /** Says something to who does not see the page. */
  say(text: string): void {
    // The same text again is only read out if it differs.
    this.announcement = this.announcement === text ? `${text} ` : text;
  }

  // ---- The scene: clock, size, copies ----

  type(field: 'clock' | 'size', text: string): void {
    this.typing[field] = text;
    this.#field(field, () => {
      if (field === 'clock') this.session = sessions.setClock(this.session, parseTime(text));
      else this.session = { ...this.session, size: text.trim() === '' ? null : parseSize(text) };
    });
    this.#refresh();
  }

  typed(field: 'clock' | 'size'): void {
    if (this.errors[field] === undefined) delete this.typing[field];
    this.draw();
  }

  shown(field: 'clock' | 'size'): string {
    const { clock, size } = this.session;
    if (this.typing[field] !== undefined) return this.typing[field];
    if (field === 'clock') return time(clock);
    return size === null ? '' : sizeText(size);
  }

  setStep(text: string): void {
    this.step = text;
    this.#field('step', () => parseDuration(text));
    this.draw();
  }

  stepClock(direction: 1 | -1): void {
    this.#field('step', () => this.moveClock(direction * parseDuration(this.step)));
    this.draw();
  }

  moveClock(ms: number): void {
    this.set(sessions.setClock(this.session, this.session.clock + ms));
    this.say(`The clock is ${time(this.session.clock)}. ${this.#said}`);
    this.draw();
  }

  /** When the first backend is to be probed that is not due yet; null if there is none. */
  nextProbe(): number | null {
    const { roster, session } = this;
    const times = roster?.backends.map((one) => planner.nextDue(roster, one.id, session.clock)) ?? [];
    const later = times.filter((at) => at !== null && at > session.clock) as number[];
    return later.length === 0 ? null : Math.min(...later);
  }

  setSize(size: number | null): void {
    this.set({ ...this.session, size });
  }

  toggleCopy(id: string): void {
    const { copies } = this.session;
    const chosen = copies.includes(id) ? copies.filter((one) => one !== id) : [...copies, id];
    this.set({ ...this.session, copies: chosen });
  }

  setBy(by: Session['by']): void {
    this.set({ ...this.session, by });
  }

  #field(name: string, act: () => void): void {
    delete this.errors[name];
    try {
      act();
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      this.errors[name] = error.message;
    }
  }

  // ---- The next change ----

  plan(draft: Draft | null): void {
    this.session = { ...this.session, draft };
    this.#refresh();
  }

  /** Changes some fields of the draft. */
  fill(fields: object): void {
    const { draft } = this.session;
    if (draft !== null) this.plan({ ...draft, ...fields } as Draft);
  }

  /** Changes a backend in the table: on top of what is being changed of it already. */
  change(backend: string, fields: Partial<DraftOf<'update'>>): void {
    const { draft } = this.session;
    const on = draft?.type === 'update' && draft.backend === backend ? draft : editDraft(backend);
    this.plan({ ...on, ...fields });
    this.say(`Next change: ${this.summary()}`);
    this.draw();
  }

  probe(backend: string, pattern: DraftOf<'probe'>['pattern']): void {
    this.plan(breakDraft(backend, pattern));
    this.say(`Next change: ${this.summary()}`);
    this.draw();
  }

  /** Moves a backend by one place; again if it is being moved already. */
  move(backend: string, by: 1 | -1): void {
    const { roster } = this;
    if (roster === null) return;
    const { draft } = this.session;
    const pending = draft?.type === 'move' && draft.backend === backend ? draft.place : undefined;
    const from = pending === undefined ? placeOf(roster, backend) : pending;
    const onChain = roster.fallbacks.filter((id) => id !== backend).length;
    const last = Math.max(onChain + 1, 1);
    let to: number | null;
    if (by < 0) to = from === null ? last : Math.max(from - 1, 0);
    else to = from === null || from >= last ? null : from + 1;
    this.moveTo(backend, to);
  }

  moveTo(backend: string, place: number | null): void {
    const { roster } = this;
    if (roster === null) return;
    this.plan(placeOf(roster, backend) === place ? null : { type: 'move', backend, place });
    const where = place === null ? 'no role' : place === 0 ? 'the default' : `fallback ${place}`;
    this.say(`${this.name(backend)}: ${where}. ${this.summary()}`);
    this.draw();
  }

  policyDraft(roster: RosterData): DraftOf<'policy'> {
    return policyDraft(roster.policy);
  }

  /** Changes the policy; back to what it is, nothing is pending. */
  setPolicy(draft: DraftOf<'policy'>): void {
    const { roster } = this;
    const same = roster !== null && JSON.stringify(draft) === JSON.stringify(policyDraft(roster.policy));
    this.plan(same ? null : draft);
  }

  /** Shows where a drag is; null once it is over. */
  drag(dragged: Dragged | null): void {
    // The pointer moves more often than what it means.
    if (JSON.stringify(dragged) === JSON.stringify(this.dragged)) return;
    this.dragged = dragged;
    this.draw();
  }

  /** What the next change comes to, in one sentence. */
  summary(): string {
    const { preview } = this;
    if (preview === null) return 'No change is pending.';
    const refused = preview.played.find((one) => one.came === 'refused');
    if (refused !== undefined) return `refused: ${refused.codes.join(', ')}.`;
    const events = preview.played.reduce((sum, one) => sum + one.events.length, 0);
    return `${preview.played.length} ${preview.played.length === 1 ? 'step' : 'steps'}, ${events} events. Apply with Control Enter.`;
  }

  /** Why the draft cannot be applied; null if it can. */
  blocked(): 'errors' | 'refused' | 'waiting' | 'empty' | null {
    const { preview } = this;
    if (preview === null || preview.failed !== null || Object.keys(preview.errors).length > 0) return 'errors';
    if (preview.rest !== null) return 'waiting';
    if (preview.played.some((one) => one.came === 'refused')) return 'refused';
    if (preview.played.length === 0) return 'empty';
    return this.session.history.length + preview.played.length > sessions.MOST_STEPS ? 'errors' : null;
  }

  apply(): void {
    if (this.blocked() === null && this.preview !== null) this.#keepPlayed(this.preview.played, 'Applied.');
  }

  recordRefusal(): void {
    if (this.blocked() === 'refused' && this.preview !== null) {
      this.#keepPlayed(this.preview.played, 'The refusal is recorded.');
    }
  }

  #keepPlayed(played: Played[], text: string): void {
    this.notice = null;
    this.set(sessions.apply(this.session, played));
    this.say(`${text} ${this.#said}`);
    this.draw();
  }

  /** Adds a question and its answer to the timeline, so that an export expects it. */
  async ask(step: Step): Promise<void> {
    this.set(await sessions.ask(this.session, step));
    this.say('The answer is recorded in the timeline.');
    this.draw();
  }

  // ---- The timeline ----

  undo(): void {
    this.#travel(sessions.undo(this.session), 'Undone.');
  }

  redo(): void {
    this.#travel(sessions.redo(this.session), 'Redone.');
  }

  goTo(cursor: number): void {
    this.#travel(sessions.goTo(this.session, cursor), 'Gone to that point of the timeline.');
  }

  #travel(session: Session | null, text: string): void {
    if (session === null) return;
    this.set(session);
    this.say(`${text} ${this.#said}`);
    this.draw();
  }

  // ---- Dialogs ----

  async share(): Promise<void> {
    const link = `${location.href.split('#')[0]}#${await writeLink(this.session)}`;
    this.dialog = { type: 'share', link, copied: false, problem: null };
    this.draw();
  }

  async openTyped(link: string): Promise<void> {
    const problem = await this.openLink(link, true);
    if (problem !== null && this.dialog?.type === 'share') this.dialog = { ...this.dialog, problem };
    this.draw();
  }

  async exportCase(): Promise<void> {
    const text = writeVector(await sessions.toCase(this.session));
    const { name, why } = this.session;
    this.dialog = { type: 'export', text, name, why, copied: false };
    this.draw();
  }

  async rename(fields: { name?: string; why?: string }): Promise<void> {
    this.session = { ...this.session, ...fields };
    const text = writeVector(await sessions.toCase(this.session));
    const { name, why } = this.session;
    this.dialog = { type: 'export', text, name, why, copied: false };
    this.#refresh();
  }

  async copy(text: string): Promise<void> {
    let copied = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const field = document.getElementById('dialog-text');
      if (field instanceof HTMLTextAreaElement) field.select();
      copied = document.execCommand('copy');
    }
    if (this.dialog !== null && 'copied' in this.dialog) this.dialog.copied = copied;
    this.say(copied ? 'Copied.' : 'The browser does not let this page copy. The text is selected.');
    this.draw();
  }

  download(text: string): void {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
    link.download = `${this.session.name.replace(/[^\w.-]+/g, '-') || 'case'}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1_000);
  }

  openImport(): void {
    this.dialog = { type: 'import', text: '', cases: null, chosen: 0, problem: null };
    this.draw();
  }

  /** Reads a vector file; of several cases one is then chosen. */
  async readImport(text: string): Promise<void> {
    try {
      const cases = readVectors(text);
      this.dialog = { type: 'import', text, cases, chosen: 0, problem: null };
      if (cases.length === 1) await this.importChosen();
    } catch (error) {
      this.#importFailed(text, error);
    }
    this.draw();
  }

  typeImport(text: string): void {
    if (this.dialog?.type === 'import') this.dialog = { ...this.dialog, text };
    this.draw();
  }

  choose(chosen: number): void {
    if (this.dialog?.type === 'import') this.dialog = { ...this.dialog, chosen, problem: null };
    this.draw();
  }

  async importChosen(): Promise<void> {
    const { dialog } = this;
    if (dialog?.type !== 'import') return;
    const one = dialog.cases?.[dialog.chosen];
    if (one === undefined) return;
    const opening = (this.#opening += 1);
    try {
      const session = await sessions.start(one);
      if (opening !== this.#opening) return;
      const other = session.history.filter((entry) => differs(entry).length > 0).length;
      const checked = other === 0
        ? `all ${session.history.length} steps came as expected`
        : `${other} of ${session.history.length} steps came otherwise; the timeline says how`;
      this.load(session, `Imported “${one.name}”: ${checked}.`);
    } catch (error) {
      this.#importFailed(dialog.text, error);
    }
    this.draw();
  }

  #importFailed(text: string, error: unknown): void {
    if (!(error instanceof ShapeError)) throw error;
    const problem: Notice = {
      kind: 'error', code: 'vector-invalid', text: `The vector cannot be imported: ${error.message}.`, back: null,
    };
    const cases = this.dialog?.type === 'import' ? this.dialog.cases : null;
    const chosen = this.dialog?.type === 'import' ? this.dialog.chosen : 0;
    this.dialog = { type: 'import', text, cases, chosen, problem };
  }

  closeDialog(): void {
    this.dialog = null;
    this.draw();
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    try {
      localStorage.setItem('backstop-theme', theme);
    } catch {
      // It then lasts until the page is closed.
    }
    this.draw();
  }
}

/** The keys in which an entry came otherwise than an imported case expects. */
export function differs(entry: sessions.Entry): { key: string; expected: string; came: string }[] {
  if (entry.expect === null) return [];
  const keys = Object.keys(entry.expect);
  if ('refused' in entry.answer && !keys.includes('refused')) keys.push('refused');
  return keys
    .map((key) => ({ key, expected: canonical(entry.expect?.[key]), came: canonical(entry.answer[key] ?? null) }))
    .filter(({ expected, came }) => expected !== came);
}

/** JSON with the keys of objects in order, so that equal values are equal texts. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  ) ?? 'nothing';
}
