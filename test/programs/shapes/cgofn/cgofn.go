//go:build shapes_cgo
// +build shapes_cgo

// Package cgofn calls C, and C calls it.
package cgofn

/*
struct pair { int a; double b; };
static int twice(int a) { return 2 * a; }
static double sum(struct pair p) { return p.a + p.b; }
extern int goCallback(int);
static int callBack(int a) { return goCallback(a); }
*/
import "C"

//export goCallback
func goCallback(a C.int) C.int { return a + 1 }

// Twice goes through C and back.
//
//go:noinline
func Twice(a int, s string) int {
	p := C.struct_pair{a: 1, b: 2}
	return int(C.twice(C.int(a))) + len(s) + int(C.sum(p)) + viaCallback(C.int(a))
}

//go:noinline
func viaCallback(a C.int) int { return int(C.callBack(a)) }
