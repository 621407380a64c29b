package backstop

import (
	"context"
	"sync"
)

// A pool has places, of which a call needs one to compute. In a place there may be an instance that
// was used before. Whoever takes it out has it alone, until they put it back.
type pool struct {
	places chan *instance
	// useCases has room for as many as may be under way.
	useCases chan struct{}
	// closing is closed when no new call may begin, drained when no call is left; closed carries what
	// came of closing.
	closing chan struct{}
	drained chan struct{}
	closed  chan error

	discard func(*instance)

	mutex  sync.Mutex
	shut   bool
	active int
	// spare are instances without a place: there is one for each call that waits in an import, at the
	// most.
	spare []*instance
}

func newPool(places, useCases int, first *instance, discard func(*instance)) *pool {
	p := &pool{
		discard:  discard,
		places:   make(chan *instance, places),
		useCases: make(chan struct{}, useCases),
		closing:  make(chan struct{}),
		drained:  make(chan struct{}),
		closed:   make(chan error, 1),
	}
	p.places <- first
	for range places - 1 {
		p.places <- nil
	}
	return p
}

// within says whether a call is part of a use case of this pool that is under way: a storage or a
// validator makes it, maybe by way of another engine.
func (p *pool) within(ctx context.Context) bool {
	s, _ := ctx.Value(sessionKey{}).(*session)
	for s != nil && (s.engine.pool != p || s.over.Load()) {
		s = s.outer
	}
	return s != nil
}

// begin counts a call in. What is part of a use case that has begun may begin, even if the pool closes.
func (p *pool) begin(ctx context.Context) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.shut && (p.active == 0 || !p.within(ctx)) {
		return ErrClosed
	}
	p.active++
	return nil
}

// end counts a call out.
func (p *pool) end() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.active--
	if p.shut && p.active == 0 {
		close(p.drained)
	}
}

// close lets no call begin any more; first says that nobody did so before.
func (p *pool) close() (drained <-chan struct{}, first bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.shut {
		return p.drained, false
	}
	p.shut = true
	close(p.closing)
	if p.active == 0 {
		close(p.drained)
	}
	return p.drained, true
}

// admit waits until another use case may be under way, unless it is part of one. It returns what to
// call when it is over.
func (p *pool) admit(ctx context.Context) (dismiss func(), err error) {
	if p.within(ctx) {
		return func() {}, nil
	}
	select {
	case p.useCases <- struct{}{}:
		return func() { <-p.useCases }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.closing:
		return nil, ErrClosed
	}
}

// take waits for a place, and returns the instance that is in it, or a spare one, or nil.
func (p *pool) take(ctx context.Context) (*instance, error) {
	var in *instance
	select {
	case in = <-p.places:
	default:
		closing := p.closing
		if p.within(ctx) {
			closing = nil
		}
		select {
		case in = <-p.places:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-closing:
			return nil, ErrClosed
		}
	}
	if in == nil {
		in = p.popSpare()
	}
	return in, nil
}

// put gives a place back, with an instance in it or nil.
func (p *pool) put(in *instance) { p.places <- in }

// lend gives a place to others, while the instance that was in it waits in an import.
func (p *pool) lend() { p.places <- p.popSpare() }

// reclaim waits for a place again, for an instance that waited in an import. It is not kept waiting
// by a pool that closes: what has begun may end.
func (p *pool) reclaim(ctx context.Context) error {
	var in *instance
	select {
	case in = <-p.places:
	default:
		select {
		case in = <-p.places:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if in != nil {
		p.pushSpare(in)
	}
	return nil
}

// empty discards what a pool holds that no call is left of.
func (p *pool) empty() {
	for range cap(p.places) {
		if in := <-p.places; in != nil {
			p.discard(in)
		}
	}
	for in := p.popSpare(); in != nil; in = p.popSpare() {
		p.discard(in)
	}
}

func (p *pool) popSpare() *instance {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	last := len(p.spare) - 1
	if last < 0 {
		return nil
	}
	in := p.spare[last]
	p.spare[last] = nil
	p.spare = p.spare[:last]
	return in
}

func (p *pool) pushSpare(in *instance) {
	p.mutex.Lock()
	keep := len(p.spare) < cap(p.places)
	if keep {
		p.spare = append(p.spare, in)
	}
	p.mutex.Unlock()
	if !keep {
		p.discard(in)
	}
}
