// Absent calls functions with values in memory that is mapped and not resident: `absent N [EVERY]` has four goroutines
// make N calls each, and before each lets go of the pages (MADV_DONTNEED); before each EVERYth (100) the file behind them
// leaves the page cache, too, so that who wants it waits for a disk. `unmapped` passes a string that is nowhere.
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"unsafe"
)

type order struct {
	Number int64
	Next   *int64
	Name   string
}

// The kernel maps up to 64 KiB around a page that is asked for: each value lies in another such window.
const (
	window = 64 << 10
	size   = 4 * window
	// The text crosses a page's end.
	textAt  = 4096 - 6
	orderAt = window
	nextAt  = 2 * window
	nameAt  = 3 * window
)

//go:noinline
func take(n int, text string, o *order, any interface{}) int { keep(n); return n }

//go:noinline
func give(n int, text string) (string, *order) { keep(n); return text, nil }

//go:noinline
func keep(n int) {}

func text(at uintptr, length int) (s string) {
	header := (*[2]uintptr)(unsafe.Pointer(&s))
	header[0], header[1] = at, uintptr(length)
	return s
}

// at has no pointer arithmetic that the compiler could check: the memory is not Go's.
func at(address uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&address)) }

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type pages struct {
	file   *os.File
	memory []byte
}

func newPages() *pages {
	file, err := os.CreateTemp("", "absent")
	must(err)
	must(os.Remove(file.Name()))
	must(file.Truncate(size))
	memory, err := syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	must(err)
	return &pages{file, memory}
}

func (p *pages) address(offset uintptr) uintptr {
	return uintptr(unsafe.Pointer(&p.memory[0])) + offset
}

// leave makes the memory absent.
func (p *pages) leave(evict bool) {
	must(syscall.Madvise(p.memory, syscall.MADV_DONTNEED))
	if !evict {
		return
	}
	must(syscall.Fdatasync(int(p.file.Fd())))
	const fadvise64, dontNeed = 221, 4
	syscall.Syscall6(fadvise64, p.file.Fd(), 0, size, dontNeed, 0, 0)
}

func (p *pages) calls(from, count, every int) {
	for n := from; n < from+count; n++ {
		said := fmt.Sprintf("text of call %06d", n)
		name := fmt.Sprintf("name %06d", n)
		copy(p.memory[textAt:], said)
		copy(p.memory[nameAt:], name)
		o := (*order)(at(p.address(orderAt)))
		o.Number = int64(n)
		o.Next = (*int64)(at(p.address(nextAt)))
		*o.Next = int64(n) + 1
		*(*[2]uintptr)(unsafe.Pointer(&o.Name)) = [2]uintptr{p.address(nameAt), uintptr(len(name))}
		p.leave(n%every == 0)
		take(n, text(p.address(textAt), len(said)), o, o)
		p.leave(n%every == 0)
		give(n, text(p.address(textAt), len(said)))
	}
}

func main() {
	switch os.Args[1] {
	case "absent":
		count, err := strconv.Atoi(os.Args[2])
		must(err)
		every := 100
		if len(os.Args) > 3 {
			every, err = strconv.Atoi(os.Args[3])
			must(err)
		}
		var all sync.WaitGroup
		for thread := 0; thread < 4; thread++ {
			all.Add(1)
			go func(from int) {
				newPages().calls(from, count, every)
				all.Done()
			}(thread * count)
		}
		all.Wait()
	case "unmapped":
		p := newPages()
		nowhere := p.address(textAt)
		must(syscall.Munmap(p.memory))
		take(1, text(nowhere, 5), nil, nil)
	}
}
