package backstop_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync"

	backstop "backstop.example/go"
)

// What would be selected, and why.
func Example() {
	ctx := context.Background()
	engine, err := backstop.New(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close(ctx)

	roster := backstop.EmptyRoster()
	roster.Revision = 1
	primary := backstop.NewBackend("a", "primary", backstop.KindExternal, "OCI", "registry.example/primary")
	spare := backstop.NewBackend("b", "spare", backstop.KindExternal, "OCI", "registry.example/spare")
	primary.Health.Status = backstop.StatusInvalid
	primary.Health.Failure = &backstop.Failure{Class: backstop.ClassNetwork, Message: "no route to host"}
	roster.Backends = []backstop.Backend{primary, spare}
	roster.Default = &primary.ID
	roster.Fallbacks = []backstop.BackendID{spare.ID}

	answer, err := engine.Planner().Select(ctx, roster, backstop.Request{}, 1_000)
	if err != nil {
		log.Fatal(err)
	}
	if refusal := answer.Refusal; refusal != nil {
		log.Fatalf("nothing was selected: %s", refusal.Reason.Kind)
	}
	decision := answer.Decision
	fmt.Printf("write to %s as %s, degraded: %t\n", decision.Backend.Name, decision.Position, decision.Degraded)
	for _, entry := range decision.Trace {
		fmt.Printf("  %s: %s is %s\n", entry.Position, entry.Backend.Name, entry.Verdict.Kind)
	}
	// Output:
	// write to spare as fallback-1, degraded: true
	//   default: primary is invalid
	//   fallback-1: spare is selected
}

// What a command would change, before it is given: a dry run.
func ExamplePlanner_Plan() {
	ctx := context.Background()
	engine, err := backstop.New(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close(ctx)
	planner := engine.Planner()

	call := backstop.Call{Organization: "acme", Actor: "somebody", By: backstop.ByOrganization, Now: 1_000}
	founded, err := planner.CreateOrganization(ctx, "inline", call)
	if err != nil {
		log.Fatal(err)
	}
	create := backstop.NewCreate("a", "primary", backstop.KindExternal, "OCI", "registry.example/primary")
	create.Default = true
	plan, err := planner.Plan(ctx, &founded.Roster, create, call)
	if err != nil {
		log.Fatal(err)
	}
	for _, change := range plan.ChangeSet.Changes {
		switch change := change.(type) {
		case backstop.ChangeCreateBackend:
			fmt.Println("a new backend:", change.Backend.Name)
		case backstop.ChangeSetRoles:
			fmt.Println("the default is:", *change.Roles.Default)
		case backstop.ChangeSetRoute:
			fmt.Println("writes go to:", *change.Route)
		}
	}

	// A refusal has every code that applies.
	create.ID, create.Name, create.Fallback = "b", "No Label", true
	_, err = planner.Plan(ctx, &plan.Roster, create, call)
	var refused *backstop.RefusedError
	if errors.As(err, &refused) {
		fmt.Println("refused:", refused.Codes)
	}
	// Output:
	// a new backend: primary
	// the default is: a
	// writes go to: a
	// refused: [name-invalid role-conflict]
}

// shelf is a storage in memory: all that a storage has to do.
type shelf struct {
	planner *backstop.Planner

	mutex   sync.Mutex
	rosters map[backstop.OrganizationID]*backstop.Roster
}

func (s *shelf) Load(_ context.Context, organization backstop.OrganizationID) (*backstop.Roster, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	roster, ok := s.rosters[organization]
	if !ok {
		return nil, backstop.ErrOrganizationNotFound
	}
	return roster, nil
}

func (s *shelf) Commit(
	ctx context.Context, organization backstop.OrganizationID, expected uint64, changes *backstop.ChangeSet,
) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	before, ok := s.rosters[organization]
	if !ok {
		before = backstop.EmptyRoster()
	}
	if before.Revision != expected {
		return backstop.ErrConflict
	}
	// A database would apply the changes one by one; a shelf has the policy do it.
	after, err := s.planner.Apply(ctx, before, changes)
	if err != nil {
		return err
	}
	s.rosters[organization] = after
	return nil
}

// prober is a validator that knows which backends are down.
type prober map[backstop.BackendID]backstop.Failure

func (p prober) Validate(
	_ context.Context, _ backstop.OrganizationID, backend backstop.BackendID, _ uint64,
) (backstop.Probe, error) {
	if failure, down := p[backend]; down {
		return backstop.Probe{Outcome: backstop.Failed{Failure: failure}, FinishedAt: 2_000}, nil
	}
	return backstop.Probe{Outcome: backstop.OK{}, FinishedAt: 2_000}, nil
}

// The use cases over a storage and a validator.
func ExampleControl() {
	ctx := context.Background()
	engine, err := backstop.New(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close(ctx)

	storage := &shelf{planner: engine.Planner(), rosters: make(map[string]*backstop.Roster)}
	probes := prober{"b": {Class: backstop.ClassAuth, Message: "the key is wrong"}}
	control := engine.Control(storage, probes)

	call := backstop.Call{Organization: "acme", Actor: "somebody", By: backstop.ByOrganization, Now: 1_000}
	if _, err := control.CreateOrganization(ctx, "inline", call); err != nil {
		log.Fatal(err)
	}
	create := backstop.NewCreate("a", "primary", backstop.KindExternal, "OCI", "registry.example/primary")
	create.Default = true
	if _, err := control.Create(ctx, create, call); err != nil {
		log.Fatal(err)
	}
	_, err = control.Create(ctx, backstop.NewCreate("b", "spare", backstop.KindExternal, "OCI", "r"), call)
	fmt.Println(err)

	resolution, err := control.Resolve(ctx, backstop.Request{}, call)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("write to", resolution.Answer.Decision.Backend.Name)

	call.Organization = "nobody"
	_, err = control.Resolve(ctx, backstop.Request{}, call)
	fmt.Println(errors.Is(err, backstop.ErrOrganizationNotFound))
	// Output:
	// refused: validation-failed (auth: the key is wrong)
	// write to primary
	// true
}

// A roster is stored as the contract's JSON, and read back strictly.
func ExampleRoster_UnmarshalJSON() {
	var roster backstop.Roster
	err := roster.UnmarshalJSON([]byte(`{"revision": 1, "default": null, "fallbacks": [], "bakends": []}`))
	fmt.Println(err)
	// Output:
	// the value has the unknown field `bakends`: the fields are `revision`, `default`, `fallbacks`, `policy`, `route`, `backends`
}
