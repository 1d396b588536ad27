// Callbacks goes from Go through C into Go again, several times over on one thread, on locked threads and on threads
// that C made, and leaves C by panics and by runtime.Goexit. It prints a line for each call of its functions and for its
// end: `call FUNC gN NAME=VALUE …`, `return FUNC gN VALUE …`, `unwound FUNC gN`.
package main

/*
#include <pthread.h>

extern long enter(long depth, double x);
extern double threadCall(long n);
extern void throws(long n);

static long through(long depth, double x) { return enter(depth, x) + 1; }
static void throwThrough(long n) { throws(n); }

static void *calls(void *first)
{
	for (long n = 0; n < 3; n++)
		threadCall((long)first + n);
	return 0;
}

static void threads(long count)
{
	pthread_t threads[8];
	for (long i = 0; i < count && i < 8; i++)
		pthread_create(&threads[i], 0, calls, (void *)(10 * i));
	for (long i = 0; i < count && i < 8; i++)
		pthread_join(threads[i], 0);
}
*/
import "C"

import (
	"bytes"
	"fmt"
	"runtime"
	"strconv"
	"sync"
)

func say(event, function string, values ...interface{}) {
	var stack [64]byte
	goid := bytes.Fields(stack[:runtime.Stack(stack[:], false)])[1]
	line := fmt.Sprintf("%s main.%s g%s", event, function, goid)
	for _, value := range values {
		line += " " + text(value)
	}
	fmt.Println(line)
}

func text(value interface{}) string {
	switch value := value.(type) {
	case float64:
		return strconv.FormatFloat(value, 'g', -1, 64)
	case string:
		return strconv.Quote(value)
	}
	return fmt.Sprint(value)
}

//go:noinline
func descend(depth int, x float64, s string) (r int, t string) {
	say("call", "descend", depth, x, s)
	defer func() { say("return", "descend", r, t) }()
	if depth == 0 {
		return 7, s
	}
	return int(C.through(C.long(depth), C.double(x))), s + "!"
}

//export enter
func enter(depth C.long, x C.double) (r C.long) {
	say("call", "enter", depth, float64(x))
	defer func() { say("return", "enter", r) }()
	n, _ := descend(int(depth)-1, float64(x)*2, "callback")
	return C.long(n)
}

//export threadCall
func threadCall(n C.long) (r C.double) {
	say("call", "threadCall", n)
	defer func() { say("return", "threadCall", float64(r)) }()
	return C.double(half(int(n), float64(n)))
}

//go:noinline
func half(n int, x float64) (r float64) {
	say("call", "half", n, x)
	defer func() { say("return", "half", r) }()
	return x / 2
}

//export throws
func throws(n C.long) {
	say("call", "throws", n)
	defer say("unwound", "throws")
	if n > 0 {
		C.throwThrough(n - 1)
	}
	panic("thrown")
}

//go:noinline
func catches(n int) (caught bool) {
	say("call", "catches", n)
	defer func() {
		caught = recover() == "thrown"
		say("return", "catches", caught)
	}()
	C.throwThrough(C.long(n))
	return false
}

//go:noinline
func exits(n int) {
	say("call", "exits", n)
	defer say("unwound", "exits")
	runtime.Goexit()
}

func locked(work func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		work()
	}()
	<-done
}

func main() {
	descend(3, 1.25, "main")
	C.threads(4)
	locked(func() {
		descend(2, -0.5, "locked")
		catches(2)
		catches(0)
		descend(1, 3, "after a panic")
	})
	// Their threads end with the goroutines, so C gets others.
	locked(func() { exits(1) })
	C.threads(2)
	var all sync.WaitGroup
	for i := 0; i < 6; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			descend(4, float64(i), "parallel")
			catches(3)
		}(i)
	}
	all.Wait()
}
