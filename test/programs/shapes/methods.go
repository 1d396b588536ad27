package main

import (
	"errors"
	"fmt"

	yaml "example.com/shapes/ya.ml-v2"
)

// Methods with value and pointer receivers, promoted ones (wrappers), method values, interfaces.

type stringer interface{ String() string }

type celsius float64

//go:noinline
func (c celsius) String() string { return fmt.Sprint(float64(c)) }

type counter struct {
	n    int
	name string
}

//go:noinline
func (c counter) Value(scale int) int { return c.n * scale }

//go:noinline
func (c *counter) Add(delta int) int { c.n += delta; return c.n }

//go:noinline
func (counter) NoName(a int) int { return a }

//go:noinline
func (_ *counter) Blank(a int) int { return a }

// outer promotes the methods of counter; inner is behind a pointer, so its wrappers can be tail jumps.
type outer struct {
	counter
	tag string
}

type pointerOuter struct {
	*counter
}

type deepOuter struct {
	*pointerOuter
	extra int
}

type adder interface {
	Add(delta int) int
	Value(scale int) int
}

type embedsInterface struct{ adder }

type wide [40]int

//go:noinline
func (w wide) Sum(from int) int { return w[from] }

type funcType func(int) int

//go:noinline
func (f funcType) Apply(x int) int { return f(x) }

type sliceType []int

//go:noinline
func (s sliceType) Len() int { return len(s) }

//go:noinline
func useAdder(a adder, n int) int { return a.Add(n) + a.Value(n) }

//go:noinline
func useMethodValue(f func(int) int, n int) int { return f(n) }

type myError struct{ code int }

//go:noinline
func (e *myError) Error() string { return fmt.Sprint("code ", e.code) }

//go:noinline
func errorParam(err error) error { return err }

//go:noinline
func addOne(x int) int { return x + 1 }

func init() {
	c := counter{2, "c"}
	register("main.counter.Value", func() { sink = c.Value(3) }, `c=main.counter{n:2, name:"c"}`, "scale=3")
	register("main.(*counter).Add", func() { d := counter{1, "d"}; sink = d.Add(2) }, `c=&main.counter{n:1, name:"d"}`, "delta=2")
	register("main.counter.NoName", func() { sink = c.NoName(4) }, "a=4")
	register("main.(*counter).Blank", func() { sink = (&c).Blank(5) }, "a=5")
	register("main.celsius.String", func() { sink = celsius(1.5).String() }, "c=1.5")
	register("main.wide.Sum", func() { w := wide{1, 2, 3}; sink = w.Sum(1) })
	register("main.funcType.Apply", func() { sink = funcType(addOne).Apply(6) }, "f=func main.addOne", "x=6")
	register("main.sliceType.Len", func() { sink = sliceType{1, 2}.Len() }, "s=main.sliceType{1, 2}")
	register("main.useAdder", func() { sink = useAdder(&counter{1, "x"}, 2) }, `a=&main.counter{n:1, name:"x"}`, "n=2")
	register("main.useAdder", func() { sink = useAdder(&outer{counter{1, "x"}, "t"}, 2) },
		`a=&main.outer{counter:main.counter{n:1, name:"x"}, tag:"t"}`, "n=2")
	register("main.useAdder", func() { sink = useAdder(pointerOuter{&counter{1, "x"}}, 2) },
		`a=main.pointerOuter{counter:&main.counter{n:1, name:"x"}}`, "n=2")
	register("main.useAdder", func() { sink = useAdder(&deepOuter{&pointerOuter{&counter{1, "x"}}, 3}, 2) },
		`a=&main.deepOuter{pointerOuter:&main.pointerOuter{counter:&main.counter{n:1, name:"x"}}, extra:3}`, "n=2")
	register("main.useAdder", func() { sink = useAdder(embedsInterface{&counter{1, "x"}}, 2) },
		`a=main.embedsInterface{adder:&main.counter{n:1, name:"x"}}`, "n=2")
	register("main.useMethodValue", func() { sink = useMethodValue(c.Value, 2) }, `f=func main.counter.Value-fm{main.counter{n:2, name:"c"}}`, "n=2")
	d := &counter{5, "d"}
	register("main.useMethodValue", func() { sink = useMethodValue(d.NoName, 2) }, `f=func main.counter.NoName-fm{main.counter{n:5, name:"d"}}`, "n=2")
	register("main.errorParam", func() { sink = errorParam(&myError{3}) }, "err=&main.myError{code:3}")
	register("main.errorParam", func() { sink = errorParam(errors.New("boom")) }, `err=&errors.errorString{s:"boom"}`)
	register("example.com/shapes/ya%2eml-v2.Marshal", func() { sink = yaml.Marshal("k", 1) }, `key="k"`, "value=int(1)")
	register("example.com/shapes/ya%2eml-v2.(*Node).Add", func() { sink = new(yaml.Node).Add(2) },
		`n=&yaml.Node{Children:[]*yaml.Node(nil), Depth:0}`, "depth=2")
}
