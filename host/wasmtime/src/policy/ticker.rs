//! The clock that ends calls which do not end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

use wasmtime::Engine;

/// How often the engine's counter is turned: the grain of a call's time limit.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// Turns the engine's counter until it is dropped. Its thread sleeps in between, holds nothing that
/// has to be finished, and is not waited for: neither dropping it nor ending the process takes time.
pub(super) struct Ticker {
    stopped: Arc<AtomicBool>,
    thread: Thread,
}

impl Ticker {
    pub(super) fn start(engine: &Engine) -> std::io::Result<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        let (stop, engine) = (Arc::clone(&stopped), engine.clone());
        let handle = thread::Builder::new()
            .name("backstop-ticker".into())
            .spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    thread::park_timeout(TICK);
                    engine.increment_epoch();
                }
            })?;
        Ok(Self {
            stopped,
            thread: handle.thread().clone(),
        })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.thread.unpark();
    }
}
