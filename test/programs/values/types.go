package main

import (
	"errors"
	"fmt"
	"time"
	"unsafe"
)

// Named types of every kind.
type (
	Flag    bool
	Tiny    int8
	Count   int
	Level   uint8
	Handle  uintptr
	Ratio   float32
	Celsius float64
	Phasor  complex128
	Wave    complex64
	Name    string
	Raw     []byte
	Digest  [4]byte
	Names   []Name
	Triple  [3]Count
	Index   map[Name]Count
	Queue   chan Count
	Outbox  chan<- Name
	Handler func(int) string
	Shape   interface{ Area() float64 }
	Link    *Point
	Text    *string
	Tree    []Tree
	Graph   map[string]Graph
	Chain   chan Chain
	Self    *Self
	Again   func() Again
)

type Empty struct{}

type Point struct{ X, Y int }

func (p Point) Area() float64 { return float64(p.X * p.Y) }

type Circle struct{ R float64 }

func (c *Circle) Area() float64 { return c.R }

type Side float64

func (s Side) Area() float64 { return float64(s * s) }

type Padded struct {
	A int8
	B int64
	C bool
	D int16
	E uint8
}

type Blank struct {
	A int8
	_ int32
	B string
	_ [2]byte
	_ struct{}
}

type Base struct {
	ID   int
	Name string
}

type Embedded struct {
	Base
	*Point
	error
	Extra int
}

type Mixed struct {
	I int32
	F float64
	S string
	G float32
	C complex64
}

type Node struct {
	Value int
	Next  *Node
	Prev  *Node
}

type BinaryTree struct {
	Left, Right *BinaryTree
	Key         string
	Data        interface{}
}

type Inner struct {
	A    int
	Self *int
	Arr  [4]int
	Elem *int
}

type Order struct {
	ID       string
	Lines    []Line
	Customer *Customer
	Placed   time.Time
	Discount float64
	Tags     map[string]string
	Notify   chan string
	Err      error
	Extra    interface{}
	done     bool
}

type Line struct {
	SKU   string
	Qty   int
	Price float64
}

type Customer struct {
	Name    string
	Home    *Address
	Friends []*Customer
	seen    map[Point]bool
}

type Address struct {
	City string
	Zip  uint32
}

// Nine words and more, so that it goes to the stack.
type Nine struct{ A, B, C, D, E, F, G, H, I int }
type Ten struct {
	A, B, C, D, E, F, G, H, I int
	J                         string
}

// Keys and elements over 128 bytes stand in maps behind pointers.
type BigKey struct {
	N    int
	Fill [17]int64
}
type BigElem struct {
	S    string
	Fill [17]int64
}

type Huge struct {
	First string
	Words [1400]int64
	Mid   *Point
	Tail  [90]Line
	Last  string
}

type MyError struct {
	Code int
	Msg  string
}

func (e MyError) Error() string { return e.Msg }

type PtrError struct{ Op string }

func (e *PtrError) Error() string { return e.Op }

type Errno uintptr

func (e Errno) Error() string { return "errno" }

type Wrapped struct {
	Op  string
	Err error
}

func (w *Wrapped) Error() string { return w.Op }
func (w *Wrapped) Unwrap() error { return w.Err }

type stringer string

func (s stringer) String() string { return string(s) }

var errPlain = errors.New("boom")
var global = 77

// Pointers to new variables.
func intAt(v int) *int                            { return &v }
func stringAt(v string) *string                   { return &v }
func floatAt(v float64) *float64                  { return &v }
func boolAt(v bool) *bool                         { return &v }
func intAtAt(v int) **int                         { p := &v; return &p }
func deep(v int) ****int                          { a := &v; b := &a; c := &b; return &c }
func deeper(v int) *****int                       { a := &v; b := &a; c := &b; d := &c; return &d }
func sliceAt(v ...int) *[]int                     { return &v }
func mapAt(v map[string]int) *map[string]int      { return &v }
func anyAt(v interface{}) *interface{}            { return &v }
func funcAt(v func(int) string) *func(int) string { return &v }
func errorAt(v error) *error                      { return &v }
func timeAt(v time.Time) *time.Time               { return &v }

func ring(values ...int) *Node {
	first := &Node{Value: values[0]}
	last := first
	for _, v := range values[1:] {
		node := &Node{Value: v, Prev: last}
		last.Next = node
		last = node
	}
	last.Next, first.Prev = first, last
	return first
}

func chainOf(values ...int) *Node {
	var first *Node
	for i := len(values) - 1; i >= 0; i-- {
		first = &Node{Value: values[i], Next: first}
	}
	return first
}

func inner(a int) *Inner {
	in := &Inner{A: a, Arr: [4]int{1, 2, 3, 4}}
	in.Self, in.Elem = &in.A, &in.Arr[2]
	return in
}

func selfPointer() Self {
	var s Self
	s = &s
	return s
}

func text300(unit string) string {
	s := ""
	for len(s) < 300 {
		s += unit
	}
	return s
}

func bytesOf(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func ints(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i * i
	}
	return list
}

func intMap(n int) map[int]string {
	m := map[int]string{}
	for i := 0; i < n; i++ {
		m[i] = fmt.Sprint("v", i)
	}
	return m
}

func stringMap(n int) map[string]int {
	m := map[string]int{}
	for i := 0; i < n; i++ {
		m[fmt.Sprint("k", i)] = i
	}
	return m
}

// A map of which most entries were deleted.
func thinned(n, left int) map[int]string {
	m := intMap(n)
	for i := left; i < n; i++ {
		delete(m, i)
	}
	return m
}

// A map made large at once, and filled with little.
func roomy(n int) map[uint16]bool {
	m := make(map[uint16]bool, 1000)
	for i := 0; i < n; i++ {
		m[uint16(i)] = i%2 == 0
	}
	return m
}

func bigMap(n int) map[BigKey]BigElem {
	m := map[BigKey]BigElem{}
	for i := 0; i < n; i++ {
		m[BigKey{N: i}] = BigElem{S: fmt.Sprint("e", i), Fill: [17]int64{16: int64(i)}}
	}
	return m
}

func pointerMap(n int) map[string]*Point {
	m := map[string]*Point{}
	for i := 0; i < n; i++ {
		m[fmt.Sprint("p", i)] = &Point{i, -i}
	}
	return m
}

func buffered(capacity int, values ...int) chan int {
	c := make(chan int, capacity)
	for _, v := range values {
		c <- v
	}
	return c
}

// The items stand across the end of the buffer.
func wrapped(capacity int, values ...int) chan int {
	c := make(chan int, capacity)
	for i := 0; i < capacity-1; i++ {
		c <- -1
	}
	for i := 0; i < capacity-1; i++ {
		<-c
	}
	for _, v := range values {
		c <- v
	}
	return c
}

func closed(c chan int) chan int {
	close(c)
	return c
}

func lines(values ...string) chan string {
	c := make(chan string, 8)
	for _, v := range values {
		c <- v
	}
	return c
}

func order(n int) *Order {
	home := &Address{"Bern", 3000}
	friend := &Customer{Name: "Ada", Home: home}
	o := &Order{
		ID:       fmt.Sprint("o-", n),
		Placed:   time.Date(2026, 11, 22, 10, 0, n, 500, time.UTC),
		Customer: &Customer{Name: "Bob", Home: home, Friends: []*Customer{friend}, seen: map[Point]bool{{1, n}: true}},
		Discount: 0.25,
		Tags:     map[string]string{"b": "2", "a": "1"},
		Notify:   lines("x"),
		Err:      &Wrapped{"read", errPlain},
		Extra:    Celsius(21.5),
		done:     true,
	}
	for i := 0; i < n; i++ {
		o.Lines = append(o.Lines, Line{fmt.Sprint("sku", i), i, float64(i) / 4})
	}
	return o
}

func huge() Huge {
	h := Huge{First: "first", Mid: &Point{1, 2}, Last: "last"}
	for i := range h.Words {
		h.Words[i] = int64(i)
	}
	for i := range h.Tail {
		h.Tail[i] = Line{"sku", i, 0.5}
	}
	return h
}

func address(p *int) unsafe.Pointer { return unsafe.Pointer(p) }
func plainHandler(n int) string     { return fmt.Sprint(n) }
func twice(n int) string            { return fmt.Sprint(2 * n) }
