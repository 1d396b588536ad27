// Exact counts its own calls while everything goes on that could make a probe miss one or count it twice: stacks that
// grow at every depth, goroutines that are preempted, a collector that runs all the time, panics, nil pointers. Commands,
// on standard input, one each; each answers "done COMMAND":
//
//	run N SEED   some N calls of each function in 8 goroutines on 2 threads
//	counts       says how many there were in all, and how many of them returned: "main.NAME CALLS RETURNED"
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const goroutines = 8

// What a goroutine counts, added up when it ends.
type counts struct {
	calls, returned [functions]int64
}

const (
	framed = iota
	leaf
	branchy
	unused
	large
	recursive
	panicking
	pointed
	inlined
	functions
)

var (
	names = [functions]string{"framed", "leaf", "branchy", "unused", "large", "recursive", "panicking", "pointed", "inlined"}
	total counts
	sink  [goroutines]int
)

type node struct {
	pad, value int
}

//go:noinline
func outside(n int) int { return n ^ 5 }

// A frame of its own: behind the stack check.
//
//go:noinline
func Framed(n int, s string) int { return outside(n) + len(s) }

// No frame, and nothing that the kernel emulates.
//
//go:noinline
func Leaf(n, m int) int { return n*3 + m }

// No frame, and a branch.
//
//go:noinline
func Branchy(n, limit int) int {
	if n > limit {
		return n - limit
	}
	return n
}

// Its arguments are not used, so the stack check need not keep them.
//
//go:noinline
func Unused(n int, s string) int { return outside(7) }

//go:noinline
func Large(n int) int {
	var frame [600]int
	frame[n%600] = n
	return frame[outside(n)%600&^1] + n
}

//go:noinline
func Recursive(c *counts, n int) int {
	if n == 0 {
		c.returned[recursive]++
		return 1
	}
	c.calls[recursive]++
	r := Recursive(c, n-1) + 1
	c.returned[recursive]++
	return r
}

//go:noinline
func Panicking(n int) int {
	if n%3 == 0 {
		panic(n)
	}
	return outside(n)
}

//go:noinline
func Pointed(p *node) int { return p.value }

func Inlined(n int) int {
	shared[n&63] += n
	return shared[(n+1)&63]
}

var shared [64]int

func recovering(c *counts, n int) {
	defer func() { recover() }()
	c.calls[panicking]++
	Panicking(n)
	c.returned[panicking]++
}

func dereferencing(c *counts, p *node) {
	defer func() { recover() }()
	c.calls[pointed]++
	Pointed(p)
	c.returned[pointed]++
}

// One call of each function, from wherever the stack is just then.
//
//go:noinline
func all(c *counts, n int) int {
	r := Framed(n, "text")
	c.calls[framed]++
	r += Leaf(n, r)
	c.calls[leaf]++
	r += Branchy(n, 100)
	c.calls[branchy]++
	r += Unused(n, "unused")
	c.calls[unused]++
	if n%8 == 0 {
		r += Large(n)
		c.calls[large]++
	}
	c.calls[recursive]++
	r += Recursive(c, n&3)
	recovering(c, n)
	if n%5 == 0 {
		dereferencing(c, nil)
	} else {
		dereferencing(c, &node{n, n})
	}
	x := Inlined(n)
	c.calls[inlined]++
	return r + x
}

// Frames of several sizes, so that the limit of the stack is met in each of the functions.
//
//go:noinline
func climb(c *counts, depth, n int) int {
	if depth == 0 {
		return all(c, n)
	}
	switch depth % 3 {
	case 0:
		return climb24(c, depth-1, n) + 1
	case 1:
		return climb200(c, depth-1, n) + 1
	}
	return climb(c, depth-1, n) + 1
}

//go:noinline
func climb24(c *counts, depth, n int) int {
	var frame [3]int
	frame[n%3] = climb(c, depth, n)
	return frame[0] + frame[1] + frame[2]
}

//go:noinline
func climb200(c *counts, depth, n int) int {
	var frame [25]int
	frame[n%25] = climb(c, depth, n)
	return frame[n%25]
}

func worker(g, n int, seed uint64) {
	var c counts
	for i := 0; i < n; {
		done := make(chan int)
		// A new goroutine begins with a small stack.
		go func() {
			r := 0
			for k := 0; k < 16 && i < n; k++ {
				seed = seed*6364136223846793005 + 1442695040888963407
				r += climb(&c, int(seed>>33)%48, i)
				i++
			}
			done <- r
		}()
		sink[g] += <-done
	}
	for k := range c.calls {
		if k != panicking && k != pointed && k != recursive {
			c.returned[k] = c.calls[k]
		}
		atomic.AddInt64(&total.calls[k], c.calls[k])
		atomic.AddInt64(&total.returned[k], c.returned[k])
	}
}

func run(n int, seed uint64) {
	var group sync.WaitGroup
	for g := 0; g < goroutines; g++ {
		group.Add(1)
		go func(g int) {
			defer group.Done()
			worker(g, n/goroutines, seed*goroutines+uint64(g))
		}(g)
	}
	group.Wait()
}

// Stops the world again and again, which preempts what runs wherever it can be.
func disturb() {
	var stats runtime.MemStats
	for i := 0; ; i++ {
		if i%2 == 0 {
			runtime.GC()
		} else {
			runtime.ReadMemStats(&stats)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func main() {
	runtime.GOMAXPROCS(2)
	debug.SetGCPercent(20)
	go disturb()
	fmt.Println("ready")
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
		words := strings.Fields(input.Text())
		switch words[0] {
		case "run":
			n, _ := strconv.Atoi(words[1])
			seed, _ := strconv.ParseUint(words[2], 10, 64)
			run(n, seed)
		case "counts":
			for k, name := range names {
				fmt.Printf("main.%s %d %d\n", strings.ToUpper(name[:1])+name[1:], total.calls[k], total.returned[k])
			}
		}
		fmt.Println("done", words[0])
	}
}
