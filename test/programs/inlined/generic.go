//go:build go1.18
// +build go1.18

package main

func largest[T int | string](a, b T) T {
	if a > b {
		return a
	}
	sink++
	return b
}

func keep[T any](list []T, n int) T {
	sink += n
	return list[n%len(list)]
}

//go:noinline
func callGeneric(n int, s string) int {
	r := largest(n, sink)
	t := largest(s, text)
	r += keep([]int{1, 2, 3}, n)
	u := keep([]string{s, t}, n)
	return r + len(t) + len(u)
}
