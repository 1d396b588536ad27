// Functions with every shape of prologue and return that decides where a probe goes. Run with a number N, each is
// called exactly N times, on goroutines whose stacks are small, so that stack checks fail often.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

var sink int
var stop bool

//go:noinline
func leaf(a, b int) int { return a + b }

//go:noinline
func leafBranch(a, b int) int {
	if a > b {
		return a
	}
	return b
}

//go:noinline
func leafLoop(n int64) float64 {
	sum := 2.0
	fact := 1.0
	for i := int64(2); i < n; i++ {
		fact *= float64(i)
		sum += 1 / fact
	}
	return sum
}

// The parameter is the loop's variable, so the loop may begin at the first instruction.
//
//go:noinline
func loopOverParameter(n uint) uint {
	for n&1 == 0 {
		n >>= 1
	}
	return n
}

//go:noinline
func spin(p *bool) {
	for !*p {
	}
}

//go:noinline
func empty() {}

//go:noinline
func switchLeaf(k int) string {
	switch k {
	case 0:
		return "zero"
	case 1:
		return "one"
	case 2:
		return "two"
	case 3:
		return "three"
	case 4:
		return "four"
	case 5:
		return "five"
	case 6:
		return "six"
	case 7:
		return "seven"
	case 8:
		return "eight"
	case 9:
		return "nine"
	}
	return "many"
}

// A loop around a jump table, which is all of the function.
//
//go:noinline
func switchLoop(k int) int {
	for {
		k = k*5 + 1
		switch k & 15 {
		case 0, 1:
			continue
		case 2:
			return k + 1
		case 3:
			return k + 2
		case 4:
			return k * 3
		case 5:
			return k - 7
		case 6:
			return k ^ 9
		case 7:
			return k | 1
		case 8:
			return k & 3
		case 9:
			return -k
		case 10:
			return k << 3
		case 11:
			return k >> 1
		}
	}
}

//go:noinline
func framed(a int, b string) int {
	s := strconv.Itoa(a)
	return len(s) + len(b)
}

//go:noinline
func twoReturns(a int, b string) int {
	if a < 0 {
		return len(strings.ToUpper(b))
	}
	return framed(a, b)
}

//go:noinline
func frame200(a int) int {
	var x [25]int
	fill(x[:], a)
	return x[a%25]
}

//go:noinline
func frame8k(a int) int {
	var x [1024]int
	fill(x[:], a)
	return x[a%1024]
}

//go:noinline
func fill(x []int, a int) {
	for i := range x {
		x[i] = a + i
	}
}

//go:nosplit
//go:noinline
func nosplit(a, b int) int {
	return nosplit2(a) + b
}

//go:nosplit
//go:noinline
func nosplit2(a int) int { return a * 3 }

//go:noinline
func stores(p *int, q *int) {
	*p = 1
	*q++
}

//go:noinline
func neverReturns(p *int) int {
	panic(fmt.Sprint("gone", p == nil))
}

//go:noinline
func recovers(p *int) (result int) {
	defer func() {
		if recover() != nil {
			result = -1
		}
	}()
	return neverReturns(p)
}

//go:noinline
func nineWords(a, b, c string, d []byte, e, f int) int {
	return len(a) + len(b) + len(c) + len(d) + e + f
}

//go:noinline
func closureMaker(n int) func(int) int {
	return func(a int) int {
		return leaf(a, n) + framed(a, "x")
	}
}

type point struct{ x, y int }

//go:noinline
func (p point) Sum(a int) int { return p.x + p.y + a + framed(a, "") }

type summer interface{ Sum(int) int }

//go:noinline
func throughInterface(s summer, a int) int { return s.Sum(a) }

func round(i int, clo func(int) int, box *point) {
	sink += leaf(i, 1)
	sink += leafBranch(i, 50)
	sink += int(leafLoop(20))
	sink += int(loopOverParameter(uint(i) | 1<<20))
	empty()
	sink += len(switchLeaf(i % 12))
	sink += switchLoop(i)
	sink += twoReturns(i, "abc")
	sink += twoReturns(-i-1, "abc")
	sink += frame200(i)
	sink += frame8k(i)
	sink += nosplit(i, 2)
	stores(&box.x, &box.y)
	sink += recovers(nil)
	sink += nineWords("a", "bb", "ccc", nil, i, 2)
	sink += clo(i)
	sink += throughInterface(box, i)
	sink += throughInterface(*box, i)
}

func main() {
	n := 0
	if len(os.Args) > 1 {
		n, _ = strconv.Atoi(os.Args[1])
	}
	stop = true
	spin(&stop)
	runtime.GOMAXPROCS(1)
	clo := closureMaker(n)
	var wait sync.WaitGroup
	for i := 0; i < n; i++ {
		wait.Add(1)
		// A new goroutine begins with a small stack, which the larger frames must grow.
		go func(i int) {
			round(i, clo, new(point))
			wait.Done()
		}(i)
		if i%100 == 0 {
			wait.Wait()
		}
	}
	wait.Wait()
	fmt.Println("done", n, sink != 0)
}
