// Package backstop decides which storage backend a control plane writes to, and how that choice
// changes: the policy of Backstop, for control planes that are written in Go.
//
// The policy itself is a WebAssembly module, byte for byte the one that the other hosts run, and it
// comes with this package. It runs on wazero, without cgo. It has no clock, no randomness and no I/O:
// facts go in as values, and a decision, or a set of changes, comes out as a value.
//
// [New] makes an [Engine]. Its [Planner] answers pure questions: what would be selected, what a
// command would change. Its [Control] runs the use cases - resolve, create, update, delete, validate -
// over a [Storage] that keeps rosters and a [Validator] that probes backends, both of them the host's.
//
// Everywhere: times are milliseconds since the Unix epoch, durations are milliseconds, sizes are
// bytes, and no number is above 2^53 - 1 ([MaxNumber]). Ids such as SEL-3 name the rules of the
// project's semantics. The zero value of a type that names something, such as a [Mode], names nothing,
// and is an [InvalidError]; [NewBackend], [NewCreate] and [DefaultPolicy] return values to start from.
//
// Three things can come of a call, and they are kept apart. An answer: for a selection it may be a
// [Refusal], which says why nothing was selected. A [RefusedError]: a command that the policy refuses,
// with every code that applies. And any other error: something failed, nothing was half-applied, and
// the next call is not affected.
package backstop

//go:generate go run ./internal/gen ../../wit/contract.json policy.wasm codec_generated.go
