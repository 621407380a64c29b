module backstop.example/go

go 1.25.0

// The engine: WebAssembly in pure Go, without cgo and without dependencies of its own besides
// golang.org/x/sys. Apache-2.0, version 1 with a promise of compatibility; OPA and others run on it.
require github.com/tetratelabs/wazero v1.12.0

require golang.org/x/sys v0.44.0 // indirect
