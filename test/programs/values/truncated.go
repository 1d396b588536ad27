package main

// Values that the compiler makes of larger ones leave the rest in the upper bits of their registers. Reflection clears
// them, so these calls are made from compiled code.

var wideWords = [4]uint64{0xdeadbeefcafe0001, 0xfffffffffffffff0, 0x8000000000000080, 0x00000000ffff7fff}

//go:noinline
func wideWord(i int) uint64 { return wideWords[i&3] }

//go:noinline
func truncated(a uint8, b int16, c Level, d int8, e uint32, f int32, g bool, h Flag, i uint16) (uint8, int16, Level, int8, uint32, int32, bool, Flag, uint16) {
	return uint8(wideWord(int(a) - 1)), int16(wideWord(1)), Level(wideWord(2)), int8(wideWord(2)), uint32(wideWord(0)), int32(wideWord(1)), wideWord(int(a)) > 5, Flag(wideWord(1)&1 == 0), uint16(wideWord(3))
}

type narrow struct {
	A uint8
	B int16
	C Flag
	D float32
	E int32
}

//go:noinline
func truncatedFields(s narrow, n uint16) (r narrow, f float32) {
	r = narrow{uint8(wideWord(int(s.A) - 1)), int16(wideWord(int(n) & 1)), Flag(wideWord(3) != 0), float32(s.E), int32(wideWord(2))}
	return r, float32(int8(wideWord(1)))
}

func init() {
	checkDirect(truncated, func() []interface{} {
		a, b, c, d, e, f, g, h, i := truncated(uint8(wideWord(0)), int16(wideWord(1)), Level(wideWord(2)), int8(wideWord(2)), uint32(wideWord(0)), int32(wideWord(1)), wideWord(0) > 5, Flag(wideWord(1)&1 == 0), uint16(wideWord(3)))
		return []interface{}{a, b, c, d, e, f, g, h, i}
	}, "a b c d e f g h i", 1, -16, 128, -128, uint32(0xcafe0001), -16, true, true, 0x7fff)
	checkDirect(truncatedFields, func() []interface{} {
		r, f := truncatedFields(narrow{uint8(wideWord(0)), int16(wideWord(1)), Flag(wideWord(0) > 5), float32(int8(wideWord(1))), int32(wideWord(1))}, uint16(wideWord(3)))
		return []interface{}{r, f}
	}, "s n -> r f", narrow{1, -16, true, -16, -16}, 0x7fff)
}
