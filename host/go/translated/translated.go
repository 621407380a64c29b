// Package translated links the policy's module as it was translated to Go ahead of time into the
// program, for [backstop.WithTranslation]:
//
//	import _ "backstop.example/go/translated"
//
// It is the same module: what it answers to is compared with what the module itself answers, over the
// same tests. It starts at once, runs on every processor that Go knows, and needs no memory that is
// both writable and executable. It makes a program some 1 MB larger.
package translated

import (
	"context"
	"fmt"

	"backstop.example/go/internal/machine"
	"backstop.example/go/internal/policy"
)

//go:generate go run github.com/ncruces/wasm2go@v0.4.20 -pkg policy -o ../internal/policy/policy.go ../policy.wasm
//go:generate go run ../internal/wire ../../../wit/contract.json ../policy.wasm ../internal/policy/policy.go ../internal/policy/wiring.go

func init() {
	machine.Translated = &machine.Translation{
		SHA256: policy.SHA256,
		Start:  func(serve machine.Import) machine.Engine { return engine{serve} },
	}
}

type engine struct{ serve machine.Import }

func (e engine) New(context.Context) (machine.Machine, error) {
	c := new(instance)
	host := &policy.Host{Serve: func(number int, stack []uint64) { e.serve(c.ctx, number, stack) }}
	c.module = policy.New(host, host)
	return c, nil
}

func (engine) Close(context.Context) error { return nil }

// An instance is one copy of the module: a Go value, and gone when nobody has it.
type instance struct {
	module *policy.Module
	// ctx is that of the call that has the instance, for the imports.
	ctx context.Context
}

func (c *instance) Call(ctx context.Context, export int, stack []uint64) (err error) {
	c.ctx = ctx
	defer catch(&err)
	policy.Calls[export](c.module, stack)
	return nil
}

func (c *instance) Post(_ context.Context, export int, stack []uint64) (err error) {
	defer catch(&err)
	policy.Posts[export](c.module, stack)
	return nil
}

func (c *instance) Allocate(_ context.Context, size, align uint32) (p uint32, err error) {
	defer catch(&err)
	return uint32(c.module.Xcabi_realloc(0, 0, int32(align), int32(size))), nil
}

func (c *instance) Memory() []byte { return *c.module.Xmemory().Slice() }

func (c *instance) Close() {}

// catch turns a trap, which is a panic in translated code, into an error.
func catch(err *error) {
	switch thrown := recover().(type) {
	case nil:
	case error:
		*err = fmt.Errorf("trap: %w", thrown)
	default:
		*err = fmt.Errorf("trap: %v", thrown)
	}
}
