//! How the engine is set up.
//!
//! `build.rs` includes this file too: what is precompiled with one configuration loads only under
//! the same one, so there is only one.

use wasmtime::Config;

/// Returns what code is compiled for, and checked against when it is loaded.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    config
        // A call that does not end is ended: compiled code looks at a counter that a thread turns.
        .epoch_interruption(true)
        // Nobody prints backtraces of the guest, and what is not there need not be loaded.
        .generate_address_map(false);
    config
}
