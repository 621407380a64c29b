package backstop

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// mostAsked is what a use case may ask its storage and validator for, at most. The longest of the
// policy itself probes each of 19 candidates and commits what was seen of each in 8 attempts, each
// with a load: some 320.
const mostAsked = 1_000

// A session is one use case under way, and what it asks for.
type session struct {
	engine *Engine
	// outer is the use case whose storage or validator began this one, if one did.
	outer        *session
	instance     *instance
	which        int
	organization OrganizationID
	storage      Storage
	validator    Validator
	flights      *flights
	// leads says that others may wait for what the session's validator answers.
	leads atomic.Bool
	// now is the caller's time when the use case began.
	now   uint64
	began time.Time
	// over says that the use case has ended, whatever its storage still does.
	over atomic.Bool

	asked int
	// lent says that others have the session's place.
	lent bool
	// failure is why the call was ended from this side.
	failure error
	// stored is the last error that the policy was told about; what it makes of it carries the text.
	stored *StorageError
}

type sessionKey struct{}

// serve does what a module asks for in a call.
func serve(ctx context.Context, number int, stack []uint64) {
	s, _ := ctx.Value(sessionKey{}).(*session)
	if s == nil {
		panic(fault("a pure function asked the host for something"))
	}
	s.serve(func() {
		switch imports[number].name {
		case "commit":
			s.commit(ctx, stack)
		case "load":
			s.load(ctx, stack)
		case "validate":
			s.validate(ctx, stack)
		}
	})
}

// aborted is thrown through the module to end a call. Why is in the session.
var aborted = errors.New("the host ended the call")

func (s *session) abort(err error) {
	s.failure = err
	panic(aborted)
}

// serve runs what an import does. What the module did wrong in it is not lost on the way through the
// module.
func (s *session) serve(serve func()) {
	defer func() {
		switch thrown := recover().(type) {
		case nil:
		case fault:
			s.abort(&ABIError{Call: callName(s.which), Reason: string(thrown)})
		case trap:
			s.abort(&TrapError{Call: callName(s.which), Err: thrown.err})
		case *InvalidError:
			s.abort(thrown)
		default:
			panic(thrown)
		}
	}()
	if s.asked++; s.asked > mostAsked {
		panic(fault(fmt.Sprintf("it asked for more than %d things in one call", mostAsked)))
	}
	serve()
}

func (s *session) memory() *memory { return &memory{bytes: s.instance.machine.Memory()} }

func (s *session) lowerer() *lowerer {
	return &lowerer{guest: s.instance, mem: s.instance.machine.Memory(), cut: s.engine.cut}
}

// about reads the organization that is asked about.
func (s *session) about(m *memory, stack []uint64) {
	if asked := m.text(uint32(stack[0]), uint32(stack[1])); asked != s.organization {
		panic(fault(fmt.Sprintf("it asked for organization %s in a call for %s", quote(asked), quote(s.organization))))
	}
}

func (s *session) load(ctx context.Context, stack []uint64) {
	s.about(s.memory(), stack)
	answer := uint32(stack[2])
	roster, err := ask(ctx, s, func() (*Roster, error) {
		return s.storage.Load(ctx, s.organization)
	})
	if err == nil {
		err = argument("roster", roster, checkRoster)
	}
	switch {
	case err == nil:
		answerStorageLoad(s.lowerer(), answer, roster, nil)
	case matches(err, ErrOrganizationNotFound):
		answerStorageLoad(s.lowerer(), answer, nil, &storageError{Kind: storageOrganizationNotFound})
	default:
		text := s.failed(ctx, "load", err)
		answerStorageLoad(s.lowerer(), answer, nil, &storageError{Kind: storageFailed, Failed: text})
	}
}

func (s *session) commit(ctx context.Context, stack []uint64) {
	m := s.memory()
	s.about(m, stack)
	expected, answer := stack[2], uint32(stack[8])
	changes := &ChangeSet{
		Revision: stack[3],
		Changes:  liftItems(m, uint32(stack[4]), uint32(stack[5]), sizeChange, alignChange, liftChange),
		Events:   liftItems(m, uint32(stack[6]), uint32(stack[7]), sizeEvent, alignEvent, liftEvent),
	}
	s.inspect(expected, changes)
	revision := changes.Revision
	_, err := ask(ctx, s, func() (struct{}, error) {
		return struct{}{}, s.storage.Commit(ctx, s.organization, expected, changes)
	})
	switch {
	case err == nil:
		answerStorageCommit(s.lowerer(), answer, &revision, nil)
	case matches(err, ErrConflict):
		answerStorageCommit(s.lowerer(), answer, nil, &commitError{Kind: commitConflict})
	case matches(err, ErrIDTaken):
		answerStorageCommit(s.lowerer(), answer, nil, &commitError{Kind: commitIDTaken})
	default:
		text := s.failed(ctx, "commit", err)
		answerStorageCommit(s.lowerer(), answer, nil, &commitError{Kind: commitFailed, Failed: text})
	}
}

// inspect looks at a commit before a storage sees it. It is no second policy: it keeps what belongs to
// another organization or to another revision from being written.
func (s *session) inspect(expected uint64, changes *ChangeSet) {
	if len(changes.Changes) == 0 {
		panic(fault("it proposed a commit that changes nothing"))
	}
	if next := min(expected+1, MaxNumber); expected > MaxNumber || changes.Revision != next {
		panic(fault(fmt.Sprintf("it proposed revision %d after revision %d", changes.Revision, expected)))
	}
	for i := range changes.Events {
		if event := &changes.Events[i]; event.Organization != s.organization || event.Revision != changes.Revision {
			panic(fault("it proposed an event that does not belong to the commit"))
		}
	}
}

func (s *session) validate(ctx context.Context, stack []uint64) {
	m := s.memory()
	s.about(m, stack)
	backend, generation, answer := m.text(uint32(stack[2]), uint32(stack[3])), stack[4], uint32(stack[5])
	var probe *Probe
	var err error
	s.away(ctx, func() { probe, err = s.look(ctx, backend, generation) })
	switch {
	case probe == nil:
		s.abort(err)
	case err != nil:
		s.tell(ctx, err, backend)
	}
	answerValidatorValidate(s.lowerer(), answer, probe)
}

// tell tells whoever wants to know that the validator failed. They cannot change what is known.
func (s *session) tell(ctx context.Context, err error, backend BackendID) {
	if told := s.engine.told; told != nil {
		_, _ = ask(ctx, s, func() (struct{}, error) {
			told(ctx, err, s.organization, backend)
			return struct{}{}, nil
		})
	}
}

// failed remembers that the storage failed, and returns what the policy is told. Where nobody waits for
// an answer any more, the call ends, and the error is that of the context whatever the storage says.
func (s *session) failed(ctx context.Context, op string, err error) string {
	ended := ctx.Err()
	if ended != nil && !matches(err, ended) {
		err = fmt.Errorf("%w: %w", ended, err)
	}
	failed := &StorageError{Op: op, Message: text(err), Err: err}
	if ended != nil {
		s.abort(failed)
	}
	s.stored = failed
	return failed.Message
}

// away waits for something, while others have the session's place.
func (s *session) away(ctx context.Context, wait func()) {
	s.engine.pool.lend()
	s.lent = true
	wait()
	if err := s.engine.pool.reclaim(ctx); err != nil {
		s.abort(err)
	}
	s.lent = false
}

// ask runs what a storage or a validator does, while others have the session's place.
func ask[T any](ctx context.Context, s *session, ask func() (T, error)) (value T, err error) {
	s.away(ctx, func() { value, err = run(ctx, ask) })
	return value, err
}

// run runs what is not ours. It returns when the context ends, even if that does not; what it returns
// then is dropped.
func run[T any](ctx context.Context, run func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		got := answer{err: errors.New("it ended its goroutine")}
		defer func() {
			if thrown := recover(); thrown != nil {
				got.err = &PanicError{Value: thrown, Stack: debug.Stack()}
			}
			answered <- got
		}()
		value, err := run()
		got = answer{value, err}
	}()
	var got answer
	select {
	case got = <-answered:
	case <-ctx.Done():
		// What was answered in time counts.
		select {
		case got = <-answered:
		default:
			got.err = ctx.Err()
		}
	}
	return got.value, got.err
}
