package main

import (
	"time"
	"unsafe"
)

// Where parameters and results stand: registers, stack, both; blank, unnamed, variadic, receivers.

//go:noinline
func nothing() {}

//go:noinline
func tenInts(a, b, c, d, e, f, g, h, i, j int) (r, s int) { return a + j, b }

//go:noinline
func sixteenFloats(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p float64) (r float64, s float32) {
	return o - p, float32(a)
}

//go:noinline
func floats32(a, b, c float32, n int, d float32) (float32, int, float32) { return a + b + c, n, d }

//go:noinline
func mixedKinds(a int8, b float32, c string, d complex64, e bool, f float64, g []int, h uint16) (float64, string, complex64) {
	return f, c, d
}

//go:noinline
func mixedStruct(m Mixed, n int, o Mixed) (Mixed, float64) { return o, m.F }

//go:noinline
func twoMixed(m Mixed) (a Mixed, b Mixed) { return m, Mixed{I: 9, F: 0.5, S: "b"} }

//go:noinline
func nineWords(a Nine) Nine { return a }

//go:noinline
func tenWords(n int8, a Ten, m int16) (Ten, int8) { return a, n }

//go:noinline
func registersRollBack(a int, b Nine, c int, d [2]int, e string) (int, Nine, string) {
	return a + c, b, e
}

//go:noinline
func arrays(zero [0]int, one [1]int, two [2]int, oneFloat [1]float64, oneString [1]string, nested [1][1]Point) ([1]int, [2]int) {
	return one, two
}

//go:noinline
func emptyStructs(a Empty, n int, b struct{}, m [0]string) (Empty, int, struct{}) { return a, n, b }

//go:noinline
func blanks(_ int, b string, _ float64, d float64, _ []int) (_ int, err error) { return 3, nil }

//go:noinline
func unnamed(a int) (int, string, error) { return a, "two", errPlain }

//go:noinline
func named(a int) (sum int, text string, err error) { return a + 1, "named", nil }

//go:noinline
func deferred(a int) (sum int, text string) {
	defer func() { sum *= 2; text += "!" }()
	return a, "deferred"
}

//go:noinline
func recovered(a int) (sum int, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = MyError{7, r.(string)}
		}
	}()
	if a > 0 {
		panic("positive")
	}
	return a, nil
}

//go:noinline
func variadic(first int, rest ...string) int { return first + len(rest) }

//go:noinline
func variadicAny(rest ...interface{}) []interface{} { return rest }

//go:noinline
func recursive(n int, s string) (depth int, text string) {
	if n == 0 {
		return 0, s
	}
	return n, s
}

// The stack grows between entry and return.
//
//go:noinline
func grows(n int, p *Point) (total int, q *Point) {
	var big [5000]int
	for i := range big {
		big[i] = n
	}
	return n + big[n], p
}

//go:noinline
func hugeValue(a int, h Huge, z string) (string, int) { return h.Last + z, a }

//go:noinline
func hugePointer(h *Huge) *Huge { return h }

//go:noinline
func hugeResult(n int) (Huge, int) { h := huge(); return h, n }

//go:noinline
func smallFields(s struct {
	A int8
	B int16
	C bool
}, t struct {
	D uint8
	E float32
	F uint8
}) (struct {
	C bool
	B int16
}, int8) {
	return struct {
		C bool
		B int16
	}{s.C, s.B}, s.A
}

//go:noinline
func duration(d time.Duration, m time.Month, w time.Weekday) (time.Duration, time.Month) {
	return 2 * d, m
}

//go:noinline
func addresses(p unsafe.Pointer, u uintptr, h Handle, q *int) (unsafe.Pointer, uintptr) { return p, u }

//go:noinline
func secrets(user string, password string, apiToken []byte, maxTokens int, APIKey *string) (secretText string, n int) {
	return "hidden", maxTokens
}

type Login struct {
	User       string
	Password   string
	AuthToken  *string
	TokenCount int
	Cookies    []string
	privateKey [4]byte
	Headers    map[string][]string
}

//go:noinline
func login(l Login, p *Login, headers map[string]string, any interface{}) *Login { return p }

// Receivers.

//go:noinline
func (p Point) Moved(dx, dy int) Point { return Point{p.X + dx, p.Y + dy} }

//go:noinline
func (p *Point) Move(dx, dy int) { q := *p; q.X += dx; q.Y += dy }

//go:noinline
func (Point) Unnamed(n int) int { return n }

//go:noinline
func (_ *Point) BlankReceiver(n int) int { return n }

//go:noinline
func (c Celsius) Fahrenheit() float64 { return float64(c)*9/5 + 32 }

//go:noinline
func (c Count) Add(n Count) Count { return c + n }

//go:noinline
func (n Names) First() Name {
	if len(n) == 0 {
		return ""
	}
	return n[0]
}

//go:noinline
func (i Index) Has(n Name) (c Count, ok bool) { c, ok = i[n]; return }

//go:noinline
func (h Handler) Serve(n int) string { return h(n) }

//go:noinline
func (q Queue) Length() int { return len(q) }

//go:noinline
func (o *Order) Total(discount float64) (total float64, err error) {
	for _, l := range o.Lines {
		total += l.Price * float64(l.Qty) * discount
	}
	return total, o.Err
}

//go:noinline
func (e Embedded) Describe(sep string) string { return e.Name + sep }

//go:noinline
func (n Nine) Sum(x int) int { return n.A + n.I + x }

func init() {
	nine := Nine{1, 2, 3, 4, 5, 6, 7, 8, -9}
	ten := Ten{1, 2, 3, 4, 5, 6, 7, 8, 9, "ten"}
	mixed := Mixed{-1, 2.5, "mixed", 0.1, complex(1, -2)}
	check(nothing, "")
	check(tenInts, "a b c d e f g h i j -> r s", 1, -2, 3, 4, 5, 6, 7, 8, 9, 10)
	check(sixteenFloats, "a b c d e f g h i j k l m n o p -> r s", .1, .2, .3, .4, .5, .6, .7, .8, .9, 1e100, 1.1, 1.2, 1.3, 1.4, 1.5, -1.6)
	check(floats32, "a b c n d", 0.1, 1e-10, 3.4e38, 5, 1.5)
	check(mixedKinds, "a b c d e f g h", -8, 0.25, "c", complex64(1+2i), true, -0.5, ints(3), 65535)
	check(mixedStruct, "m n o", mixed, 5, Mixed{S: "o", F: 1e300})
	check(twoMixed, "m -> a b", mixed)
	check(nineWords, "a", nine)
	check(tenWords, "n a m", 1, ten, 2)
	check(registersRollBack, "a b c d e", 1, nine, 3, [2]int{4, 5}, "e")
	check(arrays, "zero one two oneFloat oneString nested", [0]int{}, [1]int{1}, [2]int{1, 2}, [1]float64{1.5}, [1]string{"s"}, [1][1]Point{{{1, 2}}})
	check(emptyStructs, "a n b m", Empty{}, 5, struct{}{}, [0]string{})
	check(blanks, "_ b _ d _ -> _ err", 1, "b", 2.5, 3.5, ints(2))
	check(unnamed, "a", 1)
	check(named, "a -> sum text err", 1)
	check(deferred, "a -> sum text", 4)
	check(recovered, "a -> sum err", 1)
	check(recovered, "a -> sum err", 0)
	check(variadic, "first rest", 1, []string{"a", "b"})
	check(variadic, "first rest", 1, []string(nil))
	check(variadicAny, "rest", []interface{}{1, "two", 3.5, nil, Point{1, 2}, errPlain})
	check(recursive, "n s -> depth text", 0, "r")
	check(grows, "n p -> total q", 3, &Point{1, 2})
	check(hugeValue, "a h z", 1, huge(), "z")
	h := huge()
	check(hugePointer, "h", &h)
	check(hugeResult, "n", 3)
	check(smallFields, "s t", struct {
		A int8
		B int16
		C bool
	}{127, 32767, true}, struct {
		D uint8
		E float32
		F uint8
	}{1, 2.5, 3})
	check(duration, "d m w", 1500*time.Millisecond, time.November, time.Sunday)
	check(duration, "d m w", time.Duration(-1), time.Month(13), time.Weekday(9))
	check(addresses, "p u h q", unsafe.Pointer(&global), 0x1f, Handle(0xffffffffffffffff), &global)
	check(addresses, "p u h q", unsafe.Pointer(nil), 0, 0, (*int)(nil))
	check(secrets, "user password apiToken maxTokens APIKey -> secretText n", "bob", "pw", []byte("t"), 5, stringAt("k"))
	l := Login{User: "bob", Password: "pw", AuthToken: stringAt("t"), TokenCount: 2, Cookies: []string{"c"},
		Headers: map[string][]string{"Authorization": {"x"}, "Accept": {"y"}, "X-Api-Key": {"z"}, "Set-Cookie": {"w"}}}
	check(login, "l p headers any", l, &l, map[string]string{"token": "t", "tokens": "s", "path": "/"}, l)
	check(Point.Moved, "p dx dy", Point{1, 2}, 3, 4)
	check((*Point).Move, "p dx dy", &Point{1, 2}, 3, 4)
	check((*Point).Move, "p dx dy", &Point{-1, 0}, -3, 4)
	check(Point.Unnamed, "_ n", Point{1, 2}, 5)
	check((*Point).BlankReceiver, "_ n", &Point{1, 2}, 5)
	check(Celsius.Fahrenheit, "c", 21.5)
	check(Count.Add, "c n", 1, 2)
	check(Names.First, "n", Names{"a", "b"})
	check(Names.First, "n", nil)
	check(Index.Has, "i n -> c ok", Index{"a": 1}, "a")
	check(Handler.Serve, "h n", Handler(plainHandler), 5)
	check(Queue.Length, "q", Queue(nil))
	check((*Order).Total, "o discount -> total err", order(3), 0.5)
	check((*Order).Total, "o discount -> total err", &Order{}, 1.0)
	check(Embedded.Describe, "e sep", Embedded{Base{1, "base"}, &Point{1, 2}, errPlain, 4}, ":")
	check(Embedded.Describe, "e sep", Embedded{}, ":")
	check(Nine.Sum, "n x", nine, 10)
}
