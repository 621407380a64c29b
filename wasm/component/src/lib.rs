//! The policy as a WebAssembly component.
//!
//! Boundary code and nothing else: values come in as the canonical ABI lays them out, become the
//! core's own, and go back. With the feature `policy` it is the world of that name, over the storage
//! and the validator of whoever hosts it; with `preview` it is the pure part alone, and imports
//! nothing. Nothing is kept between calls, so an instance may serve any number of them.
//!
//! There is no standard library in here, so there is no clock, no randomness and no I/O either, and
//! nothing that could ask a host for them.
//!
//! The unsafe code is in two places: what reads and writes linear memory (`abi`), and the allocator
//! (`memory`). The functions that the host calls are named in `planner` and `control`.
#![cfg(target_arch = "wasm32")]
#![no_std]

extern crate alloc;

#[cfg(not(any(feature = "policy", feature = "preview")))]
compile_error!("choose the feature `policy` or `preview`: a component is of one world");

#[cfg(all(feature = "policy", feature = "preview"))]
compile_error!("choose one of the features `policy` and `preview`: a component is of one world");

mod abi;
#[cfg(feature = "policy")]
mod control;
mod layout;
mod memory;
mod planner;

/// The core cannot panic; what is left is running out of memory. Either way the call traps, and the
/// host throws the instance away.
#[panic_handler]
fn trap(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
