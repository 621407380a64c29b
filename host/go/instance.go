package backstop

import (
	"context"
	"errors"
	"strings"

	"backstop.example/go/internal/machine"
)

// An instance is one copy of the module, with what a call of it needs. One call has it at a time. One
// that trapped, or was left in the middle of a call, is not entered again.
type instance struct {
	machine machine.Machine
	stack   [16]uint64
	// writing and reading serve the call that has the instance.
	writing lowerer
	reading memory
	// size is how much memory it has, as the engine counts it.
	size int
	// ctx is that of the call that has the instance.
	ctx context.Context
}

// A trap is an error of the module's own making. It is thrown, and caught where the call began.
type trap struct{ err error }

func (e *Engine) instantiate(ctx context.Context) (*instance, error) {
	machine, err := e.machines.New(ctx)
	if err != nil {
		return nil, err
	}
	in := &instance{machine: machine}
	e.instances.Add(1)
	e.weigh(in)
	return in, nil
}

// weigh counts the memory that an instance has come to.
func (e *Engine) weigh(in *instance) {
	if size := len(in.machine.Memory()); size != in.size {
		e.memory.Add(int64(size - in.size))
		in.size = size
	}
}

// discard gives an instance's memory back. Only who has the instance alone may discard it.
func (e *Engine) discard(in *instance) {
	e.instances.Add(-1)
	e.memory.Add(-int64(in.size))
	in.machine.Close()
}

func (in *instance) allocate(size, align uint32) (uint32, []byte) {
	p, err := in.machine.Allocate(in.ctx, size, align)
	if err != nil {
		panic(trap{err})
	}
	return p, in.machine.Memory()
}

// run enters the instance once: lowers the parameters, calls, lifts the result, and lets the module
// forget the call.
func (in *instance) run(which int, cut bool, lower func(*lowerer, []uint64), lift func(*memory, uint32)) {
	in.writing = lowerer{guest: in, mem: in.machine.Memory(), cut: cut}
	stack := in.stack[:]
	lower(&in.writing, stack)
	if err := in.machine.Call(in.ctx, which, stack); err != nil {
		panic(trap{err})
	}
	result := stack[0]
	in.reading = memory{bytes: in.machine.Memory()}
	lift(&in.reading, uint32(result))
	stack[0] = result
	if err := in.machine.Post(in.ctx, which, stack); err != nil {
		panic(trap{err})
	}
}

// call runs one function of the module in a place of the pool. A session belongs to a use case; a pure
// function has none.
func (e *Engine) call(
	ctx context.Context, which int, s *session, lower func(*lowerer, []uint64), lift func(*memory, uint32),
) (err error) {
	if !e.made() {
		return ErrClosed
	}
	if err := e.pool.begin(ctx); err != nil {
		return err
	}
	defer e.pool.end()
	if err := ctx.Err(); err != nil {
		return err
	}
	in, err := e.pool.take(ctx)
	if err != nil {
		return err
	}
	sound := false
	defer func() { e.leave(in, s, sound) }()
	defer func() {
		if thrown := recover(); thrown != nil {
			err = explain(which, s, thrown)
		}
	}()
	if in == nil {
		if in, err = e.instantiate(ctx); err != nil {
			return &TrapError{Call: callName(which), Err: err}
		}
	}
	in.ctx = ctx
	if s != nil {
		s.instance = in
	}
	// A pure function that a storage asks has the context of a use case, and is no part of it.
	if s != nil || ctx.Value(sessionKey{}) != nil {
		in.ctx = context.WithValue(ctx, sessionKey{}, s)
	}
	in.run(which, e.cut, lower, lift)
	in.ctx = nil
	sound = true
	return nil
}

// leave gives the place back. An instance that is not sound is closed by who has it, which is the
// caller.
func (e *Engine) leave(in *instance, s *session, sound bool) {
	if in != nil {
		e.weigh(in)
		if !sound || uint64(in.size) > e.recycle {
			e.discard(in)
			in = nil
		}
	}
	if s == nil || !s.lent {
		e.pool.put(in)
	}
}

// explain turns what was thrown in a call into its error.
func explain(which int, s *session, thrown any) error {
	if s != nil && s.failure != nil {
		return s.failure
	}
	switch thrown := thrown.(type) {
	case *InvalidError:
		return thrown
	case fault:
		return &ABIError{Call: callName(which), Reason: string(thrown)}
	case trap:
		var broken fault
		if errors.As(thrown.err, &broken) {
			return &ABIError{Call: callName(which), Reason: string(broken)}
		}
		return &TrapError{Call: callName(which), Err: thrown.err}
	}
	panic(thrown)
}

// callName is what is called, as people name it: `planner.select`.
func callName(which int) string {
	_, iface, _ := strings.Cut(exports[which].iface, "/")
	iface, _, _ = strings.Cut(iface, "@")
	return iface + "." + exports[which].name
}
