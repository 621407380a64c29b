//! What `wasmtime` makes of the contract.
//!
//! What is passed to the guest borrows, so that asking costs no copy of a roster.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "policy",
    imports: { default: async | trappable },
    exports: { "backstop:policy/control": async },
    ownership: Borrowing { duplicate_if_necessary: true },
});
