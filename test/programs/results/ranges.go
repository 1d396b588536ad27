//go:build go1.23
// +build go1.23

package main

//go:noinline
func sequence(n int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i := 0; i < n; i++ {
			if !yield(i) {
				return
			}
		}
	}
}

//go:noinline
func rangeUnnamed(n int) (int, error) {
	for v := range sequence(n) {
		if v == 3 {
			return v, nil
		}
	}
	return 0, nil
}

//go:noinline
func rangeNamed(n int) (r int, err error) {
	for v := range sequence(n) {
		if v == 3 {
			return v, nil
		}
	}
	return 0, nil
}

//go:noinline
func rangeBlankFirst(n int) (_ string, r int) {
	for v := range sequence(n) {
		if v == 3 {
			return "s", v
		}
	}
	return "", 1
}

//go:noinline
func rangeWithoutReturn(n int) (int, string) {
	s := 0
	for v := range sequence(n) {
		s += v
	}
	return s, "x"
}

type limit int

// Inlined into the wrapper that the interface calls, (*limit).first, and into the method value.
func (n limit) first() (int, error) {
	for v := range sequence(int(n)) {
		return v, nil
	}
	return 0, nil
}

type firster interface{ first() (int, error) }

//go:noinline
func callFirst(f firster, g func() (int, error)) (int, error) {
	if f == nil {
		return g()
	}
	return f.first()
}

func ranges() {
	five := limit(5)
	sink, _ = callFirst(&five, five.first)
	sink, _ = rangeUnnamed(5)
	sink, _ = rangeNamed(5)
	_, sink = rangeBlankFirst(5)
	sink, _ = rangeWithoutReturn(5)
}
