//! What a call may use up.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use wasmtime::{ResourceLimiter, Store, Trap, UpdateDeadline};

use super::{session::Desk, ticker::TICK};

/// What a call may use up. Reaching a limit is an error of that call alone (HOST-5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// How long the component may compute, to the next hundredth of a second. The time that it waits
    /// for a storage or a probe does not count; those have deadlines of their own.
    pub time: Duration,
    /// How much memory it may have, in bytes.
    pub memory: usize,
}

impl Default for Limits {
    /// A second and 64 MiB: a thousand times what a roster of a hundred backends takes.
    fn default() -> Self {
        Self {
            time: Duration::from_secs(1),
            memory: 64 << 20,
        }
    }
}

impl Limits {
    /// The limit in ticks, rounded up; the tick that is running counts as well.
    pub(super) fn ticks(time: Duration) -> u64 {
        let ticks = time.as_micros().div_ceil(TICK.as_micros());
        u64::try_from(ticks).unwrap_or(u64::MAX).saturating_add(1)
    }
}

/// What a store holds for one instance.
pub(super) struct State {
    memory: usize,
    used: usize,
    /// Where imports leave what they ask for; the planner has none.
    pub(super) desk: Option<Arc<Desk>>,
}

impl State {
    pub(super) fn new(limits: &Limits, desk: Option<Arc<Desk>>) -> Self {
        Self {
            memory: limits.memory,
            used: 0,
            desk,
        }
    }

    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// For an instance that is handed on: what it may have is up to whoever uses it now.
    pub(super) fn allow(&mut self, limits: &Limits) {
        self.memory = limits.memory;
    }
}

/// The marker of an error: the component wanted more memory than it may have.
#[derive(Debug, thiserror::Error)]
#[error("out of memory")]
pub(super) struct OutOfMemory;

/// Entries of all tables together; the policy's own has a few dozen.
const TABLE: usize = 100_000;

impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if used > self.memory {
            return Err(OutOfMemory.into());
        }
        self.used = used;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > TABLE {
            return Err(OutOfMemory.into());
        }
        Ok(true)
    }
}

/// How long a call was out of the component: waiting for a storage or a probe.
#[derive(Default)]
pub(super) struct Away(AtomicU64);

impl Away {
    pub(super) fn add(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(nanos, Ordering::Relaxed);
    }

    fn total(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// Interrupts a call that computed for too long. A tick that passes while the call waits does not
/// count: when the deadline comes, what is left of the time is given again.
pub(super) fn watch(store: &mut Store<State>, limits: &Limits, desk: &Arc<Desk>) {
    let (started, time, desk) = (Instant::now(), limits.time, Arc::clone(desk));
    store.set_epoch_deadline(Limits::ticks(time));
    store.epoch_deadline_callback(move |_| {
        let computed = started.elapsed().saturating_sub(desk.away.total());
        match time.checked_sub(computed) {
            Some(left) if !left.is_zero() => Ok(UpdateDeadline::Continue(Limits::ticks(left))),
            _ => Err(Trap::Interrupt.into()),
        }
    });
}
