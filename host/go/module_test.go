package backstop_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"

	backstop "backstop.example/go"
)

func TestTheModuleIsTheOneThatWasBuilt(t *testing.T) {
	sum := sha256.Sum256(backstop.Module())
	if got := hex.EncodeToString(sum[:]); got != backstop.ModuleSHA256 {
		t.Errorf("policy.wasm has the hash %s, not %s: run `go generate` in host/go", got, backstop.ModuleSHA256)
	}
}

// The module has nothing to reach out with but our own two interfaces.
func TestTheModuleImportsOurFunctionsAlone(t *testing.T) {
	ctx := context.Background()
	runtime := wazero.NewRuntime(ctx)
	defer runtime.Close(ctx)
	compiled, err := runtime.CompileModule(ctx, backstop.Module())
	if err != nil {
		t.Fatal(err)
	}
	var imports []string
	for _, f := range compiled.ImportedFunctions() {
		module, name, _ := f.Import()
		imports = append(imports, module+"#"+name)
	}
	slices.Sort(imports)
	want := []string{
		"backstop:policy/storage@0.1.0#commit", "backstop:policy/storage@0.1.0#load",
		"backstop:policy/validator@0.1.0#validate",
	}
	if !slices.Equal(imports, want) || len(compiled.ImportedMemories()) > 0 {
		t.Errorf("it imports %v", imports)
	}
}
