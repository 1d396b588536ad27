// Command shapes holds a function of every shape that the Go compiler and linker know, and calls each of them with
// known arguments. It builds with Go 1.15 and later; what needs a later Go stands in files with a build tag.
//
//	shapes           calls everything once
//	shapes -n 0      calls everything again and again, until killed
//	shapes -print    prints one line per call: linker name, then name=text of each argument and =>name=text of
//	                 results, tabs between
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// call is one known call: what is called, its arguments in the value text that Probelens shall show, and the call.
type call struct {
	name string
	args []string
	do   func()
}

var calls []call

func register(name string, do func(), args ...string) {
	calls = append(calls, call{name, args, do})
}

// sink keeps results alive, so that no call is optimised away.
var sink interface{}

func main() {
	n := flag.Int("n", 1, "rounds; 0: without end")
	pause := flag.Duration("pause", 0, "pause between two rounds")
	print := flag.Bool("print", false, "print the calls that a round makes")
	only := flag.String("only", "", "make only calls of functions whose name contains this")
	flag.Parse()
	for round := 0; *n == 0 || round < *n; round++ {
		for _, c := range calls {
			if !strings.Contains(c.name, *only) {
				continue
			}
			if *print && round == 0 {
				fmt.Fprintln(os.Stdout, strings.Join(append([]string{c.name}, c.args...), "\t"))
			}
			c.do()
		}
		time.Sleep(*pause)
	}
}
