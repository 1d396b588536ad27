// Costs is the target of the benchmark of the same name: for each line "NAME COUNT" on standard input it makes COUNT
// calls of a function with one kind of argument, and prints how long one took, in nanoseconds. It rests after every few
// hundred calls, so that no tracer falls behind; the rests do not count.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"time"
)

const (
	burst = 200
	rest  = 2 * time.Millisecond
)

type place struct{ Lat, Lon int }

type record struct {
	ID, Count, Size, Flags int
	Name                   string
	Tags                   []string
	Home, Work             *place
	OK                     bool
	Level                  int8
}

//go:noinline
func number(n int) int { return leaf(n) }

//go:noinline
func text(s string) int { return leaf(len(s)) }

//go:noinline
func fields(r *record) int { return leaf(r.ID) }

//go:noinline
func table(m map[string]int) int { return leaf(len(m)) }

//go:noinline
func floats(x, y, z float64) int { return leaf(int(x + y + z)) }

//go:noinline
func leaf(n int) int {
	var room [64]byte
	room[n&63] = 1
	return int(room[(n+1)&63]) + n
}

func calls() map[string]func(int) int {
	m := map[string]int{}
	for i := 0; i < 100; i++ {
		m["key"+strconv.Itoa(i)] = i
	}
	r := &record{1, 2, 3, 4, "a name", []string{"x", "y"}, &place{1, 2}, &place{3, 4}, true, 5}
	return map[string]func(int) int{
		"number": number,
		"text":   func(int) int { return text("some text of thirty characters") },
		"fields": func(int) int { return fields(r) },
		"table":  func(int) int { return table(m) },
		"floats": func(n int) int { return floats(float64(n), 0.5, 1) },
	}
}

func main() {
	known := calls()
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	sum := 0
	for lines.Scan() {
		var name string
		var count int
		if _, err := fmt.Sscan(lines.Text(), &name, &count); err != nil || known[name] == nil {
			fmt.Fprintln(os.Stderr, "costs: a name and a count of calls are wanted on each line:", lines.Text(), err)
			os.Exit(2)
		}
		call := known[name]
		var took time.Duration
		for n := 0; n < count; {
			start := time.Now()
			for i := 0; i < burst; i++ {
				sum += call(n)
				n++
			}
			took += time.Since(start)
			time.Sleep(rest)
		}
		fmt.Printf("%.1f\n", float64(took.Nanoseconds())/float64(count))
	}
	fmt.Fprintln(os.Stderr, sum)
}
