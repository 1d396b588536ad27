// Hits calls one function as often as it is told on standard input, so that a test can compare counts exactly.
//
//	call N G     N calls of main.add, spread over G goroutines; answers "done N"
//	exec PATH    replaces the program
//	exit         ends
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// add has a frame and a stack check, so that its prologue is the usual one.
//
//go:noinline
func add(a int, b string) int {
	return deep(a, 2) + len(b)
}

//go:noinline
func deep(a, n int) int {
	if n == 0 {
		return a
	}
	return deep(a, n-1) + 1
}

func call(n, goroutines int) {
	var wait sync.WaitGroup
	for g := 0; g < goroutines; g++ {
		wait.Add(1)
		go func(g int) {
			defer wait.Done()
			for i := g; i < n; i += goroutines {
				text := "s" + strconv.Itoa(i)
				if add(i, text) != i+2+len(text) {
					panic("the wrong sum")
				}
			}
		}(g)
	}
	wait.Wait()
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "call" {
		n, _ := strconv.Atoi(os.Args[2])
		call(n, 1)
		fmt.Println("done", n)
	}
	fmt.Println("ready", os.Getpid())
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		words := strings.Fields(input.Text())
		switch {
		case len(words) == 3 && words[0] == "call":
			n, _ := strconv.Atoi(words[1])
			goroutines, _ := strconv.Atoi(words[2])
			call(n, goroutines)
			fmt.Println("done", n)
		case len(words) == 2 && words[0] == "exec":
			fmt.Println(syscall.Exec(words[1], words[1:], os.Environ()))
		case len(words) == 1 && words[0] == "exit":
			return
		}
	}
}
