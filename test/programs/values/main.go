// Values calls functions whose arguments and results it knows, and prints them through reflection: the truth that a
// tracer's values are held against. `values functions` prints the linker names of all functions that it will call;
// without arguments it answers each line of stdin: `run FROM TO` makes the calls FROM to TO-1, printing a JSON line for
// each and `done` after them; `count` prints how many calls there are; `load N` makes N calls of main.loaded on several
// threads (load.go).
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
)

// One call: a function, its arguments, and the names of parameters and results as the source has them.
type knownCall struct {
	fn      reflect.Value
	name    string
	params  []string
	results []string
	args    []reflect.Value
	// Makes the call from compiled code; nil: reflection makes it.
	direct func() []interface{}
}

var calls []knownCall

// Check adds a call. Names are those of parameters and results, `a b -> sum err`; unnamed results are left out.
func check(fn interface{}, names string, args ...interface{}) {
	checkNamed(runtime.FuncForPC(reflect.ValueOf(fn).Pointer()).Name(), fn, names, args...)
}

// CheckNamed is check for a function of which reflection does not know the linker's name: an instance of a generic
// function, whose value is a wrapper, and a function that may begin with an inlined call.
func checkNamed(name string, fn interface{}, names string, args ...interface{}) {
	call := knownCall{fn: reflect.ValueOf(fn), name: name}
	parts := strings.SplitN(names, "->", 2)
	call.params = strings.Fields(parts[0])
	if len(parts) == 2 {
		call.results = strings.Fields(parts[1])
	}
	signature := call.fn.Type()
	if len(call.params) != signature.NumIn() || len(args) != signature.NumIn() {
		panic(fmt.Sprintf("%s: %d names, %d arguments, %d parameters", name, len(call.params), len(args), signature.NumIn()))
	}
	for i, arg := range args {
		value := reflect.New(signature.In(i)).Elem()
		if arg != nil {
			given := reflect.ValueOf(arg)
			if !given.Type().AssignableTo(value.Type()) {
				given = given.Convert(value.Type())
			}
			value.Set(given)
		}
		call.args = append(call.args, value)
	}
	calls = append(calls, call)
}

// CheckDirect is check for a call that compiled code makes, with these arguments; its results are no interfaces.
func checkDirect(fn interface{}, call func() []interface{}, names string, args ...interface{}) {
	check(fn, names, args...)
	calls[len(calls)-1].direct = call
}

type knownValue struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Text string `json:"text"`
}

type truth struct {
	Func    string       `json:"func"`
	Args    []knownValue `json:"args"`
	Results []knownValue `json:"results"`
}

func (c *knownCall) run() truth {
	line := truth{Func: c.name, Args: []knownValue{}, Results: []knownValue{}}
	signature := c.fn.Type()
	// Before the call, so that what is shown is in memory.
	for i, arg := range c.args {
		if name := c.params[i]; name != "_" {
			line.Args = append(line.Args, knownValue{name, signature.In(i).String(), parameterText(name, arg)})
		}
	}
	var results []reflect.Value
	switch {
	case c.direct != nil:
		for _, result := range c.direct() {
			results = append(results, reflect.ValueOf(result))
		}
	case signature.IsVariadic():
		results = c.fn.CallSlice(c.args)
	default:
		results = c.fn.Call(c.args)
	}
	for i, result := range results {
		name := fmt.Sprintf("~r%d", i)
		if i < len(c.results) && c.results[i] != "_" {
			name = c.results[i]
		}
		line.Results = append(line.Results, knownValue{name, signature.Out(i).String(), parameterText(name, result)})
	}
	return line
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "functions" {
		seen := map[string]bool{}
		for _, call := range calls {
			if !seen[call.name] {
				seen[call.name] = true
				fmt.Println(call.name)
			}
		}
		return
	}
	output := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(output)
	encoder.SetEscapeHTML(false)
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
		var from, to int
		if n, _ := fmt.Sscanf(input.Text(), "load %d", &to); n == 1 {
			load(to)
			fmt.Fprintln(output, "done")
		} else if n, _ := fmt.Sscanf(input.Text(), "run %d %d", &from, &to); n == 2 {
			for i := from; i < to && i < len(calls); i++ {
				if err := encoder.Encode(calls[i].run()); err != nil {
					panic(err)
				}
			}
			fmt.Fprintln(output, "done")
		} else {
			fmt.Fprintln(output, len(calls))
		}
		output.Flush()
	}
	runtime.KeepAlive(calls)
}
