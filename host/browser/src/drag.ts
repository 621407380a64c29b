//! Dragging with a mouse, a finger or a pen: from the press on a handle to the drop.
//!
//! The root of the document, which no redraw replaces, takes the pointer: a drag outlives whatever the
//! page does with the handle meanwhile. The handle needs `touch-action: none`, or the finger scrolls.

/** Where the pointer is. */
export interface Spot {
  /** What is seen there; null outside of the window. */
  element: Element | null;
  /** Pixels from the top of the window. */
  y: number;
}

/** What a drag is about. */
export interface Drag {
  /** Shows what a drop there would do, and says it, for the label at the pointer. */
  over: (at: Spot) => string;
  drop: (at: Spot) => void;
  /** Ends a drag that had begun and is given up. */
  cancel: () => void;
}

/** How far a press moves before it is a drag, in CSS pixels: a hand that taps is not that still. */
const THRESHOLD = 5;
/** How near to the top or the bottom of the window the page begins to scroll, in CSS pixels. */
const EDGE = 64;
/** How fast it scrolls at the very edge, in CSS pixels per second. */
const SPEED = 900;

/** The press that there is; a second finger begins nothing. */
let held = false;

/** Follows the pointer that was pressed on a handle, and ends with one drop, one cancellation or nothing. */
export function follow(press: PointerEvent, drag: Drag): void {
  if (held || press.button !== 0 || !press.isPrimary) return;
  held = true;
  const root = document.documentElement;
  const listening = new AbortController();
  const { signal } = listening;
  const label = document.createElement('div');
  label.className = 'carried';
  label.setAttribute('aria-hidden', 'true');
  let at = { x: press.clientX, y: press.clientY };
  let begun = false;
  let frame = 0;
  let last = 0;

  const spot = (): Spot => ({ element: document.elementFromPoint(at.x, at.y), y: at.y });

  const show = () => {
    label.textContent = drag.over(spot());
    // Above the pointer, where no finger covers it, and never out of the window.
    const x = Math.max(4, Math.min(at.x + 12, root.clientWidth - label.offsetWidth - 4));
    const y = at.y - label.offsetHeight - 16;
    label.style.transform = `translate(${x}px, ${y < 4 ? at.y + 28 : y}px)`;
  };

  const scroll = (now: number) => {
    const passed = Math.min(now - last, 50) / 1_000;
    last = now;
    // A press near an edge scrolls nothing before it goes towards that edge.
    const up = at.y < press.clientY ? EDGE - at.y : 0;
    const down = at.y > press.clientY ? at.y - (innerHeight - EDGE) : 0;
    const into = Math.max(down, 0) - Math.max(up, 0);
    const before = scrollY;
    if (into !== 0) scrollBy({ top: Math.max(-1, Math.min(into / EDGE, 1)) * SPEED * passed, behavior: 'instant' });
    // Something else is below the pointer now.
    if (scrollY !== before) show();
    frame = requestAnimationFrame(scroll);
  };

  const begin = () => {
    begun = true;
    root.classList.add('dragging');
    document.body.append(label);
    last = performance.now();
    frame = requestAnimationFrame(scroll);
  };

  const end = () => {
    held = false;
    listening.abort();
    cancelAnimationFrame(frame);
    root.classList.remove('dragging');
    label.remove();
    if (root.hasPointerCapture(press.pointerId)) root.releasePointerCapture(press.pointerId);
  };

  const giveUp = () => {
    end();
    if (begun) drag.cancel();
  };

  const on = <K extends keyof WindowEventMap>(type: K, act: (event: WindowEventMap[K]) => void, capture = false) =>
    addEventListener(type, act, { signal, capture });
  const ours = (act: (event: PointerEvent) => void) => (event: PointerEvent) => {
    if (event.pointerId === press.pointerId) act(event);
  };

  on('pointermove', ours((event) => {
    at = { x: event.clientX, y: event.clientY };
    if (!begun && Math.hypot(at.x - press.clientX, at.y - press.clientY) >= THRESHOLD) begin();
    if (begun) show();
  }));
  on('pointerup', ours((event) => {
    at = { x: event.clientX, y: event.clientY };
    end();
    if (begun) drag.drop(spot());
  }));
  on('pointercancel', ours(giveUp));
  on('lostpointercapture', ours((event) => {
    // The handle loses what a finger gives to it at first: that is no end.
    if (event.target === root) giveUp();
  }));
  on('blur', giveUp);
  on('keydown', (event) => {
    if (event.key !== 'Escape') return;
    // Escape means this drag and nothing else that is pending.
    event.preventDefault();
    event.stopImmediatePropagation();
    giveUp();
  }, true);
  // A long press, or a press on text that is selected, would end the drag.
  for (const type of ['contextmenu', 'dragstart', 'selectstart'] as const) on(type, (event) => event.preventDefault());
  root.setPointerCapture(press.pointerId);
}
