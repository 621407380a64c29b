package backstop_test

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	backstop "backstop.example/go"
)

// ---- Modules by hand ----

// A module is WebAssembly that passes for a policy, with functions that do what a test wants.
type module struct {
	// bodies are instructions by the name of an export; others return where the data is.
	bodies map[string][]byte
	// data is at dataAt.
	data []byte
	// without leaves an export out; with imports a function of that module and name.
	without string
	with    [2]string
	// begin is run when the module is instantiated; named is one more export.
	begin []byte
	named string
	// skewed is an export that takes and returns nothing.
	skewed string
	// pages is how much memory there is, in pages of 64 KiB; 1 if it is 0.
	pages int
}

const dataAt = 1024

const (
	opUnreachable = 0x00
	opLoop        = 0x03
	opEnd         = 0x0b
	opBranch      = 0x0c
	opCall        = 0x10
	opI32Const    = 0x41
	opI64Const    = 0x42
)

// number is a number with a sign, as WebAssembly has it.
func number(v int32) []byte {
	var out []byte
	for {
		b := byte(v & 0x7f)
		v >>= 7
		if v == 0 && b&0x40 == 0 || v == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

func count(v int) []byte { return binary.AppendUvarint(nil, uint64(v)) }

func constant(v int32) []byte     { return append([]byte{opI32Const}, number(v)...) }
func wide(v int32) []byte         { return append([]byte{opI64Const}, number(v)...) }
func invoke(function byte) []byte { return []byte{opCall, function} }

func name(text string) []byte { return append(count(len(text)), text...) }

func section(id byte, items ...[]byte) []byte {
	content := append(count(len(items)), slices.Concat(items...)...)
	return slices.Concat([]byte{id}, count(len(content)), content)
}

// The imports, as the numbers that a body calls them by.
const (
	importCommit = iota
	importLoad
	importValidate
)

func (m module) bytes(t testing.TB) []byte {
	t.Helper()
	ctx := context.Background()
	runtime := wazero.NewRuntime(ctx)
	defer runtime.Close(ctx)
	policy, err := runtime.CompileModule(ctx, backstop.Module())
	if err != nil {
		t.Fatal(err)
	}
	var types, imports, functions, exports, codes [][]byte
	signature := func(f api.FunctionDefinition) []byte {
		types = append(types, slices.Concat([]byte{0x60},
			count(len(f.ParamTypes())), f.ParamTypes(), count(len(f.ResultTypes())), f.ResultTypes()))
		return count(len(types) - 1)
	}
	imported := policy.ImportedFunctions()
	slices.SortFunc(imported, func(a, b api.FunctionDefinition) int {
		_, first, _ := a.Import()
		_, second, _ := b.Import()
		return strings.Compare(first, second)
	})
	for _, f := range imported {
		iface, field, _ := f.Import()
		imports = append(imports, slices.Concat(name(iface), name(field), []byte{0}, signature(f)))
	}
	if m.with[0] != "" {
		types = append(types, []byte{0x60, 0, 0})
		imports = append(imports, slices.Concat(name(m.with[0]), name(m.with[1]), []byte{0}, count(len(types)-1)))
	}
	exported := policy.ExportedFunctions()
	var names []string
	for export := range exported {
		names = append(names, export)
	}
	slices.Sort(names)
	for _, export := range names {
		f := exported[export]
		if m.skewed == export {
			types = append(types, []byte{0x60, 0, 0})
			functions = append(functions, count(len(types)-1))
		} else {
			functions = append(functions, signature(f))
		}
		if m.without != export {
			exports = append(exports, slices.Concat(name(export), []byte{0}, count(len(imports)+len(functions)-1)))
		}
		body, ok := m.bodies[strings.TrimPrefix(export, "backstop:policy/")]
		switch {
		case ok, m.skewed == export:
		case export == "cabi_realloc":
			body = constant(60_000)
		case len(f.ResultTypes()) > 0:
			body = constant(dataAt)
		}
		code := slices.Concat([]byte{0}, body, []byte{opEnd})
		codes = append(codes, append(count(len(code)), code...))
	}
	types = append(types, []byte{0x60, 0, 0})
	add := func(body []byte) []byte {
		functions = append(functions, count(len(types)-1))
		code := slices.Concat([]byte{0}, body, []byte{opEnd})
		codes = append(codes, append(count(len(code)), code...))
		return count(len(imports) + len(functions) - 1)
	}
	if m.named != "" {
		exports = append(exports, slices.Concat(name(m.named), []byte{0}, add(m.bodies[m.named])))
	}
	var begin []byte
	if m.begin != nil {
		index := add(m.begin)
		begin = slices.Concat([]byte{8}, count(len(index)), index)
	}
	if m.without != "memory" {
		exports = append(exports, append(name("memory"), 2, 0))
	}
	return slices.Concat([]byte("\x00asm\x01\x00\x00\x00"),
		section(1, types...), section(2, imports...), section(3, functions...),
		section(5, append([]byte{0}, count(max(m.pages, 1))...)),
		section(7, exports...), begin, section(10, codes...),
		section(11, slices.Concat([]byte{0}, constant(dataAt), []byte{opEnd}, count(len(m.data)), m.data)))
}

func words(values ...uint32) []byte {
	var out []byte
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, v)
	}
	return out
}

// ---- Modules that are not ours ----

func TestModulesThatAreNotOursAreRefused(t *testing.T) {
	const planner = "backstop:policy/planner@0.1.0#check"
	for what, wasm := range map[string][]byte{
		"invalid magic number":                                      []byte("not WebAssembly"),
		"it exports no memory":                                      module{without: "memory"}.bytes(t),
		"it does not export `cabi_realloc`":                         module{without: "cabi_realloc"}.bytes(t),
		"it does not export `" + planner + "`":                      module{without: planner}.bytes(t),
		"it does not export `cabi_post_" + planner + "`":            module{without: "cabi_post_" + planner}.bytes(t),
		"it exports `" + planner + "` with other parameters":        module{skewed: planner}.bytes(t),
		"it imports `random_get` of `wasi_snapshot_preview1`":       module{with: [2]string{"wasi_snapshot_preview1", "random_get"}}.bytes(t),
		"it imports `load` of `backstop:policy/storage@0.1.0` with": module{with: [2]string{"backstop:policy/storage@0.1.0", "load"}}.bytes(t),
	} {
		_, err := backstop.New(t.Context(), backstop.WithModule(wasm))
		if !errors.Is(err, backstop.ErrForeignModule) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

// ---- What a module must not do ----

// A breach is what a module does in a call, and how the call ends.
type breach struct {
	name   string
	module module
	call   func(context.Context, *backstop.Engine) error
	want   string
}

func askCheck(ctx context.Context, e *backstop.Engine) error {
	_, err := e.Planner().Check(ctx, many(2))
	return err
}

func askDue(ctx context.Context, e *backstop.Engine) error {
	_, err := e.Planner().Due(ctx, many(2), 1_000)
	return err
}

func askSelect(ctx context.Context, e *backstop.Engine) error {
	_, err := e.Planner().Select(ctx, many(2), backstop.Request{}, 1_000)
	return err
}

func askDelete(ctx context.Context, e *backstop.Engine) error {
	storage := &memory{rosters: map[string]*backstop.Roster{"acme": many(2)}}
	_, err := e.Control(storage, probes{}).Delete(ctx, "a", call(1_000))
	return err
}

// deletes is a module whose deletion does that.
func deletes(data []byte, instructions ...[]byte) module {
	body := slices.Concat(slices.Concat(instructions...), constant(dataAt))
	return module{bodies: map[string][]byte{"control@0.1.0#delete": body}, data: data}
}

// checks is a module whose check does that.
func checks(instructions ...[]byte) module {
	return module{bodies: map[string][]byte{"planner@0.1.0#check": slices.Concat(instructions...)}}
}

func breaches() []breach {
	const (
		leaves  = "the policy broke the contract in `planner.check`: a pointer leaves the memory"
		skewed  = "the policy broke the contract in `planner.check`: a pointer is not aligned"
		stopped = "the policy stopped in `planner.check`: "
		commits = "the policy broke the contract in `control.delete`: it proposed "
		text    = dataAt + 16
		listOf1 = dataAt + 8
		retptr  = 2048
	)
	acme := func(rest ...uint32) []byte { return append([]byte("acme\x00\x00\x00\x00"), words(rest...)...) }
	organization := slices.Concat(constant(dataAt), constant(4))
	commit := func(expected, revision int32, changes, events []byte, answer int32) []byte {
		return slices.Concat(organization, wide(expected), wide(revision), changes, events, constant(answer), invoke(importCommit))
	}
	nothing := slices.Concat(constant(8), constant(0))
	aChange := slices.Concat(constant(dataAt+8), constant(1))
	anEvent := slices.Concat(constant(dataAt+256), constant(1))
	// One change of the case `create-organization`, and one event that names no organization.
	changeAndEvent := append(acme(), make([]byte, 512)...)

	var texts []uint32
	for range 4_000 {
		texts = append(texts, 34_000, 20_000)
	}
	return []breach{
		{"an address outside", checks(constant(-8)), askCheck, leaves},
		{"an address at the end", checks(constant(65_532)), askCheck, leaves},
		{"an address that is odd", checks(constant(dataAt + 2)), askCheck, skewed},
		{"a list that is too long", module{data: words(0, 1<<32-1)}, askCheck, leaves},
		{"items outside", module{data: words(65_536, 1)}, askCheck, leaves},
		{"a code that is none", module{data: append(words(listOf1, 1), 26)}, askCheck,
			"the policy broke the contract in `planner.check`: a tag names no case"},
		{"a result that is neither", module{data: []byte{2}}, askSelect,
			"the policy broke the contract in `planner.select`: a tag names no case"},
		{"a text that is not UTF-8", module{data: append(words(listOf1, 1, text, 2), 0xff, 0xfe)}, askDue,
			"the policy broke the contract in `planner.due`: a text is not UTF-8"},
		{"a text outside", module{data: words(listOf1, 1, 65_000, 65_000)}, askDue,
			"the policy broke the contract in `planner.due`: a pointer leaves the memory"},
		{"items that are odd", module{data: words(listOf1+1, 1)}, askDue,
			"the policy broke the contract in `planner.due`: a pointer is not aligned"},
		{"more text than memory", module{data: words(append([]uint32{listOf1, 4_000}, texts...)...)}, askDue,
			"the policy broke the contract in `planner.due`: the answer is larger than any roster"},
		{"a trap", checks([]byte{opUnreachable}), askCheck, stopped + "wasm error: unreachable"},
		{"a trap after the answer", module{bodies: map[string][]byte{
			"cabi_post_backstop:policy/planner@0.1.0#check": {opUnreachable},
		}}, askCheck, stopped + "wasm error: unreachable"},
		{"a trap before the call", module{bodies: map[string][]byte{"cabi_realloc": {opUnreachable}}}, askCheck,
			stopped + "wasm error: unreachable"},
		{"memory outside", module{bodies: map[string][]byte{"cabi_realloc": constant(-16)}}, askCheck, leaves},
		{"memory that is odd", module{bodies: map[string][]byte{"cabi_realloc": constant(60_001)}}, askCheck, skewed},
		{"a pure function that loads", checks(constant(dataAt), constant(0), constant(retptr), invoke(importLoad), constant(dataAt)),
			askCheck, "the policy broke the contract in `planner.check`: a pure function asked the host for something"},
		{"another organization", deletes([]byte("evil"), constant(dataAt), constant(4), constant(retptr), invoke(importLoad)), askDelete,
			"the policy broke the contract in `control.delete`: it asked for organization `evil` in a call for `acme`"},
		{"an organization outside", deletes(nil, constant(-4), constant(4), constant(retptr), invoke(importLoad)), askDelete,
			"the policy broke the contract in `control.delete`: a pointer leaves the memory"},
		{"an answer outside", deletes(acme(), organization, constant(-8), invoke(importLoad)), askDelete,
			"the policy broke the contract in `control.delete`: a pointer leaves the memory"},
		{"an answer that is odd", deletes(acme(), organization, constant(retptr+4), invoke(importLoad)), askDelete,
			"the policy broke the contract in `control.delete`: a pointer is not aligned"},
		{"questions without end", deletes(acme(), []byte{opLoop, 0x40}, organization, constant(0), constant(0), wide(1),
			constant(retptr), invoke(importValidate), []byte{opBranch, 0, opEnd}), askDelete,
			"the policy broke the contract in `control.delete`: it asked for more than 1000 things in one call"},
		{"a commit of nothing", deletes(acme(), commit(7, 8, nothing, nothing, retptr)), askDelete,
			commits + "a commit that changes nothing"},
		{"a commit of another revision", deletes(changeAndEvent, commit(7, 9, aChange, nothing, retptr)), askDelete,
			commits + "revision 9 after revision 7"},
		{"an event of another", deletes(changeAndEvent, commit(7, 8, aChange, anEvent, retptr)), askDelete,
			commits + "an event that does not belong to the commit"},
	}
}

func TestWhatAModuleMustNotDoEndsTheCall(t *testing.T) {
	for _, b := range breaches() {
		t.Run(b.name, func(t *testing.T) {
			engine := start(t, backstop.WithModule(b.module.bytes(t)), backstop.WithPoolSize(1))
			err := b.call(t.Context(), engine)
			var broken *backstop.ABIError
			var trapped *backstop.TrapError
			if !errors.As(err, &broken) && !errors.As(err, &trapped) {
				t.Fatalf("got %v", err)
			}
			if !strings.HasPrefix(err.Error(), b.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v\nnot %s", err, b.want)
			}
			if left := engine.Stats(); left != (backstop.Stats{}) {
				t.Errorf("the instance is kept: %+v", left)
			}
			// The place is free: the next call is answered, or fails as this one did.
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if again := b.call(ctx, engine); again == nil || again.Error() != err.Error() {
				t.Errorf("the next call ended with %v, not with %v", again, err)
			}
		})
	}
}

// A loop ends with its context where that is asked for; a recursion ends by itself.
func TestWhatDoesNotEndIsStopped(t *testing.T) {
	loop := checks([]byte{opLoop, 0x40, opBranch, 0, opEnd}, constant(dataAt)).bytes(t)
	engine := start(t, backstop.WithModule(loop), backstop.WithInterruption())
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		err := askCheck(ctx, engine)
		cancel()
		var trapped *backstop.TrapError
		if !errors.As(err, &trapped) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if err := askCheck(ctx, engine); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left := engine.Stats(); left.Instances != 0 {
		t.Errorf("instances are kept: %+v", left)
	}
}
