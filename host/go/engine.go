package backstop

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"

	"backstop.example/go/internal/machine"
)

// The component's own core module, byte for byte. The component itself is a wrapper around it that
// says how values cross the boundary, which codec_generated.go says here.
//
//go:embed policy.wasm
var policyModule []byte

// Module returns the module that comes with this package: the core module of the component of the
// world `policy`, byte for byte.
func Module() []byte { return slices.Clone(policyModule) }

const (
	pageSize     = 64 << 10
	defaultLimit = 64 << 20
	// mostPages is one less than the addresses go to: wazero counts the bytes in 32 bits.
	mostPages = 1<<16 - 1
)

// An Option changes how an [Engine] is set up.
type Option func(*settings) error

type settings struct {
	module     []byte
	places     int
	useCases   int
	limit      uint64
	recycle    uint64
	interpret  bool
	interrupt  bool
	cache      wazero.CompilationCache
	translated bool
	probeLimit time.Duration
	told       func(context.Context, error, OrganizationID, BackendID)
}

// WithModule runs another core module of the same world. It is trusted to decide, and with nothing
// else: it reaches nothing but the storage and the validator of the call that it is in.
func WithModule(wasm []byte) Option {
	return func(s *settings) error {
		s.module = wasm
		return nil
	}
}

// WithPoolSize sets how many calls compute at once; others wait. The default is
// [runtime.GOMAXPROCS]. A use case that waits for its storage or its validator lends its place to
// others meanwhile.
func WithPoolSize(places int) Option {
	return func(s *settings) error {
		if places < 1 {
			return &InvalidError{Path: "WithPoolSize", Reason: fmt.Sprintf("is %d: give at least 1", places)}
		}
		s.places = places
		return nil
	}
}

// WithMaxUseCases sets how many use cases are under way at once, most of them waiting for their
// storage; others wait. Each has an instance of 128 KiB or more. The default is 256.
//
// A use case that a storage or a validator begins is not counted, if it is given the context that they
// were given, or one made of it: so none waits for the one that it is part of.
func WithMaxUseCases(most int) Option {
	return func(s *settings) error {
		if most < 1 {
			return &InvalidError{Path: "WithMaxUseCases", Reason: fmt.Sprintf("is %d: give at least 1", most)}
		}
		s.useCases = most
		return nil
	}
}

// WithProbeLimit sets how much time a resolution has for all of its probes together (RES-2), from when
// it is under way: to wait because of [WithMaxUseCases] is not counted. The default is 35 s, which is
// enough for three probes of 10 s that hang. There is always a limit; that of 100 years is as good as
// none. [Control.Validate] and what is probed before it is stored have no limit but their context.
//
// The context that the validator is given has the limit as its deadline. When it is over, the probe
// under way is given up, and it and those that would have followed are the outcome [ClassInternal],
// which fails nothing over: a resolution in a hurry blames no backend for it. It answers with what is
// known, and nobody is told of an error.
func WithProbeLimit(limit time.Duration) Option {
	return func(s *settings) error {
		if limit <= 0 {
			return &InvalidError{Path: "WithProbeLimit", Reason: fmt.Sprintf("is %v: give more than 0", limit)}
		}
		s.probeLimit = limit
		return nil
	}
}

// WithMemoryLimit sets how much memory an instance may have, in bytes, rounded up to 64 KiB: 1 MiB to
// 4 GiB, of which the last 64 KiB stay unused. The default is 64 MiB, a thousand times what a roster of
// a hundred backends takes. A call that wants more is a [TrapError].
func WithMemoryLimit(bytes uint64) Option {
	return func(s *settings) error {
		if bytes < 1<<20 || bytes > 1<<32 {
			return &InvalidError{
				Path: "WithMemoryLimit", Reason: fmt.Sprintf("is %d: give 1,048,576 to 4,294,967,296", bytes),
			}
		}
		s.limit = bytes
		return nil
	}
}

// WithRecycling sets the size in bytes above which an instance is thrown away after a call, because
// memory only ever grows. The default is 4 MiB.
func WithRecycling(bytes uint64) Option {
	return func(s *settings) error {
		s.recycle = bytes
		return nil
	}
}

// WithInterpreter interprets the module, where the default is to compile it on the processors that
// wazero has a compiler for. Some 25 times slower; for systems that forbid to make code at run time.
func WithInterpreter() Option {
	return func(s *settings) error {
		s.interpret = true
		return nil
	}
}

// WithInterruption makes a call stop in the middle of computing when its context ends, as a
// [TrapError] of the context's error. Without it a context is looked at before a call computes and
// whenever it waits, and the module computes to its end: microseconds, for the module that comes with
// this package, growing with the roster. It is not free: see the package's README.
func WithInterruption() Option {
	return func(s *settings) error {
		s.interrupt = true
		return nil
	}
}

// WithCompilationCache keeps what the module is compiled to, so that a second engine, or a second
// process, does not compile it again. The cache is the caller's to close.
func WithCompilationCache(cache wazero.CompilationCache) Option {
	return func(s *settings) error {
		s.cache = cache
		return nil
	}
}

// WithTranslation runs the module as it was translated to Go ahead of time, which needs no compiler and
// starts at once, on any processor. The translation must be linked into the program:
//
//	import _ "backstop.example/go/translated"
//
// It is the module that comes with this package, with 64 MiB of memory at most, and goes with none of
// [WithModule], [WithMemoryLimit], [WithInterpreter], [WithInterruption] and [WithCompilationCache].
func WithTranslation() Option {
	return func(s *settings) error {
		s.translated = true
		return nil
	}
}

// WithValidatorErrors has somebody told when a validator fails, which the policy is told of as the
// outcome [ClassInternal] without its text: the error is the validator's own, an [InvalidError] for what
// is no probe, or a [PanicError]. The text may hold what the validator put there, credentials among it.
//
// Of those who share a probe, the one who began it tells. It waits until told returns, or until its
// context ends; the others do not. A panic of told is ignored.
func WithValidatorErrors(
	told func(ctx context.Context, err error, organization OrganizationID, backend BackendID),
) Option {
	return func(s *settings) error {
		s.told = told
		return nil
	}
}

// An Engine runs the policy. It is safe for concurrent use, and one is enough for a process.
type Engine struct {
	machines machine.Engine
	// cut says that blocks of memory may be cut; see lowerer.
	cut     bool
	recycle uint64
	pool    *pool
	// probeLimit is how much time the probes of one resolution have together.
	probeLimit time.Duration
	// told is who is told when a validator fails, if anybody.
	told func(context.Context, error, OrganizationID, BackendID)

	instances atomic.Int64
	memory    atomic.Int64
}

// Stats are what an engine holds at the moment.
type Stats struct {
	// Instances is how many copies of the module there are.
	Instances int64
	// Memory is how much memory they have, in bytes, as of the last call of each.
	Memory int64
}

// Stats returns what the engine holds at the moment.
func (e *Engine) Stats() Stats {
	return Stats{Instances: e.instances.Load(), Memory: e.memory.Load()}
}

// New compiles the policy and returns an engine for it. Close it when it is not needed any more.
//
// The error is an [InvalidError] for an option that is out of range or goes with no other, one that
// matches [ErrForeignModule] for a module that is not of this contract, that of the context, or the
// engine's own. An option that is nil changes nothing.
func New(ctx context.Context, options ...Option) (*Engine, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := settings{
		module: policyModule, places: runtime.GOMAXPROCS(0), useCases: 256, limit: defaultLimit, recycle: 4 << 20,
		probeLimit: 35 * time.Second,
	}
	for _, option := range options {
		if option == nil {
			continue
		}
		if err := option(&s); err != nil {
			return nil, err
		}
	}
	sum := sha256.Sum256(s.module)
	e := &Engine{cut: hex.EncodeToString(sum[:]) == ModuleSHA256, recycle: s.recycle, probeLimit: s.probeLimit, told: s.told}
	var err error
	if s.translated {
		e.machines, err = translation(&s, e.cut)
	} else {
		e.machines, err = compile(ctx, &s, serve)
	}
	if err != nil {
		return nil, err
	}
	first, err := e.instantiate(ctx)
	if err != nil {
		why := ErrForeignModule
		if ctx.Err() != nil {
			why = ctx.Err()
		}
		return nil, errors.Join(fmt.Errorf("%w: %w", why, err), e.machines.Close(ctx))
	}
	e.pool = newPool(s.places, s.useCases, first, e.discard)
	return e, nil
}

func translation(s *settings, own bool) (machine.Engine, error) {
	invalid := func(reason string) error { return &InvalidError{Path: "WithTranslation", Reason: reason} }
	switch {
	case machine.Translated == nil:
		return nil, invalid("has no translation: import `backstop.example/go/translated`")
	case machine.Translated.SHA256 != ModuleSHA256:
		return nil, invalid("has the translation of another module: run `go generate`")
	case !own || s.limit != defaultLimit || s.interpret || s.interrupt || s.cache != nil:
		return nil, invalid("is given with an option that it does not go with")
	}
	return machine.Translated.Start(serve), nil
}

// Close closes the engine when the calls that are under way have ended; new ones get [ErrClosed], as
// do those that wait for a place. If the context ends before, Close returns its error, and the engine
// is closed when the last call ends.
//
// A storage or a validator cannot close the engine with the context that it was given, because Close
// would wait for the call that waits for it: that is an [InvalidError], and the engine stays open.
func (e *Engine) Close(ctx context.Context) error {
	if !e.made() {
		return ErrClosed
	}
	if e.pool.within(ctx) {
		return &InvalidError{Path: "ctx", Reason: "is that of a use case: close the engine when that has ended"}
	}
	drained, first := e.pool.close()
	if first {
		go func() {
			<-drained
			e.pool.empty()
			e.pool.closed <- e.machines.Close(context.WithoutCancel(ctx))
			close(e.pool.closed)
		}()
	}
	select {
	case err := <-e.pool.closed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// made says whether the engine was made by [New].
func (e *Engine) made() bool { return e != nil && e.pool != nil }

// Planner returns the pure functions.
func (e *Engine) Planner() *Planner { return &Planner{engine: e} }

// Control returns the use cases over a storage and a validator. Both are called from many goroutines
// at once, by as many calls as there are; two Controls share no probes.
func (e *Engine) Control(storage Storage, validator Validator) *Control {
	return &Control{engine: e, storage: storage, validator: validator, flights: new(flights)}
}
