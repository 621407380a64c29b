package backstop

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The contract as JSON, in one spelling: the keys of an object are sorted, there is no blank, and
// only what must be escaped is. It is read strictly: a field that is missing, unknown or given twice
// is an error, as is a number with a fraction, a lone surrogate, or what is not UTF-8.

// ---- Writing ----

// marshal takes any number: what the policy judges may be written down.
func marshal[T any](v *T, check func(*T, uint64) *InvalidError, write func([]byte, *T) []byte) ([]byte, error) {
	if err := check(v, math.MaxUint64); err != nil {
		return nil, err
	}
	return write(nil, v), nil
}

// MarshalJSON returns the answer as the contract's JSON: `{"ok":...}` or `{"err":...}`.
//
// The error is an [InvalidError] if it is not a decision or a refusal.
func (v Answer) MarshalJSON() ([]byte, error) { return marshal(&v, checkAnswer, appendAnswer) }

// UnmarshalJSON reads the answer from the contract's JSON.
//
// The error is an [InvalidError] that names what is missing, unknown or malformed by its path.
func (v *Answer) UnmarshalJSON(data []byte) error { return unmarshal(data, v, readAnswer) }

func appendAnswer(b []byte, v *Answer) []byte {
	if v.Decision != nil {
		return append(appendDecision(append(b, `{"ok":`...), v.Decision), '}')
	}
	return append(appendRefusal(append(b, `{"err":`...), v.Refusal), '}')
}

func appendBool(b []byte, v *bool) []byte  { return strconv.AppendBool(b, *v) }
func appendU32(b []byte, v *uint32) []byte { return strconv.AppendUint(b, uint64(*v), 10) }
func appendU64(b []byte, v *uint64) []byte { return strconv.AppendUint(b, *v, 10) }

// appendName writes a name of the contract, which needs no escapes.
func appendName(b []byte, name string) []byte { return append(append(append(b, '"'), name...), '"') }

func appendString(b []byte, v *string) []byte {
	b = append(b, '"')
	start := 0
	for i := range len(*v) {
		c := (*v)[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, (*v)[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			const digits = "0123456789abcdef"
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	return append(append(b, (*v)[start:]...), '"')
}

func appendOption[T any](b []byte, v *T, write func([]byte, *T) []byte) []byte {
	if v == nil {
		return append(b, "null"...)
	}
	return write(b, v)
}

func appendList[T any](b []byte, v []T, write func([]byte, *T) []byte) []byte {
	b = append(b, '[')
	for i := range v {
		if i > 0 {
			b = append(b, ',')
		}
		b = write(b, &v[i])
	}
	return append(b, ']')
}

// ---- Reading ----

// A caseName is a case of a variant, and whether it has a payload.
type caseName struct {
	name    string
	payload bool
}

func unmarshal[T any](data []byte, v *T, read func(*reader, *T)) (err error) {
	r := reader{data: data}
	defer func() {
		switch thrown := recover().(type) {
		case nil:
		case *InvalidError:
			err = thrown
		default:
			panic(thrown)
		}
	}()
	var made T
	read(&r, &made)
	if r.peek() != 0 || r.at < len(r.data) {
		r.fail("is followed by more than blanks")
	}
	*v = made
	return nil
}

// A reader reads one value. It throws an [InvalidError].
type reader struct {
	data []byte
	at   int
	path []string
}

func (r *reader) fail(reason string, arguments ...any) {
	path := strings.TrimPrefix(strings.Join(r.path, ""), ".")
	panic(&InvalidError{Path: path, Reason: fmt.Sprintf(reason, arguments...)})
}

// peek returns the next byte that is not a blank, or 0 at the end.
func (r *reader) peek() byte {
	for r.at < len(r.data) {
		switch c := r.data[r.at]; c {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return c
		}
	}
	return 0
}

func (r *reader) skip(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.at++
	return true
}

func (r *reader) word(word string) bool {
	r.peek()
	rest := r.data[r.at:]
	if !bytes.HasPrefix(rest, []byte(word)) {
		return false
	}
	if len(rest) > len(word) && (rest[len(word)]|0x20 >= 'a' && rest[len(word)]|0x20 <= 'z') {
		return false
	}
	r.at += len(word)
	return true
}

// object reads an object with exactly those fields, in any order.
func (r *reader) object(fields []string, read func(field int)) {
	if !r.skip('{') {
		r.fail("is not an object")
	}
	var seen uint64
	for first := true; !r.skip('}'); first = false {
		if !first && !r.skip(',') {
			r.fail("has no `,` or `}` after a field")
		}
		name := r.text()
		field := slices.Index(fields, name)
		r.path = append(r.path, "."+name)
		switch {
		case field < 0:
			r.path = r.path[:len(r.path)-1]
			r.fail("has the unknown field %s: the fields are `%s`", quote(name), strings.Join(fields, "`, `"))
		case seen&(1<<field) != 0:
			r.fail("is given twice")
		case !r.skip(':'):
			r.fail("has no `:` after its name")
		}
		seen |= 1 << field
		read(field)
		r.path = r.path[:len(r.path)-1]
	}
	for field, name := range fields {
		if seen&(1<<field) == 0 {
			r.path = append(r.path, "."+name)
			r.fail("is missing")
		}
	}
}

// variant reads a variant: the name of a case, or an object with one key and the payload.
func (r *reader) variant(cases []caseName, read func(which int)) {
	inside := r.skip('{')
	if !inside && r.peek() != '"' {
		r.fail("is not a name or an object")
	}
	name := r.text()
	which := slices.IndexFunc(cases, func(c caseName) bool { return c.name == name })
	if which < 0 {
		names := make([]string, len(cases))
		for i, c := range cases {
			names[i] = c.name
		}
		panic(&InvalidError{
			Path:   strings.TrimPrefix(strings.Join(r.path, ""), "."),
			Reason: unknown(name, strings.Join(names, "`, `")).Reason,
		})
	}
	if cases[which].payload != inside {
		if inside {
			r.fail("has a value for `%s`, which has none", name)
		}
		r.fail("has no value for `%s`", name)
	}
	if !inside {
		read(which)
		return
	}
	r.path = append(r.path, "."+name)
	if !r.skip(':') {
		r.fail("has no `:` after its name")
	}
	read(which)
	r.path = r.path[:len(r.path)-1]
	if !r.skip('}') {
		r.fail("has more than one case")
	}
}

// choice reads one of those names.
func (r *reader) choice(names []string) int {
	name := r.text()
	which := slices.Index(names, name)
	if which < 0 {
		r.fail("%s", unknown(name, strings.Join(names, "`, `")).Reason)
	}
	return which
}

func (r *reader) number(most uint64) uint64 {
	start := r.at
	c := r.peek()
	if start = r.at; c < '0' || c > '9' {
		r.fail("is not a number without a sign")
	}
	for r.at < len(r.data) && strings.IndexByte("0123456789+-.eE", r.data[r.at]) >= 0 {
		r.at++
	}
	digits := string(r.data[start:r.at])
	n, err := strconv.ParseUint(digits, 10, 64)
	switch {
	case len(digits) > 1 && digits[0] == '0' || strings.ContainsAny(digits, "+-.eE"):
		r.fail("is %s: give an integer without fraction or exponent", quote(digits))
	case err != nil || n > most:
		r.fail("is %s: give at most %d", quote(digits), most)
	}
	return n
}

func (r *reader) text() string {
	if !r.skip('"') {
		r.fail("is not a text")
	}
	start := r.at
	for r.at < len(r.data) {
		switch c := r.data[r.at]; {
		case c == '"':
			text := r.data[start:r.at]
			r.at++
			if !utf8.Valid(text) {
				r.fail("is not UTF-8")
			}
			return string(text)
		case c == '\\':
			return r.escaped(start)
		case c < 0x20:
			r.fail("has a control character that is not escaped")
		}
		r.at++
	}
	r.fail("has no end")
	return ""
}

// escaped reads the rest of a text that has escapes.
func (r *reader) escaped(start int) string {
	text := slices.Clone(r.data[start:r.at])
	for r.at < len(r.data) {
		c := r.data[r.at]
		r.at++
		switch {
		case c == '"':
			if !utf8.Valid(text) {
				r.fail("is not UTF-8")
			}
			return string(text)
		case c < 0x20:
			r.fail("has a control character that is not escaped")
		case c != '\\':
			text = append(text, c)
			continue
		case r.at == len(r.data):
			r.fail("has no end")
		}
		c = r.data[r.at]
		r.at++
		if escape := strings.IndexByte(`"\/bfnrt`, c); escape >= 0 {
			text = append(text, "\"\\/\b\f\n\r\t"[escape])
			continue
		}
		if c != 'u' {
			r.fail("has an escape that JSON does not know")
		}
		unit := r.unit()
		if utf16.IsSurrogate(unit) {
			if !bytes.HasPrefix(r.data[r.at:], []byte(`\u`)) {
				r.fail("has a lone surrogate")
			}
			r.at += 2
			if unit = utf16.DecodeRune(unit, r.unit()); unit == utf8.RuneError {
				r.fail("has a lone surrogate")
			}
		}
		text = utf8.AppendRune(text, unit)
	}
	r.fail("has no end")
	return ""
}

// unit reads the four digits of an escape.
func (r *reader) unit() rune {
	if len(r.data)-r.at < 4 {
		r.fail("has no end")
	}
	digits := string(r.data[r.at : r.at+4])
	unit, err := strconv.ParseUint(digits, 16, 16)
	if err != nil || strings.ContainsAny(digits, "+-_") {
		r.fail("has an escape that JSON does not know")
	}
	r.at += 4
	return rune(unit)
}

func readU32(r *reader, v *uint32)    { *v = uint32(r.number(math.MaxUint32)) }
func readU64(r *reader, v *uint64)    { *v = r.number(math.MaxUint64) }
func readString(r *reader, v *string) { *v = r.text() }

func readBool(r *reader, v *bool) {
	switch {
	case r.word("true"):
		*v = true
	case r.word("false"):
		*v = false
	default:
		r.fail("is not `true` or `false`")
	}
}

func readOption[T any](r *reader, v **T, read func(*reader, *T)) {
	if r.word("null") {
		*v = nil
		return
	}
	*v = new(T)
	read(r, *v)
}

func readList[T any](r *reader, v *[]T, read func(*reader, *T)) {
	if !r.skip('[') {
		r.fail("is not a list")
	}
	for first := true; !r.skip(']'); first = false {
		if !first && !r.skip(',') {
			r.fail("has no `,` or `]` after an item")
		}
		var item T
		r.path = append(r.path, "["+strconv.Itoa(len(*v))+"]")
		read(r, &item)
		r.path = r.path[:len(r.path)-1]
		*v = append(*v, item)
	}
}

func readAnswer(r *reader, v *Answer) {
	r.variant([]caseName{{"ok", true}, {"err", true}}, func(which int) {
		if which == 0 {
			v.Decision = new(Decision)
			readDecision(r, v.Decision)
			return
		}
		v.Refusal = new(Refusal)
		readRefusal(r, v.Refusal)
	})
}
