package main

import (
	"bytes"
	"os"
	"testing"
)

func TestWhatIsGeneratedIsWhatIsCommitted(t *testing.T) {
	read := func(path string) []byte {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("%v: this test runs in the project's repository", err)
		}
		return data
	}
	source, err := generate(read("../../../../wit/contract.json"), read("../../policy.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(source, read("../../codec_generated.go")) {
		t.Error("codec_generated.go is not what the contract and the module make: run `go generate` in host/go")
	}
}

func TestContractsThatAreNoneAreRefused(t *testing.T) {
	for name, contract := range map[string]string{
		"no JSON":          `{`,
		"an unknown maker": `{"types": {"t": {"alias": {"set": "u64"}}}}`,
	} {
		if _, err := generate([]byte(contract), nil); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}
