// Command player plays requests on this host, one a line, as tests/hosts/README.md has it. With
// -translated it plays them on the module that was translated to Go.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"

	backstop "backstop.example/go"
	_ "backstop.example/go/translated"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("player: ")
	translated := flag.Bool("translated", false, "play on the module that was translated to Go")
	flag.Parse()
	var options []backstop.Option
	if *translated {
		options = append(options, backstop.WithTranslation())
	}
	if err := play(context.Background(), os.Stdin, os.Stdout, options...); err != nil {
		log.Fatal(err)
	}
}

// play answers requests until the input ends.
func play(ctx context.Context, in *os.File, out *os.File, options ...backstop.Option) error {
	engine, err := backstop.New(ctx, options...)
	if err != nil {
		return err
	}
	defer engine.Close(ctx)
	p := player{engine: engine, planner: engine.Planner()}
	reader, writer := bufio.NewReader(in), bufio.NewWriter(out)
	for {
		line, err := reader.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			writer.Write(p.answer(ctx, line))
			writer.WriteByte('\n')
			// Whoever plays may wait for an answer before the next request.
			if err := writer.Flush(); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

// A request is the union of what the functions take; each reads what it needs.
type request struct {
	Call        string          `json:"call"`
	Backend     string          `json:"backend"`
	ChangeSet   json.RawMessage `json:"change-set"`
	Command     json.RawMessage `json:"command"`
	Context     json.RawMessage `json:"context"`
	Copies      []string        `json:"copies"`
	Create      json.RawMessage `json:"create"`
	Given       *given          `json:"given"`
	Inline      string          `json:"inline"`
	Now         uint64          `json:"now"`
	Observation json.RawMessage `json:"observation"`
	Policy      json.RawMessage `json:"policy"`
	Request     json.RawMessage `json:"request"`
	Roster      json.RawMessage `json:"roster"`
	Update      json.RawMessage `json:"update"`
}

// given is the world that a use case meets.
type given struct {
	Roster      *backstop.Roster           `json:"roster"`
	Outcomes    map[string]json.RawMessage `json:"outcomes"`
	FinishedAt  uint64                     `json:"finished-at"`
	Conflicts   int                        `json:"conflicts"`
	LoadError   *string                    `json:"load-error"`
	CommitError *string                    `json:"commit-error"`
}

type player struct {
	engine  *backstop.Engine
	planner *backstop.Planner
}

func (p *player) answer(ctx context.Context, line []byte) []byte {
	var r request
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return failed(err)
	}
	var answer []byte
	var err error
	if r.Given != nil {
		answer, err = p.control(ctx, &r)
	} else {
		answer, err = p.pure(ctx, &r)
	}
	if err != nil {
		return failed(err)
	}
	return answer
}

func failed(err error) []byte {
	return []byte(`{"failed":` + string(canonical(err.Error())) + `}`)
}

// pure plays a function of the planner.
func (p *player) pure(ctx context.Context, r *request) ([]byte, error) {
	switch r.Call {
	case "planner.create-organization":
		call, err := decode[backstop.Call](r.Context)
		if err != nil {
			return nil, err
		}
		return planned(p.planner.CreateOrganization(ctx, r.Inline, *call))
	}
	roster, err := decode[backstop.Roster](r.Roster)
	if err != nil {
		return nil, err
	}
	switch r.Call {
	case "planner.apply":
		changes, err := decode[backstop.ChangeSet](r.ChangeSet)
		if err != nil {
			return nil, err
		}
		return plain(p.planner.Apply(ctx, roster, changes))
	case "planner.check":
		return list(p.planner.Check(ctx, roster))
	case "planner.due":
		return list(p.planner.Due(ctx, roster, r.Now))
	case "planner.next-due":
		next, err := p.planner.NextDue(ctx, roster, r.Backend, r.Now)
		if err != nil {
			return nil, err
		}
		return json.Marshal(next)
	case "planner.observe":
		observation, err := decode[backstop.Observation](r.Observation)
		if err != nil {
			return nil, err
		}
		call, err := decode[backstop.Call](r.Context)
		if err != nil {
			return nil, err
		}
		return plain(p.planner.Observe(ctx, roster, *observation, *call))
	case "planner.plan":
		command, err := backstop.UnmarshalCommand(r.Command)
		if err != nil {
			return nil, err
		}
		call, err := decode[backstop.Call](r.Context)
		if err != nil {
			return nil, err
		}
		return planned(p.planner.Plan(ctx, roster, command, *call))
	case "planner.route-read":
		return list(p.planner.RouteRead(ctx, roster, r.Copies, r.Now))
	case "planner.select":
		request, err := decode[backstop.Request](r.Request)
		if err != nil {
			return nil, err
		}
		return plain(p.planner.Select(ctx, roster, *request, r.Now))
	}
	return nil, fmt.Errorf("there is no function `%s`", r.Call)
}

// control plays a use case in the world that is given.
func (p *player) control(ctx context.Context, r *request) ([]byte, error) {
	call, err := decode[backstop.Call](r.Context)
	if err != nil {
		return nil, err
	}
	outcomes := make(map[string]backstop.Outcome)
	for id, outcome := range r.Given.Outcomes {
		if outcomes[id], err = backstop.UnmarshalOutcome(outcome); err != nil {
			return nil, err
		}
	}
	world := &world{planner: p.planner, given: r.Given, outcomes: outcomes, roster: r.Given.Roster}
	control := p.engine.Control(world, world)
	var answer []byte
	switch r.Call {
	case "control.create":
		var create *backstop.Create
		if create, err = decode[backstop.Create](r.Create); err == nil {
			answer, err = done(control.Create(ctx, *create, *call))
		}
	case "control.create-organization":
		answer, err = done(control.CreateOrganization(ctx, r.Inline, *call))
	case "control.delete":
		answer, err = done(control.Delete(ctx, r.Backend, *call))
	case "control.resolve":
		var request *backstop.Request
		if request, err = decode[backstop.Request](r.Request); err == nil {
			answer, err = done(control.Resolve(ctx, *request, *call))
		}
	case "control.set-policy":
		var policy *backstop.Policy
		if policy, err = decode[backstop.Policy](r.Policy); err == nil {
			answer, err = done(control.SetPolicy(ctx, *policy, *call))
		}
	case "control.update":
		var update *backstop.Update
		if update, err = decode[backstop.Update](r.Update); err == nil {
			answer, err = done(control.Update(ctx, *update, *call))
		}
	case "control.validate":
		answer, err = done(control.Validate(ctx, r.Backend, *call))
	default:
		err = fmt.Errorf("there is no function `%s`", r.Call)
	}
	if err != nil {
		return nil, err
	}
	return world.report(answer)
}

// A world keeps one organization and answers every probe, as the request has it. It is the storage and
// the validator of one use case, which asks for one thing at a time.
type world struct {
	planner  *backstop.Planner
	given    *given
	outcomes map[string]backstop.Outcome

	roster  *backstop.Roster
	commits int
	probed  []probed
}

type probed struct {
	backend    string
	generation uint64
}

func (w *world) Load(context.Context, string) (*backstop.Roster, error) {
	if w.given.LoadError != nil {
		return nil, errors.New(*w.given.LoadError)
	}
	if w.roster == nil {
		return nil, backstop.ErrOrganizationNotFound
	}
	return w.roster, nil
}

func (w *world) Commit(ctx context.Context, _ string, expected uint64, changes *backstop.ChangeSet) error {
	w.commits++
	if w.given.Conflicts > 0 {
		w.given.Conflicts--
		return backstop.ErrConflict
	}
	if text := w.given.CommitError; text != nil {
		if *text == "id-taken" {
			return backstop.ErrIDTaken
		}
		return errors.New(*text)
	}
	before := w.roster
	if before == nil {
		before = backstop.EmptyRoster()
	}
	if before.Revision != expected {
		return backstop.ErrConflict
	}
	after, err := w.planner.Apply(ctx, before, changes)
	if err != nil {
		return err
	}
	w.roster = after
	return nil
}

func (w *world) Validate(_ context.Context, _, backend string, generation uint64) (backstop.Probe, error) {
	w.probed = append(w.probed, probed{backend, generation})
	outcome, ok := w.outcomes[backend]
	if !ok {
		outcome = backstop.OK{}
	}
	return backstop.Probe{Outcome: outcome, FinishedAt: w.given.FinishedAt}, nil
}

// report writes what became of the world.
func (w *world) report(answer []byte) ([]byte, error) {
	out := fmt.Appendf(nil, `{"commits":%d,"probed":[`, w.commits)
	for i, probed := range w.probed {
		if i > 0 {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, `[%s,%d]`, canonical(probed.backend), probed.generation)
	}
	out = append(append(append(out, `],"result":`...), answer...), `,"roster":`...)
	if w.roster == nil {
		return append(out, `null}`...), nil
	}
	roster, err := w.roster.MarshalJSON()
	return append(append(out, roster...), '}'), err
}

// ---- Values ----

func decode[T any, P interface {
	*T
	json.Unmarshaler
}](data []byte) (*T, error) {
	v := new(T)
	return v, P(v).UnmarshalJSON(data)
}

// plain writes an answer that has no error in the contract.
func plain(v json.Marshaler, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return v.MarshalJSON()
}

// planned writes a plan, or the codes that it was refused with.
func planned(plan *backstop.Plan, err error) ([]byte, error) {
	var refused *backstop.RefusedError
	if errors.As(err, &refused) {
		codes, err := list(refused.Codes, nil)
		return fmt.Appendf(nil, `{"err":%s}`, codes), err
	}
	return ok(plain(plan, err))
}

// done writes what a use case came to, or the error that the contract has for it.
func done(v json.Marshaler, err error) ([]byte, error) {
	var refused *backstop.RefusedError
	var stored *backstop.StorageError
	switch {
	case errors.As(err, &refused):
		rejection, err := refused.MarshalJSON()
		return fmt.Appendf(nil, `{"err":{"refused":%s}}`, rejection), err
	case errors.As(err, &stored):
		return fmt.Appendf(nil, `{"err":{"failed":%s}}`, canonical(stored.Message)), nil
	}
	return ok(plain(v, err))
}

func ok(text []byte, err error) ([]byte, error) {
	return fmt.Appendf(nil, `{"ok":%s}`, text), err
}

// list writes an answer that is a list.
func list[T any](items []T, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	out := []byte{'['}
	for i, item := range items {
		if i > 0 {
			out = append(out, ',')
		}
		if item, ok := any(item).(json.Marshaler); ok {
			text, err := item.MarshalJSON()
			if err != nil {
				return nil, err
			}
			out = append(out, text...)
			continue
		}
		out = append(out, canonical(fmt.Sprint(item))...)
	}
	return append(out, ']'), nil
}

// canonical writes a text as the contract's JSON does, which the public interface does for a field.
func canonical(text string) []byte {
	const before, after = `{"actor":`, `,"by":"organization","now":0,"organization":"","seen":null}`
	call := backstop.Call{Actor: text, By: backstop.ByOrganization}
	written, err := call.MarshalJSON()
	if err != nil {
		return []byte(`""`)
	}
	return written[len(before) : len(written)-len(after)]
}
