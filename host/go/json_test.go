package backstop_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	backstop "backstop.example/go"
)

const (
	aFailure = `{"class":"timeout","message":"no answer"}`
	aHealth  = `{"checked-at":null,"excuse":null,"failure":null,"failures":0,"since":null,"status":"valid","successes":0}`
	aBackend = `{"description":"","generation":1,"health":` + aHealth + `,"id":"a","kind":"external","location":"l",` +
		`"max-blob-bytes":104857600,"mode":"ready","name":"n","provider":"p"}`
	aPolicy = `{"check-every":1800000,"check-others-every":86400000,"fall":1,"hold-down":0,"last-resort":"refuse",` +
		`"max-fallbacks":1,"rise":1,"stale-after":2100000,"tail":[]}`
	aRoster = `{"backends":[` + aBackend + `],"default":"a","fallbacks":[],"policy":` + aPolicy + `,"revision":1,"route":null}`
)

func TestJSONThatIsNotTheContractsIsRefused(t *testing.T) {
	without := func(text, part string) string { return strings.Replace(text, part, "", 1) }
	with := func(text, part, other string) string { return strings.Replace(text, part, other, 1) }
	for _, c := range []struct{ text, path, reason string }{
		{``, "", "is not an object"},
		{`null`, "", "is not an object"},
		{`[]`, "", "is not an object"},
		{aRoster + `x`, "", "is followed by more than blanks"},
		{aRoster[:len(aRoster)-1], "", "has no `,` or `}` after a field"},
		{without(aRoster, `"revision":1,`), "revision", "is missing"},
		{without(aRoster, `"mode":"ready",`), "backends[0].mode", "is missing"},
		{with(aRoster, `"mode"`, `"moode"`), "backends[0]", "has the unknown field `moode`: the fields are `id`, `name`, `kind`,"},
		{with(aRoster, `"mode":"ready"`, `"mode":"off"`), "backends[0].mode", "is `off`: give one of `drain`, `maintenance`, `ready`"},
		{with(aRoster, `"mode":"ready"`, `"mode":null`), "backends[0].mode", "is not a text"},
		{with(aRoster, `"revision":1`, `"revision":1,"revision":1`), "revision", "is given twice"},
		{with(aRoster, `"revision":1`, `"revision":-1`), "revision", "is not a number without a sign"},
		{with(aRoster, `"revision":1`, `"revision":"1"`), "revision", "is not a number without a sign"},
		{with(aRoster, `"revision":1`, `"revision":01`), "revision", "is `01`: give an integer without fraction or exponent"},
		{with(aRoster, `"revision":1`, `"revision":1.0`), "revision", "is `1.0`: give an integer without fraction or exponent"},
		{with(aRoster, `"revision":1`, `"revision":1e3`), "revision", "is `1e3`: give an integer without fraction or exponent"},
		{with(aRoster, `"revision":1`, `"revision":18446744073709551616`), "revision", "is `18446744073709551616`: give at most 18446744073709551615"},
		{with(aRoster, `"fall":1`, `"fall":4294967296`), "policy.fall", "is `4294967296`: give at most 4294967295"},
		{with(aRoster, `"tail":[]`, `"tail":["inline",]`), "policy.tail[1]", "is not a text"},
		{with(aRoster, `"tail":[]`, `"tail":["inline" "inline"]`), "policy.tail", "has no `,` or `]` after an item"},
		{with(aRoster, `"tail":[]`, `"tail":{}`), "policy.tail", "is not a list"},
		{with(aRoster, `"route":null`, `"route":nulls`), "route", "is not a text"},
		{with(aRoster, `"route":null`, `"route":"\ud800"`), "route", "has a lone surrogate"},
		{with(aRoster, `"route":null`, `"route":"\ud800\u0041"`), "route", "has a lone surrogate"},
		{with(aRoster, `"route":null`, `"route":"\x"`), "route", "has an escape that JSON does not know"},
		{with(aRoster, `"route":null`, `"route":"\u+123"`), "route", "has an escape that JSON does not know"},
		{with(aRoster, `"route":null`, "\"route\":\"\n\""), "route", "has a control character that is not escaped"},
		{with(aRoster, `"route":null`, "\"route\":\"\xff\""), "route", "is not UTF-8"},
		{with(aRoster, `"route":null`, "\"route\":\"\\n\xff\""), "route", "is not UTF-8"},
		{with(aRoster, `"failure":null`, `"failure":{"class":"timeout"}`), "backends[0].health.failure.message", "is missing"},
	} {
		var roster backstop.Roster
		err := roster.UnmarshalJSON([]byte(c.text))
		var invalid *backstop.InvalidError
		if !errors.As(err, &invalid) || invalid.Path != c.path || !strings.HasPrefix(invalid.Reason, c.reason) {
			t.Errorf("%.200s\ngot %v\nnot `%s` %s", c.text, err, c.path, c.reason)
		}
		if !reflect.DeepEqual(roster, backstop.Roster{}) {
			t.Errorf("%.200s: half of it was taken", c.text)
		}
	}
	for text, want := range map[string]string{
		`"failed"`:                              "the value has no value for `failed`",
		`{"ok":null}`:                           "the value has a value for `ok`, which has none",
		`{"failed":` + aFailure + `,"x":1}`:     "the value has more than one case",
		`{"failed":{"class":"x","message":""}}`: "`failed.class` is `x`: give one of `auth`,",
		`"perhaps"`:                             "the value is `perhaps`: give one of `ok`, `failed`",
		`7`:                                     "the value is not a name or an object",
	} {
		if _, err := backstop.UnmarshalOutcome([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, not %s", text, err, want)
		}
	}
}

func TestJSONHasOneSpelling(t *testing.T) {
	var roster backstop.Roster
	spaced := strings.NewReplacer(`:`, " :\t", `,`, " ,\r\n").Replace(aRoster)
	for _, text := range []string{aRoster, spaced} {
		if err := roster.UnmarshalJSON([]byte(text)); err != nil {
			t.Fatal(err)
		}
		written, err := roster.MarshalJSON()
		if err != nil || string(written) != aRoster {
			t.Errorf("got %s, %v\nnot %s", written, err, aRoster)
		}
	}
	backend := backstop.NewBackend("a", "n", backstop.KindExternal, "p", "l")
	if !reflect.DeepEqual(roster.Backends, []backstop.Backend{backend}) || !reflect.DeepEqual(roster.Policy, backstop.DefaultPolicy()) {
		t.Errorf("got %+v", roster)
	}

	// Only what must be escaped is.
	failure := backstop.Failure{Class: backstop.ClassServer, Message: "<&>\"\\/\b\f\n\r\t\x00\x1f\u007f\u2028é𝄞"}
	want := "{\"class\":\"server\",\"message\":\"<&>\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u007f\u2028é𝄞\"}"
	written, err := failure.MarshalJSON()
	if err != nil || string(written) != want {
		t.Errorf("got %s, %v", written, err)
	}
	var back backstop.Failure
	escaped := `{"class":"server","message":"\u003c&>\"\\\/\b\f\n\r\t\u0000\u001F\u007f\u2028\u00E9\ud834\uDD1E"}`
	for _, text := range []string{want, escaped} {
		if err := json.Unmarshal([]byte(text), &back); err != nil || back != failure {
			t.Errorf("%s: got %+v, %v", text, back, err)
		}
	}
}

func TestVariantsAreNamesOrObjects(t *testing.T) {
	timeout := backstop.ClassTimeout
	later := uint64(5_000)
	for _, c := range []struct {
		value json.Marshaler
		want  string
	}{
		{backstop.Position{Kind: backstop.PositionFallback, Place: 2}, `{"fallback":2}`},
		{backstop.Position{Kind: backstop.PositionInline}, `"inline"`},
		{backstop.Verdict{Kind: backstop.VerdictInvalid}, `{"invalid":null}`},
		{backstop.Verdict{Kind: backstop.VerdictInvalid, Class: &timeout}, `{"invalid":"timeout"}`},
		{backstop.Verdict{Kind: backstop.VerdictVacant}, `"vacant"`},
		{backstop.RefusalReason{Kind: backstop.RefusalUnavailable, RetryAt: &later}, `{"unavailable":5000}`},
		{backstop.RefusalReason{Kind: backstop.RefusalRequired}, `"required"`},
		{backstop.Answer{Refusal: &backstop.Refusal{Reason: backstop.RefusalReason{Kind: backstop.RefusalRequired}}},
			`{"err":{"reason":"required","revision":0,"trace":[]}}`},
		{&backstop.RefusedError{Codes: []backstop.Code{backstop.CodeConflict}}, `{"codes":["conflict"],"failure":null}`},
	} {
		if got, err := c.value.MarshalJSON(); err != nil || string(got) != c.want {
			t.Errorf("got %s, %v, not %s", got, err, c.want)
		}
		back := reflect.New(reflect.TypeOf(c.value))
		if reader, ok := back.Interface().(json.Unmarshaler); ok {
			if err := reader.UnmarshalJSON([]byte(c.want)); err != nil || !reflect.DeepEqual(back.Elem().Interface(), c.value) {
				t.Errorf("%s: read as %+v, %v", c.want, back.Elem(), err)
			}
		}
	}
	for want, command := range map[string]backstop.Command{
		`{"delete":"a"}`:                 backstop.Delete{Backend: "a"},
		`{"set-policy":` + aPolicy + `}`: backstop.SetPolicy{Policy: backstop.DefaultPolicy()},
	} {
		got, err := backstop.MarshalCommand(command)
		if err != nil || string(got) != want {
			t.Errorf("got %s, %v, not %s", got, err, want)
		}
	}
}

func TestWhatIsNoneIsNotWritten(t *testing.T) {
	for want, value := range map[string]json.Marshaler{
		"`kind` is ``: give one of `external`, `inline`, `managed`":                       backstop.Backend{},
		"`message` is not UTF-8":                                                          backstop.Failure{Class: backstop.ClassServer, Message: "\xff"},
		"the value is not a decision or a refusal, exactly one of them":                   backstop.Answer{},
		"`outcome` is missing":                                                            backstop.Probe{},
		"the value is `sideways`: give one of `default`, `fallback`, `managed`, `inline`": backstop.Position{Kind: "sideways"},
	} {
		if _, err := value.MarshalJSON(); err == nil || err.Error() != want {
			t.Errorf("got %v, not %s", err, want)
		}
	}
}

// What is read is written in the one spelling, and reads as the same again.
func FuzzJSONIsReadAsItIsWritten(f *testing.F) {
	for _, seed := range []string{
		aRoster, `{}`, `null`, aRoster[:40], strings.Replace(aRoster, `"route":null`, `"route":"\ud834\uDD1E\n"`, 1),
		strings.Replace(aRoster, `"failure":null`, `"failure":`+aFailure, 1), `{"backends":[`, `{"a":"\u12`, `{"a":"\`, "\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var roster, again backstop.Roster
		if err := roster.UnmarshalJSON(data); err != nil {
			if invalid := new(backstop.InvalidError); !errors.As(err, &invalid) {
				t.Fatalf("got %T", err)
			}
			return
		}
		if !json.Valid(data) {
			t.Fatalf("%q is no JSON and was taken", data)
		}
		written, err := roster.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalJSON(written); err != nil {
			t.Fatal(err)
		}
		if twice, err := again.MarshalJSON(); err != nil || string(twice) != string(written) {
			t.Errorf("%s\nbecame %s, %v", written, twice, err)
		}
	})
}
