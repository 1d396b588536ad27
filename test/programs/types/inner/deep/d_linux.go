package deep

type forOS struct {
	A uint8
	B uint64
}

const unitBytes = 1 << iota
