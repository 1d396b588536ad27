// Conditions calls functions for which it evaluates a condition itself, in Go's own words, and prints for each call
// whether it held: the truth that `--where` is held against. The functions are generated (test/conditions); this file
// has what they use. It answers each line of stdin: `run` makes all calls and prints a JSON line for each, then `done`.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
)

type Level uint8

type Address struct {
	City string
	Zip  uint32
}

type User struct {
	ID    int32
	Name  string
	Home  *Address
	Score float64
	Tags  []string
	Next  *User
	Level Level
	Flags [3]bool
}

// Verdict is three-valued: a comparison of what cannot be had is undecided.
type verdict int

const (
	no verdict = iota
	yes
	undecided
)

var verdictNames = [...]string{"no", "yes", "undecided"}

// Decide evaluates one comparison; where Go panics (nil, index, division), it is undecided.
func decide(comparison func() bool) (v verdict) {
	defer func() {
		if recover() != nil {
			v = undecided
		}
	}()
	if comparison() {
		return yes
	}
	return no
}

func and(a, b verdict) verdict {
	switch {
	case a == no || b == no:
		return no
	case a == yes && b == yes:
		return yes
	}
	return undecided
}

func or(a, b verdict) verdict { return not(and(not(a), not(b))) }

func not(a verdict) verdict {
	switch a {
	case yes:
		return no
	case no:
		return yes
	}
	return undecided
}

var errBoom = errors.New("boom")

// Each generated function adds one entry: it makes the call with this number and gives the condition's verdict.
var conditions []func(call int) verdict

// CallsEach is how often each function is called.
const callsEach = 40

func main() {
	output := bufio.NewWriter(os.Stdout)
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
		for i, run := range conditions {
			for call := 0; call < callsEach; call++ {
				fmt.Fprintf(output, "{\"condition\":%d,\"call\":%d,\"verdict\":%q}\n", i, call, verdictNames[run(call)])
			}
		}
		fmt.Fprintln(output, "done")
		output.Flush()
	}
}
