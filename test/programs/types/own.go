package main

import (
	"io"
	"unsafe"

	dotted "example.com/types/do.tted"
	"example.com/types/inner/deep"
	"example.com/types/sub"
)

const (
	one = iota + 1
	two
	_
	four
)
const (
	kib = 1 << (10 * (iota + 1))
	mib
	text         = "four"
	bits   uint8 = ^uint8(0) >> 4
	is64         = 1 << (^uint(0) >> 63)
	letter       = 'a' - '`'
	ratio        = 1e1 / 5
)

type (
	ints     []int
	myInt    int
	myBytes  []byte
	myFunc   func(a int, b ...string) (n int, err error)
	myMap    map[string]*node
	myChan   chan<- []node
	myError  struct{ error }
	empty    struct{}
	anyone   interface{}
	words    [two]string
	lengths  [len(text) + int(bits)]byte
	sized    [unsafe.Sizeof(point{}) * is64]bool
	literals [0x10 + 0b11 + 0o17 + 1_0 - letter]int8
	floats   [ratio]float32
	large    [kib / mib]int
	group    words
	chain    group
	ptr      *point
	recFunc  func(recFunc) recFunc
	recSlice []recSlice
	recMap   map[string]recMap
)

type point struct{ X, Y int }
type node struct {
	next  *node
	value interface{}
	kids  []node
	_     [3]byte
	flag  bool
}
type padded struct {
	a bool
	b int64
	c bool
	d int16
	_ struct{}
}
type tailZero struct {
	a int32
	z [0]int64
}
type onlyZero struct{ z [0]int64 }
type embeds struct {
	point
	*node
	io.Reader
	other.Celsius
	error
	myInt
}
type tagged struct {
	A int    `json:"a,omitempty" xml:"\"q\""`
	B string "plain\ttag"
}
type shape interface {
	io.Writer
	Area(scale float64) (float64, error)
	secret(...point)
}
type alias = map[string]deep.D
type deepAlias = *alias

//go:noinline
func basics(a int, b int8, c int16, d int32, e int64, f uint, g uint8, h uint16, i uint32, j uint64, k uintptr) {
}

//go:noinline
func more1(a bool, b float32, c float64, d complex64, e complex128, f string, g rune, h byte, i unsafe.Pointer, j error) {
}

//go:noinline
func composites(a []int, b [3]string, c map[string]int, d chan int, e <-chan []byte, f chan<- struct{}, g func(), h *int, i **point) {
}

//go:noinline
func anonymous(a struct{}, b struct {
	A, b int
	C    string `tag:"x"`
}, c interface{}, d interface {
	Foo(int, ...string) (a, b int)
}, e interface {
	io.Reader
	error
	private(point) other.Point
}, f func(int, ...interface{}) error, g func(func(a, b int) (c string)) (int, string)) {
}

//go:noinline
func named1(a ints, b myInt, c myBytes, d myFunc, e myMap, f myChan, g myError, h empty, i anyone, j words) {
}

//go:noinline
func named2(a lengths, b sized, c literals, d floats, e large, f other2, g chain, h ptr, i recFunc, j recSlice, k recMap) {
}

type other2 = group

//go:noinline
func structs(a point, b node, c padded, d tailZero, e onlyZero, f embeds, g tagged, h shape) {}

//go:noinline
func imported(a other.Point, b *other.Tree, c other.Celsius, d other.Reader, e other.Alias, f dotted.T, g deep.D, h deep.E) {
}

//go:noinline
func aliases(a alias, b deepAlias, c [four]alias, d map[deep.D]other.Alias) (alias, deepAlias) {
	return nil, nil
}

//go:noinline
func unnamed(int, string, ...point) (int, error) { return 0, nil }

//go:noinline
func blanks(_ int, a string, _, b point) (_ int, err error) { return 0, nil }

//go:noinline
func channels(a chan (<-chan int), b chan<- chan int, c chan<- (<-chan int), d <-chan (chan<- int), e chan func() chan int) {
}

//go:noinline
func (p point) Value(scale int) (point, error) { return p, nil }

//go:noinline
func (p *point) Pointer(n *node, _ []point) *point { return p }

//go:noinline
func (e empty) Unused(a int) int { return a }

//go:noinline
func (*node) Unnamed(a ...node) {}

//go:noinline
func (f myFunc) Call(a int) (int, error) { return f(a) }

//go:noinline
func (m myMap) Len() int { return len(m) }

var functions = []named{
	{"main.basics", basics}, {"main.more1", more1}, {"main.composites", composites}, {"main.anonymous", anonymous},
	{"main.named1", named1}, {"main.named2", named2}, {"main.structs", structs}, {"main.imported", imported},
	{"main.aliases", aliases}, {"main.unnamed", unnamed}, {"main.blanks", blanks}, {"main.channels", channels},
	{"main.point.Value", point.Value}, {"main.(*point).Pointer", (*point).Pointer}, {"main.empty.Unused", empty.Unused},
	{"main.(*node).Unnamed", (*node).Unnamed}, {"main.myFunc.Call", myFunc.Call}, {"main.myMap.Len", myMap.Len},
}
