package main

import (
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
)

// Calls at full speed on several threads while stacks grow and move and the collector runs: every argument and result
// follows from the number of the call, so a value that is read at the wrong moment shows.

const loadThreads = 4

// The deepest call of a goroutine's recursion; its stack has doubled several times by then.
const loadDepth = 40

var loadCalls int64

//go:noinline
func loaded(call int, s string, p *Point, list []int32, m map[string]int, nine Nine, any interface{}) (sum Point, err error) {
	return Point{p.X + len(s), call}, MyError{call, s}
}

//go:noinline
func loadAt(depth, call int) (total int) {
	var frame [64]int
	if depth > 0 {
		frame[depth] = loadAt(depth-1, call)
		return frame[depth] + 1
	}
	list := []int32{}
	for i := 0; i < call%5; i++ {
		list = append(list, int32(call+i))
	}
	var any interface{} = call
	switch call % 3 {
	case 1:
		any = Name("n" + strconv.Itoa(call))
	case 2:
		any = &Line{"sku", call, 0.5}
	}
	sum, _ := loaded(call, "s"+strconv.Itoa(call), &Point{call, -call}, list, map[string]int{"k": call, "l": -call},
		Nine{A: call, I: -call}, any)
	return sum.Y
}

// Load makes this many calls.
func load(count int) {
	var done int32
	go func() {
		for atomic.LoadInt32(&done) == 0 {
			runtime.GC()
		}
	}()
	runtime.GOMAXPROCS(loadThreads)
	atomic.StoreInt64(&loadCalls, 0)
	var group sync.WaitGroup
	for i := 0; i < loadThreads; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				call := int(atomic.AddInt64(&loadCalls, 1))
				if call > count {
					return
				}
				// A goroutine of its own for each sixteenth call begins on a small stack.
				if call%16 == 0 {
					fresh := make(chan int)
					go func() { fresh <- loadAt(loadDepth, call) }()
					<-fresh
				} else {
					loadAt(call%loadDepth, call)
				}
			}
		}()
	}
	group.Wait()
	atomic.StoreInt32(&done, 1)
}
