// Loop is the benchmarks' target: for each count that it reads on standard input it makes that many calls of nine
// (nine integers in registers), for "three COUNT" of three, and prints how long one call took, in nanoseconds.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

//go:noinline
func nine(a, b, c, d, e, f, g, h, i int) int {
	return leaf(a+b+c) + leaf(d+e+f) + leaf(g+h+i)
}

//go:noinline
func three(a, b, c int) int { return leaf(a) + leaf(b+c) }

//go:noinline
func leaf(n int) int { return n ^ 1 }

func main() {
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	sum := 0
	for lines.Scan() {
		name, text, named := strings.Cut(lines.Text(), " ")
		if !named {
			text = name
		}
		count, err := strconv.Atoi(text)
		if err != nil {
			fmt.Fprintln(os.Stderr, "loop: a count of calls is wanted on each line:", err)
			os.Exit(2)
		}
		start := time.Now()
		for n := 0; named && n < count; n++ {
			sum += three(n, 1, 2)
		}
		for n := 0; !named && n < count; n++ {
			sum += nine(n, 1, 2, 3, 4, 5, 6, 7, 8)
		}
		fmt.Printf("%.1f\n", float64(time.Since(start).Nanoseconds())/float64(count))
	}
	fmt.Fprintln(os.Stderr, sum)
}
