// Command context tells, for every call of the traced functions, the stack and the labels that the call has: the test
// compares them with what the trace shows. Each call is known by its number.
//
//	context stacks      calls from every kind of frame
//	context busy N      four goroutines, N calls each, with stacks that grow and move
//	context labels      labels set, nested, taken away
//	context busylabels N
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"runtime/pprof"
	"sort"
	"strconv"
	"strings"
	"sync"
)

var (
	out   = bufio.NewWriterSize(os.Stdout, 1<<20)
	mutex sync.Mutex
	sink  int
)

// Traced.
//
//go:noinline
func traced(id int) int {
	sink += id
	return id
}

// Writes "ID<tab>FUNC FILE LINE<tab>FUNC FILE LINE...", the caller first. Called in the line of the traced call, it has the
// same stack.
//
//go:noinline
func stackOf(id int) int {
	pcs := make([]uintptr, 4096)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	var line strings.Builder
	line.WriteString(strconv.Itoa(id))
	for {
		frame, more := frames.Next()
		if frame.Function != "runtime.goexit" && frame.Function != "" {
			fmt.Fprintf(&line, "\t%s %s %d", frame.Function, frame.File, frame.Line)
		}
		if !more {
			break
		}
	}
	mutex.Lock()
	fmt.Fprintln(out, line.String())
	mutex.Unlock()
	return id
}

func both(id int) { _, _ = traced(id), stackOf(id) }

func called(id int)       { _, _ = traced(id), stackOf(id) }
func inlinedTwice(id int) { called(id) }
func inlinedDeep(id int)  { inlinedTwice(id) }

func thin(f func(int) int, id int) int    { return f(id) }
func thinner(f func(int) int, id int) int { return thin(f, id) }

type small struct{ base int }

func (s small) value(id int)    { _, _ = traced(s.base+id), stackOf(s.base+id) }
func (s *small) pointer(id int) { _, _ = traced(s.base+id), stackOf(s.base+id) }

type embeds struct{ *small }

type valuer interface{ value(int) }

type Exported struct{}

//go:noinline
func (Exported) Reflected(id int) { _, _ = traced(id), stackOf(id) }

//go:noinline
func bigFrame(id int) int {
	var area [40000]byte
	area[id%len(area)] = 1
	_, _ = traced(id), stackOf(id)
	return int(area[(id+1)%len(area)])
}

//go:noinline
func recurse(depth, id int) int {
	if depth == 0 {
		_, _ = traced(id), stackOf(id)
		return 1
	}
	return recurse(depth-1, id) + 1
}

//go:noinline
func odd(depth, id int) int {
	if depth == 0 {
		_, _ = traced(id), stackOf(id)
		return 0
	}
	return even(depth-1, id) + 1
}

//go:noinline
func even(depth, id int) int { return odd(depth, id) * 2 }

//go:noinline
func panics(p *small) int { return p.base }

func recovers(id int, f func()) {
	defer func() {
		_, _ = traced(id), stackOf(id)
		recover()
	}()
	f()
}

//go:noinline
func results(id int) (a int, err error) {
	defer func() { _, _ = traced(id), stackOf(id) }()
	return id, nil
}

func inGoroutine(f func()) {
	done := make(chan bool)
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

func direct(wait *sync.WaitGroup, id int) {
	_, _ = traced(id), stackOf(id)
	wait.Done()
}

func stacks() {
	_, _ = traced(1), stackOf(1)
	both(2)
	inlinedDeep(3)
	func() { inlinedDeep(4) }()
	closure := func(id int) { both(id) }
	closure(5)
	s := &small{base: 0}
	s.pointer(6)
	s.value(7)
	var v valuer = embeds{s}
	v.value(8)
	method := s.value
	method(9)
	reflect.ValueOf(Exported{}).MethodByName("Reflected").Call([]reflect.Value{reflect.ValueOf(10)})
	bigFrame(11)
	inGoroutine(func() { both(12) })
	inGoroutine(func() { recurse(10, 13) })
	var wait sync.WaitGroup
	wait.Add(1)
	go direct(&wait, 14)
	wait.Wait()
	results(15)
	recovers(16, func() { panic("tried") })
	recovers(17, func() { sink += panics(nil) })
	sort.Slice([]int{1, 2}, func(i, j int) bool { _, _ = traced(18+i), stackOf(18+i); return true })
	odd(12, 20)
	recurse(55, 21)
	generic()
	_, _ = thinner(traced, 24), thinner(stackOf, 24)
	func() { _, _ = thin(traced, 25), thin(stackOf, 25) }()
	recurse(200, 30)
	inGoroutine(func() { recurse(100, 31) })
}

func busy(calls int) {
	var wait sync.WaitGroup
	for worker := 0; worker < 4; worker++ {
		wait.Add(1)
		go func(worker int) {
			defer wait.Done()
			for call := 0; call < calls; call++ {
				id := 1000 + worker*calls + call
				inGoroutine(func() { recurse(call%50, id) })
				if call%7 == 0 {
					runtime.GC()
				}
			}
		}(worker)
	}
	wait.Wait()
}

// Traced; the caller writes which labels it has.
//
//go:noinline
func labelled(id int) { sink += id }

func labelsOf(ctx context.Context, id int) {
	labelled(id)
	var pairs []string
	pprof.ForLabels(ctx, func(key, value string) bool {
		pairs = append(pairs, fmt.Sprintf("%q=%q", key, value))
		return true
	})
	sort.Strings(pairs)
	mutex.Lock()
	fmt.Fprintln(out, strings.Join(append([]string{strconv.Itoa(id)}, pairs...), "\t"))
	mutex.Unlock()
}

func many(n int) pprof.LabelSet {
	var pairs []string
	for i := 0; i < n; i++ {
		pairs = append(pairs, fmt.Sprintf("key%02d", i), strings.Repeat("v", i))
	}
	return pprof.Labels(pairs...)
}

func labels() {
	none := context.Background()
	labelsOf(none, 1)
	pprof.Do(none, pprof.Labels("request", "42"), func(ctx context.Context) {
		labelsOf(ctx, 2)
		pprof.Do(ctx, pprof.Labels("inner", "a b", "request", "43"), func(ctx context.Context) {
			labelsOf(ctx, 3)
			inGoroutine(func() { labelsOf(ctx, 4) })
		})
		labelsOf(ctx, 5)
	})
	labelsOf(none, 6)
	ctx := pprof.WithLabels(none, pprof.Labels("empty", "", "", "no key", "uni", "grüße ✓", "apiToken", "s3cr3t", "maxTokens", "7"))
	pprof.SetGoroutineLabels(ctx)
	labelsOf(ctx, 7)
	ctx = pprof.WithLabels(none, many(40))
	pprof.SetGoroutineLabels(ctx)
	labelsOf(ctx, 8)
	ctx = pprof.WithLabels(none, pprof.Labels("long", strings.Repeat("long ✓ ", 100)))
	pprof.SetGoroutineLabels(ctx)
	labelsOf(ctx, 9)
	pprof.SetGoroutineLabels(none)
	labelsOf(none, 10)
}

func busyLabels(calls int) {
	var wait sync.WaitGroup
	for worker := 0; worker < 4; worker++ {
		wait.Add(1)
		go func(worker int) {
			defer wait.Done()
			for call := 0; call < calls; call++ {
				id := 1000 + worker*calls + call
				ctx := pprof.WithLabels(context.Background(), pprof.Labels("id", strconv.Itoa(id), "worker", strconv.Itoa(worker)))
				pprof.SetGoroutineLabels(ctx)
				labelsOf(ctx, id)
				if call%5 == 0 {
					pprof.SetGoroutineLabels(context.Background())
					labelsOf(context.Background(), -id)
				}
			}
		}(worker)
	}
	wait.Wait()
}

func main() {
	switch os.Args[1] {
	case "stacks":
		stacks()
	case "busy":
		n, _ := strconv.Atoi(os.Args[2])
		busy(n)
	case "labels":
		labels()
	case "busylabels":
		n, _ := strconv.Atoi(os.Args[2])
		busyLabels(n)
	}
	out.Flush()
}
