// Prints values and how Go writes them: the witness for src/value.
//
//	gotext COUNT SEED
//
// Lines: KIND, the value in hexadecimal (integers and float bits big-endian, strings their bytes), Go's text as a
// quoted ASCII string.
package main

import (
	"bufio"
	"fmt"
	"math"
	"math/rand"
	"os"
	"strconv"
	"time"
	"unicode/utf8"
)

var w = bufio.NewWriterSize(os.Stdout, 1<<20)

func emit(kind, value, text string) {
	fmt.Fprintf(w, "%s %s %s\n", kind, value, strconv.QuoteToASCII(text))
}

func f64(bits uint64) {
	emit("float64", fmt.Sprintf("%016x", bits), strconv.FormatFloat(math.Float64frombits(bits), 'g', -1, 64))
}

func f32(bits uint32) {
	emit("float32", fmt.Sprintf("%08x", bits), strconv.FormatFloat(float64(math.Float32frombits(bits)), 'g', -1, 32))
}

func quoted(b []byte) {
	emit("string", fmt.Sprintf("%x", b)+".", strconv.Quote(string(b)))
}

func duration(d int64) {
	emit("duration", fmt.Sprintf("%016x", uint64(d)), time.Duration(d).String())
}

func main() {
	defer w.Flush()
	count, _ := strconv.Atoi(os.Args[1])
	seed, _ := strconv.ParseInt(os.Args[2], 10, 64)
	r := rand.New(rand.NewSource(seed))

	specials := []float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), 1, -1, 0.1, 1e-4, 9.9e-5, 1e-5,
		123456, 999999, 999999.5, 1e6, 1e7, 1234567, 1e20, 1e21, 1e22, math.Pi, 2.7182818284590455, math.MaxFloat64,
		math.SmallestNonzeroFloat64, math.MaxFloat32, math.SmallestNonzeroFloat32, 1 << 53, 1<<53 + 2, 5e-324, 21.5}
	for _, v := range specials {
		f64(math.Float64bits(v))
		f32(math.Float32bits(float32(v)))
	}
	for e := 0; e < 2047; e++ {
		f64(uint64(e) << 52)
		f64(uint64(e)<<52 | 1)
		f64(uint64(e)<<52 | 1<<52 - 1)
	}
	for e := 0; e < 255; e++ {
		f32(uint32(e) << 23)
		f32(uint32(e)<<23 | 1)
		f32(uint32(e)<<23 | 2)
		f32(uint32(e)<<23 | 1<<23 - 1)
	}
	for i := 0; i < count; i++ {
		f64(r.Uint64())
		f32(r.Uint32())
		f32(math.Float32bits(float32(r.Intn(1 << 24))))
		v, _ := strconv.ParseFloat(fmt.Sprintf("%d.%de%d", r.Intn(10), r.Intn(1000), r.Intn(20)-10), 64)
		f64(math.Float64bits(v))
		f32(math.Float32bits(float32(v)))
		f32(uint32(r.Intn(1 << 12)))
	}

	for rn := rune(0); rn <= utf8.MaxRune; rn++ {
		quoted([]byte(string(rn)))
	}
	alphabet := [][]byte{{'a'}, {'"'}, {'\\'}, {'\n'}, {0}, {0x7f}, {0x80}, {0xbf}, {0xc0}, {0xc1}, {0xc2}, {0xe0}, {0xed},
		{0xa0}, {0x9f}, {0xf0}, {0x90}, {0xf4}, {0x8f}, {0xf5}, {0xff}, []byte("é"), []byte("世"), []byte("😀"),
		[]byte("\u00a0"), []byte("\u200b"), []byte("\ufeff"), []byte("\ufffd"), []byte("\u0301")}
	for i := 0; i < count; i++ {
		var b []byte
		for n := r.Intn(9); n > 0; n-- {
			b = append(b, alphabet[r.Intn(len(alphabet))]...)
		}
		quoted(b)
	}

	for _, d := range []int64{0, 1, -1, 999, 1000, 1001, 1500, 999999, 1e6, 1500000, 999999999, 1e9, 1500000000, 59e9, 60e9,
		60500000000, 3599e9, 3600e9, 3661e9 + 1, math.MaxInt64, math.MinInt64} {
		duration(d)
	}
	for i := 0; i < count; i++ {
		duration(int64(r.Uint64()) >> uint(r.Intn(63)))
	}

	for i := 0; i < count; i++ {
		sec := int64(r.Uint64()) >> uint(r.Intn(58))
		nsec := int64(r.Intn(1000000000))
		if r.Intn(3) == 0 {
			nsec = 0
		}
		t := time.Unix(sec, nsec)
		// The layout of a time.Time without a monotonic reading: nanoseconds, seconds since year 1.
		emit("time", fmt.Sprintf("%016x%016x", uint64(nsec), uint64(sec+62135596800)), t.UTC().Format(time.RFC3339Nano))
	}
}
