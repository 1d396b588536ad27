// Calls makes the calls that it is told to, from its arguments and then from standard input, one command each:
//
//	work N     N calls of main.work; answers "done work"
//	panic N    N panics through main.middle and main.boom, recovered in main.recovering
//	alternate N  N calls of main.maybe, of which every second one, from the first on, panics
//	goexit N   N goroutines that leave main.goexitOuter and main.goexitInner by runtime.Goexit
//	grow N     N nested calls of main.grow, which move the stack
//	hold       one call of main.held, which stays open until "release"
//	release    ends it
//	flood N    N calls of main.work on 4 goroutines, as fast as they go
//	exec PATH  replaces the program
//	exit N     ends with status N
//	crash      ends with an unrecovered panic in main.boom
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

//go:noinline
func work(n int, name string) int { return n + len(name) }

//go:noinline
func recovering(n int) (result int) {
	defer func() {
		if recover() != nil {
			result = -n
		}
	}()
	return middle(n) + 1
}

//go:noinline
func middle(n int) int { return boom(n) + 1 }

//go:noinline
func boom(n int) int {
	if n >= 0 {
		panic("boom " + strconv.Itoa(n))
	}
	return n
}

//go:noinline
func maybe(n int) int {
	if n%2 == 0 {
		panic("even")
	}
	return n * 10
}

//go:noinline
func callMaybe(n int) {
	defer func() { recover() }()
	maybe(n)
}

//go:noinline
func goexitOuter(n int) int { return goexitInner(n) + 1 }

//go:noinline
func goexitInner(n int) int {
	if n >= 0 {
		runtime.Goexit()
	}
	return n
}

//go:noinline
func grow(n int) int {
	var pad [512]byte
	pad[n%512] = byte(n)
	if n == 0 {
		return int(pad[0])
	}
	return grow(n-1) + int(pad[n%512]&1)
}

//go:noinline
func held(release chan struct{}, text string) int {
	<-release
	return len(text)
}

var (
	release = make(chan struct{})
	holding sync.WaitGroup
)

func run(command string) {
	words := strings.Fields(command)
	n := 0
	if len(words) > 1 {
		n, _ = strconv.Atoi(words[1])
	}
	switch words[0] {
	case "work":
		for i := 0; i < n; i++ {
			work(i, "s"+strconv.Itoa(i))
		}
	case "panic":
		for i := 0; i < n; i++ {
			recovering(i)
		}
	case "alternate":
		for i := 0; i < n; i++ {
			callMaybe(i)
		}
	case "goexit":
		var wait sync.WaitGroup
		for i := 0; i < n; i++ {
			wait.Add(1)
			go func(i int) {
				defer wait.Done()
				goexitOuter(i)
			}(i)
		}
		wait.Wait()
	case "grow":
		done := make(chan int)
		go func() { done <- grow(n) }()
		<-done
	case "hold":
		holding.Add(1)
		go func() {
			held(release, "text")
			holding.Done()
		}()
	case "release":
		release <- struct{}{}
		holding.Wait()
	case "flood":
		var wait sync.WaitGroup
		for g := 0; g < 4; g++ {
			wait.Add(1)
			go func() {
				defer wait.Done()
				for i := 0; i < n/4; i++ {
					work(i, "flood")
				}
			}()
		}
		wait.Wait()
	case "exec":
		fmt.Println(syscall.Exec(words[1], words[1:], os.Environ()))
	case "exit":
		os.Exit(n)
	case "crash":
		boom(7)
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
