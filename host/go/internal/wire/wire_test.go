package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: this test runs in the project's repository", err)
	}
	return data
}

// The translation itself is written by a tool that is not part of this module; that it is the one of
// the module is in its hash, and that it answers as the module does is tested beside that.
func TestTheWiringIsTheOneOfTheModuleAndTheTranslation(t *testing.T) {
	translation := read(t, "../policy/policy.go")
	wiring, err := wire(read(t, "../../../../wit/contract.json"), read(t, "../../policy.wasm"), translation)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(wiring, read(t, "../policy/wiring.go")) {
		t.Error("wiring.go is not that of the translation: run `go generate ./translated` in host/go")
	}
	if err := recursion(translation); err != nil {
		t.Error(err)
	}
	limited, err := limit(translation)
	if err != nil || !bytes.Equal(limited, translation) {
		t.Errorf("the translation has another limit of memory, %v: run `go generate ./translated` in host/go", err)
	}
}

func TestWhatIsNoTranslationIsRefused(t *testing.T) {
	if _, err := limit([]byte("package policy\n")); err == nil || !strings.Contains(err.Error(), "maxMem") {
		t.Errorf("got %v", err)
	}
	for want, source := range map[string]string{
		"the function `b` of the translation calls itself": "func (m *Module) a() {\n\tm.b()\n}\nfunc (m *Module) b() {\n\tm.c()\n}\nfunc (m *Module) c() {\n\tm.b()\n}\n",
		"the translation calls functions by their number":  "func (m *Module) a() {\n\tm.t0[0].(func())()\n}\n",
	} {
		if err := recursion([]byte(source)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, not %s", err, want)
		}
	}
	_, err := wire(read(t, "../../../../wit/contract.json"), nil, []byte("package policy\n"))
	if err == nil || !strings.Contains(err.Error(), "has no function for `backstop:policy/control@0.1.0#create`") {
		t.Errorf("got %v", err)
	}
}
