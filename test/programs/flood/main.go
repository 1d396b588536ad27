// Flood calls some functions without a pause and others now and then, counts every call itself, and says how many there
// were.
//
//	hot on|off     a goroutine calls main.hot without a pause
//	many on|off    a goroutine calls each of main.one, main.two, … main.eight up to five hundred times a second
//	panics on|off  a goroutine panics and recovers without a pause
//	paced NAME N   a goroutine calls main.table, main.scale or main.decided N times each millisecond or two; 0: not
//	pause MS       that often instead
//	cheap N        N calls of main.cheap, a millisecond apart; answers "done cheap"
//	bursts N S     N calls of each of main.one, … main.eight in a row, S times, half a second apart; answers "done bursts"
//	counts         answers "counts hot=… cheap=… …"
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// leaf makes its callers have a frame and a stack check, so that their prologues are the usual ones.
//
//go:noinline
func leaf(n int) int { return n ^ 1 }

//go:noinline
func hot(n int) int { return leaf(n) + 1 }

//go:noinline
func cheap(n int) int { return leaf(n) + 2 }

//go:noinline
func one(n int) int { return leaf(n) + 3 }

//go:noinline
func two(n int) int { return leaf(n) + 4 }

//go:noinline
func three(n int) int { return leaf(n) + 5 }

//go:noinline
func four(n int) int { return leaf(n) + 6 }

//go:noinline
func five(n int) int { return leaf(n) + 7 }

//go:noinline
func six(n int) int { return leaf(n) + 8 }

//go:noinline
func seven(n int) int { return leaf(n) + 9 }

//go:noinline
func eight(n int) int { return leaf(n) + 10 }

//go:noinline
func table(m map[string]int) int { return leaf(len(m)) + 11 }

//go:noinline
func scale(f float64) int { return leaf(int(f)) + 12 }

//go:noinline
func decided(n int) int { return leaf(n) + 13 }

// Large enough that looking at it costs many times what the trap does.
var large = func() map[string]int {
	m := map[string]int{}
	for n := range 100 {
		m[fmt.Sprint("key ", n)] = n
	}
	return m
}()

var paced = []struct {
	name  string
	call  func(int) int
	each  atomic.Int64
	calls atomic.Int64
}{
	{name: "table", call: func(int) int { return table(large) }},
	{name: "scale", call: func(n int) int { return scale(float64(n)) }},
	{name: "decided", call: decided},
}

var some = []struct {
	name  string
	call  func(int) int
	calls atomic.Int64
}{
	{name: "one", call: one}, {name: "two", call: two}, {name: "three", call: three}, {name: "four", call: four},
	{name: "five", call: five}, {name: "six", call: six}, {name: "seven", call: seven}, {name: "eight", call: eight},
}

var (
	pause               atomic.Int64
	hotOn, manyOn       atomic.Bool
	panicsOn            atomic.Bool
	hotCalls, cheapCall atomic.Int64
	// Held while calls are made: who switches them off waits for the last one.
	calling sync.RWMutex
)

func runHot() {
	for n := 0; ; n++ {
		calling.RLock()
		if !hotOn.Load() {
			calling.RUnlock()
			time.Sleep(time.Millisecond)
			continue
		}
		for range 100 {
			hotCalls.Add(1)
			hot(n)
		}
		calling.RUnlock()
	}
}

func runMany() {
	for n := 0; ; n++ {
		time.Sleep(2 * time.Millisecond)
		calling.RLock()
		for i := range some {
			if !manyOn.Load() {
				break
			}
			some[i].calls.Add(1)
			some[i].call(n)
		}
		calling.RUnlock()
	}
}

//go:noinline
func recovers(n int) (r int) {
	defer func() { _ = recover() }()
	panic(n)
}

func runPanics() {
	for n := 0; ; n++ {
		if !panicsOn.Load() {
			time.Sleep(time.Millisecond)
			continue
		}
		recovers(n)
	}
}

func runPaced() {
	for n := 0; ; n++ {
		time.Sleep(time.Duration(pause.Load()) * time.Millisecond)
		calling.RLock()
		for i := range paced {
			for range paced[i].each.Load() {
				paced[i].calls.Add(1)
				paced[i].call(n)
			}
		}
		calling.RUnlock()
	}
}

func main() {
	pause.Store(1)
	go runHot()
	go runPaced()
	go runPanics()
	go runMany()
	fmt.Println("ready")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		words := strings.Fields(input.Text())
		switch words[0] {
		case "hot":
			hotOn.Store(words[1] == "on")
			calling.Lock()
			calling.Unlock()
		case "many":
			manyOn.Store(words[1] == "on")
			calling.Lock()
			calling.Unlock()
		case "panics":
			panicsOn.Store(words[1] == "on")
		case "paced":
			count, _ := strconv.Atoi(words[2])
			for i := range paced {
				if paced[i].name == words[1] {
					paced[i].each.Store(int64(count))
				}
			}
			calling.Lock()
			calling.Unlock()
		case "pause":
			count, _ := strconv.Atoi(words[1])
			pause.Store(int64(count))
		case "cheap":
			count, _ := strconv.Atoi(words[1])
			for n := range count {
				time.Sleep(time.Millisecond)
				cheapCall.Add(1)
				cheap(n)
			}
		case "bursts":
			count, _ := strconv.Atoi(words[1])
			times, _ := strconv.Atoi(words[2])
			for range times {
				for i := range some {
					some[i].calls.Add(int64(count))
					for n := range count {
						some[i].call(n)
					}
				}
				time.Sleep(time.Second / 2)
			}
		case "counts":
			fmt.Printf("counts hot=%d cheap=%d", hotCalls.Load(), cheapCall.Load())
			for i := range some {
				fmt.Printf(" %s=%d", some[i].name, some[i].calls.Load())
			}
			for i := range paced {
				fmt.Printf(" %s=%d", paced[i].name, paced[i].calls.Load())
			}
			fmt.Println()
			continue
		}
		fmt.Println("done", words[0])
	}
}
