package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	backstop "backstop.example/go"
)

// A world is a control plane with directories for backends.
type world struct {
	t      *testing.T
	root   string
	plane  *plane
	server *httptest.Server
}

func newWorld(t *testing.T) *world {
	t.Helper()
	root := t.TempDir()
	for _, name := range []string{"primary", "spare"} {
		if err := os.Mkdir(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p, closePlane, err := open(t.Context(), filepath.Join(t.TempDir(), "test.db"), root)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(p.handler())
	t.Cleanup(func() {
		server.Close()
		closePlane()
	})
	return &world{t: t, root: root, plane: p, server: server}
}

// ask sends a request, and returns the status and the body.
func (w *world) ask(method, path, body string, headers ...string) (int, string) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+"/organizations/"+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("X-Actor", "somebody")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := w.server.Client().Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(text))
}

// must asks for what must go well.
func (w *world) must(method, path, body string) string {
	w.t.Helper()
	status, text := w.ask(method, path, body)
	if status != http.StatusOK {
		w.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	return text
}

func create(id, directory string, change func(*backstop.Create)) string {
	create := backstop.NewCreate(id, directory, backstop.KindExternal, "DIRECTORY", directory)
	if change != nil {
		change(&create)
	}
	text, err := json.Marshal(create)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestWhatIsRefusedSaysWhy(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "acme", `"inline-1"`)
	w.must("POST", "acme/backends", create("a", "primary", nil))
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "nobody/backend", "", 404, `{"codes":["organization-not-found"],"failure":null}`},
		{"GET", "nobody/roster", "", 404, `{"codes":["organization-not-found"],"failure":null}`},
		{"POST", "acme", `"inline-2"`, 422, `{"codes":["organization-taken"],"failure":null}`},
		{"POST", "other", `"inline-1"`, 422, `{"codes":["id-taken"],"failure":null}`},
		{"POST", "acme", `7`, 400, "`body` is not the id of a backend"},
		{"GET", "acme/backend?size=big", "", 400, "`size` is not a number of bytes"},
		{"POST", "acme/backends", `{"id":"b"}`, 400, "`name` is missing"},
		{"POST", "acme/backends", create("b", "nowhere", nil), 422,
			`{"codes":["validation-failed"],"failure":{"class":"not-found","message":"there is no such directory"}}`},
		{"POST", "acme/backends", create("b", "../outside", func(c *backstop.Create) { c.Name = "outside" }), 422,
			`{"codes":["validation-failed"],"failure":{"class":"configuration","message":"the directory cannot be used"}}`},
		{"POST", "acme/backends", create("b", "primary", nil), 422, `{"codes":["name-taken"],"failure":null}`},
		{"DELETE", "acme/backends/ghost", "", 422, `{"codes":["backend-not-found"],"failure":null}`},
		{"DELETE", "acme/backends/inline-1", "", 422, `{"codes":["inline-undeletable"],"failure":null}`},
	} {
		if status, text := w.ask(c.method, c.path, c.body); status != c.status || text != c.want {
			t.Errorf("%s %s: got %d %s, not %d %s", c.method, c.path, status, text, c.status, c.want)
		}
	}
	if status, text := w.ask("DELETE", "acme/backends/a", "", "If-Match", "1"); status != 409 {
		t.Errorf("a revision that is past: got %d %s", status, text)
	}
	// An id stays taken when its backend is gone.
	w.must("DELETE", "acme/backends/a", "")
	if status, text := w.ask("POST", "acme/backends", create("a", "primary", nil)); status != 422 || !strings.Contains(text, "id-taken") {
		t.Errorf("an id that was used: got %d %s", status, text)
	}
}

func TestAFallbackTakesOver(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "acme", `"inline-1"`)
	w.must("POST", "acme/backends", create("a", "primary", func(c *backstop.Create) { c.Default = true }))
	w.must("POST", "acme/backends", create("b", "spare", func(c *backstop.Create) { c.Fallback = true }))
	resolve := func() *backstop.Decision {
		t.Helper()
		var resolution backstop.Resolution
		if err := json.Unmarshal([]byte(w.must("GET", "acme/backend", "")), &resolution); err != nil {
			t.Fatal(err)
		}
		if resolution.Answer.Decision == nil {
			t.Fatalf("nothing was selected: %+v", resolution.Answer.Refusal)
		}
		return resolution.Answer.Decision
	}
	if decision := resolve(); decision.Backend.ID != "a" || decision.Degraded {
		t.Errorf("got %+v", decision)
	}
	if err := os.Remove(filepath.Join(w.root, "primary")); err != nil {
		t.Fatal(err)
	}
	w.must("POST", "acme/backends/a/validate", "")
	if decision := resolve(); decision.Backend.ID != "b" || !decision.Degraded {
		t.Errorf("got %+v", decision)
	}
	w.must("PUT", "acme/policy", strings.Replace(policyText(t), `"max-fallbacks":1`, `"max-fallbacks":2`, 1))

	events := w.must("GET", "acme/events", "")
	for _, want := range []string{
		"organization-created", "backend-created", "default-changed", "fallbacks-changed", "status-changed", "route-changed", "policy-changed",
	} {
		if !strings.Contains(events, want) {
			t.Errorf("there is no event %s", want)
		}
	}
	var roster backstop.Roster
	if err := json.Unmarshal([]byte(w.must("GET", "acme/roster", "")), &roster); err != nil {
		t.Fatal(err)
	}
	if roster.Policy.MaxFallbacks != 2 || *roster.Route != "b" || *roster.Default != "a" || len(roster.Backends) != 3 {
		t.Errorf("got %+v", roster)
	}
}

func policyText(t *testing.T) string {
	t.Helper()
	text, err := backstop.DefaultPolicy().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What competes for a revision gets through, one after the other, and nothing is lost.
func TestCommitsThatCompete(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "acme", `"inline-1"`)
	const writers = 6
	var calls sync.WaitGroup
	for i := range writers {
		calls.Go(func() {
			body := create(fmt.Sprintf("id-%d", i), "spare", func(c *backstop.Create) { c.Name = fmt.Sprintf("spare-%d", i) })
			for {
				switch status, text := w.ask("POST", "acme/backends", body); status {
				case http.StatusOK:
					return
				case http.StatusConflict:
				default:
					t.Errorf("got %d %s", status, text)
					return
				}
			}
		})
	}
	calls.Wait()
	roster, err := w.plane.store.Load(t.Context(), "acme")
	if err != nil || len(roster.Backends) != writers+1 || roster.Revision != writers+1 {
		t.Fatalf("got %+v, %v", roster, err)
	}
	events, err := w.plane.store.Events(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	last := uint64(1)
	for _, event := range events {
		if event.Revision < last || event.Revision > last+1 {
			t.Errorf("revision %d comes after %d", event.Revision, last)
		}
		last = event.Revision
	}
}

// A commit that fails in the middle leaves nothing, and the database forbids what the policy forbids.
func TestACommitIsAllOrNothing(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "acme", `"inline-1"`)
	ghost := "ghost"
	for name, change := range map[string]backstop.Change{
		"a role that names nobody": backstop.ChangeSetRoles{Roles: backstop.Roles{Default: &ghost}},
		"a fallback that names nobody": backstop.ChangeSetRoles{Roles: backstop.Roles{
			Fallbacks: []backstop.BackendID{ghost},
		}},
		"a second inline backend": backstop.ChangeCreateBackend{
			Backend: backstop.NewBackend("i", "i", backstop.KindInline, "INLINE", ""),
		},
		"a name that is taken": backstop.ChangeCreateBackend{
			Backend: backstop.NewBackend("n", "default-inline", backstop.KindExternal, "DIRECTORY", "d"),
		},
	} {
		changes := &backstop.ChangeSet{Revision: 2, Changes: []backstop.Change{
			backstop.ChangeUpdateBackend{Backend: backstop.NewBackend("inline-1", "default-inline", backstop.KindInline, "INLINE", "changed")},
			change,
		}}
		if err := w.plane.store.Commit(context.Background(), "acme", 1, changes); err == nil {
			t.Errorf("%s: it was committed", name)
		}
		roster, err := w.plane.store.Load(t.Context(), "acme")
		if err != nil || roster.Revision != 1 || len(roster.Backends) != 1 || *roster.Default != "inline-1" {
			t.Errorf("%s: got %+v, %v", name, roster, err)
		}
	}
}

// What is in the database and is no roster ends the call, and says where.
func TestARowThatIsNoneIsFound(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "acme", `"inline-1"`)
	exec := func(statement string) {
		t.Helper()
		if _, err := w.plane.store.db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	resolve := func() error {
		_, err := w.plane.control.Resolve(t.Context(), backstop.Request{}, backstop.Call{
			Organization: "acme", By: backstop.ByOrganization, Now: 1_000,
		})
		return err
	}
	exec("UPDATE backend SET mode = 'off'")
	const mode = "the storage failed to load: `roster.backends[0].mode` is `off`: give one of `drain`, `maintenance`, `ready`"
	if err := resolve(); err == nil || err.Error() != mode {
		t.Errorf("got %v", err)
	}
	exec("UPDATE backend SET mode = 'ready', health = '{}'")
	if err := resolve(); err == nil || err.Error() != "the storage failed to load: `status` is missing" {
		t.Errorf("got %v", err)
	}
	if status, _ := w.ask("GET", "acme/backend", ""); status != http.StatusServiceUnavailable {
		t.Errorf("got %d", status)
	}
	var rows int
	if err := w.plane.store.db.QueryRow("SELECT count(*) FROM event").Scan(&rows); err == sql.ErrNoRows || rows == 0 {
		t.Errorf("got %d, %v", rows, err)
	}
}

// A validator that cannot look fails nothing over, and its reason is stored nowhere.
func TestAProbeThatCannotBeMadeFailsNothingOver(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "acme", `"inline-1"`)
	w.must("POST", "acme/backends", create("a", "primary", func(c *backstop.Create) { c.Default = true }))
	closed, err := OpenStore(t.Context(), filepath.Join(t.TempDir(), "closed.db"))
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	w.plane.probes.store = closed
	const outcome = `{"failed":{"class":"internal","message":"the validator failed"}}`
	if text := w.must("POST", "acme/backends/a/validate", ""); !strings.Contains(text, outcome) || strings.Contains(text, "closed") {
		t.Errorf("got %s", text)
	}
	if text := w.must("GET", "acme/backend", ""); !strings.Contains(text, `"position":"default"`) {
		t.Errorf("got %s", text)
	}
}
