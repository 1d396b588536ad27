// Floats calls functions with floats in registers, in the way that its first argument names, N times for each
// goroutine; at the end it prints a checksum of all results.
//
//	kinds        one call of each function of every kind; prints what each was given and returned, as `%#v` has it
//	threads N    4 goroutines, as fast as they go
//	nested N     calls within calls, and recursion
//	storm N      as threads, while GC runs and signals come all the time, SIGURG among them
//	grow N       calls that move the stack, each on a new goroutine
//	panics N     calls of which every second one panics and is recovered
//	notify N     asks for SIGURG by signal.Notify, and prints whether some came
package main

import (
	"fmt"
	"math"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type celsius float64

type inner struct {
	F float32
	N int8
}

type mixed struct {
	A  int64
	F  float64
	B  bool
	In inner
}

type pair struct{ X, Y float64 }

//go:noinline
func float64s(n int, x float64, y float64) (float64, float64) { keep(n); return y, x }

//go:noinline
func float32s(n int, x float32, y float32) (float32, float32) { keep(n); return y, x }

//go:noinline
func complex64s(n int, z complex64) complex64 { keep(n); return -z }

//go:noinline
func complex128s(n int, z complex128) complex128 { keep(n); return -z }

//go:noinline
func mixeds(m mixed, n int, p pair) (pair, mixed) { keep(n); m.A++; return pair{p.Y, p.X}, m }

//go:noinline
func one(n int, a [1]float64, s string) (a1 [1]float64, err error) { keep(n); return a, nil }

//go:noinline
func many(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q float64) (float64, float64) {
	keep(int(a))
	return q, p
}

//go:noinline
func (c celsius) plus(d celsius) celsius { keep(int(d)); return c + d }

//go:noinline
func deep(x float64, m *mixed, y float32) (float64, *mixed) { keep(int(x)); return x, m }

// One instruction, the ret: call and return at once.
//
//go:noinline
func identity(x float64) float64 { return x }

// Its first instruction changes x, so x cannot be had.
//
//go:noinline
func double(x float64) float64 { return x * 2 }

// A frame, so that the functions begin as most do.
//
//go:noinline
func keep(n int) {
	var room [64]byte
	room[n&63] = 1
	atomic.AddInt64(&kept, int64(room[(n+1)&63]))
}

var kept int64

func show(name string, args []interface{}, results []interface{}) {
	fmt.Println("KIND " + name + "|" + list(args) + "|" + list(results))
}

func list(values []interface{}) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = fmt.Sprintf("%#v", value)
	}
	return strings.Join(texts, ";")
}

type values []interface{}

type pointer struct{}

func (pointer) GoString() string { return "&" }

func kinds() {
	for n, x := range []float64{0, math.Copysign(0, -1), 1.5, -2.25e-300, math.MaxFloat64, 5e-324, math.Inf(1), math.Inf(-1), math.NaN(), math.Pi} {
		y := float64(n) + 0.5
		r0, r1 := float64s(n, x, y)
		show("main.float64s", values{n, x, y}, values{r0, r1})
		f, g := float32(x), float32(y)
		s0, s1 := float32s(n, f, g)
		show("main.float32s", values{n, f, g}, values{s0, s1})
	}
	z := complex(1.5, -2)
	show("main.complex128s", values{1, z}, values{complex128s(1, z)})
	show("main.complex64s", values{2, complex64(z)}, values{complex64s(2, complex64(z))})
	m, p := mixed{7, 2.5, true, inner{0.25, -3}}, pair{1e100, -1}
	q, o := mixeds(m, 3, p)
	show("main.mixeds", values{m, 3, p}, values{q, o})
	a, err := one(4, [1]float64{9.75}, "s")
	_ = err
	show("main.one", values{4, [1]float64{9.75}, "s"}, values{a})
	b, c := many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)
	show("main.many", values{1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0}, values{b, c})
	show("main.celsius.plus", values{celsius(20.5), celsius(1)}, values{celsius(20.5).plus(1)})
	show("main.identity", values{1.25}, values{identity(1.25)})
	show("main.double", values{4.5}, values{double(4.5)})
	d, _ := deep(0.125, &m, 8)
	show("main.deep", values{0.125, pointer{}, float32(8)}, values{d})
}

// All of n, x and y say which call it is, and so do the results.
//
//go:noinline
func work(n int, x float64, y float32) (float64, float32) {
	keep(n)
	return x * 2, y * 2
}

//go:noinline
func outer(n int, x float64) float64 {
	r := middle(n, x+0.25)
	return r + float64(n)*0
}

//go:noinline
func middle(n int, x float64) float64 {
	a, _ := work(n, float64(n)*1.5, float32(n)*0.5)
	return a*0 + x
}

//go:noinline
func recurse(n int, x float64) float64 {
	if n == 0 {
		return x
	}
	return recurse(n-1, x+0.5) + 0
}

//go:noinline
func grow(n int, x float64, left int) float64 {
	var room [512]byte
	room[left&511] = byte(n)
	if left > 0 {
		x = grow(n, x+1, left-1)
	}
	return x + float64(room[(left+1)&511])
}

//go:noinline
func risky(n int, x float64) float64 {
	keep(n)
	if n%2 == 0 {
		panic(n)
	}
	return x + 1
}

func safely(n int) (x float64) {
	defer func() {
		if recover() != nil {
			x = 1
		}
	}()
	return risky(n, float64(n)*1.5)
}

func call(n int) float64 {
	a, b := work(n, float64(n)*1.5, float32(n%(1<<20))*0.5)
	return a + float64(b)
}

func onGoroutines(n int, f func(n int) float64) float64 {
	var wait sync.WaitGroup
	var sums [4]float64
	for g := 0; g < len(sums); g++ {
		g := g
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := 0; i < n; i++ {
				sums[g] += f(g*n + i)
			}
		}()
	}
	wait.Wait()
	return sums[0] + sums[1] + sums[2] + sums[3]
}

// Collects, forces preemption (loops without calls) and sends signals until the end.
func storm() (end func()) {
	done := make(chan bool)
	var ended sync.WaitGroup
	var over int32
	ended.Add(3)
	go func() {
		defer ended.Done()
		for {
			select {
			case <-done:
				return
			default:
				runtime.GC()
			}
		}
	}()
	go func() {
		defer ended.Done()
		for atomic.LoadInt32(&over) == 0 {
			for i := 0; i < 1000000; i++ {
				spun += i
			}
		}
	}()
	go func() {
		defer ended.Done()
		for atomic.LoadInt32(&over) == 0 {
			syscall.Kill(os.Getpid(), syscall.SIGURG)
			syscall.Kill(os.Getpid(), syscall.SIGWINCH)
			time.Sleep(100 * time.Microsecond)
		}
	}()
	return func() {
		atomic.StoreInt32(&over, 1)
		close(done)
		ended.Wait()
	}
}

var spun int

func main() {
	n := 0
	if len(os.Args) > 2 {
		n, _ = strconv.Atoi(os.Args[2])
	}
	sum := 0.0
	switch os.Args[1] {
	case "kinds":
		kinds()
	case "threads":
		sum = onGoroutines(n, call)
	case "nested":
		sum = onGoroutines(n, func(n int) float64 { return outer(n, float64(n)*1.5) + recurse(n%10, float64(n)) })
	case "storm":
		end := storm()
		sum = onGoroutines(n, call)
		end()
	case "grow":
		sum = onGoroutines(n, func(n int) float64 {
			result := make(chan float64)
			go func() { result <- grow(n, float64(n)*1.5, 60) }()
			return <-result
		})
	case "panics":
		sum = onGoroutines(n, safely)
	case "notify":
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGURG)
		sum = onGoroutines(n, call)
		// The runtime hands them on later, on a goroutine of its own, and of those that wait the lower numbers first.
		last := make(chan os.Signal, 1)
		signal.Notify(last, syscall.SIGWINCH)
		syscall.Kill(os.Getpid(), syscall.SIGWINCH)
		<-last
		fmt.Println("SIGURG", len(signals))
	}
	fmt.Println("SUM", sum)
}
