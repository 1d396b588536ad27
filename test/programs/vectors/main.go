//go:build goexperiment.simd

// Vectors has functions of vector types: structs to DWARF, and one vector register each to the calling convention.
package main

import "simd/archsimd"

type named archsimd.Float32x4

type holder struct {
	n int
	v archsimd.Float32x4
}

//go:noinline
func takes(a int, v archsimd.Float32x4, b float64) float64 { return b * float64(a) }

//go:noinline
func takesNamed(a float64, v named, b float64) *holder { return nil }

//go:noinline
func takesHolder(a int, h holder, b float64) int { return a }

//go:noinline
func returns(a float64) (float64, archsimd.Float32x4, float64) { return a, archsimd.Float32x4{}, a + 1 }

func main() {
	takes(1, archsimd.Float32x4{}, 2)
	takesNamed(1, named{}, 2)
	takesHolder(1, holder{}, 2)
	returns(1)
}
