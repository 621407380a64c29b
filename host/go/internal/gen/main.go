// Command gen writes codec_generated.go: how each type of the contract lies in the policy's memory,
// is checked, and reads as JSON.
//
// It reads wit/contract.json, where the sizes and offsets come from, and the module, whose hash it
// writes down. The public Go types are written
// by hand (types.go); what their names cannot tell, the tables at the top of this file do.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"go/format"
	"log"
	"os"
	"slices"
	"sort"
	"strings"
)

// goTypes are the types whose Go names are not those of the contract. What is not exported crosses
// the boundary, and is no part of the Go interface.
var goTypes = map[string]string{
	"commit-error":  "commitError",
	"context":       "Call",
	"control-error": "controlError",
	"rejection":     "rejection",
	"storage-error": "storageError",
}

// prefixes are what the names of an enum's constants begin with.
var prefixes = map[string]string{
	"commit-error":   "commit",
	"control-error":  "control",
	"failure-class":  "Class",
	"read-reason":    "Read",
	"refusal-reason": "Refusal",
	"storage-error":  "storage",
}

// payloads are the variants that are structs in Go, with the field for the payload of each case.
var payloads = map[string]map[string]string{
	"commit-error":   {"failed": "Failed"},
	"control-error":  {"failed": "Failed", "refused": "Refused"},
	"position":       {"fallback": "Place"},
	"refusal-reason": {"too-large": "Limit", "unavailable": "RetryAt"},
	"storage-error":  {"failed": "Failed"},
	"verdict":        {"invalid": "Class", "recovering": "Until", "too-large": "Limit"},
}

// A sealed case is a Go type, and the field of it that holds the payload; none if it is the payload.
type sealedCase struct{ name, field string }

// sealed are the variants that are interfaces in Go.
var sealed = map[string]map[string]sealedCase{
	"change": {
		"create-organization": {"ChangeCreateOrganization", ""},
		"create-backend":      {"ChangeCreateBackend", "Backend"},
		"update-backend":      {"ChangeUpdateBackend", "Backend"},
		"set-roles":           {"ChangeSetRoles", "Roles"},
		"delete-backend":      {"ChangeDeleteBackend", "Backend"},
		"set-policy":          {"ChangeSetPolicy", "Policy"},
		"set-route":           {"ChangeSetRoute", "Route"},
	},
	"command": {
		"create":     {"Create", ""},
		"update":     {"Update", ""},
		"delete":     {"Delete", "Backend"},
		"set-policy": {"SetPolicy", "Policy"},
	},
	"event-kind": {
		"organization-created": {"OrganizationCreated", ""},
		"backend-created":      {"BackendCreated", ""},
		"backend-updated":      {"BackendUpdated", ""},
		"backend-deleted":      {"BackendDeleted", "Backend"},
		"credentials-rotated":  {"CredentialsRotated", ""},
		"status-changed":       {"StatusChanged", ""},
		"default-changed":      {"DefaultChanged", ""},
		"default-vacated":      {"DefaultVacated", "From"},
		"fallbacks-changed":    {"FallbacksChanged", ""},
		"policy-changed":       {"PolicyChanged", ""},
		"route-changed":        {"RouteChanged", ""},
	},
	"outcome": {
		"ok":     {"OK", ""},
		"failed": {"Failed", "Failure"},
	},
}

// unlimited are the numbers that may be above 2^53 - 1, because the policy itself judges them.
var unlimited = map[string]bool{"max-blob-bytes": true}

// ---- The contract ----

type contract struct {
	Exports map[string]map[string]function
	Imports map[string]map[string]function
	Package string
	Types   map[string]typeDef
}

type function struct {
	Core struct {
		Params  []string
		Results []string
	}
	Params        []field
	ParamOffsets  []int `json:"param-offsets"`
	ParamsSize    int   `json:"params-size"`
	ParamsAlign   int   `json:"params-align"`
	ByAddress     bool  `json:"params-by-address"`
	Result        *ref
	ResultSize    int `json:"result-size"`
	ResultAlign   int `json:"result-align"`
	ResultPayload int `json:"result-payload-offset"`
}

type typeDef struct {
	Alias         *ref
	Enum          []string
	Record        []field
	Variant       []field
	Size          int
	Align         int
	PayloadOffset int `json:"payload-offset"`
}

// A field of a record, a case of a variant, or a parameter.
type field struct {
	Name   string
	Offset int
	Type   *ref
}

// A ref names a type, or makes one of others.
type ref struct {
	Name         string
	Option, List *ref
	Ok, Err      *ref
}

func (r *ref) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		return json.Unmarshal(data, &r.Name)
	}
	var made struct {
		Option, List *ref
		Result       *struct{ Ok, Err *ref }
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&made); err != nil {
		return err
	}
	r.Option, r.List = made.Option, made.List
	if made.Result != nil {
		r.Ok, r.Err = made.Result.Ok, made.Result.Err
	}
	return nil
}

type generator struct {
	contract
	out bytes.Buffer
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("gen: ")
	if len(os.Args) != 4 {
		log.Fatal("usage: gen CONTRACT.json MODULE.wasm OUTPUT.go")
	}
	contract, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	module, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	source, err := generate(contract, module)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(os.Args[3], source, 0o644); err != nil {
		log.Fatal(err)
	}
}

func generate(contract, module []byte) ([]byte, error) {
	var g generator
	if err := json.Unmarshal(contract, &g.contract); err != nil {
		return nil, fmt.Errorf("the contract is not one: %w", err)
	}
	g.line("// Code generated by internal/gen from wit/contract.json. DO NOT EDIT.")
	g.line("")
	g.line("package backstop")
	g.line("")
	g.line("import \"math\"")
	g.line("")
	g.line("// ModuleSHA256 is the SHA-256 of the module that comes with this package, in hexadecimal.")
	g.line("const ModuleSHA256 = \"%x\"", sha256.Sum256(module))
	g.line("")
	g.functions()

	lower, lift := map[string]bool{}, map[string]bool{}
	for _, functions := range g.Exports {
		for _, f := range functions {
			g.reach(f.Result, lift)
			for _, p := range f.Params {
				g.reach(p.Type, lower)
			}
		}
	}
	for _, functions := range g.Imports {
		for _, f := range functions {
			g.reach(f.Result, lower)
			for _, p := range f.Params {
				g.reach(p.Type, lift)
			}
		}
	}
	for _, name := range keys(g.Types) {
		def := g.Types[name]
		if def.Alias != nil {
			continue
		}
		g.line("// ---- %s ----", name)
		g.line("")
		g.line("const size%s, align%s = %d, %d", upper(goType(name)), upper(goType(name)), def.Size, def.Align)
		g.line("")
		if def.Enum != nil {
			g.enum(name, def)
		} else if payloads[name] != nil {
			g.kinds(name, def)
		}
		if lower[name] {
			g.lower(name, def)
		}
		if lift[name] {
			g.lift(name, def)
		}
		if exported(goType(name)) {
			g.check(name, def)
			g.json(name, def)
		}
	}
	source, err := format.Source(g.out.Bytes())
	if err != nil {
		return nil, fmt.Errorf("what was written is not Go: %w\n%s", err, g.out.Bytes())
	}
	return source, nil
}

// reach marks what a type is made of. Parameters that are passed as numbers are marked too.
func (g *generator) reach(r *ref, seen map[string]bool) {
	if r == nil {
		return
	}
	for _, part := range []*ref{r.Option, r.List, r.Ok, r.Err} {
		g.reach(part, seen)
	}
	def, ok := g.Types[r.Name]
	if !ok || seen[r.Name] {
		return
	}
	seen[r.Name] = true
	g.reach(def.Alias, seen)
	for _, f := range slices.Concat(def.Record, def.Variant) {
		g.reach(f.Type, seen)
	}
}

// ---- Functions ----

func (g *generator) functions() {
	g.line("// What the module exports, as indices into exports.")
	g.line("const (")
	index := 0
	g.each(g.Exports, func(name, _ string, _ function) {
		if index == 0 {
			g.line("call%s = iota", name)
		} else {
			g.line("call%s", name)
		}
		index++
	})
	g.line(")")
	g.line("")
	g.table("exports", g.Exports)
	g.table("imports", g.Imports)

	g.each(g.Exports, func(name, _ string, f function) {
		var parameters []string
		for _, p := range f.Params {
			parameters = append(parameters, fmt.Sprintf("%s *%s", variable(p.Name), g.goRef(p.Type)))
		}
		if f.ByAddress {
			g.line("func lower%s(l *lowerer, s []uint64, %s) {", name, strings.Join(parameters, ", "))
			g.line("p := l.alloc(%d, %d)", f.ParamsSize, f.ParamsAlign)
			for i, p := range f.Params {
				g.line("%s", g.lowering(p.Type, fmt.Sprintf("p+%d", f.ParamOffsets[i]), variable(p.Name), true))
			}
			g.line("s[0] = uint64(p)")
		} else {
			g.line("func lower%s(l *lowerer, s []uint64, %s) {", name, strings.Join(parameters, ", "))
			slot := 0
			for _, p := range f.Params {
				slot = g.flatten(p.Type, variable(p.Name), "*", slot)
			}
			if slot != len(f.Core.Params) {
				log.Fatalf("%s has %d parameters when it is flat, not %d", name, len(f.Core.Params), slot)
			}
		}
		g.line("}")
		g.line("")
		region := fmt.Sprintf("b := m.region(p, %d, %d)", f.ResultSize, f.ResultAlign)
		if f.Result.Ok != nil && g.goRef(f.Result.Err) != "Refusal" {
			g.line("func lift%s(m *memory, p uint32, ok *%s, err *%s) bool {", name, g.goRef(f.Result.Ok), g.goRef(f.Result.Err))
			g.line("%s", region)
			g.line("if m.which(b, 2) == 0 {")
			g.line("%s", g.lifting(f.Result.Ok, f.ResultPayload, "ok", true))
			g.line("return true")
			g.line("}")
			g.line("%s", g.lifting(f.Result.Err, f.ResultPayload, "err", true))
			g.line("return false")
		} else {
			g.line("func lift%s(m *memory, p uint32, v *%s) {", name, g.goRef(f.Result))
			g.line("%s", region)
			g.line("%s", g.lifting(f.Result, 0, "v", true))
		}
		g.line("}")
		g.line("")
	})
	g.each(g.Imports, func(name, _ string, f function) {
		region := fmt.Sprintf("l.region(p, %d, %d)", f.ResultSize, f.ResultAlign)
		if f.Result.Ok != nil {
			g.line("func answer%s(l *lowerer, p uint32, ok *%s, err *%s) {", name, g.goRef(f.Result.Ok), g.goRef(f.Result.Err))
			g.line("%s", region)
			g.line("if err == nil {")
			g.line("l.put8(p, 0)")
			g.line("%s", g.lowering(f.Result.Ok, fmt.Sprintf("p+%d", f.ResultPayload), "ok", true))
			g.line("return")
			g.line("}")
			g.line("l.put8(p, 1)")
			g.line("%s", g.lowering(f.Result.Err, fmt.Sprintf("p+%d", f.ResultPayload), "err", true))
		} else {
			g.line("func answer%s(l *lowerer, p uint32, v *%s) {", name, g.goRef(f.Result))
			g.line("%s", region)
			g.line("%s", g.lowering(f.Result, "p", "v", true))
		}
		g.line("}")
		g.line("")
	})
}

// table writes the names and the core signatures of functions.
func (g *generator) table(variable string, interfaces map[string]map[string]function) {
	g.line("var %s = [...]signature{", variable)
	g.each(interfaces, func(_, full string, f function) {
		g.line("{%q, %q, %q, %q},", full[:strings.Index(full, "#")], full[strings.Index(full, "#")+1:],
			strings.Join(f.Core.Params, " "), strings.Join(f.Core.Results, " "))
	})
	g.line("}")
	g.line("")
}

func (g *generator) each(interfaces map[string]map[string]function, visit func(name, full string, f function)) {
	base, version, _ := strings.Cut(g.Package, "@")
	for _, iface := range keys(interfaces) {
		for _, name := range keys(interfaces[iface]) {
			visit(pascal(iface)+pascal(name), base+"/"+iface+"@"+version+"#"+name, interfaces[iface][name])
		}
	}
}

// flatten writes a parameter as numbers, and returns the next slot. A value that is an address is read
// through the star; a field needs none.
func (g *generator) flatten(r *ref, value, star string, slot int) int {
	at := func(offset int) string { return fmt.Sprintf("s[%d]", slot+offset) }
	switch {
	case r.Name == "u64":
		g.line("%s = %s%s", at(0), star, value)
		return slot + 1
	case r.Name == "string":
		g.line("%s, %s = l.text(%s%s)", at(0), at(1), star, value)
		return slot + 2
	case r.Option != nil && r.Option.Name == "u64":
		g.line("%s, %s = 0, 0", at(0), at(1))
		g.line("if %s%s != nil {", star, value)
		g.line("%s, %s = 1, *%s%s", at(0), at(1), star, value)
		g.line("}")
		return slot + 2
	}
	def := g.Types[r.Name]
	switch {
	case def.Alias != nil:
		return g.flatten(def.Alias, value, star, slot)
	case def.Enum != nil:
		g.line("%s = uint64(tag%s(%s%s))", at(0), goType(r.Name), star, value)
		return slot + 1
	case def.Record != nil:
		for _, f := range def.Record {
			slot = g.flatten(f.Type, value+"."+pascal(f.Name), "", slot)
		}
		return slot
	}
	log.Fatalf("a parameter of type %q cannot be passed as numbers yet", r.Name)
	return 0
}

// ---- Types ----

func (g *generator) enum(name string, def typeDef) {
	g.constants(name, goType(name), def.Enum)
}

func (g *generator) kinds(name string, def typeDef) {
	var cases []string
	for _, c := range def.Variant {
		cases = append(cases, c.Name)
	}
	g.constants(name, kindType(name), cases)
}

// constants writes the cases of an enum in their order, and the way back.
func (g *generator) constants(name, goName string, cases []string) {
	g.line("var cases%s = [...]%s{", upper(goName), goName)
	for _, c := range cases {
		g.line("%s%s,", prefix(name), pascal(c))
	}
	g.line("}")
	g.line("")
	g.line("func tag%s(v %s) int {", upper(goName), goName)
	g.line("switch v {")
	for i, c := range cases {
		g.line("case %s%s:", prefix(name), pascal(c))
		g.line("return %d", i)
	}
	g.line("}")
	g.line("return -1")
	g.line("}")
	g.line("")
}

func (g *generator) lower(name string, def typeDef) {
	goName := goType(name)
	g.line("func lower%s(l *lowerer, p uint32, v *%s) {", upper(goName), goName)
	switch {
	case def.Enum != nil:
		g.line("l.put8(p, byte(tag%s(*v)))", goName)
	case def.Record != nil:
		for _, f := range def.Record {
			g.line("%s", g.lowering(f.Type, fmt.Sprintf("p+%d", f.Offset), "v."+pascal(f.Name), false))
		}
	case payloads[name] != nil:
		g.line("l.put8(p, byte(tag%s(v.Kind)))", upper(kindType(name)))
		g.line("switch v.Kind {")
		for _, c := range def.Variant {
			if c.Type != nil {
				g.line("case %s%s:", prefix(name), pascal(c.Name))
				g.line("%s", g.lowering(c.Type, fmt.Sprintf("p+%d", def.PayloadOffset), "v."+payloads[name][c.Name], false))
			}
		}
		g.line("}")
	default:
		g.line("switch v := (*v).(type) {")
		for i, c := range def.Variant {
			s := sealedOf(name, c.Name)
			g.line("case %s:", s.name)
			g.line("l.put8(p, %d)", i)
			if c.Type != nil {
				g.line("%s", g.lowering(c.Type, fmt.Sprintf("p+%d", def.PayloadOffset), s.value(), false))
			}
		}
		g.line("}")
	}
	g.line("}")
	g.line("")
}

func (g *generator) lift(name string, def typeDef) {
	goName := goType(name)
	g.line("func lift%s(m *memory, b []byte, v *%s) {", upper(goName), goName)
	switch {
	case def.Enum != nil:
		g.line("*v = cases%s[m.which(b, len(cases%s))]", goName, goName)
	case def.Record != nil:
		for _, f := range def.Record {
			g.line("%s", g.lifting(f.Type, f.Offset, "v."+pascal(f.Name), false))
		}
	case payloads[name] != nil:
		cases := "cases" + upper(kindType(name))
		g.line("v.Kind = %s[m.which(b, len(%s))]", cases, cases)
		g.line("switch v.Kind {")
		for _, c := range def.Variant {
			if c.Type != nil {
				g.line("case %s%s:", prefix(name), pascal(c.Name))
				g.line("%s", g.lifting(c.Type, def.PayloadOffset, "v."+payloads[name][c.Name], false))
			}
		}
		g.line("}")
	default:
		g.line("switch m.which(b, %d) {", len(def.Variant))
		for i, c := range def.Variant {
			s := sealedOf(name, c.Name)
			g.line("case %d:", i)
			if c.Type == nil {
				g.line("*v = %s{}", s.name)
				continue
			}
			g.line("var made %s", s.name)
			g.line("%s", g.lifting(c.Type, def.PayloadOffset, strings.Replace(s.value(), "v", "made", 1), false))
			g.line("*v = made")
		}
		g.line("}")
	}
	g.line("}")
	g.line("")
}

func (g *generator) check(name string, def typeDef) {
	goName := goType(name)
	g.line("func check%s(v *%s, most uint64) *InvalidError {", goName, goName)
	unknown := func(cases []string, value string) {
		g.line("return unknown(string(%s), %q)", value, strings.Join(cases, "`, `"))
	}
	switch {
	case def.Enum != nil:
		g.line("if tag%s(*v) >= 0 {", goName)
		g.line("return nil")
		g.line("}")
		unknown(def.Enum, "*v")
	case def.Record != nil:
		for _, f := range def.Record {
			g.checking(f, "v."+pascal(f.Name))
		}
		g.line("return nil")
	case payloads[name] != nil:
		g.line("switch v.Kind {")
		for _, c := range def.Variant {
			g.line("case %s%s:", prefix(name), pascal(c.Name))
			if c.Type != nil {
				g.checking(c, "v."+payloads[name][c.Name])
			}
			g.line("return nil")
		}
		g.line("}")
		unknown(names(def.Variant), "v.Kind")
	default:
		g.line("switch v := (*v).(type) {")
		for _, c := range def.Variant {
			s := sealedOf(name, c.Name)
			g.line("case %s:", s.name)
			if c.Type != nil {
				g.checking(c, s.value())
			}
			g.line("return nil")
		}
		g.line("}")
		g.line("return foreign(*v, %q)", goName)
	}
	g.line("}")
	g.line("")
}

// checking writes the check of a field, which names it in what it returns.
func (g *generator) checking(f field, value string) {
	most := "most"
	if unlimited[f.Name] {
		most = "math.MaxUint64"
	}
	var call string
	switch t := g.resolve(f.Type); {
	case t.Option != nil:
		call = fmt.Sprintf("checkOption(%s, %s, check%s)", value, most, g.suffix(t.Option))
	case t.List != nil:
		call = fmt.Sprintf("checkList(%s, %s, check%s)", value, most, g.suffix(t.List))
	case t.Name == "bool" || t.Name == "u32":
		return
	default:
		call = fmt.Sprintf("check%s(&%s, %s)", g.suffix(t), value, most)
	}
	g.line("if err := %s; err != nil {", call)
	g.line("return err.in(%q)", f.Name)
	g.line("}")
}

func (g *generator) json(name string, def typeDef) {
	goName := goType(name)
	g.line("func append%s(b []byte, v *%s) []byte {", goName, goName)
	switch {
	case def.Enum != nil:
		g.line("return appendName(b, string(*v))")
	case def.Record != nil:
		separator := "{"
		for _, f := range sorted(def.Record) {
			g.line("b = append(b, `%s%q:`...)", separator, f.Name)
			g.line("%s", g.appending(f.Type, "v."+pascal(f.Name)))
			separator = ","
		}
		g.line("return append(b, '}')")
	case payloads[name] != nil:
		g.line("switch v.Kind {")
		for _, c := range def.Variant {
			if c.Type != nil {
				g.line("case %s%s:", prefix(name), pascal(c.Name))
				g.line("b = append(b, `{%q:`...)", c.Name)
				g.line("%s", g.appending(c.Type, "v."+payloads[name][c.Name]))
				g.line("return append(b, '}')")
			}
		}
		g.line("}")
		g.line("return appendName(b, string(v.Kind))")
	default:
		g.line("switch v := (*v).(type) {")
		for _, c := range def.Variant {
			s := sealedOf(name, c.Name)
			g.line("case %s:", s.name)
			if c.Type == nil {
				g.line("return append(b, `%q`...)", c.Name)
				continue
			}
			g.line("b = append(b, `{%q:`...)", c.Name)
			g.line("%s", g.appending(c.Type, s.value()))
			g.line("return append(b, '}')")
		}
		g.line("}")
		g.line("return append(b, `null`...)")
	}
	g.line("}")
	g.line("")

	g.line("func read%s(r *reader, v *%s) {", goName, goName)
	switch {
	case def.Enum != nil:
		g.line("*v = cases%s[r.choice(cases%sNames)]", goName, goName)
	case def.Record != nil:
		g.line("r.object(fields%s, func(field int) {", goName)
		g.line("switch field {")
		for i, f := range def.Record {
			g.line("case %d:", i)
			g.line("%s", g.reading(f.Type, "v."+pascal(f.Name)))
		}
		g.line("}")
		g.line("})")
	case payloads[name] != nil:
		g.line("r.variant(cases%s, func(which int) {", goName)
		g.line("v.Kind = cases%s[which]", kindType(name))
		g.line("switch which {")
		for i, c := range def.Variant {
			if c.Type != nil {
				g.line("case %d:", i)
				g.line("%s", g.reading(c.Type, "v."+payloads[name][c.Name]))
			}
		}
		g.line("}")
		g.line("})")
	default:
		g.line("r.variant(cases%s, func(which int) {", goName)
		g.line("switch which {")
		for i, c := range def.Variant {
			s := sealedOf(name, c.Name)
			g.line("case %d:", i)
			if c.Type == nil {
				g.line("*v = %s{}", s.name)
				continue
			}
			g.line("var made %s", s.name)
			g.line("%s", g.reading(c.Type, strings.Replace(s.value(), "v", "made", 1)))
			g.line("*v = made")
		}
		g.line("}")
		g.line("})")
	}
	g.line("}")
	g.line("")

	switch {
	case def.Enum != nil:
		g.line("var cases%sNames = []string{%s}", goName, quoted(def.Enum))
		g.line("")
	case def.Record != nil:
		g.line("var fields%s = []string{%s}", goName, quoted(names(def.Record)))
		g.line("")
	default:
		g.line("var cases%s = []caseName{", goName)
		for _, c := range def.Variant {
			g.line("{%q, %t},", c.Name, c.Type != nil)
		}
		g.line("}")
		g.line("")
	}
	switch {
	case def.Enum != nil:
	case sealed[name] != nil:
		a := "a"
		if strings.ContainsRune("AEIOU", rune(goName[0])) {
			a = "an"
		}
		g.line("// Marshal%s returns %s %s as the contract's JSON.", goName, a, goName)
		g.line("//")
		g.line("// The error is an [InvalidError] if the value is not one of the contract.")
		g.line("func Marshal%s(v %s) ([]byte, error) { return marshal(&v, check%s, append%s) }", goName, goName, goName, goName)
		g.line("")
		g.line("// Unmarshal%s reads %s %s from the contract's JSON.", goName, a, goName)
		g.line("//")
		g.line("// The error is an [InvalidError] that names what is missing, unknown or malformed by its path.")
		g.line("func Unmarshal%s(data []byte) (%s, error) {", goName, goName)
		g.line("var v %s", goName)
		g.line("err := unmarshal(data, &v, read%s)", goName)
		g.line("return v, err")
		g.line("}")
		g.line("")
	default:
		g.line("// MarshalJSON returns the value as the contract's JSON, with sorted keys and without blanks.")
		g.line("//")
		g.line("// The error is an [InvalidError] if the value is not one of the contract.")
		g.line("func (v %s) MarshalJSON() ([]byte, error) { return marshal(&v, check%s, append%s) }", goName, goName, goName)
		g.line("")
		g.line("// UnmarshalJSON reads the value from the contract's JSON, where every field is given.")
		g.line("//")
		g.line("// The error is an [InvalidError] that names what is missing, unknown or malformed by its path.")
		g.line("func (v *%s) UnmarshalJSON(data []byte) error { return unmarshal(data, v, read%s) }", goName, goName)
		g.line("")
	}
}

// ---- Values by their types ----

// lowering returns the statement that writes a value to a place; pointer says that the value is an
// address already.
func (g *generator) lowering(r *ref, place, value string, pointer bool) string {
	if !pointer {
		value = "&" + value
	}
	content := "*" + value
	if !pointer {
		content = value[1:]
	}
	switch t := g.resolve(r); {
	case t.Option != nil:
		return fmt.Sprintf("lowerOption(l, %s, %d, %s, lower%s)", place, g.payloadOffset(t), content, g.suffix(t.Option))
	case t.List != nil:
		size, align := g.layout(t.List)
		return fmt.Sprintf("lowerList(l, %s, %d, %d, %s, lower%s)", place, size, align, content, g.suffix(t.List))
	default:
		return fmt.Sprintf("lower%s(l, %s, %s)", g.suffix(t), place, value)
	}
}

func (g *generator) lifting(r *ref, offset int, value string, pointer bool) string {
	if !pointer {
		value = "&" + value
	}
	switch t := g.resolve(r); {
	case t.Option != nil:
		return fmt.Sprintf("liftOption(m, b[%d:], %d, %s, lift%s)", offset, g.payloadOffset(t), value, g.suffix(t.Option))
	case t.List != nil:
		size, align := g.layout(t.List)
		return fmt.Sprintf("liftList(m, b[%d:], %d, %d, %s, lift%s)", offset, size, align, value, g.suffix(t.List))
	case t.Ok != nil:
		return fmt.Sprintf("liftAnswer(m, b[%d:], %d, %s)", offset, g.payloadOffset(t), value)
	default:
		return fmt.Sprintf("lift%s(m, b[%d:], %s)", g.suffix(t), offset, value)
	}
}

func (g *generator) appending(r *ref, value string) string {
	switch t := g.resolve(r); {
	case t.Option != nil:
		return fmt.Sprintf("b = appendOption(b, %s, append%s)", value, g.suffix(t.Option))
	case t.List != nil:
		return fmt.Sprintf("b = appendList(b, %s, append%s)", value, g.suffix(t.List))
	default:
		return fmt.Sprintf("b = append%s(b, &%s)", g.suffix(t), value)
	}
}

func (g *generator) reading(r *ref, value string) string {
	switch t := g.resolve(r); {
	case t.Option != nil:
		return fmt.Sprintf("readOption(r, &%s, read%s)", value, g.suffix(t.Option))
	case t.List != nil:
		return fmt.Sprintf("readList(r, &%s, read%s)", value, g.suffix(t.List))
	default:
		return fmt.Sprintf("read%s(r, &%s)", g.suffix(t), value)
	}
}

func (g *generator) resolve(r *ref) *ref {
	for r.Name != "" {
		def, ok := g.Types[r.Name]
		if !ok || def.Alias == nil {
			break
		}
		r = def.Alias
	}
	return r
}

// suffix is what the names of the functions for a type end with.
func (g *generator) suffix(r *ref) string {
	r = g.resolve(r)
	if r.Name == "" {
		if r.Ok != nil {
			return "Answer"
		}
		log.Fatal("an option or a list of an option or a list has no function yet")
	}
	if _, ok := g.Types[r.Name]; ok {
		return upper(goType(r.Name))
	}
	return upper(r.Name)
}

func (g *generator) goRef(r *ref) string {
	switch r = g.resolve(r); {
	case r.Option != nil:
		return "*" + g.goRef(r.Option)
	case r.List != nil:
		return "[]" + g.goRef(r.List)
	case r.Ok != nil:
		return "Answer"
	}
	if _, ok := g.Types[r.Name]; ok {
		return goType(r.Name)
	}
	return map[string]string{"bool": "bool", "string": "string", "u32": "uint32", "u64": "uint64"}[r.Name]
}

// layout is the size and the alignment of a type.
func (g *generator) layout(r *ref) (size, align int) {
	r = g.resolve(r)
	var parts []*ref
	switch {
	case r.List != nil, r.Name == "string":
		return 8, 4
	case r.Name == "bool":
		return 1, 1
	case r.Name == "u32":
		return 4, 4
	case r.Name == "u64":
		return 8, 8
	case r.Name != "":
		def, ok := g.Types[r.Name]
		if !ok {
			log.Fatalf("there is no type %q", r.Name)
		}
		return def.Size, def.Align
	case r.Option != nil:
		parts = []*ref{r.Option}
	default:
		parts = []*ref{r.Ok, r.Err}
	}
	align = 1
	for _, part := range parts {
		s, a := g.layout(part)
		size, align = max(size, s), max(align, a)
	}
	size += align
	return (size + align - 1) / align * align, align
}

// payloadOffset is where the payload of an option or a result lies: the tag is a byte.
func (g *generator) payloadOffset(r *ref) int {
	_, align := g.layout(r)
	return align
}

// ---- Names ----

func goType(name string) string {
	if goName, ok := goTypes[name]; ok {
		return goName
	}
	return pascal(name)
}

// kindType is the type that tells the cases of a variant apart, where that is a struct in Go.
func kindType(name string) string {
	if name == "refusal-reason" {
		return "RefusalKind"
	}
	return goType(name) + "Kind"
}

func prefix(name string) string {
	if prefix, ok := prefixes[name]; ok {
		return prefix
	}
	return pascal(name)
}

func sealedOf(variant, name string) sealedCase {
	s, ok := sealed[variant][name]
	if !ok {
		log.Fatalf("case %q of variant %q has no Go type in the tables of internal/gen", name, variant)
	}
	return s
}

// value is the payload of a case that is in a variable v.
func (s sealedCase) value() string {
	if s.field == "" {
		return "v"
	}
	return "v." + s.field
}

func pascal(name string) string {
	var b strings.Builder
	for _, word := range strings.Split(name, "-") {
		if word == "id" {
			b.WriteString("ID")
			continue
		}
		b.WriteString(upper(word))
	}
	return b.String()
}

// variable is the name of a parameter.
func variable(name string) string {
	name = pascal(name)
	return strings.ToLower(name[:1]) + name[1:]
}

func upper(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

func exported(name string) bool { return upper(name) == name }

func names(fields []field) []string {
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	return names
}

func quoted(names []string) string { return `"` + strings.Join(names, `", "`) + `"` }

func sorted(fields []field) []field {
	fields = slices.Clone(fields)
	sort.Slice(fields, func(i, j int) bool { return fields[i].Name < fields[j].Name })
	return fields
}

func keys[V any](m map[string]V) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

func (g *generator) line(text string, arguments ...any) {
	fmt.Fprintf(&g.out, text+"\n", arguments...)
}
