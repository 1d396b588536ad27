// Leaderless goes on without its main thread, as a C program does whose main calls pthread_exit. Commands on standard
// input:
//
//	leave      its main thread ends, and no other; answers "done leave"
//	work N     N calls of main.work; answers "done work"
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

//go:noinline
func work(n int, name string) int { return n + len(name) }

var leaving = make(chan struct{})

// Binds the main goroutine to the main thread.
func init() { runtime.LockOSThread() }

func main() {
	go obey()
	<-leaving
	// Not RawSyscall: the runtime must see that this thread does not come back.
	syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0)
}

func obey() {
	fmt.Println("ready")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		words := strings.Fields(input.Text())
		switch words[0] {
		case "leave":
			close(leaving)
			for !mainThreadHasEnded() {
				time.Sleep(time.Millisecond)
			}
		case "work":
			count, _ := strconv.Atoi(words[1])
			for n := 0; n < count; n++ {
				work(n, "s"+strconv.Itoa(n))
			}
		}
		fmt.Println("done", words[0])
	}
	os.Exit(0)
}

func mainThreadHasEnded() bool {
	stat, _ := os.ReadFile("/proc/self/stat")
	return strings.Contains(string(stat), ") Z ")
}
