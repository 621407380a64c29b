package backstop

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The door: what is passed to the policy is checked before anything runs. The checks of the types are
// in codec_generated.go; they name what is wrong by its path, and take the largest number that they
// let pass.

// in returns the error with the name of the field that it is in.
func (e *InvalidError) in(name string) *InvalidError {
	switch {
	case e.Path == "":
		e.Path = name
	case strings.HasPrefix(e.Path, "["):
		e.Path = name + e.Path
	default:
		e.Path = name + "." + e.Path
	}
	return e
}

func unknown(value, cases string) *InvalidError {
	return &InvalidError{Reason: fmt.Sprintf("is %s: give one of `%s`", quote(value), cases)}
}

func foreign(value any, name string) *InvalidError {
	if value == nil {
		return &InvalidError{Reason: "is missing"}
	}
	return &InvalidError{Reason: fmt.Sprintf("is a %T: give one of the types that [%s] names, as a value", value, name)}
}

// quote returns a text in backticks, cut to what fits on a line.
func quote(text string) string {
	const most = 80
	text = strings.ToValidUTF8(text, "\uFFFD")
	if utf8.RuneCountInString(text) > most {
		text = string([]rune(text)[:most]) + "..."
	}
	quoted := strconv.Quote(text)
	return "`" + strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`) + "`"
}

func checkU64(v *uint64, most uint64) *InvalidError {
	if *v <= most {
		return nil
	}
	return &InvalidError{Reason: fmt.Sprintf("is %d: give at most %d", *v, most)}
}

func checkU32(*uint32, uint64) *InvalidError { return nil }
func checkBool(*bool, uint64) *InvalidError  { return nil }

func checkString(v *string, _ uint64) *InvalidError {
	if utf8.ValidString(*v) {
		return nil
	}
	return &InvalidError{Reason: "is not UTF-8"}
}

func checkOption[T any](v *T, most uint64, check func(*T, uint64) *InvalidError) *InvalidError {
	if v == nil {
		return nil
	}
	return check(v, most)
}

func checkList[T any](v []T, most uint64, check func(*T, uint64) *InvalidError) *InvalidError {
	for i := range v {
		if err := check(&v[i], most); err != nil {
			return err.in("[" + strconv.Itoa(i) + "]")
		}
	}
	return nil
}

func checkAnswer(v *Answer, most uint64) *InvalidError {
	switch {
	case (v.Decision == nil) == (v.Refusal == nil):
		return &InvalidError{Reason: "is not a decision or a refusal, exactly one of them"}
	case v.Decision != nil:
		return checkDecision(v.Decision, most)
	default:
		return checkRefusal(v.Refusal, most)
	}
}
