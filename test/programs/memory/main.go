// Holds values of every kind and prints where each stands (an interface{}'s address) and the text that it must have,
// then waits for its input to end: the test reads the memory of the process.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"unsafe"
)

type testCase struct {
	value interface{}
	text  string
	// Any entries of a map may be shown, of this many.
	any int
}

var cases []testCase

//go:noinline
func add(value interface{}, text string) {
	cases = append(cases, testCase{value: value, text: text})
}

type printed struct {
	Address uintptr
	Type    string
	Text    string
	Any     int
}

func main() {
	addScalars()
	addComposites()
	addPointers()
	addMaps()
	addInterfaces()
	addChannels()
	addFunctions()
	addSecrets()
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	for i := range cases {
		c := &cases[i]
		name := "nil"
		if c.value != nil {
			name = reflect.TypeOf(c.value).String()
		}
		if err := encoder.Encode(printed{uintptr(unsafe.Pointer(&c.value)), name, c.text, c.any}); err != nil {
			panic(err)
		}
	}
	fmt.Fprintln(out, "null")
	out.Flush()
	// Until the test has read the memory.
	os.Stdin.Read(make([]byte, 1))
}
