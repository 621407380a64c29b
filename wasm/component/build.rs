//! How the guest is linked, wherever it is built from.

fn main() {
    // The default stack of 1 MiB is most of an instance's memory, and the policy does not recurse.
    // The stack comes first, so that overflowing it traps rather than writes over anything.
    println!("cargo::rustc-link-arg-cdylib=-zstack-size=65536");
    // One byte instead of five for most addresses and function numbers.
    println!("cargo::rustc-link-arg-cdylib=--compress-relocations");
    // The linker compresses nothing that debug information points into.
    println!("cargo::rustc-link-arg-cdylib=--strip-debug");
    println!("cargo::rerun-if-changed=build.rs");
}
