// Package machine is what an engine for the policy's module has to do. There are two: wazero, which
// compiles or interprets the module, and the module as it was translated to Go.
package machine

import "context"

// A Machine is one copy of the module, with a memory of its own. One call has it at a time.
type Machine interface {
	// Call calls an export, by its number in the contract's order. The stack has room for the
	// parameters and takes the result.
	Call(ctx context.Context, export int, stack []uint64) error
	// Post tells the module that what the export returned has been read.
	Post(ctx context.Context, export int, stack []uint64) error
	// Allocate returns the address of a block of memory, which the module may move.
	Allocate(ctx context.Context, size, align uint32) (uint32, error)
	// Memory returns the memory as it is until the module runs again.
	Memory() []byte
	// Close gives the memory back.
	Close()
}

// An Import serves what the module asks for, by its number in the contract's order. What it throws
// ends the call; the context is that of the call.
type Import func(ctx context.Context, number int, stack []uint64)

// An Engine makes machines.
type Engine interface {
	New(ctx context.Context) (Machine, error)
	Close(ctx context.Context) error
}

// A Translation is the module as it was translated to Go.
type Translation struct {
	// SHA256 is the hash of the module that was translated, in hexadecimal.
	SHA256 string
	// Start returns an engine for it.
	Start func(Import) Engine
}

// Translated is the translation, if it is linked into the program.
var Translated *Translation
