//! A page as a value: `h` describes it, `patch` makes the document be like it.
//!
//! Nodes that stay keep their focus, their selection and what is being typed into them. Nothing is
//! ever parsed as HTML, so that no text of a roster or of a link can become markup.

export type Child = Node_ | string | number | null | false | undefined | Child[];

interface Node_ {
  tag: string;
  props: Props;
  children: (Node_ | string)[];
}

export type View = Node_;

/** Attributes by their names; `on…` are handlers, `value` and `checked` are the control's own. */
export type Props = Record<string, unknown> & { key?: string | number };

const SVG = 'http://www.w3.org/2000/svg';
const SVG_TAGS = new Set(['svg', 'path', 'circle', 'line', 'rect', 'g', 'text', 'title']);

/** Describes an element. */
export function h(tag: string, props: Props = {}, ...children: Child[]): View {
  return { tag, props, children: flat(children) };
}

function flat(children: Child[]): (Node_ | string)[] {
  return children.flatMap((child) => {
    if (Array.isArray(child)) return flat(child);
    if (child === null || child === undefined || child === false) return [];
    return [typeof child === 'number' ? String(child) : child];
  });
}

const drawn = new WeakMap<Node, Props>();

/** Makes the children of `parent` be like `views`, and keeps the focus where it was. */
export function patch(parent: Element, views: View[]): void {
  const focused = document.activeElement;
  const id = focused instanceof HTMLElement ? focused.id : '';
  patchChildren(parent, views);
  // A node that moved has lost the focus, and one that was replaced has an heir of the same id.
  if (id !== '' && document.activeElement !== focused) {
    document.getElementById(id)?.focus({ preventScroll: true });
  }
}

function patchChildren(parent: Element, views: (Node_ | string)[]): void {
  const keyed = new Map<string, ChildNode>();
  const loose: ChildNode[] = [];
  for (const node of [...parent.childNodes]) {
    const key = drawn.get(node)?.key;
    // A key that is there twice is one of a broken roster: the second node is reused as any other.
    if (key === undefined || keyed.has(String(key))) loose.push(node);
    else keyed.set(String(key), node);
  }
  let place: ChildNode | null = parent.firstChild;
  for (const view of views) {
    const node = reuse(view, keyed, loose) ?? make(view);
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
    update(node, view);
  }
  for (const node of [...loose, ...keyed.values()]) node.remove();
}

function reuse(
  view: Node_ | string,
  keyed: Map<string, ChildNode>,
  loose: ChildNode[],
): ChildNode | undefined {
  if (typeof view !== 'string' && view.props.key !== undefined) {
    const key = String(view.props.key);
    const node = keyed.get(key);
    if (node === undefined || !fits(node, view)) return undefined;
    keyed.delete(key);
    return node;
  }
  const index = loose.findIndex((node) => fits(node, view));
  return index < 0 ? undefined : loose.splice(index, 1)[0];
}

function fits(node: ChildNode, view: Node_ | string): boolean {
  if (typeof view === 'string') return node.nodeType === Node.TEXT_NODE;
  return node instanceof Element && node.localName === view.tag;
}

function make(view: Node_ | string): ChildNode {
  if (typeof view === 'string') return document.createTextNode(view);
  return SVG_TAGS.has(view.tag)
    ? document.createElementNS(SVG, view.tag)
    : document.createElement(view.tag);
}

function update(node: ChildNode, view: Node_ | string): void {
  if (typeof view === 'string') {
    if (node.nodeValue !== view) node.nodeValue = view;
    return;
  }
  const element = node as HTMLElement;
  const before = drawn.get(element) ?? {};
  drawn.set(element, view.props);
  // Options come first: a select takes only a value that it has.
  patchChildren(element, view.children);
  for (const name of Object.keys(before)) {
    if (!(name in view.props)) set(element, name, before[name], undefined);
  }
  for (const [name, value] of Object.entries(view.props)) {
    set(element, name, before[name], value);
  }
}

function set(element: HTMLElement, name: string, before: unknown, value: unknown): void {
  if (name === 'key') return;
  if (name.startsWith('on')) {
    const type = name.slice(2).toLowerCase();
    if (before === value) return;
    if (before) element.removeEventListener(type, before as EventListener);
    if (value) element.addEventListener(type, value as EventListener);
    return;
  }
  if (name === 'value' || name === 'checked' || name === 'indeterminate') {
    const control = element as unknown as Record<string, unknown>;
    if (control[name] !== value) control[name] = value ?? '';
    return;
  }
  if (before === value && (value === undefined || element.hasAttribute(name))) return;
  if (value === undefined || value === null || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? '' : String(value));
}
