package backstop_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"

	backstop "backstop.example/go"
	_ "backstop.example/go/translated"
)

// always are the options that every engine of the tests is started with.
var always []backstop.Option

// start returns an engine that is closed when the test ends.
func start(t testing.TB, options ...backstop.Option) *backstop.Engine {
	t.Helper()
	engine, err := backstop.New(context.Background(), slices.Concat(always, options)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return engine
}

func call(now uint64) backstop.Call {
	return backstop.Call{Organization: "acme", Actor: "somebody", By: backstop.ByOrganization, Now: now}
}

// memory keeps rosters in memory, by compare-and-swap on the revision.
type memory struct {
	planner *backstop.Planner

	mutex   sync.Mutex
	rosters map[string]*backstop.Roster
	events  []backstop.Event
	// before is called before each load and commit, and may fail it.
	before func(ctx context.Context, op string) error
}

func (m *memory) Load(ctx context.Context, organization string) (*backstop.Roster, error) {
	if m.before != nil {
		if err := m.before(ctx, "load"); err != nil {
			return nil, err
		}
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if roster, ok := m.rosters[organization]; ok {
		return roster, nil
	}
	return nil, backstop.ErrOrganizationNotFound
}

func (m *memory) Commit(ctx context.Context, organization string, expected uint64, changes *backstop.ChangeSet) error {
	if m.before != nil {
		if err := m.before(ctx, "commit"); err != nil {
			return err
		}
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	before, ok := m.rosters[organization]
	if !ok {
		before = backstop.EmptyRoster()
	}
	if before.Revision != expected {
		return backstop.ErrConflict
	}
	after, err := m.planner.Apply(ctx, before, changes)
	if err != nil {
		return err
	}
	m.rosters = maps.Clone(m.rosters)
	if m.rosters == nil {
		m.rosters = make(map[string]*backstop.Roster)
	}
	m.rosters[organization] = after
	m.events = append(m.events, changes.Events...)
	return nil
}

// probes answers for each backend that is named, and for others that they took the probe.
type probes map[string]backstop.Outcome

func (p probes) Validate(_ context.Context, _, backend string, _ uint64) (backstop.Probe, error) {
	if outcome, ok := p[backend]; ok {
		return backstop.Probe{Outcome: outcome, FinishedAt: 1_000}, nil
	}
	return backstop.Probe{Outcome: backstop.OK{}, FinishedAt: 1_000}, nil
}
