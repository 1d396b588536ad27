// Collapse calls work N times on each of four goroutines, while a thread has the kernel make one huge page of the
// memory in which they stand (MADV_COLLAPSE, Linux 6.1) and takes it apart again, over and over: while
// it does, nothing of it can be read without waiting. Exits with status 3 where the kernel cannot do that.
package main

import (
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const (
	hugePage     = 2 << 20
	madvCollapse = 25 // include/uapi/asm-generic/mman-common.h
	madvDontneed = 4
)

var done, kept int64

//go:noinline
func work(n int) int {
	var room [64]byte
	room[n&63] = 1
	atomic.AddInt64(&kept, int64(room[(n+1)&63]))
	return n + 1
}

// The first arena's first huge page: the goroutines of a small program are there.
func collapse(spare *[16384]byte) {
	page := (uintptr(unsafe.Pointer(spare)) + 4095) &^ 4095
	start := page &^ (hugePage - 1)
	for atomic.LoadInt64(&done) == 0 {
		if _, _, errno := syscall.RawSyscall(syscall.SYS_MADVISE, start, hugePage, madvCollapse); errno == syscall.EINVAL {
			os.Exit(3)
		}
		syscall.RawSyscall(syscall.SYS_MADVISE, page, 4096, madvDontneed)
		time.Sleep(200 * time.Microsecond) // Each collapse has work done on every CPU.
	}
}

func main() {
	calls, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	spare := new([16384]byte)
	go collapse(spare)
	var running sync.WaitGroup
	for g := 0; g < 4; g++ {
		running.Add(1)
		go func() {
			defer running.Done()
			for n := 0; n < calls; n++ {
				if work(n) != n+1 {
					panic("wrong result")
				}
			}
		}()
	}
	running.Wait()
	atomic.StoreInt64(&done, 1)
}
