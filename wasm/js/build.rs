//! How the module is linked.

fn main() {
    // More than any organization needs; a call that wants more traps, and its instance is dropped
    // (HOST-5).
    println!("cargo::rustc-link-arg-cdylib=--max-memory=268435456");
    println!("cargo::rerun-if-changed=build.rs");
}
