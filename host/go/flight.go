package backstop

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A flightKey is what those who share a probe ask for.
type flightKey struct {
	organization OrganizationID
	backend      BackendID
	generation   uint64
}

// A flight is a probe under way, with those who wait for it.
type flight struct {
	key flightKey
	// landed is closed when the validator has answered; probe is what came of it, written before.
	landed chan struct{}
	probe  *Probe
	// waiting are those of whom one takes over if the probe is cut off; guarded by the mutex of flights.
	waiting []*passenger
}

// A passenger waits for a flight.
type passenger struct {
	// until is the deadline of its context, if that has one.
	until   time.Time
	hurries bool
	// leads is closed when it is the passenger's turn to probe.
	leads chan struct{}
}

// flights are the probes of a [Control] that are under way: one for each backend, which all who want it
// at the same time share (RES-2).
type flights struct {
	mutex    sync.Mutex
	underway map[flightKey]*flight
}

// board returns the flight of that key, and its passenger. There is none where the caller began it:
// whoever leads a flight must land it or pass it on.
func (f *flights) board(ctx context.Context, key flightKey) (*flight, *passenger) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if boarded := f.underway[key]; boarded != nil {
		boards := &passenger{leads: make(chan struct{})}
		boards.until, boards.hurries = ctx.Deadline()
		boarded.waiting = append(boarded.waiting, boards)
		return boarded, boards
	}
	if f.underway == nil {
		f.underway = make(map[flightKey]*flight)
	}
	began := &flight{key: key, landed: make(chan struct{})}
	f.underway[key] = began
	return began, nil
}

// land ends a flight. Whoever asks after this begins another.
func (f *flights) land(landing *flight, probe *Probe) {
	f.mutex.Lock()
	delete(f.underway, landing.key)
	f.mutex.Unlock()
	landing.probe = probe
	close(landing.landed)
}

// pass has a passenger take over. It is the one with the most time: of many whose deadlines are close to
// each other each would else probe for a moment, and together they would hammer the backend.
func (f *flights) pass(passed *flight) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if len(passed.waiting) == 0 {
		delete(f.underway, passed.key)
		return
	}
	next := slices.MaxFunc(passed.waiting, func(a, b *passenger) int {
		switch {
		case a.hurries && b.hurries:
			return a.until.Compare(b.until)
		case a.hurries:
			return -1
		case b.hurries:
			return 1
		}
		return 0
	})
	passed.forget(next)
	close(next.leads)
}

// leave lets a passenger go. One whose turn it was by then passes the flight on.
func (f *flights) leave(left *flight, leaves *passenger) {
	f.mutex.Lock()
	waited := left.forget(leaves)
	f.mutex.Unlock()
	if !waited {
		f.pass(left)
	}
}

// forget removes a passenger, if it is there.
func (f *flight) forget(passenger *passenger) bool {
	i := slices.Index(f.waiting, passenger)
	if i >= 0 {
		f.waiting = slices.Delete(f.waiting, i, i+1)
	}
	return i >= 0
}

// look returns how a probe ended, within the time that a resolution has for all of its probes. The
// error is what the validator did wrong, if it did; without a probe it is that of the context.
func (s *session) look(ctx context.Context, backend BackendID, generation uint64) (*Probe, error) {
	within := ctx
	if s.which == callControlResolve {
		var cancel context.CancelFunc
		within, cancel = context.WithDeadline(ctx, s.began.Add(s.engine.probeLimit))
		defer cancel()
	}
	probe, err := s.share(within, flightKey{s.organization, backend, generation})
	if probe != nil {
		return probe, err
	}
	if ended := ended(ctx); ended != nil {
		return nil, ended
	}
	// A resolution in a hurry blames no backend for it (RES-2).
	return s.excuse("the time that one resolution has for its probes is used up"), nil
}

// share has the validator probe, or waits for who does. Without a probe, the context has ended.
func (s *session) share(ctx context.Context, key flightKey) (*Probe, error) {
	// What a creation or an update probes is not stored yet, and may be another's of that number.
	if s.which != callControlResolve && s.which != callControlValidate {
		return s.probe(ctx, key)
	}
	flight, waits := s.flights.board(ctx, key)
	if waits == nil {
		return s.lead(ctx, flight)
	}
	// A validator for which others wait began this use case. If that waited too, for any flight, it
	// could wait for itself, maybe by way of others.
	if s.led() {
		s.flights.leave(flight, waits)
		return s.probe(ctx, key)
	}
	select {
	case <-flight.landed:
		return flight.probe, nil
	case <-waits.leads:
		return s.lead(ctx, flight)
	case <-ctx.Done():
		s.flights.leave(flight, waits)
		return nil, ctx.Err()
	}
}

// led says whether the use case is part of one that leads a flight.
func (s *session) led() bool {
	for outer := s.outer; outer != nil; outer = outer.outer {
		if outer.leads.Load() {
			return true
		}
	}
	return false
}

// lead probes for all who wait for the flight.
func (s *session) lead(ctx context.Context, flight *flight) (probe *Probe, err error) {
	s.leads.Store(true)
	defer func() {
		s.leads.Store(false)
		if probe == nil {
			s.flights.pass(flight)
		} else {
			s.flights.land(flight, probe)
		}
	}()
	return s.probe(ctx, flight.key)
}

// probe has the validator probe. One that failed is an excuse, with the error. There is no probe where
// the context has ended: what a validator says that was cut off, it does not say of the backend.
func (s *session) probe(ctx context.Context, key flightKey) (*Probe, error) {
	if ended := ended(ctx); ended != nil {
		return nil, ended
	}
	probe, err := run(ctx, func() (Probe, error) {
		return s.validator.Validate(ctx, key.organization, key.backend, key.generation)
	})
	if err == nil {
		err = argument("probe", &probe, checkProbe)
	}
	if err == nil && probe.Outcome == (OK{}) {
		return &probe, nil
	}
	if ended := ended(ctx); ended != nil {
		return nil, ended
	}
	if err != nil {
		// The error is not repeated: it may hold credentials, and would be stored (HOST-1).
		return s.excuse("the validator failed"), err
	}
	return &probe, nil
}

// excuse is a probe that says nothing about the backend (USE-3, RES-3).
func (s *session) excuse(message string) *Probe {
	return &Probe{
		Outcome: Failed{Failure: Failure{Class: ClassInternal, Message: message}},
		// A time of the caller's clock, which need not be the machine's.
		FinishedAt: min(s.now+uint64(time.Since(s.began).Milliseconds()), MaxNumber),
	}
}

// ended returns the error of a context that has ended. One whose deadline has passed has, even if it
// does not know yet: a validator that keeps to the deadline may be the first to notice.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}
