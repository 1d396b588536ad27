package main

import "time"

// Structs in registers and on the stack, and results of each kind.

type point struct{ X, Y int }

type padded struct {
	A int8
	B int16
	C bool
}

type nested struct {
	P    point
	Name string
	_    int32
	F    float64
}

type big struct {
	A, B, C, D, E, F, G, H, I, J int
}

type tree struct {
	Left, Right *tree
	Value       int
}

type embedding struct {
	point
	Extra string
}

//go:noinline
func structs(p point, q padded, e empty) int { return p.X + int(q.B) }

//go:noinline
func nestedStruct(n nested, last int) int { return n.P.Y + len(n.Name) + last }

//go:noinline
func bigStruct(a int, b big, c string) int { return a + b.J + len(c) }

//go:noinline
func structPointers(t *tree, p *point, n *nested) int {
	if t == nil || n != nil {
		return 0
	}
	return t.Value + p.X
}

//go:noinline
func structSlices(ps []point, m map[point]*point, a [2]point) int { return len(ps) + len(m) + a[1].Y }

//go:noinline
func anonymous(s struct {
	A int
	B string
}) int {
	return s.A + len(s.B)
}

//go:noinline
func embedded(e embedding, p *embedding) int { return e.X + p.Y }

//go:noinline
func times(t time.Time, d time.Duration) time.Time { return t.Add(d) }

// A struct that does not fit the registers that remain goes to the stack; the int after it still gets a register.
//
//go:noinline
func structAcross(a, b, c, d, e, f, g int, n nested, h int) int {
	return a + b + c + d + e + f + g + n.P.X + h
}

// Results.

//go:noinline
func twoResults(a int) (int, error) { return a + 1, nil }

//go:noinline
func namedResults(a int) (double int, half float64, err error) {
	double, half = a*2, float64(a)/2
	return
}

//go:noinline
func blankResults(a int) (_ int, b string, _ error) { return a, "b", nil }

//go:noinline
func manyResults() (a, b, c, d, e, f, g, h, i, j, k int) { return 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 }

//go:noinline
func bigResult(a int) (big, string) { return big{A: a, J: 2 * a}, "big" }

//go:noinline
func structResult(a int) (point, padded) { return point{a, -a}, padded{1, 2, true} }

//go:noinline
func floatResults(a float64) (float64, float32, complex128) { return -a, float32(a), complex(a, -a) }

//go:noinline
func arrayResult() [4]int { return [4]int{1, 2, 3, 4} }

func init() {
	register("main.structs", func() { sink = structs(point{1, 2}, padded{127, 32767, true}, empty{}) },
		"p=main.point{X:1, Y:2}", "q=main.padded{A:127, B:32767, C:true}", "e=main.empty{}", "=>~r0=32768")
	register("main.nestedStruct", func() { sink = nestedStruct(nested{P: point{1, 2}, Name: "n", F: 0.5}, 3) },
		`n=main.nested{P:main.point{X:1, Y:2}, Name:"n", _:0, F:0.5}`, "last=3")
	register("main.bigStruct", func() { sink = bigStruct(1, big{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, "c") },
		"a=1", "b=main.big{A:1, B:2, C:3, D:4, E:5, F:6, G:7, H:8, I:9, J:10}", `c="c"`)
	leaf := &tree{Value: 2}
	register("main.structPointers", func() { sink = structPointers(&tree{leaf, nil, 1}, &point{3, 4}, nil) },
		"t=&main.tree{Left:&main.tree{Left:(*main.tree)(nil), Right:(*main.tree)(nil), Value:2}, Right:(*main.tree)(nil), Value:1}",
		"p=&main.point{X:3, Y:4}", "n=(*main.nested)(nil)")
	register("main.structSlices",
		func() {
			sink = structSlices([]point{{1, 2}}, map[point]*point{{3, 4}: {5, 6}}, [2]point{{7, 8}, {9, 10}})
		},
		"ps=[]main.point{main.point{X:1, Y:2}}",
		"m=map[main.point]*main.point{main.point{X:3, Y:4}:&main.point{X:5, Y:6}}",
		"a=[2]main.point{main.point{X:7, Y:8}, main.point{X:9, Y:10}}")
	register("main.anonymous", func() {
		sink = anonymous(struct {
			A int
			B string
		}{1, "x"})
	}, `s=struct { A int; B string }{A:1, B:"x"}`)
	register("main.embedded", func() { sink = embedded(embedding{point{1, 2}, "e"}, &embedding{point{3, 4}, "f"}) },
		`e=main.embedding{point:main.point{X:1, Y:2}, Extra:"e"}`, `p=&main.embedding{point:main.point{X:3, Y:4}, Extra:"f"}`)
	day := time.Date(2026, 11, 22, 10, 0, 0, 500000000, time.UTC)
	register("main.times", func() { sink = times(day, 1500*time.Millisecond) },
		"t=time.Time(2026-11-22T10:00:00.5Z)", "d=1.5s")
	register("main.structAcross", func() { sink = structAcross(1, 2, 3, 4, 5, 6, 7, nested{Name: "n"}, 8) },
		"a=1", "b=2", "c=3", "d=4", "e=5", "f=6", "g=7",
		`n=main.nested{P:main.point{X:0, Y:0}, Name:"n", _:0, F:0}`, "h=8")
	register("main.twoResults", func() { sink, _ = twoResults(4) }, "a=4", "=>~r0=5", "=>~r1=nil")
	register("main.namedResults", func() { sink, _, _ = namedResults(5) }, "a=5", "=>double=10", "=>half=2.5", "=>err=nil")
	register("main.blankResults", func() { sink, _, _ = blankResults(6) }, "a=6")
	register("main.manyResults", func() { sink, _, _, _, _, _, _, _, _, _, _ = manyResults() },
		"=>a=1", "=>b=2", "=>c=3", "=>d=4", "=>e=5", "=>f=6", "=>g=7", "=>h=8", "=>i=9", "=>j=10", "=>k=11")
	register("main.bigResult", func() { sink, _ = bigResult(7) }, "a=7",
		"=>~r0=main.big{A:7, B:0, C:0, D:0, E:0, F:0, G:0, H:0, I:0, J:14}", `=>~r1="big"`)
	register("main.structResult", func() { sink, _ = structResult(8) }, "a=8", "=>~r0=main.point{X:8, Y:-8}", "=>~r1=main.padded{A:1, B:2, C:true}")
	register("main.floatResults", func() { sink, _, _ = floatResults(1.25) }, "a=1.25", "=>~r0=-1.25", "=>~r1=1.25", "=>~r2=(1.25-1.25i)")
	register("main.arrayResult", func() { sink = arrayResult() }, "=>~r0=[4]int{1, 2, 3, 4}")
}
