package main

import (
	"fmt"
	"time"
)

type T struct{ N int }

func (t T) M() int   { return t.N }
func (t *T) PM() int { return t.N }

type M interface{ M() int }
type Ch chan int

type Config struct {
	User, Password string
	apiToken       string
	MaxTokens      int
	SESSION_SECRET []byte
	Nested         struct{ Credential *int }
}

func addChannels() {
	add((chan int)(nil), "chan int(nil)")
	add(make(chan int), "chan int(len 0, cap 0){}")
	c := make(chan int, 4)
	for i := 0; i < 6; i++ {
		c <- i
		if i > 1 {
			<-c
		}
	}
	add(c, "chan int(len 2, cap 4){4, 5}")
	add((<-chan int)(c), "<-chan int(len 2, cap 4){4, 5}")
	add((chan<- int)(c), "chan<- int(len 2, cap 4){4, 5}")
	closed := make(Ch, 1)
	close(closed)
	add(closed, "main.Ch(len 0, cap 1, closed){}")
	s := make(chan Inner, 2)
	s <- Inner{"a", []int{1}}
	add(s, `chan main.Inner(len 1, cap 2){main.Inner{S:"a", N:[]int{1}}}`)
	e := make(chan struct{}, 3)
	e <- struct{}{}
	add(e, "chan struct {}(len 1, cap 3){struct {}{}}")
	p := make(chan *Node, 1)
	p <- &Node{V: 1}
	close(p)
	add(p, "chan *main.Node(len 1, cap 1, closed){&main.Node{V:1, Next:(*main.Node)(nil)}}")
	a := make(chan interface{}, 1)
	a <- error(E{1})
	add(a, "chan interface {}(len 1, cap 1){main.E{Code:1}}")
	timer := time.After(time.Hour)
	add(timer, fmt.Sprintf("<-chan time.Time(len 0, cap %d){}", cap(timer)))
}

//go:noinline
func closures(n int, s string, p *Point) (func() int, func() int) {
	counter := 0
	byValue := func() int {
		total := 0
		for i := 0; i < n; i++ {
			total += len(s) + p.X + n
		}
		return total
	}
	byReference := func() int { counter++; return counter + n }
	counter = 41
	byReference()
	return byValue, byReference
}

// The compiler's debug information lacks n here, because it is used once.
//
//go:noinline
func hidden(n int, s string, p *Point) func() int {
	return func() int { return n + len(s) + p.X }
}

func handler(string) {}

func addFunctions() {
	add((func())(nil), "func(nil)")
	add(handler, "func main.handler")
	byValue, byReference := closures(3, "s", &Point{1, 2})
	add(byValue, `func main.closures.func1{n:3, s:"s", p:&main.Point{X:1, Y:2}}`)
	add(byReference, "func main.closures.func2{counter:42, n:3}")
	add(hidden(3, "s", &Point{1, 2}), `func main.hidden.func1{<unavailable: a captured variable is not in the binary's DWARF>, s:"s", p:&main.Point{X:1, Y:2}}`)
	add(T{7}.M, "func main.T.M-fm{main.T{N:7}}")
	add((&T{8}).PM, "func main.(*T).PM-fm{&main.T{N:8}}")
	var m M = T{9}
	add(m.M, "func main.M.M-fm{main.T{N:9}}")
	add(T.M, "func main.T.M")
	add(struct{ F func(string) }{handler}, "struct { F func(string) }{F:func main.handler}")
}

func addSecrets() {
	five := 5
	add(Config{"u", "p", "t", 5, []byte("s"), struct{ Credential *int }{&five}},
		`main.Config{User:"u", Password:<redacted>, apiToken:<redacted>, MaxTokens:5, SESSION_SECRET:<redacted>, `+
			`Nested:struct { Credential *int }{Credential:<redacted>}}`)
	add(Header{"Set-Cookie": {"a"}, "Authorization": nil, "Accept": {"b"}},
		`main.Header{"Accept":[]string{"b"}, "Authorization":<redacted>, "Set-Cookie":<redacted>}`)
	add(map[interface{}]int{"api_key": 1, "apikeys": 2}, `map[interface {}]int{string("api_key"):<redacted>, string("apikeys"):2}`)
}
