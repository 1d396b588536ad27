// Ends makes calls that end in every way there is, and knows how each of them ended. Commands, from its arguments and
// then from standard input, one each; each answers "done COMMAND":
//
//	recurse N   one call of main.recurse, N deep
//	unwind N    the same, but the innermost panics and the caller of the outermost recovers
//	goexit N    the same, but the innermost leaves by runtime.Goexit
//	inside N    N goroutines go into main.held
//	nested N    N goroutines go through main.outer into main.held
//	release     they all come back
//	short N     N goroutines, 64 at a time, each of which panics through main.boom and recovers outside of it
//	spin G      G goroutines call main.spin as fast as they can, until the program exits
//	panics N    N panics a second through main.boom, recovered outside of it, until the program exits
//	count       says how many of them there were: "count N"
//	random N S  N more calls of the functions below in all in 8 goroutines, seed S: panics, recovering, panicking
//	            again, Goexit, recursion, nil arguments
//	truth PATH  writes one byte for each serial number of `random`: 0 not called, 1 called, 2 returned
//	exit N      ends with status N
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

//go:noinline
func recurse(n int, innermost func()) int {
	if n == 0 {
		innermost()
		return 0
	}
	return recurse(n-1, innermost) + 1
}

func unwind(n int) {
	defer func() { recover() }()
	recurse(n, func() { panic("the innermost") })
}

var (
	gate   = make(chan struct{})
	inside int64
	held_  sync.WaitGroup
)

//go:noinline
func held(n int) int {
	atomic.AddInt64(&inside, 1)
	<-gate
	return n
}

//go:noinline
func outer(n int) int { return held(n) + 1 }

func hold(n int, f func(int) int) {
	want := atomic.LoadInt64(&inside) + int64(n)
	held_.Add(n)
	for i := 0; i < n; i++ {
		go func(i int) {
			defer held_.Done()
			f(i)
		}(i)
	}
	for atomic.LoadInt64(&inside) < want {
		time.Sleep(time.Millisecond)
	}
}

//go:noinline
func boom(n int) int {
	if n >= 0 {
		panic("boom")
	}
	return n
}

var panicked int64

func panicking(n int) {
	defer func() { recover() }()
	boom(n)
}

//go:noinline
func spin(n int) int { return n*3 + len(os.Args) }

// What `random` calls. Each call has a serial number, by which its end is known; a return gives 2*serial+1, where a
// deferred closure recovered -serial.
var (
	ends   []byte
	serial int64
)

const (
	called   = 1
	returned = 2
)

type ender func(n int, seed uint64, depth int) int

func call(f ender, seed uint64, depth int) {
	n := int(atomic.AddInt64(&serial, 1)) - 1
	if n >= len(ends) {
		return
	}
	ends[n] = called
	f(n, seed, depth)
	ends[n] = returned
}

// splitmix64
func next(seed *uint64) int {
	*seed += 0x9e3779b97f4a7c15
	z := *seed
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int((z ^ z>>31) >> 33)
}

// More calls below this one, of which some do not come back.
func more(seed uint64, depth int) {
	if depth <= 0 {
		return
	}
	for i := next(&seed) % 3; i > 0; i-- {
		call(functions[next(&seed)%len(functions)], seed, depth-1)
	}
}

// Some have an argument that is followed over several pointers.
type node struct {
	next *node
	n    int
}

func chain(n int) *node { return &node{&node{&node{nil, n}, n}, n} }

var functions []ender

func init() {
	functions = []ender{
		plain,
		plain,
		func(n int, seed uint64, depth int) int { return panics(n, seed, depth, chain(n)) },
		recovers,
		func(n int, seed uint64, depth int) int { return again(n, seed, depth, chain(n)) },
		nothing,
		deep,
	}
}

//go:noinline
func plain(n int, seed uint64, depth int) int {
	more(seed, depth)
	return 2*n + 1
}

//go:noinline
func panics(n int, seed uint64, depth int, link *node) int {
	more(seed, depth)
	if n%3 != 0 {
		panic(n)
	}
	return 2*link.next.n + 1
}

//go:noinline
func recovers(n int, seed uint64, depth int) (result int) {
	defer func() {
		if recover() != nil {
			result = -n
		}
	}()
	more(seed, depth)
	return 2*n + 1
}

//go:noinline
func again(n int, seed uint64, depth int, link *node) int {
	defer func() {
		if err := recover(); err != nil {
			// In a deferred call, with a traced function of its own below.
			call(plain, seed, 0)
			panic(err)
		}
	}()
	more(seed, depth)
	return 2*link.n + 1
}

type pointee struct{ padding, value int }

var null *pointee

//go:noinline
func nothing(n int, seed uint64, depth int) int {
	more(seed, depth)
	p := null
	if n%2 == 0 {
		p = &pointee{}
	}
	return 2*n + 1 + read(p)
}

//go:noinline
func read(p *pointee) int { return p.value }

//go:noinline
func deep(n int, seed uint64, depth int) int {
	var pad [256]byte
	pad[n&255] = 1
	if depth > -20 && n%4 != 0 {
		call(deep, seed, depth-1)
	}
	return 2*n + int(pad[n&255])
}

//go:noinline
func leaves(n int, seed uint64, depth int, link *node) int {
	more(seed, depth)
	if link != nil {
		runtime.Goexit()
	}
	return 2*n + 1
}

// One goroutine's worth of calls; some end their goroutine, then the next one goes on.
func worker(seed uint64, done *sync.WaitGroup) {
	defer done.Done()
	for atomic.LoadInt64(&serial) < int64(len(ends)) {
		ended := make(chan struct{})
		go func(seed uint64) {
			defer close(ended)
			for i := 0; i < 50; i++ {
				func() {
					defer func() { recover() }()
					more(seed+uint64(next(&seed)), 6)
				}()
			}
			defer func() { recover() }()
			call(func(n int, seed uint64, depth int) int { return leaves(n, seed, depth, chain(n)) }, seed, 3)
		}(seed)
		<-ended
		next(&seed)
	}
}

func run(command string) {
	words := strings.Fields(command)
	n := 0
	if len(words) > 1 {
		n, _ = strconv.Atoi(words[1])
	}
	switch words[0] {
	case "recurse":
		recurse(n, func() {})
	case "unwind":
		unwind(n)
	case "goexit":
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			recurse(n, runtime.Goexit)
		}()
		<-ended
	case "inside":
		hold(n, held)
	case "nested":
		hold(n, outer)
	case "release":
		close(gate)
		held_.Wait()
		gate = make(chan struct{})
	case "short":
		var wait sync.WaitGroup
		room := make(chan struct{}, 64)
		for i := 0; i < n; i++ {
			wait.Add(1)
			room <- struct{}{}
			go func(i int) {
				defer wait.Done()
				panicking(i)
				<-room
			}(i)
		}
		wait.Wait()
	case "spin":
		for g := 0; g < n; g++ {
			go func() {
				for i := 0; ; i++ {
					spin(i)
				}
			}()
		}
	case "panics":
		go func() {
			for i := 0; ; {
				start := time.Now()
				for end := i + n/100; i < end; i++ {
					panicking(i)
				}
				atomic.StoreInt64(&panicked, int64(i))
				time.Sleep(10*time.Millisecond - time.Since(start))
			}
		}()
	case "count":
		fmt.Println("count", atomic.LoadInt64(&panicked))
	case "random":
		serial = int64(len(ends))
		ends = append(ends, make([]byte, n)...)
		seed, _ := strconv.ParseUint(words[2], 10, 64)
		var wait sync.WaitGroup
		wait.Add(8)
		for g := uint64(0); g < 8; g++ {
			go worker(seed*8+g, &wait)
		}
		wait.Wait()
	case "truth":
		if err := writeFile(words[1], ends); err != nil {
			fmt.Println(err)
		}
	case "exit":
		os.Exit(n)
	}
	fmt.Println("done", words[0])
}

func main() {
	for _, command := range os.Args[1:] {
		run(command)
	}
	fmt.Println("ready")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		run(input.Text())
	}
}

// os.WriteFile is not in Go 1.15.
func writeFile(path string, bytes []byte) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := file.Write(bytes); err != nil {
		return err
	}
	return file.Close()
}
