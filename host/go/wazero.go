package backstop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"backstop.example/go/internal/machine"
)

// compiled is the engine that runs a module as it is.
type compiled struct {
	runtime wazero.Runtime
	module  wazero.CompiledModule
}

// compile sets wazero up. The error matches [ErrForeignModule] if it is the module that is at fault.
func compile(ctx context.Context, s *settings, serve machine.Import) (machine.Engine, error) {
	config := wazero.NewRuntimeConfig()
	if s.interpret {
		config = wazero.NewRuntimeConfigInterpreter()
	}
	config = config.
		WithMemoryLimitPages(uint32(min((s.limit+pageSize-1)/pageSize, mostPages))).
		WithCloseOnContextDone(s.interrupt)
	if s.cache != nil {
		config = config.WithCompilationCache(s.cache)
	}
	c := &compiled{runtime: wazero.NewRuntimeWithConfig(ctx, config)}
	if err := c.load(ctx, s.module, serve); err != nil {
		return nil, errors.Join(err, c.runtime.Close(ctx))
	}
	return c, nil
}

func (c *compiled) load(ctx context.Context, wasm []byte, serve machine.Import) error {
	if err := c.provide(ctx, serve); err != nil {
		return fmt.Errorf("cannot set up the engine: %w", err)
	}
	module, err := c.runtime.CompileModule(ctx, wasm)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForeignModule, err)
	}
	if reason := foreignness(module); reason != "" {
		return fmt.Errorf("%w: %s", ErrForeignModule, reason)
	}
	c.module = module
	return nil
}

// provide makes the functions that the module imports.
func (c *compiled) provide(ctx context.Context, serve machine.Import) error {
	types := map[string]api.ValueType{"i32": api.ValueTypeI32, "i64": api.ValueTypeI64}
	builders := make(map[string]wazero.HostModuleBuilder)
	for i := range imports {
		iface := imports[i].iface
		if builders[iface] == nil {
			builders[iface] = c.runtime.NewHostModuleBuilder(iface)
		}
		var params []api.ValueType
		for _, name := range strings.Fields(imports[i].params) {
			params = append(params, types[name])
		}
		called := func(ctx context.Context, _ api.Module, stack []uint64) { serve(ctx, i, stack) }
		builders[iface].NewFunctionBuilder().
			WithGoModuleFunction(api.GoModuleFunc(called), params, nil).
			Export(imports[i].name)
	}
	for _, builder := range builders {
		if _, err := builder.Instantiate(ctx); err != nil {
			return err
		}
	}
	return nil
}

// foreignness says what keeps a module from being one of this contract; nothing if it is one.
func foreignness(compiled wazero.CompiledModule) string {
	for _, imported := range compiled.ImportedFunctions() {
		module, name, _ := imported.Import()
		index := slices.IndexFunc(imports[:], func(s signature) bool { return s.iface == module && s.name == name })
		if index < 0 {
			return fmt.Sprintf("it imports `%s` of `%s`", name, module)
		}
		if !fits(imported, imports[index].params, imports[index].results) {
			return fmt.Sprintf("it imports `%s` of `%s` with other parameters", name, module)
		}
	}
	if len(compiled.ImportedMemories()) > 0 {
		return "it imports a memory"
	}
	if compiled.ExportedMemories()["memory"] == nil {
		return "it exports no memory"
	}
	exported := compiled.ExportedFunctions()
	missing := func(name, params, results string) string {
		switch function, ok := exported[name]; {
		case !ok:
			return fmt.Sprintf("it does not export `%s`", name)
		case !fits(function, params, results):
			return fmt.Sprintf("it exports `%s` with other parameters", name)
		}
		return ""
	}
	reasons := []string{missing("cabi_realloc", "i32 i32 i32 i32", "i32")}
	for i := range exports {
		s := &exports[i]
		reasons = append(reasons, missing(s.export(), s.params, s.results))
		reasons = append(reasons, missing("cabi_post_"+s.export(), s.results, ""))
	}
	for _, reason := range reasons {
		if reason != "" {
			return reason
		}
	}
	return ""
}

func fits(function api.FunctionDefinition, params, results string) bool {
	spell := func(types []api.ValueType) string {
		names := make([]string, len(types))
		for i, t := range types {
			names[i] = api.ValueTypeName(t)
		}
		return strings.Join(names, " ")
	}
	return spell(function.ParamTypes()) == params && spell(function.ResultTypes()) == results
}

func (c *compiled) Close(ctx context.Context) error { return c.runtime.Close(ctx) }

// A copied module is one instance of it. The functions are looked up once: each look-up makes a
// stack.
type copied struct {
	module  api.Module
	memory  api.Memory
	realloc api.Function
	calls   [len(exports)]api.Function
	posts   [len(exports)]api.Function
	blocks  [4]uint64
}

func (c *compiled) New(ctx context.Context) (machine.Machine, error) {
	// Without a name there can be many. No function is run because of what it is called.
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	module, err := c.runtime.InstantiateModule(ctx, c.module, config)
	if err != nil {
		return nil, err
	}
	m := &copied{module: module, memory: module.Memory(), realloc: module.ExportedFunction("cabi_realloc")}
	for i := range exports {
		m.calls[i] = module.ExportedFunction(exports[i].export())
		m.posts[i] = module.ExportedFunction("cabi_post_" + exports[i].export())
	}
	return m, nil
}

func (m *copied) Call(ctx context.Context, export int, stack []uint64) error {
	return interrupted(m.calls[export].CallWithStack(ctx, stack))
}

func (m *copied) Post(ctx context.Context, export int, stack []uint64) error {
	return interrupted(m.posts[export].CallWithStack(ctx, stack))
}

func (m *copied) Allocate(ctx context.Context, size, align uint32) (uint32, error) {
	m.blocks = [4]uint64{0, 0, uint64(align), uint64(size)}
	err := interrupted(m.realloc.CallWithStack(ctx, m.blocks[:]))
	return uint32(m.blocks[0]), err
}

func (m *copied) Memory() []byte {
	bytes, _ := m.memory.Read(0, m.memory.Size())
	return bytes
}

// Close gives the memory back. What closing could fail at is the closing of files, and there are none.
func (m *copied) Close() { _ = m.module.Close(context.Background()) }

// interrupted returns the error of the context, where that is why the module stopped.
func interrupted(err error) error {
	var exit *sys.ExitError
	if err != nil && errors.As(err, &exit) {
		switch exit.ExitCode() {
		case sys.ExitCodeContextCanceled:
			return context.Canceled
		case sys.ExitCodeDeadlineExceeded:
			return context.DeadlineExceeded
		}
	}
	return err
}
