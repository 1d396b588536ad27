package main

// Func values: functions, closures (their captured variables are written by hand), method values, as parameters,
// results, fields, elements, and in interfaces.

type Callbacks struct {
	Before func()
	After  func(int) string
	Named  Handler
}

//go:noinline
func takesFunc(f func(int) string, h Handler) (func(int) string, Handler) { return f, h }

//go:noinline
func takesAny(f interface{}) interface{} { return f }

//go:noinline
func takesCallbacks(c Callbacks, p *Callbacks, all []func(int) string, byName map[string]func(int) string) *func(int) string {
	if len(all) == 0 {
		return nil
	}
	return &all[0]
}

//go:noinline
func takesVoid(f func(), n int) func() { return f }

//go:noinline
func returnsSum(n int) func(int) int { return func(m int) int { return n + m } }

//go:noinline
func capturesByValue(n int) func(int) string {
	f := func(m int) string { return plainHandler(n + m) }
	return f
}

//go:noinline
func capturesString(s string, n int8) func(int) string {
	return func(m int) string { return s + plainHandler(int(n)+m) }
}

//go:noinline
func capturesByReference(n int) func(int) string {
	return func(m int) string { n += m; return plainHandler(n) }
}

//go:noinline
func capturesBoth(p *Point, count float64, list []int) func(int) string {
	return func(m int) string { count += float64(m); return plainHandler(p.X + int(count) + list[0]) }
}

//go:noinline
func capturesStruct(p Point, e error, any interface{}) func() {
	return func() { sink(p, e, any) }
}

//go:noinline
func capturesBig(a [20]int64, m map[string]int) func() {
	return func() { sink(a, m) }
}

type wide struct{ A, B, C, D, E, F int }

// Captured by value, and DWARF lists their addresses: they have no place in registers, or their address is taken.
//
//go:noinline
func capturesWide(n int, w wide, a [3]string) func(int) string {
	return func(m int) string { sink(n, w, a); return a[m%3] }
}

//go:noinline
func capturesKeys(p Point, points map[Point]string, f float64, floats map[float64]string) func(int) string {
	return func(m int) string { return points[p] + floats[f] }
}

//go:noinline
func capturesWideByReference(w wide, a [3]string) func(int) string {
	return func(m int) string { w.F += m; a[m%3] += "x"; sink(w, a); return a[m%3] }
}

//go:noinline
func callsOnly(f func(int) string) string { return f(1) }

// The closure's object stays on the stack: no descriptor tells its type.
//
//go:noinline
func capturesOnStack(w wide, a [3]string, p Point, points map[Point]string, count int, b [3]string) int {
	callsOnly(func(m int) string { count += m; b[m%3] += "x"; sink(w, a); return a[m%3] + points[p] })
	sink(b)
	return count
}

// Objects on the stack that hold more than their closures' code reads.
//
//go:noinline
func capturesUnread(s string, n int, p *Point) string {
	return callsOnly(func(m int) string { sink(s); _, _ = n, p; return "" })
}

//go:noinline
func capturesUnreadNumber(n, k int) string {
	return callsOnly(func(m int) string { sink(n); _ = k; return "" })
}

//go:noinline
func capturesFunc(f func(int) string) func(int) string {
	return func(n int) string { return f(n) + "!" }
}

//go:noinline
func capturesSecret(user, password string) func() {
	return func() { sink(user, password) }
}

var sunk interface{}

//go:noinline
func sink(values ...interface{}) { sunk = values }

//go:noinline
func (p Point) Show(n int) string { return plainHandler(p.X + n) }

//go:noinline
func (p *Point) ShowPointer(n int) string { return plainHandler(p.Y + n) }

//go:noinline
func (c Count) Show(n int) string { return plainHandler(int(c) + n) }

//go:noinline
func (e Empty) Show(n int) string { return plainHandler(n) }

// A closure itself is a function: its parameters are shown, its captured variables are not among them.
var topLevel = func(a int, b string) (string, int) { return b, a }

func init() {
	byValue := closure(capturesByValue(7), "{n:7}")
	withString := closure(capturesString("pre", 3), `{s:"pre", n:3}`)
	byReference := closure(capturesByReference(5), "{n:5}")
	both := closure(capturesBoth(&Point{1, 2}, 1.5, []int{4, 5}), "{count:1.5, p:&main.Point{X:1, Y:2}, list:[]int{4, 5}}")
	withStruct := closure(capturesStruct(Point{3, 4}, errPlain, 7), `{p:main.Point{X:3, Y:4}, e:&errors.errorString{s:"boom"}, any:int(7)}`)
	big := closure(capturesBig([20]int64{1}, map[string]int{"a": 1}), `{a:[20]int64{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, m:map[string]int{"a":1}}`)
	wides := closure(capturesWide(9, wide{1, 2, 3, 4, 5, 6}, [3]string{"a", "b", "c"}), `{n:9, w:main.wide{A:1, B:2, C:3, D:4, E:5, F:6}, a:[3]string{"a", "b", "c"}}`)
	keys := closure(capturesKeys(Point{1, 2}, map[Point]string{{1, 2}: "p"}, 2.5, map[float64]string{2.5: "f"}), `{points:map[main.Point]string{main.Point{X:1, Y:2}:"p"}, p:main.Point{X:1, Y:2}, floats:map[float64]string{2.5:"f"}, f:2.5}`)
	references := closure(capturesWideByReference(wide{1, 2, 3, 4, 5, 6}, [3]string{"a", "b", "c"}), `{w:main.wide{A:1, B:2, C:3, D:4, E:5, F:6}, a:[3]string{"a", "b", "c"}}`)
	check(capturesOnStack, "w a p points count b", wide{}, [3]string{}, Point{1, 2}, map[Point]string(nil), 3, [3]string{"a", "b", "c"})
	check(capturesUnread, "s n p", "unread", 4, &Point{1, 2})
	check(capturesUnreadNumber, "n k", 1, 2)
	withFunc := closure(capturesFunc(twice), "{f:func main.twice}")
	secret := closure(capturesSecret("bob", "pw"), `{user:"bob", password:<redacted>}`)
	value := closure(Point{5, 6}.Show, "{main.Point{X:5, Y:6}}")
	pointer := closure((&Point{7, 8}).ShowPointer, "{&main.Point{X:7, Y:8}}")
	count := closure(Count(9).Show, "{9}")
	empty := closure(Empty{}.Show, "{main.Empty{}}")
	var shape Shape = Side(3)
	inter := closure(shape.Area, "{main.Side(3)}")

	all := []interface{}{plainHandler, byValue, withString, byReference, both, wides, keys, references, withFunc, value, pointer, count, empty}
	for _, f := range all {
		check(takesFunc, "f h", f, f)
		check(takesAny, "f", f)
	}
	check(takesFunc, "f h", nil, nil)
	for _, f := range []interface{}{withStruct, big, secret, nothing} {
		check(takesVoid, "f n", f, 5)
		check(takesAny, "f", f)
	}
	check(takesAny, "f", inter)
	check(takesAny, "f", Handler(plainHandler))
	check(takesAny, "f", (func())(nil))
	check(takesAny, "f", Handler(nil))
	// Pointer types that have names: no other type refers to them.
	check(takesAny, "f", Link(&Point{3, 4}))
	check(takesAny, "f", Text(stringAt("named")))
	plain := byValue.(func(int) string)
	callbacks := Callbacks{nothing, plain, Handler(withString.(func(int) string))}
	check(takesCallbacks, "c p all byName", callbacks, &callbacks, []func(int) string{plain, nil, twice},
		map[string]func(int) string{"twice": twice, "nil": nil, "value": value.(func(int) string)})
	check(takesCallbacks, "c p all byName", Callbacks{}, nil, nil, nil)
	check(topLevel, "a b", 1, "top")
	check(plain, "m", 3)
	check(withString, "m", 4)
	check(both, "m", 0)
}
