package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	backstop "backstop.example/go"
	_ "backstop.example/go/translated"
)

// golden returns the requests and the answers that the component gave to them in wasmtime.
func golden(t *testing.T) (requests, answers []string) {
	t.Helper()
	file, err := os.Open("../../testdata/golden.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		var line struct{ Request, Answer json.RawMessage }
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		requests = append(requests, string(line.Request))
		answers = append(answers, string(line.Answer))
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return requests, answers
}

// other is the module with a section that says nothing: the same policy, and another module, whose
// memory is asked for block by block.
func other() []byte {
	return append(backstop.Module(), 0, 6, 4, 'n', 'o', 'n', 'e', '.')
}

func TestAnswersAreThoseOfTheComponentInWasmtime(t *testing.T) {
	requests, answers := golden(t)
	if len(requests) < 50 {
		t.Fatalf("there are only %d golden values", len(requests))
	}
	engines := map[string][]backstop.Option{
		"compiled":       nil,
		"interpreted":    {backstop.WithInterpreter()},
		"interruptible":  {backstop.WithInterruption()},
		"block by block": {backstop.WithModule(other())},
		"translated":     {backstop.WithTranslation()},
	}
	for name, options := range engines {
		t.Run(name, func(t *testing.T) {
			engine, err := backstop.New(t.Context(), options...)
			if err != nil {
				t.Fatal(err)
			}
			defer engine.Close(t.Context())
			p := player{engine: engine, planner: engine.Planner()}
			for i, request := range requests {
				if answer := string(p.answer(t.Context(), []byte(request))); answer != answers[i] {
					t.Errorf("request %d: %.300s\nanswered %.2000s\nand not  %.2000s", i+1, request, answer, answers[i])
				}
			}
		})
	}
}

func TestRequestsThatAreNoneFail(t *testing.T) {
	engine, err := backstop.New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close(t.Context())
	p := player{engine: engine, planner: engine.Planner()}
	roster, err := backstop.EmptyRoster().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for request, want := range map[string]string{
		`{`: `{"failed":"unexpected EOF"}`,
		`{"call":"planner.guess","roster":` + string(roster) + `}`:           `{"failed":"there is no function ` + "`planner.guess`" + `"}`,
		`{"call":"planner.check","roster":{}}`:                               `{"failed":"` + "`revision`" + ` is missing"}`,
		`{"call":"planner.check","rooster":1}`:                               `{"failed":"json: unknown field \"rooster\""}`,
		`{"call":"control.guess","given":{},"context":{"a":1}}`:              `{"failed":"the value has the unknown field`,
		`{"call":"planner.check","roster":` + string(roster) + `,"now":-1}`:  `{"failed":"json: cannot unmarshal`,
		`{"call":"planner.select","roster":` + string(roster) + `,"now":[]}`: `{"failed":"json: cannot unmarshal`,
	} {
		if answer := string(p.answer(t.Context(), []byte(request))); !strings.HasPrefix(answer, want) {
			t.Errorf("%s\nanswered %s\nand not  %s", request, answer, want)
		}
	}
}

func TestAnswersComeLineByLine(t *testing.T) {
	requests, answers := golden(t)
	in, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- play(t.Context(), in, out)
		out.Close()
	}()
	lines := bufio.NewReader(read)
	// An answer is there before the next request is.
	for i := range 3 {
		if _, err := feed.WriteString(requests[i] + "\n"); err != nil {
			t.Fatal(err)
		}
		line, err := lines.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		if got := string(bytes.TrimSpace(line)); got != answers[i] {
			t.Errorf("request %d was answered with %.500s", i+1, got)
		}
	}
	feed.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
