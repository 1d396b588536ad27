// Functions that use none of their arguments: the compiler does not keep these in registers where the stack check fails.
package main

import (
	"os"
	"strconv"
)

const calls = 200

var (
	sink     byte
	at       int
	finished = make(chan bool)
)

// More than a new goroutine's stack has.
type room [24 << 10]byte

//go:noinline
func ignores(n int, name string, half float64, on bool) {
	var own room
	fill(&own)
	sink += own[at]
}

//go:noinline
func floats(half float64, third float32) {
	var own room
	fill(&own)
	sink += own[at]
}

//go:noinline
func fill(own *room) { own[at] = 1 }

func callIgnores(n int) { ignores(n, "call "+strconv.Itoa(n), float64(n)/2, n%2 == 1) }
func callFloats(n int)  { floats(float64(n)/2, float32(n)) }

// From here a call has the room that it needs.
//
//go:noinline
func warm(call func(int)) {
	var own [4]room
	fill(&own[at])
	sink += own[at][at]
	for n := 0; n < calls; n++ {
		call(n)
	}
}

// One call on a stack that has to grow for it, then one on the stack that has grown.
func grow(call func(int), n int) {
	call(n)
	call(n + calls)
	finished <- true
}

func main() {
	for _, call := range []func(int){callIgnores, callFloats} {
		warm(call)
		for n := calls; n < 2*calls; n++ {
			go grow(call, n)
			<-finished
		}
	}
	os.Stdout.WriteString("done\n")
}
